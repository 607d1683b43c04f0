"""How hard the rows are: everything that a few minutes of training cannot teach has a switch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CASES = {"snake": 9, "camel": 4, "title": 3, "spaces": 2, "sentence": 2, "pascal": 1, "upper": 1}


@dataclass(frozen=True)
class Level:
    """`layouts` and `langs` of None are the kind's own; `copied` templates hold only strings and lists of strings."""

    longest: int
    """Characters of a text."""
    most_said: int
    """Fields that a template asks for and the document says."""
    asked_in_vain: float
    """Fields asked for beside each of them that it does not say."""
    left_out: float
    """Of the fields that are not core, those that a document does not say."""
    native_keys: float
    """Share of the templates with keys in the language of the document; the others' are English."""
    nested: float = 0.0
    """Share of the templates that put a group of fields under a key of its own."""
    wrapped: float = 0.0
    """Share of the templates that hold everything under one key."""
    noisy: float = 0.0
    """Share of the documents that went through a scanner, a terminal or a typist."""
    copied: bool = False
    blank: float = 0.5
    """Share of the templates in blank style."""
    same_words: float = 0.0
    """Share of the keys that repeat the document's label where they could."""
    cases: Mapping[str, int] = field(default_factory=lambda: dict(CASES))
    """How keys are written, and how often."""
    langs: tuple[str, ...] | None = None
    layouts: Mapping[str, int] | None = None


LEVELS = {
    "full": Level(
        longest=900,
        most_said=8,
        asked_in_vain=0.24,
        left_out=0.25,
        native_keys=0.35,
        nested=0.4,
        wrapped=0.05,
        noisy=0.22,
    ),
    "plain": Level(
        longest=200,
        most_said=6,
        asked_in_vain=0.06,
        left_out=0.55,
        native_keys=0.5,
        copied=True,
        blank=1.0,
        same_words=0.7,
        cases={"snake": 4, "title": 1, "spaces": 1, "sentence": 1},
        langs=("en", "fr"),
        layouts={"lines": 5, "mixed": 1, "one_line": 1},
    ),
}
