"""What is said of runs: how far they are, their last lines, samples, plan, scores and recipe."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smolkit.apps.figures import shown
from smolkit.apps.runs import open_runs
from smolkit.apps.runs.panels import charts
from smolkit.apps.runs.texts import comparison, last_lines, overview, recipe_text, record, samples

Line = Callable[..., dict[str, Any]]
WriteRun = Callable[..., Path]


def test_the_overview_says_how_far_a_run_is(growing: Path) -> None:
    html = overview(open_runs([growing])[0])
    assert "<h2>base</h2><p>Pretraining: training.</p>" in html
    assert "2,500 of 5,000 steps (50%)" in html
    assert "<dt>Time left, about</dt><dd>21 min</dd>" in html
    assert "<dt>Tokens</dt><dd>160,000</dd>" in html
    assert "<dt>Memory at most</dt><dd>1.25 GiB</dd>" in html
    assert "F1" not in html


def test_the_overview_of_a_real_finished_run_has_its_margin_and_no_time_left(tuned: Path) -> None:
    html = overview(open_runs([tuned])[0])
    assert "Preference tuning (DPO): finished." in html
    assert "Dev reward margin" in html
    assert "Time left" not in html


def test_plan_scores_and_recipe_are_shown_as_recorded(tuned: Path) -> None:
    import yaml

    run = open_runs([tuned])[0]
    recorded = json.loads((tuned / "smolkit.json").read_text())
    assert yaml.safe_load(recipe_text(run)) == recorded["recipe"]
    html = record(run)
    assert f"<td>trainable parameters</td><td>{recorded['details']['plan']['trainable_parameters']:,}</td>" in html
    assert f"<td>final loss</td><td>{shown(recorded['scores']['final_loss'])}</td>" in html


def test_the_last_lines_come_newest_first_with_the_columns_that_they_have(growing: Path) -> None:
    html = last_lines(open_runs([growing])[0])
    steps = re.findall(r"<tr><td>([\d,]+)</td>", html)
    assert steps == [f"{step:,}" for step in range(2500, 2480, -1)]
    assert '<th scope="col">gradient norm</th>' in html
    assert "validation" not in html


def sample_run(directory: Path, write_run: WriteRun, line: Line, steps: range, text: str = " upon") -> Any:
    run = write_run(directory, [line(step) for step in steps])
    lines = [{"step": step, "prompt": prompt, "text": f"{text} {step}"} for step in steps for prompt in ("Once", "Two")]
    (run / "samples.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    return open_runs([run])[0]


def test_samples_come_newest_step_first_with_their_prompts(tmp_path: Path, line: Line, write_run: WriteRun) -> None:
    html = samples(sample_run(tmp_path / "a.run", write_run, line, range(1, 4)))
    assert re.findall("<h3>(.*?)</h3>", html) == ["Step 3", "Step 2", "Step 1"]
    assert html.count("<dt>Once</dt><dd> upon 3</dd>") == 1
    assert html.index("<dt>Once</dt><dd> upon 3</dd>") < html.index("<dt>Two</dt><dd> upon 3</dd>")
    assert "The last" not in html


def test_of_many_samples_the_last_are_shown_and_it_is_said(tmp_path: Path, line: Line, write_run: WriteRun) -> None:
    html = samples(sample_run(tmp_path / "a.run", write_run, line, range(1, 31), text="x" * 3000))
    assert html.startswith("<p>The last 10 of 30 steps.</p>")
    assert len(re.findall("<h3>", html)) == 10
    assert f"<dd>{'x' * 2000}…</dd>" in html


@pytest.mark.parametrize(("text", "shown"), [("", "(nothing)"), ("\n \n", "(nothing but blanks)"), (" a\nb", " a\nb")])
def test_a_sample_that_cannot_be_seen_is_said(
    tmp_path: Path, line: Line, write_run: WriteRun, text: str, shown: str
) -> None:
    run = write_run(tmp_path / "a.run", [line(1)])
    (run / "samples.jsonl").write_text(json.dumps({"step": 1, "prompt": "Once", "text": text}) + "\n")
    assert f"<dt>Once</dt><dd>{shown}</dd>" in samples(open_runs([run])[0])


def test_a_run_without_samples_says_what_brings_some(tmp_path: Path, line: Line, write_run: WriteRun) -> None:
    run = open_runs([write_run(tmp_path / "a.run", [line(1)])])[0]
    assert samples(run) == "<p>a has written none: its recipe's samples.every says at which steps.</p>"


def test_html_in_names_and_files_is_text(tmp_path: Path, line: Line, write_run: WriteRun) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    lines = [line(1, stage=hostile, loss_by_source={hostile: 1.0}), {"step": 1, "loss": hostile, "eval_loss": 1.0}]
    runs = open_runs([write_run(tmp_path / f"{hostile}.run", lines, recipe={"task": hostile}, plan={hostile: hostile})])
    sample = {"step": 1, "prompt": hostile, "text": hostile}
    (runs[0].given / "samples.jsonl").write_text(json.dumps(sample) + "\n")
    runs.read()
    run = runs[0]
    shown = [samples(run), overview(run), charts(runs, "steps"), last_lines(run), record(run)]
    shown.append(comparison([run, run]))
    assert all("<img" not in html for html in shown)
    assert sum("&lt;img" in html for html in shown) >= 4
