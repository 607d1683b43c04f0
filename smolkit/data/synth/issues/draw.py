"""The random choices of one issue, and the words they are made of. Knows no register and no template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from smolkit.data.synth.issues import pools
from smolkit.data.synth.pools import SYLLABLES
from smolkit.data.synth.values import split_of

EntryT = TypeVar("EntryT")

SMALLEST_OPEN_POOL = 6
_SLOT = re.compile(r"\{(\w+(?:-\d+)?)\}")
_RANGE = re.compile(r"(\d+)-(\d+)")
_NAME = re.compile(r"\^(\w)")


def entries(pool: str) -> list[str]:
    """The lines of a pool, or its parts between bars."""
    return [entry.strip() for entry in re.split(r"\n|\|", pool) if entry.strip()]


@dataclass
class Draw:
    """`unseen` draws from what is held out of training; `lower` writes names on the screen in lower case."""

    rng: Random
    unseen: bool = False
    lower: bool = False
    known: dict[str, str] = field(default_factory=dict)
    """What a slot stands for in the whole issue, as far as it is settled."""

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def one(self, pool: str) -> str:
        """An entry of a pool, filled."""
        return self.fill(self.wording(pool))

    def wording(self, pool: str) -> str:
        """An entry of a pool as it stands, to be filled by who asks."""
        return self.rng.choice(self.share(entries(pool)))

    def pair(self, pool: str) -> tuple[str, str]:
        """What the issue tells and how the text says it, from an entry of a pool."""
        return self.halves(self.wording(pool))

    def halves(self, entry: str) -> tuple[str, str]:
        """The two sides of an entry, filled alike; "-" tells nothing, and a single wording is also said."""
        told, *said = self.fill(entry).split(" ~ ")
        return "" if told == "-" else told, self.rng.choice(said or [told])

    def share(self, found: Sequence[EntryT]) -> Sequence[EntryT]:
        """Every sixth entry is held out; a short pool belongs to all."""
        if len(found) < SMALLEST_OPEN_POOL:
            return found
        return [entry for place, entry in enumerate(found) if (place % 6 == 5) is self.unseen]

    def product(self) -> str:
        """A name from the pool, or one that no pool holds, so that copying it is the only way to know it."""
        if self.chance(0.4):
            return self.one(pools.PRODUCTS)
        while True:
            name = "".join(self.rng.choice(part.split("|")) for part in SYLLABLES)
            if (split_of(name) == "test") is self.unseen:
                return name

    def fill(self, entry: str) -> str:
        """The entry with its slots filled: `{2-9}` by a number, others by what they mean in this issue."""
        numbers: dict[str, str] = {}

        def value(slot: re.Match[str]) -> str:
            name = slot[1]
            if bounds := _RANGE.fullmatch(name):
                return numbers.setdefault(name, str(self.rng.randint(int(bounds[1]), int(bounds[2]))))
            return self.slot(name)

        filled = _SLOT.sub(value, entry)
        return _NAME.sub(lambda found: found[1].lower() if self.lower else found[1], filled)

    def slot(self, name: str) -> str:
        if name not in self.known:
            pool = {"day": pools.DAYS, "month": pools.MONTHS, "flag": pools.FLAGS, "format": pools.FORMATS}[name]
            self.known[name] = self.rng.choice(pool.split("|"))
        return self.known[name]


# ---- words

_PAST = {
    "choose": "chose",
    "do": "did",
    "go": "went",
    "hold": "held",
    "leave": "left",
    "pay": "paid",
    "put": "put",
    "read": "read",
    "run": "ran",
    "send": "sent",
    "set": "set",
    "write": "wrote",
}
_DOUBLED = ("drag", "drop", "log", "map", "plug", "put", "run", "scan", "set", "skip", "stop", "submit", "tap", "zip")


def past(step: str) -> str:
    """ "press Export" -> "pressed Export"."""
    verb, _, rest = step.partition(" ")
    if verb in _PAST:
        form = _PAST[verb]
    elif verb.endswith("e"):
        form = f"{verb}d"
    elif verb.endswith("y") and verb[-2] not in "aeiou":
        form = f"{verb[:-1]}ied"
    else:
        form = f"{_stem(verb)}ed"
    return f"{form} {rest}".strip()


def gerund(step: str) -> str:
    """ "press Export" -> "pressing Export"."""
    verb, _, rest = step.partition(" ")
    stem = verb[:-1] if verb.endswith("e") and not verb.endswith("ee") else _stem(verb)
    return f"{stem}ing {rest}".strip()


def _stem(verb: str) -> str:
    return verb + verb[-1] if verb in _DOUBLED else verb


def capital(text: str) -> str:
    """The text with a capital first letter, unless it begins with a name such as iCal."""
    first = text.partition(" ")[0]
    return text if first != first.lower() else text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """The text as a sentence: capital letter, full stop."""
    text = capital(text)
    return text if text.endswith((".", "!", "?")) else f"{text}."


def listed(parts: Sequence[str], last: str = "and") -> str:
    """ "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"
