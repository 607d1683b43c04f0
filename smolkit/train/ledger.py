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

METRICS = "metrics.jsonl"


class Ledger(TrainerCallback):
    """Writes metrics.jsonl, and shows progress while its `progress` is open as a context.

    `step_tokens` holds the unpadded tokens of every planned step. A loss that is no number ends the run.
    """

    def __init__(
        self,
        run_dir: Path,
        step_tokens: Sequence[int],
        console: Console,
        track: Callable[[dict[str, Any]], None] | None = None,
    ):
        self.path = run_dir / METRICS
        self.step_tokens = step_tokens
        self.console = console
        self.track = track
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
        _keep_until(self.path, state.global_step)
        self.progress.update(self.bar, completed=state.global_step)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.step_began = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
        if "loss" in logs:
            self._write(self._training_line(state.global_step, logs))
        elif "eval_f1" in logs:
            self.last_measured = f" dev F1 {logs['eval_f1']:.3f}"
            self._write({"step": state.global_step, **logs})

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


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl; a last line that a kill cut short is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]


def peak_memory_gib() -> float:
    """The largest resident set of this process so far, in GiB; on a GPU the largest allocation there."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def plot_curves(metrics: Sequence[dict[str, Any]], file: Path) -> None:
    """Loss, and F1 on the dev rows where it was measured, against the step, as a PNG."""
    from matplotlib.figure import Figure

    losses = [(line["step"], line["loss"]) for line in metrics if "loss" in line]
    scores = [(line["step"], line["eval_f1"]) for line in metrics if "eval_f1" in line]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*losses, strict=True), color="tab:blue", alpha=0.25)
    axes.plot(*zip(*_smoothed(losses), strict=True), color="tab:blue", label="loss (mean of 10 steps)")
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("loss per answer token")
    axes.set_ylim(bottom=0)
    handles, names = axes.get_legend_handles_labels()
    if scores:
        right = axes.twinx()
        right.plot(*zip(*scores, strict=True), "o-", color="tab:orange", label="dev micro F1")
        right.set_ylabel("F1 Levenshtein")
        right.set_ylim(0, 1)
        more_handles, more_names = right.get_legend_handles_labels()
        handles, names = handles + more_handles, names + more_names
    axes.legend(handles, names, loc="center right")
    figure.savefig(file, dpi=120)


def _smoothed(points: Sequence[tuple[int, float]], width: int = 10) -> list[tuple[int, float]]:
    values = [value for _, value in points]
    means = [values[max(0, at - width + 1) : at + 1] for at in range(len(values))]
    return [(step, sum(window) / len(window)) for (step, _), window in zip(points, means, strict=True)]


def _keep_until(path: Path, step: int) -> None:
    """Drop what a cut-off run wrote after the checkpoint that the run now continues from."""
    if not path.is_file():
        return
    kept = [json.dumps(line) + "\n" for line in read_metrics(path) if line["step"] <= step]
    with staged_file(path) as aside:
        aside.write_text("".join(kept), encoding="utf-8")
