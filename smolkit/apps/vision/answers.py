"""Answers about images: one at a time, each within its time, the model opened when it is needed.

This module knows no page.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from smolkit.apps.extraction.answers import Opening
from smolkit.apps.extraction.figures import reading_line
from smolkit.apps.models import Models
from smolkit.apps.turns import Turns
from smolkit.apps.vision.figures import Seen, Text, Timing, figures_of
from smolkit.apps.vision.inputs import VISION
from smolkit.apps.vision.models import Readers
from smolkit.data.images import ImageSource
from smolkit.errors import DataError, ModelError, RuntimeUnavailable
from smolkit.extraction.template import Template
from smolkit.runtime.asking import follow
from smolkit.runtime.extractor import Extraction, Extractor
from smolkit.runtime.ocr import Reader
from smolkit.runtime.pictures import SeeingBackend, layout_of

MAX_SECONDS = 120.0
"""How long one answer may take, not counting the wait for it and the opening of its model."""


@dataclass(frozen=True)
class Step:
    """Where an answer stands."""

    stage: str
    """As a line of the page."""
    text: str = ""
    """The answer so far."""
    ocr: str = ""
    """The text in the image, once OCR has read it."""
    extraction: Extraction | None = None
    """Of a template, at its end."""
    figures: dict[str, Any] | None = None
    """At the end, and not before."""


@dataclass
class Answers:
    """What tabs and endpoints ask. Models are named as in `readers`; a visitor is Gradio's session, if any.

    A caller that stops iterating stops the model. Raises DataError for a name that is not listed, ModelError where no
    model sees, RuntimeUnavailable when the time is over.
    """

    readers: Readers
    turns: Turns = field(default_factory=Turns)

    @property
    def can_see(self) -> bool:
        return self.readers.seeing is not None

    def fill(
        self, image: ImageSource, template: Template, way: str, model: str, visitor: str | None = None
    ) -> Iterator[Step]:
        """The template filled from an image, by a model that sees or, where `way` is OCR, from the text in it."""
        if way == VISION:
            name = self._seeing.find(model)
            return self.turns.run(lambda: self._fill_seeing(image, template, name), visitor)
        name = self.readers.reading.find(model)
        return self.turns.run(lambda: self._fill_reading(image, template, name), visitor)

    def ask(self, image: ImageSource, question: str, model: str, visitor: str | None = None) -> Iterator[Step]:
        """The answer to a question about an image."""
        name = self._seeing.find(model)
        return self.turns.run(lambda: self._ask(image, question, name), visitor)

    def read(self, image: ImageSource) -> str:
        """The text in an image, "" where there is none."""
        *_, text = self.turns.run(lambda: iter([self._ocr.text(image)]))
        return text

    @cached_property
    def _ocr(self) -> Reader:
        return Reader()

    @property
    def _seeing(self) -> Models:
        if self.readers.seeing is None:
            fix = "Have its text read (OCR), or serve a SmolVLM with --model"
            raise ModelError("no model here sees an image", fix=fix)
        return self.readers.seeing

    def _fill_seeing(self, image: ImageSource, template: Template, model: str) -> Iterator[Step]:
        models = self._seeing
        yield from _opening(models, model)
        extractor = models.get(model)
        seen, clock = Seen.of(image, layout_of(extractor.backend)), Clock()
        for step in extractor.follow("", template, image=image):
            if step.extraction is None:
                clock.check(step.raw, extractor)
                yield Step("writing" if step.raw else "looking at the image", step.raw)
            else:
                figures = figures_of(step.extraction, seen, clock.read(), model, models.computes(model))
                yield Step("done", step.raw, extraction=step.extraction, figures=figures)

    def _fill_reading(self, image: ImageSource, template: Template, model: str) -> Iterator[Step]:
        models = self.readers.reading
        yield Step("reading the text in the image")
        began = time.monotonic()
        text = self._ocr.text(image)
        read = Text(len(text), time.monotonic() - began)
        if not text:
            raise DataError("there is no text in this image that OCR could read", fix="Send a sharper or larger one")
        yield from _opening(models, model, text)
        extractor, clock = models.get(model), Clock()
        for step in extractor.follow(text, template):
            if step.extraction is None:
                clock.check(step.raw, extractor)
                yield Step(reading_line(step), step.raw, text)
            else:
                figures = figures_of(step.extraction, read, clock.read(), model, models.computes(model))
                yield Step("done", step.raw, text, step.extraction, figures)

    def _ask(self, image: ImageSource, question: str, model: str) -> Iterator[Step]:
        models = self._seeing
        yield from _opening(models, model)
        extractor = models.get(model)
        seen, clock = Seen.of(image, layout_of(extractor.backend)), Clock()
        yield Step("looking at the image")
        for said in follow(cast("SeeingBackend", extractor.backend), [image], question):
            clock.check(said.text, extractor)
            yield Step("writing", said.text)
        yield Step("done", said.text, figures=figures_of(said, seen, clock.read(), model, models.computes(model)))


class Clock:
    """The seconds of one answer, from when its model is open."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first: float | None = None
        self._first_tokens = 0

    def check(self, text: str, extractor: Extractor) -> None:
        """After each step, with the answer so far. Raises RuntimeUnavailable when the time is over."""
        seconds = time.monotonic() - self._began
        if text and self._first is None:
            self._first, self._first_tokens = seconds, len(extractor.backend.encode(text, special=False))
        if seconds > MAX_SECONDS:
            raise RuntimeUnavailable(
                f"the answer took more than {MAX_SECONDS:.0f} s and was stopped",
                fix="Send a smaller image, or a template with fewer fields",
            )

    def read(self) -> Timing:
        return Timing(time.monotonic() - self._began, self._first, self._first_tokens)


def _opening(models: Models, model: str, ocr: str = "") -> Iterator[Step]:
    """What comes before the first step of a model that is not open: it takes seconds to load."""
    if not models.has_open(model):
        yield Step(reading_line(Opening(model)), ocr=ocr)


def last_of(steps: Iterator[Step]) -> Step:
    """The end of an answer."""
    *_, last = steps
    assert last.figures is not None
    return last
