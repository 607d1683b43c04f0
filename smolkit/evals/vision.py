"""Scores rows of images: filled templates with F1 Levenshtein, answers and captions with ANLS.

A model that sees reads the images itself; or OCR reads them and a text model fills the templates. Either way is a
`Side`, so that both can stand in one table. What a leaf or an answer earns is not known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from smolkit.data.vision_rows import VisionRow
from smolkit.errors import DataError, RowErrors, SmolkitError, locate
from smolkit.evals.answers import AnswerResult, Question, score_answers
from smolkit.evals.extraction import EvalResult, score_predictions
from smolkit.evals.predictions import Row, match_answers, row_ids
from smolkit.runtime.asking import Asked, answer_all
from smolkit.runtime.extractor import Extraction, Extractor, Request
from smolkit.runtime.ocr import Reader
from smolkit.runtime.pictures import SeeingBackend, layout_of

Done = Callable[[int], None]
One = TypeVar("One")


@dataclass(frozen=True)
class VisionScores:
    """The two kinds of rows, each by its own measure; None for a kind that is not there."""

    fields: EvalResult | None
    answers: AnswerResult | None

    def figures(self) -> dict[str, Any]:
        """Those of the one kind, or both under their names."""
        kinds = {"fields": self.fields, "answers": self.answers}
        found = {name: result.figures() for name, result in kinds.items() if result is not None}
        return found if len(found) > 1 else next(iter(found.values()))


@dataclass(frozen=True)
class Cost:
    """What a run took, over all of its rows."""

    runtime: str
    """What ran the model, and with what."""
    documents: int
    seconds: dict[str, float]
    """By stage: `ocr`; `prompts`, images cut among it; `templates`; `questions`, with their images."""
    images: int
    image_tokens: int
    """Tokens that stand for images in the prompts; none where their text was read."""
    prompt_tokens: int
    new_tokens: int
    truncated: int
    """Answers that the token budget ended."""

    @property
    def documents_per_second(self) -> float:
        return self.documents / sum(self.seconds.values())

    def figures(self) -> dict[str, Any]:
        return {
            "runtime": self.runtime,
            "seconds": round(sum(self.seconds.values()), 2),
            "seconds_by_stage": {stage: round(seconds, 2) for stage, seconds in self.seconds.items()},
            "documents_per_second": round(self.documents_per_second, 3),
            "images": self.images,
            "image_tokens": self.image_tokens,
            "prompt_tokens": self.prompt_tokens,
            "new_tokens": self.new_tokens,
            "truncated": self.truncated,
        }


@dataclass(frozen=True)
class Side:
    """One way to read the images, with its scores and its cost."""

    name: str
    """image or ocr"""
    model: str
    scores: VisionScores
    cost: Cost

    def figures(self) -> dict[str, Any]:
        return {"read_by": self.name, "model": self.model, **self.scores.figures(), **self.cost.figures()}


@dataclass
class _Run:
    """What a model wrote for each row, by id, and what that took."""

    extractor: Extractor
    written: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    images: int = 0
    image_tokens: int = 0
    prompt_tokens: int = 0
    new_tokens: int = 0
    truncated: int = 0

    def take(self, row: VisionRow, written: str, answer: Any) -> None:
        """`answer` is an `Extraction` or a `Said`."""
        self.written[row.id] = written
        self.prompt_tokens += answer.prompt_tokens
        self.new_tokens += answer.new_tokens
        self.truncated += answer.truncated

    def predictions(self) -> list[dict[str, Any]]:
        return [{"id": row_id, "raw": written} for row_id, written in self.written.items()]

    def cost(self) -> Cost:
        return Cost(
            runtime=self.extractor.computes,
            documents=len(self.written),
            seconds=self.seconds,
            images=self.images,
            image_tokens=self.image_tokens,
            prompt_tokens=self.prompt_tokens,
            new_tokens=self.new_tokens,
            truncated=self.truncated,
        )


# ---- running


def see(
    extractor: Extractor,
    rows: Sequence[VisionRow],
    *,
    model: str = "",
    constrained: bool = True,
    max_new_tokens: int | None = None,
    on_done: Done = lambda count: None,
) -> Side:
    """Have a model that sees read every row's images, and score what it wrote.

    `max_new_tokens` is by default what templates and answers have each. Raises ModelError for a model of texts.
    """
    layout = layout_of(extractor.backend)
    budget = {} if max_new_tokens is None else {"max_new_tokens": max_new_tokens}
    images = [image for row in rows for image in row.images]
    tokens = sum(layout.count(*image.size) * layout.tokens for image in images)
    run = _Run(extractor, images=len(images), image_tokens=tokens)
    requests = [(row, Request("", row.template, row.images[0])) for row in rows if row.template is not None]
    _fill(run, requests, on_done, constrained=constrained, **budget)
    _answer(run, [row for row in rows if row.messages is not None], on_done, **budget)
    return Side("image", model, score_rows(rows, run.predictions()), run.cost())


def read(
    extractor: Extractor,
    rows: Sequence[VisionRow],
    *,
    model: str = "",
    file: str | Path | None = None,
    reader: Reader | None = None,
    on_done: Done = lambda count: None,
    **options: Any,
) -> Side:
    """Have OCR read every row's image and a text model fill its template, and score what it wrote.

    `options` are the fields of `smolkit.runtime.extractor.Options`. Raises DataError for rows that ask a question.
    """
    require_templates(rows, file)
    run, reader = _Run(extractor, images=len(rows)), reader or Reader()
    began = time.perf_counter()
    texts = {row.id: reader.text(row.images[0]) for row in _counted(rows, on_done)}
    run.seconds["ocr"] = time.perf_counter() - began
    requests = [(row, Request(texts[row.id], row.template)) for row in rows if row.template is not None]
    _fill(run, requests, on_done, **options)
    return Side("ocr", model, score_rows(rows, run.predictions(), texts=texts), run.cost())


def require_templates(rows: Sequence[VisionRow], file: str | Path | None) -> None:
    """Raises DataError naming the first row that has none: text out of an image fills templates alone."""
    for row in rows:
        if row.template is None:
            raise DataError(
                "text read by OCR fills templates, and this row asks a question",
                where=locate(file, row.line, "messages"),
                fix="Leave OCR out, or rows like this",
            )


def _fill(run: _Run, requests: Sequence[tuple[VisionRow, Request]], on_done: Done, **options: Any) -> None:
    if not requests:
        return
    began = time.perf_counter()
    found = run.extractor.extract_many([request for _, request in requests], **options)
    answers: list[Extraction] = list(_counted(found, on_done))
    decoding = sum(answer.seconds for answer in answers)
    run.seconds["prompts"] = time.perf_counter() - began - decoding
    run.seconds["templates"] = decoding
    for (row, _), answer in zip(requests, answers, strict=True):
        run.take(row, answer.raw, answer)


def _answer(run: _Run, rows: Sequence[VisionRow], on_done: Done, **budget: int) -> None:
    if not rows:
        return
    began = time.perf_counter()
    asked = [Asked(row.images, row.question) for row in rows]
    backend = cast(SeeingBackend, run.extractor.backend)
    answers = list(_counted(answer_all(backend, asked, **budget), on_done))
    run.seconds["questions"] = time.perf_counter() - began
    for row, answer in zip(rows, answers, strict=True):
        run.take(row, answer.text, answer)


def _counted(items: Iterable[One], on_done: Done) -> Iterator[One]:
    for item in items:
        yield item
        on_done(1)


# ---- scoring


def score_rows(
    rows: Sequence[VisionRow],
    predictions: Sequence[Row],
    *,
    texts: Mapping[str, str] | None = None,
    predictions_file: str | Path | None = None,
) -> VisionScores:
    """Score predictions `{id, output}` or `{id, raw}` against the rows; the answer to a question is its `raw`.

    `texts` are those of the images, for the verbatim rate. Raises RowErrors with every fault of the predictions.
    """
    forms = {row.id: row for row in rows if row.template is not None}
    asked = {row.id: row for row in rows if row.template is None}
    problems: list[SmolkitError] = []
    own_ids = any(row.id != str(row.line) for row in rows)
    found = match_answers(predictions, predictions_file, {*forms, *asked}, own_ids, problems)
    ids = row_ids(predictions, None, [])
    problems += [
        DataError(
            "the answer to a question is text, got a JSON value",
            where=locate(predictions_file, number, "output"),
            fix="Put what the model wrote under raw",
        )
        for number, (row_id, row) in enumerate(zip(ids, predictions, strict=True), start=1)
        if row_id in asked and row.get("output") is not None
    ]
    if problems:
        raise RowErrors(problems)
    filled = [{**row, "id": row_id} for row_id, row in zip(ids, predictions, strict=True) if row_id in forms]
    references = [_reference(row, texts) for row in forms.values()]
    answers = {row_id: answer.raw for row_id, answer in found.items() if row_id in asked}
    return VisionScores(
        fields=score_predictions(references, filled) if forms else None,
        answers=score_answers([*map(_question, asked.values())], answers) if asked else None,
    )


def _reference(row: VisionRow, texts: Mapping[str, str] | None) -> Row:
    assert row.template is not None
    reference = {
        "id": row.id,
        "template": row.template.source,
        "output": row.output,
        "accepted": row.accepted,
        "kind": row.kind,
        "lang": row.lang,
    }
    return reference if texts is None else {**reference, "text": texts[row.id]}


def _question(row: VisionRow) -> Question:
    """The text of the last turn, with all its right answers."""
    parts = row.question[-1]["content"] if row.question else ()
    text = " ".join(part["text"] for part in parts if part["type"] == "text").strip()
    return Question(row.id, text, row.answers, kind=row.kind, lang=row.lang)
