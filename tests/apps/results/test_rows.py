"""Rows of a table: found, put in order, as points of a plot."""

from __future__ import annotations

import pytest

from smolkit.apps.results import Table, make_table, parse_cell
from smolkit.apps.results.rows import in_order, matching, points_of
from smolkit.errors import DataError


def table(names: str, *rows: str) -> Table:
    return make_table("t", names.split("|"), [[parse_cell(cell) for cell in row.split("|")] for row in rows])


MODELS = table(
    "runtime|file|MB|F1", "torch|fp32|538|0.85", "onnx|q8|1,154|0.9 (0.8 to 0.95)", "onnx|q4||0.8", "gguf|q4|99|–"
)


@pytest.mark.parametrize(
    ("query", "rows"), [("", [0, 1, 2, 3]), ("Q4", [2, 3]), ("onnx q4", [2]), ("1,154", [1]), ("0.95", [1]), ("zz", [])]
)
def test_a_search_finds_rows_by_the_words_that_are_shown(query: str, rows: list[int]) -> None:
    assert matching(MODELS, query) == rows


def test_a_search_that_is_too_long_is_refused_in_one_line() -> None:
    assert matching(MODELS, "x" * 200) == []
    with pytest.raises(DataError, match=r"^the search has 201 characters; this page takes 200\.$"):
        matching(MODELS, "x" * 201)
    with pytest.raises(DataError, match=r"^a search is text\.$"):
        matching(MODELS, None)


@pytest.mark.parametrize(
    ("by", "descending", "rows"),
    [
        ("", False, [0, 1, 2, 3]),
        ("MB", False, [3, 0, 1, 2]),
        ("MB", True, [1, 0, 3, 2]),
        ("F1", True, [1, 0, 2, 3]),
        ("runtime", False, [3, 1, 2, 0]),
    ],
)
def test_rows_sort_by_numbers_or_words_with_blanks_last(by: str, descending: bool, rows: list[int]) -> None:
    assert in_order(MODELS, range(4), by, descending) == rows


def test_points_are_the_rows_with_one_number_in_both_columns() -> None:
    points = points_of(MODELS, range(4), "MB", "F1")
    assert [(point.label, point.group, point.full) for point in points] == [
        ("fp32", "torch", "torch, fp32"),
        ("q8", "onnx", "onnx, q8"),
    ]
    with pytest.raises(DataError, match=r"^the column 'file' has no numbers to plot\. Known: F1, MB\.$"):
        points_of(MODELS, range(4), "file", "F1")
    with pytest.raises(DataError, match=r"^no column 'f1'\. Did you mean 'F1'\?"):
        points_of(MODELS, range(4), "MB", "f1")
