"""Training speed of a SmolVLM: smolkit beside a stock TRL SFTTrainer script, on the same images, batches and dtype.

    python -m benchmarks.vision [--rows 16] [--rows-per-step 4] [--tower small] [--synth] [--json]

Scans of SROIE receipts where `$SMOLKIT_DATA` has them, else made-up pages. The model is a SmolVLM that smolkit makes of
the bundled one; every side runs in a process of its own and loads the same directory in bfloat16. Both learn the same
tokens of the same rows in the same order, with one learning rate for all parts; no side computes activations twice. The
stock script is what TRL's documentation shows for images, with its defaults besides. Figures are from the end of the
first step to the end of the last, reading and cutting images among them, and count real tokens, those of images too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks._sides import data_folder, receipt_images, run_sides

MAKE = "make"
"""What comes before the sides."""
SIDES = ("trl full", "smolkit full", "trl lora", "smolkit lora")
LEARNING_RATE = 2e-5
LONGEST = 2048
"""Tokens of a row; none of those measured has as many."""
SAME_LOSS = 0.02
"""By how much of itself the loss of the first step may differ between sides: bfloat16, added up in other orders."""


@dataclass(frozen=True)
class Work:
    """What every side does: `folder` holds the model, and made-up pages where there are no receipts."""

    folder: Path
    rows: int
    rows_per_step: int
    synth: bool

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def source(self) -> dict[str, Any]:
        scans = None if self.synth else receipt_images()
        if scans:
            return {"path": str(scans), "images": str(data_folder()), "rows": self.rows}
        return {"path": str(self.folder / "pages" / "rows.jsonl")}

    def recipe(self, method: str) -> Any:
        from smolkit.train.vision_recipe import VisionRecipe

        rates = dict.fromkeys(("lr", "connector_lr", "vision_lr"), LEARNING_RATE)
        content = {
            "task": "vision",
            "model": str(self.model),
            "data": {"train": [self.source], "max_length": LONGEST},
            "method": method,
            "lora": {"r": 16, "alpha": 32, "dropout": 0.0},
            "optimizer": {**rates, "betas": [0.9, 0.999], "weight_decay": 0.0, "clip": 1.0},
            "schedule": {"kind": "wsd", "warmup": 0.0, "decay": 0.0},
            "batch": {"rows": self.rows_per_step, "micro_tokens": self.rows_per_step * LONGEST},
            "dtype": "bfloat16",
        }
        return VisionRecipe.model_validate_json(json.dumps(content))

    def make(self, language: str, tower: str) -> dict[str, Any]:
        """The model and the pages, in a process of their own so that no side has the memory of this."""
        import torch

        from smolkit.data.synth.pictures import generate_pictures
        from smolkit.data.synth.pictures.write import write_pictures
        from smolkit.models.vision_init import layout_of, make_vision_model
        from smolkit.train.vision_recipe import tower_of

        shape = tower_of(tower)
        made = make_vision_model(language, self.model, shape, layout_of(shape), dtype=torch.bfloat16)
        if self.synth or not receipt_images():
            write_pictures(self.folder / "pages", generate_pictures(self.rows, 0, "train", "pages"))
        return {"parameters": made.ledger.total}


def run_smolkit(method: str, work: Work) -> dict[str, Any]:
    from rich.console import Console

    from smolkit.cli._common import keep_threads_awake

    keep_threads_awake()  # as the command does
    from smolkit.models.device import keep_freed_memory
    from smolkit.train import finetune
    from smolkit.train.tasks import task_of
    from smolkit.train.trl_adapter import AnswerTrainer

    keep_freed_memory()
    run, clock = finetune.open_run(work.recipe(method)), make_clock()
    prepared = run.prepared
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        task = task_of(prepared.recipe)
        objective = task.objective(prepared, run.model, out, Console(file=sys.stderr))
        groups = partial(task.groups, prepared.recipe)
        trainer = AnswerTrainer(
            run.model, prepared.tokenizer, prepared.recipe, prepared.steps, objective, out, groups, [clock]
        )
        trainer.train()
    return figures(prepared, trainer, clock)


def run_trl(method: str, work: Work) -> dict[str, Any]:
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from trl import SFTConfig, SFTTrainer

    from smolkit.train.prepare import prepare
    from smolkit.train.tasks import task_of

    recipe = work.recipe(method)
    prepared, clock = prepare(recipe), make_clock()
    model = AutoModelForImageTextToText.from_pretrained(work.model, dtype=torch.bfloat16)
    adapters = LoraConfig(
        r=recipe.lora.r, lora_alpha=recipe.lora.alpha, target_modules=task_of(recipe).adapters(recipe, model)
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(
                output_dir=folder,
                per_device_train_batch_size=work.rows_per_step,
                num_train_epochs=1,
                learning_rate=LEARNING_RATE,
                lr_scheduler_type="constant",
                train_sampling_strategy="sequential",
                gradient_checkpointing=False,
                max_length=None,
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                use_cpu=not torch.cuda.is_available(),
                disable_tqdm=True,
            ),
            train_dataset=data_set(prepared),
            processing_class=AutoProcessor.from_pretrained(work.model),
            peft_config=adapters if method == "lora" else None,
            callbacks=[clock],
        )
        check_tokens(trainer, prepared)
        trainer.train()
    return figures(prepared, trainer, clock)


def data_set(prepared: Any) -> Any:
    """The rows in the order of the steps, as TRL reads them: files of images, prompt and completion as text."""
    from datasets import Dataset, Image, List

    from smolkit.data.images import IMAGE
    from smolkit.data.vision_rows import path_of
    from smolkit.extraction.prompt import get_format
    from smolkit.train.vision_rows import read_source

    [source] = prepared.recipe.data.train
    read: Any = read_source(source, prepared.recipe)
    rows = [read[number] for number in order_of(prepared)]
    prompt_format = get_format(prepared.prompt_format)
    columns = {
        "images": [[str(path_of(image)) for image in row.images] for row in rows],
        "prompt": [prompt_format.prompt(row.template, IMAGE) for row in rows],
        "completion": [prompt_format.answer(row.template, row.output) + prompt_format.end for row in rows],
    }
    return Dataset.from_dict(columns).cast_column("images", List(Image()))


def order_of(prepared: Any) -> list[int]:
    """The rows of all steps; within a step in their own order, as a packed batch has the longest first."""
    return [row for step in prepared.steps for row in sorted(row for micro in step for row in micro.rows)]


def check_tokens(trainer: Any, prepared: Any) -> None:
    """Stop unless the stock script's first batch has the tokens, the labels and the tiles of smolkit's first step."""
    rows = order_of(prepared)[: trainer.args.per_device_train_batch_size]
    batch = trainer.data_collator([trainer.train_dataset[at] for at in range(len(rows))])
    for number, row in enumerate(rows):
        example, given = prepared.examples[row], batch["attention_mask"][number].bool()
        assert batch["input_ids"][number][given].tolist() == list(example.ids), f"other tokens: {example.row}"
        assert batch["labels"][number][given].tolist() == example.labels, f"other labels: {example.row}"
        tiles = int(batch["pixel_attention_mask"][number].flatten(1).any(1).sum())
        assert tiles == example.tiles, f"{tiles} tiles, not {example.tiles}: {example.row}"


def make_clock() -> Any:
    """A callback that notes when each step ends, in seconds."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            self.ends.append(time.perf_counter())

    return Clock()


def figures(prepared: Any, trainer: Any, clock: Any) -> dict[str, Any]:
    """What one side took; rates leave out the first step."""
    import torch

    from smolkit.train.ledger import peak_memory_gib

    cores = f"{os.cpu_count()} {platform.machine()} cores"
    seconds = [end - begin for begin, end in pairwise(clock.ends)]
    images = [
        sum(len(prepared.examples[row].images) for micro in step for row in micro.rows) for step in prepared.steps
    ]
    return {
        "losses": [line["loss"] for line in trainer.state.log_history if "loss" in line],
        "seconds": seconds,
        "images_per_second": sum(images[1:]) / sum(seconds),
        "tokens_per_second": sum(prepared.step_tokens[1:]) / sum(seconds),
        "memory_gib": peak_memory_gib(),
        "images": sum(images),
        "tokens": sum(prepared.step_tokens),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else cores,
    }


def check_losses(results: dict[str, Any]) -> None:
    """Stop where the sides did not begin with one loss, and so did not do the same work."""
    first = [own["losses"][0] for own in results.values()]
    if max(first) - min(first) > SAME_LOSS * min(first):
        raise SystemExit(f"the first step's losses are too far apart: {first}")


def page(results: dict[str, Any], command: str) -> str:
    """The figures as a page of evals/results/."""
    from smolkit.evals.markdown import table

    columns = ["side", "images/s", "tokens/s", "times stock", "seconds per step", "fastest", "slowest", "peak GiB"]
    lines = []
    for side, own in results.items():
        rate, seconds = own["images_per_second"], own["seconds"]
        times = rate / results[side.replace("smolkit", "trl")]["images_per_second"]
        steps = [f"{found:.2f}" for found in (statistics.median(seconds), min(seconds), max(seconds))]
        memory = f"{own['memory_gib']:.1f}"
        lines.append([side, f"{rate:.3f}", f"{own['tokens_per_second']:.0f}", f"{times:.1f}", *steps, memory])
    losses = [[side, " ".join(f"{loss:.3f}" for loss in own["losses"])] for side, own in results.items()]
    first = next(iter(results.values()))
    return f"""# Training a SmolVLM, {date.today():%-d %B %Y}

`{command}` on {first["device"]}:
{first["images"]} images in {len(first["losses"])} steps, {first["tokens"]:,} tokens. Each side
loads the same model in bfloat16 and learns the same tokens; the first step is left out.

{table(columns, lines)}

Losses of the steps, the first before anything is learned:

{table(["side", "losses"], losses)}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--rows-per-step", type=int, default=4)
    parser.add_argument("--lm", default="bundled", help="the language model")
    parser.add_argument("--tower", default="small", help="the vision tower that it gets")
    parser.add_argument("--synth", action="store_true", help="made-up pages, receipts or not")
    parser.add_argument("--side", choices=(MAKE, *SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.rows <= args.rows_per_step:
        parser.error(f"--rows {args.rows} are one step of {args.rows_per_step}, and the first is left out")
    if args.side:
        print(json.dumps(run(args.side, Work(args.folder, args.rows, args.rows_per_step, args.synth), args)))
        return
    given = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        results = run_sides("benchmarks.vision", (MAKE, *SIDES), *given, "--folder", folder)
    del results[MAKE]
    check_losses(results)
    print(
        json.dumps(results, indent=2) if args.json else page(results, " ".join(["python -m benchmarks.vision", *given]))
    )


def run(side: str, work: Work, args: argparse.Namespace) -> dict[str, Any]:
    if side == MAKE:
        return work.make(args.lm, args.tower)
    whose, method = side.split()
    return (run_trl if whose == "trl" else run_smolkit)(method, work)


if __name__ == "__main__":
    main()
