"""What was found on images is written in one report for each kind of rows, and two ways side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolkit.evals import answer_report, report
from smolkit.evals.answers import Question, score_answers
from smolkit.evals.extraction import score_predictions
from smolkit.evals.vision import Cost, Side, VisionScores
from smolkit.evals.vision_report import compared, write_scores, write_side, write_sides

FIELDS = score_predictions([{"id": "a", "output": {"x": "one"}}], [{"id": "a", "output": {"x": "one"}}])
ANSWERS = score_answers([Question("b", "What?", ("two",))], {"b": "two"})


def side(name: str, stages: dict[str, float], image_tokens: int = 0) -> Side:
    cost = Cost(
        runtime="torch, float32", documents=2, seconds=stages, images=2, image_tokens=image_tokens,
        prompt_tokens=300, new_tokens=20, truncated=0,
    )  # fmt: skip
    return Side(name, f"model-{name}", VisionScores(FIELDS, None), cost)


IMAGE = side("image", {"prompts": 1.0, "templates": 3.0}, image_tokens=128)
OCR = side("ocr", {"ocr": 4.0, "prompts": 0.5, "templates": 3.5})


def names(directory: Path) -> set[str]:
    return {file.name for file in directory.iterdir()}


def test_one_kind_of_rows_is_reported_in_the_directory_itself(tmp_path: Path) -> None:
    write_scores(VisionScores(FIELDS, None), tmp_path / "f", title="T", context={})
    write_scores(VisionScores(None, ANSWERS), tmp_path / "a", title="T", context={})
    assert names(tmp_path / "f") == {*report.FILES}
    assert names(tmp_path / "a") == {*answer_report.FILES}


def test_two_kinds_have_a_folder_each(tmp_path: Path) -> None:
    write_scores(VisionScores(FIELDS, ANSWERS), tmp_path, title="T", context={})
    assert names(tmp_path) == {"fields", "answers"}


def test_a_report_says_what_the_run_took(tmp_path: Path) -> None:
    write_side(IMAGE, tmp_path, title="T", context={"data": "rows.jsonl"})
    context = json.loads((tmp_path / "report.json").read_text())["context"]
    assert context["data"] == "rows.jsonl"
    assert (context["documents/s"], context["templates, s/document"], context["tokens/image"]) == (
        "0.500",
        "1.50",
        "64",
    )


def test_sides_stand_beside_each_other_with_dashes_for_what_one_lacks() -> None:
    rows = {row[0]: row[1:] for row in compared([IMAGE, OCR])}
    assert rows["F1 Levenshtein"] == ("1.000", "1.000")
    assert rows["documents/s"] == ("0.500", "0.250")
    assert rows["ocr, s/document"] == ("–", "2.00")
    assert rows["tokens/image"] == ("64", "–")


def test_a_comparison_holds_the_report_of_each_side(tmp_path: Path) -> None:
    write_sides([IMAGE, OCR], tmp_path, title="T", context={"data": "rows.jsonl"})
    assert names(tmp_path) == {"image", "ocr", "report.json", "report.md"}
    assert names(tmp_path / "ocr") == {*report.FILES}
    content = json.loads((tmp_path / "report.json").read_text())
    assert [one["read_by"] for one in content["sides"]] == ["image", "ocr"]
    assert content["sides"][1]["seconds_by_stage"]["ocr"] == pytest.approx(4.0)
    assert "| F1 Levenshtein | 1.000 | 1.000 |" in (tmp_path / "report.md").read_text()
