"""The answers of several models to one question, side by side: where they differ, and which fields are right.

This module knows no page but its table.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from smolkit.apps.extraction.answers import Answers, Opening, Question
from smolkit.apps.extraction.figures import reading_line, statistics, tokens_per_second
from smolkit.errors import DataError, SmolkitError
from smolkit.extraction.answer import repair, scalars
from smolkit.extraction.metric import DocumentScore, score
from smolkit.extraction.template import Template, field_of
from smolkit.runtime.extractor import Extraction, Progress

MOST_COMPARED = 4
"""Models of one comparison."""


@dataclass(frozen=True)
class Side:
    """One model of a comparison, before, while and after it answers."""

    model: str
    state: str = "waiting"
    computes: str = ""
    raw: str = ""
    """The answer so far."""
    extraction: Extraction | None = None
    error: str | None = None

    @property
    def output(self) -> dict[str, Any]:
        """What there is of the answer."""
        return (self.extraction.output or {}) if self.extraction else repair(self.raw)


def pick_models(names: Sequence[str] | None, answers: Answers) -> list[str]:
    """The models to compare: those named, or all. Raises DataError in one line."""
    listed = answers.models.names
    if not isinstance(names, list | tuple | None):
        raise DataError("the models are sent as a list of names")
    chosen = [answers.models.find(name) for name in names] if names else listed
    if len(set(chosen)) < len(chosen):
        raise DataError("a model is named twice")
    if len(listed) < 2:
        raise DataError("there is one model here, and nothing to compare it with")
    if not 2 <= len(chosen) <= MOST_COMPARED:
        raise DataError(f"from 2 to {MOST_COMPARED} models are compared at once, got {len(chosen)}", fix="Name them")
    return chosen


def compare(question: Question, models: Sequence[str], answers: Answers, visitor: str | None) -> Iterator[list[Side]]:
    """Every model's answer, one after the other, as they grow; one that fails does not keep the others from it."""
    return answers.turns.run(lambda: _compare(question, models, answers), visitor)


def _compare(question: Question, models: Sequence[str], answers: Answers) -> Iterator[list[Side]]:
    sides = [Side(model) for model in models]
    for index, side in enumerate(sides):
        try:
            for step in answers.steps(question, side.model):
                sides[index] = _after(side, step, answers.models.computes(side.model))
                yield list(sides)
        except SmolkitError as exc:
            sides[index] = replace(side, state="failed", error=str(exc))
            yield list(sides)


def _after(side: Side, step: Opening | Progress, computes: str) -> Side:
    if isinstance(step, Opening):
        return replace(side, state=reading_line(step))
    state = "answered" if step.extraction else reading_line(step)
    return replace(side, state=state, computes=computes, raw=step.raw, extraction=step.extraction)


def values_by_field(template: Template, output: dict[str, Any]) -> dict[str, list[Any]]:
    """The values of each field of a template, as `items[].price`, in order; missing ones are left out."""
    found: dict[str, list[Any]] = {field: [] for field, _ in template.leaves()}
    for path, value in scalars(output):
        if value is not None and (field := _listed(field_of(path), found)) is not None:
            found[field].append(value)
    return found


def differing(template: Template, side: Side, first: Side) -> set[str]:
    """The fields in which a complete answer has other values than the first one."""
    if side is first or side.extraction is None or first.extraction is None:
        return set()
    here, there = (values_by_field(template, one.output) for one in (side, first))
    return {field for field in here if not _same(here[field], there[field])}


def right_fields(template: Template, scored: DocumentScore) -> dict[str, bool]:
    """Whether all of a field's values are the reference's, and none is missing or invented."""
    right = dict.fromkeys((field for field, _ in template.leaves()), True)
    for path, tally in scored.fields.items():
        field = _listed(path, right)
        if field is not None:
            right[field] = right[field] and tally.exact_tp == tally.n_ref == tally.n_pred
    return right


def judge(question: Question, side: Side, reference: dict[str, Any] | None) -> DocumentScore | None:
    """The score of a complete answer, where the right one is known."""
    if reference is None or side.extraction is None:
        return None
    return score(reference, side.output, template=question.template, text=question.text)


def results(question: Question, sides: Sequence[Side], reference: dict[str, Any] | None) -> list[dict[str, Any]]:
    """What `/compare` returns: an object for each model."""
    return [_result(question, side, sides[0], reference) for side in sides]


def _result(question: Question, side: Side, first: Side, reference: dict[str, Any] | None) -> dict[str, Any]:
    if side.extraction is None:
        return {"model": side.model, "error": side.error}
    result: dict[str, Any] = {
        "model": side.model,
        "output": side.output,
        "scores": side.extraction.scores,
        "differs": sorted(differing(question.template, side, first)),
        "figures": statistics(side.extraction, side.model, side.computes),
    }
    scored = judge(question, side, reference)
    if scored is not None:
        right = right_fields(question.template, scored)
        result |= {"f1": round(scored.f1, 4), "wrong": [field for field, fits in right.items() if not fits]}
    return result


def table(question: Question, sides: Sequence[Side], reference: dict[str, Any] | None) -> str:
    """The sides as an HTML table: a column for each model, a row for each figure and each field."""
    scores = [judge(question, side, reference) for side in sides]
    heads = "".join(f'<th scope="col">{html.escape(side.model)}</th>' for side in sides)
    rows = [_row(name, cells) for name, cells in _figures(sides, scores)]
    columns = [_column(question.template, side, sides[0], scored) for side, scored in zip(sides, scores, strict=True)]
    rows += [_row(field, [column[field] for column in columns]) for field in columns[0]]
    return (
        '<div class="comparison" tabindex="0" role="region" aria-label="Answers side by side">'
        f'<table><thead><tr><th scope="col">Field</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _figures(sides: Sequence[Side], scores: Sequence[DocumentScore | None]) -> Iterator[tuple[str, list[str]]]:
    done = [side.extraction for side in sides]
    yield "state", [html.escape(side.error or side.state) for side in sides]
    yield "run by", [html.escape(side.computes) for side in sides]
    yield "seconds", [f"{one.seconds:.1f}" if one else "" for one in done]
    yield "tokens/s", [f"{tokens_per_second(one):.0f}" if one else "" for one in done]
    if any(scores):
        yield "F1 Levenshtein", [f"<strong>{one.f1:.3f}</strong>" if one else "" for one in scores]


def _column(template: Template, side: Side, first: Side, scored: DocumentScore | None) -> dict[str, str]:
    """The values of one model by field, as HTML, with what is to be said of them."""
    other = differing(template, side, first)
    right = right_fields(template, scored) if scored else {}
    cells = {}
    for field, values in values_by_field(template, side.output).items():
        written = "; ".join(value if isinstance(value, str) else json.dumps(value) for value in values)
        notes = ["differs"] if field in other else []
        if right:
            notes.append("right" if right[field] else "wrong")
        cells[field] = html.escape(written) + "".join(f' <span class="{note}">{note}</span>' for note in notes)
    return cells


def _row(name: str, cells: Sequence[str]) -> str:
    return f'<tr><th scope="row">{html.escape(name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _listed(path: str, fields: dict[str, Any]) -> str | None:
    """The field of a template that a path is of; the template names a list of choices without brackets."""
    return next((name for name in (path, path.removesuffix("[]")) if name in fields), None)


def _same(one: list[Any], other: list[Any]) -> bool:
    return json.dumps(one) == json.dumps(other)
