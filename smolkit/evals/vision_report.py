"""Writes down what an evaluation on images found: a report for each kind of rows, and two ways side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.evals import answer_report, report
from smolkit.evals.markdown import interval, number, table
from smolkit.evals.vision import Side, VisionScores
from smolkit.manifest import staged_file

if TYPE_CHECKING:
    from rich.table import Table


def write_scores(scores: VisionScores, out: Path, *, title: str, context: Mapping[str, Any]) -> None:
    """The report of the one kind of rows in `out`; of both, in its folders `fields` and `answers`."""
    both = scores.fields is not None and scores.answers is not None
    if scores.fields is not None:
        report.write_report(scores.fields, out / "fields" if both else out, title=title, context=context)
    if scores.answers is not None:
        answer_report.write_report(scores.answers, out / "answers" if both else out, title=title, context=context)


def write_side(side: Side, out: Path, *, title: str, context: Mapping[str, Any]) -> None:
    """`write_scores` with what the side took beside what the caller says of it."""
    cost = {"read by": side.name, "model": side.model, **dict(_costs(side))}
    write_scores(side.scores, out, title=title, context={**context, **cost})


def write_sides(sides: Sequence[Side], out: Path, *, title: str, context: Mapping[str, Any]) -> None:
    """Each side in the folder of its name, and report.json and report.md with all of them side by side."""
    for side in sides:
        write_side(side, out / side.name, title=f"{title}, {side.name}", context=context)
    with ExitStack() as stack:
        as_json, as_text = (stack.enter_context(staged_file(out / name)) for name in ("report.json", "report.md"))
        content = {"title": title, "context": dict(context), "sides": [side.figures() for side in sides]}
        as_json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        files = "\n".join(f"- [{side.name}]({side.name}/)" for side in sides)
        sections = [f"# {title}", table(("", ""), context.items()), table(_head(sides), compared(sides)), files]
        as_text.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def terminal_tables(scores: VisionScores) -> Iterator[Table]:
    """A table for each kind of rows."""
    if scores.fields is not None:
        yield report.terminal_table(scores.fields)
    if scores.answers is not None:
        yield answer_report.terminal_table(scores.answers)


def cost_line(side: Side) -> str:
    """What the side took, in one line."""
    return "; ".join(f"{name} {value}" for name, value in _costs(side))


def comparison_table(sides: Sequence[Side]) -> Table:
    """The sides as columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD)
    for column in _head(sides):
        shown.add_column(column, justify="right" if column else "left")
    for row in compared(sides):
        shown.add_row(*row)
    return shown


def compared(sides: Sequence[Side]) -> list[tuple[str, ...]]:
    """Rows of figures, a column for each side; a figure that a side lacks is a dash."""
    columns = [{"model": side.model, **dict(_scores(side.scores)), **dict(_costs(side))} for side in sides]
    names = dict.fromkeys(name for column in columns for name in column)
    return [(name, *(column.get(name, "–") for column in columns)) for name in names]


def _head(sides: Sequence[Side]) -> tuple[str, ...]:
    return ("", *(side.name for side in sides))


def _scores(scores: VisionScores) -> Iterator[tuple[str, str]]:
    if scores.fields is not None:
        corpus = scores.fields.corpus
        yield "F1 Levenshtein", number(corpus.micro.f1)
        yield "F1, 95 %", interval(corpus.f1_ci95)
        yield "exact F1", number(corpus.micro.exact_f1)
    if scores.answers is not None:
        yield "ANLS", number(scores.answers.score.anls)
        yield "ANLS, 95 %", interval(scores.answers.score.anls_ci95)
        yield "exact answers", number(scores.answers.score.exact)


def _costs(side: Side) -> Iterator[tuple[str, str]]:
    cost = side.cost
    yield "runtime", cost.runtime
    yield "documents/s", f"{cost.documents_per_second:.3f}"
    for stage, seconds in cost.seconds.items():
        yield f"{stage}, s/document", f"{seconds / cost.documents:.2f}"
    if cost.image_tokens:
        yield "tokens/image", f"{cost.image_tokens / cost.images:.0f}"
    yield "prompt tokens/document", f"{cost.prompt_tokens / cost.documents:.0f}"
    yield "truncated", str(cost.truncated)
