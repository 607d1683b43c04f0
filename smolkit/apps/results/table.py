"""Tables of results, and what they were read from: names that are looked up, columns that can be plotted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from smolkit.apps.names import free_name
from smolkit.apps.results.cells import Cell
from smolkit.apps.results.scores import Measured
from smolkit.errors import DataError, SmolkitError


@dataclass(frozen=True)
class Column:
    """`unit` is set where every cell that is not blank carries the same one. Numbers sort as numbers."""

    name: str
    kind: Literal["number", "text"]
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under named columns, with the prose around them (Markdown) and the commands in it."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    prose: str = ""
    commands: tuple[str, ...] = ()

    def column(self, name: str) -> int:
        """The index of a column. Raises DataError naming the nearest one."""
        names = [column.name for column in self.columns]
        if name not in names:
            raise DataError(f"no column {brief(name)}", given=str(name), known=names)
        return names.index(name)

    def measured(self) -> list[str]:
        """Columns that can be plotted: two cells or more with one number each."""
        return [
            column.name
            for index, column in enumerate(self.columns)
            if column.kind == "number" and sum(row[index].value is not None for row in self.rows) > 1
        ]

    def labels(self) -> list[int]:
        """The leading columns of text, which say what a row is."""
        first = next((i for i, column in enumerate(self.columns) if column.kind == "number"), len(self.columns))
        return list(range(first))

    def label(self, row: int) -> str:
        """What a row is, in words."""
        texts = [self.rows[row][index].text for index in self.labels()[:3]]
        return ", ".join(text for text in texts if text) or f"row {row + 1}"


@dataclass(frozen=True)
class Result:
    """One file that was read. `source` names it for people, relative to where it was found."""

    name: str
    title: str
    source: str
    tables: tuple[Table, ...]
    figures: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Of a report.json: its context and its figures; else nothing."""
    measured: Measured | None = field(default=None, repr=False)
    """Of results of lm-eval: its scores."""

    def table(self, number: int) -> Table:
        """A table by its number, from 1. Raises DataError."""
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= len(self.tables):
            raise DataError(f"{self.name} has no table {brief(number)}", fix=f"They count from 1 to {len(self.tables)}")
        return self.tables[number - 1]


@dataclass(frozen=True)
class Results:
    """What could be read, in order, and a line for each thing that could not."""

    results: tuple[Result, ...]
    problems: tuple[SmolkitError, ...] = ()

    def result(self, name: str) -> Result:
        """A result by its name. Raises DataError naming the nearest one."""
        found = next((result for result in self.results if result.name == name), None)
        if found is None:
            known = [result.name for result in self.results]
            raise DataError(f"no result named {brief(name)}", given=str(name)[:80], known=known)
        return found


def make_table(
    title: str,
    names: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    prose: str = "",
    commands: Sequence[str] = (),
) -> Table:
    """A table whose columns have names of their own, and are numbers where every cell that is not blank is one."""
    columns = []
    taken: set[str] = set()
    for index, name in enumerate(names):
        unique = free_name(name or f"column {index + 1}", taken)
        taken.add(unique)
        columns.append(_column(unique, [row[index] for row in rows]))
    return Table(title, tuple(columns), tuple(tuple(row) for row in rows), prose, tuple(commands))


def _column(name: str, cells: Sequence[Cell]) -> Column:
    filled = [cell for cell in cells if cell.text]
    units = {cell.unit for cell in filled}
    if filled and len(units) == 1 and all(cell.order is not None for cell in filled):
        return Column(name, "number", units.pop())
    return Column(name, "text")


def brief(value: object) -> str:
    """A value as a message names it."""
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
