from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from smolkit.cli import run

RECIPE = {
    "model": {"hidden": 32, "ffn": 64, "layers": 2, "heads": 4, "kv_heads": 2},
    "sources": {"topics": {"text": {"python": "topics", "documents": 20, "seed": 1}, "passes": 9}},
    "stages": [{"name": "all", "mixture": {"topics": 1.0}}],
    "steps": 4,
    "sequence": 32,
    "batch": {"tokens": 128, "micro_tokens": 64},
    "schedule": {"warmup_steps": 1, "decay_steps": 1},
    "checkpoint": {"every": 2},
}


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundled: Path) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return "recipe.yaml"


def test_text_becomes_a_model_that_other_commands_take(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pretrain", recipe, "--json"]) == 0
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert figures["model"] == "out/recipe"
    assert figures["tokens"] == 512
    assert "tokenising topics into out/corpora/topics" in captured.err
    assert "time estimate" in captured.err  # the plan
    assert Path("out/recipe.run/checkpoints/step-00000004").is_dir()
    assert run(["plot", "out/recipe.run"]) == 0
    assert capsys.readouterr().out.strip() == "out/recipe.run/curves.png"
    assert run(["data", "inspect", "out/corpora/topics", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 20
    branch = ["--branch", "out/recipe.run/checkpoints/step-00000002", "--set", "steps=3", "--out", "out/branch"]
    assert run(["pretrain", recipe, *branch, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokens"] == 384


def test_the_plan_is_printed_and_nothing_is_written(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pretrain", recipe, "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["steps"] == 4
    assert plan["tokens"] == plan["stage_all"] == plan["all_topics"] == 512
    assert [path.name for path in Path().iterdir()] == ["recipe.yaml"]


@pytest.mark.parametrize("name", ["pretrain/smollm2-135m", "pretrain/smollm2-360m", "pretrain/smollm2-1.7b",
                                  "pretrain/smollm1-135m", "smoke/pretrain-10m", "smoke/pretrain-135m"])  # fmt: skip
def test_shipped_recipes_are_planned_without_their_corpora(
    recipe: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["pretrain", name, "--plan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["training_flops"] > 1e13
    assert run(["data", "mix", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "step=5"], "--set step: no such field. Did you mean 'steps'?"),
        (["--branch", "nowhere"], "nowhere: is no checkpoint of a pretraining run. Name a directory such as"),
        (["--branch", "."], ".: is no checkpoint of a pretraining run"),
        (["--resume"], "out/recipe.run: no run to resume. Leave --resume out to start one."),
        (["--set", "sources.topics.text=null"], "the recipe names no text for it. Set sources.topics.text"),
        (["--set", "tokenizer=nowhere/at/all"], "no model 'nowhere/at/all'"),
        (["--set", "batch.micro_tokens=16"], "batch.micro_tokens 16 has no room for a sequence, 32"),
    ],
)
def test_a_mistake_is_one_line(
    recipe: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(["pretrain", recipe, *arguments]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("smolkit: ")]
    assert len(said) == 1
    assert message in said[0]
    assert not Path("out/recipe").exists()


def test_a_mixture_names_the_source_that_is_meant(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "mix", recipe, "--tokenize", "topic"]) == 2
    assert "no source 'topic' in the recipe. Did you mean 'topics'?" in capsys.readouterr().err
    assert run(["data", "mix", recipe, "--tokenize", "all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source_topics"] == 512


def test_what_is_no_run_cannot_be_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plot", str(tmp_path)]) == 2
    assert "no metrics.jsonl here" in capsys.readouterr().err
