"""What lies in the directory of a run, by its names: training writes it, plots and apps read it.

This module imports no torch, so that a page over runs does not either.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

RUN_FILE = "run.json"
"""Which run it is: its recipe and its plan, written before the first step."""
METRICS = "metrics.jsonl"
SPIKES = "spikes.jsonl"
SAMPLES = "samples.jsonl"
CHECKPOINTS = "checkpoints"

_ENDING = ".run"


def run_directory(out: Path) -> Path:
    """Where the checkpoints and metrics of the run that writes `out` stand."""
    return out.with_name(out.name + _ENDING)


def copy_records(run_dir: Path, result: Path) -> None:
    """Copy what a finished model keeps of its run."""
    for name in (METRICS, SAMPLES):
        if (run_dir / name).is_file():
            shutil.copy(run_dir / name, result / name)


def result_of(directory: Path) -> Path:
    """The model directory that a run writes, which is named by itself or by the run's."""
    return directory.with_name(directory.name.removesuffix(_ENDING)) if directory.name != _ENDING else directory


def find_run(directory: Path) -> Path | None:
    """The directory of a run's files, whichever of OUT.run and OUT is named; None where neither has any.

    The first is preferred as long as it is there: fine-tuning removes it when the model is written.
    """
    result = result_of(directory if directory.name else directory.absolute())  # the current one has no name
    run = run_directory(result)
    if any(os.path.isfile(run / name) for name in (RUN_FILE, METRICS)):  # which says no where it may not look
        return run
    return result if os.path.isfile(result / METRICS) else None
