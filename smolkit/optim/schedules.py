"""Learning-rate schedules as multipliers of the peak rate, by optimizer step. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable

from smolkit.registry import Registry

Schedule = Callable[[int], float]


def wsd(steps: int, warmup: int, decay: int, shape: str = "linear") -> Schedule:
    """Warmup, stable, decay: rise linearly, hold the peak, fall to zero over the last `decay` of `steps`.

    `shape` is "linear" or "1-sqrt", the form that decays better in arXiv:2405.18392, figure 5. Source: MiniCPM,
    arXiv:2404.06395.
    """

    def multiplier(step: int) -> float:
        left = (steps - step) / decay if decay else 1.0
        fall = 1.0 if left >= 1 else left if shape == "linear" else 1 - math.sqrt(1 - left)
        return min(_rise(step, warmup), max(fall, 0.0))

    return multiplier


def cosine(steps: int, warmup: int) -> Schedule:
    """Rise linearly, then fall to zero along half a cosine (arXiv:1608.03983)."""

    def multiplier(step: int) -> float:
        if step < warmup:
            return _rise(step, warmup)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))

    return multiplier


def linear(steps: int, warmup: int) -> Schedule:
    """Rise linearly, then fall linearly to zero."""
    return wsd(steps, warmup, decay=max(1, steps - warmup))


SCHEDULES = Registry(
    "schedule",
    {
        "wsd": "smolkit.optim.schedules:wsd",
        "cosine": "smolkit.optim.schedules:cosine",
        "linear": "smolkit.optim.schedules:linear",
    },
)


def _rise(step: int, warmup: int) -> float:
    return min(1.0, (step + 1) / warmup) if warmup else 1.0
