"""Scores short answers - to questions, or captions - against the accepted ones, and says which came out worst.

How near two texts are is the business of `smolkit.extraction.anls`; which model gave the answers is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from smolkit.extraction.anls import anls, is_exact
from smolkit.extraction.metric import Tally, bootstrap_f1

NAME = "ANLS"
"""What every table calls the headline."""


@dataclass(frozen=True)
class Question:
    """What is to be answered. `accepted` are all right answers, the reference first; `text` is for reports."""

    id: str
    text: str
    accepted: tuple[str, ...]
    kind: str | None = None
    lang: str | None = None


@dataclass(frozen=True)
class ScoredAnswer:
    """A question beside its answer, which is None where there is none."""

    question: Question
    answer: str | None

    @cached_property
    def anls(self) -> float:
        return 0.0 if self.answer is None else anls(self.answer, self.question.accepted)

    @cached_property
    def exact(self) -> bool:
        return self.answer is not None and is_exact(self.answer, self.question.accepted)


@dataclass(frozen=True)
class AnswerScore:
    """The figures over some answers."""

    answers: int
    anls: float
    anls_ci95: tuple[float, float]
    exact: float

    def figures(self) -> dict[str, Any]:
        return {"answers": self.answers, "anls": self.anls, "anls_ci95": list(self.anls_ci95), "exact": self.exact}


@dataclass(frozen=True)
class AnswerResult:
    """Every answer and the figures over them."""

    answers: list[ScoredAnswer]
    seed: int = 0

    @cached_property
    def score(self) -> AnswerScore:
        return _score(self.answers, self.seed)

    @cached_property
    def by_kind(self) -> dict[str, AnswerScore]:
        """The figures by the questions' `kind`; empty where none has one."""
        return self._by(lambda question: question.kind)

    @cached_property
    def by_lang(self) -> dict[str, AnswerScore]:
        return self._by(lambda question: question.lang)

    @property
    def missing(self) -> list[str]:
        """Ids of the questions without an answer; they earn nothing."""
        return [one.question.id for one in self.answers if one.answer is None]

    def worst(self, count: int = 10) -> list[ScoredAnswer]:
        """The answers that earned least, in the order of the rows; perfect ones are left out."""
        return [one for one in sorted(self.answers, key=lambda one: one.anls) if one.anls < 1][:count]

    def figures(self) -> dict[str, Any]:
        """Every figure as JSON values."""
        return {
            "metric": NAME,
            **self.score.figures(),
            "missing": len(self.missing),
            "by_kind": {name: score.figures() for name, score in self.by_kind.items()},
            "by_lang": {name: score.figures() for name, score in self.by_lang.items()},
        }

    def _by(self, key: Callable[[Question], str | None]) -> dict[str, AnswerScore]:
        groups: dict[str, list[ScoredAnswer]] = {}
        for one in self.answers:
            groups.setdefault(key(one.question) or "(none)", []).append(one)
        if groups.keys() == {"(none)"}:
            return {}
        return {name: _score(groups[name], self.seed) for name in sorted(groups)}


def score_answers(questions: Sequence[Question], answers: Mapping[str, str], *, seed: int = 0) -> AnswerResult:
    """Score the answers, given by the id of the question. Raises ValueError without questions."""
    if not questions:
        raise ValueError("no questions to score")
    return AnswerResult([ScoredAnswer(question, answers.get(question.id)) for question in questions], seed)


def _score(answers: Sequence[ScoredAnswer], seed: int) -> AnswerScore:
    # One leaf on each side makes an F1 the mean of what was earned, and its interval that of the mean.
    earned = [Tally(tp=one.anls, n_pred=1, n_ref=1) for one in answers]
    return AnswerScore(
        answers=len(answers),
        anls=sum(one.anls for one in answers) / len(answers),
        anls_ci95=bootstrap_f1(earned, seed=seed),
        exact=sum(one.exact for one in answers) / len(answers),
    )
