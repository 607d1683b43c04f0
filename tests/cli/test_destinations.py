"""Where output goes is checked before any work, and what is read is never replaced."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from smolkit.cli import run

ROW = {"id": "a", "text": "Sony WH", "template": {"brand": ""}, "output": {"brand": "Sony"}}
A_FILE = "is a file, and a directory is to be written here."
SCORE = ["eval", "extraction", "--data", "good.jsonl"]
IGNORED = "is for a model that is run, not for --predictions. Leave it out."

CASES = {
    "an export over its model": (
        ["export", "model", "--out", "model"],
        "model: lies in {here}/model, which is to be written anew. Name another directory.",
    ),
    "a fine-tuned model over its start": (
        ["finetune", "good.yaml", "--out", "model"],
        "model: lies in {here}/model, which is to be written anew. Name another directory.",
    ),
    "a fine-tuned model over its rows": (
        ["finetune", "rows.yaml", "--out", "rows", "--overwrite"],
        "rows/good.jsonl: lies in {here}/rows, which is to be written anew. Name another directory.",
    ),
    "an export below a file": (["export", "model", "--out", "good.jsonl/out"], "{here}/good.jsonl: " + A_FILE),
    "rows below a file": (
        ["data", "synth", "extraction", "--rows", "2", "--out", "good.jsonl/rows.jsonl"],
        "good.jsonl: " + A_FILE,
    ),
    "a report in a file": ([*SCORE, "--model", "model", "--out", "good.jsonl"], "good.jsonl: " + A_FILE),
    "a dtype for predictions": ([*SCORE, "--predictions", "good.jsonl", "--dtype", "bfloat16"], "--dtype " + IGNORED),
    "a length for predictions": (
        [*SCORE, "--predictions", "good.jsonl", "--max-new-tokens", "9"],
        "--max-new-tokens " + IGNORED,
    ),
    "a walk over somebody's folder": (
        ["demo", "walkthrough", "--out", "walk"],
        "{here}/walk/gguf: is not empty and has no smolkit.json, so it is not ours to replace."
        " Name another directory, or remove this one.",
    ),
    "a walk by a recipe of missing rows": (
        ["demo", "walkthrough", "--out", "new", "--recipe", "bad.yaml"],
        "godo.jsonl: no such file. Did you mean 'good.jsonl'?",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_destination_is_known_before_any_work(
    name: str,
    tiny_model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments, line = CASES[name]
    if arguments[0] == "export" or "walkthrough" in arguments:
        pytest.importorskip("llama_cpp", reason="llama.cpp checks an export: pip install 'smolkit[gguf]'")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_model_dir, "model")
    for folder in ("rows", "walk/gguf"):
        Path(folder).mkdir(parents=True)
    for file in ("good.jsonl", "rows/good.jsonl", "walk/gguf/thesis.jsonl"):
        Path(file).write_text(json.dumps(ROW) + "\n")
    for recipe, rows in {"good": "good.jsonl", "rows": "rows/good.jsonl", "bad": "godo.jsonl"}.items():
        Path(f"{recipe}.yaml").write_text(f"model: model\ndata: {{train: [{{path: {rows}}}]}}\n")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert run(arguments) == 2
    assert capsys.readouterr() == ("", f"smolkit: {line.format(here=tmp_path)}\n")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
