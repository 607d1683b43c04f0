"""The runs of one page: found where they are named, each under a name of its own by which visitors know it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

from smolkit.apps.names import free_name
from smolkit.apps.runs.run import Run
from smolkit.errors import SmolkitError, printable
from smolkit.train.run_files import METRICS, find_run, result_of

_FIX = "Name OUT.run, or the model that it wrote"


class Runs(Sequence[Run]):
    """Whoever reads or draws them holds `lock`."""

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
        if find_run(directory) is None:
            what = f"no {METRICS} here, so it is no run" if os.path.isdir(directory) else "no such directory"
            raise SmolkitError(what, where=printable(str(directory)), fix=_FIX)
        by_result.setdefault(result_of(directory.absolute().resolve()), directory)
    runs: list[Run] = []
    for result, directory in by_result.items():
        runs.append(Run(free_name(printable(result.name), [run.name for run in runs]), directory))
    opened = Runs(runs)
    opened.read()
    return opened
