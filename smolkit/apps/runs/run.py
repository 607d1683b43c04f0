"""A training run as it grows: what pretraining and fine-tuning write is taken in line by line, new bytes alone.

Of every figure the curve is kept, of the file only where its lines stand. What lies in a run directory is known here,
and nothing of pages.
"""

from __future__ import annotations

import bisect
import math
import time
from array import array
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smolkit.apps.runs.curve import Curve, numbers_of
from smolkit.apps.runs.record import Record, RecordFiles
from smolkit.apps.runs.tail import Line, Objects, Tail, parse_object
from smolkit.errors import SmolkitError
from smolkit.train.run_files import METRICS, SAMPLES, SPIKES, find_run

LAST_LINES = 50
"""Lines that are kept as they were written."""
MAX_LINES = 1000
"""Lines that `Run.lines_after` gives at once, besides those of the last one's step."""
MAX_SPIKES = 1000
MAX_SAMPLES = 1000
_QUIET_SECONDS = 120.0
"""Without a new line for so long, and for 20 steps' time, a run is no longer said to train."""
_LARGEST_STEP = 2**53


class Run:
    """A run under the name that visitors know it by. `read` takes in what is new; `version` tells that there was."""

    def __init__(self, name: str, given: Path):
        self.name = name
        self.given = given
        self.version = 0
        self._tail = Tail()
        self._spikes, self._samples = Objects(MAX_SPIKES), Objects(MAX_SAMPLES)
        self._described = RecordFiles()
        self.missing = ""
        """One line where there is nothing to read now; what was read before stays."""
        self._forget()

    def _forget(self) -> None:
        self.curves: dict[str, Curve] = {}
        """By figure; one of a source is `loss_by_source.NAME`."""
        self.stages: list[tuple[int, str]] = []
        """From which step on which stage."""
        self.spike_steps: list[int] = []
        self.last: deque[dict[str, Any]] = deque(maxlen=LAST_LINES)
        self.damaged = 0
        self.first_damaged = ""
        self.not_numbers: dict[str, int] = {}
        """Figures that were no number, and the step at which that began."""
        self._steps, self._offsets = array("q"), array("q")

    # ---- taking in what is new

    def read(self) -> None:
        """Take in what was written since the last time. Raises nothing: what is wrong is in `problems`."""
        before, place = self.missing, find_run(self.given)
        if place is None:
            self.missing = f"{self.name}: its directory is gone or holds no {METRICS} any more"
            if self._steps:
                self.missing += "; what is shown was read before"
            self.missing += "."
        else:
            self.missing = ""
            parts = (
                self._described.read(place),
                self._read_metrics(place),
                self._spikes.read(place / SPIKES),
                self._samples.read(place / SAMPLES),
            )
            self.version += sum(parts)
        self.version += before != self.missing

    def _read_metrics(self, place: Path) -> bool:
        try:
            is_other, lines = self._tail.read(place / METRICS)
        except FileNotFoundError:
            if self._steps:
                self.missing = f"{self.name}: {METRICS} is gone; what is shown was read before."
            return False
        except OSError as exc:
            self.missing = f"{self.name}: {METRICS} cannot be read ({exc.strerror})."
            return False
        if is_other:
            self._forget()
        for line in lines:
            self._take(line)
        return is_other or bool(lines)

    def _take(self, line: Line) -> None:
        try:
            content = parse_object(line.content)
            step = _step_of(content)
            if self._steps and step < self._steps[-1]:
                raise ValueError(f"its step is {step}, after {self._steps[-1]}")
        except ValueError as exc:
            self.damaged += 1
            self.first_damaged = self.first_damaged or f"{METRICS}:{line.number}: {exc}"
            return
        self._steps.append(step)
        self._offsets.append(line.offset)
        self.last.append(content)
        for name, value in numbers_of(content):
            if math.isfinite(value):
                self.curves.setdefault(name, Curve()).add(step, value)
            else:
                self.not_numbers.setdefault(name, step)
        stage = content.get("stage")
        if isinstance(stage, str) and (not self.stages or self.stages[-1][1] != stage):
            self.stages.append((step, stage))
        if content.get("spike") is True:
            self.spike_steps.append(step)

    # ---- what is known

    @property
    def record(self) -> Record:
        """What the run says of itself besides its metrics."""
        return self._described.record

    @property
    def steps_planned(self) -> int | None:
        return self.record.steps

    @property
    def spikes(self) -> dict[int, dict[str, Any]]:
        """By step what spikes.jsonl says: loss, the usual one, the sequences with their documents."""
        return {found["step"]: found for found in self._spikes.found if _is_step(found.get("step"))}

    @property
    def samples(self) -> list[dict[str, Any]]:
        """The last ones, in order, each with its step, prompt and text."""
        return [
            found
            for found in self._samples.found
            if _is_step(found.get("step")) and all(isinstance(found.get(part), str) for part in ("prompt", "text"))
        ]

    @property
    def problems(self) -> list[str]:
        """What is wrong with the files of the run, a line each."""
        lines = [self.missing] if self.missing else []
        if damaged := self._described.damaged:
            lines.append(f"{self.name}: {damaged} does not describe the run. What it recorded is not shown.")
        if self.damaged:
            rest = f", the first of {self.damaged:,} such lines" if self.damaged > 1 else ""
            lines.append(f"{self.name}: {self.first_damaged}{rest}. It is left out; the rest is shown.")
        if not self._steps and not self.missing:
            lines.append(f"{self.name}: no step was recorded yet. The first one appears here by itself.")
        lines += [f"{self.name}: {name} is no number from step {step:,} on." for name, step in self.not_numbers.items()]
        return lines

    @property
    def kind(self) -> str:
        """pretraining, or the task of a fine-tuning run: extraction, chat, dpo, vision; else training."""
        task = self.record.recipe.get("task")
        if isinstance(task, str):
            return task
        by_source = any(name.startswith("loss_by_source.") for name in self.curves)
        return "pretraining" if by_source or "stages" in self.record.recipe else "training"

    @property
    def step(self) -> int:
        """The last one recorded, 0 before the first."""
        return self._steps[-1] if self._steps else 0

    @property
    def line_count(self) -> int:
        """Lines that were taken in."""
        return len(self._steps)

    def state(self, now: float | None = None) -> str:
        """gone, waiting (for the first step), finished, training, or quiet: no new line for some time."""
        if self.missing:
            return "gone"
        if not self._steps:
            return "waiting"
        if self.record.scores or (self.steps_planned and self.step >= self.steps_planned):
            return "finished"
        seconds = self.curves.get("seconds")
        patience = max(_QUIET_SECONDS, 20 * seconds.recent() if seconds else 0.0)
        return "training" if self.silent_seconds(now) < patience else "quiet"

    def silent_seconds(self, now: float | None = None) -> float:
        """Since the last line was written."""
        return max(0.0, (time.time() if now is None else now) - self._tail.modified)

    def seconds_left(self) -> float | None:
        """An estimate by the last steps, without the time of measurements; None where it cannot be known."""
        seconds = self.curves.get("seconds")
        if not seconds or not self.steps_planned:
            return None
        return max(0, self.steps_planned - self.step) * seconds.recent()

    def lines_after(self, after_step: int, limit: int = MAX_LINES) -> tuple[list[dict[str, Any]], bool]:
        """The lines of the steps beyond `after_step` as they were written, and whether there are more.

        A step is given with all of its lines. What is no number is None. Raises SmolkitError where the file is gone.
        """
        begin = bisect.bisect_right(self._steps, after_step)
        if begin == len(self._steps):
            return [], False
        end = bisect.bisect_right(self._steps, self._steps[min(begin + limit, len(self._steps)) - 1])
        assert self._tail.file is not None
        try:
            with self._tail.file[0].open("rb") as stream:
                lines = []
                for offset in self._offsets[begin:end]:
                    stream.seek(offset)
                    lines.append({name: _sendable(value) for name, value in parse_object(stream.readline()).items()})
        except (OSError, ValueError) as exc:
            raise SmolkitError(f"{self.name}: {METRICS} changed or went while it was read", fix="Ask again") from exc
        return lines, end < len(self._steps)


def _is_step(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST_STEP


def _step_of(content: Mapping[str, Any]) -> int:
    if "step" not in content:
        raise ValueError("no step")
    if not _is_step(content["step"]):
        raise ValueError("its step is no number of a step")
    return int(content["step"])


def _sendable(value: Any) -> Any:
    """A value as JSON proper can hold it, to one level of names."""
    if isinstance(value, dict):
        return {name: _sendable(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
