"""Pretraining of SmolLM2's three sizes on this machine's device: tokens/s, MFU and peak memory.

    python -m benchmarks.mfu [--sizes 135m 360m 1.7b] [--steps 12] [--micro-tokens N] [--checkpointing] [--json]

Through `smolkit pretrain`'s own engine, with the published recipes' sequence of 2,048 and documents kept apart, from
text that ships with Python. MFU counts 6 N + 12 L d s FLOPs per token with the embedding among the N, and is of the
device's data sheet; on a CPU, of a product timed here. The first steps, in which kernels are made, are left out. On a
CPU the default is one step size that its memory bears, and the 135M size alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._sides import run_sides

SIZES = ("135m", "360m", "1.7b")
MICRO_TOKENS = {"135m": 65_536, "360m": 32_768, "1.7b": 8_192}
"""What 80 GB hold beside weights, gradients and moments."""
LEFT_OUT = 4


def recipe(folder: Path, size: str, steps: int, micro_tokens: int, *, checkpointing: bool) -> Any:
    from smolkit.train.pretrain_recipe import PretrainRecipe

    return PretrainRecipe.model_validate_json(
        json.dumps(
            {
                "model": f"smollm2-{size}",
                "sources": {"library": {"corpus": str(folder / "corpus"), "text": {"python": "library"}, "passes": 99}},
                "stages": [{"name": "all", "mixture": {"library": 1.0}}],
                "steps": steps,
                "batch": {"tokens": micro_tokens, "micro_tokens": micro_tokens},
                "schedule": {"warmup_steps": 2},
                "dtype": "bfloat16",
                "activation_checkpointing": checkpointing,
            }
        )
    )


def run_size(size: str, steps: int, micro_tokens: int | None, *, checkpointing: bool) -> dict[str, Any]:
    import torch
    from rich.console import Console

    from smolkit.cli._common import keep_threads_awake

    keep_threads_awake()  # as the command does
    from smolkit.train.corpora import corpus_maker
    from smolkit.train.ledger import METRICS, read_metrics
    from smolkit.train.parallel import open_world
    from smolkit.train.pretrain import open_run, train
    from smolkit.train.run_directory import run_directory

    console = Console(file=sys.stderr)
    tokens = micro_tokens or (MICRO_TOKENS[size] if torch.cuda.is_available() else 2_048)
    with tempfile.TemporaryDirectory() as name, open_world() as world:
        chosen = recipe(Path(name), size, steps, tokens, checkpointing=checkpointing)
        run = open_run(chosen, world, make=corpus_maker(chosen, console))
        train(run, Path(name) / "model", world, console=console)
        lines = read_metrics(run_directory(Path(name) / "model") / METRICS)[LEFT_OUT:]
    return {
        "tokens_per_second": statistics.median(line["tokens_per_second"] for line in lines),
        "mfu": statistics.median(line["mfu"] for line in lines),
        "mfu_without_embedding": statistics.median(line["mfu_without_embedding"] for line in lines),
        "memory_gib": max(line["memory_gib"] for line in lines),
        "data_wait_share": statistics.median(line["data_wait_share"] for line in lines),
        "micro_tokens": tokens,
        "peak": run.peak[1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=SIZES)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--micro-tokens", type=int)
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.side:
        print(json.dumps(run_size(args.side, args.steps, args.micro_tokens, checkpointing=args.checkpointing)))
        return
    import torch

    sizes = args.sizes or (SIZES if torch.cuda.is_available() else SIZES[:1])
    passed = ["--steps", str(args.steps), *["--checkpointing"] * args.checkpointing]
    passed += ["--micro-tokens", str(args.micro_tokens)] if args.micro_tokens else []
    results = run_sides("benchmarks.mfu", sizes, *passed)
    if args.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'size':8} {'tokens/s':>10} {'MFU':>7} {'without embedding':>18} {'GiB':>6} {'at once':>8}  of")
    for size, found in results.items():
        print(
            f"{size:8} {found['tokens_per_second']:10,.0f} {found['mfu']:7.1%} {found['mfu_without_embedding']:18.1%} "
            f"{found['memory_gib']:6.1f} {found['micro_tokens']:8,}  {found['peak']}"
        )


if __name__ == "__main__":
    main()
