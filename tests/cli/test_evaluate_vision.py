"""`smolkit eval vision`: predictions, a model that sees, OCR with a text model, and both side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smolkit.cli import run
from smolkit.evals import report

pytest.importorskip("PIL", reason="pip install 'smolkit[vision]'")

TEMPLATE = {"shop": "verbatim-string", "total": "number"}
LINES = [("Riverside Stationers", ""), ("Total", "13.50")]
FORM = {"id": "form", "image": "a.png", "template": TEMPLATE, "output": {"shop": "Riverside Stationers", "total": 13.5}}
QUESTION = {
    "id": "question",
    "images": ["a.png"],
    "messages": [{"role": "user", "content": "What is the total?"}, {"role": "assistant", "content": "13.50"}],
}


@pytest.fixture
def evaluate(draw_receipt: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "images").mkdir()
    draw_receipt(LINES).save(tmp_path / "images" / "a.png")

    def call(rows: list[dict[str, Any]], *arguments: str) -> tuple[int, str, str]:
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        data = ["--data", str(tmp_path / "rows.jsonl"), "--images", str(tmp_path / "images")]
        code = run(["eval", "vision", *data, *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_predictions_of_both_kinds_make_two_tables_and_two_reports(evaluate, tmp_path: Path) -> None:
    predictions = [{"id": "form", "output": FORM["output"]}, {"id": "question", "raw": "13.00"}]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in predictions))
    given = ["--predictions", str(tmp_path / "p.jsonl")]
    code, out, _ = evaluate([FORM, QUESTION], *given, "--out", str(tmp_path / "report"))
    assert code == 0
    assert "F1 Levenshtein" in out
    assert "ANLS" in out
    assert {folder.name for folder in (tmp_path / "report").iterdir()} == {"fields", "answers"}
    figures = json.loads(evaluate([FORM, QUESTION], *given, "--json")[1])
    assert (figures["fields"]["micro_f1"], figures["answers"]["anls"]) == (1, pytest.approx(0.8))


def test_a_model_that_sees_is_run_and_reported(evaluate, tiny_vlm: Path, tmp_path: Path) -> None:
    arguments = ["--model", str(tiny_vlm), "--max-new-tokens", "12", "--out", str(tmp_path / "report")]
    code, out, _ = evaluate([FORM], *arguments)
    assert code == 0
    assert "tokens/image 16" in " ".join(out.split())
    assert {file.name for file in (tmp_path / "report").iterdir()} == {*report.FILES}
    context = json.loads((tmp_path / "report" / "report.json").read_text())["context"]
    assert (context["read by"], context["model"]) == ("image", str(tiny_vlm))


def test_two_models_stand_side_by_side(evaluate, tiny_vlm: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("rapidocr_onnxruntime", reason="pip install 'smolkit[vision]'")
    models = ["--model", str(tiny_vlm), "--ocr-model", str(tiny_model_dir), "--max-new-tokens", "12"]
    code, out, err = evaluate([FORM], *models, "--out", str(tmp_path / "report"), "--json")
    assert code == 0, err
    sides = json.loads(out)
    assert [side["read_by"] for side in sides] == ["image", "ocr"]
    assert sides[1]["seconds_by_stage"]["ocr"] > 0
    assert {file.name for file in (tmp_path / "report").iterdir()} == {"image", "ocr", "report.json", "report.md"}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "give one of --predictions and --model"),
        (["--predictions", "p.jsonl", "--ocr"], "give one of --predictions and --model"),
        (["--predictions", "p.jsonl", "--limit", "1"], "--limit is for a model that is run"),
        (["--model", "m", "--ocr", "--ocr-model", "n"], "--ocr and --ocr-model are two ways to say it"),
        (["--model", "m", "--verbatim"], "--verbatim needs a text to hold fields to. Add --ocr"),
        (["--ocr"], "rows.jsonl:1:messages: text read by OCR fills templates, and this row asks a question"),
    ],
)
def test_options_that_do_not_go_together_are_refused_in_one_line(evaluate, arguments: list[str], line: str) -> None:
    code, out, err = evaluate([QUESTION], *arguments)
    assert (code, out) == (2, "")
    assert line in err
    assert err.count("\n") == 1


def test_a_model_of_texts_is_told_of_ocr(evaluate, tiny_model_dir: Path) -> None:
    code, _, err = evaluate([FORM], "--model", str(tiny_model_dir))
    assert code == 2
    assert "reads text and no images" in err
    assert "--ocr" in err


def test_a_missing_image_is_named_before_a_model_is_loaded(evaluate) -> None:
    code, _, err = evaluate([{**FORM, "image": "b.png"}], "--model", "no-such-model")
    assert code == 2
    assert "rows.jsonl:1:image: no such image" in err
