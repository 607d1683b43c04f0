"""What a pretraining run says while it trains: metrics.jsonl, a line on the terminal, spikes with their documents.

Everything else, such as the curves, is drawn from metrics.jsonl, also after a resume.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from smolkit.errors import SmolkitError
from smolkit.train.ledger import keep_until, peak_memory_gib, read_metrics
from smolkit.train.run_files import METRICS, SAMPLES, SPIKES

_WINDOW = 64
"""Steps that a loss is compared with."""
_FEWEST = 16
_NEW_LEVEL = 8
"""Spikes in a row after which the loss is taken for what it now is."""
_DEVIATIONS = 6.0
_LEAST_RISE = 0.1
"""A rise below this, in nats, is no spike, however quiet the run was before."""


@dataclass(frozen=True)
class Figures:
    """One step as the engine saw it; `losses` by source, in nats per token."""

    step: int
    stage: str
    loss: float
    losses: Mapping[str, float]
    learning_rate: float
    gradient_norm: float
    tokens: int
    """Tokens of the run so far, over all processes."""
    step_tokens: int
    flops: tuple[float, float]
    """Per token: with the embedding counted among the parameters, and without."""
    seconds: float
    waited: float
    """Seconds of these in which there was no batch yet."""


class PretrainLedger:
    """Writes metrics.jsonl and shows progress while its `progress` is open as a context; on the leading rank alone."""

    def __init__(
        self,
        run_dir: Path,
        steps: int,
        peak: float,
        console: Console,
        track: Callable[[dict[str, Any]], None] | None = None,
    ):
        self.path = run_dir / METRICS
        self.spikes = SpikeDetector()
        self.spike_file = run_dir / SPIKES
        self.peak = peak
        """FLOP/s of all devices."""
        self.steps = steps
        self.console = console
        self.track = track
        self.seconds = 0.0
        self.tokens_here = 0
        self.progress = Progress(
            TextColumn("pretraining"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            speed_estimate_period=300,
            console=console,
        )
        self.bar = self.progress.add_task("pretrain", total=steps, status="")

    def begin(self, step: int) -> None:
        """Go on after `step`; what a cut-off run wrote beyond it is dropped."""
        for file in (self.path, self.spike_file, self.path.with_name(SAMPLES)):
            keep_until(file, step)
        lines = read_metrics(self.path) if self.path.is_file() else []
        for line in [line for line in lines if "loss" in line][-_WINDOW:]:
            self.spikes.is_spike(line["loss"], line["stage"])
        self.progress.update(self.bar, completed=step)

    def step(self, figures: Figures) -> bool:
        """Record a step; whether its loss is a spike."""
        rate = figures.step_tokens / figures.seconds
        with_embedding, without = (per_token * rate / self.peak for per_token in figures.flops)
        self.seconds += figures.seconds
        self.tokens_here += figures.step_tokens
        mean_rate = self.tokens_here / self.seconds
        self.progress.update(
            self.bar,
            completed=figures.step,
            status=f"loss {figures.loss:.3f} {mean_rate:,.0f} tok/s MFU {with_embedding:.0%}",
        )
        spike = self.spikes.is_spike(figures.loss, figures.stage)
        self._write(
            {
                "step": figures.step,
                "stage": figures.stage,
                "loss": figures.loss,
                "loss_by_source": dict(figures.losses),
                "learning_rate": figures.learning_rate,
                "gradient_norm": figures.gradient_norm,
                "tokens": figures.tokens,
                "tokens_per_second": round(rate, 1),
                "mfu": round(with_embedding, 4),
                "mfu_without_embedding": round(without, 4),
                "seconds": round(figures.seconds, 4),
                "data_wait_share": round(figures.waited / figures.seconds, 4),
                "memory_gib": round(peak_memory_gib(), 2),
                **({"spike": True} if spike else {}),
            }
        )
        return spike

    def spike(self, step: int, loss: float, sequences: Sequence[Mapping[str, Any]]) -> None:
        """Name the documents of the sequences whose loss was the highest."""
        line = {"step": step, "loss": loss, "usual": round(self.spikes.usual, 4), "sequences": list(sequences)}
        _append(self.spike_file, line)
        worst = sequences[0]
        documents = ", ".join(worst["documents"][:3])
        self.console.print(
            f"loss spike at step {step}: {loss:.3f}, usually {self.spikes.usual:.3f}; highest in a sequence of "
            f"{worst['source']} ({worst['loss']:.3f}): {documents}; all in {self.spike_file.name}",
            highlight=False,
            markup=False,
        )

    def validation(self, step: int, loss: float, losses: Mapping[str, float]) -> None:
        self.console.print(f"step {step}: validation loss {loss:.4f}", highlight=False)
        self._write({"step": step, "validation_loss": loss, "validation_loss_by_source": dict(losses)})

    def _write(self, line: dict[str, Any]) -> None:
        _append(self.path, line)
        if self.track:
            self.track(line)


def _append(path: Path, line: dict[str, Any]) -> None:
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
    except OSError as exc:
        fix = "Make room, and go on with --resume"
        raise SmolkitError(f"cannot be written ({exc.strerror})", where=str(path), fix=fix) from exc


class SpikeDetector:
    """A loss far above those of the last steps of its stage: by six deviations, estimated from their median one.

    What stays high for many steps is no spike but the new level.
    """

    def __init__(self) -> None:
        self.recent: deque[float] = deque(maxlen=_WINDOW)
        self.high: list[float] = []
        self.stage = ""
        self.usual = math.nan

    def is_spike(self, loss: float, stage: str = "") -> bool:
        """Whether `loss` is one; it is then left out of what later ones are compared with."""
        if stage != self.stage:
            self.stage = stage
            self.recent.clear()
        if len(self.recent) >= _FEWEST:
            self.usual = statistics.median(self.recent)
            deviation = 1.4826 * statistics.median(abs(value - self.usual) for value in self.recent)
            if loss > self.usual + max(_DEVIATIONS * deviation, _LEAST_RISE):
                self.high.append(loss)
                if len(self.high) < _NEW_LEVEL:
                    return True
                self.recent.clear()
        self.high.clear()
        self.recent.append(loss)
        return False
