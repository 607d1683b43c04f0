"""A model from nothing to an answer: pretrained, exported, run by llama.cpp, fine-tuned to converse, and asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from smolkit.train.ledger import METRICS, read_metrics

llama_cpp = pytest.importorskip("llama_cpp", reason="pip install 'smolkit[gguf]'")

pytestmark = pytest.mark.slow


def smolkit(folder: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "smolkit", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_pretrain_export_finetune_chat(tmp_path: Path) -> None:
    smolkit(tmp_path, "pretrain", "smoke/pretrain-10m", "--out", "base", "--set", "steps=60",
            "--set", "schedule.decay_steps=15", "--set", "validation.every=30", "--set", "checkpoint.every=30",
            "--set", "checkpoint.keep_every=30")  # fmt: skip
    losses = [line["loss"] for line in read_metrics(tmp_path / "base.run" / METRICS) if "loss" in line]
    assert losses[0] > 10 > 7.5 > losses[-1]

    smolkit(tmp_path, "export", "base", "--target", "gguf", "--quant", "q8_0", "--out", "gguf")
    (file,) = (tmp_path / "gguf").glob("*.gguf")
    model = llama_cpp.Llama(str(file), n_ctx=128, verbose=False)
    text = model("def read(self", max_tokens=8, temperature=0.0)["choices"][0]["text"]
    model.close()
    assert text

    smolkit(tmp_path, "finetune", "smoke/chat", "--out", "chat", "--set", "model=base",
            "--set", "data.train[0].synth.rows=32", "--set", "data.dev[0].synth.rows=8")  # fmt: skip
    scores = json.loads((tmp_path / "chat" / "smolkit.json").read_text())
    assert scores["kind"] == "model"
    assert smolkit(tmp_path, "chat", "--model", "chat", "--prompt", "Hello", "--max-new-tokens", "8")
