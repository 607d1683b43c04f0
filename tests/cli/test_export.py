"""`smolkit export`: options in, one call, a table or JSON out, faults in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smolkit import cli, manifest
from smolkit.data.rows import write_rows

pytest.importorskip("gguf", reason="pip install 'smolkit[gguf]'")
pytest.importorskip("llama_cpp", reason="pip install 'smolkit[gguf]'")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of torch and llama.cpp wait for each other by spinning, which is slow on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tiny(bundled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of one layer with the real tokenizer, which runs in no time."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from smolkit.models import load_tokenizer, save_model

    torch.manual_seed(0)
    tokenizer = load_tokenizer(bundled)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=4096, initializer_range=0.1,
    )  # fmt: skip
    directory = tmp_path_factory.mktemp("model") / "tiny"
    directory.mkdir()
    save_model(LlamaForCausalLM(config), tokenizer, directory)
    return directory


def rows(path: Path, count: int) -> Path:
    """Documents with one question that takes few tokens to answer."""
    made: list[dict[str, Any]] = [
        {
            "id": str(number),
            "text": f"Order {number} is paid.",
            "template": {"paid": "boolean"},
            "output": {"paid": True},
        }
        for number in range(count)
    ]
    write_rows(path, made)
    return path


def test_an_export_prints_its_figures_and_writes_the_directory(
    tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli.run(["export", str(tiny), "--quant", "f16", "--out", str(out)]) == 0
    shown = capfd.readouterr()
    assert shown.out.split("\n")[0].split() == ["figure", "f16"]
    assert "prefill kl" in shown.out
    assert "f16: passed" in shown.err
    assert f"wrote {out}" in shown.err
    assert "llama_" not in shown.err
    assert manifest.read(out).kind == "gguf"


def test_json_is_the_whole_report_with_the_task_s_f1(
    tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from smolkit import runtime

    pytest.importorskip("onnxruntime_genai")
    used: list[str] = []

    def open_extractor(*args: Any, original: Any = runtime.open_extractor, **options: Any) -> Any:
        extractor = original(*args, **options)
        used.append(extractor.computes)
        return extractor

    monkeypatch.setattr(runtime, "open_extractor", open_extractor)
    data = rows(tmp_path / "rows.jsonl", 60)
    arguments = ["export", str(tiny), "--target", "gguf,onnx", "--prompt-format", "smolkit-1", "--quant", "f16,fp32"]
    assert cli.run([*arguments, "--out", str(tmp_path / "out"), "--gate-data", str(data), "--json"]) == 0
    reports = json.loads(capfd.readouterr().out)
    assert {"torch, float32", "onnx, model.onnx", "llama.cpp, tiny-f16.gguf"} == set(used)
    for report in reports.values():
        assert (report["passed"], report["prompt_format"]) == (True, "smolkit-1")
        (file,) = report["files"]
        assert file["checks"]["documents"]["value"] == 50
        assert 0 <= file["checks"]["f1"]["value"] <= 1
        drop = file["checks"]["f1_drop"]
        assert drop == {"value": drop["value"], "at_most": 0.01, "passed": True}


def test_an_adapter_alone_goes_with_the_base_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from smolkit.export import run

    asked: list[Any] = []

    def export(model: str, out: Path, names: list[str], *, adapter: Any, **options: Any) -> list[Any]:
        asked.append((model, adapter, out))
        return []

    monkeypatch.setattr(run, "export", export)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out" / "extraction-135m").mkdir(parents=True)  # the default model
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "adapter_config.json").touch()
    assert cli.run(["export", "--adapter", "out/extraction-135m"]) == 2
    assert cli.run(["export", "--adapter", "mine"]) == 0
    assert cli.run(["export", "bundled", "--adapter", "mine"]) == 0
    assert asked == [("mine", None, Path("out/mine-gguf")), ("bundled", Path("mine"), Path("out/mine-gguf"))]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--bits-per-weight", "inf", "--target", "onnx"], "the budget of bits per weight is no number"),
        (["--target", "guff"], "unknown export target 'guff'. Did you mean 'gguf'? Known: all, gguf, onnx, webgpu."),
        (
            ["--quant", "f16,q4km"],
            "unknown quant 'q4km'. Did you mean 'q4_k_m'? Known: bf16, f16, f32, iq4_nl,",
        ),
        (["--page"], "--page goes with --target webgpu"),
        (["--target", "onnx", "--backend", "optimun"], "unknown backend 'optimun'. Did you mean 'optimum'?"),
        (["--target", "onnx", "--bits-per-weight", "4"], "4 bits per weight are too few"),
        (["--calibration-data", "no such file.txt"], "no such file.txt: cannot be read"),
        (["--adapter", "no such adapter"], "no such adapter: no adapter_config.json here"),
        (
            ["--gate-documents", "10"],
            "invalid value for '--gate-documents': Input should be greater than or equal to 50.",
        ),
    ],
)
def test_a_wrong_option_is_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert cli.run(["export", "bundled", "--out", str(tmp_path / "out"), *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"smolkit: {line}")
    assert list(tmp_path.iterdir()) == []


def test_too_few_rows_are_said_before_the_export_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = rows(tmp_path / "rows.jsonl", 49)
    assert cli.run(["export", "bundled", "--out", str(tmp_path / "out"), "--gate-data", str(data)]) == 2
    assert capsys.readouterr().err == f"smolkit: {data}: holds 49 rows, and the gate needs 50.\n"


def picture_rows(folder: Path, count: int) -> Path:
    """Rows that all show one image."""
    image = pytest.importorskip("PIL.Image", reason="pip install 'smolkit[vision]'")
    image.new("RGB", (40, 30), "red").save(folder / "red.png")
    row = {"image": "red.png", "template": {"colour": ["red", "blue"]}, "output": {"colour": "red"}}
    write_rows(folder / "rows.jsonl", [row] * count)
    return folder / "rows.jsonl"


def test_the_first_file_of_a_model_that_sees_is_scored_on_images(
    tiny_vlm: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", str(tiny_vlm), "--quant", "f16", "--gate-data", str(picture_rows(tmp_path, 50))]
    assert cli.run([*arguments, "--out", str(tmp_path / "out"), "--json"]) == 0
    (report,) = json.loads(capfd.readouterr().out).values()
    checks = report["files"][0]["checks"]
    assert (checks["documents"]["value"], checks["f1_drop"]["passed"]) == (50, True)


def test_rows_of_images_that_cannot_be_scored_are_said_before_the_export_starts(
    tiny_vlm: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = picture_rows(tmp_path, 50)
    arguments = ["--out", str(tmp_path / "out"), "--gate-data", str(data)]
    assert cli.run(["export", str(tiny), *arguments]) == 2
    assert capsys.readouterr().err == f"smolkit: {data}: shows images, and {tiny} reads text. Give rows of texts.\n"
    (tmp_path / "red.png").write_bytes((tmp_path / "red.png").read_bytes()[:60])
    assert cli.run(["export", str(tiny_vlm), *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"smolkit: {data}:1:image: this image is broken")


def test_a_refused_export_has_exit_code_3(
    tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from smolkit.export import gguf_file

    monkeypatch.setattr(gguf_file, "interleave_rotary", lambda weight, heads: -weight)
    assert cli.run(["export", str(tiny), "--quant", "f16", "--out", str(tmp_path / "out")]) == 3
    assert "smolkit: the export lost its numbers: f16: prefill_max_abs" in capfd.readouterr().err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.gate.json", "out.gate.md"]
