"""A text printed on paper and scanned, drawn from a seed.

Lines are kept, and wrapped between words where they are too long; what stands behind a tab or two spaces goes to the
right edge. The scan is a little crooked, soft, unevenly lit and noisy. Letters are Aileron, which comes with Pillow: it
has ASCII and a few signs, and no accents.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image, ImageFont

FONT_SIZES = (16, 22)
"""Pixels, the least and the most."""
CHARACTERS = {True: (26, 36), False: (44, 64)}
"""How long a line may be, in letters of average width, on narrow paper and on wide."""
MARGINS = (20, 36)
TILT = 1.2
"""Degrees that a page is turned at most."""
INKS = ((12, 12, 16), (28, 30, 74), (58, 44, 40))
PAPERS = ((255, 255, 255), (250, 246, 232), (236, 241, 247))

_COLUMNS = re.compile(r"\t|\s{2,}")
_ABSENT = "\uffff"


def draw_page(text: str, *, seed: object, narrow: bool = False) -> Image.Image:
    """The page, grey ("L") or with tinted paper ("RGB"); as high as the text needs, and no wider.

    The same text and seed give the same pixels with one version of Pillow.
    """
    rng = Random(f"page/{seed}")
    font = _font(rng.randint(*FONT_SIZES))
    measure = font.getlength("n") * rng.randint(*CHARACTERS[narrow])
    lines = [part for line in text.split("\n") for part in _set(line, font, measure)]
    return _scan(_print(lines, font, rng, centred=narrow and rng.random() < 0.5), rng)


def is_drawable(text: str) -> bool:
    """Whether the font has every letter of a text."""
    return all(char in "\n\t" or _has(char) for char in set(text))


def _set(line: str, font: ImageFont.FreeTypeFont, measure: float) -> Iterator[tuple[str, str]]:
    """A line as printed ones, each what stands left and what stands right."""
    columns = [column for column in _COLUMNS.split(line.strip()) if column]
    if len(columns) == 2 and sum(map(font.getlength, columns)) < measure - font.size:
        yield columns[0], columns[1]
        return
    printed = ""
    for word in " ".join(columns).split(" "):
        longer = f"{printed} {word}" if printed else word
        if printed and font.getlength(longer) > measure:
            yield printed, ""
            longer = word
        printed = longer
    yield printed, ""


def _print(lines: list[tuple[str, str]], font: ImageFont.FreeTypeFont, rng: Random, *, centred: bool) -> Image.Image:
    """Black on white, with margins on all sides; `centred` is the heading."""
    from PIL import Image, ImageDraw

    margin, leading = rng.randint(*MARGINS), round(font.size * rng.uniform(1.25, 1.6))
    width = max(font.getlength(left) + (font.size + font.getlength(right) if right else 0) for left, right in lines)
    page = Image.new("L", (math.ceil(width) + 2 * margin, leading * len(lines) + 2 * margin), 255)
    draw = ImageDraw.Draw(page)
    for place, (left, right) in enumerate(lines):
        y = margin + place * leading
        indent = (width - font.getlength(left)) / 2 if centred and place == 0 and not right else 0
        draw.text((margin + indent, y), left, 0, font)
        draw.text((margin + width - font.getlength(right), y), right, 0, font)
    return page


def _scan(page: Image.Image, rng: Random) -> Image.Image:
    from PIL import Image, ImageFilter, ImageOps

    page = page.rotate(rng.uniform(-TILT, TILT), Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    page = page.filter(ImageFilter.GaussianBlur(rng.uniform(0.0, 0.6)))
    ink, paper = rng.uniform(20, 70), rng.uniform(225, 250)
    grey = ink + np.asarray(page, np.float32) / 255 * (paper - ink)
    lit = grey * _light(grey.shape, rng) + _grain(grey.shape, rng)
    scanned = Image.fromarray(lit.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        return scanned
    return ImageOps.colorize(scanned, rng.choice(INKS), rng.choice(PAPERS))


def _light(shape: tuple[int, ...], rng: Random) -> NDArray[np.float32]:
    """Factors near 1, darker towards one side; [height, width]."""
    angle, strength = rng.uniform(0, math.tau), rng.uniform(0, 0.12)
    y, x = (np.linspace(-0.5, 0.5, side, dtype=np.float32) for side in shape)
    slope = math.sin(angle) * y[:, None] + math.cos(angle) * x[None, :]
    return cast("NDArray[np.float32]", 1 - strength * (slope + 0.5))


def _grain(shape: tuple[int, ...], rng: Random) -> NDArray[np.float32]:
    """Noise around 0; [height, width]. From `Random`, whose bytes no version of numpy changes."""
    noise = np.frombuffer(rng.randbytes(math.prod(shape)), np.uint8).reshape(shape)
    return (noise.astype(np.float32) - 127.5) / 127.5 * rng.uniform(0, 6)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Without Raqm, which is not in every installation and spaces letters in another way."""
    from PIL import ImageFont

    default = cast("ImageFont.FreeTypeFont", ImageFont.load_default(size))
    return default.font_variant(layout_engine=ImageFont.Layout.BASIC)


@cache
def _has(char: str) -> bool:
    font = _font(20)
    return bytes(font.getmask(char)) != bytes(font.getmask(_ABSENT))
