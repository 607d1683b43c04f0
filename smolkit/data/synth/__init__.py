"""Annotated documents, made up from rules: rows on which a small model learns to fill JSON templates.

Row i of a split depends on the seed, the split and i alone, so rows can be made in parallel and a longer set begins
with the shorter one. The splits share no text; some kinds, key names, wordings and values are in the test split only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import count, islice
from random import Random
from typing import Any

from smolkit.data.synth import noise
from smolkit.data.synth.document import LAYOUTS, Writer
from smolkit.data.synth.kinds import SEEN, UNSEEN, load
from smolkit.data.synth.level import LEVELS, Level
from smolkit.data.synth.templates import Shape
from smolkit.data.synth.values import SPLITS, Draw, impossible, split_of
from smolkit.errors import DataError

KINDS = dict.fromkeys(SEEN, True) | dict.fromkeys(UNSEEN, False)
"""Every kind's name, and whether training sees it."""

ENGLISH = 0.5  # of the documents


def generate(
    rows: int, seed: int, split: str = "train", level: str = "full", unseen: bool | None = None
) -> Iterator[dict[str, Any]]:
    """Yield rows {id, kind, seen, lang, text, template, output}; the same arguments yield the same bytes anywhere.

    The level "plain" makes short documents, most of them labelled, and templates of strings to copy, which a few
    minutes of training can teach; `unseen` picks the test rows of kinds that training does not see, or does.
    """
    check_choices(split, level)
    wanted = (index for index in count() if unseen is None or KINDS[kind_of(index, seed, split)] is not unseen)
    yield from islice((make_row(index, seed, split, LEVELS[level]) for index in wanted), rows)


def check_choices(split: str, level: str) -> None:
    """Raise DataError for a split or a level that there is none of."""
    if split not in SPLITS:
        raise DataError(f"no such split: {split!r}", given=split, known=SPLITS)
    if level not in LEVELS:
        raise DataError(f"no such level: {level!r}", given=level, known=LEVELS)


def make_row(index: int, seed: int, split: str, level: Level = LEVELS["full"]) -> dict[str, Any]:
    """Row `index`, tried again until its text belongs to the split and the template asks for something."""
    name = kind_of(index, seed, split)
    rng = _random(seed, split, index)
    while True:
        row = _attempt(rng, name, split, level)
        if row is not None:
            return {"id": f"{split}-{seed}-{index}", "kind": name, "seen": name in SEEN, **row}


def kind_of(index: int, seed: int, split: str) -> str:
    """Kinds come in shuffled rounds, so that a short set holds them all; every other test row is of an unseen kind."""
    names = list(SEEN)
    if split == "test":
        names = list(UNSEEN) if index % 2 else names
        index //= 2
    around, place = divmod(index, len(names))
    _random(seed, split, f"round {around} of {names[0]}").shuffle(names)
    return names[place]


def _attempt(rng: Random, name: str, split: str, level: Level) -> dict[str, Any] | None:
    kind = load(name)
    others = [lang for lang in kind.phrases if lang != "en" and lang in (level.langs or kind.phrases)]
    lang = "en" if rng.random() < ENGLISH or not others else rng.choice(others)
    draw = Draw(rng, lang, split, kind.phrases[lang])
    record = kind.draw(draw)
    present = {field for field in record if field in kind.core or rng.random() > level.left_out} - impossible(record)
    writer = Writer(draw, record, present)
    layouts = level.layouts or kind.layouts
    layout = rng.choices(list(layouts), list(layouts.values()))[0]
    marked = LAYOUTS[layout](writer)
    disturbance = noise.choose(rng, marked, level.noisy)
    text = disturbance.text(marked).strip()
    if not writer.said or len(text) > level.longest or split_of(text) != split:
        return None
    keys = kind.phrases[lang if rng.random() < level.native_keys else "en"]
    template, output = Shape(name, writer, text, disturbance, keys, kind.groups, level).build()
    return {"lang": lang, "text": text, "template": template, "output": output} if asks_enough(template) else None


def asks_enough(template: dict[str, Any]) -> bool:
    """Whether a template has two keys, or one that holds more."""
    return len(template) > 1 or any(isinstance(node, dict | list) and node for node in template.values())


def _random(*parts: object) -> Random:
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()
    return Random(int.from_bytes(digest[:8], "big"))
