"""Cells of tables: text that keeps its form, and the number that stands in it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """One cell: what is shown, and what it sorts by.

    `value` is the one number that stands in it; a range or a list of numbers has none, and sorts by its first.
    """

    text: str
    order: float | None = None
    value: float | None = None
    interval: tuple[float, float] | None = None
    unit: str = ""


_NUMBER = r"[+\-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+\-−]?\d+)?"
_SCALES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_AMOUNT = rf"({_NUMBER})([kKMBT]?)(?![\w.])(?:\s?(%|[^\W\d_][\w/²³-]{{0,15}}))?|({_NUMBER})(%|[^\W\d_][\w/²³-]{{0,15}})"
_QUANTITY = re.compile(_AMOUNT)
_INTERVAL = re.compile(
    rf"\s*[(\[]\s*(?:95\s?%\s*(?:interval|CI)?:?\s*)?({_NUMBER})\s?%?\s*(?:to|–|,|;)\s*({_NUMBER})\s?%?\s*[)\]]"
)
_MARGIN = re.compile(rf"\s*(?:±|\+/-)\s*({_NUMBER})\s?%?")
_RANGE = re.compile(r"\s*(?:to\b|–)\s*")
_DURATION = re.compile(r"(?:(\d+) h)?\s?(?:(\d+) min)?\s?(?:(\d+(?:\.\d+)?) s)?")
_BLANK = {"", "-", "–", "—", "n/a"}


def parse_cell(text: str) -> Cell:
    """What stands in a cell as text; one that is not a number through and through stays text.

    `12,345`, `98.3 %`, `1.5e-6`, `9.83M`, `1 min 30 s`, `0.913 (0.873 to 0.947)` and `0.9 ± 0.1` have a value;
    `0.769 to 0.809`, `6.65, 7.13` and `< 0.01` only sort by the first number in them.
    """
    text = " ".join(text.split())
    if text.casefold() in _BLANK:
        return Cell("")
    duration = _DURATION.fullmatch(text)
    if duration and sum(part is not None for part in duration.groups()) > 1:
        hours, minutes, seconds = (float(part or 0) for part in duration.groups())
        return number_cell(text, hours * 3600 + minutes * 60 + seconds, unit="s")
    if text[0] in "<>≤≥~≈":
        inner = parse_cell(text[1:])
        return Cell(text, order=inner.value, unit=inner.unit)
    if (several := re.split(r"[,;]\s", text)) and len(several) > 1 and "(" not in text and "[" not in text:
        cells = [parse_cell(part) for part in several]
        alike = all(cell.value is not None and cell.unit == cells[0].unit for cell in cells)
        return Cell(text, order=cells[0].value, unit=cells[0].unit) if alike else Cell(text)
    return _quantity(text)


def _quantity(text: str) -> Cell:
    match = _QUANTITY.match(text)
    if match is None:
        return Cell(text)
    value, unit = _value(match)
    rest = text[match.end() :]
    if not rest:
        return number_cell(text, value, unit=unit)
    if interval := _INTERVAL.fullmatch(rest):
        return number_cell(text, value, unit=unit, interval=(_float(interval[1]), _float(interval[2])))
    if margin := _MARGIN.fullmatch(rest):
        return number_cell(text, value, unit=unit, interval=(value - _float(margin[1]), value + _float(margin[1])))
    # "0.7 to 0.8" parses its first number with the unit "to".
    if between := _RANGE.match(rest) or (unit == "to" and re.match(r"\s*", rest)):
        second = _QUANTITY.fullmatch(rest[between.end() :])
        if second:
            high, unit = _value(second)
            return Cell(text, order=value, unit=unit, interval=(value, high)) if usable(value, high) else Cell(text)
    return Cell(text)


def _value(match: re.Match[str]) -> tuple[float, str]:
    plain, scale, unit, tight, tight_unit = match.groups()
    if plain is not None:
        return _float(plain) * _SCALES[scale], unit or ""
    return _float(tight), tight_unit


def _float(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def usable(*numbers: float) -> bool:
    """Finite, and neither so large nor so small that their differences and ratios are not."""
    return all(number == 0 or 1e-100 < abs(number) < 1e100 for number in numbers)


def number_cell(text: str, value: float, *, unit: str = "", interval: tuple[float, float] | None = None) -> Cell:
    """A cell with one number in it; only its text where that is too large or too small to be drawn."""
    if not usable(value, *(interval or ())):
        return Cell(text)
    return Cell(text, order=value, value=value, interval=interval, unit=unit)
