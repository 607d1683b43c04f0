"""Points: higher is higher, every row has a tooltip, labels cover nothing, the summary says it in words."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from smolkit.apps.plots.labels import LETTER, LINE, meet
from smolkit.apps.plots.scatter import WIDTHS, Point, Value, draw_points, draw_scatter, summary_line
from smolkit.apps.results import read_results
from smolkit.apps.results.rows import points_of
from smolkit.assets import asset

MODELS = [
    Point("fp32", "torch, fp32", "torch", Value(538, "538"), Value(0.85, "0.85")),
    Point("q8", "onnx, q8", "onnx", Value(1154, "1,154"), Value(0.9, "0.9 (0.8 to 0.95)", (0.8, 0.95))),
]


def points(*places: tuple[float, float]) -> list[Point]:
    return [Point("", "", "", Value(x, f"{x:g}"), Value(y, f"{y:g}")) for x, y in places]


def drawing(html: str) -> ElementTree.Element:
    """The wide drawing of a plot, which has to be well-formed."""
    return ElementTree.fromstring(html.split('<div class="wide">')[1].split("</div>")[0])


def test_the_summary_says_what_the_plot_shows_and_leaves_out() -> None:
    assert summary_line(MODELS, 2, "MB", "F1") == (
        "F1 against MB, 2 points. F1: 0.85 (torch, fp32) to 0.9 (0.8 to 0.95) (onnx, q8). "
        "MB: 538 (torch, fp32) to 1,154 (onnx, q8). Left out: 2 rows without one number in both columns."
    )
    assert "logarithmic axis" in summary_line(points((1, 1), (5, 2)), 0, "x", "y")
    assert summary_line(points((1, 2)), 0, "x", "y") == "y against x, 1 point. y: 2 (). x: 1 ()."


def test_the_plot_has_a_point_for_each_row_a_tooltip_and_the_labels() -> None:
    drawn = drawing(draw_points(MODELS, 0, "MB", "F1"))
    assert drawn.get("aria-label") == "Plot of F1 against MB"
    assert [title.text for title in drawn.iter("title")] == [
        "torch, fp32: MB 538, F1 0.85", "onnx, q8: MB 1,154, F1 0.9 (0.8 to 0.95)",
    ]  # fmt: skip
    labels = [text.text for text in drawn.iter("text") if text.get("class") == "label"]
    assert labels == ["fp32", "q8"]
    bars = [path for path in drawn.iter("path") if path.get("class") == "line"]
    assert len(bars) == 1, "one of the points has an interval"


def test_groups_have_a_legend_and_shapes_of_their_own() -> None:
    html = draw_points(MODELS, 0, "MB", "F1")
    assert [part.split("</li>")[0] for part in html.split("</svg>")[1:3]] == ["torch", "onnx"]
    assert 'class="legend"' not in draw_points(points((1, 2), (2, 3)), 0, "x", "y")


def test_a_higher_number_is_drawn_higher_and_further_right() -> None:
    drawn = drawing(draw_points(points((1, 5), (10, 50), (100, 500)), 0, "x", "y"))
    places = re.findall(r"translate\(([\d.]+) ([\d.]+)\)", ElementTree.tostring(drawn, encoding="unicode"))
    (x1, y1), (x2, y2), (x3, y3) = [(float(x), float(y)) for x, y in places]
    assert x1 < x2 < x3
    assert y1 > y2 > y3
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2), "a decade is as wide as the next"


def test_labels_cover_neither_points_nor_each_other() -> None:
    found = points_of(read_results([asset("evals", "results")]).result("exports").table(1), range(12), "MB", "F1")
    for width in WIDTHS.values():
        drawn = ElementTree.fromstring(draw_scatter(found, "MB", "F1", width))
        boxes = [
            (float(one.get("x", 0)), float(one.get("y", 0)) - 10, len(one.text or "") * LETTER)
            for one in drawn.iter("text") if one.get("class") == "label"
        ]  # fmt: skip
        assert len(boxes) >= 6
        as_boxes = [(x, y, x + length, y + LINE) for x, y, length in boxes]
        assert not any(meet(one, other) for i, one in enumerate(as_boxes) for other in as_boxes[:i])
