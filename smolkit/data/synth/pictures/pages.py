"""Documents of the text generator, printed and scanned: an image in place of the text, under the same template."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from smolkit.data.synth import kind_of, make_row
from smolkit.data.synth.level import LEVELS
from smolkit.data.synth.pictures.paper import draw_page, is_drawable

PRINTED = (
    "appointment",
    "contract",
    "cv",
    "datasheet",
    "event",
    "hotel",
    "invoice",
    "receipt",
    "shipping",
    "ticket",
    "transfer",
)
"""The kinds of documents that come on paper; tickets are in the test split only."""
NARROW = ("receipt", "ticket")


def generate_pages(rows: int, seed: int, split: str, level: str = "plain") -> Iterator[dict[str, Any]]:
    """Yield rows {id, image, template, output, kind, lang}, most of them English.

    Documents with a letter that the font lacks (accents, €, £) are left out, and ids count those too.
    """
    printed = (index for index in count() if kind_of(index, seed, split) in PRINTED)
    documents = (make_row(index, seed, split, LEVELS[level]) for index in printed)
    yield from islice((_page(row) for row in documents if _is_readable(row)), rows)


def _page(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "image": draw_page(row["text"], seed=row["id"], narrow=row["kind"] in NARROW),
        "template": row["template"],
        "output": row["output"],
        "kind": row["kind"],
        "lang": row["lang"],
    }


def _is_readable(row: dict[str, Any]) -> bool:
    return is_drawable(row["text"]) and all(is_drawable(value) for value in strings(row["output"]))


def strings(output: Any) -> Iterator[str]:
    """Every text of an answer, without its keys."""
    if isinstance(output, str):
        yield output
    elif isinstance(output, dict | list):
        for value in output.values() if isinstance(output, dict) else output:
            yield from strings(value)
