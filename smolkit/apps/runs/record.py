"""What a run says of itself besides its metrics: in run.json while it trains, later in the manifest of its model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smolkit.apps.runs.tail import parse_object
from smolkit.manifest import MANIFEST
from smolkit.train.run_files import METRICS, RUN_FILE, result_of


@dataclass
class Record:
    """The parts that were recorded; empty where they were not."""

    recipe: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    branch: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> int | None:
        """How many there will be; None where that is not recorded."""
        given = (part.get("steps") for part in (self.plan, self.recipe))
        counts = (steps for steps in given if isinstance(steps, int) and not isinstance(steps, bool) and steps > 0)
        return next(counts, None)


class RecordFiles:
    """The files of a run that hold its record, read again when one of them is another."""

    def __init__(self) -> None:
        self.record = Record()
        self.damaged = ""
        """The file that does not describe the run, if there is one."""
        self._stamp: object = None

    def read(self, place: Path) -> bool:
        """Take in what is there; whether it is something else than before."""
        described = next((place / name for name in (RUN_FILE, MANIFEST) if os.path.isfile(place / name)), None)
        written = result_of(place) / MANIFEST  # beside a run, once it is finished; or what an earlier one left
        size = _size(place / METRICS)
        is_result = described != written and size is not None and size == _size(result_of(place) / METRICS)
        stamp = [(path, _modified(path)) for path in (described, written) if path], is_result
        if stamp == self._stamp:
            return False
        self._stamp, before = stamp, (self.record, self.damaged)
        self.record, self.damaged = Record(), ""
        try:
            if described is not None:
                self.record = _parse(described)
            if is_result and os.path.isfile(written):
                self.record.scores = _parse(written).scores
        except (OSError, ValueError):
            self.damaged = described.name if described else RUN_FILE
        return before != (self.record, self.damaged)


def _parse(file: Path) -> Record:
    content = parse_object(file.read_bytes())
    details = content.get("details")
    found = {**(details if isinstance(details, dict) else {}), **content}
    parts = {name: found.get(name) for name in ("recipe", "plan", "scores", "branch")}
    return Record(**{name: part for name, part in parts.items() if isinstance(part, dict)})


def _size(file: Path) -> int | None:
    return os.path.getsize(file) if os.path.isfile(file) else None


def _modified(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None
