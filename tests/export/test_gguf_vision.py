"""A SmolVLM as GGUF files: what lies in the directory, what the gate measured, and every fault that it must see."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from smolkit import manifest
from smolkit.data.images import ImageLayout
from smolkit.errors import GateError, ModelError
from smolkit.export import cards, gate, mmproj
from smolkit.export.check import check_directory
from smolkit.export.mmproj_gate import MmprojGate
from smolkit.export.report import ExportReport, FileReport
from smolkit.export.run import export
from smolkit.export.source import Source, open_source
from smolkit.models.gguf_header import read_header


def write(model: str | Path, out: Path, **options: Any) -> ExportReport:
    (one,) = export(model, out, ["gguf"], name="tiny", **options)
    return one.report


@pytest.fixture(scope="module")
def exported(tiny_vlm: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExportReport]:
    out = tmp_path_factory.mktemp("exports") / "out"
    return out, write(tiny_vlm, out, quants=["f16", "q8_0"])


def figures(report: ExportReport, quant: str) -> dict[str, gate.Check]:
    (file,) = (file for file in report.files if file.quant == quant)
    return {check.name: check for check in file.checks}


def test_what_the_model_sees_with_lies_beside_it(exported: tuple[Path, ExportReport]) -> None:
    out, report = exported
    assert sorted(file.name for file in out.iterdir()) == [
        "Modelfile", "README.md", "gate.json", "gate.md", "mmproj-tiny-f16.gguf", "mmproj-tiny-q8_0.gguf",
        "smolkit_export.json", "tiny-f16.gguf", "tiny-q8_0.gguf",
    ]  # fmt: skip
    assert report.passed
    assert [file.quant for file in report.files] == ["f16", "mmproj-f16", "mmproj-q8_0", "q8_0"]
    assert {"mmproj-tiny-f16.gguf", "tiny-q8_0.gguf"} <= manifest.read(out).files.keys()
    assert manifest.read(out).scores["mmproj-f16"]["image_features_error"] > 0
    fields = read_header(out / "mmproj-tiny-f16.gguf").fields
    assert (fields["general.architecture"], fields["clip.projector_type"]) == ("clip", "idefics3")


def test_the_card_and_the_modelfile_name_both(exported: tuple[Path, ExportReport]) -> None:
    out, _ = exported
    card = (out / "README.md").read_text()
    assert "llama-mtmd-cli -m tiny-q8_0.gguf --mmproj mmproj-tiny-f16.gguf" in card
    assert "- `mmproj-f16`: Weights and inputs of products in float16" in card
    lines = (out / "Modelfile").read_text().splitlines()
    assert lines[1:3] == ["FROM ./tiny-q8_0.gguf", "FROM ./mmproj-tiny-f16.gguf"]
    assert lines[3].startswith('TEMPLATE """<|im_start|>')


def test_ollama_writes_turns_as_the_hub_s_smolvlms_do(exported: tuple[Path, ExportReport]) -> None:
    _, report = exported
    template = "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}...<end_of_utterance>\n"
    text = cards.modelfile(replace(report, prompt_format=None), chat_template=template, context=2048)
    assert 'TEMPLATE """<|im_start|>User: {{ .Prompt }}<end_of_utterance>\nAssistant:"""' in text
    assert 'PARAMETER stop "<end_of_utterance>"' in text


def test_every_file_looked_at_images(exported: tuple[Path, ExportReport]) -> None:
    _, report = exported
    for quant in ("mmproj-f16", "mmproj-q8_0", "q8_0"):
        found = figures(report, quant)
        assert {"image_features_error", "image_prefill_kl", "image_greedy_agreement"} <= found.keys()
    assert "image_features_error" not in figures(report, "f16")
    first, second = (figures(report, f"mmproj-{quant}")["image_features_error"].value for quant in ("f16", "q8_0"))
    assert 0 < first < second


def test_llama_cpp_s_own_cutting_is_reported(exported: tuple[Path, ExportReport]) -> None:
    _, report = exported
    found = figures(report, "mmproj-f16")
    assert found["llama_cpp_layout_differences"].value == 0
    assert found["llama_cpp_overview_error"].value < 0.05
    assert found["llama_cpp_overview_error"].limit is None


def test_an_image_that_is_not_split_has_other_tokens_in_llama_cpp_and_passes(
    tiny_vlm: Path, exported: tuple[Path, ExportReport], tmp_path: Path
) -> None:
    whole = open_source(tiny_vlm, name="whole")
    assert whole.vision is not None
    whole.vision.images = replace(whole.vision.images, split=False)
    (found,) = (c for c in first_report(whole, exported, tmp_path).checks if c.name == "llama_cpp_layout_differences")
    assert (found.value, found.passed) == (3, True)
    assert found.note.startswith("receipt: 14 tokens for 7")


def test_of_a_smolvlm_s_directory_llama_cpp_loads_all(exported: tuple[Path, ExportReport], tmp_path: Path) -> None:
    out, _ = exported
    verdict = check_directory(out).verdict("llama.cpp")
    assert verdict.sound
    assert [(one.file, one.level) for one in verdict.findings] == [
        ("mmproj-tiny-f16.gguf", "note"),
        ("mmproj-tiny-q8_0.gguf", "note"),
    ]
    shutil.copy(out / "tiny-f16.gguf", tmp_path)
    alone = check_directory(tmp_path).verdict("llama.cpp")
    assert alone.sound
    assert "there is no mmproj file here: it reads text alone" in str(alone.findings[0])


def test_a_mmproj_file_of_another_model_is_seen(exported: tuple[Path, ExportReport], tmp_path: Path) -> None:
    from gguf import GGUFReader

    out, _ = exported
    for name in ("mmproj-tiny-f16.gguf", "tiny-f16.gguf"):
        shutil.copy(out / name, tmp_path)
    reader = GGUFReader(tmp_path / "mmproj-tiny-f16.gguf", "r+")
    reader.fields["clip.vision.projection_dim"].parts[-1][0] = 576
    reader.data.flush()
    verdict = check_directory(tmp_path).verdict("llama.cpp")
    assert "makes features of 576 numbers, which do not fit tiny-f16.gguf" in "\n".join(map(str, verdict.findings))
    assert not verdict.sound


# ---- faults of the file, each of which llama.cpp loads without a word


def _tensors_changed(monkeypatch: pytest.MonkeyPatch, change: Callable[[str, torch.Tensor], torch.Tensor]) -> None:
    tensors = mmproj._tensors
    monkeypatch.setattr(
        mmproj, "_tensors", lambda model, images: ((name, change(name, one)) for name, one in tensors(model, images))
    )


def _positions_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(name: str, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.unflatten(0, (4, 4)).transpose(0, 1).flatten(0, 1) if name == mmproj.POSITIONS else tensor

    _tensors_changed(monkeypatch, change)


def _squares_folded_by_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(name: str, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.unflatten(1, (2, 2, -1)).transpose(1, 2).flatten(1) if name.startswith("mm.") else tensor

    _tensors_changed(monkeypatch, change)


def _a_layer_scrambled(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(name: str, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.flip(0) if name == "v.blk.1.attn_v.weight" else tensor

    _tensors_changed(monkeypatch, change)


def _colours_reversed(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(name: str, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.flip(1) if name == "v.patch_embd.weight" else tensor

    _tensors_changed(monkeypatch, change)


@pytest.fixture(scope="module")
def source(tiny_vlm: Path) -> Source:
    return open_source(tiny_vlm, name="tiny")


def first_report(source: Source, exported: tuple[Path, ExportReport], root: Path) -> FileReport:
    """The gate's on a float16 file that is written now."""
    assert source.vision is not None
    gate = MmprojGate(source, source.vision, root, 1)
    gate.write(())
    return next(gate.reports(exported[0] / "tiny-f16.gguf"))


@pytest.mark.parametrize(
    "fault", [_positions_in_columns, _squares_folded_by_columns, _a_layer_scrambled, _colours_reversed]
)
def test_a_fault_of_the_eyes_is_seen(
    fault: Callable[[pytest.MonkeyPatch], None],
    source: Source,
    exported: tuple[Path, ExportReport],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not first_report(source, exported, tmp_path).failures
    fault(monkeypatch)
    found = first_report(source, exported, tmp_path).failures
    assert "image_features_error" in [check.name for check in found]


def test_a_directory_whose_eyes_are_at_fault_is_not_left_behind(
    tiny_vlm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _a_layer_scrambled(monkeypatch)
    with pytest.raises(GateError, match=r"mmproj-f16: image_features_error [\d.]+ is over 0\.005"):
        write(tiny_vlm, tmp_path / "out", quants=["f16"])
    assert not (tmp_path / "out").exists()
    refused = json.loads((tmp_path / "out.gate.json").read_text())
    assert [(file["quant"], file["passed"]) for file in refused["files"]] == [("f16", True), ("mmproj-f16", False)]


def test_eyes_that_do_not_load_say_what_llama_cpp_said(
    source: Source, exported: tuple[Path, ExportReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = mmproj._tensors

    def without_connector(model: Any, images: ImageLayout) -> Any:
        return (pair for pair in tensors(model, images) if not pair[0].startswith("mm."))

    monkeypatch.setattr(mmproj, "_tensors", without_connector)
    (failure,) = first_report(source, exported, tmp_path).failures
    assert failure.name == "loads"
    assert "unable to find tensor mm.model.fc.weight" in failure.note


def test_a_tower_that_cannot_be_written_is_refused_before_anything_is(
    tiny_vlm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_vlm, other)
    (other / "smolkit.json").unlink()
    config = json.loads((other / "config.json").read_text())
    config["vision_config"]["hidden_act"] = "gelu"
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="GGUF export cannot write a vision tower with the activation 'gelu'"):
        write(other, tmp_path / "out", quants=["f16"])
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
