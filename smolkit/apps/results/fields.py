"""Fields of results in JSON, read into cells; a fault is named with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from smolkit.apps.results.cells import Cell, number_cell, usable
from smolkit.apps.results.table import brief
from smolkit.errors import DataError, printable

Read = Callable[[Mapping[str, Any]], Cell]


def share(key: str, ci95: str | None = None, *, where: str, optional: bool = True) -> Read:
    """Reads a share of 1, with its interval where there is one."""

    def read(figures: Mapping[str, Any]) -> Cell:
        value = number_at(figures, key, where, optional)
        if value is None:
            return Cell("")
        bounds = figures.get(ci95) if ci95 else None
        if bounds is None:
            return number_cell(f"{value:.3f}", value)
        if not (isinstance(bounds, list) and len(bounds) == 2):
            raise DataError(f"{ci95}: expected two numbers, got {brief(bounds)}", where=where)
        low, high = (number_at({str(ci95): bound}, str(ci95), where, optional=False) or 0.0 for bound in bounds)
        return number_cell(f"{value:.3f} ({low:.3f} to {high:.3f})", value, interval=(low, high))

    return read


def amount(key: str, pattern: str = ",.0f", scale: float = 1.0, *, where: str, optional: bool = True) -> Read:
    """Reads a count or an amount, of which `scale` make one of the unit in the header."""

    def read(figures: Mapping[str, Any]) -> Cell:
        value = number_at(figures, key, where, optional)
        return Cell("") if value is None else number_cell(f"{value / scale:{pattern}}", value / scale)

    return read


def words(key: str, *, where: str) -> Read:
    """Reads a text, on one line."""

    def read(figures: Mapping[str, Any]) -> Cell:
        value = figures.get(key)
        if not isinstance(value, str):
            raise DataError(f"{key}: expected text, got {brief(value)}", where=where)
        return Cell(" ".join(printable(value).split()))

    return read


def number_at(figures: Mapping[str, Any], key: str, where: str, optional: bool) -> float | None:
    """A number that can be drawn, or None where there may be none. Raises DataError naming what is there instead."""
    value = figures.get(key)
    if value is None and optional:
        return None
    # JSON of Python may hold NaN, and whole numbers that are no float.
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e100 and usable(value):
        return float(value)
    raise DataError(f"{key}: expected a number, got {brief(value)}", where=where)
