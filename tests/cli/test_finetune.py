from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from smolkit.cli import run
from smolkit.data.rows import write_rows
from smolkit.data.synth import generate
from smolkit.manifest import read


def test_the_plan_is_printed_and_nothing_is_trained(tiny_model_dir, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["smoke/extraction-demo", "--set", f"model={tiny_model_dir}", "--set", "data.train[0].synth.rows=12"]
    assert run(["finetune", *arguments, "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["rows"] == 12
    assert plan["steps"] == 2
    assert plan["tokens"] > 12 * 50
    assert list(tmp_path.iterdir()) == []


def test_a_destination_in_brackets_is_said_as_it_is(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from smolkit.train import finetune

    plan = SimpleNamespace(print=lambda console: None)
    monkeypatch.setattr(finetune, "open_run", lambda recipe: SimpleNamespace(plan=plan))
    monkeypatch.setattr(finetune, "train", lambda run, out, **_: {"loss": 1})
    monkeypatch.chdir(tmp_path)
    assert run(["finetune", "smoke/extraction-demo", "--set", f"model={tiny_model_dir}", "--out", "a[/b]"]) == 0
    assert "wrote a[/b]: loss 1" in capsys.readouterr().err


def test_a_model_is_trained_and_its_figures_are_json(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path / "rows.jsonl", list(generate(4, 0, "train", "plain")))
    out = tmp_path / "model"
    arguments = ["smoke/extraction-demo", "--data", str(tmp_path / "rows.jsonl"), "--dev", str(tmp_path / "rows.jsonl")]
    fields = [f"model={tiny_model_dir}", "batch.rows=2", "dev.rows=1", "dev.max_new_tokens=8", "epochs=1"]
    settings = [argument for field in fields for argument in ("--set", field)]
    assert run(["finetune", *arguments, *settings, "--out", str(out), "--json"]) == 0
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert figures["model"] == str(out)
    assert {"dev_f1", "final_loss", "training_seconds"} <= figures.keys()
    assert "learning rate" in captured.err  # the plan
    assert str(tmp_path / "rows.jsonl") in [source.name for source in read(out).sources]
    assert run(["extract", "--model", str(out), "--template", '{"a": ""}', str(tmp_path / "rows.jsonl")]) == 0


@pytest.mark.parametrize("task", ["extractoin", "speech"])
def test_an_unknown_task_is_one_line(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["finetune", "--task", task]) == 2
    assert capsys.readouterr().err.startswith(f"smolkit: unknown task '{task}'.")


@pytest.mark.parametrize("task", ["chat", "dpo"])
def test_a_task_is_planned_by_its_default_recipe_with_rows_of_ones_own(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str
) -> None:
    from smolkit.data.synth.chats import generate_chats, generate_pairs

    write_rows(tmp_path / "rows.jsonl", list((generate_chats if task == "chat" else generate_pairs)(6, 0)))
    rows = ["--data", str(tmp_path / "rows.jsonl"), "--dev", str(tmp_path / "rows.jsonl")]
    fields = [f"model={tiny_model_dir}", "data.max_length=512", "batch.rows=2"]
    settings = [argument for field in fields for argument in ("--set", field)]
    assert run(["finetune", "--task", task, *rows, *settings, "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["rows"], plan["dev_rows"], plan["steps"]) == (6, 6, 6)


def test_a_recipe_of_another_task_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["finetune", "smoke/dpo", "--task", "chat"]) == 2
    assert "this recipe is for dpo, and --task is chat" in capsys.readouterr().err
