"""Text out of images: what rapidocr-onnxruntime finds, with its spaces, in reading order.

The package brings its models (PP-OCRv4, Latin and Chinese), so nothing is downloaded, and everything runs on the CPU.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.data.images import ImageSource
from smolkit.registry import require
from smolkit.runtime.reading_order import Corners, Piece, in_reading_order

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

PIXELS = 3_000_000
"""A larger image is reduced to as many; letters of a whole page are then still 20 pixels high."""
MAX_THREADS = 4
"""The networks are small: more threads than this wait for each other."""
SPACE = 0.01
"""How probable a space has to be at some step between two letters. The recogniser, made for Chinese above all, hardly
ever puts it first, but knows where one is: on 24 SROIE receipts the F1 of words was 0.45 with its own spaces, 0.74 with
0.05, 0.81 with 0.01 and 0.79 with 0.003."""
MOST_ENLARGED = 2
"""How many times larger a small image may become for the detector."""
LONGEST = 8
"""A strip longer than this many times its other side is read with empty space beside it, or it would be enlarged too
far."""
_SHORT_SIDE = 736
"""To what the detector enlarges the shorter side of an image."""
_LEAST_SIDE = 32
_SIZE_AS_IT_IS = {"max_side_len": 10**9, "min_side_len": 1, "min_height": 0, "width_height_ratio": -1}
"""Leaves the size to `canvas`: the engine would make a strip of 2000 x 2 pixels one of 30,000 x 7,500."""
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""The letters and marks of full width, which are the recogniser's for ordinary ones as well."""


class Reader:
    """Reads images with one engine, which it keeps open."""

    def __init__(self, threads: int | None = None):
        """`threads` compute; by default as many as there are processors, up to `MAX_THREADS`."""
        rapidocr = require("rapidocr_onnxruntime", extra="vision", why="reading text in images")
        threads = min(threads or MAX_THREADS, os.cpu_count() or 1)
        self._engine = rapidocr.RapidOCR(
            intra_op_num_threads=threads, inter_op_num_threads=1, use_cls=False, **_SIZE_AS_IT_IS
        )
        recogniser = self._engine.text_rec
        recogniser.postprocess_op = SpacedText(recogniser.postprocess_op.character)

    def text(self, image: ImageSource | Image.Image) -> str:
        """The text of an image in reading order, "" where there is none. Raises DataError for a broken one."""
        return in_reading_order(self.pieces(image))

    def pieces(self, image: ImageSource | Image.Image) -> list[Piece]:
        """Every piece of text that is found, with its box in pixels of the image as it is read."""
        pixels = canvas(image.load() if isinstance(image, ImageSource) else image.convert("RGB"))
        short = min(pixels.shape[:2])
        self._engine.text_det.limit_side_len = min(_SHORT_SIDE, MOST_ENLARGED * short)
        found, _ = self._engine(pixels[:, :, ::-1])
        return [Piece(text, _corners(box)) for box, text, _ in found or ()]


def read_text(image: str | Path | ImageSource | Image.Image, *, threads: int | None = None) -> str:
    """The text of one image, or image file, as `Reader.text` gives it."""
    if isinstance(image, str | Path):
        image = ImageSource(Path(image), str(image))
    return _reader(threads).text(image)


_reader = lru_cache(maxsize=1)(Reader)


class SpacedText:
    """Takes the place of the recogniser's decoding: the best path of a CTC network, with the spaces it leaves out."""

    def __init__(self, characters: Sequence[str]):
        """`characters` by class, the blank first and the space last."""
        self.characters = characters

    def __call__(self, probabilities: NDArray[np.float32], *_: Any, **__: Any) -> list[tuple[str, float]]:
        """The text and mean probability of each line; (lines, steps, classes)."""
        return [self._line(steps) for steps in probabilities]

    def _line(self, steps: NDArray[np.float32]) -> tuple[str, float]:
        best, spaces = steps.argmax(axis=1), steps[:, -1]
        changes = np.flatnonzero((best != 0) & (best != np.append(0, best[:-1])))
        text, before = "", len(steps)
        for at in map(int, changes):
            if spaces[before + 1 : at].max(initial=0) > SPACE:
                text += " "
            text += self.characters[best[at]]
            before = at
        return plain(text), float(steps[changes, best[changes]].mean()) if len(changes) else 0.0


def plain(text: str) -> str:
    """One space between words, and the marks of full width as ordinary ones where there is nothing Chinese."""
    if not any("\u3040" <= char <= "\u9fff" for char in text):
        text = text.translate(_FULL_WIDTH)
    return " ".join(text.split())


def _corners(box: Sequence[Sequence[float]]) -> Corners:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = box
    return (x0, y0), (x1, y1), (x2, y2), (x3, y3)


def canvas(image: Image.Image) -> NDArray[np.uint8]:
    """The image, reduced and filled up at the right and below as far as it has to be: uint8 (height, width, 3)."""
    width, height = image.size
    full = max(width, height // LONGEST) * max(height, width // LONGEST)
    if full > PIXELS:
        scale = (PIXELS / full) ** 0.5
        image = image.resize((max(1, int(width * scale)), max(1, int(height * scale))))
        width, height = image.size
    pixels = np.asarray(image)
    sides = max(height, width // LONGEST, _LEAST_SIDE), max(width, height // LONGEST, _LEAST_SIDE)
    if sides == (height, width):
        return pixels
    filled = np.broadcast_to(np.median(pixels, axis=(0, 1)).astype(np.uint8), (*sides, 3)).copy()
    filled[:height, :width] = pixels
    return filled
