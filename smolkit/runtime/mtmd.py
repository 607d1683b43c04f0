"""The eyes of a SmolVLM in llama.cpp: a mmproj file in libmtmd, which makes features of tiles.

Tiles come cut as `ImageLayout` says, and none is resampled again. A mmproj file belongs to the language models of its
own name, `mmproj-<name>-<quant>.gguf` to `<name>-<quant>.gguf`, as llama.cpp's own converter calls them.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from smolkit.data.images import ImageLayout
from smolkit.errors import ModelError, RuntimeUnavailable
from smolkit.models.gguf_header import MMPROJ, is_mmproj, read_header
from smolkit.runtime.llama_log import quiet_mtmd, take_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROJECTOR = "idefics3"
"""llama.cpp's name for what SmolVLM and SmolVLM2 make of a tower's patches."""
WHOLE_IMAGE_KEY = "smolkit.whole_image_edge"
"""In a mmproj file: the longer side that an image gets before it becomes one tile. Not there where images are cut."""

_NAME = re.compile(r"(?:mmproj-)?(.*?)(?:[-.](i?q\d\w*|b?f16|f32))?(?:-\d{5}-of-\d{5})?", re.IGNORECASE)


def mmproj_name(name: str, quant: str) -> str:
    """What the mmproj file of a model is called."""
    return f"{MMPROJ}-{name}-{quant}.gguf"


def find_mmproj(file: Path) -> Path | None:
    """The mmproj file beside a language model's: of its own type, else in float16, else the smallest."""
    name, quant = _name_and_quant(file)

    def order(other: Path) -> tuple[bool, bool, int]:
        its = _name_and_quant(other)[1]
        return its != quant, its != "f16", other.stat().st_size

    beside = [other for other in file.parent.glob("*.gguf") if is_mmproj(other) and _name_and_quant(other)[0] == name]
    return min(beside, key=order, default=None)


def _name_and_quant(file: Path) -> tuple[str, str]:
    """What the model of a file is called and how the file stores it, in lower case."""
    found = _NAME.fullmatch(file.stem)
    assert found is not None  # everything in it may be empty
    return found[1].lower(), (found[2] or "").lower()


def read_layout(mmproj: Path) -> ImageLayout | None:
    """How images are cut for a mmproj file, by its header; None for one that is not of a SmolVLM."""
    fields = read_header(mmproj).fields
    if fields.get("clip.projector_type") != PROJECTOR:
        return None
    try:
        tile, patch = fields["clip.vision.image_size"], fields["clip.vision.patch_size"]
        whole = fields.get(WHOLE_IMAGE_KEY)
        return ImageLayout(
            tile=tile,
            tokens=(tile // patch // fields["clip.vision.projector.scale_factor"]) ** 2,
            longest_edge=whole or fields.get("clip.vision.preproc_image_size", tile),
            split=whole is None,
        )
    except KeyError as exc:
        raise ModelError(f"says nothing of {exc}", where=str(mmproj), fix="Convert the model again") from exc


class Tower:
    """A mmproj file, opened for one language model (llama.cpp's pointer), whose width its features have.

    `exact` keeps attention in float32. Raises ModelError where the file cannot be opened or does not fit the model.
    """

    def __init__(self, file: Path, model: Any, layout: ImageLayout, *, threads: int, exact: bool = False):
        import llama_cpp

        self.api, self.layout = quiet_mtmd(), layout
        self.width = int(llama_cpp.llama_model_n_embd(model))
        # With as many tokens as one tile has, libmtmd makes a square of that size one tile as it is.
        options = {"n_threads": threads, "image_max_tokens": layout.tokens}
        self.context = open_context(file, model, **options, **({"flash_attn_type": 0} if exact else {}))

    def features(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features [tiles, tokens, width] of tiles [tiles, 3, side, side]."""
        found = np.empty((len(tiles), self.layout.tokens, self.width), np.float32)
        for row, tile in enumerate(tiles):
            with tokenized(self.context, tile) as chunks:
                # A slice, and an overview that is the same.
                found[row] = encoded(self.context, next(filter(is_image, chunks)), self.width)
        return found

    def close(self) -> None:
        if self.context is not None:
            self.api.mtmd_free(self.context)
            self.context = None


def open_context(file: Path, model: Any, **options: Any) -> Any:
    """libmtmd's context of a mmproj file; `options` are fields of mtmd_context_params."""
    api = quiet_mtmd()
    params = api.mtmd_context_params_default()
    params.warmup = params.print_timings = False
    for name, value in options.items():
        setattr(params, name, value)
    context = api.mtmd_init_from_file(str(file).encode(), model, params)
    if not context:
        what = f"llama.cpp cannot open this file for its model ({take_errors() or 'no reason given'})"
        raise ModelError(what, where=str(file))
    return context


@contextmanager
def tokenized(context: Any, pixels: NDArray[np.uint8]) -> Iterator[list[Any]]:
    """libmtmd's chunks of an image [3, height, width], text and features in turn."""
    api = quiet_mtmd()
    rows = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    bitmap = api.mtmd_bitmap_init(rows.shape[1], rows.shape[0], rows.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8)))
    chunks = api.mtmd_input_chunks_init()
    marker = api.mtmd_default_marker()
    text = api.mtmd_input_text(text=marker, text_len=len(marker), add_special=False, parse_special=True)
    try:
        if api.mtmd_tokenize(context, chunks, ctypes.byref(text), (ctypes.c_void_p * 1)(bitmap), 1) != 0:
            raise RuntimeUnavailable(f"llama.cpp could not cut an image ({take_errors() or 'no reason given'})")
        yield [api.mtmd_input_chunks_get(chunks, at) for at in range(api.mtmd_input_chunks_size(chunks))]
    finally:
        api.mtmd_input_chunks_free(chunks)
        api.mtmd_bitmap_free(bitmap)


def is_image(chunk: Any) -> bool:
    """Whether a chunk is of features, and not of text."""
    api = quiet_mtmd()
    return bool(api.mtmd_input_chunk_get_type(chunk) == api.MTMD_INPUT_CHUNK_TYPE_IMAGE)


def text_ids(chunk: Any) -> list[int]:
    """The tokens of a chunk of text."""
    count = ctypes.c_size_t()
    pointer = quiet_mtmd().mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
    return list(pointer[: count.value])


def encoded(context: Any, chunk: Any, width: int) -> NDArray[np.float32]:
    """The features [tokens, width] of a chunk of an image."""
    api = quiet_mtmd()
    if api.mtmd_encode_chunk(context, chunk) != 0:
        raise RuntimeUnavailable(f"llama.cpp could not read an image ({take_errors() or 'no reason given'})")
    shape = (api.mtmd_input_chunk_get_n_tokens(chunk), width)
    return np.ctypeslib.as_array(api.mtmd_get_output_embd(context), shape).copy()


class Entry(NamedTuple):
    """One place of a sequence that llama.cpp is to read: a token, or a feature in place of one."""

    sequence: int
    position: int
    read: int | NDArray[np.float32]
    wanted: bool
    """Whether its logits are."""


def fill(batch: Any, entries: Sequence[Entry]) -> None:
    """Write entries, all tokens or all features, into a batch that was made for the one or the other."""
    batch.n_tokens = len(entries)
    for at, (sequence, position, read, wanted) in enumerate(entries):
        if isinstance(read, int):
            batch.token[at] = read
        batch.pos[at], batch.logits[at] = position, wanted
        batch.n_seq_id[at] = 1
        batch.seq_id[at][0] = sequence
    if not isinstance(entries[0].read, int):
        rows = np.stack([np.asarray(entry.read, np.float32) for entry in entries])
        np.ctypeslib.as_array(batch.embd, rows.shape)[:] = rows


def with_features(ids: Sequence[int], image_token: int, features: NDArray[np.float32]) -> list[Any]:
    """Ids with a feature, of [..., width], in place of each image token, in their order.

    Raises ModelError where there are not as many features as image tokens.
    """
    rows = features.reshape(-1, features.shape[-1])
    count = sum(token == image_token for token in ids)
    if count != len(rows):
        raise ModelError(f"{count} image tokens, and {len(rows)} features to stand there")
    following = iter(rows)
    return [next(following) if token == image_token else token for token in ids]
