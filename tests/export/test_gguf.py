"""The target gguf: a directory whole or not at all, on a tiny model, and every kind of fault on the real one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smolkit import manifest
from smolkit.errors import GateError, ModelError, SmolkitError
from smolkit.export import TARGETS, gguf, gguf_file, source
from smolkit.export.gate import LIMITS, Check, Reference, TaskScore, check_candidate, make_reference
from smolkit.export.gguf_file import Header, quantise, write_plain
from smolkit.export.gguf_tokenizer import read_vocabulary
from smolkit.export.llama_candidate import LlamaCandidate
from smolkit.export.report import ExportReport
from smolkit.export.run import export

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


def write(model: str | Path, out: Path, **options: Any) -> ExportReport:
    (one,) = export(model, out, ["gguf"], **options)
    return one.report


@pytest.fixture(scope="module")
def exported(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExportReport]:
    out = tmp_path_factory.mktemp("exports") / "out"
    return out, write(tiny, out, quants=["q8_0", "f16", "q8_0"])


def test_the_directory_holds_the_files_and_what_they_are(exported: tuple[Path, ExportReport], tiny: Path) -> None:
    out, report = exported
    assert sorted(file.name for file in out.iterdir()) == [
        "Modelfile", "README.md", "gate.json", "gate.md", "smolkit_export.json", "tiny-f16.gguf", "tiny-q8_0.gguf",
    ]  # fmt: skip
    assert [file.name for file in out.parent.iterdir()] == ["out"]
    written = manifest.read(out)
    assert (written.kind, written.prompt_format) == ("gguf", "smolkit-1")
    assert written.files.keys() == {"Modelfile", "README.md", "gate.json", "gate.md", "tiny-f16.gguf", "tiny-q8_0.gguf"}
    (source,) = written.sources
    assert (source.role, source.name, source.sha256) == ("model", str(tiny), manifest.sha256_directory(tiny))
    assert {"gguf", "llama-cpp-python", "torch"} <= written.libraries.keys()
    assert written.details["gate"] == json.loads(json.dumps(report.as_dict()))
    assert written.details["end_ids"] == [2]
    assert written.scores.keys() == {"f16", "q8_0"}
    assert 0 < written.scores["f16"]["prefill_kl"] < written.scores["q8_0"]["prefill_kl"] < 0.02


def test_every_file_was_gated_and_passed(exported: tuple[Path, ExportReport]) -> None:
    _, report = exported
    assert report.passed
    assert [(file.quant, file.kept) for file in report.files] == [("f16", True), ("q8_0", True)]
    for file in report.files:
        assert {"header_differences", "loads", "tokenizer_differences", "prefill_kl", "greedy_agreement"} <= {
            check.name for check in file.checks
        }


def test_the_runtime_follows_the_prompt_format_that_the_file_names(exported: tuple[Path, ExportReport]) -> None:
    from smolkit.runtime import open_extractor

    out, _ = exported
    with open_extractor(out) as extractor:
        assert (extractor.runtime, extractor.prompt_format.id) == ("llama.cpp", "smolkit-1")


def test_the_importance_of_inputs_lies_beside_the_files_that_it_served(tiny: Path, tmp_path: Path) -> None:
    from smolkit.export.importance import read_imatrix

    out = tmp_path / "out"
    rows = {"calibration_rows": ["Ada lives in Rome."], "calibration_source": "one text"}
    report = write(tiny, out, quants=["q6_k"], **rows)
    assert report.files[1].rounded == "with importance (tiny.imatrix: 6 tokens of one text)"
    found = read_imatrix(out / "tiny.imatrix")
    assert (found.source, found.tokens, len(found.sums)) == ("one text", 6, 15)
    written = manifest.read(out)
    assert "tiny.imatrix" in written.files
    assert written.details["gate"]["files"][1]["rounded"] == report.files[1].rounded
    assert "`q6_k` was rounded with importance" in (out / "README.md").read_text()


@pytest.mark.parametrize(
    ("losses", "kept", "said"),
    [
        ([0.2, 0.1], 1, "importance of K-quants alone (tiny.imatrix: 6 tokens of rows): KL 0.1000 in place of 0.2000"),
        ([0.1, 0.2], 0, "importance of all matrices (tiny.imatrix: 6 tokens of rows): KL 0.1000 in place of 0.2000"),
    ],
)
def test_of_two_ways_to_use_importance_the_better_is_kept(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, losses: list[float], kept: int, said: str
) -> None:
    made: list[bytes] = []

    def measure(request: Any, files: Sequence[Path]) -> list[float]:
        assert 0 < min(measured := own_losses(request, files)) < 1
        assert measured[0] != measured[1]
        made.extend(file.read_bytes() for file in files)
        return losses

    own_losses = gguf._losses
    monkeypatch.setattr(gguf, "_losses", measure)
    # Random weights do not survive four bits, and need not here.
    monkeypatch.setitem(LIMITS, "iq4_nl", replace(LIMITS["iq4_nl"], kl=10.0, top1=0.0, greedy=0.0))
    rows = {"calibration_rows": ["Ada lives in Rome."], "calibration_source": "rows"}
    report = write(tiny, tmp_path / "out", quants=["iq4_nl"], **rows)
    assert said in report.files[1].rounded
    assert made[0] != made[1]
    assert (tmp_path / "out" / "tiny-iq4_nl.gguf").read_bytes() == made[kept]
    assert not list(tmp_path.rglob("*.other"))


def test_the_base_file_goes_where_it_was_not_asked_for_and_f1_is_measured_on_what_is_kept(
    tiny: Path, tmp_path: Path
) -> None:
    measured: list[Path] = []

    def score(model: Path, prompt_format: str | None) -> TaskScore:
        measured.append(model)
        return TaskScore(0.9, 50)

    report = write(tiny, tmp_path / "out", quants=["q8_0"], name="my model", score_task=score)
    assert sorted(file.name for file in (tmp_path / "out").glob("*.gguf")) == ["my-model-q8_0.gguf"]
    assert [(file.quant, file.kept) for file in report.files] == [("f16", False), ("q8_0", True)]
    assert measured[0] == tiny
    assert [file.name for file in measured[1:]] == ["my-model-q8_0.gguf"]
    assert "f1_drop" in {check.name for check in report.files[1].checks}


def test_a_fault_leaves_the_report_and_the_former_result_and_nothing_else(
    tiny: Path, exported: tuple[Path, ExportReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = tmp_path / "out"
    shutil.copytree(exported[0], former)
    monkeypatch.setattr(gguf_file, "interleave_rotary", lambda weight, heads: weight)
    for out, left in ((tmp_path / "new", []), (former, ["out"])):
        with pytest.raises(GateError, match=r"the export lost its numbers: f16: prefill_max_abs .* see .*\.gate\.md"):
            write(tiny, out, quants=["q8_0"])
        assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
            [*left, f"{out.name}.gate.json", f"{out.name}.gate.md", *([] if left else ["out"])]
        )
        found = json.loads((tmp_path / f"{out.name}.gate.json").read_text())
        assert found["passed"] is False
        assert [file["quant"] for file in found["files"]] == ["f16"]  # what is made from it was not tried
        assert found["files"][0]["checks"]["prefill_kl"]["passed"] is False
        assert "**" in (tmp_path / f"{out.name}.gate.md").read_text()
        for file in tmp_path.glob("new.gate.*"):
            file.unlink()
    manifest.read(former)
    monkeypatch.undo()
    write(tiny, former, quants=["f16"])
    assert [file.name for file in tmp_path.iterdir()] == ["out"]
    assert [file.name for file in former.glob("*.gguf")] == ["tiny-f16.gguf"]


def test_a_file_with_another_header_than_the_base_is_refused(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgets_the_format(model: PreTrainedModel, header: Header, quant: str, path: Path) -> list[Path]:
        return write_plain(model, header if quant == "f16" else replace(header, prompt_format=None), quant, path)

    monkeypatch.setattr(gguf, "write_plain", forgets_the_format)
    line = r"q8_0: header_differences 1 is over 0 \(first smolkit\.prompt_format\)\. Nothing was written"
    with pytest.raises(GateError, match=line):
        write(tiny, tmp_path / "out", quants=["q8_0"])
    assert not (tmp_path / "out").exists()


def test_a_file_that_does_not_load_or_loses_the_task_is_refused(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(model: Path, prompt_format: str | None) -> TaskScore:
        return TaskScore(0.8 if model.name.endswith("q8_0.gguf") else 0.9, 50)

    with pytest.raises(GateError, match=r"numbers: q8_0: f1_drop 0\.1 is over 0\.01"):
        write(tiny, tmp_path / "out", quants=["f16", "q8_0"], score_task=score)

    def cut_short(model: PreTrainedModel, header: Header, quant: str, path: Path) -> list[Path]:
        (file,) = write_plain(model, header, quant, path)
        if quant == "q8_0":
            with file.open("r+b") as stream:
                stream.truncate(file.stat().st_size - 100_000)
        return [file]

    monkeypatch.setattr(gguf, "write_plain", cut_short)
    monkeypatch.setattr(gguf, "read_layout", lambda files: gguf_file.Layout({}, {}))  # it would see it first
    with pytest.raises(GateError, match=r"q8_0: loads 0 is under 1 \(.*tiny-q8_0\.gguf: llama\.cpp cannot load"):
        write(tiny, tmp_path / "out", quants=["q8_0"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("quants", "line"),
    [
        (["q4_km"], r"unknown quant 'q4_km'\. Did you mean 'q4_k_m'\? Known: bf16, f16, f32, iq4_nl, q4_0, q4_k_m,"),
        ([""], "unknown quant ''"),
        ([], "no quant to export"),
    ],
)
def test_unknown_quants_are_refused_before_anything_is_loaded(quants: list[str], line: str, tmp_path: Path) -> None:
    with pytest.raises(SmolkitError, match=line):
        write("no such model", tmp_path / "out", quants=quants)


def test_an_unknown_target_names_the_nearest() -> None:
    with pytest.raises(SmolkitError, match=r"unknown export target 'guff'\. Did you mean 'gguf'\?"):
        TARGETS.load("guff")


def change_json(directory: Path, file: str, **changes: Any) -> Path:
    """A model directory without manifest, one of its JSON files changed."""
    (directory / "smolkit.json").unlink()
    path = directory / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return directory


def test_what_cannot_be_exported_says_why_and_writes_nothing(make_model: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    for directory, line in [
        (change_json(make_model(), "config.json", model_type="mistral"), "cannot write architecture 'mistral'"),
        (change_json(make_model(), "config.json", model_type="nonsense"), "cannot be loaded"),
        (
            change_json(make_model(), "generation_config.json", eos_token_id=0),
            r"ends an answer with token \[0\], its tokenizer with 2",
        ),
        (make_model(prompt_format="nuextract-1.5"), "ends an answer with '<|end-output|>', which is no token"),
    ]:
        with pytest.raises(ModelError, match=line.replace("|", r"\|")):
            write(directory, out, quants=["f16"])
    with pytest.raises(SmolkitError, match=r"unknown prompt format 'smolkit-2'.*Did you mean 'smolkit-1'"):
        write(make_model(), out, prompt_format="smolkit-2")
    assert list(tmp_path.iterdir()) == []


def test_a_model_with_many_end_tokens_must_stop_at_each(make_model: Callable[..., Path], tmp_path: Path) -> None:
    listed = change_json(make_model(), "generation_config.json", eos_token_id=[2, 0])
    assert write(listed, tmp_path / "out", quants=["f16"]).passed
    assert manifest.read(tmp_path / "out").details["end_ids"] == [0, 2]
    other = change_json(make_model(), "generation_config.json", eos_token_id=[2, 500])
    with pytest.raises(GateError, match=r"end_tokens_missed 1 is over 0 \(ids \[500\]\)"):
        write(other, tmp_path / "other", quants=["f16"])


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("bundled", "SmolLM2-135M-Instruct"),
        ("smollm2-360m", "SmolLM2-360M"),
        ("HuggingFaceTB/SmolLM2-1.7B-Instruct", "SmolLM2-1.7B-Instruct"),
        ("out/receipts/model", "model"),
        ("/models/mine-q4_k_m.gguf", "mine"),
        ("/models/mine.Q8_0.gguf", "mine"),
        ("/models/f16", "f16"),
    ],
)
def test_files_are_called_by_the_last_part_of_the_model_s_name(bundled: Path, model: str, name: str) -> None:
    assert source.model_name(model) == name


def test_the_licence_is_the_one_that_the_source_names(make_model: Callable[..., Path], bundled: Path) -> None:
    directory = make_model()
    assert source.read_license(directory, directory) is None
    (directory / "README.md").write_text("---\ntags: [x]\nlicense: mit\n---\n\nlicense: other\n")
    assert source.read_license(directory, directory) == "mit"
    assert source.read_license("bundled", bundled) == "apache-2.0"


# ---- the real model: what passes, and what must not


@pytest.fixture(scope="module")
def header(bundled_model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> Header:
    return Header("real", bundled_model.config, read_vocabulary(tokenizer, size=len(tokenizer)), "smolkit-1")


@pytest.fixture(scope="module")
def reference(bundled_model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> Reference:
    """The shortest of the three prompts: enough to see every fault here, and fast."""
    whole = make_reference(bundled_model, tokenizer, prompt_format="smolkit-1", end_ids=frozenset({2}))
    return replace(whole, cases=whole.cases[:1])


def gate(file: Path, reference: Reference, quant: str) -> dict[str, Check]:
    candidate = LlamaCandidate(file, tokens=reference.longest, threads=1)
    try:
        return {check.name: check for check in check_candidate(candidate, reference, LIMITS[quant])}
    finally:
        candidate.close()


def failed(checks: dict[str, Check]) -> set[str]:
    return {name for name, check in checks.items() if not check.passed}


def test_the_real_model_passes_in_f16_and_q4_k_m(
    bundled_model: PreTrainedModel, header: Header, reference: Reference, tmp_path: Path
) -> None:
    (base,) = write_plain(bundled_model, header, "f16", tmp_path / "f16.gguf")
    (small,) = quantise(base, "q4_k_m", tmp_path / "q4_k_m.gguf", width=576)
    whole, reduced = gate(base, reference, "f16"), gate(small, reference, "q4_k_m")
    assert failed(whole) == failed(reduced) == set()
    assert whole["prefill_kl"].value < 1e-4 < 0.01 < reduced["prefill_kl"].value
    with small.open("r+b") as stream:  # a stretch of weights lost on the way
        stream.seek(small.stat().st_size // 2)
        stream.write(bytes(3_000_000))
    assert "prefill_kl" in failed(gate(small, reference, "q4_k_m"))


def _unpermuted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_file, "interleave_rotary", lambda weight, heads: weight)


def _key_in_query_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistake of permuting keys with another count than that of the key heads."""
    permute = gguf_file.interleave_rotary
    monkeypatch.setattr(
        gguf_file, "interleave_rotary", lambda weight, heads: permute(weight, heads if heads == 9 else 1)
    )


def _rotary_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a reader of `rope_theta` gets from a configuration that has it in `rope_parameters` alone."""
    from gguf import GGUFWriter

    write = GGUFWriter.add_rope_freq_base
    monkeypatch.setattr(GGUFWriter, "add_rope_freq_base", lambda writer, value: write(writer, 10_000.0))


def _silent_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = gguf_file._rows

    def zeroed(name: str, tensor: torch.Tensor, config: Any) -> Any:
        silent = name in ("blk.15.attn_output.weight", "blk.15.ffn_down.weight")
        return rows(name, tensor * 0 if silent else tensor, config)

    monkeypatch.setattr(gguf_file, "_rows", zeroed)


@pytest.mark.parametrize("fault", [_unpermuted, _key_in_query_heads, _rotary_base, _silent_layer])
def test_a_fault_in_the_layout_of_the_real_model_is_far_outside_the_limits(
    bundled_model: PreTrainedModel,
    header: Header,
    reference: Reference,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[pytest.MonkeyPatch], None],
) -> None:
    fault(monkeypatch)
    (file,) = write_plain(bundled_model, header, "f16", tmp_path / "m.gguf")
    checks = gate(file, reference, "f16")
    assert {"prefill_max_abs", "decode_max_abs", "prefill_kl", "decode_kl"} <= failed(checks)
    assert checks["prefill_kl"].value > 50 * LIMITS["f16"].kl


def test_another_pre_tokenizer_or_end_token_is_seen(
    bundled_model: PreTrainedModel, header: Header, reference: Reference, tmp_path: Path
) -> None:
    special = {**header.vocabulary.special_ids, "eos": 500, "eot": 500}
    other = replace(header.vocabulary, pre="gpt-2", special_ids=special)
    (file,) = write_plain(bundled_model, replace(header, vocabulary=other), "f16", tmp_path / "m.gguf")
    checks = gate(file, replace(reference, end_ids=frozenset({2, 300})), "f16")
    assert failed(checks) == {"tokenizer_differences", "end_tokens_missed"}
    assert checks["tokenizer_differences"].value > 4


@pytest.mark.slow
def test_the_bundled_model_is_exported_in_every_quant(bundled: Path, tmp_path: Path) -> None:
    report = write("bundled", tmp_path / "out", quants=list(gguf_file.QUANTS))
    assert report.passed
    assert len(list((tmp_path / "out").glob("SmolLM2-135M-Instruct-*.gguf"))) == len(gguf_file.QUANTS)
    assert manifest.read(tmp_path / "out").details["license"] == "apache-2.0"
