"""Curves of any run that left a metrics.jsonl: which drawing suits is read from its lines."""

from __future__ import annotations

from pathlib import Path

from smolkit.errors import SmolkitError
from smolkit.manifest import staged_file
from smolkit.train.curves import plot_pretraining
from smolkit.train.ledger import plot_curves, read_metrics
from smolkit.train.run_files import METRICS, find_run


def plot_run(directory: Path, out: Path | None = None) -> Path:
    """Draw the metrics of a run or of the model that it wrote; returns the PNG, curves.png beside them by default.

    Raises SmolkitError where there are none, or no step yet.
    """
    place = find_run(directory)
    if place is None:
        raise SmolkitError(
            f"no {METRICS} here, so it is no run", where=str(directory), fix="Name OUT.run, or the model that it wrote"
        )
    file = place / METRICS
    metrics = read_metrics(file) if file.is_file() else []
    lines = [line for line in metrics if "loss" in line]
    if not lines:
        raise SmolkitError("no step was recorded yet", where=str(file), fix="Wait for the first one")
    destination = out or file.with_name("curves.png")
    draw = plot_pretraining if "loss_by_source" in lines[0] else plot_curves
    with staged_file(destination) as aside:
        draw(metrics, aside)
    return destination
