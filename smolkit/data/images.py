"""Images as a SmolVLM reads them: opened, cut into square tiles, and written as the tokens that stand for them.

An image is enlarged or reduced until its longer side is `longest_edge`, brought to whole tiles, and cut; a small one of
all of it comes last (SmolVLM, arXiv:2504.05299, section 2). Everything here is Pillow and numpy, so that it can run in
threads beside training; tiles stay bytes until a model reads them.
"""

from __future__ import annotations

import io
import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.errors import DataError, ModelError
from smolkit.registry import require

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

IMAGE = "<image>"
"""The token that a feature of an image takes the place of; in a chat template, the place of a whole image."""
AROUND = "<fake_token_around_image>"
OVERVIEW = "<global-img>"
LARGEST_GRID = 6
"""Rows and columns that have tokens of their own, `<row_1_col_1>` to `<row_6_col_6>`."""
MARKERS = (
    OVERVIEW,
    *(f"<row_{row}_col_{column}>" for row in range(1, LARGEST_GRID + 1) for column in range(1, LARGEST_GRID + 1)),
    AROUND,
    IMAGE,
)
"""What SmolVLM adds to SmolLM2's vocabulary, in the order of its ids."""

_PIXELS = 178_000_000
"""More are refused: a few bytes of a file can claim any number of them."""
warnings.filterwarnings("ignore", message="Image size .* could be decompression bomb")  # Pillow's, from half of that on
_LARGEST_SIDE = 4096
_SETTINGS = "preprocessor_config.json"
_PROCESSOR = "processor_config.json"


@dataclass(frozen=True, kw_only=True)
class ImageLayout:
    """How one model cuts images; sizes in pixels. Where nothing is split, an image is one tile."""

    tile: int
    """The sides of a tile, which is what the vision tower reads."""
    tokens: int
    """Tokens that a tile becomes: patches over the square of the connector's scale."""
    longest_edge: int
    """To what the longer side is brought before it is split."""
    split: bool

    def __post_init__(self) -> None:
        if not 0 < self.tile <= self.longest_edge:
            raise ModelError(
                f"images of {self.longest_edge} pixels cannot be cut into tiles of {self.tile}",
                fix=f"{self.tile} is the smallest for this model",
            )
        if self.split and self.longest_edge > LARGEST_GRID * self.tile:
            most = LARGEST_GRID * self.tile
            raise ModelError(
                f"a longest edge of {self.longest_edge} makes more than {LARGEST_GRID} tiles of {self.tile} in a row",
                fix=f"{most} is the largest for this model",
            )

    @classmethod
    def read(cls, directory: Path) -> ImageLayout:
        """What the processor's files of a model say. Raises ModelError where they are missing or do not fit it."""
        settings, processor = _json(directory / _SETTINGS), _json(directory / _PROCESSOR)
        settings = settings or processor.get("image_processor", {})
        try:
            config = _json(directory / "config.json")
            vision, scale = config["vision_config"], int(config["scale_factor"])
            tile = int(settings["max_image_size"]["longest_edge"])
            _check_token(directory, config.get("image_token_id"))
            patches = tile // int(vision["patch_size"])
            return cls(
                tile=tile,
                tokens=(patches // scale) ** 2,
                longest_edge=int(settings["size"]["longest_edge"]),
                split=bool(settings.get("do_image_splitting", True)),
            )
        except (KeyError, TypeError, ValueError) as exc:
            raise ModelError(
                f"says nothing of how images are cut ({exc})",
                where=str(directory / _SETTINGS),
                fix="Copy preprocessor_config.json and processor_config.json from the model that this one was made of",
            ) from exc

    def write(self, directory: Path) -> None:
        """The processor's files, as transformers and transformers.js read them."""
        (directory / _SETTINGS).write_text(json.dumps(self.settings, indent=2) + "\n", encoding="utf-8")
        processor = {"processor_class": "SmolVLMProcessor", "image_seq_len": self.tokens}
        (directory / _PROCESSOR).write_text(json.dumps(processor, indent=2) + "\n", encoding="utf-8")

    @property
    def settings(self) -> dict[str, Any]:
        """preprocessor_config.json"""
        return {
            "do_convert_rgb": True,
            "do_image_splitting": self.split,
            "do_normalize": True,
            "do_pad": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_processor_type": "SmolVLMImageProcessor",
            "image_std": [0.5, 0.5, 0.5],
            "max_image_size": {"longest_edge": self.tile},
            "processor_class": "SmolVLMProcessor",
            "resample": 1,
            "rescale_factor": 1 / 255,
            "size": {"longest_edge": self.longest_edge},
            "video_sampling": {"fps": 1, "max_frames": 64, "video_size": {"longest_edge": self.tile}},
        }

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Rows and columns of tiles of an image of these sides; (0, 0) where it becomes one tile."""
        if not self.split:
            return 0, 0
        width, height = self._whole_tiles(*self._first_size(width, height))
        rows, columns = height // self.tile, width // self.tile
        return (rows, columns) if rows * columns > 1 else (0, 0)

    def count(self, width: int, height: int) -> int:
        """Tiles of an image of these sides, the overview among them."""
        rows, columns = self.grid(width, height)
        return rows * columns + 1

    def text(self, grid: tuple[int, int]) -> str:
        """What stands for an image of that grid in a prompt; `IMAGE` once for each feature."""
        features, (rows, columns) = IMAGE * self.tokens, grid
        whole = f"{AROUND}{OVERVIEW}{features}{AROUND}"
        if not rows:
            return whole
        lines = (
            "".join(f"{AROUND}<row_{row}_col_{column}>{features}" for column in range(1, columns + 1)) + "\n"
            for row in range(1, rows + 1)
        )
        return "".join(lines) + f"\n{whole}"

    def tiles(self, image: Image.Image) -> NDArray[np.uint8]:
        """The tiles row by row and the overview, uint8 [tiles, 3, tile, tile]."""
        first = image.resize(self._first_size(*image.size), _lanczos())
        if not self.split:
            return _bytes([first.resize((self.tile, self.tile), _lanczos())])
        rows, columns = self.grid(*image.size)
        whole = first.resize(self._whole_tiles(*first.size), _lanczos())
        if not rows:
            return _bytes([whole])
        size = self.tile
        boxes = [(x * size, y * size, (x + 1) * size, (y + 1) * size) for y in range(rows) for x in range(columns)]
        return _bytes([*(whole.crop(box) for box in boxes), whole.resize((size, size), _lanczos())])

    def _first_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height once the longer side is `longest_edge`; the shorter is made even, as SmolVLM does."""
        ratio, longest = width / height, self.longest_edge
        if width >= height:
            width, height = longest, _even(int(longest / ratio))
        else:
            width, height = _even(int(longest * ratio)), longest
        return min(max(width, 1), _LARGEST_SIDE), min(max(height, 1), _LARGEST_SIDE)

    def _whole_tiles(self, width: int, height: int) -> tuple[int, int]:
        ratio = width / height
        if width >= height:
            width = _up(width, self.tile)
            return width, _up(int(width / ratio), self.tile)
        height = _up(height, self.tile)
        return _up(int(height * ratio), self.tile), height


@dataclass(frozen=True)
class ImageSource:
    """An image of a row: a file, or the bytes or the image that a data set holds. `where` names it in messages."""

    content: Path | bytes | Image.Image
    where: str

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height, read from the header. Raises DataError where it is no image."""
        opened = self._open()
        return opened.size[::-1] if self._orientation(opened) >= 5 else opened.size  # from 5 on, sides change places

    def load(self) -> Image.Image:
        """The pixels, RGB, turned as its camera says. Raises DataError where they cannot all be read."""
        from PIL import ImageOps

        opened = self._open()
        self._orientation(opened)
        try:
            loaded = _rgb(ImageOps.exif_transpose(opened))
        except Exception as exc:  # Pillow's decoders have no common class below Exception
            raise DataError(f"this image is broken ({_reason(exc)})", where=self.where) from exc
        return loaded

    def _orientation(self, opened: Image.Image) -> int:
        """How the camera was turned, 1 to 8, as far as the header says: to look behind them, a PNG decodes all pixels.

        An image remembers the answer, so that `size` and `load` agree.
        """
        from PIL import Image

        try:
            return int(Image.Image.getexif(opened).get(0x0112, 1))
        except Exception as exc:  # as in `load`
            raise DataError(f"this image is broken ({_reason(exc)})", where=self.where) from exc

    def _open(self) -> Image.Image:
        image = require("PIL.Image", extra="vision", why="reading images")
        content = self.content
        if isinstance(content, image.Image):
            return content
        try:
            opened: Image.Image = image.open(io.BytesIO(content) if isinstance(content, bytes) else content)
        except FileNotFoundError as exc:
            named = "" if str(exc.filename) == self.where.rpartition(": ")[2] else f": {exc.filename}"
            raise DataError(f"no such image{named}", where=self.where) from exc
        except Exception as exc:  # as above
            fix = "Save it as PNG or JPEG" if isinstance(exc, image.UnidentifiedImageError) else None
            raise DataError(f"is no image that can be read ({_reason(exc)})", where=self.where, fix=fix) from exc
        if opened.width * opened.height > _PIXELS:
            raise DataError(f"an image of {opened.width} x {opened.height} pixels is too large", where=self.where)
        return opened


def pixels(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Tiles as a vision tower reads them, of the same shape, in [-1, 1]."""
    found: NDArray[np.float32] = (tiles.astype(np.float32) * np.float32(1 / 255) - np.float32(0.5)) / np.float32(0.5)
    return found


def open_image(path: str | Path) -> Image.Image:
    """The pixels of an image file, RGB. Raises DataError in one line where there are none."""
    return ImageSource(Path(path), str(path)).load()


def _rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits a pixel; Pillow would make everything above 255 white
        image = Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    elif image.has_transparency_data:  # on white, as on a page: what is clear often hides black
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, (255, 255, 255, 255)), clear)
    return image.convert("RGB")


def _reason(exc: Exception) -> str:
    text = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
    return str(text).partition("\n")[0].split(" <_io")[0]


def _check_token(directory: Path, image_token_id: int | None) -> None:
    """Raise ModelError where tokenizer.json has another id for `IMAGE` than config.json, or none."""
    added = _json(directory / "tokenizer.json").get("added_tokens")
    if image_token_id is None or added is None:
        return
    found = next((token["id"] for token in added if token["content"] == IMAGE), None)
    if found != image_token_id:
        held = f"has no {IMAGE}" if found is None else f"has {IMAGE} as token {found}"
        raise ModelError(
            f"{held}, and config.json says {image_token_id}",
            where=str(directory / "tokenizer.json"),
            fix="Copy both files from the model that this one was made of",
        )


def _json(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ModelError("cannot be read as JSON", where=str(file)) from exc
    return content if isinstance(content, dict) else {}


def _bytes(images: list[Image.Image]) -> NDArray[np.uint8]:
    return np.stack([np.asarray(image, np.uint8).transpose(2, 0, 1) for image in images])


def _lanczos() -> Any:
    from PIL import Image

    return Image.Resampling.LANCZOS


def _even(side: int) -> int:
    return side + side % 2


def _up(side: int, tile: int) -> int:
    return math.ceil(side / tile) * tile
