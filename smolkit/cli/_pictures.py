"""`smolkit data synth pictures`: made-up images with what is to be said of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from smolkit.cli._common import AsJson, Overwrite, print_json, progress_console, remark


def pictures(
    rows: Annotated[int, typer.Option(min=1, help="How many.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where rows.jsonl and images/ go.")],
    of: Annotated[str, typer.Option(help="shapes, or pages: documents as from a scanner.")] = "shapes",
    seed: Annotated[int, typer.Option(help="The same seed makes the same rows.")] = 0,
    split: Annotated[str, typer.Option(help="train, dev or test; they share no picture.")] = "train",
    level: Annotated[
        str | None, typer.Option(help="Of pages: full, or plain: short labelled forms with strings to copy.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make pictures, with questions and answers, or templates and what fills them.

    Shapes are one to three in a picture, named from left to right; pages are printed documents, most of them English.
    """
    from smolkit.data.synth.pictures import generate_pictures
    from smolkit.data.synth.pictures.write import write_pictures
    from smolkit.manifest import check_destination

    check_destination(out, overwrite=overwrite)
    made = generate_pictures(rows, seed, split, of, level)
    figures = write_pictures(out, _watched(made, rows), overwrite=overwrite)
    if as_json:
        print_json(figures)
        return
    remark(f"wrote {out}: {figures['rows']:,} rows, {figures['images']:,} images")


def _watched(rows: Iterator[dict[str, Any]], total: int) -> Iterator[dict[str, Any]]:
    from rich.progress import track

    console = progress_console()
    yield from track(rows, "rows", total, console=console, transient=True, disable=not console.is_terminal)
