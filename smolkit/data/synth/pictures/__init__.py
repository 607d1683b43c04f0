"""Made-up pictures with what is to be said of them: rows that a vision model learns from without a download.

Row i of a split depends on the seed, the split and i alone. The splits share no picture: of pages they share no text,
and of shapes no description. Pillow draws everything, letters with the font that it brings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from smolkit.data.synth import check_choices
from smolkit.errors import DataError
from smolkit.registry import Registry

PICTURES = Registry(
    "kind of pictures",
    {
        "pages": "smolkit.data.synth.pictures.pages:generate_pages",
        "shapes": "smolkit.data.synth.pictures.shapes:generate_shapes",
    },
)


def generate_pictures(
    rows: int, seed: int, split: str = "train", of: str = "shapes", level: str | None = None
) -> Iterator[dict[str, Any]]:
    """Yield rows as `smolkit.data.vision_rows` reads them, each image a PIL one.

    Pages carry {template, output} of the level "plain" or "full"; shapes carry messages, some a template. Raises
    DataError for a split, a kind or a level that there is none of.
    """
    generate: Callable[..., Iterator[dict[str, Any]]] = PICTURES.load(of)
    check_choices(split, level or "plain")
    if of != "pages" and level is not None:
        raise DataError(f"{of} have no level, and {level!r} is given", fix="Leave it out, or make pages")
    return generate(rows, seed, split, level) if level else generate(rows, seed, split)
