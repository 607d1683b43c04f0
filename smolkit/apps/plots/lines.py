"""Curves over one axis, as SVG: raw ones faint behind their means, few measurements as dots, marks above them."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from smolkit.apps.plots.axis import Axis, in_short

MAX_POINTS = 2_000
"""Points of one curve."""

# Each has a contrast of 3 to 1 at least on the light and on the dark background.
COLOURS = ("#0d9488", "#ea580c", "#8b5cf6", "#db2777", "#3b82f6", "#a16207", "#64748b", "#dc2626")
DASHES = ("", "7 3", "2 3", "10 3 2 3", "1 5", "14 4", "4 6", "6 2 1 2 1 2")
_WIDTH, _HEIGHT = 420, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 10, 40


@dataclass(frozen=True)
class Stroke:
    """One curve as it is drawn."""

    label: str
    colour: str
    dash: str
    xs: np.ndarray
    ys: np.ndarray
    mean: np.ndarray | None
    """Its smoothed form, [2, points], x first: then the curve itself is faint."""
    dotted: bool
    """Whether every point is marked."""


@dataclass(frozen=True)
class Mark:
    """A triangle above a place, and what it says to whoever points at it."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Frame:
    """What a plot is called and what its upright axis spans besides the curves."""

    name: str
    """For those who do not see it."""
    across: str
    """What is written below the lower axis."""
    bottom: float | None = None
    top: float | None = None
    log: bool = False


def draw_lines(frame: Frame, strokes: Sequence[Stroke], marks: Iterable[Mark] = ()) -> str:
    """One plot of some curves, of which there is one at least."""
    along = Axis.spanning([stroke.xs for stroke in strokes], _LEFT, _WIDTH - _RIGHT)
    up = Axis.spanning(
        [stroke.ys for stroke in strokes], _HEIGHT - _BOTTOM, _TOP, bottom=frame.bottom, top=frame.top, log=frame.log
    )
    parts = [_grid(along, up, frame.across)]
    for stroke in strokes:
        parts += _curve(stroke, along, up)
    for mark in marks:
        a, b = along.at(mark.x), up.at(min(max(mark.y, up.low), up.high))
        title = f"<title>{html.escape(mark.text)}</title>"
        parts.append(f'<path class="spike" d="M{a - 4:.1f} {b - 9:.1f}h8l-4 7z" fill="#dc2626">{title}</path>')
    name = html.escape(frame.name)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}">{"".join(parts)}</svg>'


def draw_legend(strokes: Iterable[Stroke]) -> str:
    """What each curve is, as a list; nothing for none."""
    entries = [
        f'<li><svg viewBox="0 0 26 8" aria-hidden="true"><path d="M1 4H25" stroke="{stroke.colour}" stroke-width="2.5"'
        f' stroke-dasharray="{stroke.dash}"/></svg>{html.escape(stroke.label)}</li>'
        for stroke in strokes
    ]
    return f'<ul class="legend">{"".join(entries)}</ul>' if entries else ""


def _curve(stroke: Stroke, along: Axis, up: Axis) -> Iterable[str]:
    attributes = f'fill="none" stroke="{stroke.colour}" stroke-dasharray="{stroke.dash}"'
    faint = ' opacity="0.35" stroke-width="1"' if stroke.mean is not None else ' stroke-width="2"'
    xs, ys = along.at(stroke.xs), up.at(stroke.ys)
    yield f'<path d="{_path(xs, ys)}" {attributes}{faint}/>'
    if stroke.mean is not None:
        yield f'<path d="{_path(along.at(stroke.mean[0]), up.at(stroke.mean[1]))}" {attributes} stroke-width="2"/>'
    if stroke.dotted:
        for a, b in zip(xs, ys, strict=True):
            yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{stroke.colour}"/>'


def _grid(along: Axis, up: Axis, across: str) -> str:
    parts = []
    for tick in up.ticks(most=6):
        at = up.at(tick)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{in_short(tick)}</text>')
    for tick in along.ticks():
        place = f'x="{along.at(tick):.1f}" y="{_HEIGHT - _BOTTOM + 16}"'
        parts.append(f'<text {place} text-anchor="middle">{in_short(tick)}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{html.escape(across)}</text>')
    return f'<g class="grid">{"".join(parts)}</g>'


def _path(xs: np.ndarray, ys: np.ndarray) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(xs, ys, strict=True))


def thin(xs: np.ndarray, ys: np.ndarray, limit: int = MAX_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most `limit` of the points, in their order: of every stretch the lowest and the highest, first and last too.

    Shapes: both (points,), before and after.
    """
    if len(xs) <= limit:
        return xs, ys
    kept = {0, len(xs) - 1}
    edges = np.linspace(0, len(xs), (limit - 2) // 2 + 1).astype(int)
    for begin, end in pairwise(edges.tolist()):
        kept |= {begin + int(ys[begin:end].argmin()), begin + int(ys[begin:end].argmax())}
    at = sorted(kept)
    return xs[at], ys[at]


def trailing_mean(values: np.ndarray) -> np.ndarray:
    """As `smolkit.train.curves.smoothed`, which draws curves.png, and quick for long runs."""
    width = max(10, round(0.02 * len(values)))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    return (sums[last] - sums[np.maximum(0, last - width)]) / np.minimum(width, last)


CSS = """
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 20px; }
.chart { margin: 0; min-width: 0; }
.chart h3 { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere; }
.chart small, .chart .note { opacity: 0.8; font-size: var(--text-sm); font-weight: normal; }
.chart > svg { width: 100%; height: auto; display: block; }
.chart .grid line { stroke: currentColor; opacity: 0.15; }
.chart .grid text { fill: currentColor; font-size: 12px; }
.chart .legend, .chart figcaption ul { list-style: none; margin: 4px 0; padding: 0; font-size: var(--text-sm); }
.chart .legend { display: flex; flex-wrap: wrap; gap: 2px 14px; }
.chart .legend svg { display: inline-block; width: 26px; height: 8px; margin-right: 5px; }
.chart .legend li, .chart figcaption { overflow-wrap: anywhere; }
"""
"""For figures of the class chart, each a heading, a legend, a plot and its facts, in a box of the class charts."""
