"""`smolkit demo`: Spaces as they are written, and what is refused before anything opens; the app has its own tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smolkit import cli, manifest
from smolkit.assets import list_assets
from smolkit.cli.demo import _report
from smolkit.errors import SmolkitError

OWN_FILES = {"README.md", "app.py", "examples.json", "requirements.txt"}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.run(["demo", *arguments]) == 2
    return capsys.readouterr().err


def test_a_space_is_the_folder_of_the_app_with_a_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "space"
    assert cli.run(["demo", "extraction", "--space", str(space)]) == 0
    assert files(space) == OWN_FILES | {manifest.MANIFEST}
    assert OWN_FILES - {"README.md"} == {Path(name).name for name in list_assets("apps") if "extraction/" in name}
    assert manifest.read(space).kind == "space"
    assert "hf upload" in capsys.readouterr().err


def test_a_directory_or_a_file_goes_into_the_space_as_its_model(tmp_path: Path) -> None:
    directory = tmp_path / "receipts"
    directory.mkdir()
    (directory / "config.json").write_text("{}")
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF")
    for model, inside in ((directory, "model/receipts/config.json"), (file, "model/tiny.gguf")):
        space = tmp_path / f"space-{model.name}"
        assert cli.run(["demo", "extraction", "--model", str(model), "--space", str(space)]) == 0
        assert files(space) == OWN_FILES | {manifest.MANIFEST, inside}
        assert [source.role for source in manifest.read(space).sources] == ["model"]


def test_several_models_go_into_the_space_each_under_its_own_name_and_are_listed_in_order(tmp_path: Path) -> None:
    paths = [tmp_path / "tuned" / "model", tmp_path / "base" / "model", tmp_path / "tiny.gguf"]
    for path in paths[:2]:
        path.mkdir(parents=True)
        (path / "config.json").write_text("{}")
    paths[2].write_bytes(b"GGUF")
    space = tmp_path / "space"
    models = [f"{paths[0]},torch", str(paths[1]), "bundled,onnx,int8", str(paths[2])]
    arguments = [part for model in models for part in ("--model", model)]
    assert cli.run(["demo", "extraction", *arguments, "--space", str(space)]) == 0
    inside = {"model/tuned-model/config.json", "model/base-model/config.json", "model/tiny.gguf"}
    assert files(space) == OWN_FILES | {manifest.MANIFEST} | inside
    assert manifest.read(space).details["models"] == [
        "model/tuned-model,torch",
        "model/base-model",
        "bundled,onnx,int8",
        "model/tiny.gguf",
    ]


def test_a_space_that_was_written_before_is_replaced(tmp_path: Path) -> None:
    space = tmp_path / "space"
    for _ in range(2):
        assert cli.run(["demo", "extraction", "--space", str(space)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["space"]


def test_a_git_checkout_is_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "space"
    cli.run(["demo", "extraction", "--space", str(space)])
    (space / ".git").mkdir()
    assert "is a git checkout" in error(capsys, "extraction", "--space", str(space))
    assert (space / ".git").is_dir()


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert "is not ours to replace" in error(capsys, "extraction", "--space", str(tmp_path))
    assert files(tmp_path) == {"thesis.txt"}


def test_a_model_that_is_not_on_this_machine_is_not_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = error(capsys, "extraction", "--model", "me/mine", "--space", str(tmp_path / "space"))
    assert line.startswith("smolkit: no directory or file 'me/mine' to copy into the Space.")
    assert "SMOLKIT_MODEL" in line
    assert list(tmp_path.iterdir()) == []


def test_results_and_runs_go_into_their_spaces_without_weights(tmp_path: Path) -> None:
    results = tmp_path / "mine"
    results.mkdir()
    (results / "a.md").write_text("# A\n")
    assert cli.run(["demo", "scoreboard", "--results", str(results), "--space", str(tmp_path / "board")]) == 0
    assert "results/a.md" in files(tmp_path / "board")
    run = tmp_path / "base.run"
    (run / "checkpoints").mkdir(parents=True)
    for name in ("metrics.jsonl", "checkpoints/1", "model.safetensors"):
        (run / name).write_text("")
    assert cli.run(["demo", "training", "--run", str(run), "--space", str(tmp_path / "watch")]) == 0
    assert {name for name in files(tmp_path / "watch") if name.startswith("runs/")} == {"runs/base.run/metrics.jsonl"}


def test_what_is_not_there_is_not_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = error(capsys, "training", "--run", str(tmp_path / "no"), "--space", str(tmp_path / "space"))
    assert line == f"smolkit: {tmp_path / 'no'}: is not there, so it cannot be copied into the Space.\n"
    assert list(tmp_path.iterdir()) == []


def test_writing_and_checking_exclude_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Give one of them" in error(capsys, "extraction", "--check", "--space", str(tmp_path / "space"))


@pytest.mark.parametrize("option", [["--check"], ["--json"], ["--runtime", "onnx"]])
def test_a_static_page_takes_no_option_of_the_page_with_a_server(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = error(capsys, "issue-generator", "--static", *option, "--space", str(tmp_path / "space"))
    assert line == f"smolkit: {option[0]} is for the page with a server, and --static for the one without.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_static_page_needs_an_export_with_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "bundled: is no WebGPU export with a page. Make one with: smolkit export MODEL --target webgpu --page --out"
    for space in ([], ["--space", str(tmp_path / "space")]):
        assert error(capsys, "issue-generator", "--static", *space).startswith(f"smolkit: {line}")
    checkout = tmp_path / "space" / ".git"
    checkout.mkdir(parents=True)
    assert "is a git checkout" in error(capsys, "issue-generator", "--static", "--space", str(tmp_path / "space"))
    assert files(tmp_path) == set()


def test_an_unknown_demo_or_runtime_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Did you mean 'extraction'?" in error(capsys, "extractoin")
    pytest.importorskip("gradio", reason="a demo is a Gradio page: pip install 'smolkit[apps]'")
    assert "Did you mean 'llama.cpp'?" in error(capsys, "extraction", "--runtime", "llamacpp")
    assert "Did you mean 'llama.cpp'?" in error(capsys, "extraction", "--model", "bundled,llamacpp")


def test_an_example_that_the_app_refuses_is_one_line() -> None:
    exceptions = pytest.importorskip("gradio_client.exceptions", reason="the apps' client: pip install 'smolkit[apps]'")

    def answers() -> Iterator[tuple[str, dict[str, Any]]]:
        yield "first", {"seconds": 0.1}
        raise exceptions.AppError("the answer took more than 120 s")

    with pytest.raises(SmolkitError, match=r"does not answer one of its examples: the answer took more than 120 s"):
        _report(answers(), as_json=False)


def test_the_models_of_the_vision_demo_go_into_its_space_those_for_ocr_last(tmp_path: Path) -> None:
    for name, kind in (("vlm", "smolvlm"), ("receipts", "llama")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"model_type": kind}))
    space, models = tmp_path / "space", ("--model", str(tmp_path / "vlm"), "--ocr-model", str(tmp_path / "receipts"))
    assert cli.run(["demo", "vision", *models, "--space", str(space)]) == 0
    assert {"app.py", "model/vlm/config.json", "model/receipts/config.json"} <= files(space)
    assert manifest.read(space).details["models"] == ["model/vlm", "model/receipts"]


def test_a_vision_demo_without_models_is_a_space_that_finds_them_itself(tmp_path: Path) -> None:
    assert cli.run(["demo", "vision", "--space", str(tmp_path / "space")]) == 0
    assert not any(name.startswith("model/") for name in files(tmp_path / "space"))
    assert "models" not in manifest.read(tmp_path / "space").details


def test_an_unknown_model_of_the_vision_demo_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gradio", reason="a demo is a Gradio page: pip install 'smolkit[apps]'")
    assert "Did you mean 'smolvlm-256m-instruct'?" in error(capsys, "vision", "--model", "smolvlm-256-instruct")
    assert "Did you mean 'llama.cpp'?" in error(capsys, "vision", "--ocr-model", "bundled,llamacpp")


@pytest.mark.parametrize("name", ["extraction", "vision"])
def test_the_help_of_a_demo_imports_nothing_heavy(name: str) -> None:
    code = "import sys; from smolkit import cli; cli.run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code, "demo", name, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--space" in done.stdout
    assert not {"gradio", "gradio_client", "torch", "transformers", "llama_cpp"} & set(done.stderr.split())


@pytest.mark.slow
def test_the_check_answers_every_example(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gradio", reason="a demo is a Gradio page: pip install 'smolkit[apps]'")
    pytest.importorskip("llama_cpp", reason="llama.cpp runs the model here: pip install 'smolkit[gguf]'")
    assert cli.run(["demo", "extraction", "--runtime", "llama.cpp", "--check", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) >= 6
    assert all(row["new_tokens"] > 0 and row["seconds"] > 0 for row in rows)


@pytest.mark.slow
def test_the_check_of_the_vision_demo_reads_every_page_by_ocr_where_no_model_sees(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("gradio", reason="a demo is a Gradio page: pip install 'smolkit[apps]'")
    pytest.importorskip("rapidocr_onnxruntime", reason="reads the text: pip install 'smolkit[vision]'")
    assert cli.run(["demo", "vision", "--model", "bundled,llama.cpp", "--check", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["example"] for row in rows] == ["Receipt, ocr", "Invoice, ocr", "Ticket, ocr"]
    assert all(row["new_tokens"] > 0 and row["seconds"] > 0 for row in rows)
