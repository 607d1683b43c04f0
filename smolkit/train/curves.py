"""The curves of a pretraining run, drawn from its metrics.jsonl."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

_SMOOTHED = 0.02
"""The share of a run over which a curve is averaged."""


def plot_pretraining(metrics: Sequence[dict[str, Any]], file: Path) -> None:
    """Loss with validation and spikes, loss by source, rate and gradient norm, and speed, as a PNG."""
    from matplotlib.figure import Figure

    lines = [line for line in metrics if "loss" in line]
    figure = Figure(figsize=(12, 8), layout="constrained")
    (losses, sources), (rates, speed) = figure.subplots(2, 2)
    _plot_loss(losses, lines, metrics)
    _plot_sources(sources, lines)
    _plot_rate(rates, lines)
    _plot_speed(speed, lines)
    for axes in (losses, sources, rates, speed):
        axes.set_xlabel("optimizer step")
        axes.grid(alpha=0.2)
    figure.savefig(file, dpi=110, format="png")


def _plot_loss(axes: Any, lines: Sequence[dict[str, Any]], metrics: Sequence[dict[str, Any]]) -> None:
    steps = [line["step"] for line in lines]
    values = [line["loss"] for line in lines]
    axes.plot(steps, values, color="tab:blue", alpha=0.25, linewidth=0.8)
    axes.plot(steps, smoothed(values), color="tab:blue", label="training loss")
    measured = [(line["step"], line["validation_loss"]) for line in metrics if "validation_loss" in line]
    if measured:
        axes.plot(*zip(*measured, strict=True), "o-", color="tab:orange", markersize=3, label="validation loss")
    spikes = [(line["step"], line["loss"]) for line in lines if line.get("spike")]
    if spikes:
        axes.plot(*zip(*spikes, strict=True), "v", color="tab:red", label="spike")
    for before, after in pairwise(lines):
        if before["stage"] != after["stage"]:
            axes.axvline(after["step"], color="gray", linestyle=":", linewidth=1)
            axes.annotate(after["stage"], (after["step"], max(values)), fontsize=8, rotation=90, va="top")
    axes.set_ylabel("nats per token")
    axes.set_title("loss")
    axes.legend()


def _plot_sources(axes: Any, lines: Sequence[dict[str, Any]]) -> None:
    names = sorted({name for line in lines for name in line["loss_by_source"]})
    for name in names:
        points = [(line["step"], line["loss_by_source"][name]) for line in lines if name in line["loss_by_source"]]
        steps, values = zip(*points, strict=True)
        axes.plot(steps, smoothed(values), label=name, linewidth=1)
    axes.set_ylabel("nats per token")
    axes.set_title("loss by source")
    axes.legend(fontsize=8)


def _plot_rate(axes: Any, lines: Sequence[dict[str, Any]]) -> None:
    steps = [line["step"] for line in lines]
    axes.plot(steps, [line["learning_rate"] for line in lines], color="tab:green", label="learning rate")
    axes.set_ylabel("learning rate")
    right = axes.twinx()
    norms = [line["gradient_norm"] for line in lines]
    right.plot(steps, norms, color="tab:purple", alpha=0.25, linewidth=0.8)
    right.plot(steps, smoothed(norms), color="tab:purple", label="gradient norm")
    right.set_ylabel("gradient norm")
    right.set_yscale("log")
    axes.legend(handles=[*axes.get_lines(), *right.get_lines()[1:]])
    axes.set_title("learning rate and gradient norm")


def _plot_speed(axes: Any, lines: Sequence[dict[str, Any]]) -> None:
    steps = [line["step"] for line in lines]
    axes.plot(steps, smoothed([line["tokens_per_second"] for line in lines]), color="tab:brown")
    axes.set_ylabel("tokens/s")
    axes.set_ylim(bottom=0)
    right = axes.twinx()
    right.plot(steps, smoothed([line["mfu"] for line in lines]), color="tab:brown", alpha=0)
    right.set_ylabel("MFU (6 N + 12 L d s, embedding counted)")
    right.set_ylim(bottom=0)
    axes.set_title("speed")


def smoothed(values: Sequence[float]) -> list[float]:
    """Means over a trailing window of a fiftieth of the run, ten values at least."""
    width = max(10, round(_SMOOTHED * len(values)))
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    return [(sums[at + 1] - sums[max(0, at + 1 - width)]) / min(width, at + 1) for at in range(len(values))]
