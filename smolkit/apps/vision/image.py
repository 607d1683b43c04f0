"""The image of the page: uploaded, pasted, taken with the camera, or one of the examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from smolkit.apps.extraction.pieces import QUIET
from smolkit.apps.look import remark
from smolkit.apps.vision.examples import Example
from smolkit.apps.vision.inputs import read_upload
from smolkit.errors import SmolkitError

AS_SENT: dict[str, Any] = {"preprocess": False}
"""Of an event that takes the image: Gradio makes sure that the file was uploaded, and leaves reading it to us."""


def image_input(examples: Sequence[Example]) -> tuple[gr.Dropdown, gr.Image]:
    """The choice of an example, and the image with a line under it that says what it is."""
    names = [example.name for example in examples]
    first = examples[0].draw()
    chosen = gr.Dropdown(names, value=names[0], label="Example", elem_id="example")
    image = gr.Image(
        first,
        label="Image",
        sources=["upload", "clipboard", "webcam"],
        type="filepath",
        image_mode=None,
        format="png",
        height=380,
        elem_id="image",
        buttons=[],
        alt_text="The image to read",
    )
    status = gr.HTML(_size(first.size), elem_id="image-status", elem_classes="line")
    image.change(image_remark, image, status, **AS_SENT, **QUIET)
    return chosen, image


def image_remark(upload: Mapping[str, Any] | None) -> str:
    """The line under the image, as HTML: its size, or what is wrong with it."""
    if upload is None:
        return ""
    try:
        return _size(read_upload(upload).size)
    except SmolkitError as exc:
        return remark(str(exc), "bad")


def _size(size: tuple[int, int]) -> str:
    return remark("{:,} x {:,} pixels".format(*size))
