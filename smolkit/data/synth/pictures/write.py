"""Rows with pictures in a directory: rows.jsonl, and each image as a PNG file beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.data.jsonl import write_jsonl
from smolkit.manifest import Manifest, staged, write

if TYPE_CHECKING:
    from PIL import Image

ROWS, IMAGES = "rows.jsonl", "images"


def write_pictures(directory: Path, rows: Iterable[Mapping[str, Any]], *, overwrite: bool = False) -> dict[str, Any]:
    """Write rows of `generate_pictures` with a manifest, all or nothing; returns how many rows and images there are.

    In the file an image is its path from the directory. Raises ManifestError for a directory that is not ours to
    replace.
    """
    with staged(directory, overwrite=overwrite) as aside:
        (aside / IMAGES).mkdir()
        written = write_jsonl(aside / ROWS, (_with_files(row, aside, place) for place, row in enumerate(rows, start=1)))
        figures = {"rows": written, "images": sum(1 for _ in (aside / IMAGES).iterdir())}
        write(aside, Manifest(kind="rows", details=figures))
    return figures


def _with_files(row: Mapping[str, Any], directory: Path, place: int) -> dict[str, Any]:
    """A row with paths for images, which are written now."""
    several = "images" in row
    paths = list(_save(row["images"] if several else [row["image"]], directory, place))
    return {**row, "images": paths} if several else {**row, "image": paths[0]}


def _save(images: Iterable[Image.Image], directory: Path, place: int) -> Iterator[str]:
    for number, image in enumerate(images, start=1):
        path = f"{IMAGES}/{place:06}-{number}.png"
        image.save(directory / path)
        yield path
