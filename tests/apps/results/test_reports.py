"""The reports that `smolkit eval` writes, as tables; damaged ones in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smolkit.apps.results import f1_against_size, read_results
from smolkit.apps.results.files import read_json
from smolkit.errors import DataError
from smolkit.evals.exports import Scored, Side
from smolkit.evals.exports import write_report as write_exports
from smolkit.evals.extraction import load_predictions, load_references, score_predictions
from smolkit.evals.report import write_report

EXPORTS = {
    "data": "rows.jsonl",
    "sides": [
        {"runtime": "torch", "precision": "float32", "micro_f1": 0.8125, "size": 538e6, "memory": None},
        {"runtime": "onnx", "precision": "q4", "micro_f1": 0.75, "size": 123.4e6, "documents_per_second": 2},
    ],
}


def test_the_report_that_the_evaluation_writes_is_read_with_its_intervals(tmp_path: Path) -> None:
    rows, answers = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    template = {"city": "verbatim-string"}
    pairs = [("Paris", "Paris"), ("Rome", "Roma"), ("Oslo", "Oslo"), ("Bern", "Lima")]
    for index, (gold, answer) in enumerate(pairs):
        row = {"id": str(index), "text": gold, "template": template, "output": {"city": gold}}
        with rows.open("a") as gold_file, answers.open("a") as answer_file:
            gold_file.write(json.dumps(row) + "\n")
            answer_file.write(json.dumps({"id": str(index), "output": {"city": answer}}) + "\n")
    scored = score_predictions(
        load_references(str(rows)), load_predictions(answers), rows_file=str(rows), predictions_file=answers
    )
    write_report(scored, tmp_path / "run", title="Cities", context={"data": "rows.jsonl"})
    results = read_results([tmp_path / "run"])
    assert results.problems == ()
    (result,) = results.results  # report.md says the same and is left out
    assert (result.name, result.title, result.source) == ("run", "Cities", "run/report.json")
    figures = {row[0].text: row[1] for row in result.tables[0].rows}
    assert figures["micro F1"].value == scored.corpus.micro.f1
    assert figures["micro F1"].interval == scored.corpus.f1_ci95
    assert figures["documents"].value == 4
    by_field = next(table for table in result.tables if table.title == "By field")
    assert [row[0].text for row in by_field.rows] == ["city"]
    assert by_field.rows[0][by_field.column("in reference")].value == 4


def test_the_exports_that_the_evaluation_writes_are_read_in_the_units_of_their_headers(tmp_path: Path) -> None:
    scored = [
        Scored(Side("torch", "float32", "model", 538_000_000), 0.84621, 7.848, 346.9, 1_903_181_824),
        Scored(Side("llama.cpp", "q4_k_m", "model.gguf", 109_767_104), 0.84, 5.1, 227.1, 660_992_000),
    ]
    write_exports(scored, tmp_path, data="rows.jsonl")
    (result,) = read_results([tmp_path]).results
    (table,) = result.tables
    assert f1_against_size(table) == ("size in MB", "F1")
    last = {column.name: cell for column, cell in zip(table.columns, table.rows[1], strict=True)}
    assert (last["size in MB"].text, last["size in MB"].value) == ("110", 109.767104)
    assert table.rows[0][table.column("F1")].value == 0.84621
    assert table.rows[0][table.column("memory in MB")].text == "1,903"


def _without(path: str, value: Any) -> str:
    content = json.loads(json.dumps(EXPORTS))
    content["sides"][1][path] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"figures": {', "r.json: is not JSON, or was cut off (line 1, column 14)."),
        ("[" * 100_000, "r.json: is not JSON, or was cut off."),
        ("[]", "r.json: is no report: it has neither figures nor sides nor results. smolkit eval extraction --out DIR"),
        ('{"figures": {}}', "r.json:figures: micro_f1: expected a number, got None."),
        ('{"figures": {"micro_f1": NaN}}', "r.json:figures: micro_f1: expected a number, got nan."),
        ('{"figures": {"micro_f1": 1, "micro_f1_ci95": [1]}}',
         "r.json:figures: micro_f1_ci95: expected two numbers, got [1]."),
        ('{"figures": {"micro_f1": 1, "by_kind": 3}}',
         "r.json:figures: by_kind: expected an object of objects, got 3."),
        ('{"figures": {"micro_f1": 1, "by_kind": {"a": {"micro_f1": "x"}}}}',
         "r.json:figures.by_kind['a']: micro_f1: expected a number, got 'x'."),
        ('{"sides": []}', "r.json: no side was measured."),
        (_without("size", 10**400), "r.json:sides[1]: size: expected a number, got 1000"),
        (_without("micro_f1", True), "r.json:sides[1]: micro_f1: expected a number, got True."),
        (_without("runtime", None), "r.json:sides[1]: runtime: expected text, got None."),
    ],
)  # fmt: skip
def test_a_damaged_report_is_one_line_with_the_place(text: str, line: str) -> None:
    with pytest.raises(DataError) as caught:
        read_json(text, name="r", source="r.json")
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_half_a_surrogate_pair_in_a_report_can_be_shown() -> None:
    result = read_json(_without("precision", "q\ud800"), name="r", source="r.json")
    assert result.tables[0].rows[1][1].text.encode() == b"q\\ud800"
