"""What the benchmarks share: real receipts, and sides that run in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def receipts() -> Path | None:
    """SROIE rows of text below `$SMOLKIT_DATA`, where they are."""
    return _shared("extraction/sroie/train.jsonl")


def receipt_images() -> Path | None:
    """SROIE rows of scans below `$SMOLKIT_DATA`, where they are; they name images from that folder on."""
    return _shared("images/sroie_images.jsonl")


def data_folder() -> Path:
    """`$SMOLKIT_DATA`, or where the data sets stand beside a checkout."""
    return Path(os.environ.get("SMOLKIT_DATA", "../shared/data"))


def _shared(name: str) -> Path | None:
    file = data_folder() / name
    return file if file.is_file() else None


def run_sides(module: str, sides: Iterable[str], *arguments: str) -> dict[str, Any]:
    """The figures of each side, one after the other: `python -m MODULE --side SIDE` prints its own as JSON."""
    results = {}
    for side in sides:
        command = [sys.executable, "-m", module, "--side", side, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        results[side] = json.loads(done.stdout.splitlines()[-1])
    return results
