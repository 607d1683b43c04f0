"""Short chats with answers that can be computed, and pairs of a good and a bad answer: rows for smoke runs.

Row i of a split depends on the seed, the split and i alone. The splits ask with other numbers: which split a question
belongs to is told by a hash of its text. These rows show that a run works; they teach no model to converse.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

SPLITS = ("train", "dev", "test")
_SHARES = {"train": range(8), "dev": range(8, 9), "test": range(9, 10)}

Asked = tuple[str, str, str]
"""A question, its answer, and an answer that is wrong."""

_NAMES = ("Anna", "Ben", "Chloé", "David", "Elif", "Farid", "Greta", "Hugo")
_THINGS = (
    "apples",
    "books",
    "candles",
    "doors",
    "eggs",
    "forks",
    "gloves",
    "hats",
    "ink pots",
    "jars",
    "keys",
    "lamps",
)
_UNITS = (
    ("kilometres", "metres", 1000),
    ("metres", "centimetres", 100),
    ("kilograms", "grams", 1000),
    ("litres", "millilitres", 1000),
    ("hours", "minutes", 60),
    ("weeks", "days", 7),
)
_FOLLOW_UPS = ("And {}", "Thanks. {}", "One more: {}")
_RAMBLING = (
    "That is a very good question, and I am glad that you asked it. There are many things to consider here, and people "
    "have thought about them for a long time. Before we begin, let me say that numbers matter in many parts of life.",
    "Great question! Questions such as this one come up again and again, and it is worth taking some time over them. "
    "As an assistant, I am always happy to help with all kinds of requests, whatever they may be about.",
    "Well, it depends on how you look at it, and there may be more than one way to look at it. Let us first of all "
    "think about what is being asked, and why somebody might ask it, and only then about what could be said.",
)


def generate_chats(rows: int, seed: int, split: str = "train") -> Iterator[dict[str, Any]]:
    """Yield rows {id, messages} of one to three questions; the same arguments yield the same rows anywhere."""
    for index in range(rows):
        rng = Random(f"chat/{seed}/{split}/{index}")
        messages = []
        for turn in range(rng.choice((1, 1, 2, 3))):
            question, answer, _ = _ask(rng, split)
            follow_up = rng.choice(_FOLLOW_UPS) if turn else "{}"
            messages.append({"role": "user", "content": follow_up.format(question)})
            messages.append({"role": "assistant", "content": answer})
        yield {"id": f"{split}-{seed}-{index}", "messages": messages}


def generate_pairs(rows: int, seed: int, split: str = "train") -> Iterator[dict[str, Any]]:
    """Yield rows {id, prompt, chosen, rejected}: a short right answer beside a wrong one or one that rambles."""
    for index in range(rows):
        rng = Random(f"pair/{seed}/{split}/{index}")
        question, answer, wrong = _ask(rng, split)
        rejected = f"{rng.choice(_RAMBLING)} {answer}" if rng.random() < 0.6 else wrong
        yield {"id": f"{split}-{seed}-{index}", "prompt": question, "chosen": answer, "rejected": rejected}


def _ask(rng: Random, split: str) -> Asked:
    """A question of the split, drawn again until it is one."""
    while True:
        asked = rng.choice(_KINDS)(rng)
        if zlib.crc32(asked[0].encode()) % 10 in _SHARES[split]:
            return asked


def _sum(rng: Random) -> Asked:
    name, thing = rng.choice(_NAMES), rng.choice(_THINGS)
    a, b = rng.randint(2, 60), rng.randint(2, 60)
    question = f"{name} has {a} {thing} and gets {b} more. How many {thing} does {name} have now?"
    return question, f"{name} has {a + b} {thing}.", f"{name} has {a + b + rng.choice((-10, -1, 1, 10))} {thing}."


def _product(rng: Random) -> Asked:
    a, b = rng.randint(2, 12), rng.randint(2, 12)
    return (
        f"What is {a} times {b}?",
        f"{a} times {b} is {a * b}.",
        f"{a} times {b} is {a * b + rng.choice((-2, 1, 3))}.",
    )


def _conversion(rng: Random) -> Asked:
    larger, smaller, factor = rng.choice(_UNITS)
    amount = rng.randint(2, 40)
    question = f"How many {smaller} are {amount} {larger}?"
    wrong = amount * factor // 10 if factor % 10 == 0 else amount * factor + 1
    return question, f"{amount} {larger} are {amount * factor} {smaller}.", f"{amount} {larger} are {wrong} {smaller}."


def _weekday(rng: Random) -> Asked:
    day = date(2020, 1, 1) + timedelta(days=rng.randrange(3650))
    later, other = day + timedelta(days=1), day + timedelta(days=rng.choice((2, 3, 5)))
    said = f"{day:%B} {day.day}, {day.year}"
    return f"{said} is a {day:%A}. Which weekday follows?", f"A {later:%A}.", f"A {other:%A}."


def _order(rng: Random) -> Asked:
    things = rng.sample(_THINGS, 4)
    answer = ", ".join(sorted(things))
    return f"Put these in alphabetical order: {', '.join(things)}.", f"{answer}.", f"{', '.join(sorted(things)[::-1])}."


def _count(rng: Random) -> Asked:
    things = rng.sample(_THINGS, rng.randint(3, 7))
    question = f"How many items are on this list? {', '.join(things)}"
    return question, f"There are {len(things)} items.", f"There are {len(things) + rng.choice((-1, 1, 2))} items."


_KINDS: tuple[Callable[[Random], Asked], ...] = (_sum, _product, _conversion, _weekday, _order, _count)
