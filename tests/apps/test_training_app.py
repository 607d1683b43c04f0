"""The training app: what it draws and says, as pure functions, and its endpoints over a real finished run."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from smolkit.errors import SmolkitError

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from smolkit.apps.runs import open_runs
from smolkit.cli.demo import load_app, served

APP = load_app("training")
SILENT = Console(file=open(os.devnull, "w"))  # noqa: SIM115


@pytest.fixture(scope="module")
def tuned(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real preference run of a few steps, finished."""
    from smolkit.train import finetune
    from smolkit.train.tasks import TASKS

    recipe = {
        "task": "dpo",
        "model": str(tiny_model_dir),
        "data": {"train": [{"synth": {"rows": 12}}], "dev": [{"synth": {"rows": 2, "split": "dev"}}]},
        "dev": {"every": 2, "rows": 2},
        "batch": {"rows": 4, "micro_tokens": 512},
        "optimizer": {"lr": 1e-3},
        "epochs": 1,
        "dtype": "float32",
    }
    out = tmp_path_factory.mktemp("tuned") / "dpo"
    checked = TASKS.load("dpo").recipe.model_validate_json(json.dumps(recipe))
    finetune.train(finetune.open_run(checked), out, console=SILENT)
    return out


def line(step: int, **figures: Any) -> dict[str, Any]:
    loss = 3.0 - math.log(step) / 10
    return {
        "step": step,
        "stage": "main",
        "loss": loss,
        "loss_by_source": {"web": loss, "code": loss - 1},
        "learning_rate": 1e-3,
        "gradient_norm": 1.0 + 1 / step,
        "tokens": step * 64,
        "tokens_per_second": 128.0,
        "seconds": 0.5,
        "memory_gib": 1.25,
        **figures,
    }


def write_run(directory: Path, lines: list[dict[str, Any]], **described: Any) -> Path:
    directory.mkdir(parents=True)
    (directory / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    (directory / "run.json").write_text(json.dumps({"recipe": {}, **described}))
    return directory


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [line(step) for step in range(1, 2501)]
    return write_run(tmp_path_factory.mktemp("growing") / "base.run", lines, plan={"steps": 5000})


@pytest.fixture(scope="module")
def address(tuned: Path, growing: Path) -> Iterator[str]:
    with served("training", lambda: nullcontext([growing, tuned]), "training") as (_, _, address):
        yield address


# ---- numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"), (4.80473, "4.805"), (3.33e-6, "3.33e-06"), (12345.6, "12,346"), (True, "True"),
        (None, ""), ("decay", "decay"), (math.nan, "no number"), (0, "0"), (-0.25, "-0.25"),
    ],
)  # fmt: skip
def test_a_figure_is_shown_as_people_read_it(value: object, text: str) -> None:
    assert APP.shown(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(3.2, "3 s"), (600, "10 min"), (9000, "2.5 h"), (400_000, "4.6 days")])
def test_a_time_is_shown_as_people_read_it(seconds: float, text: str) -> None:
    assert APP.duration(seconds) == text


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(10, 60))
def test_thinning_keeps_the_ends_the_extremes_and_the_order(values: list[float], limit: int) -> None:
    xs, ys = np.arange(float(len(values))), np.array(values)
    thin_xs, thin_ys = APP.thin(xs, ys, limit)
    assert len(thin_xs) == len(thin_ys) <= max(limit, 2)
    assert (np.diff(thin_xs) > 0).all()
    assert (thin_xs[0], thin_xs[-1]) == (xs[0], xs[-1])
    assert (thin_ys.min(), thin_ys.max()) == (ys.min(), ys.max())
    assert all(values[int(x)] == y for x, y in zip(thin_xs, thin_ys, strict=True))


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=900))
def test_the_mean_is_that_of_the_curves_that_training_draws(values: list[float]) -> None:
    from smolkit.train.curves import smoothed

    assert APP.trailing_mean(np.array(values)) == pytest.approx(smoothed(values), abs=1e-9)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_are_round_few_and_within_the_axis(low: float, span: float) -> None:
    if low + span == low or span < abs(low) * 1e-9:
        return
    found = APP.ticks(low, low + span)
    assert 2 <= len(found) <= 7
    assert all(low - span * 1e-6 <= value <= low + span * (1 + 1e-6) for value in found)


# ---- plots


def pictures(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg viewBox=\"0 0 420.*?</svg>", html, re.S)]


def titles(html: str) -> list[str]:
    return re.findall(r"<h3>([^<]+?) <small>", html)


def test_a_real_preference_run_shows_its_figures_and_no_others(tuned: Path) -> None:
    runs = open_runs([tuned])
    html = APP.charts(runs, "steps")
    assert titles(html) == [
        "Loss", "Reward margin", "Rewards", "Chosen gained more than rejected", "Log probability of the answers",
        "Learning rate", "Gradient norm", "Speed", "Memory",
    ]  # fmt: skip
    assert len(pictures(html)) == 9
    margin = runs[0].curves["eval_reward_margin"]
    assert f"dev: <b>{APP.shown(margin.values[-1])}</b> at step {margin.steps[-1]}" in html


def test_every_picture_has_a_name_and_its_figures_in_words(growing: Path) -> None:
    html = APP.charts(open_runs([growing]), "steps")
    found = pictures(html)
    assert len(found) == len(titles(html)) == html.count("<figcaption>") == 6
    for picture in found:
        assert picture.get("role") == "img"
        assert picture.get("aria-label", "").endswith("over steps. The text below says the same in figures.")
    lowest = APP.shown(3.0 - math.log(2500) / 10)
    assert f"training: <b>{lowest}</b> at step 2,500, 3 at first; lowest {lowest} at step 2,500" in html


def test_points_lie_where_their_values_are(tmp_path: Path) -> None:
    run = open_runs([write_run(tmp_path / "a.run", [{"step": 10, "loss": 4.0}, {"step": 20, "loss": 2.0}])])
    (picture,) = pictures(APP.charts(run, "steps"))
    path = next(part for part in picture.iter("path"))
    assert path.get("d") == "M52.0 10.0L410.0 190.0"
    texts = [text.text for text in picture.iter("text")]
    assert {"2", "4", "10", "20", "steps"} <= set(texts)


def test_long_curves_are_thinned_and_it_is_said(tmp_path: Path) -> None:
    lines = [{"step": step, "loss": 50.0 if step == 70_001 else 2.0 + step % 7} for step in range(1, 100_001)]
    directory = write_run(tmp_path / "long.run", lines)
    began = time.perf_counter()
    runs = open_runs([directory])
    html = APP.charts(runs, "steps")
    assert time.perf_counter() - began < 20  # 2 s on two slow cores
    assert "Of curves of up to 100,000 points at most 2,000 are drawn" in html
    (picture,) = pictures(html)
    raw, mean = picture.iter("path")
    assert raw.get("d", "").count("L") <= APP.MAX_POINTS
    assert mean.get("d", "").count("L") <= APP.MAX_POINTS
    heights = [float(point.split()[1]) for point in raw.get("d", "").strip("M").split("L")]
    assert heights.count(min(heights)) == 1  # the one step at 50 is still there
    again = time.perf_counter()
    runs.read()
    assert time.perf_counter() - again < 0.5


def test_runs_are_compared_over_steps_and_over_tokens(tmp_path: Path, growing: Path) -> None:
    twice = [line(step, tokens=step * 128) for step in range(1, 101)] + [{"step": 100, "validation_loss": 2.5}]
    runs = open_runs([growing, write_run(tmp_path / "other.run", twice)])
    by_steps, by_tokens = (pictures(APP.charts(runs, axis))[0] for axis in ("steps", "tokens"))

    def last_x(picture: ElementTree.Element, colour: str) -> float:
        paths = [path.get("d", "") for path in picture.iter("path") if path.get("stroke") == colour]
        return float(paths[0].rpartition("L")[2].split()[0])

    for picture, share in ((by_steps, 99 / 2499), (by_tokens, (12_800 - 64) / (160_000 - 64))):
        assert last_x(picture, APP.COLOURS[0]) == 410.0
        assert last_x(picture, APP.COLOURS[1]) == pytest.approx(52 + share * 358, abs=0.1)
    assert {text.text for text in by_tokens.iter("text")} >= {"tokens", "100k"}
    html = APP.charts(runs, "tokens")
    assert "base, training" in html
    assert "other, validation: <b>2.5</b> at step 100" in html
    table = APP.comparison(runs)
    assert table.count("<tr>") == 3
    assert APP.comparison(runs[:1]) == ""


def test_a_run_without_tokens_is_told_of_when_tokens_are_the_axis(tmp_path: Path) -> None:
    run = open_runs([write_run(tmp_path / "a.run", [{"step": 1, "loss": 4.0}])])
    html = APP.charts(run, "tokens")
    assert "No tokens were recorded." in html
    assert pictures(html) == []


@pytest.mark.parametrize("value", [0.0, 1e-320, -5.0, 1e300, 2.0])
def test_a_curve_of_one_value_is_drawn(tmp_path: Path, value: float) -> None:
    lines = [line(step, loss=value, gradient_norm=value) for step in (1, 2)]
    for picture in pictures(APP.charts(open_runs([write_run(tmp_path / "a.run", lines)]), "steps")):
        assert "nan" not in ElementTree.tostring(picture, encoding="unicode")


def test_spikes_are_marked_and_their_documents_named(tmp_path: Path) -> None:
    directory = write_run(tmp_path / "a.run", [line(step, spike=step == 3, stage="main") for step in range(1, 6)])
    sequences = [{"source": "web", "loss": 12.5, "documents": ["<b>page</b>#1", "page#2"]}]
    spike = {"step": 3, "loss": 9.0, "usual": 3.0, "sequences": sequences}
    (directory / "spikes.jsonl").write_text(json.dumps(spike) + "\n")
    runs = open_runs([directory])
    loss = pictures(APP.charts(runs, "steps"))[0]
    (mark,) = (path for path in loss.iter("path") if path.get("class") == "spike")
    assert mark.findtext("title", "").startswith("spike at step 3: ")
    assert "Step 3: loss 9, usually 3<ul><li>web, 12.5: &lt;b&gt;page&lt;/b&gt;#1, page#2</li>" in APP.spikes(runs[0])


# ---- texts


def test_the_overview_says_how_far_a_run_is(growing: Path) -> None:
    html = APP.overview(open_runs([growing])[0])
    assert "<h2>base</h2><p>Pretraining: training.</p>" in html
    assert "2,500 of 5,000 steps (50%)" in html
    assert "<dt>Time left, about</dt><dd>21 min</dd>" in html
    assert "<dt>Tokens</dt><dd>160,000</dd>" in html
    assert "<dt>Memory at most</dt><dd>1.25 GiB</dd>" in html
    assert "F1" not in html


def test_the_overview_of_a_real_finished_run_has_its_margin_and_no_time_left(tuned: Path) -> None:
    html = APP.overview(open_runs([tuned])[0])
    assert "Preference tuning (DPO): finished." in html
    assert "Dev reward margin" in html
    assert "Time left" not in html


def test_plan_scores_and_recipe_are_shown_as_recorded(tuned: Path) -> None:
    import yaml

    run = open_runs([tuned])[0]
    recorded = json.loads((tuned / "smolkit.json").read_text())
    assert yaml.safe_load(APP.recipe_text(run)) == recorded["recipe"]
    html = APP.record(run)
    assert f"<td>trainable parameters</td><td>{recorded['details']['plan']['trainable_parameters']:,}</td>" in html
    assert f"<td>final loss</td><td>{APP.shown(recorded['scores']['final_loss'])}</td>" in html


def test_the_last_lines_come_newest_first_with_the_columns_that_they_have(growing: Path) -> None:
    html = APP.last_lines(open_runs([growing])[0])
    steps = re.findall(r"<tr><td>([\d,]+)</td>", html)
    assert steps == [f"{step:,}" for step in range(2500, 2480, -1)]
    assert '<th scope="col">gradient norm</th>' in html
    assert "validation" not in html


def test_html_in_names_and_files_is_text(tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    lines = [line(1, stage=hostile, loss_by_source={hostile: 1.0}), {"step": 1, "loss": hostile, "eval_loss": 1.0}]
    runs = open_runs([write_run(tmp_path / f"{hostile}.run", lines, recipe={"task": hostile}, plan={hostile: hostile})])
    run = runs[0]
    shown = [APP.overview(run), APP.charts(runs, "steps"), APP.last_lines(run), APP.record(run), APP.problems(runs)]
    shown.append(APP.comparison([run, run]))
    assert all("<img" not in html for html in shown)
    assert sum("&lt;img" in html for html in shown) >= 4


# ---- the endpoints


def test_the_runs_are_listed_with_their_state(client: Any, tuned: Path) -> None:
    base, dpo = client.predict(api_name="/runs")
    assert base == {
        "name": "base", "kind": "pretraining", "state": "training", "step": 2500, "steps": 5000, "problems": [],
    }  # fmt: skip
    assert (dpo["name"], dpo["kind"], dpo["state"]) == ("dpo", "dpo", "finished")


def test_lines_are_given_as_they_were_written(client: Any, tuned: Path) -> None:
    answer = client.predict("dpo", 1, api_name="/metrics")
    written = [json.loads(text) for text in (tuned / "metrics.jsonl").read_text().splitlines()]
    assert answer["lines"] == [entry for entry in written if entry["step"] > 1] != []
    assert (answer["name"], answer["last_step"], answer["more"]) == ("dpo", written[-1]["step"], False)


def test_a_new_line_is_in_the_next_answer(client: Any, growing: Path) -> None:
    first = client.predict("base", 2499, api_name="/metrics")
    with (growing / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps({"step": 2500, "validation_loss": 2.25}) + "\n")
    second = client.predict("base", 2499, api_name="/metrics")
    assert second["lines"] == [*first["lines"], {"step": 2500, "validation_loss": 2.25}]


def test_the_examples_are_all_lines_of_every_run(address: str, growing: Path, tuned: Path) -> None:
    answers = dict(APP.answer_presets(address))
    assert list(answers) == ["base", "dpo"]
    for directory, figures in zip((growing, tuned), answers.values(), strict=True):
        assert figures["lines"] == len((directory / "metrics.jsonl").read_text().splitlines()) > 3
        assert figures["problems"] == 0
    assert [list(figures) for figures in answers.values()] == [
        ["kind", "state", "step", "lines", "loss", "problems"]
    ] * 2


@pytest.mark.parametrize(
    ("name", "after", "text"),
    [
        ("bas", 0, "no run 'bas' is shown here. Did you mean 'base'? Known: base, dpo."),
        ("/etc/passwd", 0, "no run '/etc/passwd' is shown here."),
        (["base"], 0, "no run '' is shown here."),
        ("base", "x", "after_step is a step, such as 0, or -1 for all lines."),
        ("base", True, "after_step is a step, such as 0, or -1 for all lines."),
        ("base", -2, "after_step is a step, such as 0, or -1 for all lines."),
        ("base", 10**20, "after_step is a step, such as 0, or -1 for all lines."),
    ],
)
def test_what_cannot_be_answered_is_one_line(client: Any, name: Any, after: Any, text: str) -> None:
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as caught:
        client.predict(name, after, api_name="/metrics")
    assert text in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_endpoints_are_two_and_take_no_path(client: Any) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert sorted(endpoints) == ["/metrics", "/runs"]
    names = [parameter["parameter_name"] for parameter in endpoints["/metrics"]["parameters"]]
    assert names == ["run", "after_step"]


def test_waiting_and_vanished_runs_are_said_in_one_line(tmp_path: Path, tuned: Path) -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    waiting = tmp_path / "new.run"
    waiting.mkdir()
    (waiting / "run.json").write_text("{}")
    shutil.copytree(tuned, tmp_path / "old")
    with served("training", lambda: nullcontext([waiting, tmp_path / "old"]), "training") as (_, _, address):
        client = Client(address, verbose=False)
        with pytest.raises(AppError, match="new: no step was recorded yet"):
            client.predict("new", -1, api_name="/metrics")
        shutil.rmtree(tmp_path / "old")
        with pytest.raises(AppError, match="old: its directory is gone") as caught:
            client.predict("old", -1, api_name="/metrics")
        assert str(tmp_path) not in str(caught.value)
        answers = dict(APP.answer_presets(address))
        assert [(figures["state"], figures["lines"]) for figures in answers.values()] == [("waiting", 0), ("gone", 0)]


def test_a_page_over_no_run_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SmolkitError, match=r"no metrics\.jsonl here, so it is no run"):
        APP.build([tmp_path], "training")
    with pytest.raises(SmolkitError, match="no run was named"):
        APP.build([], "training")


def test_the_readme_says_the_limits() -> None:
    body = (Path(APP.__file__).parent / "README.md").read_text()
    assert f"{APP.MAX_POINTS:,}" in body
    assert f"{APP.MAX_LINES:,}" in body
