"""Reading runs as they grow: real ones of both kinds, and files that are cut, replaced, damaged or gone."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from smolkit.apps.runs import Run, open_runs
from smolkit.errors import SmolkitError

SILENT = Console(file=open(os.devnull, "w"))  # noqa: SIM115


@pytest.fixture(scope="module")
def pretrained(bundled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 20 steps of pretraining, its run beside it."""
    from smolkit.data.text import Filters, Text
    from smolkit.data.tokenize import tokenize
    from smolkit.train.parallel import World
    from smolkit.train.pretrain import open_run, train
    from smolkit.train.pretrain_recipe import PretrainRecipe

    folder = tmp_path_factory.mktemp("pretrained")
    tokenize(Text(python="topics", documents=40, seed=1), Filters(), folder / "topics", model="bundled", workers=1)
    recipe = {
        "model": {"hidden": 32, "ffn": 64, "layers": 2, "heads": 4, "kv_heads": 2},
        "sources": {"topics": {"corpus": str(folder / "topics"), "passes": 20}},
        "stages": [
            {"name": "stable", "until": 0.5, "mixture": {"topics": 1.0}},
            {"name": "decay", "mixture": {"topics": 1.0}},
        ],
        "steps": 20,
        "sequence": 32,
        "batch": {"tokens": 256, "micro_tokens": 128},
        "optimizer": {"lr": 1e-2},
        "schedule": {"warmup_steps": 2, "decay_steps": 5},
        "dtype": "float32",
        "validation": {"every": 10, "tokens": 200},
    }
    run, world = PretrainRecipe.model_validate_json(json.dumps(recipe)), World()
    train(open_run(run, world), folder / "base", world, console=SILENT)
    return folder / "base"


def finetune_recipe(task: str, model: Path, **fields: Any) -> Any:
    """A recipe of a few steps of a task, with dev rows; keywords replace its fields."""
    from smolkit.train.tasks import TASKS

    level = {"level": "plain"} if task == "extraction" else {}
    recipe = {
        "task": task,
        "model": str(model),
        "data": {
            "train": [{"synth": {"rows": 12, **level}}],
            "dev": [{"synth": {"rows": 2, "split": "dev", **level}}],
        },
        "dev": {"every": 2, "rows": 2, **({"max_new_tokens": 16} if task == "extraction" else {})},
        "batch": {"rows": 4, "micro_tokens": 512},
        "optimizer": {"lr": 1e-3},
        "epochs": 1,
        "dtype": "float32",
        **fields,
    }
    return TASKS.load(task).recipe.model_validate_json(json.dumps(recipe))


def line(step: int, **figures: Any) -> str:
    content = {"step": step, "loss": 3.0 - step / 100, "tokens": step * 64, "seconds": 0.5, **figures}
    return json.dumps(content) + "\n"


def write_run(directory: Path, content: str, described: Mapping[str, Any] | None = None) -> Path:
    directory.mkdir(parents=True)
    (directory / "metrics.jsonl").write_text(content)
    if described is not None:
        (directory / "run.json").write_text(json.dumps(described))
    return directory


def only(directory: Path) -> Run:
    found: Run = open_runs([directory])[0]
    return found


def add(directory: Path, content: str) -> None:
    with (directory / "metrics.jsonl").open("a") as stream:
        stream.write(content)


def test_it_needs_neither_gradio_nor_torch() -> None:
    code = "import sys, smolkit.apps.runs; print({'gradio', 'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# ---- real runs


def test_a_pretraining_run_is_read_with_all_that_it_recorded(pretrained: Path) -> None:
    run = only(pretrained)
    assert (run.name, run.kind, run.state(), run.step, run.steps_planned) == ("base", "pretraining", "finished", 20, 20)
    assert run.problems == []
    assert run.stages == [(1, "stable"), (11, "decay")]
    assert {"loss", "validation_loss", "loss_by_source.topics", "validation_loss_by_source.topics"} <= run.curves.keys()
    assert {"learning_rate", "gradient_norm", "tokens_per_second", "memory_gib", "mfu"} <= run.curves.keys()
    written = [json.loads(text) for text in (pretrained / "metrics.jsonl").read_text().splitlines()]
    assert list(run.curves["loss"].values) == [entry["loss"] for entry in written if "loss" in entry]
    assert list(run.curves["validation_loss"].steps) == [10, 20]
    assert run.record.recipe["steps"] == 20
    assert run.record.plan["parameters"] > 0
    assert run.record.scores["final_loss"] > 0
    assert run.lines_after(-1) == (written, False)


def test_the_run_and_its_model_are_one_run_by_whichever_name(pretrained: Path) -> None:
    other = pretrained.with_name("base.run")
    assert open_runs([pretrained, other, other / ".." / "base"]).names == ["base"]
    assert only(other).lines_after(-1) == only(pretrained).lines_after(-1)


@pytest.mark.parametrize(
    ("task", "figures"),
    [
        ("extraction", {"eval_f1"}),
        ("chat", {"eval_loss"}),
        ("dpo", {"reward_margin", "eval_reward_margin", "reward_accuracy", "eval_loss"}),
    ],
)
def test_a_fine_tuning_run_is_read_with_what_its_task_measures(
    tiny_model_dir: Path, tmp_path: Path, task: str, figures: set[str]
) -> None:
    from smolkit.train import finetune

    finetune.train(finetune.open_run(finetune_recipe(task, tiny_model_dir)), tmp_path / "tuned", console=SILENT)
    run = only(tmp_path / "tuned")
    assert (run.kind, run.state(), run.steps_planned) == (task, "finished", run.step)
    assert figures | {"loss", "learning_rate", "gradient_norm"} <= run.curves.keys()
    assert run.record.recipe["task"] == task
    assert run.record.plan["steps"] == run.step == 3
    assert run.record.scores["final_loss"] > 0


def test_a_fine_tuning_run_says_from_its_start_how_many_steps_it_will_have(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smolkit.train import finetune
    from smolkit.train.ledger import Ledger

    seen = []

    def look(ledger: Ledger, args: object, state: Any, control: object, **_: object) -> None:
        run = only(tmp_path / "tuned.run")
        seen.append((run.step, run.steps_planned, run.state()))
        if state.global_step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Ledger, "on_step_begin", look)
    with pytest.raises(KeyboardInterrupt):
        finetune.train(finetune.open_run(finetune_recipe("chat", tiny_model_dir)), tmp_path / "tuned", console=SILENT)
    assert seen == [(0, 3, "waiting"), (1, 3, "training"), (2, 3, "training")]
    run = only(tmp_path / "tuned")
    assert run.seconds_left() == pytest.approx(run.curves["seconds"].recent())


# ---- growing


def test_only_new_bytes_are_read_and_a_half_written_line_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = write_run(tmp_path / "a.run", line(1) + line(2))
    run = only(directory)
    taken = []
    monkeypatch.setattr(Run, "_take", lambda self, new, take=Run._take: (taken.append(new.number), take(self, new)))
    run.read()
    assert taken == []
    half = line(3)
    add(directory, half[:25])
    version = run.version
    run.read()
    assert (run.step, run.version, run.problems, taken) == (2, version, [], [])
    add(directory, half[25:] + line(4))
    run.read()
    assert (run.step, taken) == (4, [3, 4])
    assert run.version > version
    assert list(run.curves["loss"].steps) == [1, 2, 3, 4]


def test_a_file_that_a_resume_replaced_is_read_anew(tmp_path: Path) -> None:
    from smolkit.train.ledger import keep_until

    directory = write_run(tmp_path / "a.run", "".join(line(step, stage="one") for step in range(1, 10)))
    run = only(directory)
    keep_until(directory / "metrics.jsonl", 6)
    add(directory, line(7, loss=1.25, stage="two"))
    run.read()
    assert list(run.curves["loss"].steps) == list(range(1, 8))
    assert run.curves["loss"].values[-1] == 1.25
    assert run.stages == [(1, "one"), (7, "two")]
    assert [entry["step"] for entry in run.lines_after(5)[0]] == [6, 7]


def test_a_file_that_became_shorter_in_place_is_read_anew(tmp_path: Path) -> None:
    directory = write_run(tmp_path / "a.run", line(1) + line(2) + line(3))
    run = only(directory)
    (directory / "metrics.jsonl").write_text(line(1, loss=9.0))
    run.read()
    assert (list(run.curves["loss"].values), run.line_count) == ([9.0], 1)


def test_a_file_that_began_anew_in_place_and_is_longer_now_is_read_anew(tmp_path: Path) -> None:
    directory = write_run(tmp_path / "a.run", line(1, loss=8.0) + line(2))
    run = only(directory)
    (directory / "metrics.jsonl").write_text("".join(line(step, loss=7.0) for step in range(1, 6)))
    run.read()
    assert list(run.curves["loss"].values) == [7.0] * 5
    add(directory, line(6, loss=6.5))
    run.read()
    assert list(run.curves["loss"].values) == [7.0] * 5 + [6.5]


def test_a_fine_tuning_run_goes_on_as_its_model_when_its_directory_is_removed(tmp_path: Path) -> None:
    described = {"identity": "x", "recipe": {"task": "chat"}, "plan": {"steps": 3}}
    directory = write_run(tmp_path / "tuned.run", line(1) + line(2), described)
    run = only(directory)
    assert (run.kind, run.state(), run.steps_planned, run.seconds_left()) == ("chat", "training", 3, 0.5)
    model = write_run(tmp_path / "tuned", line(1) + line(2) + line(3))
    manifest = {"format": 1, "kind": "model", "recipe": {"task": "chat"}, "scores": {"final_loss": 2.9}}
    (model / "smolkit.json").write_text(json.dumps({**manifest, "details": {"plan": {"steps": 3}}}))
    shutil.rmtree(directory)
    run.read()
    assert (run.state(), run.step, run.problems, run.record.scores) == ("finished", 3, [], {"final_loss": 2.9})


def test_the_scores_of_an_earlier_model_are_not_those_of_a_new_run(tmp_path: Path) -> None:
    model = write_run(tmp_path / "base", line(1) + line(2))
    (model / "smolkit.json").write_text(json.dumps({"format": 1, "kind": "model", "scores": {"final_loss": 2.0}}))
    directory = write_run(tmp_path / "base.run", line(1), {"recipe": {"steps": 2}, "plan": {"steps": 2}})
    run = only(model)
    assert (run.state(), run.step, run.record.scores) == ("training", 1, {})
    add(directory, line(2))
    run.read()
    assert (run.state(), run.record.scores) == ("finished", {"final_loss": 2.0})


def test_states_of_a_run(tmp_path: Path) -> None:
    directory = tmp_path / "a.run"
    directory.mkdir()
    (directory / "run.json").write_text(json.dumps({"recipe": {"stages": [], "steps": 8}}))
    run = only(directory)
    assert (run.state(), run.kind) == ("waiting", "pretraining")
    assert run.problems == ["a: no step was recorded yet. The first one appears here by itself."]
    add(directory, line(1, seconds=30.0))
    run.read()
    now = time.time()
    assert run.state(now) == run.state(now + 500) == "training"  # as a step takes half a minute
    assert run.state(now + 700) == "quiet"
    assert run.seconds_left() == 7 * 30.0
    add(directory, line(8))
    run.read()
    assert (run.state(now + 9999), run.seconds_left()) == ("finished", 0)
    shutil.rmtree(directory)
    run.read()
    assert run.state() == "gone"
    assert run.problems == [
        "a: its directory is gone or holds no metrics.jsonl any more; what is shown was read before."
    ]
    assert run.step == 8


def test_spikes_are_read_with_their_documents(tmp_path: Path) -> None:
    directory = write_run(tmp_path / "a.run", line(1) + line(2, spike=True, loss=9.0))
    spike = {"step": 2, "loss": 9.0, "usual": 3.0, "sequences": [{"source": "web", "loss": 12.0, "documents": ["d#1"]}]}
    run = only(directory)
    assert (run.spike_steps, run.spikes) == ([2], {})
    (directory / "spikes.jsonl").write_text(json.dumps(spike) + "\n[1]\nbroken\n" + '{"step": "x"}\n')
    version = run.version
    run.read()
    assert run.spikes == {2: spike}
    assert run.version > version


def test_samples_are_read_as_they_come_and_anew_after_a_resume(tmp_path: Path) -> None:
    from smolkit.train.ledger import keep_until

    directory = write_run(tmp_path / "a.run", line(1) + line(2))
    file = directory / "samples.jsonl"
    run = only(directory)
    assert run.samples == []
    first, second = ({"step": step, "prompt": "Once", "text": f" upon {step}"} for step in (1, 2))
    version = run.version
    file.write_text(f'{json.dumps(first)}\nbroken\n{{"step": 1, "prompt": 3}}\n{json.dumps(second)}\n')
    run.read()
    assert run.samples == [first, second]
    assert run.version > version
    file.write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n")
    keep_until(file, 1)
    run.read()
    assert run.samples == [first]


# ---- what is wrong


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("{broken", "a damaged line"),
        ("", "a damaged line"),
        ("[1, 2]", "a damaged line, which is no object"),
        ("[" * 100_000, "a damaged line"),
        ("\xff\xfe", "a damaged line"),
        ('{"loss": 2.0}', "no step"),
        ('{"step": "4"}', "its step is no number of a step"),
        ('{"step": true}', "its step is no number of a step"),
        ('{"step": -1}', "its step is no number of a step"),
        (f'{{"step": {10**30}}}', "its step is no number of a step"),
        ('{"step": 1, "loss": 5.0}', "its step is 1, after 2"),
    ],
)
def test_a_damaged_line_is_named_and_left_out(tmp_path: Path, damage: str, reason: str) -> None:
    directory = write_run(tmp_path / "a.run", line(1) + line(2))
    run = only(directory)
    with (directory / "metrics.jsonl").open("ab") as stream:
        stream.write(damage.encode("latin-1") + b"\n")
    add(directory, line(4))
    run.read()
    assert run.problems == [f"a: metrics.jsonl:3: {reason}. It is left out; the rest is shown."]
    assert list(run.curves["loss"].steps) == [1, 2, 4]
    assert [entry["step"] for entry in run.lines_after(-1)[0]] == [1, 2, 4]
    add(directory, "{\n")
    run.read()
    assert "the first of 2 such lines" in run.problems[0]


def test_a_figure_that_is_no_number_is_named_and_leaves_a_gap(tmp_path: Path) -> None:
    huge = f'{{"step": 3, "loss": {10**400}}}\n'
    run = only(write_run(tmp_path / "a.run", line(1) + line(2, loss=math.nan) + huge + line(4)))
    assert list(run.curves["loss"].steps) == [1, 4]
    assert run.problems == ["a: loss is no number from step 2 on."]
    assert run.lines_after(1)[0][0]["loss"] is None


def test_a_description_that_is_cut_short_is_named_and_the_metrics_are_shown(tmp_path: Path) -> None:
    directory = write_run(tmp_path / "a.run", line(1))
    (directory / "run.json").write_text('{"recipe": {')
    run = only(directory)
    assert run.problems == ["a: run.json does not describe the run. What it recorded is not shown."]
    assert run.step == 1
    (directory / "run.json").write_text('{"recipe": {"steps": 4}}')
    run.read()
    assert (run.problems, run.steps_planned) == ([], 4)


# ---- lines in parts


def test_lines_come_in_parts_that_split_no_step(tmp_path: Path) -> None:
    content = "".join(line(step) + json.dumps({"step": step, "eval_loss": 1.0}) + "\n" for step in range(1, 30))
    run = only(write_run(tmp_path / "a.run", content))
    first, more = run.lines_after(-1, limit=5)
    assert ([entry["step"] for entry in first], more) == ([1, 1, 2, 2, 3, 3], True)
    gathered, after = [], -1
    while more:
        part, more = run.lines_after(after, limit=5)
        gathered += part
        after = part[-1]["step"]
    assert gathered == [json.loads(text) for text in content.splitlines()]
    assert run.lines_after(29) == ([], False)


def test_lines_of_a_file_that_went_meanwhile_are_one_line(tmp_path: Path) -> None:
    directory = write_run(tmp_path / "a.run", line(1))
    run = only(directory)
    (directory / "metrics.jsonl").unlink()
    with pytest.raises(SmolkitError, match=r"^a: metrics\.jsonl changed or went while it was read\. Ask again\.$"):
        run.lines_after(-1)
