"""Draws the scores of an evaluation as a PNG. It is given labels and numbers, and does not know where they are from.

matplotlib is used through its objects, without pyplot and its global state, and imported when something is drawn.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_INK, _MUTED, _GRID, _BAR, _LINE = "#1f2937", "#6b7280", "#e5e7eb", "#4f86c6", "#d1495b"
_COLOURS, _MARKERS = (_BAR, _LINE, "#2a9d8f", "#8d6cab"), ("o", "s", "^", "D")
_ROW_INCHES = 0.3


class Bar(NamedTuple):
    """One score from 0 to 1 with its 95 % interval, and how many things it is over."""

    label: str
    value: float
    low: float
    high: float
    over: int


def draw_scores(path: Path, panels: Mapping[str, Sequence[Bar]], *, title: str, overall: Bar) -> None:
    """Write a PNG with one panel of horizontal bars per entry of `panels` (named by its key) below each other.

    The overall score runs through all panels as a line, its interval as a band.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [max(1, len(bars)) for bars in panels.values()]
    figure = Figure(figsize=(9, 1.3 + sum(_ROW_INCHES * count + 0.75 for count in rows)), layout="constrained")
    FigureCanvasAgg(figure)
    heading = f"{title}\n{overall.label} {overall.value:.3f}  [{overall.low:.3f}, {overall.high:.3f}]"
    figure.suptitle(_plain(heading), x=0.01, ha="left", color=_INK, fontsize=12, fontweight="bold")
    axes = figure.subplots(len(rows), 1, squeeze=False, sharex=True, gridspec_kw={"height_ratios": rows})[:, 0]
    for axis, (name, bars) in zip(axes, panels.items(), strict=True):
        _draw_panel(axis, name, bars, overall)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a script that the font lacks: the report has the names
        figure.savefig(path, format="png", dpi=144, facecolor="white")


def _draw_panel(axis: Any, name: str, bars: Sequence[Bar], overall: Bar) -> None:
    places = range(len(bars))
    values = [bar.value for bar in bars]
    below = [max(0.0, bar.value - bar.low) for bar in bars]
    above = [max(0.0, bar.high - bar.value) for bar in bars]
    axis.axvspan(overall.low, overall.high, color=_LINE, alpha=0.12, lw=0, zorder=0)
    axis.axvline(overall.value, color=_LINE, lw=1.2, zorder=1)
    axis.barh(places, values, height=0.62, color=_BAR, zorder=2)
    axis.errorbar(values, places, xerr=[below, above], fmt="none", ecolor=_INK, elinewidth=1, capsize=2.5, zorder=3)
    for place, bar in zip(places, bars, strict=True):
        axis.annotate(
            f"{bar.value:.3f}  n={bar.over}",
            (1.02, place),
            va="center",
            color=_MUTED,
            fontsize=8,
            annotation_clip=False,
        )
    axis.set_yticks(places, [_plain(bar.label) for bar in bars])
    axis.set_ylim(len(bars) - 0.4, -0.6)
    axis.set_xlim(0, 1.0)
    axis.set_title(_plain(name), loc="left", fontsize=9.5, color=_MUTED)
    axis.grid(axis="x", color=_GRID, lw=0.8, zorder=0)
    axis.set_axisbelow(True)
    axis.tick_params(length=0, labelcolor=_INK, labelsize=8.5)
    for side in axis.spines.values():
        side.set_visible(False)


def _plain(text: str) -> str:
    """A dollar sign would start a formula."""
    return text.replace("$", r"\$")


class Point(NamedTuple):
    """One way to store a model: the group that it belongs to, its name, its size in MB and its score."""

    group: str
    label: str
    size: float
    score: float


def draw_tradeoff(path: Path, points: Sequence[Point], *, title: str) -> None:
    """Write a PNG of scores against sizes, a colour and a marker for each group."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(_plain(title), x=0.01, ha="left", color=_INK, fontsize=12, fontweight="bold")
    axis = figure.subplots()
    looks = zip(dict.fromkeys(point.group for point in points), _COLOURS, _MARKERS, strict=False)
    for group, colour, marker in looks:
        own = [point for point in points if point.group == group]
        axis.scatter(
            [point.size for point in own], [point.score for point in own],
            color=colour, marker=marker, s=46, label=_plain(group), zorder=3,
        )  # fmt: skip
        for point in own:
            axis.annotate(
                _plain(point.label), (point.size, point.score),
                xytext=(5, 5), textcoords="offset points", fontsize=8.5, color=_INK,
            )  # fmt: skip
    axis.set_xscale("log")
    plain = FuncFormatter(lambda size, _: f"{size:,.0f}")  # 200 in place of 2 x 10^2
    axis.xaxis.set_major_formatter(plain)
    axis.xaxis.set_minor_formatter(plain)
    axis.set_xlabel("size in MB", color=_MUTED)
    axis.set_ylabel("micro F1", color=_MUTED)
    axis.grid(color=_GRID, lw=0.8, zorder=0)
    axis.legend(frameon=False, labelcolor=_INK)
    axis.tick_params(length=0, labelcolor=_INK, which="both")
    axis.margins(0.12)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    figure.savefig(path, format="png", dpi=144, facecolor="white")
