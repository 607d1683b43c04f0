"""Words drawn into an image come back as text, in reading order, with their spaces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smolkit.data.images import ImageSource
from smolkit.errors import DataError
from smolkit.runtime.ocr import LONGEST, PIXELS, Reader, SpacedText, canvas, plain, read_text

Image = pytest.importorskip("PIL.Image", reason="pip install 'smolkit[vision]'")
ImageDraw = pytest.importorskip("PIL.ImageDraw")
ImageFont = pytest.importorskip("PIL.ImageFont")
pytest.importorskip("rapidocr_onnxruntime", reason="pip install 'smolkit[vision]'")

LINES = [
    ("Riverside Stationers Ltd", ""),
    ("12 Mill Lane, Oakham", ""),
    ("Pencils", "1.50"),
    ("Paper A4", "12.00"),
    ("Total", "13.50"),
]
TEXT = "\n".join(f"{left}  {right}" if right else left for left, right in LINES)


@pytest.fixture(scope="module")
def receipt(draw_receipt):
    return draw_receipt(LINES)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "RGBA"])
def test_a_receipt_is_read_line_by_line_whatever_its_colours(reader: Reader, receipt, mode: str) -> None:
    assert reader.text(receipt.convert(mode)) == TEXT


@pytest.mark.parametrize("degrees", [1, -1])
def test_a_scan_that_lies_askew_reads_the_same(reader: Reader, receipt, degrees: int) -> None:
    askew = receipt.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    assert reader.text(askew) == TEXT


def test_a_large_image_is_reduced_and_still_read(reader: Reader, receipt) -> None:
    large = receipt.resize((560 * 5, 320 * 5))
    assert large.width * large.height > PIXELS
    assert reader.text(large) == TEXT


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (2000, 2), (2, 2000)])
def test_an_image_too_small_for_letters_has_no_text(reader: Reader, size: tuple[int, int]) -> None:
    assert reader.text(Image.new("L", size, 255)) == ""


@pytest.mark.parametrize("size", [(1000, 800), (3000, 4000), (400, 9000), (9000, 90), (50_000, 1), (1, 1)])
def test_a_canvas_of_any_image_is_neither_large_nor_a_strip(size: tuple[int, int]) -> None:
    height, width, colours = canvas(Image.new("RGB", size)).shape
    assert height * width <= 1.01 * PIXELS
    assert max(height, width) <= (LONGEST + 1) * min(height, width)
    assert colours == 3


def test_a_single_line_is_read_and_its_canvas_has_its_colour(reader: Reader) -> None:
    line = Image.new("RGB", (640, 40), "navy")
    ImageDraw.Draw(line).text((10, 4), "Paper A4 Total 13.50", "white", ImageFont.load_default(26))
    assert reader.text(line) == "Paper A4 Total 13.50"
    assert canvas(line)[-1, -1].tolist() == [0, 0, 128]


def test_a_broken_image_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name, reason in (("cut.png", "no image that can be read"), ("none.png", "no such image")):
        with pytest.raises(DataError, match=f"{name}: .*{reason}") as caught:
            read_text(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_file_is_read_quietly(receipt, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    receipt.save(tmp_path / "receipt.png")
    assert read_text(tmp_path / "receipt.png", threads=1) == TEXT
    source = ImageSource((tmp_path / "receipt.png").read_bytes(), "rows.jsonl:1:image")
    assert read_text(source, threads=1) == TEXT
    assert capfd.readouterr() == ("", "")


def test_a_space_comes_back_that_was_likely_but_never_first() -> None:
    steps = np.zeros((6, 4), np.float32)  # blank, a, b, space
    steps[np.arange(6), [1, 1, 0, 0, 2, 2]] = 0.9
    decoder = SpacedText(["blank", "a", "b", " "])
    assert decoder([steps]) == [("ab", pytest.approx(0.9))]
    steps[3, 3] = 0.02
    assert decoder([steps])[0][0] == "a b"


def test_marks_of_full_width_are_plain_ones_outside_chinese() -> None:
    assert plain("（GST）  No： 1") == "(GST) No: 1"
    assert plain("谢谢！") == "谢谢！"
