"""What a set of rows about images holds, in figures: images, sizes, tokens, what is absent, what stands twice.

The rows are valid and their images open (`smolkit.data.vision_rows`); nothing is judged or changed here.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smolkit.data.chat import ChatExample
from smolkit.data.check import NOT_GIVEN, Pairs, Spread, absent_rate_of, key_names
from smolkit.data.images import IMAGE, ImageLayout, ImageSource
from smolkit.data.vision_chat import VisionChatFormat
from smolkit.data.vision_render import encode_vision_row
from smolkit.data.vision_rows import VisionRow
from smolkit.errors import locate
from smolkit.extraction.prompt import PromptFormat

_SIDES = ("width", "height")


@dataclass(frozen=True)
class VisionFigures:
    """One set of rows about images."""

    rows: int
    images: int
    templates: int
    """Rows that fill a template; the others are conversations."""
    languages: dict[str, int]
    kinds: dict[str, int]
    sides: dict[str, Spread]
    """Width and height of images in pixels, if there are any."""
    tokens: dict[str, Spread]
    """Of prompts without their images, of answers with their end markers, and of each image for a model that sees."""
    absent_rate: float | None
    """The share of values that templates ask for and images do not show; None without templates."""
    equal_images: Pairs
    """Rows whose images an earlier row has, to the byte."""
    contradictions: Pairs
    """Equal images and template or question, but another answer."""

    def figures(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class VisionLeakage:
    """What a set of rows has in common with another, such as a training with a test split."""

    equal_images: Pairs
    keys: int
    """Key names in the templates of the set."""
    shared_keys: list[str]
    """Those of them that stand in templates of the other set, too."""

    def figures(self) -> dict[str, Any]:
        return asdict(self)


def check_vision_rows(
    rows: Sequence[VisionRow],
    prompt_format: PromptFormat,
    chat: VisionChatFormat,
    layout: ImageLayout | None = None,
    *,
    file: str | Path | None = None,
) -> VisionFigures:
    """The figures of rows that have answers, of which there is at least one; `layout` is how a model cuts images."""
    examples = [shown(row, prompt_format, chat, [], file=file) for row in rows]
    images = [image for row in rows for image in row.images]
    tokens = {
        "prompt": Spread.of(example.length - example.answer_length for example in examples),
        "answer": Spread.of(example.answer_length for example in examples),
    }
    if layout is not None and images:
        tokens["image"] = Spread.of(layout.count(*image.size) * layout.tokens for image in images)
    filled = [(row.template, row.output) for row in rows if row.template is not None]
    return VisionFigures(
        rows=len(rows),
        images=len(images),
        templates=len(filled),
        languages=dict(Counter(row.lang or NOT_GIVEN for row in rows).most_common()),
        kinds=dict(Counter(row.kind or NOT_GIVEN for row in rows).most_common()),
        sides={name: Spread.of(image.size[at] for image in images) for at, name in enumerate(_SIDES) if images},
        tokens=tokens,
        absent_rate=absent_rate_of(filled) if filled else None,
        **_repetitions(rows),
    )


def shown(
    row: VisionRow,
    prompt_format: PromptFormat,
    chat: VisionChatFormat,
    picture: Sequence[int] | None = None,
    *,
    file: str | Path | None = None,
) -> ChatExample:
    """A row as training sees it, each image being `picture`; by default a mark that stands for it."""
    mark = chat.encode_text(IMAGE, special=False) if picture is None else picture
    ids, turns = encode_vision_row(row, [mark] * len(row.images), prompt_format, chat)
    return ChatExample(ids, turns[0][0], locate(file, row.line), tuple(turns))


def find_vision_leakage(rows: Sequence[VisionRow], others: Sequence[VisionRow]) -> VisionLeakage:
    """Images and key names of `rows` that `others` have as well."""
    first: dict[str, int] = {}
    for other in others:
        for image in other.images:
            first.setdefault(fingerprint(image), other.line)
    pairs = [(row.line, first[held]) for row in rows for image in row.images if (held := fingerprint(image)) in first]
    keys, other_keys = (key_names(row.template for row in either if row.template) for either in (rows, others))
    return VisionLeakage(list(dict.fromkeys(pairs)), len(keys), sorted(keys & other_keys))


def fingerprint(image: ImageSource) -> str:
    """What only images with the same bytes have in common."""
    content = image.content
    if isinstance(content, Path):
        content = content.read_bytes()
    return hashlib.sha256(content if isinstance(content, bytes) else image.load().tobytes()).hexdigest()


def _repetitions(rows: Sequence[VisionRow]) -> dict[str, Pairs]:
    seen: dict[tuple[str, ...], int] = {}
    asked: dict[tuple[tuple[str, ...], str], tuple[int, Any]] = {}
    equal, contradictions = [], []
    for row in rows:
        images = tuple(fingerprint(image) for image in row.images)
        if images and (earlier := seen.setdefault(images, row.line)) != row.line:
            equal.append((row.line, earlier))
        question, answer = _asked(row)
        line, said = asked.setdefault((images, question), (row.line, answer))
        if said != answer:
            contradictions.append((row.line, line))
    return {"equal_images": equal, "contradictions": contradictions}


def _asked(row: VisionRow) -> tuple[str, Any]:
    """What is asked about the images of a row, and the answer."""
    if row.template is None:
        return json.dumps(row.question), sorted(row.answers)
    return json.dumps(row.template.source), row.template.conform(row.output)
