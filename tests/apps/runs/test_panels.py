"""The plots of runs: which figures have one, where their points lie, what is said of each in words."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from smolkit.apps.figures import shown
from smolkit.apps.plots.lines import COLOURS, MAX_POINTS
from smolkit.apps.runs import open_runs
from smolkit.apps.runs.panels import charts
from smolkit.apps.runs.texts import comparison, spikes

Line = Callable[..., dict[str, Any]]
WriteRun = Callable[..., Path]


def pictures(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg viewBox=\"0 0 420.*?</svg>", html, re.S)]


def titles(html: str) -> list[str]:
    return re.findall(r"<h3>([^<]+?) <small>", html)


def test_a_real_preference_run_shows_its_figures_and_no_others(tuned: Path) -> None:
    runs = open_runs([tuned])
    html = charts(runs, "steps")
    assert titles(html) == [
        "Loss", "Reward margin", "Rewards", "Chosen gained more than rejected", "Log probability of the answers",
        "Learning rate", "Gradient norm", "Speed", "Memory",
    ]  # fmt: skip
    assert len(pictures(html)) == 9
    margin = runs[0].curves["eval_reward_margin"]
    assert f"dev: <b>{shown(margin.values[-1])}</b> at step {margin.steps[-1]}" in html


def test_every_picture_has_a_name_and_its_figures_in_words(growing: Path) -> None:
    html = charts(open_runs([growing]), "steps")
    found = pictures(html)
    assert len(found) == len(titles(html)) == html.count("<figcaption>") == 6
    for picture in found:
        assert picture.get("role") == "img"
        assert picture.get("aria-label", "").endswith("over steps. The text below says the same in figures.")
    lowest = shown(3.0 - math.log(2500) / 10)
    assert f"training: <b>{lowest}</b> at step 2,500, 3 at first; lowest {lowest} at step 2,500" in html


def test_points_lie_where_their_values_are(tmp_path: Path, write_run: WriteRun) -> None:
    run = open_runs([write_run(tmp_path / "a.run", [{"step": 10, "loss": 4.0}, {"step": 20, "loss": 2.0}])])
    (picture,) = pictures(charts(run, "steps"))
    path = next(part for part in picture.iter("path"))
    assert path.get("d") == "M52.0 10.0L410.0 190.0"
    texts = [text.text for text in picture.iter("text")]
    assert {"2", "4", "10", "20", "steps"} <= set(texts)


def test_long_curves_are_thinned_and_it_is_said(tmp_path: Path, write_run: WriteRun) -> None:
    lines = [{"step": step, "loss": 50.0 if step == 70_001 else 2.0 + step % 7} for step in range(1, 100_001)]
    directory = write_run(tmp_path / "long.run", lines)
    began = time.perf_counter()
    runs = open_runs([directory])
    html = charts(runs, "steps")
    assert time.perf_counter() - began < 20  # 2 s on two slow cores
    assert "Of curves of up to 100,000 points at most 2,000 are drawn" in html
    (picture,) = pictures(html)
    raw, mean = picture.iter("path")
    assert raw.get("d", "").count("L") <= MAX_POINTS
    assert mean.get("d", "").count("L") <= MAX_POINTS
    heights = [float(point.split()[1]) for point in raw.get("d", "").strip("M").split("L")]
    assert heights.count(min(heights)) == 1  # the one step at 50 is still there
    again = time.perf_counter()
    runs.read()
    assert time.perf_counter() - again < 0.5


def test_runs_are_compared_over_steps_and_over_tokens(
    tmp_path: Path, growing: Path, line: Line, write_run: WriteRun
) -> None:
    twice = [line(step, tokens=step * 128) for step in range(1, 101)] + [{"step": 100, "validation_loss": 2.5}]
    runs = open_runs([growing, write_run(tmp_path / "other.run", twice)])
    by_steps, by_tokens = (pictures(charts(runs, axis))[0] for axis in ("steps", "tokens"))

    def last_x(picture: ElementTree.Element, colour: str) -> float:
        paths = [path.get("d", "") for path in picture.iter("path") if path.get("stroke") == colour]
        return float(paths[0].rpartition("L")[2].split()[0])

    for picture, share in ((by_steps, 99 / 2499), (by_tokens, (12_800 - 64) / (160_000 - 64))):
        assert last_x(picture, COLOURS[0]) == 410.0
        assert last_x(picture, COLOURS[1]) == pytest.approx(52 + share * 358, abs=0.1)
    assert {text.text for text in by_tokens.iter("text")} >= {"tokens", "100k"}
    html = charts(runs, "tokens")
    assert "base, training" in html
    assert "other, validation: <b>2.5</b> at step 100" in html
    table = comparison(runs)
    assert table.count("<tr>") == 3
    assert comparison(runs[:1]) == ""


def test_a_run_without_tokens_is_told_of_when_tokens_are_the_axis(tmp_path: Path, write_run: WriteRun) -> None:
    run = open_runs([write_run(tmp_path / "a.run", [{"step": 1, "loss": 4.0}])])
    html = charts(run, "tokens")
    assert "No tokens were recorded." in html
    assert pictures(html) == []


@pytest.mark.parametrize("value", [0.0, 1e-320, -5.0, 1e300, 2.0])
def test_a_curve_of_one_value_is_drawn(tmp_path: Path, value: float, line: Line, write_run: WriteRun) -> None:
    lines = [line(step, loss=value, gradient_norm=value) for step in (1, 2)]
    for picture in pictures(charts(open_runs([write_run(tmp_path / "a.run", lines)]), "steps")):
        assert "nan" not in ElementTree.tostring(picture, encoding="unicode")


def test_spikes_are_marked_and_their_documents_named(tmp_path: Path, line: Line, write_run: WriteRun) -> None:
    directory = write_run(tmp_path / "a.run", [line(step, spike=step == 3, stage="main") for step in range(1, 6)])
    sequences = [{"source": "web", "loss": 12.5, "documents": ["<b>page</b>#1", "page#2"]}]
    spike = {"step": 3, "loss": 9.0, "usual": 3.0, "sequences": sequences}
    (directory / "spikes.jsonl").write_text(json.dumps(spike) + "\n")
    runs = open_runs([directory])
    loss = pictures(charts(runs, "steps"))[0]
    (mark,) = (path for path in loss.iter("path") if path.get("class") == "spike")
    assert mark.findtext("title", "").startswith("spike at step 3: ")
    assert "Step 3: loss 9, usually 3<ul><li>web, 12.5: &lt;b&gt;page&lt;/b&gt;#1, page#2</li>" in spikes(runs[0])
