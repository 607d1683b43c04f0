"""What a run says while it trains: a progress bar, one JSON line per step, and the curves at the end.

metrics.jsonl is the record; everything else is drawn from it, also after the fact and after a resume.
"""

from __future__ import annotations

import json
import math
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from transformers import TrainerCallback

from smolkit.errors import SmolkitError
from smolkit.manifest import staged_file
from smolkit.registry import require
from smolkit.train.run_files import METRICS, SAMPLES

MEASURED = {"eval_f1": "dev F1", "eval_reward_accuracy": "dev accuracy", "eval_loss": "dev loss"}
"""What the progress bar says of the dev rows: the first of these that is measured."""


class Ledger(TrainerCallback):
    """Writes metrics.jsonl, and shows progress while its `progress` is open as a context.

    `step_tokens` holds the unpadded tokens of every planned step, `figures` the names of what the task logs of each
    besides the loss. A loss that is no number ends the run.
    """

    def __init__(
        self,
        run_dir: Path,
        step_tokens: Sequence[int],
        console: Console,
        track: Callable[[dict[str, Any]], None] | None = None,
        figures: Sequence[str] = (),
    ):
        self.path = run_dir / METRICS
        self.step_tokens = step_tokens
        self.console = console
        self.track = track
        self.figures = figures
        self.progress = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self.bar = self.progress.add_task("train", total=len(step_tokens), status="")
        self.seconds = 0.0
        self.step_began = 0.0
        self.first_step = 0
        self.last_measured = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.first_step = state.global_step
        for file in (self.path, self.path.with_name(SAMPLES)):
            keep_until(file, state.global_step)
        self.progress.update(self.bar, completed=state.global_step)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.step_began = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
        if "loss" in logs:
            self._write(self._training_line(state.global_step, logs))
        elif measured := {name: value for name, value in logs.items() if name.startswith("eval_")}:
            name = next((name for name in MEASURED if name in measured), next(iter(measured)))
            self.last_measured = f" {MEASURED.get(name, name)} {measured[name]:.3f}"
            self._write({"step": state.global_step, **measured})

    def _training_line(self, step: int, logs: dict[str, float]) -> dict[str, Any]:
        if not math.isfinite(logs["loss"]):
            raise SmolkitError(
                f"the loss of step {step} is {logs['loss']}, so the weights are lost",
                fix="Lower optimizer.lr, or raise schedule.warmup; checkpoints of earlier steps are whole",
            )
        seconds = time.perf_counter() - self.step_began
        self.seconds += seconds
        done = sum(self.step_tokens[self.first_step : step])
        rate = done / self.seconds
        if step == self.first_step + 3:
            left = sum(self.step_tokens[step:]) / rate
            self.console.print(f"{rate:.0f} tokens/s over the first steps: about {left / 60:.1f} minutes of training")
        self.progress.update(
            self.bar, completed=step, status=f"loss {logs['loss']:.3f} {rate:.0f} tok/s{self.last_measured}"
        )
        return {
            "step": step,
            "loss": logs["loss"],
            **{name: round(logs[name], 5) for name in self.figures},
            "learning_rate": logs["learning_rate"],
            "gradient_norm": logs["grad_norm"],
            "tokens": sum(self.step_tokens[:step]),
            "tokens_per_second": round(self.step_tokens[step - 1] / seconds, 1),
            "seconds": round(seconds, 3),
            "memory_gib": round(peak_memory_gib(), 2),
        }

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        if self.track:
            self.track(line)


def open_tracker(track: str, config: dict[str, Any], name: str) -> Callable[[dict[str, Any]], None] | None:
    """What takes the lines of a run's metrics besides its file: trackio, or nothing where `track` is none.

    Raises MissingExtra where trackio is not installed.
    """
    if track == "none":
        return None
    trackio = require("trackio", extra="track", why="track: trackio")
    trackio.init(project="smolkit", name=name, config=config)

    def log(line: dict[str, Any]) -> None:
        trackio.log({key: value for key, value in line.items() if key != "step"}, step=line["step"])

    return log


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl; a last line that a kill cut short is left out.

    Raises SmolkitError, with its place, for a line that is damaged.
    """
    lines = path.read_bytes().split(b"\n")[:-1]
    metrics = []
    for number, line in enumerate(lines, start=1):
        try:
            metrics.append(json.loads(line))
        except ValueError as exc:
            fix = "Take the file from a backup, or remove the line"
            raise SmolkitError("a damaged line", where=f"{path}:{number}", fix=fix) from exc
    return metrics


def peak_memory_gib() -> float:
    """The largest resident set of this process so far, in GiB; on a GPU the largest allocation there."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def plot_curves(metrics: Sequence[dict[str, Any]], file: Path) -> None:
    """What the record holds against the step, as a PNG: the loss, what was measured on dev rows, and rewards."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    preferences = any("reward_margin" in line for line in metrics)
    figure = Figure(figsize=(8, 10 if preferences else 4.5), layout="constrained")
    panels = figure.subplots(3, sharex=True) if preferences else [figure.subplots()]
    _draw_loss(panels[0], metrics, "pair" if preferences else "answer token")
    if preferences:
        _draw_rewards(panels[1], panels[2], metrics)
    panels[-1].set_xlabel("optimizer step")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.savefig(file, dpi=120, format="png")


def _draw_loss(axes: Any, metrics: Sequence[dict[str, Any]], unit: str) -> None:
    _draw(axes, metrics, "loss", "loss", "tab:blue")
    _draw_measured(axes, metrics, "eval_loss", "dev loss")
    axes.set_ylabel(f"loss per {unit}")
    axes.set_ylim(bottom=0)
    handles, names = axes.get_legend_handles_labels()
    place = "best"
    if any("eval_f1" in line for line in metrics):
        place = "center right"  # a legend sees the curves of its own axes alone
        right = axes.twinx()
        _draw_measured(right, metrics, "eval_f1", "dev micro F1")
        right.set_ylabel("F1 Levenshtein")
        right.set_ylim(0, 1)
        more_handles, more_names = right.get_legend_handles_labels()
        handles, names = handles + more_handles, names + more_names
    axes.legend(handles, names, loc=place)


def _draw_rewards(rewards: Any, accuracy: Any, metrics: Sequence[dict[str, Any]]) -> None:
    _draw(rewards, metrics, "reward_margin", "margin", "tab:blue")
    _draw(rewards, metrics, "reward_chosen", "chosen", "tab:green")
    _draw(rewards, metrics, "reward_rejected", "rejected", "tab:red")
    _draw_measured(rewards, metrics, "eval_reward_margin", "dev margin")
    rewards.axhline(0, color="grey", linewidth=0.8)
    rewards.set_ylabel("reward")
    _draw(accuracy, metrics, "reward_accuracy", "accuracy", "tab:blue")
    _draw_measured(accuracy, metrics, "eval_reward_accuracy", "dev accuracy")
    accuracy.axhline(0.5, color="grey", linewidth=0.8)
    accuracy.set_ylim(0, 1.02)
    accuracy.set_ylabel("chosen gained more than rejected")
    for axes in (rewards, accuracy):
        axes.legend(loc="best")


def _draw(axes: Any, metrics: Sequence[dict[str, Any]], name: str, label: str, color: str) -> None:
    points = [(line["step"], line[name]) for line in metrics if name in line]
    axes.plot(*zip(*points, strict=True), color=color, alpha=0.25)
    axes.plot(*zip(*_smoothed(points), strict=True), color=color, label=f"{label} (mean of 10 steps)")


def _draw_measured(axes: Any, metrics: Sequence[dict[str, Any]], name: str, label: str) -> None:
    points = [(line["step"], line[name]) for line in metrics if name in line]
    if points:
        axes.plot(*zip(*points, strict=True), "o-", color="tab:orange", label=label)


def _smoothed(points: Sequence[tuple[int, float]], width: int = 10) -> list[tuple[int, float]]:
    values = [value for _, value in points]
    means = [values[max(0, at - width + 1) : at + 1] for at in range(len(values))]
    return [(step, sum(window) / len(window)) for (step, _), window in zip(points, means, strict=True)]


def keep_until(path: Path, step: int) -> None:
    """Drop what a cut-off run wrote after the checkpoint that the run now continues from."""
    if not path.is_file():
        return
    kept = [json.dumps(line) + "\n" for line in read_metrics(path) if line["step"] <= step]
    with staged_file(path) as aside:
        aside.write_text("".join(kept), encoding="utf-8")
