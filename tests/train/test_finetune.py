from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import torch
import yaml
from rich.console import Console

from smolkit.errors import SmolkitError
from smolkit.manifest import read, sha256_file
from smolkit.recipe import resolved
from smolkit.train import finetune
from smolkit.train.ledger import METRICS, Ledger, read_metrics

if TYPE_CHECKING:
    from transformers import TrainerState

    from smolkit.train.recipe import FinetuneRecipe
    from tests.train.conftest import MakeRecipe

SILENT = Console(file=open(os.devnull, "w"))  # noqa: SIM115


def _train(recipe: FinetuneRecipe, out: Path, **options: bool) -> dict:
    return finetune.train(finetune.open_run(recipe), out, console=SILENT, **options)


def test_a_model_that_sees_still_does_after_it_learnt_from_texts(
    make_recipe: MakeRecipe, tiny_vlm: Path, tmp_path: Path
) -> None:
    from smolkit.data.images import ImageLayout

    data = {"train": [{"synth": {"rows": 4, "level": "plain"}}]}
    _train(make_recipe(model=str(tiny_vlm), epochs=1, data=data), tmp_path / "model")
    assert ImageLayout.read(tmp_path / "model") == ImageLayout.read(tiny_vlm)


def test_a_run_learns_and_leaves_one_whole_directory(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    out = tmp_path / "model"
    scores = _train(make_recipe(epochs=4, dev={"rows": 2}, data={
        "train": [{"synth": {"rows": 12, "level": "plain"}}],
        "dev": [{"synth": {"rows": 2, "split": "dev", "level": "plain"}}],
    }), out)  # fmt: skip
    manifest = read(out)
    assert manifest.prompt_format == "smolkit-1"
    assert manifest.scores["dev_f1"] == scores["dev_f1"]
    assert {"README.md", "curves.png", METRICS, "model.safetensors", "tokenizer.json"} <= set(manifest.files)
    losses = [line["loss"] for line in read_metrics(out / METRICS)]
    assert losses[-1] < losses[0] - 0.5
    assert AutoModelForCausalLM.from_pretrained(out).config.eos_token_id == 2
    assert not out.with_name("model.run").exists()


def test_lora_keeps_its_adapter_beside_the_merged_model(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    _train(make_recipe(method="lora"), tmp_path / "model")
    assert (tmp_path / "model" / "adapter" / "adapter_config.json").is_file()
    assert "adapter/adapter_model.safetensors" in read(tmp_path / "model").files


def _command(recipe: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "smolkit", "finetune", str(recipe), "--out", str(out), *more]


def _kill_at(step: int, command: list[str], metrics: Path) -> None:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if metrics.is_file() and len(read_metrics(metrics)) >= step:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    process.wait()


@pytest.mark.slow
def test_a_run_killed_twice_ends_with_the_weights_of_one_that_was_not(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(
        data={"train": [{"synth": {"rows": 24, "level": "plain"}}]},
        batch={"rows": 1},
        checkpoint={"every": 3},
        optimizer={"lr": 1e-3},
        dtype="bfloat16",
    )
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(resolved(recipe)))
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    subprocess.run(_command(file, whole), check=True, capture_output=True)
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    first, second = sorted(random.Random(seed).sample(range(4, 22), 2))
    metrics = tmp_path / "cut.run" / METRICS
    _kill_at(first, _command(file, cut), metrics)
    assert not cut.exists()
    _kill_at(second, _command(file, cut, "--resume"), metrics)
    done = subprocess.run(_command(file, cut, "--resume"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sha256_file(cut / "model.safetensors") == sha256_file(whole / "model.safetensors")
    assert [line["loss"] for line in read_metrics(cut / METRICS)] == [
        line["loss"] for line in read_metrics(whole / METRICS)
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"dtype": "float32"},
        {"dtype": "bfloat16"},
        {"dtype": "bfloat16", "method": "lora", "lora": {"dropout": 0.1}},
    ],
    ids=["in float32", "in bfloat16", "adapters with dropout"],
)
@pytest.mark.parametrize("damaged", [False, True])
def test_a_run_that_was_cut_off_ends_the_same(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict, damaged: bool
) -> None:
    recipe = make_recipe(batch={"rows": 2}, checkpoint={"every": 2}, **fields)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    _train(recipe, whole)

    class CutOff(Exception):
        pass

    def stop(ledger: Ledger, args: object, state: TrainerState, control: object, **_: object) -> None:
        if state.global_step == 5:
            raise CutOff

    monkeypatch.setattr(Ledger, "on_step_begin", stop)
    with pytest.raises(CutOff):
        _train(recipe, cut)
    monkeypatch.undo()
    newest = tmp_path / "cut.run" / "checkpoint-4"
    if damaged:
        os.truncate(newest / "optimizer.pt", 1000)
    console = Console(record=True, width=200, file=open(os.devnull, "w"))  # noqa: SIM115
    finetune.train(finetune.open_run(recipe), cut, console=console, resume=True)
    said = console.export_text()
    assert ("checkpoint-4 is not whole" in said) is damaged
    assert f"resuming from checkpoint-{2 if damaged else 4}" in said
    assert sha256_file(cut / "model.safetensors") == sha256_file(whole / "model.safetensors")
    assert not list(tmp_path.glob(".*"))


def test_a_run_that_was_cut_off_after_its_last_step_is_only_written(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, out = make_recipe(checkpoint={"every": 2}), tmp_path / "model"

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(finetune, "_write_result", fail)
    with pytest.raises(OSError, match="no space left"):
        _train(recipe, out)
    monkeypatch.undo()
    assert not out.exists()
    trained = sha256_file(tmp_path / "model.run" / "checkpoint-3" / "model.safetensors")
    scores = _train(recipe, out, resume=True)
    assert scores["final_loss"] > 0
    assert [line["step"] for line in read_metrics(out / METRICS)] == [1, 2, 3]
    assert sha256_file(out / "model.safetensors") == trained
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_used(tmp_path: Path) -> None:
    from smolkit.manifest import Manifest, write

    for step in (3, 6):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "optimizer.pt").write_bytes(b"whole")
        write(tmp_path / f"checkpoint-{step}", Manifest(kind="checkpoint"))
    (tmp_path / "checkpoint-6" / "optimizer.pt").write_bytes(b"wh")
    (tmp_path / "checkpoint-9").mkdir()  # killed before it was sealed
    console = Console(record=True, width=200, file=open(os.devnull, "w"))  # noqa: SIM115
    assert finetune._last_whole_checkpoint(tmp_path, console) == tmp_path / "checkpoint-3"
    said = console.export_text()
    assert "checkpoint-9 is not whole" in said
    assert "checkpoint-6 is not whole" in said


def test_the_one_kept_checkpoint_is_removed_only_when_a_newer_one_is_sealed(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smolkit.train import trl_adapter

    recipe, out = make_recipe(batch={"rows": 2}, checkpoint={"every": 1, "keep": 1}), tmp_path / "model"
    real, seen = trl_adapter.write, []

    def seal(checkpoint: Path, manifest: object) -> None:
        if checkpoint.name == "checkpoint-4":
            raise KeyboardInterrupt
        real(checkpoint, manifest)
        seen.append(sorted(path.name for path in checkpoint.parent.glob("checkpoint-*")))

    with monkeypatch.context() as patched:
        patched.setattr(trl_adapter, "write", seal)
        with pytest.raises(KeyboardInterrupt):
            _train(recipe, out)
    assert seen[1:] == [["checkpoint-1", "checkpoint-2"], ["checkpoint-2", "checkpoint-3"]]
    console = Console(record=True, width=200, file=open(os.devnull, "w"))  # noqa: SIM115
    finetune.train(finetune.open_run(recipe), out, console=console, resume=True)
    assert "resuming from checkpoint-3" in console.export_text()


def test_a_run_is_another_where_the_base_weights_are(
    make_recipe: MakeRecipe, tiny_model_dir: Path, tmp_path: Path
) -> None:
    model = tmp_path / "base"
    shutil.copytree(tiny_model_dir, model)
    prepared = finetune.prepare(make_recipe(model=str(model)))
    before = finetune._identity(prepared)
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert finetune._identity(prepared) != before


def test_a_run_is_resumed_by_its_own_recipe_only(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    out = tmp_path / "model"
    with pytest.raises(SmolkitError, match="no run to resume"):
        _train(make_recipe(), out, resume=True)
    run_dir = tmp_path / "model.run"
    run_dir.mkdir(parents=True)
    (run_dir / "run.json").write_text(json.dumps({"identity": "another"}))
    with pytest.raises(SmolkitError, match="started with another recipe"):
        _train(make_recipe(), out, resume=True)
    (run_dir / "checkpoint-1").mkdir()
    with pytest.raises(SmolkitError, match="an earlier run was cut off here"):
        _train(make_recipe(), out)
    assert not out.exists()


def test_more_context_than_the_model_has_is_refused(make_recipe: MakeRecipe) -> None:
    data = {"train": [{"synth": {"rows": 4}}], "max_length": 4096}
    with pytest.raises(SmolkitError, match=r"data\.max_length is 4096, the model's context 2048"):
        finetune.open_run(make_recipe(data=data))


def test_the_last_step_is_measured_wherever_the_run_ends(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    plain = {"synth": {"rows": 6, "level": "plain"}}
    dev = {"synth": {"rows": 1, "split": "dev", "level": "plain"}}
    recipe = make_recipe(
        data={"train": [plain], "dev": [dev]},
        dev={"every": 2, "max_new_tokens": 8},
        checkpoint={"every": 2},
        batch={"rows": 2},
    )
    _train(recipe, tmp_path / "model")
    measured = [line["step"] for line in read_metrics(tmp_path / "model" / METRICS) if "eval_f1" in line]
    assert measured == [2, 3]


@pytest.mark.parametrize("track", ["none", "trackio"])
def test_a_run_is_tracked_only_when_asked(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, track: str
) -> None:
    begun: list[dict] = []
    logged: list[tuple[int, dict]] = []
    trackio = ModuleType("trackio")
    trackio.init = lambda **given: begun.append(given)  # type: ignore[attr-defined]
    trackio.log = lambda line, step: logged.append((step, line))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    recipe = make_recipe(track=track, data={"train": [{"synth": {"rows": 4, "level": "plain"}}]}, batch={"rows": 2})
    _train(recipe, tmp_path / "model")
    if track == "none":
        assert (begun, logged) == ([], [])
    else:
        assert begun[0]["config"] == resolved(recipe)
        assert [step for step, _ in logged] == [1, 2]
        assert [line["loss"] for _, line in logged] == [
            line["loss"] for line in read_metrics(tmp_path / "model" / METRICS)
        ]


def test_a_missing_tracker_is_found_out_before_anything_is_written(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(
        SmolkitError, match=r"needs trackio, which is not installed\. Run: pip install 'smolkit\[track\]'"
    ):
        _train(make_recipe(track="trackio"), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_the_best_measured_checkpoint_is_kept(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    data = {
        "train": [{"synth": {"rows": 8, "level": "plain"}}],
        "dev": [{"synth": {"rows": 2, "split": "dev", "level": "plain"}}],
    }
    recipe = make_recipe(
        data=data, dev={"every": 1, "rows": 2, "max_new_tokens": 24}, checkpoint={"every": 1}, batch={"rows": 4}
    )
    scores = _train(recipe, tmp_path / "model")
    measured = [line["eval_f1"] for line in read_metrics(tmp_path / "model" / METRICS) if "eval_f1" in line]
    assert len(measured) == 2
    assert scores["dev_f1"] == pytest.approx(max(measured))
    assert torch.isfinite(torch.tensor(measured)).all()
