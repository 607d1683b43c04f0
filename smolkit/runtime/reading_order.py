"""Pieces of text that stand somewhere in an image, put into the order in which people read them.

Pieces on one level make a line, lines go from top to bottom, the pieces of a line from left to right. A scan that lies
a little askew is set straight first. Nothing is known here of what found the pieces.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]
"""Top left, top right, bottom right, bottom left, in pixels."""

SAME_LEVEL = 0.5
"""Pieces whose centres differ by less than this share of their height stand on one line."""
COLUMN_GAP = 1.5
"""From this many heights on, a gap is between two columns."""
BETWEEN_WORDS = " "
BETWEEN_COLUMNS = "  "
_UPRIGHT = 3
"""A piece that is taller than wide and than this many others in a column is text turned by a right angle."""


@dataclass(frozen=True)
class Piece:
    """A text and the corners of its box."""

    text: str
    corners: Corners

    @property
    def width(self) -> float:
        return max(x for x, _ in self.corners) - min(x for x, _ in self.corners)

    @property
    def height(self) -> float:
        (_, top_left), (_, top_right), (_, bottom_right), (_, bottom_left) = self.corners
        return (bottom_left - top_left + bottom_right - top_right) / 2

    @property
    def slope(self) -> float:
        """How far its lower and upper edge fall for each pixel to the right."""
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = self.corners
        run = x1 - x0 + x2 - x3
        return (y1 - y0 + y2 - y3) / run if run else 0.0


@dataclass(frozen=True)
class _Placed:
    """A piece on the page set straight: the height of its centre, and where it begins and ends."""

    text: str
    level: float
    height: float
    left: float
    right: float


def in_reading_order(pieces: Sequence[Piece]) -> str:
    """The text of an image: a line for each line, columns of a line kept apart by more than one space."""
    pieces = [piece for piece in pieces if piece.text]
    if not pieces:
        return ""
    usual = median(piece.height for piece in pieces)
    turned = [piece for piece in pieces if piece.height > max(_UPRIGHT * usual, piece.width)]
    level = [piece for piece in pieces if piece not in turned]
    # Text turned by a right angle stands beside all the lines that it passes, so it is read last.
    return "\n".join([*map(_joined, _lines(level)), *(piece.text for piece in turned)])


def _lines(pieces: Sequence[Piece]) -> Iterable[list[_Placed]]:
    """The pieces of each line from left to right, lines from top to bottom."""
    lines: list[list[_Placed]] = []
    for piece in sorted(_set_straight(pieces), key=lambda piece: piece.level):
        if lines and _same_line(lines[-1], piece):
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return (sorted(line, key=lambda piece: piece.left) for line in lines)


def _set_straight(pieces: Sequence[Piece]) -> list[_Placed]:
    slope = _slope(pieces)
    placed = []
    for piece in pieces:
        x, y = (fmean(values) for values in zip(*piece.corners, strict=True))
        left = x - piece.width / 2
        placed.append(_Placed(piece.text, y - slope * x, piece.height, left, left + piece.width))
    return placed


def _slope(pieces: Sequence[Piece]) -> float:
    """How askew the page lies: the median of the slopes, each piece counting by its width."""
    by_slope = sorted(pieces, key=lambda piece: piece.slope)
    remaining = math.fsum(piece.width for piece in pieces) / 2
    for piece in by_slope:
        remaining -= piece.width
        if remaining <= 0:
            return piece.slope
    return 0.0


def _same_line(line: Sequence[_Placed], piece: _Placed) -> bool:
    level = fmean(other.level for other in line)
    height = fmean(other.height for other in line)
    return abs(piece.level - level) < SAME_LEVEL * (height + piece.height) / 2


def _joined(line: Sequence[_Placed]) -> str:
    text = line[0].text
    for before, piece in pairwise(line):
        wide = piece.left - before.right > COLUMN_GAP * (before.height + piece.height) / 2
        text += (BETWEEN_COLUMNS if wide else BETWEEN_WORDS) + piece.text
    return text
