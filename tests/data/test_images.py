"""Images: tiles and tokens as transformers makes them, every kind of file read, and no broken or too large one."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from smolkit.data.images import IMAGE, LARGEST_GRID, MARKERS, ImageLayout, ImageSource, open_image
from smolkit.errors import DataError, ModelError

SPLIT = ImageLayout(tile=32, tokens=4, longest_edge=100, split=True)
WHOLE = ImageLayout(tile=32, tokens=4, longest_edge=100, split=False)
SIZES = [(300, 200), (97, 431), (32, 32), (33, 32), (500, 500), (1000, 9), (1, 700), (1, 1), (64, 63), (20, 31)]
SMOLVLM_256M = ImageLayout(tile=512, tokens=64, longest_edge=2048, split=True)


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * 7919 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def theirs(layout: ImageLayout, image: Image.Image) -> Any:
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    names = ("size", "max_image_size", "do_image_splitting", "image_mean", "image_std", "resample")
    processor = SmolVLMImageProcessorPil(**{name: layout.settings[name] for name in names})
    return processor([[image]], return_row_col_info=True, return_tensors="np")


def saved(image: Image.Image, kind: str, **options: Any) -> ImageSource:
    held = io.BytesIO()
    image.save(held, kind, **options)
    return ImageSource(held.getvalue(), "f.jsonl:3:image")


# ---- tiles and tokens


@pytest.mark.parametrize("layout", [SPLIT, WHOLE], ids=["split", "whole"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_tiles_are_those_of_transformers(layout, size):
    image = noise(*size)
    expected = theirs(layout, image)
    assert layout.grid(*size) == (expected["rows"][0][0], expected["cols"][0][0])
    tiles = layout.tiles(image)
    assert len(tiles) == layout.count(*size)
    assert np.array_equal(tiles, np.round((expected["pixel_values"][0] * 0.5 + 0.5) * 255).astype(np.uint8))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 900), st.integers(1, 900), st.integers(16, 40), st.integers(0, 60))
def test_grids_are_those_of_transformers_for_any_size(width, height, tile, more):
    layout = ImageLayout(tile=tile, tokens=1, longest_edge=tile + more, split=True)
    expected = theirs(layout, Image.new("RGB", (width, height)))
    assert layout.grid(width, height) == (expected["rows"][0][0], expected["cols"][0][0])
    assert layout.count(width, height) == expected["pixel_values"].shape[1]


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_every_grid_has_names_for_its_tiles(width, height):
    rows, columns = SMOLVLM_256M.grid(width, height)
    assert max(rows, columns) <= LARGEST_GRID
    assert SMOLVLM_256M.text((rows, columns)).count(IMAGE) == SMOLVLM_256M.tokens * SMOLVLM_256M.count(width, height)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_tokens_of_an_image_are_those_of_the_processor(processor_of, seeing, size):
    ids = processor_of(SPLIT)(text=f"a{IMAGE}b", images=[noise(*size)])["input_ids"][0]
    assert seeing(f"a{SPLIT.text(SPLIT.grid(*size))}b")["input_ids"] == ids


def test_each_tile_has_a_marker_and_its_features():
    text = SPLIT.text((2, 3))
    places = [f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2, 3)]
    assert [marker for marker in MARKERS if marker.startswith("<row_") and marker in text] == places
    assert [text.count(marker) for marker in ("<fake_token_around_image>", "<global-img>", IMAGE)] == [8, 1, 28]


def test_a_layout_is_read_from_the_files_it_writes(tmp_path):
    config = {"vision_config": {"patch_size": 8}, "scale_factor": 2}
    (tmp_path / "config.json").write_text(json.dumps(config))
    for layout in (SPLIT, WHOLE):
        layout.write(tmp_path)
        assert ImageLayout.read(tmp_path) == layout
    (tmp_path / "preprocessor_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"preprocessor_config\.json: says nothing of how images are cut"):
        ImageLayout.read(tmp_path)


def test_a_tokenizer_with_another_image_token_is_refused(tmp_path):
    config = {"vision_config": {"patch_size": 8}, "scale_factor": 2, "image_token_id": 7}
    (tmp_path / "config.json").write_text(json.dumps(config))
    SPLIT.write(tmp_path)
    for held, fault in (
        ([{"id": 7, "content": IMAGE}], None),
        ([{"id": 8, "content": IMAGE}], "as token 8"),
        ([], "no"),
    ):
        (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": held}))
        if fault is None:
            assert ImageLayout.read(tmp_path) == SPLIT
            continue
        with pytest.raises(ModelError, match=rf"tokenizer\.json: has .*{fault}.*, and config\.json says 7\. Copy both"):
            ImageLayout.read(tmp_path)


def test_a_layout_without_names_for_its_tiles_is_refused():
    with pytest.raises(ModelError, match=r"more than 6 tiles of 32 in a row\. 192 is the largest"):
        ImageLayout(tile=32, tokens=4, longest_edge=193, split=True)
    with pytest.raises(ModelError, match="images of 16 pixels cannot be cut into tiles of 32"):
        ImageLayout(tile=32, tokens=4, longest_edge=16, split=True)


# ---- files


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_stands_as_its_camera_says(orientation):
    image = Image.new("RGB", (48, 32))
    image.paste((255, 255, 255), (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("PNG", "JPEG"):
        source = saved(image, kind, exif=exif)
        loaded = source.load()
        assert source.size == loaded.size == ((48, 32) if orientation < 5 else (32, 48))
        brightest = np.unravel_index(np.asarray(loaded)[..., 0].astype(int).argmax(), loaded.size[::-1])
        corner = tuple(int(at > side / 2) for at, side in zip(brightest, loaded.size[::-1], strict=True))
        assert (
            corner
            == {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[orientation]
        )


def test_a_turn_that_stands_behind_the_pixels_of_a_png_counts_for_neither_size_nor_pixels():
    exif = Image.Exif()
    exif[0x0112] = 6
    held = saved(noise(8, 4), "PNG").content
    assert isinstance(held, bytes)
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
    source = ImageSource(held[:-12] + chunk + held[-12:], "f")
    assert source.size == source.load().size == (8, 4)


def test_colours_of_every_kind_of_file_are_kept():
    image = Image.new("RGB", (6, 4), (200, 100, 50))
    with_alpha = image.copy()
    with_alpha.putalpha(255)
    for source in (saved(image, "PNG"), saved(with_alpha, "PNG"), saved(image.quantize(4), "PNG"), saved(image, "BMP")):
        assert source.load().mode == "RGB"
        assert source.load().getpixel((3, 2)) == (200, 100, 50)
    assert saved(Image.new("L", (6, 4), 77), "PNG").load().getpixel((0, 0)) == (77, 77, 77)
    assert saved(Image.new("1", (6, 4), 1), "PNG").load().getpixel((0, 0)) == (255, 255, 255)
    cmyk = np.asarray(saved(image.convert("CMYK"), "JPEG", quality=95).load().getpixel((3, 2)))
    assert np.abs(cmyk - (200, 100, 50)).max() < 10


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_an_image_of_16_bits_keeps_its_greys(kind):
    greys = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    loaded = np.asarray(saved(Image.fromarray(greys), kind).load())
    assert np.array_equal(loaded, np.repeat((greys >> 8)[..., None], 3, axis=2))


def test_an_image_in_memory_is_not_changed():
    image = Image.new("P", (6, 4), 3)
    source = ImageSource(image, "f")
    assert source.size == (6, 4)
    assert source.load().mode == "RGB"
    assert image.mode == "P"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("length", [0, 7, 20, 200, 900])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
def test_a_broken_image_is_one_line(kind, length):
    held = saved(noise(40, 30), kind).content
    assert isinstance(held, bytes)
    source = ImageSource(held[:length], "f.jsonl:3:image")
    with pytest.raises(
        DataError, match=r"^f\.jsonl:3:image: (is no image that can be read|this image is broken) \([^\n]+$"
    ):
        source.load()


def test_a_missing_image_is_named_once(tmp_path):
    path = tmp_path / "gone.png"
    with pytest.raises(DataError, match=r"gone\.png: no such image\.$"):
        open_image(path)
    with pytest.raises(DataError, match=r"^f\.jsonl:3:image: no such image: .*gone\.png\.$"):
        _ = ImageSource(path, "f.jsonl:3:image").size


def _claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says how large it is, and holds nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    body = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def test_a_large_image_is_read_without_a_word_of_pillow(tmp_path: Path):
    (tmp_path / "large.png").write_bytes(_claims(13_000, 13_000))
    code = "import sys; from smolkit.data.images import ImageSource; print(ImageSource(sys.argv[1], 'f').size)"
    run = subprocess.run([sys.executable, "-c", code, tmp_path / "large.png"], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("(13000, 13000)\n", "")


@pytest.mark.filterwarnings("ignore:Image size")
@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (178_000_001, 1)])
def test_a_file_that_claims_to_be_huge_is_refused_before_it_is_decoded(width, height):
    for read in (lambda source: source.size, ImageSource.load):
        with pytest.raises(DataError, match=r"^f: (an image of .* pixels is too large|is no image that can be read)"):
            read(ImageSource(_claims(width, height), "f"))


def test_a_folder_is_no_image(tmp_path: Path):
    with pytest.raises(DataError, match="is no image that can be read"):
        open_image(tmp_path)


def test_what_is_clear_is_white(tmp_path: Path) -> None:
    """Line art is often black on nothing, and nothing is stored as black."""
    drawn = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    drawn.putpixel((3, 4), (0, 0, 0, 255))
    drawn.save(tmp_path / "line.png")
    pixels = np.asarray(ImageSource(tmp_path / "line.png", "line.png").load())
    assert pixels[4, 3].tolist() == [0, 0, 0]
    assert pixels[0, 0].tolist() == [255, 255, 255]
