"""What visitors send to the vision app, checked: images, questions, and how an image is to be read."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from smolkit.data.images import ImageSource
from smolkit.errors import DataError

MAX_BYTES = 10 << 20
"""Bytes of an image file."""
MAX_PIXELS = 40_000_000
"""Pixels of an image, which a small file can claim any number of."""
MAX_QUESTION = 1_000
"""Characters of a question."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Of Pillow's formats those that cameras and screens make; some of the others run programs."""

VISION, OCR = "vision", "ocr"
"""How an image is read: by a model that sees, or by OCR."""

_WHERE = "the image"


def read_image(content: bytes) -> ImageSource:
    """An image file, decoded once; what it is, its content says. Raises DataError in one line."""
    if len(content) > MAX_BYTES:
        raise DataError(
            f"has {len(content):,} bytes; this page takes {MAX_BYTES:,}", where=_WHERE, fix="Send a smaller one"
        )
    try:
        opened = Image.open(io.BytesIO(content), formats=FORMATS)
    except Exception as exc:  # Pillow's openers have no common class below Exception
        fix = "Send a PNG, JPEG, WebP, GIF, BMP or TIFF file"
        raise DataError("is no image that can be read", where=_WHERE, fix=fix) from exc
    width, height = opened.size
    if width * height > MAX_PIXELS:
        line = f"has {width:,} x {height:,} pixels; this page takes {MAX_PIXELS:,} in all"
        raise DataError(line, where=_WHERE, fix="Send a smaller one")
    return ImageSource(ImageSource(opened, _WHERE).load(), _WHERE)


def read_upload(upload: Mapping[str, Any] | None) -> ImageSource:
    """The image of the page, which Gradio has found among what was uploaded. Raises DataError in one line."""
    if not upload or not upload.get("path"):
        raise DataError("no image was chosen", fix="Upload or paste one, or choose an example")
    file = Path(upload["path"])
    try:
        with file.open("rb") as stream:
            return read_image(stream.read(MAX_BYTES + 1))
    except FileNotFoundError:
        raise DataError("the image is no longer here", fix="Send it again") from None


def read_base64(image: object) -> ImageSource:
    """An image as an endpoint takes it: base64, with or without `data:...;base64,`. Raises DataError in one line."""
    if not isinstance(image, str) or not image:
        raise DataError("the image is sent as a string, the bytes of its file in base64")
    if len(image) > MAX_BYTES * 1.4:  # before it is decoded; base64 takes 4 letters for 3 bytes, and may have lines
        raise DataError(f"has more than {MAX_BYTES:,} bytes", where=_WHERE, fix="Send a smaller one")
    letters = re.sub(r"\s", "", image.partition(",")[2] if image.startswith("data:") else image)
    try:
        content = base64.b64decode(letters, validate=True)
    except binascii.Error as exc:
        raise DataError(f"is no base64 ({exc})", where=_WHERE, fix="Send the bytes of its file in base64") from exc
    return read_image(content)


def check_question(question: object) -> str:
    """The question. Raises DataError in one line."""
    if not isinstance(question, str):
        raise DataError("the question is sent as a string")
    if not question.strip():
        raise DataError("the question is empty", fix="Write one, or choose an example")
    if len(question) > MAX_QUESTION:
        raise DataError(f"the question has {len(question):,} characters; this page takes {MAX_QUESTION:,}")
    if re.search("[\ud800-\udfff]", question):
        raise DataError("the question holds half a surrogate pair, which is no character")
    return question.strip()


def check_way(way: object, *, can_see: bool) -> str:
    """How the image is to be read; "" is by a model that sees, where there is one. Raises DataError in one line."""
    if not way:
        return VISION if can_see else OCR
    if way not in (VISION, OCR):
        raise DataError(f"an image is not read by {str(way)[:80]!r}", given=str(way)[:80], known=(VISION, OCR))
    return str(way)
