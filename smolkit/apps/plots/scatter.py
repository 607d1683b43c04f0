"""Points over two columns of numbers, as SVG: groups by shape and colour, intervals, labels, a summary in words."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from smolkit.apps.figures import counted
from smolkit.apps.plots.axis import Axis, alike
from smolkit.apps.plots.labels import LETTER, cut, place_labels

WIDTHS = {"narrow": 330, "wide": 800}
"""The drawings of one plot, by class; the page shows the one that fits."""
MAX_GROUPS = 5
_LABEL = 22
"""Letters of a label in the plot; the full one is in its tooltip."""
_SHAPES = (
    '<circle r="4.5"/>', '<rect x="-4" y="-4" width="8" height="8"/>', '<path d="M0-5.5 5 4H-5Z"/>',
    '<path d="M0-6 6 0 0 6-6 0Z"/>', '<path d="M-5-5 5 5M-5 5 5-5" class="line"/>',
)  # fmt: skip


class Value(NamedTuple):
    """A number as it lies on an axis, as it is written, and the interval around it."""

    number: float
    text: str
    interval: tuple[float, float] | None = None


class Point(NamedTuple):
    """What it is called in the plot and in full, one of at most `MAX_GROUPS` groups, and where it lies."""

    label: str
    full: str
    group: str
    x: Value
    y: Value


def draw_points(points: Sequence[Point], left_out: int, x: str, y: str) -> str:
    """A figure with the plot of one point at least in two widths, and its summary; `x` and `y` name the axes."""
    summary = html.escape(summary_line(points, left_out, x, y))
    drawn = "".join(f'<div class="{name}">{draw_scatter(points, x, y, width)}</div>' for name, width in WIDTHS.items())
    return f'<figure class="scatter">{_legend(points)}{drawn}<figcaption role="status">{summary}</figcaption></figure>'


def _groups(points: Sequence[Point]) -> list[str]:
    return list(dict.fromkeys(point.group for point in points))


def _legend(points: Sequence[Point]) -> str:
    marks = "".join(
        f'<li><svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true" class="g{index}">'
        f"{_SHAPES[index]}</svg>{html.escape(group)}</li>"
        for index, group in enumerate(_groups(points))
        if group
    )
    return f'<ul class="legend" aria-label="Groups">{marks}</ul>' if marks else ""


def summary_line(points: Sequence[Point], left_out: int, x: str, y: str) -> str:
    """The plot in words: the axes, the extremes and what is left out."""
    lines = [f"{y} against {x}, {counted(len(points), 'point')}."]
    for name, values in ((y, [point.y for point in points]), (x, [point.x for point in points])):
        scale = " (logarithmic axis)" if Axis.around([value.number for value in values], 0, 1).log else ""
        ends = (f"{values[at].text} ({points[at].full})" for at in (_extreme(values, min), _extreme(values, max)))
        lines.append(f"{name}{scale}: {' to '.join(ends)}." if len(points) > 1 else f"{name}: {next(ends)}.")
    if left_out:
        lines.append(f"Left out: {counted(left_out, 'row')} without one number in both columns.")
    return " ".join(lines)


def _extreme(values: Sequence[Value], pick: Callable[..., int]) -> int:
    return pick(range(len(values)), key=lambda at: values[at].number)


def draw_scatter(points: Sequence[Point], x: str, y: str, width: int) -> str:
    """The plot of one width, in pixels."""
    height = round(min(440, max(300, width * 0.55)))
    right, bottom = width - 12, height - 46
    up = Axis.around([point.y.number for point in points], bottom, 28)
    left = 16 + max((len(written) for _, written in _written(up)), default=1) * LETTER
    along = Axis.around([point.x.number for point in points], left, right)
    places = [(float(along.at(point.x.number)), float(up.at(point.y.number))) for point in points]
    labels = place_labels([cut(point.label, _LABEL) for point in points], places, (left, 20, right, bottom))
    groups = _groups(points)
    parts = [*_frame(along, up, x, y)]
    for point, (px, py), label in zip(points, places, labels, strict=True):
        tip = html.escape(f"{point.full}: {x} {point.x.text}, {y} {point.y.text}")
        shape = _SHAPES[groups.index(point.group)]
        mark = f'<g transform="translate({px:.1f} {py:.1f})">{shape}<title>{tip}</title></g>'
        parts.append(f'<g class="g{groups.index(point.group)}">{_bar(point, along, up)}{mark}</g>{label}')
    name = html.escape(f"Plot of {y} against {x}", quote=True)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{name}">{"".join(parts)}</svg>'


def _written(axis: Axis) -> list[tuple[float, str]]:
    ticks = axis.ticks()
    return list(zip(ticks, alike(ticks, log=axis.log), strict=True))


def _frame(along: Axis, up: Axis, x: str, y: str) -> Iterator[str]:
    """The grid, its numbers and the names of the axes."""
    room = int((along.end - along.start) / 44)
    ticks = _written(along)
    for tick, written in ticks[:: max(1, -(-len(ticks) // max(1, room)))]:
        at = along.at(tick)
        yield f'<path class="grid" d="M{at:.1f} {up.end}V{up.start}"/>'
        yield f'<text x="{at:.1f}" y="{up.start + 16}" text-anchor="middle">{written}</text>'
    for tick, written in _written(up):
        at = up.at(tick)
        yield f'<path class="grid" d="M{along.start} {at:.1f}H{along.end}"/>'
        yield f'<text x="{along.start - 6}" y="{at + 4:.1f}" text-anchor="end">{written}</text>'
    name = html.escape(cut(x, int((along.end - along.start) / LETTER)))
    middle = (along.start + along.end) / 2
    yield f'<text class="name" x="{middle:.1f}" y="{up.start + 36}" text-anchor="middle">{name}</text>'
    yield f'<text class="name" x="2" y="14">{html.escape(cut(y, int(along.end / LETTER)))}</text>'


def _bar(point: Point, along: Axis, up: Axis) -> str:
    """The interval of the upright value, as far as the plot goes."""
    if point.y.interval is None:
        return ""
    low, high = (up.at(min(max(end, up.low), up.high)) for end in point.y.interval)
    return f'<path class="line" d="M{along.at(point.x.number):.1f} {low:.1f}V{high:.1f}"/>'


CSS = """
.scatter { --g0: #0f766e; --g1: #b91c4b; --g2: #1d4ed8; --g3: #a16207; --g4: #7e22ce; margin: 0; max-width: 900px; }
.dark .scatter { --g0: #2dd4bf; --g1: #fb7185; --g2: #93c5fd; --g3: #facc15; --g4: #d8b4fe; }
.scatter svg { display: block; max-width: 100%; overflow: visible; }
.scatter .narrow { display: none; }
.scatter .narrow svg, .scatter .wide svg { width: 100%; height: auto; }
@media (max-width: 700px) { .scatter .narrow { display: block; } .scatter .wide { display: none; } }
.scatter text { font-size: 11px; fill: var(--block-label-text-color); }
.scatter text.label, .scatter text.name { fill: var(--body-text-color); }
.scatter text.name { font-size: 12px; font-weight: 600; }
.scatter .grid { stroke: var(--border-color-primary); fill: none; }
.scatter .line { stroke-width: 1.5; fill: none; }
.scatter .g0 { fill: var(--g0); stroke: var(--g0); } .scatter .g1 { fill: var(--g1); stroke: var(--g1); }
.scatter .g2 { fill: var(--g2); stroke: var(--g2); } .scatter .g3 { fill: var(--g3); stroke: var(--g3); }
.scatter .g4 { fill: var(--g4); stroke: var(--g4); }
.scatter .legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 0 0 6px; padding: 0; list-style: none; }
.scatter .legend li { display: flex; align-items: center; gap: 6px; font-size: var(--text-sm); }
.scatter figcaption { margin-top: 6px; font-size: var(--text-sm); color: var(--body-text-color); }
"""
