"""Curves: what is left of long ones, what stands in the picture, and where."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolkit.apps.plots.lines import Frame, Mark, Stroke, draw_legend, draw_lines, thin, trailing_mean


def stroke(*ys: float, mean: list[float] | None = None, dotted: bool = False) -> Stroke:
    xs = np.arange(1.0, len(ys) + 1)
    return Stroke("a <b>", "#123456", "7 3", xs, np.array(ys), np.stack([xs, mean]) if mean else None, dotted)


def draw(*strokes: Stroke, marks: tuple[Mark, ...] = ()) -> ElementTree.Element:
    return ElementTree.fromstring(draw_lines(Frame("Loss of <a>", "steps", bottom=0), strokes, marks))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(10, 60))
def test_thinning_keeps_the_ends_the_extremes_and_the_order(values: list[float], limit: int) -> None:
    xs, ys = np.arange(float(len(values))), np.array(values)
    thin_xs, thin_ys = thin(xs, ys, limit)
    assert len(thin_xs) == len(thin_ys) <= max(limit, 2)
    assert (np.diff(thin_xs) > 0).all()
    assert (thin_xs[0], thin_xs[-1]) == (xs[0], xs[-1])
    assert (thin_ys.min(), thin_ys.max()) == (ys.min(), ys.max())
    assert all(values[int(x)] == y for x, y in zip(thin_xs, thin_ys, strict=True))


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=900))
def test_the_mean_is_that_of_the_curves_that_training_draws(values: list[float]) -> None:
    from smolkit.train.curves import smoothed

    assert trailing_mean(np.array(values)) == pytest.approx(smoothed(values), abs=1e-9)


def test_a_curve_is_faint_behind_its_mean_and_strong_without_one() -> None:
    alone, behind, mean = draw(stroke(1, 2), stroke(1, 2, mean=[1.0, 1.5])).iter("path")
    assert (alone.get("opacity"), behind.get("opacity"), mean.get("opacity")) == (None, "0.35", None)
    assert (alone.get("stroke"), alone.get("stroke-dasharray"), alone.get("fill")) == ("#123456", "7 3", "none")


def test_a_dotted_curve_has_a_dot_for_each_point() -> None:
    dots = list(draw(stroke(1, 2, 4, dotted=True)).iter("circle"))
    assert [float(dot.get("cy", 0)) for dot in dots] == [145.0, 100.0, 10.0]


def test_a_mark_stands_within_the_picture_and_says_its_text() -> None:
    picture = draw(stroke(1, 2), marks=(Mark(2, 99.0, "spike <x>"),))
    (mark,) = (path for path in picture.iter("path") if path.get("class") == "spike")
    assert mark.get("d", "").startswith("M406.0 1.0")
    assert mark.findtext("title") == "spike <x>"


def test_the_picture_has_its_name_and_the_legend_every_curve() -> None:
    assert draw(stroke(1)).get("aria-label") == "Loss of <a>"
    legend = draw_legend([stroke(1), stroke(2)])
    assert legend.count("</svg>a &lt;b&gt;</li>") == 2
    assert draw_legend([]) == ""
