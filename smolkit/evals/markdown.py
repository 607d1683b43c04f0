"""The Markdown that reports of evaluations are made of: tables whose cells cannot break them, figures as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

_CELL = 90


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in line) + " |" for line in lines)


def cell(value: Any) -> str:
    """One line of plain text that breaks neither the table nor the page, cut where it is long."""
    text = " ".join(str(value).split())
    text = text if len(text) <= _CELL else text[: _CELL - 1] + "…"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def interval(bounds: tuple[float, float] | None) -> str:
    return "–" if bounds is None else f"{bounds[0]:.3f}–{bounds[1]:.3f}"
