from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from smolkit.data.pairs import Pair
from smolkit.errors import DataError, RowErrors
from smolkit.manifest import sha256_file
from smolkit.train import finetune
from smolkit.train.dpo import REFERENCE, check_pairs
from smolkit.train.ledger import METRICS, Ledger, read_metrics
from smolkit.train.prepare import prepare

if TYPE_CHECKING:
    from transformers import TrainerState

    from tests.train.conftest import MakeChatRecipe

SILENT = Console(file=open(os.devnull, "w"))  # noqa: SIM115
DATA = {"train": [{"synth": {"rows": 12}}], "dev": [{"synth": {"rows": 6, "split": "dev"}}]}


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_run_learns_to_prefer(make_chat_recipe: MakeChatRecipe, tmp_path: Path, method: str) -> None:
    out = tmp_path / "model"
    recipe = make_chat_recipe("dpo", data=DATA, epochs=3, method=method, dev={"every": 5, "rows": 5}, dpo={"beta": 0.5})
    scores = finetune.train(finetune.open_run(recipe), out, console=SILENT)
    lines = read_metrics(out / METRICS)
    steps = [line for line in lines if "loss" in line]
    assert steps[0]["loss"] == pytest.approx(math.log(2), abs=1e-3)
    assert steps[0]["reward_margin"] == pytest.approx(0, abs=1e-3)
    assert steps[-1]["loss"] < steps[0]["loss"] - 0.05
    assert steps[-1]["reward_margin"] > 0.1
    for line in steps:
        assert line["reward_margin"] == pytest.approx(line["reward_chosen"] - line["reward_rejected"], abs=1e-4)
        assert 0 <= line["reward_accuracy"] <= 1
        assert line["logprob_chosen"] < 0 < line["gradient_norm"]
    measured = [line for line in lines if "eval_loss" in line]
    assert [line["step"] for line in measured] == [5, 9]
    assert {"dev_loss", "dev_reward_accuracy", "dev_reward_margin", "final_reward_margin"} <= scores.keys()
    assert "DPO" in (out / "README.md").read_text()
    assert (out / "adapter").is_dir() is (method == "lora")


def test_the_initial_weights_are_asked_once_and_a_resumed_run_ends_the_same(
    make_chat_recipe: MakeChatRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_chat_recipe("dpo", data=DATA, checkpoint={"every": 1}, batch={"rows": 3})
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    finetune.train(finetune.open_run(recipe), whole, console=SILENT)

    class CutOff(Exception):
        pass

    def stop(ledger: Ledger, args: object, state: TrainerState, control: object, **_: object) -> None:
        if state.global_step == 2:
            raise CutOff

    monkeypatch.setattr(Ledger, "on_step_begin", stop)
    with pytest.raises(CutOff):
        finetune.train(finetune.open_run(recipe), cut, console=SILENT)
    monkeypatch.undo()
    before = (tmp_path / "cut.run" / REFERENCE).read_bytes()
    assert len(json.loads(before)["train"]) == 12
    console = Console(record=True, width=200, file=open(os.devnull, "w"))  # noqa: SIM115
    finetune.train(finetune.open_run(recipe), cut, console=console, resume=True)
    assert "asking the initial weights" not in console.export_text()
    assert sha256_file(cut / "model.safetensors") == sha256_file(whole / "model.safetensors")
    lines = [[line["loss"] for line in read_metrics(out / METRICS) if "loss" in line] for out in (whole, cut)]
    assert lines[0] == lines[1]


def test_a_pair_is_too_long_by_its_longer_answer(make_chat_recipe: MakeChatRecipe, tmp_path: Path) -> None:
    row = {"prompt": "Hi", "chosen": "a", "rejected": "b " * 50}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n" + json.dumps({**row, "rejected": "b"}) + "\n")
    data = {"train": [{"path": str(tmp_path / "p.jsonl")}], "max_length": 64}
    with pytest.raises(RowErrors, match=r"p\.jsonl:1: \d+ tokens with its answer, over data\.max_length = 64"):
        prepare(make_chat_recipe("dpo", data=data))
    assert len(prepare(make_chat_recipe("dpo", data={**data, "too_long": "skip"})).examples) == 1


def test_dev_pairs_that_are_too_long_are_named(make_chat_recipe: MakeChatRecipe, tmp_path: Path) -> None:
    row = {"prompt": "Hi", "chosen": "a", "rejected": "b"}
    files = [tmp_path / "t.jsonl", tmp_path / "d.jsonl"]
    for file in files:
        file.write_text(json.dumps(row) + "\n" + json.dumps({**row, "rejected": "b " * 50}) + "\n")
    train, dev = ([{"path": str(file)}] for file in files)
    data = {"train": train, "dev": dev, "max_length": 64, "too_long": "skip"}
    assert prepare(make_chat_recipe("dpo", data=data)).skipped == [f"{file}:2" for file in files]


def test_a_pair_whose_answer_has_no_end_is_refused(make_chat_recipe: MakeChatRecipe) -> None:
    prepared = prepare(make_chat_recipe("dpo"))
    row = prepared.steps[0][0].rows[0]
    pair = prepared.examples[row]
    prepared.examples[row] = Pair(pair.prompt, pair.chosen[:-1], pair.rejected, pair.row)
    with pytest.raises(DataError, match=r":\d+: the answer does not end with its end token, once"):
        check_pairs(prepared)


@pytest.mark.slow
def test_the_smoke_recipe_teaches_the_bundled_model(bundled: Path, tmp_path: Path) -> None:
    from smolkit.train.tasks import load_task_recipe

    out = tmp_path / "model"
    scores = finetune.train(finetune.open_run(load_task_recipe("smoke/dpo", None)), out, console=SILENT)
    assert scores["dev_loss"] < 0.62
    assert scores["dev_reward_margin"] > 0.2
    assert scores["dev_reward_accuracy"] >= 0.75
