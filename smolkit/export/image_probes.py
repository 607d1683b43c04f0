"""What the gate shows a model that sees: three images drawn here, and the prompt for each.

Their sides follow from the model's tile: the first is exactly one tile, which nobody resamples, so that readers with
other resampling are compared on it as well; the others are cut in two and an overview, and give each part another size.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from smolkit.data.images import IMAGE, ImageLayout
from smolkit.data.render import TokenizerEncoder, encode_prompt
from smolkit.extraction.prompt import get_format
from smolkit.extraction.template import Template

if TYPE_CHECKING:
    from PIL import Image
    from transformers import PreTrainedTokenizerFast

IMAGES = 3
TEMPLATE = {"seller": "verbatim-string", "date": "date", "total": "number"}
QUESTION = "What is in this image?"
_LINES = (
    "NORDWIND CYCLES", "Hafenstrasse 48", "20457 Hamburg", "", "17.03.2024  10:42", "", "2  Inner tube 28   13.80",
    "1  Pannier bag     62.50", "3  Brake pads      29.70", "", "TOTAL EUR        106.00", "Cash             110.00",
    "Change             4.00",
)  # fmt: skip
_COLOURS = ("#c01010", "#e08000", "#f0e020", "#20a040", "#1060c0", "#502090", "#000000", "#808080", "#ffffff")


class ImageProbe(NamedTuple):
    """An image with the way that it is cut, which is the model's own with no more than two tiles in a row."""

    name: str
    image: Image.Image
    layout: ImageLayout


def image_probes(layout: ImageLayout) -> list[ImageProbe]:
    """The three images: a receipt of one tile, a wide colour chart, and a tall gradient with noise."""
    tile = layout.tile
    whole = replace(layout, longest_edge=tile)
    cut = replace(layout, longest_edge=min(layout.longest_edge, 2 * tile))
    return [
        ImageProbe("receipt", receipt(tile, tile), whole),
        ImageProbe("chart", chart(2 * tile, tile * 2 // 3), cut),
        ImageProbe("gradient", gradient(tile * 3 // 4, tile * 3 // 2), cut),
    ]


def prompt(tokenizer: PreTrainedTokenizerFast, prompt_format: str | None, picture: str) -> list[int]:
    """Token ids that ask about an image, for which `picture` stands, as `probes.prompts` does of a text."""
    encode = TokenizerEncoder(tokenizer)
    if prompt_format is not None:
        template = Template.parse(TEMPLATE)
        return encode_prompt(get_format(prompt_format), template, encode(picture, special=True), encode)
    text = f"{IMAGE}{QUESTION}"
    if tokenizer.chat_template:
        messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]}]
        text = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    return encode(text.replace(IMAGE, picture), special=True)


def receipt(width: int, height: int) -> Image.Image:
    """A page with lines of text, grey where the paper is folded."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", (width, height), "#f4f2ec")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, height * 0.48, width, height * 0.5), fill="#d8d4cc")
    pitch = height / (len(_LINES) + 2)
    font = ImageFont.load_default(size=max(6.0, pitch * 0.75))
    for number, line in enumerate(_LINES, start=1):
        draw.text((width * 0.06, number * pitch), line, fill="#181818", font=font)
    return page


def chart(width: int, height: int) -> Image.Image:
    """Nine fields of one colour each, with an ellipse in the colour of the next."""
    from PIL import Image, ImageDraw

    board = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(board)
    for number, colour in enumerate(_COLOURS):
        row, column = divmod(number, 3)
        box = (column * width / 3, row * height / 3, (column + 1) * width / 3, (row + 1) * height / 3)
        draw.rectangle(box, fill=colour)
        inside = tuple(side * 0.7 + middle * 0.3 for side, middle in zip(box, _middle(box), strict=True))
        draw.ellipse(inside, fill=_COLOURS[(number + 1) % len(_COLOURS)])
    return board


def gradient(width: int, height: int) -> Image.Image:
    """Light that falls off over waves, with the noise of a camera."""
    from PIL import Image

    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    waves = [np.sin(6 * x + turn) * np.cos(4 * y * y) for turn in (0.0, 1.0, 2.5)]
    pixels = np.stack([(0.5 + 0.4 * wave) * (1 - 0.5 * y) for wave in waves], axis=-1)
    pixels += np.random.default_rng(0).normal(0, 0.03, pixels.shape)
    return Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8))


def _middle(box: tuple[float, ...]) -> tuple[float, ...]:
    left, top, right, bottom = box
    return ((left + right) / 2, (top + bottom) / 2) * 2
