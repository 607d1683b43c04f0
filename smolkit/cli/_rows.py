"""What `smolkit data check` shows of rows of texts, and what it prints of all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from smolkit.cli._common import print_json, progress_console, result_console
from smolkit.errors import DataError

if TYPE_CHECKING:
    from rich.console import Console

    from smolkit.data.check import Figures, Leakage, Spread

_NAMED = 5
"""How many rows a line names before it counts the rest."""


class HasFigures(Protocol):
    """What the checks of rows of every kind return."""

    def figures(self) -> dict[str, Any]: ...


def check_texts(
    values: Sequence[object],
    rows: str,
    against: Sequence[str],
    model: str,
    prompt_format: str,
    example: int,
    as_json: bool,
) -> None:
    """Print the figures of the rows in `values`, which are those of the file `rows`."""
    from smolkit.data.check import check_rows, find_leakage, marked
    from smolkit.data.render import TokenizerEncoder, encode_example
    from smolkit.data.rows import read_rows, validate_rows
    from smolkit.extraction.prompt import get_format
    from smolkit.models import load_tokenizer
    from smolkit.train.prepare import choose_padding

    layout = get_format(prompt_format)
    checked = validate_rows(values, rows)
    others = {other: read_rows(other) for other in against}
    if example > len(checked):
        raise DataError(f"no row {example} to show", where=rows, fix=f"It has {len(checked)} rows")
    with status("counting tokens and comparing texts"):
        tokenizer = load_tokenizer(model)
        choose_padding(tokenizer, layout)  # raises for a format whose markers this model does not have
        encode = TokenizerEncoder(tokenizer)
        figures = check_rows(checked, layout, encode, file=rows)
        leakage = {other: find_leakage(checked, found) for other, found in others.items()}
        pieces = marked(encode_example(checked[example - 1], layout, encode), tokenizer.decode)
    if as_json:
        print_checked(figures, leakage, pieces)
        return
    console = result_console()
    _print_figures(console, rows, figures)
    for other, found in leakage.items():
        _print_leakage(console, other, found)
    print_example(console, example, pieces)


def print_checked(figures: HasFigures, leakage: Mapping[str, HasFigures], pieces: Sequence[tuple[str, bool]]) -> None:
    """All that is known of rows as JSON: their figures, what they share with others, and the pieces of one."""
    shown = [{"text": text, "trained": trained} for text, trained in pieces]
    against = {other: found.figures() for other, found in leakage.items()}
    print_json({**figures.figures(), "against": against, "example": shown})


def status(what: str) -> AbstractContextManager[object]:
    """A line for as long as it takes; nothing where nobody watches."""
    console = progress_console()
    return console.status(what) if console.is_terminal else nullcontext()


def print_line(console: Console, name: str, content: str) -> None:
    console.print(f"{name:<12}{content}", highlight=False, markup=False, soft_wrap=True)


def _print_figures(console: Console, file: str, figures: Figures) -> None:
    print_line(console, "rows", f"{figures.rows:,} in {file}; each fits its template")
    for name, counts in (("languages", figures.languages), ("kinds", figures.kinds), ("styles", figures.styles)):
        print_line(console, name, ", ".join(f"{value} {number:,}" for value, number in counts.items()))
    print_line(console, "absent", f"{figures.absent_rate:.1%} of all values")
    if figures.verbatim_rate is not None:
        print_line(console, "verbatim", f"{figures.verbatim_rate:.1%} of free texts stand in their document")
    misquoted = some(figures.misquoted)
    print_line(console, "misquoted", f"{len(figures.misquoted):,} values of verbatim-string fields{misquoted}")
    for name, pairs, what in (
        ("repeated", figures.equal_texts, "texts"),
        ("", figures.equal_texts_and_templates, "texts under an equal template"),
        ("", figures.contradictions, "of these with another answer"),
    ):
        print_line(console, name, f"{len(pairs):,} {what}{some(named(pairs))}")
    print_spreads(console, "tokens", figures.tokens)
    _print_leaves(console, figures)


def print_spreads(console: Console, heading: str, spreads: Mapping[str, Spread]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(heading)
    for name in ("min", "median", "p95", "max"):
        table.add_column(name, justify="right")
    for name, spread in spreads.items():
        table.add_row(name, *(f"{value:,}" for value in (spread.min, spread.median, spread.p95, spread.max)))
    console.print()
    console.print(table)


def _print_leaves(console: Console, figures: Figures) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("leaf type")
    for name in ("values", "absent", "verbatim"):
        table.add_column(name, justify="right")
    for name, counts in figures.leaves.items():
        verbatim = f"{counts.verbatim_rate:.1%}" if counts.verbatim_rate is not None else "-"
        table.add_row(name, f"{counts.leaves:,}", f"{counts.absent_rate:.1%}", verbatim)
    console.print()
    console.print(table)


def _print_leakage(console: Console, other: str, leakage: Leakage) -> None:
    console.print()
    print_line(console, "leakage", f"against {other}")
    near = [f"row {match.row} as {match.other}, {match.similarity:.2f}" for match in leakage.near_texts]
    print_line(console, "", f"{len(leakage.equal_texts):,} equal texts{some(named(leakage.equal_texts))}")
    print_line(console, "", f"{len(near):,} near duplicates{some(near)}")
    print_line(console, "", f"{len(leakage.shared_keys):,} of {leakage.keys:,} key names{some(leakage.shared_keys)}")


def print_example(console: Console, row: int, pieces: Sequence[tuple[str, bool]]) -> None:
    """Trained tokens in colour on a terminal, in [[...]] elsewhere."""
    from rich.text import Text

    bracketed = not console.is_terminal
    console.print()
    print_line(console, "example", f"row {row}; loss on what is {'in [[...]]' if bracketed else 'highlighted'}")
    console.print()
    shown = Text()
    for text, trained in pieces:
        shown.append(f"[[{text}]]" if trained and bracketed else text, "black on green" if trained else "dim")
    console.print(shown, soft_wrap=True)


def named(pairs: Sequence[tuple[int, int]]) -> list[str]:
    return [f"row {row} as {other}" for row, other in pairs]


def some(names: Sequence[str]) -> str:
    more = f"; {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f" ({'; '.join(names[:_NAMED])}{more})" if names else ""
