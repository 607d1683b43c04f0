"""The examples of the vision app: their images are drawn here, so that none lies in a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from smolkit.data.synth.pictures.paper import draw_page
from smolkit.data.synth.pictures.shapes import draw_shapes


@dataclass(frozen=True)
class Example:
    """An image, a template that can be filled from it, and a question about it."""

    name: str
    template: dict[str, Any]
    question: str
    text: str = ""
    """What is printed on the page; without it the image is of shapes."""
    narrow: bool = False
    """Whether the paper is as narrow as a receipt's."""
    shapes: Sequence[tuple[str, str]] = ()
    """From left to right, each a colour and a shape."""

    def draw(self) -> Image.Image:
        """The image, the same each time."""
        if self.text:
            return draw_page(self.text, seed=self.name, narrow=self.narrow).convert("RGB")
        return draw_shapes([(colour, shape) for colour, shape in self.shapes], Random(self.name))


def read_examples(file: Path) -> list[Example]:
    return [Example(**entry) for entry in json.loads(file.read_text(encoding="utf-8"))]
