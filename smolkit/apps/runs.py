"""Training runs as they grow: what pretraining and fine-tuning write is taken in line by line, new bytes alone.

Of every figure the curve is kept, of the file only where its lines stand. This module knows what lies in a run
directory and nothing of pages; it imports neither gradio nor torch, so it names the files of a run once more.
"""

from __future__ import annotations

import bisect
import json
import math
import os
import time
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

from smolkit.errors import SmolkitError, printable
from smolkit.manifest import MANIFEST

METRICS, SPIKES, RUN_FILE = "metrics.jsonl", "spikes.jsonl", "run.json"

LAST_LINES = 50
"""Lines that are kept as they were written."""
MAX_LINES = 1000
"""Lines that `Run.lines_after` gives at once, besides those of the last one's step."""
_QUIET_SECONDS = 120.0
"""Without a new line for so long, and for 20 steps' time, a run is no longer said to train."""
_RECENT = 50
"""Steps over which speed is averaged."""
_LARGEST_STEP = 2**53
_HEAD = 512
"""Bytes by which a file is known again."""


class Line(NamedTuple):
    """A whole line of a file: its number, from 1, its place in bytes, and what it holds."""

    number: int
    offset: int
    content: bytes


class Tail:
    """The lines of a file that grows; what was read is not read again, unless the file was replaced or cut."""

    def __init__(self) -> None:
        self.file: tuple[Path, int] | None = None
        """Path and inode."""
        self.head = b""
        """How the file began, as a new file may get the inode of one that was removed."""
        self.offset = 0
        self.number = 0
        self.modified = 0.0

    def read(self, path: Path) -> tuple[bool, list[Line]]:
        """Whether this is another file than before, and the lines that are new; one without its end waits for it.

        Raises OSError where the file cannot be read.
        """
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            file = (path, status.st_ino)
            is_other = file != self.file or status.st_size < self.offset or stream.read(len(self.head)) != self.head
            if is_other:
                self.file, self.offset, self.number = file, 0, 0
                stream.seek(0)
                self.head = stream.read(_HEAD)
            self.modified = status.st_mtime
            stream.seek(self.offset)
            new = stream.read(status.st_size - self.offset)
        lines = []
        for content in new.split(b"\n")[:-1]:
            self.number += 1
            lines.append(Line(self.number, self.offset, content))
            self.offset += len(content) + 1
        return is_other, lines


@dataclass
class Curve:
    """One figure of a run over its steps, which never fall; values are finite."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add(self, step: int, value: float) -> None:
        self.steps.append(step)
        self.values.append(value)

    def __len__(self) -> int:
        return len(self.steps)

    def recent(self, count: int = _RECENT) -> float:
        """The mean of the last values; there is at least one."""
        last = self.values[-count:]
        return sum(last) / len(last)


@dataclass
class Record:
    """What a run says of itself besides its metrics; empty where it does not."""

    recipe: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    branch: Mapping[str, Any] = field(default_factory=dict)


class Run:
    """A run under the name that visitors know it by. `read` takes in what is new; `version` tells that there was."""

    def __init__(self, name: str, given: Path):
        self.name = name
        self.given = given
        self.version = 0
        self._tail, self._spike_tail = Tail(), Tail()
        self._record_stamp: object = None
        self.record = Record()
        self.steps_planned: int | None = None
        self.missing = ""
        """One line where there is nothing to read now; what was read before stays."""
        self.record_problem = ""
        self.spikes: dict[int, dict[str, Any]] = {}
        """By step what spikes.jsonl says: loss, the usual one, the sequences with their documents."""
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
        before = (self.missing, self.record_problem, self.record, self.steps_planned)
        place = find_place(self.given)
        if place is None:
            self.missing = f"{self.name}: its directory is gone or holds no {METRICS} any more"
            if self._steps:
                self.missing += "; what is shown was read before"
            self.missing += "."
        else:
            self.missing = ""
            self._read_record(place)
            self._read_metrics(place)
            self._read_spikes(place)
        self.version += before != (self.missing, self.record_problem, self.record, self.steps_planned)

    def _read_metrics(self, place: Path) -> None:
        try:
            is_other, lines = self._tail.read(place / METRICS)
        except FileNotFoundError:
            if self._steps:
                self.missing = f"{self.name}: {METRICS} is gone; what is shown was read before."
            return
        except OSError as exc:
            self.missing = f"{self.name}: {METRICS} cannot be read ({exc.strerror})."
            return
        if is_other:
            self._forget()
        for line in lines:
            self._take(line)
        self.version += bool(is_other or lines)

    def _take(self, line: Line) -> None:
        try:
            content = _object(line.content)
            step = content["step"]
            if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < _LARGEST_STEP:
                raise ValueError("its step is no number of a step")
            if self._steps and step < self._steps[-1]:
                raise ValueError(f"its step is {step}, after {self._steps[-1]}")
        except (ValueError, KeyError) as exc:
            reason = "no step" if isinstance(exc, KeyError) else str(exc)
            self.damaged += 1
            self.first_damaged = self.first_damaged or f"{METRICS}:{line.number}: {reason}"
            return
        self._steps.append(step)
        self._offsets.append(line.offset)
        self.last.append(content)
        for name, value in _numbers(content):
            if math.isfinite(value):
                self.curves.setdefault(name, Curve()).add(step, value)
            else:
                self.not_numbers.setdefault(name, step)
        stage = content.get("stage")
        if isinstance(stage, str) and (not self.stages or self.stages[-1][1] != stage):
            self.stages.append((step, stage))
        if content.get("spike") is True:
            self.spike_steps.append(step)

    def _read_spikes(self, place: Path) -> None:
        try:
            is_other, lines = self._spike_tail.read(place / SPIKES)
        except OSError:
            is_other, lines = self._spike_tail.file is not None, []
            self._spike_tail = Tail()
        if is_other:
            self.spikes = {}
        for line in lines:
            try:
                content = _object(line.content)
                self.spikes[int(content["step"])] = content
            except (ValueError, KeyError, TypeError, OverflowError):
                continue  # the spike itself is in the metrics
        self.version += bool(is_other or lines)

    def _read_record(self, place: Path) -> None:
        described, checkpoint = _description(place), _last_checkpoint(place)
        written = _result(place) / MANIFEST  # beside a run, once it is finished; or what an earlier one left
        size = _size(place / METRICS)
        is_result = described != written and size is not None and size == _size(_result(place) / METRICS)
        stamp = [(path, _modified(path)) for path in (described, checkpoint, written) if path], is_result
        if stamp == self._record_stamp:
            return
        self._record_stamp = stamp
        self.record_problem = ""
        self.record = Record()
        try:
            if described is not None:
                self.record = _read_record(described)
            if is_result and os.path.isfile(written):
                self.record.scores = _read_record(written).scores
        except (OSError, ValueError):
            name = described.name if described else RUN_FILE
            self.record_problem = f"{self.name}: {name} does not describe the run. What it recorded is not shown."
        self.steps_planned = _steps(self.record.plan) or _steps(self.record.recipe) or _steps_of(checkpoint)

    # ---- what is known

    @property
    def problems(self) -> list[str]:
        """What is wrong with the files of the run, a line each."""
        lines = [line for line in (self.missing, self.record_problem) if line]
        if self.damaged:
            rest = f", the first of {self.damaged:,} such lines" if self.damaged > 1 else ""
            lines.append(f"{self.name}: {self.first_damaged}{rest}. It is left out; the rest is shown.")
        if not self._steps and not self.missing:
            lines.append(f"{self.name}: no step was recorded yet. The first one appears here by itself.")
        lines += [f"{self.name}: {name} is no number from step {step:,} on." for name, step in self.not_numbers.items()]
        return lines

    @property
    def kind(self) -> str:
        """pretraining, or the task of a fine-tuning run: extraction, chat, dpo; else training."""
        task = self.record.recipe.get("task")
        if isinstance(task, str):
            return task
        is_pretraining = any(name.startswith("loss_by_source.") for name in self.curves) or "stages" in (
            self.record.recipe
        )
        return "pretraining" if is_pretraining else "training"

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
                    lines.append({name: _sendable(value) for name, value in _object(stream.readline()).items()})
        except (OSError, ValueError) as exc:
            raise SmolkitError(f"{self.name}: {METRICS} changed or went while it was read", fix="Ask again") from exc
        return lines, end < len(self._steps)


class Runs(Sequence[Run]):
    """The runs of one page, under names of their own. Whoever reads or draws them holds `lock`."""

    def __init__(self, runs: Sequence[Run]):
        self._runs = list(runs)
        self.lock = RLock()

    def __getitem__(self, at: Any) -> Any:
        return self._runs[at]

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def names(self) -> list[str]:
        return [run.name for run in self._runs]

    def named(self, name: object) -> Run:
        """The run of that name. Raises SmolkitError with the names that there are."""
        found = next((run for run in self._runs if run.name == name), None)
        if found is None:
            shown = name[:60] if isinstance(name, str) else ""
            raise SmolkitError(f"no run {shown!r} is shown here", given=shown, known=self.names)
        return found

    def read(self) -> None:
        """Take in what is new in any of them."""
        for run in self._runs:
            run.read()


def open_runs(directories: Iterable[Path]) -> Runs:
    """The runs of these directories, read as far as they are written; a run that is named twice is there once.

    Raises SmolkitError where none is given, or one is neither a run nor a model with its metrics.
    """
    given = list(directories)
    if not given:
        raise SmolkitError("no run was named", fix="Name a run's directory, OUT.run, or the model that it wrote")
    by_result: dict[Path, Path] = {}
    for directory in given:
        directory = directory.expanduser()
        if find_place(directory) is None:
            where = printable(str(directory))
            if not os.path.isdir(directory):
                raise SmolkitError("no such directory", where=where, fix="Name OUT.run, or the model that it wrote")
            raise SmolkitError(
                f"no {METRICS} here, so it is no run", where=where, fix="Name OUT.run, or the model that it wrote"
            )
        by_result.setdefault(_result(directory.absolute().resolve()), directory)
    runs: list[Run] = []
    for result, directory in by_result.items():
        runs.append(Run(_free_name(printable(result.name), [run.name for run in runs]), directory))
    opened = Runs(runs)
    opened.read()
    return opened


def find_place(directory: Path) -> Path | None:
    """The directory of a run's files, whichever of OUT.run and OUT is named; None where neither has any.

    The first is preferred as long as it is there: fine-tuning removes it when the model is written.
    """
    result = _result(directory.absolute())
    run = result.with_name(result.name + ".run")
    if any(os.path.isfile(run / name) for name in (RUN_FILE, METRICS)):  # which says no where it may not look
        return run
    return result if os.path.isfile(result / METRICS) else None


def _result(directory: Path) -> Path:
    """The model directory that a run writes, which is named by itself or by the run's."""
    return directory.with_name(directory.name.removesuffix(".run")) if directory.name != ".run" else directory


def _free_name(name: str, taken: Sequence[str]) -> str:
    numbered = (name if number == 1 else f"{name} ({number})" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in numbered if candidate not in taken)


# ---- the files of a run


def _object(content: bytes) -> dict[str, Any]:
    """A line as JSON. Raises ValueError where it is none, or no object."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("a damaged line") from None
    if not isinstance(value, dict):
        raise ValueError("a damaged line, which is no object")
    return value


def _numbers(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in content.items():
        if isinstance(value, dict) and not prefix:
            yield from _numbers(value, f"{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and prefix + name != "step":
            yield prefix + name, _float(value)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _sendable(value: Any) -> Any:
    """A value as JSON proper can hold it, to one level of names."""
    if isinstance(value, dict):
        return {name: _sendable(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _description(place: Path) -> Path | None:
    return next((place / name for name in (RUN_FILE, MANIFEST) if os.path.isfile(place / name)), None)


def _size(file: Path) -> int | None:
    return os.path.getsize(file) if os.path.isfile(file) else None


def _modified(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def _read_record(file: Path) -> Record:
    content = _object(file.read_bytes())
    details = content.get("details")
    found = {**(details if isinstance(details, dict) else {}), **content}
    parts = {name: found.get(name) for name in ("recipe", "plan", "scores", "branch")}
    return Record(**{name: part for name, part in parts.items() if isinstance(part, dict)})


def _steps(part: Mapping[str, Any]) -> int | None:
    steps = part.get("steps")
    return steps if isinstance(steps, int) and not isinstance(steps, bool) and steps > 0 else None


def _last_checkpoint(place: Path) -> Path | None:
    """The trainer's state of the last checkpoint of a fine-tuning run, which alone says its steps while it runs."""
    found = place.glob("checkpoint-*/trainer_state.json")
    return max(found, key=lambda path: (len(path.parent.name), path.parent.name), default=None)


def _steps_of(checkpoint: Path | None) -> int | None:
    if checkpoint is None:
        return None
    try:
        return _steps({"steps": _object(checkpoint.read_bytes()).get("max_steps")})
    except (OSError, ValueError):
        return None
