"""Issues, made up from rules: what somebody types in a hurry, a template, and the issue that it should become.

Row i of a split depends on the seed, the split and i alone. The splits share no text; half of the test rows are about
features, symptoms and in wordings that no other row has (`seen` false). What the text does not say is null: an issue
without a word on how pressing it is has no priority, and one that tells no steps has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from smolkit.data.synth.issues.draw import Draw
from smolkit.data.synth.issues.prose import LOWER, WEIGHTS, write
from smolkit.data.synth.issues.report import draw_report
from smolkit.data.synth.issues.templates import build
from smolkit.data.synth.values import SPLITS, split_of
from smolkit.errors import DataError

LONGEST = 900
"""Characters of a text."""

KINDS = {"bug": 8, "feature": 4, "documentation": 2, "question": 2, "performance": 2, "security": 2, "usability": 2}
"""What the issues are about, and how often in a round of 22."""


def generate_issues(rows: int, seed: int, split: str = "train", unseen: bool | None = None) -> Iterator[dict[str, Any]]:
    """Yield rows {id, kind, seen, lang, text, template, output}; the same arguments yield the same rows anywhere.

    `unseen` picks the test rows of what training does not see, or does.
    """
    if split not in SPLITS:
        raise DataError(f"no such split: {split!r}", given=split, known=SPLITS)
    for number in range(rows):
        yield _row(number if unseen is None or split != "test" else 2 * number + unseen, seed, split)


def _row(index: int, seed: int, split: str) -> dict[str, Any]:
    """Row `index`, drawn again until its text belongs to the split and the answer holds something."""
    unseen = split == "test" and index % 2 == 1
    kind = _kind(index, seed, split)
    rng = Random(f"issue/{seed}/{split}/{index}")
    while True:
        text, template, output = _attempt(rng, kind, unseen)
        if len(text) <= LONGEST and split_of(text) == split and any(output.values()):
            break
    row = {"id": f"{split}-{seed}-{index}", "kind": kind, "seen": not unseen, "lang": "en"}
    return {**row, "text": text, "template": template, "output": output}


def _attempt(rng: Random, kind: str, unseen: bool) -> tuple[str, dict[str, Any], dict[str, Any]]:
    register = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    draw = Draw(rng, unseen, lower=rng.random() < LOWER.get(register, 0))
    report = draw_report(draw, kind)
    text = write(draw, register, report)
    return text, *build(draw, report, text)


def _kind(index: int, seed: int, split: str) -> str:
    """Kinds come in shuffled rounds, so that a short set holds them all."""
    kinds = [kind for kind, times in KINDS.items() for _ in range(times)]
    around, place = divmod(index, len(kinds))
    Random(f"issue/{seed}/{split}/round/{around}").shuffle(kinds)
    return kinds[place]
