"""Where a value stands in its document: white space collapsed, offsets kept.

A copied value has every run of white space as one space, while the document has line breaks and tabs. `collapse`
gives the text in which values are searched and the way back to the document. It knows no template.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_WORD = re.compile(r"\S+")


class Span(NamedTuple):
    """Characters `start` up to but not including `end` of the document."""

    start: int
    end: int


@dataclass(frozen=True)
class Collapsed:
    """`text` has single spaces and none at its ends; `offsets[i]` is where its character i stands in the document.

    A space stands for the whole run of white space; its offset is the run's first character.
    """

    text: str
    offsets: array[int]


def collapse(text: str) -> Collapsed:
    """White space collapsed to single spaces, as `" ".join(text.split())`, with the offsets of what is left."""
    words: list[str] = []
    offsets = array("q")
    for found in _WORD.finditer(text):
        if words:
            offsets.append(offsets[-1] + 1)
        words.append(found[0])
        offsets.extend(range(*found.span()))
    return Collapsed(" ".join(words), offsets)


def find_spans(collapsed: Collapsed, value: str, start: int = 0) -> list[Span]:
    """Every place of `value` at or after the document's offset `start`, in order.

    Places that cut no word in two, or all where there is none such: "12" is not sought inside "2012".
    """
    places = list(_places(collapsed, value, start))
    whole = [span for span, cuts in places if not cuts]
    return whole or [span for span, _ in places]


def find_span(collapsed: Collapsed, value: str, start: int = 0) -> Span | None:
    """The first of `find_spans`, or None."""
    first: Span | None = None
    for span, cuts in _places(collapsed, value, start):
        if not cuts:
            return span
        first = first or span
    return first


def _places(collapsed: Collapsed, value: str, start: int) -> Iterator[tuple[Span, bool]]:
    """Each place, and whether a word goes on beyond it."""
    wanted = " ".join(value.split())
    text, offsets = collapsed.text, collapsed.offsets
    at = text.find(wanted, bisect_left(offsets, start)) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        yield Span(offsets[at], offsets[end - 1] + 1), _inside_word(text, at) or _inside_word(text, end)
        at = text.find(wanted, at + 1)


def _inside_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()
