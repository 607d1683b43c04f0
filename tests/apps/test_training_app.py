"""The training app: its endpoints over a real finished run and one that goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from smolkit.errors import SmolkitError

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from smolkit.apps.hosting import load_app, served
from smolkit.apps.plots.lines import MAX_POINTS
from smolkit.apps.runs import open_runs

APP = load_app("training")

Line = Callable[..., dict[str, Any]]
WriteRun = Callable[..., Path]


@pytest.fixture(scope="module")
def address(tuned: Path, growing: Path) -> Iterator[str]:
    with served("training", lambda: nullcontext([growing, tuned]), "training") as (_, _, address):
        yield address


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


def test_what_is_wrong_with_a_file_is_text(tmp_path: Path, line: Line, write_run: WriteRun) -> None:
    run = write_run(tmp_path / "<img src=x>.run", [line(1)])
    (run / "run.json").write_text("{")
    html = APP.problems(open_runs([run]))
    assert "&lt;img src=x&gt;: run.json does not describe the run." in html
    assert "<img" not in html


def test_the_readme_says_the_limits() -> None:
    body = (Path(APP.__file__).parent / "README.md").read_text()
    assert f"{MAX_POINTS:,}" in body
    assert f"{APP.MAX_LINES:,}" in body
