"""The figures of a run over its steps."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_RECENT = 50
"""Steps over which speed is averaged."""


@dataclass
class Curve:
    """One figure of a run over its steps, which never fall; values are finite."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add(self, step: int, value: float) -> None:
        self.steps.append(step)
        self.values.append(value)

    def __len__(self) -> int:
        return len(self.steps)

    def recent(self, count: int = _RECENT) -> float:
        """The mean of the last values; there is at least one."""
        last = self.values[-count:]
        return sum(last) / len(last)


def numbers_of(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The figures of a line by name, those of a source as `loss_by_source.NAME`."""
    for name, value in content.items():
        if isinstance(value, dict) and not prefix:
            yield from numbers_of(value, f"{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and prefix + name != "step":
            yield prefix + name, _float(value)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
