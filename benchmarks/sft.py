"""Fine-tuning speed: smolkit beside a stock TRL SFTTrainer script, on the same rows, batches and dtype.

    python -m benchmarks.sft [--rows 32] [--synth] [--json]

Real SROIE receipts where `$SMOLKIT_DATA` has them, else synthetic rows. Every side runs in a process of its own with
the bundled model in bfloat16 and the same learning rate; rows stand in the same order, eight to a step. Tokens per
second count real tokens, not padding, and leave out the first step, in which kernels are made. The stock script is
what TRL's documentation shows for prompt-completion rows, with its defaults.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks._sides import receipts, run_sides

SIDES = ("trl full", "smolkit full", "trl lora", "smolkit lora")
ROWS_PER_STEP = 8
LEARNING_RATE = 1e-4


def recipe(side: str, rows: int, *, synth: bool) -> Any:
    from smolkit.train.extraction import ExtractionRecipe

    file = None if synth else receipts()
    source = {"path": str(file), "rows": rows} if file else {"synth": {"rows": rows}}
    return ExtractionRecipe.model_validate_json(
        json.dumps(
            {
                "data": {"train": [source], "too_long": "skip"},
                "method": "lora" if "lora" in side else "full",
                "optimizer": {"lr": LEARNING_RATE},
                "schedule": {"kind": "wsd", "warmup": 0.0, "decay": 0.0},
                "batch": {"rows": ROWS_PER_STEP, "micro_tokens": 4096},
            }
        )
    )


def run_smolkit(side: str, rows: int, *, synth: bool) -> dict[str, Any]:
    from rich.console import Console

    from smolkit.cli._common import keep_threads_awake

    keep_threads_awake()  # as the command does
    from smolkit.train import finetune
    from smolkit.train.ledger import METRICS, read_metrics

    run = finetune.open_run(recipe(side, rows, synth=synth))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model"
        finetune.train(run, out, console=Console(file=sys.stderr))
        lines = read_metrics(out / METRICS)
    tokens = [after["tokens"] - before["tokens"] for before, after in pairwise(lines)]
    return {
        "losses": [line["loss"] for line in lines],
        "tokens_per_second": sum(tokens) / sum(line["seconds"] for line in lines[1:]),
        "memory_gib": max(line["memory_gib"] for line in lines),
    }


def run_trl(side: str, rows: int, *, synth: bool) -> dict[str, Any]:
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from smolkit.models import load_model
    from smolkit.train.ledger import peak_memory_gib
    from smolkit.train.prepare import prepare

    prepared = prepare(recipe(side, rows, synth=synth))
    order = [row for step in prepared.steps for row in sorted(r for micro in step for r in micro.rows)]
    examples = [prepared.examples[row] for row in order]
    dataset = Dataset.from_dict(
        {"input_ids": [example.ids for example in examples], "labels": [example.labels for example in examples]}
    )
    seconds: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            seconds.append(time.perf_counter() - self.began)

    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=load_model("bundled", dtype=torch.bfloat16),
            args=SFTConfig(
                output_dir=folder,
                per_device_train_batch_size=ROWS_PER_STEP,
                num_train_epochs=1,
                learning_rate=LEARNING_RATE,
                lr_scheduler_type="constant",
                train_sampling_strategy="sequential",
                max_length=None,
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                use_cpu=not torch.cuda.is_available(),
                disable_tqdm=True,
            ),
            train_dataset=dataset,
            processing_class=prepared.tokenizer,
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear") if "lora" in side else None,
            callbacks=[Clock()],
        )
        trainer.train()
    tokens = prepared.step_tokens
    return {
        "losses": [line["loss"] for line in trainer.state.log_history if "loss" in line],
        "tokens_per_second": sum(tokens[1:]) / sum(seconds[1:]),
        "memory_gib": peak_memory_gib(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--synth", action="store_true", help="short synthetic rows, receipts or not")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.side:
        figures = (run_trl if args.side.startswith("trl") else run_smolkit)(args.side, args.rows, synth=args.synth)
        print(json.dumps(figures))
        return
    results = run_sides("benchmarks.sft", SIDES, "--rows", str(args.rows), *["--synth"] * args.synth)
    if args.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'side':36} {'tokens/s':>9} {'times stock':>12} {'GiB':>6}  losses")
    for side, found in results.items():
        stock = results["trl lora" if "lora" in side else "trl full"]["tokens_per_second"]
        losses = " ".join(f"{loss:.2f}" for loss in found["losses"])
        rate = found["tokens_per_second"]
        print(f"{side:36} {rate:9.0f} {rate / stock:12.1f} {found['memory_gib']:6.1f}  {losses}")


if __name__ == "__main__":
    main()
