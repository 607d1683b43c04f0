from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

from smolkit.evals.plots import Bar, draw_scores

OVERALL = Bar("micro F1", 0.8, 0.7, 0.9, 50)


def size(path):
    """Width and height of a PNG in pixels, from its header."""
    image = path.read_bytes()
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(image[16:20], "big"), int.from_bytes(image[20:24], "big")


@pytest.mark.parametrize("label", ["price_$ and $x^", "名前", "a" * 60, "{}\\frac"])
def test_any_label_can_be_drawn_without_a_word(tmp_path, label):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_scores(tmp_path / "a.png", {label: [Bar(label, 0.5, 0.4, 0.6, 3)]}, title=label, overall=OVERALL)
    assert size(tmp_path / "a.png")[0] == 9 * 144


def test_the_picture_grows_with_its_bars_and_panels(tmp_path):
    bars = [Bar(f"field_{index}", index / 20, 0.0, 1.0, index) for index in range(20)]
    draw_scores(tmp_path / "one.png", {"fields": bars[:1]}, title="T", overall=OVERALL)
    draw_scores(tmp_path / "many.png", {"fields": bars}, title="T", overall=OVERALL)
    draw_scores(tmp_path / "two.png", {"kinds": bars[:1], "fields": bars}, title="T", overall=OVERALL)
    heights = [size(tmp_path / f"{name}.png")[1] for name in ("one", "many", "two")]
    assert heights == sorted(set(heights))


def test_a_longer_bar_is_a_different_picture(tmp_path):
    for name, value in (("low", 0.1), ("high", 0.9)):
        draw_scores(tmp_path / name, {"": [Bar("a", value, value, value, 1)]}, title="T", overall=OVERALL)
    assert (tmp_path / "low").read_bytes() != (tmp_path / "high").read_bytes()


def test_a_panel_may_be_empty(tmp_path):
    draw_scores(tmp_path / "a.png", {"fields": []}, title="T", overall=OVERALL)
    assert size(tmp_path / "a.png")[1] > 0


def test_drawing_leaves_pyplot_alone(tmp_path):
    code = f"""
import sys
from pathlib import Path
from smolkit.evals.plots import Bar, draw_scores
draw_scores(Path({str(tmp_path)!r}) / "a.png", {{"": []}}, title="", overall=Bar("", 1, 1, 1, 1))
print("matplotlib.pyplot" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
