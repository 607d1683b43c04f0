"""Coloured shapes side by side, and what they are from left to right.

A description belongs to one split: in the dev and test splits no sequence of shapes is one that training saw, though
every colour and every shape of theirs is in the training split.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from random import Random
from typing import TYPE_CHECKING, Any

from smolkit.data.synth.values import split_of

if TYPE_CHECKING:
    from PIL import Image

SIDE = 128
"""Pixels of a picture, which is square."""
MOST = 3
"""Shapes in a picture."""
WITH_TEMPLATE = 0.25
"""Of the rows; the others are conversations."""
COLOURS = {
    "red": (220, 30, 40),
    "green": (20, 150, 60),
    "blue": (30, 80, 220),
    "yellow": (250, 205, 20),
    "purple": (140, 50, 170),
    "black": (20, 20, 20),
}
QUESTIONS = (
    "What is in the picture?",
    "What do you see in this picture?",
    "Which shapes are there, from left to right?",
    "Name the shapes and their colours.",
)

Named = tuple[str, str]
"""A colour and a shape."""
Point = tuple[float, float]

_EDGE, _GAP = 8, 6
_SMALLEST, _LARGEST = 26, 64
_FINER = 4
"""Shapes are drawn larger by so much and reduced, for smooth edges."""


def generate_shapes(rows: int, seed: int, split: str) -> Iterator[dict[str, Any]]:
    """Yield rows {id, images, messages} or {id, image, template, output}, one picture each, and their kind and lang."""
    for index in range(rows):
        rng = Random(f"shapes/{seed}/{split}/{index}")
        named = _choose(rng, split)
        image = draw_shapes(named, rng)
        row = _with_template(named, image) if rng.random() < WITH_TEMPLATE else _conversation(named, image, rng)
        yield {"id": f"{split}-{seed}-{index}", **row, "kind": "shapes", "lang": "en"}


def describe(named: list[Named]) -> str:
    """As "a red circle, a blue square and a black star"."""
    *others, last = [f"a {colour} {shape}" for colour, shape in named]
    return f"{', '.join(others)} and {last}" if others else last


def draw_shapes(named: list[Named], rng: Random) -> Image.Image:
    """The shapes from left to right on a pale ground; no column of pixels has two of them."""
    from PIL import Image, ImageDraw

    grounds = [rng.randint(228, 255)] * 3
    large = Image.new("RGB", (SIDE * _FINER, SIDE * _FINER), tuple(grounds))
    draw = ImageDraw.Draw(large)
    for (colour, shape), (x, y, side) in zip(named, _places(len(named), rng), strict=True):
        corners = [((x + px * side) * _FINER, (y + py * side) * _FINER) for px, py in SHAPES[shape]()]
        draw.polygon(corners, fill=COLOURS[colour])
    return large.reduce(_FINER)


def _choose(rng: Random, split: str) -> list[Named]:
    """A sequence of the split, drawn again until it is one."""
    while True:
        count = rng.randint(1, MOST)
        named = [(rng.choice(list(COLOURS)), rng.choice(list(SHAPES))) for _ in range(count)]
        if split_of(describe(named)) == split:
            return named


def _places(count: int, rng: Random) -> list[tuple[float, float, float]]:
    """Left, top and side of each shape, in pixels and apart from one another."""
    room = SIDE - 2 * _EDGE - (count - 1) * _GAP
    sides = [rng.uniform(_SMALLEST, min(_LARGEST, room / count)) for _ in range(count)]
    shifts = sorted(rng.uniform(0, room - sum(sides)) for _ in range(count))
    return [
        (_EDGE + sum(sides[:place]) + place * _GAP + shift, rng.uniform(_EDGE, SIDE - _EDGE - side), side)
        for place, (side, shift) in enumerate(zip(sides, shifts, strict=True))
    ]


def _conversation(named: list[Named], image: Image.Image, rng: Random) -> dict[str, Any]:
    asked = {"role": "user", "content": f"<image>{rng.choice(QUESTIONS)}"}
    return {"images": [image], "messages": [asked, {"role": "assistant", "content": describe(named)}]}


def _with_template(named: list[Named], image: Image.Image) -> dict[str, Any]:
    template = {"shapes": [{"colour": list(COLOURS), "shape": list(SHAPES)}], "count": "integer"}
    output = {"shapes": [{"colour": colour, "shape": shape} for colour, shape in named], "count": len(named)}
    return {"image": image, "template": template, "output": output}


def _ring(corners: int, radius: Callable[[int], float]) -> list[Point]:
    """Corners around the middle of the unit square, the first at the top."""
    angles = [math.tau * corner / corners for corner in range(corners)]
    return [
        (0.5 + radius(corner) * math.sin(angle), 0.5 - radius(corner) * math.cos(angle))
        for corner, angle in enumerate(angles)
    ]


def _circle() -> list[Point]:
    return _ring(90, lambda _: 0.5)


def _square() -> list[Point]:
    return [(0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94)]


def _triangle() -> list[Point]:
    return [(0.5, 0.03), (1.0, 0.97), (0.0, 0.97)]


def _star() -> list[Point]:
    return _ring(10, lambda corner: 0.2 if corner % 2 else 0.5)


def _cross() -> list[Point]:
    near, far = 0.33, 0.67
    arms = [(near, 0), (far, 0), (far, near), (1, near), (1, far), (far, far), (far, 1), (near, 1)]
    return [(float(x), float(y)) for x, y in [*arms, (near, far), (0, far), (0, near), (near, near)]]


SHAPES: dict[str, Callable[[], list[Point]]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
}
"""By name, the corners in the unit square, y downwards."""
