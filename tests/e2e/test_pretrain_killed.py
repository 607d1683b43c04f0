"""The command, killed at random moments and between any two writes of a checkpoint: it ends as if it never had been."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smolkit.train.ledger import METRICS, read_metrics

RECIPE = """\
model: {{hidden: 32, ffn: 64, layers: 2, heads: 4, kv_heads: 2}}
sources:
  topics: {{corpus: {folder}/topics, text: {{python: topics, documents: 40, seed: 1}}, passes: 20}}
stages:
  - {{name: stable, until: 0.5, mixture: {{topics: 1.0}}}}
  - {{name: decay, mixture: {{topics: 1.0}}, sequence: 64}}
steps: 60
sequence: 32
batch: {{tokens: 512, micro_tokens: 256}}
optimizer: {{lr: 1.0e-2}}
schedule: {{warmup_steps: 4, decay_steps: 10}}
dtype: bfloat16
validation: {{every: 6, tokens: 200}}
checkpoint: {{every: 3, keep: 2}}
"""


def start(folder: Path, out: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "smolkit", "pretrain", str(folder / "recipe.yaml"), "--out", str(folder / out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    return subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True, env=environment)


def lines(folder: Path, out: str) -> list[dict[str, object]]:
    kept = ("step", "loss", "gradient_norm", "loss_by_source", "validation_loss")
    return [{key: line[key] for key in kept if key in line} for line in read_metrics(folder / f"{out}.run" / METRICS)]


def kill_in_training(process: subprocess.Popen[str], run: Path, draw: random.Random) -> None:
    """At a random moment after the first step."""
    before = (run / METRICS).stat().st_size if (run / METRICS).is_file() else 0
    while process.poll() is None and not ((run / METRICS).is_file() and (run / METRICS).stat().st_size > before):
        time.sleep(0.002)
    time.sleep(draw.uniform(0, 0.6))
    process.kill()


def kill_in_a_save(process: subprocess.Popen[str], run: Path, draw: random.Random) -> None:
    """While a checkpoint is being written."""
    while process.poll() is None and not list((run / "checkpoints").glob(".saving-*")):
        time.sleep(0.0005)
    time.sleep(draw.uniform(0, 0.05))
    process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_killed_ten_times_ends_bit_equal(tmp_path: Path, bundled: Path, seed: int) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(folder=tmp_path))
    whole = start(tmp_path, "whole")
    assert whole.wait(300) == 0, whole.stderr and whole.stderr.read()
    draw = random.Random(seed)
    kills = resumed = 0
    while True:
        begun = (tmp_path / "cut.run" / "run.json").is_file()
        process = start(tmp_path, "cut", *(["--resume"] if begun else []))
        if kills < 10:
            (kill_in_a_save if kills % 2 else kill_in_training)(process, tmp_path / "cut.run", draw)
        _, said = process.communicate(timeout=300)
        resumed += "resuming from step-" in said
        if process.returncode == 0:
            break
        assert process.returncode == -9, said
        kills += 1
    assert kills >= 5
    assert resumed >= 5
    one, other = ((tmp_path / out / "model.safetensors").read_bytes() for out in ("whole", "cut"))
    assert one == other
    assert lines(tmp_path, "whole") == lines(tmp_path, "cut")
    shutil.rmtree(tmp_path / "cut.run")
    assert json.loads((tmp_path / "cut" / "smolkit.json").read_text())["kind"] == "model"
