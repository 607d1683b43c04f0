from __future__ import annotations

import json

import pytest

from smolkit.cli import run


def test_the_plan_is_printed_and_nothing_is_trained(tiny_model_dir, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["smoke/extraction-demo", "--set", f"model={tiny_model_dir}", "--set", "data.train[0].synth.rows=12"]
    assert run(["finetune", *arguments, "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["rows"] == 12
    assert plan["steps"] == 2
    assert plan["tokens"] > 12 * 50
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("task", ["extractoin", "vision"])
def test_an_unknown_task_is_one_line(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["finetune", "--task", task]) == 2
    assert capsys.readouterr().err.startswith(f"smolkit: unknown task '{task}'.")
