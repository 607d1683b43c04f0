"""`smolkit plot`: the curves of a run, drawn from its metrics, also while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smolkit.cli._common import result_console


def command(
    run: Annotated[Path, typer.Argument(help="A run (OUT.run), or the model directory that one wrote.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The PNG; default curves.png in the run.")] = None,
) -> None:
    """Draw loss, learning rate and speed of a run from its metrics.jsonl, as a PNG."""
    from smolkit.train.plot import plot_run

    result_console().print(str(plot_run(run, out)), highlight=False, soft_wrap=True)
