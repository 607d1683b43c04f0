"""Where a value stands in its document: white space collapsed, offsets kept.

A copied value has every run of white space as one space, while the document has line breaks and tabs. `collapse`
gives the text in which values are searched and the way back to the document. It knows no template.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
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


def find_span(collapsed: Collapsed, value: str, start: int = 0) -> Span | None:
    """The first place of `value` at or after the document's offset `start`, or None.

    A place that cuts no word in two goes before an earlier one that does: "12" is not sought inside "2012".
    """
    wanted = " ".join(value.split())
    if not wanted:
        return None
    cut: Span | None = None
    text, offsets = collapsed.text, collapsed.offsets
    at = text.find(wanted, bisect_left(offsets, start))
    while at >= 0:
        end = at + len(wanted)
        span = Span(offsets[at], offsets[end - 1] + 1)
        if not _inside_word(text, at) and not _inside_word(text, end):
            return span
        cut = cut or span
        at = text.find(wanted, at + 1)
    return cut


def _inside_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()
