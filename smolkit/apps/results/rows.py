"""Tables as a page takes them: rows found by words and put in order, points of a plot, records, the list of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smolkit.apps.plots.scatter import MAX_GROUPS, Point, Value
from smolkit.apps.results.cells import Cell
from smolkit.apps.results.table import Results, Table
from smolkit.errors import DataError

MAX_SEARCH = 200
"""Characters of a search."""
_MAX_POINTS = 500


def matching(table: Table, query: str) -> list[int]:
    """The rows in which every word of the search stands, in any cell, case aside. Raises DataError in one line."""
    if not isinstance(query, str):
        raise DataError("a search is text")
    if len(query) > MAX_SEARCH:
        raise DataError(f"the search has {len(query):,} characters; this page takes {MAX_SEARCH}")
    words = query.casefold().split()
    texts = ["\n".join(cell.text for cell in row).casefold() for row in table.rows]
    return [index for index, text in enumerate(texts) if all(word in text for word in words)]


def in_order(table: Table, rows: Sequence[int], by: str, descending: bool) -> list[int]:
    """The rows by a column, numbers as numbers and blanks last either way; as recorded where `by` is empty."""
    if not by:
        return list(rows)
    column = table.column(by)
    number = table.columns[column].kind == "number"

    def key(index: int) -> Any:
        cell = table.rows[index][column]
        return cell.order if number else cell.text.casefold()

    filled = [index for index in rows if table.rows[index][column].text]
    blank = [index for index in rows if not table.rows[index][column].text]
    return sorted(filled, key=key, reverse=descending) + blank


def points_of(table: Table, rows: Sequence[int], x: str, y: str) -> list[Point]:
    """The rows that have one number in both columns. Raises DataError for columns that cannot be plotted."""
    measured = table.measured()
    for name in (x, y):
        if name not in measured:
            table.column(name)
            raise DataError(f"the column {name!r} has no numbers to plot", known=measured)
    first, second = table.column(x), table.column(y)
    names = table.labels()[:3]
    groups = {table.rows[index][0].text for index in rows} if len(names) > 1 else set()
    grouped = 1 < len(groups) <= MAX_GROUPS
    points = []
    for index in rows:
        row = table.rows[index]
        across, up = _value(row[first]), _value(row[second])
        if across and up:
            label = (row[names[-1]].text if names else "") or table.label(index)
            points.append(Point(label, table.label(index), row[0].text if grouped else "", across, up))
    return points[:_MAX_POINTS]


def _value(cell: Cell) -> Value | None:
    return None if cell.value is None else Value(cell.value, cell.text, cell.interval)


def records(table: Table) -> list[dict[str, Any]]:
    """All rows by column: a number where a cell is one, None where it is blank, else its text."""
    numbers = [column.kind == "number" for column in table.columns]
    names = [column.name for column in table.columns]
    return [
        {name: _record(cell, number) for name, cell, number in zip(names, row, numbers, strict=True)}
        for row in table.rows
    ]


def _record(cell: Cell, number: bool) -> float | str | None:
    if number and cell.value is not None:
        return cell.value
    return cell.text or None


def listed(results: Results) -> list[dict[str, Any]]:
    """Each result with its tables and their columns."""
    return [
        {
            "name": result.name,
            "title": result.title,
            "source": result.source,
            "tables": [
                {
                    "number": number,
                    "title": table.title,
                    "rows": len(table.rows),
                    "columns": [
                        {"name": column.name, "kind": column.kind, "unit": column.unit} for column in table.columns
                    ],
                }
                for number, table in enumerate(result.tables, 1)
            ],
        }
        for result in results.results
    ]
