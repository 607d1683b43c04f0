"""One command for every target: whole or not at all, shared work, one manifest each."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnxruntime_genai", reason="pip install 'smolkit[onnx]'")

from smolkit import manifest
from smolkit.errors import GateError, ModelError, SmolkitError
from smolkit.export import TARGETS, onnx_file, onnx_model, run
from smolkit.export.check import check_directory
from smolkit.export.gate import LIMITS, Limits
from smolkit.export.genai import GenaiModel
from smolkit.export.onnx_candidate import OnnxCandidate
from smolkit.export.run import Exported, export, targets

LOOSE = Limits(None, 5.0, 0.0, 99.0, 0.0, 1.0, "A random model keeps little at four bits.")


@pytest.fixture(scope="module", autouse=True)
def loose() -> Any:
    """A tiny random model has no margins: its four bits are judged by the real one's test."""
    before = {name: LIMITS[name] for name in ("q4", "q4f16", "q4_0")}
    LIMITS.update(dict.fromkeys(before, LOOSE))
    yield
    LIMITS.update(before)


@pytest.fixture(scope="module")
def exported(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Exported]]:
    out = tmp_path_factory.mktemp("exports") / "out"
    return out, export(tiny, out, targets("all"), quants=["fp32", "q4", "q4f16", "q8_0", "q4_0"])


def test_every_target_has_a_directory_with_manifest_and_report(exported: tuple[Path, list[Exported]]) -> None:
    out, finished = exported
    assert [one.report.target for one in finished] == ["onnx", "webgpu", "gguf"]
    assert sorted(path.name for path in out.iterdir()) == ["gguf", "onnx", "smolkit_export.json", "webgpu"]
    assert manifest.read(out).details["targets"] == ["onnx", "webgpu", "gguf"]
    for one in finished:
        inside = manifest.read(out / one.report.target)
        assert inside.kind == one.report.target
        assert inside.details["gate"]["passed"]
        assert json.loads((out / one.report.target / "gate.json").read_text())["passed"]
        assert one.report.name in (out / one.report.target / "README.md").read_text()
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_four_bits_are_chosen_once_for_both_formats(exported: tuple[Path, list[Exported]]) -> None:
    files = {file.quant: file for one in exported[1] for file in one.report.files}
    assert files["q4_0"].four_bits is files["q4f16"].four_bits is not files["q4"].four_bits
    found, types = files["q4_0"].four_bits, files["q4_0"].tensor_types
    assert found
    assert (types["Q4_0"], types["Q8_0"]) == (14 - found.at_eight, found.at_eight + 2)  # with embedding and head
    assert "matrices, " in files["q4"].rounded
    written = manifest.read(exported[0] / "gguf").details["gate"]["files"][-1]
    assert 4.5 <= written["four_bits"]["bits"] <= written["four_bits"]["budget_bits"] == 5.1


def test_several_precisions_lie_beside_each_other(exported: tuple[Path, list[Exported]]) -> None:
    out, _ = exported
    for precision in ("fp32", "q4", "q4f16"):
        assert {"model.onnx", "genai_config.json", "tokenizer.json"} <= {
            path.name for path in (out / "onnx" / precision).iterdir()
        }
    names = sorted(path.name for path in (out / "webgpu" / "onnx").iterdir())
    stems = ["model", "model_q4", "model_q4f16"]
    assert names == sorted(f"{stem}.onnx{suffix}" for stem in stems for suffix in ("", "_data"))
    config = json.loads((out / "webgpu" / "config.json").read_text())
    parts = config["transformers.js_config"]["use_external_data_format"]
    assert parts == {"model.onnx": 1, "model_q4.onnx": 1, "model_q4f16.onnx": 1}


def test_the_consumers_load_what_was_written_for_them(exported: tuple[Path, list[Exported]]) -> None:
    out, _ = exported
    found = check_directory(out / "webgpu")
    for name in ("transformers.js <= 4.1", "transformers.js >= 4.2"):
        assert found.verdict(name).loads, str(found)
    assert check_directory(out / "onnx" / "q4").verdict("onnxruntime-genai").loads
    assert check_directory(out / "gguf").verdict("llama.cpp").loads


def test_all_files_agree_on_what_ends_an_answer(exported: tuple[Path, list[Exported]]) -> None:
    out, _ = exported
    files = [out / "webgpu" / "config.json", out / "webgpu" / "generation_config.json", out / "onnx/q4/config.json"]
    assert [json.loads(file.read_text())["eos_token_id"] for file in files] == [[2]] * 3
    assert json.loads((out / "onnx/q4/genai_config.json").read_text())["model"]["eos_token_id"] == [2]
    config = json.loads(files[0].read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 100_000.0
    assert (config["head_dim"], config["num_key_value_heads"], config["tie_word_embeddings"]) == (16, 2, False)
    tokenizer = json.loads((out / "webgpu" / "tokenizer_config.json").read_text())
    assert "<|im_start|>" in tokenizer["chat_template"]
    assert tokenizer["tokenizer_class"] == "GPT2Tokenizer"


def test_genai_and_plain_onnx_runtime_go_on_alike(exported: tuple[Path, list[Exported]], tokenizer: Any) -> None:
    out, _ = exported
    directory = out / "onnx" / "fp32"
    prompt = tokenizer("The order of 12 March has 3 parts:\n 1. paper  2. ink")["input_ids"]
    model = GenaiModel(directory)
    plain = OnnxCandidate(directory / "model.onnx", directory)
    tokens = model.greedy(prompt, 12)
    assert tokens == plain.decode(prompt, tokens).argmax(axis=-1).tolist()
    text = "line 1\n2 lines\n 3 lines\n  44"
    assert model.encode(text) == tokenizer(text)["input_ids"]


def test_one_precision_lies_flat(tiny: Path, tmp_path: Path) -> None:
    export(tiny, tmp_path / "out", ["onnx"], quants=["fp32"])
    assert (tmp_path / "out" / "genai_config.json").is_file()


def test_a_refused_file_leaves_the_report_and_nothing_else(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "q8", replace(LIMITS["q8"], kl=1e-12))
    with pytest.raises(GateError, match=r"q8: prefill_kl .* is over 1e-12") as caught:
        export(tiny, tmp_path / "out", ["onnx"], quants=["fp32", "q8"])
    assert caught.value.exit_code == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.gate.json", "out.gate.md"]
    monkeypatch.undo()
    export(tiny, tmp_path / "out", ["onnx"], quants=["q8"])
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_values_that_float16_cannot_hold_leave_its_precisions_out(make_model: Any, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    directory = make_model(prompt_format="smolkit-1", name="large")
    weights = load_file(directory / "model.safetensors")
    weights["model.layers.0.mlp.down_proj.weight"] *= 3e5
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "smolkit.json").unlink()
    said: list[str] = []
    export(directory, tmp_path / "out", ["webgpu"], progress=said.append, prompt_format="smolkit-1")
    assert any("q4f16 is left out" in line for line in said)
    assert not (tmp_path / "out" / "onnx" / "model_q4f16.onnx").exists()
    with pytest.raises(GateError, match="max_activation"):
        export(directory, tmp_path / "asked", ["webgpu"], quants=["fp16"], prompt_format="smolkit-1")
    assert torch.isfinite(weights["model.norm.weight"]).all()


def test_an_array_larger_than_a_file_may_be_is_refused_and_small_parts_are_numbered(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "MAX_FILE_BYTES", 1_000_000)
    with pytest.raises(SmolkitError, match=r"embed_tokens.* more than the 0.0 GB of one file"):
        export(tiny, tmp_path / "out", ["webgpu"], quants=["fp32"])
    assert not any(tmp_path.iterdir())
    monkeypatch.setattr(onnx_file, "MAX_FILE_BYTES", 13_000_000)
    export(tiny, tmp_path / "out", ["webgpu"], quants=["fp32"])
    names = sorted(path.name for path in (tmp_path / "out" / "onnx").iterdir())
    assert names == ["model.onnx", "model.onnx_data", "model.onnx_data_1"]
    assert check_directory(tmp_path / "out").verdict("transformers.js >= 4.2").loads


def test_one_short_text_is_enough_to_calibrate_with(tiny: Path, tmp_path: Path) -> None:
    (one,) = export(tiny, tmp_path / "out", ["onnx"], quants=["q4"], calibration_rows=["Ada lives in Rome."])
    (file,) = one.report.files
    assert file.four_bits is not None
    assert file.four_bits.calibration_tokens == 6


def test_the_source_s_hash_is_that_of_the_model_alone(tiny: Path, tmp_path: Path) -> None:
    model = shutil.copytree(tiny, tmp_path / "model")
    before = manifest.sha256_directory(model)
    export(model, model / "exports", ["gguf"], quants=["f16"])
    (source,) = manifest.read(model / "exports").sources
    assert source.sha256 == before


def test_types_for_another_target_leave_the_defaults_as_they_are(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defaults that float16 cannot hold are left out, whatever the other target was asked for."""
    monkeypatch.setattr(onnx_model, "scan_activations", lambda source: (4e4, "a module"))
    finished = export(tiny, tmp_path / "out", ["webgpu", "gguf"], quants=["f16"])
    assert [file.quant for file in finished[0].report.files] == ["fp32", "q4"]


def test_weights_that_are_no_numbers_are_named(make_model: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    directory = make_model(name="broken")
    weights = load_file(directory / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][3, 5] = float("nan")
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "smolkit.json").unlink()
    with pytest.raises(ModelError, match=r"model\.layers\.1\.mlp\.up_proj\.weight.* are not all numbers"):
        export(directory, tmp_path / "out", ["onnx"])
    assert not any(tmp_path.iterdir())


def test_more_tokens_than_the_embedding_has_rows_are_refused(make_model: Any, tmp_path: Path) -> None:
    directory = make_model(name="short", vocab_size=49_000)
    with pytest.raises(ModelError, match="embedding only 49000 rows"):
        export(directory, tmp_path / "out", ["onnx"])


def test_a_disk_that_is_full_leaves_nothing(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(onnx_file._Parts, "_room_for", full)
    with pytest.raises(SmolkitError, match="No space left on device"):
        export(tiny, tmp_path / "out", ["onnx"], quants=["fp32"])
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("names", "quants", "line"),
    [
        ("wegbpu", None, "unknown export target 'wegbpu'. Did you mean 'webgpu'?"),
        ("onnx", ["q44"], "unknown quant 'q44'. Did you mean 'q4'?"),
        ("onnx", [], "no quant to export"),
        ("webgpu", ["q8_0"], "unknown quant 'q8_0'"),
    ],
)
def test_wrong_names_are_told_before_anything_is_loaded(
    names: str, quants: list[str] | None, line: str, tmp_path: Path
) -> None:
    with pytest.raises(SmolkitError) as caught:
        export("no such model", tmp_path / "out", targets(names), quants=quants)
    assert line in str(caught.value)


def test_other_architectures_are_sent_to_the_other_backend(tokenizer: Any, tmp_path: Path) -> None:
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from smolkit.models import save_model

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=1024,
    )  # fmt: skip
    (tmp_path / "qwen").mkdir()
    save_model(Qwen2ForCausalLM(config), tokenizer, tmp_path / "qwen")
    with pytest.raises(ModelError, match=r"does not cover architecture 'qwen2'.*--backend optimum"):
        export(tmp_path / "qwen", tmp_path / "out", ["onnx"])


def test_a_page_makes_it_a_space(tiny: Path, tmp_path: Path) -> None:
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    export(tiny, tmp_path / "out", ["webgpu"], quants=["q4"], page=True)
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "sdk: static" in readme
    assert "cross-origin-embedder-policy" in readme
    settings = json.loads((tmp_path / "out" / "smolkit_page.json").read_text())
    assert len(settings["selftest"]["prompt_ids"]) >= 40
    assert len(settings["selftest"]["tokens"]) == 8
    assert (tmp_path / "out" / "index.html").is_file()


def test_every_target_says_what_it_needs() -> None:
    for name in TARGETS:
        target = TARGETS.load(name)
        assert target.name == name
        assert set(target.defaults) <= set(target.quants) <= LIMITS.keys()
        assert target.needs
        assert target.extra
    assert run.targets("gguf,onnx,gguf") == ["gguf", "onnx"]
