"""What is looked at first: extraction F1 against size, and a table of the best F1 of every other table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from smolkit.apps.names import free_name
from smolkit.apps.results.cells import Cell, parse_cell
from smolkit.apps.results.table import Result, Results, Table, make_table
from smolkit.errors import printable

BEST = "best F1"
"""The name of the result that `with_best` derives."""

_F1 = ("f1", "micro f1", "f1 levenshtein", "micro f1 levenshtein")
_SIZE = ("mb", "size in mb", "size (mb)", "size, mb")
_WAYS = ("side", "file", "runtime", "runtime and weights", "model", "precision")


def f1_against_size(table: Table) -> tuple[str, str] | None:
    """The columns of size and of extraction F1, where a table has both."""
    size, f1 = _named(table, _SIZE), _named(table, _F1)
    return (size, f1) if size and f1 else None


def first_axes(table: Table) -> tuple[str, str] | None:
    """What is plotted first: extraction F1 against size, else the first two columns of numbers, if there are two."""
    measured = table.measured()
    return f1_against_size(table) or ((measured[0], measured[1]) if len(measured) > 1 else None)


def first_choice(results: Results) -> tuple[Result, int]:
    """What a page opens on: the first table with extraction F1 and size, else the first of all."""
    for result in results.results:
        for number, table in enumerate(result.tables, 1):
            if f1_against_size(table):
                return result, number
    return results.results[0], 1


def _named(table: Table, names: Sequence[str]) -> str | None:
    return next((name for name in table.measured() if name.casefold() in names), None)


def with_best(results: Results) -> Results:
    """The results, and first the best extraction F1 of each table in which ways to run a model stand side by side.

    Tables by field or by data set have no best row, and different tables were measured on different documents, so
    each has a row of its own. Reports of the same data count as one table.
    """
    rows = [*_best_of_tables(results.results), *_best_of_reports(results.results)]
    if not rows:
        return results
    prose = (
        "The row with the highest extraction F1 of every table that compares ways to run a model, and the highest "
        "report of each data set. Different tables were measured on different documents: their rows do not rank "
        "against each other."
    )
    table = make_table("Best F1 of each table", ["measured in", "best", "F1", "of"], rows, prose=prose)
    best = Result(free_name(BEST, {result.name for result in results.results}), "Best F1 so far", "derived", (table,))
    return Results((best, *results.results), results.problems)


def _best_of_tables(results: Iterable[Result]) -> Iterator[list[Cell]]:
    for result in results:
        for number, table in enumerate(result.tables, 1):
            name = _named(table, _F1)
            if name is None or table.columns[0].name.casefold() not in _WAYS:
                continue
            index = table.column(name)
            scored = [(row[index], table.label(at)) for at, row in enumerate(table.rows)]
            scored = [(cell, label) for cell, label in scored if cell.value is not None]
            yield _best_row(f"{result.name}, table {number}: {table.title}", scored)


def _best_of_reports(results: Iterable[Result]) -> Iterator[list[Cell]]:
    groups: dict[str, list[tuple[Cell, str]]] = {}
    for result in results:
        if not result.figures:
            continue
        context, figures = result.figures["context"], result.figures["figures"]
        documents = str(figures.get("documents", ""))
        # A report that does not name its data is compared with nothing.
        named = isinstance(context.get("data"), str)
        key = f"{printable(context['data'])}, {documents} documents" if named else f"report {result.name}"
        cell = next(row[1] for row in result.tables[0].rows if row[0].text == "micro F1")
        groups.setdefault(key, []).append((cell, result.title))
    for key, scored in groups.items():
        yield _best_row(key, scored)


def _best_row(where: str, scored: Sequence[tuple[Cell, str]]) -> list[Cell]:
    best = max(cell.value for cell, _ in scored if cell.value is not None)
    first, *others = [(cell, label) for cell, label in scored if cell.value == best]
    label = first[1] + (f", and {len(others)} more" if others else "")
    return [Cell(where), Cell(label), first[0], parse_cell(str(len(scored)))]
