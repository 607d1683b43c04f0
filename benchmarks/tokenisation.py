"""Tokenising text: smolkit beside datatrove's DocumentTokenizer, same rows, tokenizer, end token and processes.

    python -m benchmarks.tokenisation [--megabytes 75] [--workers 2] [--repeats 3] [--json]

Rows of `$SMOLKIT_DATA/pretrain`, as they are and in their order; datatrove has a task for every file, does not shuffle,
and is also run with one thread per process, as smolkit always does. Every side runs in a process of its own, from the
rows on the disk to the token files, the start of its workers included. Texts that hold the letters of a special token
(`<filename>` is one) are left out: datatrove makes a special token of them, smolkit letters. So all sides have to write
the same ids.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._sides import run_sides

SIDES = ("datatrove", "datatrove 1 thread", "smolkit")
MODEL, END = "bundled", "<|endoftext|>"


def write_rows(folder: Path, megabytes: float) -> int:
    """Copy the first rows of every source into `folder`, in all about so many; returns the bytes of their texts."""
    files = sorted(Path(os.environ.get("SMOLKIT_DATA", "../shared/data"), "pretrain").glob("*/*.jsonl"))
    if not files:
        sys.exit("no rows to tokenise; set SMOLKIT_DATA to a directory that holds pretrain/")
    special = special_tokens()
    share = megabytes * 1e6 / sum(file.stat().st_size for file in files)
    size = 0
    for file in files:
        left = share * file.stat().st_size
        with file.open("rb") as source, (folder / f"{file.parent.name}-{file.name}").open("wb") as target:
            for line in source:
                if left <= 0:
                    break
                text = json.loads(line)["text"]
                if not any(token in text for token in special):
                    target.write(line)
                    left -= len(line)
                    size += len(text.encode())
    return size


def special_tokens() -> list[str]:
    from tokenizers import Tokenizer

    from smolkit.models import resolve

    tokenizer = Tokenizer.from_file(str(resolve(MODEL) / "tokenizer.json"))
    return [token.content for token in tokenizer.get_added_tokens_decoder().values()]


def run_smolkit(rows: Path, out: Path, workers: int) -> list[Path]:
    from smolkit.data.text import Filters, Text
    from smolkit.data.tokenize import tokenize

    tokenize(Text(path=(str(rows),)), Filters(), out, model=MODEL, end_of_document=END, workers=workers)
    return sorted(out.glob("*.ds"))


def run_datatrove(rows: Path, out: Path, workers: int) -> list[Path]:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.tokens import DocumentTokenizer

    from smolkit.models import resolve

    tokenizer = str(resolve(MODEL) / "tokenizer.json")
    pipeline = [JsonlReader(str(rows)), DocumentTokenizer(str(out), tokenizer, eos_token=END, shuffle_documents=False)]
    tasks = len(list(rows.glob("*.jsonl")))
    LocalPipelineExecutor(pipeline, tasks=tasks, workers=workers, logging_dir=str(out / "logs")).run()
    return sorted(out.glob("*.ds"))


def run_side(side: str, megabytes: float, workers: int) -> dict[str, Any]:
    if side == "datatrove 1 thread":
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with tempfile.TemporaryDirectory() as folder:
        rows, out = Path(folder) / "rows", Path(folder) / "out"
        rows.mkdir()
        size = write_rows(rows, megabytes)
        begun = time.perf_counter()
        files = (run_smolkit if side == "smolkit" else run_datatrove)(rows, out, workers)
        seconds = time.perf_counter() - begun
        digest, tokens = hashlib.sha256(), 0
        for file in files:
            digest.update(file.read_bytes())
            tokens += file.stat().st_size // 2
    return {"seconds": seconds, "bytes": size, "tokens": tokens, "sha256": digest.hexdigest()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=75.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.side:
        print(json.dumps(run_side(args.side, args.megabytes, args.workers)))
        return
    given = ("--megabytes", str(args.megabytes), "--workers", str(args.workers))
    runs = [run_sides("benchmarks.tokenisation", SIDES, *given) for _ in range(args.repeats)]
    if len({found["sha256"] for run in runs for found in run.values()}) > 1:
        sys.exit("the sides wrote different tokens")
    results = {}
    for side in SIDES:
        seconds = [run[side]["seconds"] for run in runs]
        median, one = statistics.median(seconds), runs[0][side]
        rates = {"megabytes_per_second": one["bytes"] / median / 1e6, "tokens_per_second": one["tokens"] / median}
        results[side] = {**rates, "seconds": seconds, "tokens": one["tokens"], "bytes": one["bytes"]}
    if args.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'side':20} {'MB/s':>7} {'tokens/s':>12} {'times':>6}  seconds")
    stock = min(statistics.median(results[side]["seconds"]) for side in SIDES if side != "smolkit")
    for side, found in results.items():
        seconds = " ".join(f"{one:.1f}" for one in found["seconds"])
        times = stock / statistics.median(found["seconds"])
        rate = f"{found['megabytes_per_second']:7.2f} {found['tokens_per_second']:12,.0f}"
        print(f"{side:20} {rate} {times:6.2f}  {seconds}")


if __name__ == "__main__":
    main()
