"""What the vision app takes, and what it refuses in one line."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL", reason="reads images: pip install 'smolkit[vision]'")

from PIL import Image

from smolkit.apps.vision import inputs
from smolkit.apps.vision.inputs import MAX_BYTES, check_question, check_way, read_base64, read_image, read_upload
from smolkit.errors import DataError


def file_of(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


PNG = file_of(Image.new("RGB", (30, 20), "teal"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_an_image_is_known_by_its_content(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "upload.txt"
    file.write_bytes(file_of(Image.new("RGB", (30, 20), "teal"), kind))
    assert read_upload({"path": str(file), "orig_name": "a.exe"}).size == (30, 20)


def test_a_photo_lies_as_its_camera_was_held() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_image(file_of(Image.new("RGB", (30, 20)), "JPEG", exif=exif)).size == (20, 30)


def test_base64_is_taken_with_and_without_its_heading_and_in_lines() -> None:
    plain = base64.b64encode(PNG).decode()
    for image in (plain, f"data:image/png;base64,{plain}", base64.encodebytes(PNG).decode()):
        assert read_base64(image).load().getpixel((3, 3)) == (0, 128, 128)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "the image: is no image that can be read. Send a PNG, JPEG, WebP, GIF, BMP or TIFF file."),
        (b"GIF89a", "the image: is no image that can be read. Send a PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "the image: is no image that can be read. Send a PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "the image: is no image that can be"),
        (PNG[:50], "the image: this image is broken ("),
        (PNG + b" " * MAX_BYTES, f"the image: has {len(PNG) + MAX_BYTES:,} bytes; this page takes 10,485,760. Send"),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(content: bytes, line: str) -> None:
    with pytest.raises(DataError) as caught:
        read_image(content)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_an_image_of_too_many_pixels_is_refused_before_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_PIXELS", 599)
    with pytest.raises(DataError, match=r"the image: has 30 x 20 pixels; this page takes 599 in all\. Send a smaller"):
        read_image(PNG)


@pytest.mark.parametrize(
    ("image", "line"),
    [
        (None, "the image is sent as a string, the bytes of its file in base64."),
        ("", "the image is sent as a string"),
        ({"path": "/etc/passwd"}, "the image is sent as a string"),
        ("/etc/passwd", "the image: is no base64 ("),
        ("https://example.com/a.png", "the image: is no base64 ("),
        ("a" * (2 * MAX_BYTES), "the image: has more than 10,485,760 bytes. Send a smaller one."),
    ],
)
def test_what_is_no_base64_is_refused_in_one_line(image: object, line: str) -> None:
    with pytest.raises(DataError) as caught:
        read_base64(image)
    assert str(caught.value).startswith(line)


def test_a_page_without_an_image_or_with_one_that_was_deleted_says_so(tmp_path: Path) -> None:
    for upload in (None, {}, {"path": None, "url": "data:image/png;base64,"}):
        with pytest.raises(DataError, match=r"no image was chosen\. Upload or paste one, or choose an example"):
            read_upload(upload)
    with pytest.raises(DataError, match=r"the image is no longer here\. Send it again"):
        read_upload({"path": str(tmp_path / "gone.png")})


@pytest.mark.parametrize(
    ("question", "line"),
    [
        (" \n", "the question is empty. Write one, or choose an example."),
        (5, "the question is sent as a string."),
        ("y" * 1_001, "the question has 1,001 characters; this page takes 1,000."),
        ("a\ud800b", "the question holds half a surrogate pair, which is no character."),
    ],
)
def test_a_question_that_is_none_is_refused_in_one_line(question: object, line: str) -> None:
    with pytest.raises(DataError) as caught:
        check_question(question)
    assert str(caught.value) == line


def test_an_image_is_read_by_a_model_that_sees_where_there_is_one() -> None:
    assert [check_way("", can_see=can_see) for can_see in (True, False)] == ["vision", "ocr"]
    assert check_way("ocr", can_see=True) == "ocr"
    with pytest.raises(DataError, match=r"an image is not read by 'orc'\. Did you mean 'ocr'\?"):
        check_way("orc", can_see=True)
