"""The report of answers is whole, can be scored again, and holds what went wrong."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from smolkit.evals.answer_report import FILES, terminal_table, write_report
from smolkit.evals.answers import Question, score_answers

QUESTIONS = [
    Question("total", "What is the total?", ("31.00", "RM 31.00"), kind="receipt"),
    Question("name|of", "Whose card | is it?", ("Anna <b>",), kind="card"),
    Question("gone", "What year?", ("1999",), kind="card"),
]


@pytest.fixture
def result():
    return score_answers(QUESTIONS, {"total": "31.00", "name|of": "nobody\nelse \ud800"})


def test_a_report_is_its_files(result, tmp_path) -> None:
    path = write_report(result, tmp_path, title="Answers", context={"model": "M"})
    assert path == tmp_path / "report.md"
    assert {file.name for file in tmp_path.iterdir()} == {*FILES}
    assert (tmp_path / "anls.png").read_bytes().startswith(b"\x89PNG")


def test_the_json_holds_every_figure_and_the_worst(result, tmp_path) -> None:
    write_report(result, tmp_path, title="Answers", context={"model": "M"})
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["context"] == {"model": "M"}
    assert content["figures"] == json.loads(json.dumps(result.figures()))
    assert content["missing"] == ["gone"]
    assert [one["id"] for one in content["worst"]] == ["name|of", "gone"]
    assert content["worst"][0]["accepted"] == ["Anna <b>"]


def test_the_text_shows_question_and_answer_in_a_table_that_holds(result, tmp_path) -> None:
    text = write_report(result, tmp_path, title="Answers", context={"model": "M"}).read_text()
    assert "**0.333**" in text
    assert "1 of 3 have no answer" in text
    worst = next(line for line in text.splitlines() if line.startswith("| name"))
    assert worst.replace("\\|", "").count("|") == 6
    assert "Anna &lt;b>" in worst


def test_the_answers_can_be_scored_again(result, tmp_path) -> None:
    write_report(result, tmp_path, title="Answers", context={})
    rows = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_text().splitlines()]
    again = score_answers(QUESTIONS, {row["id"]: row["raw"] for row in rows})
    assert again.figures() == result.figures()
    assert [row["anls"] for row in rows] == [1.0, 0.0]


def test_the_terminal_shows_all_answers_and_each_kind(result) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(terminal_table(result))
    text = console.export_text()
    assert "all answers" in text
    assert all(kind in text for kind in ("receipt", "card", "0.333"))
