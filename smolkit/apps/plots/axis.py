"""Axes of plots: numbers to pixels, and the round numbers that stand beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_ROOM = 0.08
"""Of what an axis spans, on both sides, where it only has to hold its numbers."""
_FAR_APART = 5
"""Largest over smallest from which such an axis is logarithmic: sizes of one model span as much."""


@dataclass(frozen=True)
class Axis:
    """Where numbers lie between two pixels, evenly or by their logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @classmethod
    def around(cls, numbers: Sequence[float], start: float, end: float) -> Axis:
        """Wide enough for all numbers, with some room; logarithmic where they are positive and far apart."""
        low, high = min(numbers), max(numbers)
        if low > 0 and high / low >= _FAR_APART:
            room = (high / low) ** _ROOM
            return cls(low / room, high * room, start, end, log=True)
        span = high - low
        room = span * _ROOM if span > 1e-9 * max(abs(low), abs(high)) else (abs(high) or 1.0) * _ROOM
        return cls(low - room, high + room, start, end)

    @classmethod
    def spanning(
        cls,
        parts: Sequence[np.ndarray],
        start: float,
        end: float,
        *,
        bottom: float | None = None,
        top: float | None = None,
        log: bool = False,
    ) -> Axis:
        """From the lowest number to the highest, and to the bounds that are given; it never spans nothing."""
        low, high = float(min(part.min() for part in parts)), float(max(part.max() for part in parts))
        low, high = min(low, low if bottom is None else bottom), max(high, high if top is None else top)
        if log:
            return cls(low / 1.2, high * 1.2, start, end, log=True)
        if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
            room = abs(high) / 2 or 1.0
            low, high = low - (room if bottom is None else 0), high + room
        return cls(low, high, start, end)

    def at(self, numbers: Any) -> Any:
        """The pixel of a number, or those of an array."""
        low, high, numbers = (np.log10(part) if self.log else part for part in (self.low, self.high, numbers))
        return self.start + (numbers - low) / (high - low) * (self.end - self.start)

    def ticks(self, most: int = 9) -> list[float]:
        """Round numbers on it: about five, or of a logarithmic one at most so many."""
        found = self._powers() if self.log else []
        return found[:: math.ceil(len(found) / most)] if len(found) > 1 else even_ticks(self.low, self.high)

    def _powers(self) -> list[float]:
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        factors = (1, 2, 5) if self.high / self.low <= 1e3 else (1,)
        found = (factor * 10.0**power for power in powers for factor in factors)
        return [number for number in found if self.low <= number <= self.high]


def even_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two bounds, about `count`, equally far apart."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def in_short(number: float) -> str:
    """A number beside an axis, in few letters: 0.8, 1,500, 12k, 3M."""
    for power, letter in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= power:
            return f"{number / (1e3 if letter == 'k' else power):g}{letter}"
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def alike(ticks: Sequence[float], *, log: bool) -> list[str]:
    """The numbers beside an axis, all with the decimals that tell them apart: 0.75, 0.80."""
    if log or len(ticks) < 2:
        return [f"{tick:,g}" if 1e-3 <= abs(tick) < 1e6 else f"{tick:.0e}" for tick in ticks]
    step = ticks[1] - ticks[0]
    digits = max(0, -math.floor(math.log10(step * (1 + 1e-9))))
    written = f",.{digits}f" if 1e-6 < step < 1e7 else ".3g"
    return [f"{tick:{written}}" for tick in ticks]
