"""Labels of points in a plot: beside each a text, where one fits that covers no point and no other text."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

LETTER, LINE = 6.2, 13.0
"""Pixels of a letter and of a line, about."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def place_labels(labels: Sequence[str], places: Sequence[tuple[float, float]], frame: Box) -> list[str]:
    """For each point, by its pixels, a text inside the frame; nothing where none fits."""
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    texts = []
    for label, place in zip(labels, places, strict=True):
        boxes = _boxes(len(label) * LETTER, *place)
        box = next((box for box in boxes if _within(box, frame) and not any(meet(box, one) for one in taken)), None)
        if box is None:
            texts.append("")
            continue
        taken.append(box)
        texts.append(f'<text class="label" x="{box[0]:.1f}" y="{box[1] + 10:.1f}">{html.escape(label)}</text>')
    return texts


def _boxes(length: float, x: float, y: float) -> Iterator[Box]:
    """Where a text may stand, the best place first."""
    corners = [
        (x + 8, y - 6), (x - 8 - length, y - 6), (x - length / 2, y - 20), (x - length / 2, y + 7),
        (x + 7, y - 18), (x + 7, y + 6), (x - 7 - length, y - 18), (x - 7 - length, y + 6),
    ]  # fmt: skip
    return ((left, top, left + length, top + LINE) for left, top in corners)


def _within(box: Box, frame: Box) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def meet(one: Box, other: Box) -> bool:
    """Whether two boxes have room in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def cut(text: str, letters: int) -> str:
    """A text of at most so many letters, with an ellipsis where there were more."""
    return text if len(text) <= letters else text[: max(1, letters - 1)] + "…"
