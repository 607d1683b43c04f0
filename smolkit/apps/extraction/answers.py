"""Answers of an app's models: one at a time, each within its time, the model opened when it is needed.

This module knows no page.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from smolkit.apps.models import Models
from smolkit.apps.turns import Turns
from smolkit.errors import RuntimeUnavailable
from smolkit.extraction.template import Template
from smolkit.runtime.extractor import Extraction, Progress
from smolkit.runtime.proposal import propose_template

MAX_SECONDS = 120.0
"""How long one answer may take, not counting the wait for it and the opening of its model."""


@dataclass(frozen=True)
class Question:
    """A text, the template to fill from it, and whether blank fields, too, are held to words of the text."""

    text: str
    template: Template
    verbatim: bool = False


@dataclass(frozen=True)
class Opening:
    """What comes before the first step of a model that is not open: it takes seconds to load."""

    name: str


@dataclass
class Answers:
    """What tabs and endpoints ask. Models are named as in `models.names`; a visitor is Gradio's session, if any."""

    models: Models
    turns: Turns = field(default_factory=Turns)

    def follow(self, question: Question, model: str, visitor: str | None = None) -> Iterator[Opening | Progress]:
        """The answer step by step; a caller that stops iterating stops the model.

        Raises RuntimeUnavailable when the time is over.
        """
        return self.turns.run(lambda: self.steps(question, model), visitor)

    def run(self, question: Question, model: str, visitor: str | None = None) -> Extraction:
        """The answer at once. Raises RuntimeUnavailable when the time is over."""
        *_, last = self.follow(question, model, visitor)
        assert isinstance(last, Progress)
        assert last.extraction is not None
        return last.extraction

    def propose(self, text: str, model: str, visitor: str | None = None) -> Iterator[Opening | str]:
        """Growing templates for a text, as JSON text; the last one is the proposal.

        Raises DataError where nothing is found, RuntimeUnavailable when the time is over.
        """
        return self.turns.run(lambda: self._proposals(text, model), visitor)

    def steps(self, question: Question, model: str) -> Iterator[Opening | Progress]:
        """As `follow`, for a caller whose turn it is."""
        if not self.models.has_open(model):
            yield Opening(model)
        extractor = self.models.get(model)
        ends = time.monotonic() + MAX_SECONDS
        for step in extractor.follow(question.text, question.template, verbatim=question.verbatim):
            if step.extraction is None:
                _check_time(ends)
            yield step

    def _proposals(self, text: str, model: str) -> Iterator[Opening | str]:
        if not self.models.has_open(model):
            yield Opening(model)
        extractor = self.models.get(model)
        ends = time.monotonic() + MAX_SECONDS
        for template in propose_template(extractor, text):
            _check_time(ends)
            yield template


def _check_time(ends: float) -> None:
    if time.monotonic() > ends:
        raise RuntimeUnavailable(
            f"the answer took more than {MAX_SECONDS:.0f} s and was stopped",
            fix="Send a shorter text, or a template with fewer fields",
        )
