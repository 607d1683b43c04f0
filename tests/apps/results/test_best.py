"""The best of every table, and what is looked at first."""

from __future__ import annotations

import json
from pathlib import Path

from smolkit.apps.results import make_table, parse_cell, read_results, with_best
from smolkit.apps.results.best import BEST, first_axes, first_choice
from smolkit.assets import asset


def best_rows(*paths: Path) -> list[list[str]]:
    results = with_best(read_results(paths)).results
    assert results[0].name == BEST
    return [[cell.text for cell in row] for row in results[0].tables[0].rows]


def test_the_best_of_a_table_is_its_highest_and_a_tie_is_said(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "| side | F1 |\n|---|---|\n| a | 0.5 |\n| b | 0.75 (0.7 to 0.8) |\n| c | 0.75 |\n| d | |\n\n"
        "| field | F1 |\n|---|---|\n| total | 0.9 |\n| date | 0.8 |\n\n"
        "| file | MB |\n|---|---|\n| a | 5 |\n| b | 6 |\n"
    )
    assert best_rows(page) == [["page, table 1: Table, by side", "b, and 1 more", "0.75 (0.7 to 0.8)", "3"]]


def test_reports_rank_against_those_of_the_same_data_alone(tmp_path: Path) -> None:
    for name, data, f1 in (("a", "x.jsonl", 0.5), ("b", "x.jsonl", 0.75), ("c", "y.jsonl", 0.9), ("d", None, 0.25)):
        (tmp_path / name).mkdir()
        content = {"title": f"model {name}", "context": {"data": data}, "figures": {"micro_f1": f1, "documents": 8}}
        (tmp_path / name / "report.json").write_text(json.dumps(content))
    assert best_rows(tmp_path) == [
        ["x.jsonl, 8 documents", "model b", "0.750", "2"],
        ["y.jsonl, 8 documents", "model c", "0.900", "1"],
        ["report d", "model d", "0.250", "1"],
    ]


def test_without_extraction_f1_there_is_no_best(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("| side | MB |\n|---|---|\n| a | 1 |\n| b | 2 |\n")
    assert [result.name for result in with_best(read_results([tmp_path])).results] == ["a"]


def test_a_row_without_words_is_called_by_its_number() -> None:
    table = make_table("t", ["x"], [[parse_cell("1")], [parse_cell("2")]])
    assert table.label(1) == "row 2"


def test_a_page_opens_on_extraction_f1_against_size() -> None:
    result, number = first_choice(with_best(read_results([asset("evals", "results")])))
    assert (result.name, first_axes(result.table(number))) == ("exports", ("MB", "F1"))
