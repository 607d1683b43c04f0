"""Pretraining speed: smolkit beside Hugging Face's Trainer and litgpt, on the same batches.

    python -m benchmarks.pretraining [--steps 8] [--rounds 3] [--shapes 4x512 1x2048] [--json]

The 135M shape from fresh weights, 2,048 tokens a step, as four sequences of 512 and as one of 2,048, computed in
bfloat16: the Trainer and litgpt under autocast, which is their own choice of that, smolkit with float32 masters.
litgpt is also run with its weights themselves in bfloat16, which keeps no float32 of them. Every side runs in a process
of its own, through its package's own loop. The first two steps, in which kernels are made, are left out. Sides take
turns, round after round, and a ratio is the median over rounds. Batches are cut from real text, documents running on
through a sequence, as the other two do not keep them apart.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks._peers import peer_environment

SIDES = ("trainer", "litgpt", "litgpt bf16-true", "smolkit")
SHAPES = {"4x512": (4, 512), "1x2048": (1, 2048)}
# Not its huggingface-hub, which our transformers, imported by torchmetrics, is too new for; it runs with ours.
LITGPT = (
    "litgpt==0.5.13",
    "lightning==2.6.6",
    "lightning-utilities==0.15.3",
    "torchmetrics==1.9.0",
    "jsonargparse==4.41.0",
    "typeshed_client==2.15.0",
    "typer-slim==0.24.0",
    "docstring-parser==0.18.0",
    "importlib-resources",
    "psutil",
    "pytorch-lightning==2.6.6",
)
LEFT_OUT = 2
LEARNING_RATE = 3e-3


def corpus_text() -> dict[str, Any]:
    """Real text: the shared speeches where they are, else Python's own library."""
    file = Path(os.environ.get("SMOLKIT_DATA", "../shared/data")) / "pretrain" / "prose" / "us_presidents.jsonl"
    return {"path": [str(file.resolve())]} if file.is_file() else {"python": "library", "documents": 200}


def recipe(folder: Path, sequences: int, length: int, steps: int) -> Any:
    from smolkit.train.pretrain_recipe import PretrainRecipe

    return PretrainRecipe.model_validate_json(
        json.dumps(
            {
                "model": "smollm2-135m",
                "sources": {"text": {"corpus": str(folder / "corpus"), "text": corpus_text()}},
                "stages": [{"name": "all", "mixture": {"text": 1.0}}],
                "steps": steps,
                "sequence": length,
                "isolate_documents": False,
                "batch": {"tokens": sequences * length, "micro_tokens": sequences * length},
                "optimizer": {"lr": LEARNING_RATE},
                "schedule": {"warmup_steps": 2},
                "dtype": "bfloat16",
            }
        )
    )


def write_batches(folder: Path, sequences: int, length: int, steps: int) -> None:
    """The batches of all sides, as smolkit's own loader makes them: int64 [steps, sequences, length + 1]."""
    import numpy as np

    from smolkit.data.packing import Stream
    from smolkit.data.text import Filters, Text
    from smolkit.data.tokenize import tokenize
    from smolkit.recipe import resolved

    chosen = recipe(folder, sequences, length, steps)
    text = Text.model_validate_json(json.dumps(resolved(chosen.sources["text"].text)))
    corpus = tokenize(text, Filters(), folder / "corpus", reuse=True)
    stream = Stream(corpus, "text", chosen.seed)
    mixture = chosen.mixture()
    batches = [
        [stream.read(draw.start, draw.count + 1)[0] for draw in mixture.step(step)] for step in range(mixture.steps)
    ]
    np.save(folder / "batches.npy", np.array(batches))


def run_smolkit(folder: Path, sequences: int, length: int, steps: int) -> dict[str, Any]:
    from rich.console import Console

    from smolkit.cli._common import keep_threads_awake

    keep_threads_awake()  # as the command does
    from smolkit.train.ledger import METRICS, read_metrics
    from smolkit.train.parallel import open_world
    from smolkit.train.pretrain import open_run, train
    from smolkit.train.run_directory import run_directory

    out = folder / "model"
    with open_world() as world:
        run = open_run(recipe(folder, sequences, length, steps), world)
        train(run, out, world, console=Console(file=sys.stderr), overwrite=True)  # of the round before
    lines = read_metrics(run_directory(out) / METRICS)
    return figures([line["seconds"] for line in lines], [line["loss"] for line in lines])


def run_trainer(folder: Path, sequences: int, length: int, steps: int) -> dict[str, Any]:
    import numpy as np
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    from smolkit.models.initial import build_model, initialize
    from smolkit.models.zoo import ZOO

    rows = np.load(folder / "batches.npy").reshape(-1, length + 1)
    model = build_model(ZOO["smollm2-135m"].config())
    initialize(model, 0, 576**-0.5, scale_residuals=True)
    seconds: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            seconds.append(time.perf_counter() - self.began)

    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(folder / "trainer"),
            per_device_train_batch_size=sequences,
            max_steps=steps,
            learning_rate=LEARNING_RATE,
            weight_decay=0.01,
            adam_beta2=0.95,
            max_grad_norm=1.0,
            warmup_steps=2,
            lr_scheduler_type="constant_with_warmup",
            bf16=True,
            train_sampling_strategy="sequential",
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            use_cpu=not torch.cuda.is_available(),
            disable_tqdm=True,
        ),
        # The model shifts labels itself: they are the ids, and a sequence has one token less to predict than ours.
        train_dataset=[{"input_ids": row[:-1].tolist(), "labels": row[:-1].tolist()} for row in rows],
        callbacks=[Clock()],
    )
    trainer.train()
    return figures(seconds, [line["loss"] for line in trainer.state.log_history if "loss" in line])


def run_litgpt(folder: Path, sequences: int, length: int, steps: int, precision: str | None) -> dict[str, Any]:
    import numpy as np
    import torch
    from litgpt import pretrain
    from litgpt.args import EvalArgs, TrainArgs
    from litgpt.data import DataModule

    rows = torch.from_numpy(np.load(folder / "batches.npy").reshape(-1, length + 1))
    fetched: list[float] = []

    class Rows(DataModule):
        def connect(self, *args: Any, **kwargs: Any) -> None: ...

        def train_dataloader(self) -> Any:
            class Timed(torch.utils.data.Dataset[Any]):
                def __len__(self) -> int:
                    return len(rows)

                def __getitem__(self, index: int) -> torch.Tensor:
                    if index % sequences == 0:
                        fetched.append(time.perf_counter())
                    return rows[index]

            return torch.utils.data.DataLoader(Timed(), batch_size=sequences)

        def val_dataloader(self) -> Any:
            return torch.utils.data.DataLoader(rows[:sequences], batch_size=sequences)

    losses: list[float] = []
    record = pretrain.RunningMean.update

    def update(self: Any, value: torch.Tensor) -> None:
        losses.append(float(value))
        record(self, value)

    pretrain.RunningMean.update = update
    pretrain.save_checkpoint = lambda *args, **kwargs: None  # it would pickle the rows above; not timed anyway
    pretrain.setup(
        model_name="SmolLM2-135M",
        out_dir=folder / "litgpt",
        precision=precision,
        data=Rows(),
        train=TrainArgs(
            save_interval=None,
            log_interval=1,
            global_batch_size=sequences,
            micro_batch_size=sequences,
            max_tokens=steps * sequences * length,
            max_norm=1.0,
            max_seq_length=length,
            min_lr=LEARNING_RATE,
            lr_warmup_steps=2,
            tie_embeddings=True,
        ),
        eval=EvalArgs(interval=10**9, max_iters=1, final_validation=False),
        optimizer={
            "class_path": "torch.optim.AdamW",
            "init_args": {"lr": LEARNING_RATE, "weight_decay": 0.01, "betas": (0.9, 0.95)},
        },
        devices=1,
        logger_name="csv",
    )
    # A batch is fetched when the step before it is done, so the times between two are those of the steps.
    return figures([after - before for before, after in pairwise(fetched)], losses)


def figures(seconds: list[float], losses: list[float]) -> dict[str, Any]:
    from benchmarks._memory import peak_memory_gib

    return {"seconds": seconds[LEFT_OUT:], "losses": losses, "memory_gib": peak_memory_gib()}


def run_side(side: str, folder: Path, sequences: int, length: int, steps: int) -> dict[str, Any]:
    if side == "smolkit":
        return run_smolkit(folder, sequences, length, steps)
    if side == "trainer":
        return run_trainer(folder, sequences, length, steps)
    return run_litgpt(folder, sequences, length, steps, "bf16-true" if "true" in side else None)


def measure(sequences: int, length: int, steps: int, rounds: int) -> list[dict[str, Any]]:
    """Every side's figures on the same batches, round after round: what else a machine does comes and goes."""
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        write_batches(Path(name), sequences, length, steps + 1)
        for turn in range(rounds):
            found.append({})
            for side in SIDES if turn == 0 else [side for side in SIDES if side != "litgpt bf16-true"]:
                arguments = [side, name, str(sequences), str(length), str(steps)]
                if (figure := run_process(side, arguments)) is not None:
                    figure["tokens_per_second"] = sequences * length / statistics.median(figure["seconds"])
                    found[-1][side] = figure
    return found


def run_process(side: str, arguments: list[str]) -> dict[str, Any] | None:
    """The figures of one side in a process of its own; None where it failed, which it has said."""
    environment = peer_environment("litgpt", LITGPT) if side.startswith("litgpt") else dict(os.environ)
    command = [sys.executable, "-m", "benchmarks.pretraining", "--side", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    if done.returncode:
        print(f"{side} failed, see above", file=sys.stderr)
        return None
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def ratio(sides: dict[str, Any], side: str) -> float:
    """How many times as fast as the better of the two peers, in one round."""
    best = max(found["tokens_per_second"] for name, found in sides.items() if name in ("trainer", "litgpt"))
    return float(sides[side]["tokens_per_second"] / best)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--side", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.side:
        side, folder, *numbers = args.side
        print(json.dumps(run_side(side, Path(folder), *map(int, numbers))))
        return
    results = {shape: measure(*SHAPES[shape], args.steps, args.rounds) for shape in args.shapes}
    if args.json:
        print(json.dumps(results, indent=2))
        return
    for shape, rounds in results.items():
        print(f"{shape:20} {'tokens/s, by round':>20} {'times the better, median':>25} {'GiB':>6}  losses")
        for side in SIDES:
            turns = [sides for sides in rounds if side in sides]
            if not turns:
                continue
            rates = " ".join(f"{sides[side]['tokens_per_second']:.0f}" for sides in turns)
            times = statistics.median(ratio(sides, side) for sides in turns)
            losses = " ".join(f"{loss:.2f}" for loss in turns[0][side]["losses"])
            print(f"{side:20} {rates:>20} {times:25.2f} {turns[0][side]['memory_gib']:6.1f}  {losses}")
        print()


if __name__ == "__main__":
    main()
