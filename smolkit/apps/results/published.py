"""Published scores of base models (evals/reference/base.yaml), and what was measured beside them, task by task."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from smolkit.apps.figures import counted
from smolkit.apps.names import free_name
from smolkit.apps.results.cells import Cell, number_cell
from smolkit.apps.results.markdown import as_code
from smolkit.apps.results.scores import Measured, Score
from smolkit.apps.results.table import Result, Results, Table, make_table
from smolkit.assets import asset
from smolkit.errors import nearest
from smolkit.recipe import Section, load_recipe

BASE = "base models"
"""The name of the result that `with_published` adds."""
_HEAD = ("task", "published of", "published", "measured", "difference", "standard error", "shots", "documents")

Percent = Annotated[float, Field(ge=0, le=100)]


class Task(Section):
    """The tasks of lm-eval whose mean is the same kind of figure; none where it has no such figure."""

    lm_eval: tuple[str, ...] = ()
    metric: str = ""
    """As lm-eval's results call it, with its filter: acc_norm,none."""

    def of(self, measured: Measured) -> Score | None:
        """The mean over its tasks, which are independent; None where one was not measured, or shots are not alike."""
        found = [measured.scores.get((task, self.metric)) for task in self.lm_eval]
        scores = [score for score in found if score is not None]
        if not scores or len(scores) < len(found) or len({score.shots for score in scores}) > 1:
            return None
        errors = [score.error for score in scores if score.error is not None]
        documents = [score.documents for score in scores if score.documents is not None]
        return Score(
            sum(score.value for score in scores) / len(scores),
            math.hypot(*errors) / len(scores) if len(errors) == len(scores) else None,
            scores[0].shots,
            sum(documents) if len(documents) == len(scores) else None,
        )


class Origin(Section):
    title: str
    url: str


class PublishedTable(Section):
    """One table as its source prints it, in percent."""

    title: str
    source: Origin
    harness: str
    about: str
    """How it was measured, in a sentence or two."""
    shots: dict[str, int] = Field(default_factory=dict)
    """Examples in the prompt, by task; without an entry none."""
    rows: dict[str, dict[str, Percent]] = Field(min_length=1)
    """By model, by task."""

    @property
    def tasks(self) -> list[str]:
        """The tasks that any row has, in their order."""
        return list(dict.fromkeys(task for row in self.rows.values() for task in row))

    def printed(self, value: float | None) -> Cell:
        """A figure with as many decimals as its source prints."""
        figures = (figure for row in self.rows.values() for figure in row.values())
        decimals = 1 if all(round(figure, 1) == figure for figure in figures) else 2
        return Cell("") if value is None else number_cell(f"{value:.{decimals}f}", value)

    def is_like(self, task: str, score: Score) -> bool:
        """Whether a score was measured with as many examples in the prompt as the published one."""
        return score.shots is None or score.shots == self.shots.get(task, 0)


class Published(Section):
    tasks: dict[str, Task]
    tables: tuple[PublishedTable, ...]

    @model_validator(mode="after")
    def names_are_known(self) -> Self:
        for table in self.tables:
            for task in [*table.tasks, *table.shots]:
                if task not in self.tasks:
                    near = nearest(task, self.tasks)
                    hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(self.tasks)}."
                    raise ValueError(f"table {table.title} has the task {task!r}, which is not under tasks. {hint}")
        return self


def read_published(file: Path | None = None) -> Published:
    """The published tables; those that ship with smolkit, or of another file of the kind.

    Raises RecipeErrors with a line per fault.
    """
    return load_recipe(Published, file or asset("evals", "reference", "base.yaml"))


def with_published(results: Results, published: Published) -> Results:
    """The results, and one more: each published table with what was measured, and every difference per task."""
    measured = [result.measured for result in results.results if result.measured is not None]
    tables: list[Table] = []
    for table in published.tables:
        beside = [one for one in measured if any(published.tasks[task].of(one) for task in table.tasks)]
        tables.append(_whole(table, published, beside))
        tables += [_differences(table, published, one) for one in beside]
    name = free_name(BASE, {result.name for result in results.results})
    base = Result(name, "Base models, as published and as measured", "reference/base.yaml", tuple(tables))
    return Results((*results.results, base), results.problems)


def _whole(table: PublishedTable, published: Published, measured: Sequence[Measured]) -> Table:
    """A published table in its own form, rows that were measured first."""
    rows = [
        [Cell(one.model), Cell("lm-eval, here"), *(_measured(table, task, published, one) for task in table.tasks)]
        for one in measured
    ]
    rows += [
        [Cell(model), Cell(table.harness), *(table.printed(scores.get(task)) for task in table.tasks)]
        for model, scores in table.rows.items()
    ]
    beside = f" Beside them {counted(len(measured), 'model')} measured here." if measured else ""
    names = [f"{task}, {counted(table.shots[task], 'shot')}" if task in table.shots else task for task in table.tasks]
    return make_table(f"{table.title}, published", ["model", "by", *names], rows, prose=_prose(table) + beside)


def _differences(table: PublishedTable, published: Published, measured: Measured) -> Table:
    rows = [
        row
        for task in table.tasks
        if (score := published.tasks[task].of(measured)) is not None
        for row in _rows_of(task, table, score)
    ]
    prose = (
        f"{_prose(table)} Measured of {as_code(measured.model)} by lm-eval, in percent. The standard error is that of "
        "the measurement; the published figure has one of its own, which its source does not print. Where the examples "
        "in the prompt are not equally many, there is no difference."
    )
    return make_table(f"{measured.model} beside {table.title}", _HEAD, rows, prose=prose)


def _rows_of(task: str, table: PublishedTable, score: Score) -> Iterator[list[Cell]]:
    """A task of one model beside each published row that has it."""
    shots, alike = table.shots.get(task, 0), table.is_like(task, score)
    for model, scores in table.rows.items():
        if task in scores:
            difference = 100 * score.value - scores[task]
            yield [
                Cell(task),
                Cell(model),
                table.printed(scores[task]),
                number_cell(f"{100 * score.value:.1f}", 100 * score.value),
                number_cell(f"{difference:+.1f}", difference) if alike else Cell(""),
                Cell("") if score.error is None else number_cell(f"{100 * score.error:.1f}", 100 * score.error),
                number_cell(f"{shots}", shots) if alike else Cell(f"{score.shots}, published {shots}"),
                Cell("") if score.documents is None else number_cell(f"{score.documents:,}", score.documents),
            ]


def _prose(table: PublishedTable) -> str:
    return f"[{table.source.title}]({table.source.url}), measured there by {table.harness}. {table.about}"


def _measured(table: PublishedTable, task: str, published: Published, measured: Measured) -> Cell:
    """A score in percent with its standard error; nothing where it is no figure of the same kind."""
    score = published.tasks[task].of(measured)
    if score is None or not table.is_like(task, score):
        return Cell("")
    value, text = 100 * score.value, f"{100 * score.value:.1f}"
    if score.error is None:
        return number_cell(text, value)
    error = 100 * score.error
    return number_cell(f"{text} ± {error:.1f}", value, interval=(value - error, value + error))
