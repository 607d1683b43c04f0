"""`smolkit export check`: which runtimes load a directory, and why another does not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smolkit.cli._common import AsJson, print_json


def command(
    directory: Annotated[Path, typer.Argument(help="The directory: an export, ours or not, or a snapshot of the Hub.")],
    as_json: AsJson = False,
) -> None:
    """Say which runtimes load a directory, and why another does not. Exit code 3 where none does."""
    from smolkit.export.check import check_directory

    report = check_directory(directory)
    if as_json:
        print_json(report.as_dict())
    else:
        print(report)
    if not any(verdict.loads for verdict in report.verdicts):
        raise typer.Exit(3)
