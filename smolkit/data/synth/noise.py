"""What scanners, terminals and typists do to a text, and to the values that are to be copied from it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from smolkit.data.synth.document import CLOSE_MARK, OPEN_MARK
from smolkit.data.synth.formats import strip_accents

MARKED = re.compile(f"({OPEN_MARK}[^{CLOSE_MARK}]*{CLOSE_MARK})")
CONFUSIONS = {"o": "0", "O": "0", "l": "1", "i": "1", "e": "c", "S": "5", "B": "8", "m": "rn"}
GUARD = "\ue002"  # a space inside a value, while lines are broken
CONFUSED = 0.04  # of the letters outside values that could be


@dataclass(frozen=True)
class Noise:
    """`everywhere` changes text and values alike, `between` only what stands outside values, `layout` line ends."""

    everywhere: Callable[[str], str] = str
    between: Callable[[str], str] = str
    layout: Callable[[str], str] = str

    def text(self, marked: str) -> str:
        """The text as a reader gets it, without marks."""
        parts = enumerate(MARKED.split(self.layout(marked)))
        return self.everywhere("".join(part[1:-1] if place % 2 else self.between(part) for place, part in parts))

    def value(self, text: str) -> str:
        """A verbatim value as it stands in that text."""
        return self.everywhere(text)


def choose(rng: Random, marked: str, share: float) -> Noise:
    """None for all but a share of the documents.

    Addresses of the net keep their letters: upper case would change what they mean.
    """
    if rng.random() > share:
        return Noise()
    found = [
        Noise(everywhere=strip_accents),
        Noise(between=lambda text: _confuse(rng, text)),
        _spaced(rng),
        _narrow(rng),
    ]
    if "@" not in marked and "www" not in marked and "http" not in marked:
        found += [Noise(everywhere=str.upper)]
    return rng.choice(found)


def _confuse(rng: Random, text: str) -> str:
    return "".join(CONFUSIONS[char] if char in CONFUSIONS and rng.random() < CONFUSED else char for char in text)


def _narrow(rng: Random) -> Noise:
    """Lines broken at a column, as on paper, but not within a value."""
    wrapper = textwrap.TextWrapper(
        rng.randint(38, 76), break_long_words=False, break_on_hyphens=False, expand_tabs=False, replace_whitespace=False
    )

    def layout(marked: str) -> str:
        guarded = MARKED.sub(lambda value: value.group().replace(" ", GUARD), marked)
        return "\n".join(wrapper.fill(line) for line in guarded.split("\n")).replace(GUARD, " ")

    return Noise(layout=layout)


def _spaced(rng: Random) -> Noise:
    wide = rng.choice((" ", "  ", "\n", "   "))
    return Noise(between=lambda text: re.sub(" ", lambda _: wide if rng.random() < 0.12 else " ", text))
