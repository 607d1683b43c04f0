"""Images on their way to a model: the tokens that stand for one in a prompt, and the tiles that take their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from smolkit.data.images import IMAGE, ImageLayout, ImageSource
from smolkit.data.render import Encoder
from smolkit.errors import ModelError
from smolkit.runtime.decoding import Backend

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Picture:
    """One image as a model reads it."""

    ids: list[int]
    """What stands for it in a prompt; at every image token one of its features is read."""
    tiles: NDArray[np.uint8]
    """[tiles, 3, side, side]"""


class SeeingBackend(Backend, Protocol):
    """A backend whose model reads images as well."""

    images: ImageLayout | None
    """How it cuts them; None for a model that reads text alone."""

    def prefill(self, prompts: Sequence[list[int]], pictures: Sequence[Sequence[Picture]] = ()) -> NDArray[np.float32]:
        """As a backend's, with the pictures of each prompt in the order of its image tokens."""


def read_picture(source: ImageSource, layout: ImageLayout, encode: Encoder) -> Picture:
    """An image cut and written as the layout says. Raises DataError where it cannot be read."""
    image = source.load()
    return Picture(encode(layout.text(layout.grid(*image.size)), special=True), layout.tiles(image))


def layout_of(backend: Any) -> ImageLayout:
    """How the backend's model cuts images. Raises ModelError for one that reads text alone."""
    layout: ImageLayout | None = getattr(backend, "images", None)
    if layout is None:
        blind = len(backend.encode(IMAGE, special=True)) == 1  # the language model of a SmolVLM, as a GGUF file is
        give = "Put the mmproj file of this SmolVLM beside it" if blind else "Give a SmolVLM"
        raise ModelError(
            "this model reads text and no images", fix=f"{give}, or have the text read from the image: --ocr"
        )
    return layout
