"""Figures as people read them on a page."""

from __future__ import annotations

import math


def shown(value: object) -> str:
    """A figure, or what stands in its place."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if not math.isfinite(value):
        return "no number"
    if isinstance(value, int) or (abs(value) >= 1000 and value < 1e15):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """A time in its largest sensible unit."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def counted(number: int, noun: str) -> str:
    """So many of something: `1 row`, `2 rows`."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"
