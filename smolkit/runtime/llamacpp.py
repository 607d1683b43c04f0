"""Decoding with llama.cpp, through the low-level interface of llama-cpp-python.

The beginning that a prompt shares with the one before it stays in the key-value cache, up to the first image. Logits
are asked for at the last token of each sequence only.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.data.chat import ChatTemplate
from smolkit.data.images import IMAGE
from smolkit.errors import ModelError, RuntimeUnavailable, nearest
from smolkit.manifest import prove
from smolkit.models.gguf_header import is_mmproj
from smolkit.registry import require
from smolkit.runtime.llama_log import quiet
from smolkit.runtime.mtmd import Entry, Tower, fill, find_mmproj, read_layout, with_features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from smolkit.runtime.pictures import Picture

PROMPT_FORMAT_KEY = "smolkit.prompt_format"


class LlamaCppBackend:
    """One GGUF file in llama.cpp, with a mmproj file if it is to see.

    `context_length` is per sequence; all sequences share one cache of cells.
    """

    name = "llama.cpp"

    def __init__(
        self,
        file: Path,
        *,
        mmproj: Path | None = None,
        threads: int | None = None,
        context_length: int = 4096,
        max_batch: int = 8,
        cells: int = 16384,
    ):
        self.api: Any = require("llama_cpp", extra="gguf", why="running a GGUF file")
        quiet()
        self.computes = file.name
        self.model = self._load(file)
        self.vocab = self.api.llama_model_get_vocab(self.model)
        self.vocab_size = int(self.api.llama_vocab_n_tokens(self.vocab))
        self.context_length = min(context_length, int(self.api.llama_model_n_ctx_train(self.model)))
        self.max_batch = max_batch
        self.max_batch_tokens = max(cells, self.context_length)
        threads = threads or os.cpu_count() or 1
        self.context = self._make_context(file, threads, self.max_batch_tokens)
        self.memory = self.api.llama_get_memory(self.context)
        self.batch = self.api.llama_batch_init(self.batch_tokens, 0, 1)
        self.prompt_format = self._metadata(PROMPT_FORMAT_KEY)
        ends = (self.api.llama_vocab_eos(self.vocab), self.api.llama_vocab_eot(self.vocab))
        self.end_ids = frozenset(token for token in ends if token >= 0)
        self.ll_tokenizer = self._make_ll_tokenizer()
        self.images = read_layout(mmproj) if mmproj else None
        self.tower = Tower(mmproj, self.model, self.images, threads=threads) if mmproj and self.images else None
        if self.tower is not None:
            self.image_token = self._image_token(file)
            self.features_batch = self.api.llama_batch_init(self.batch_tokens, self.tower.width, 1)
        self._prefix: list[int] = []
        self._lengths: list[int] = []

    batch_tokens = 2048
    """Most tokens in one call of llama_decode."""

    @classmethod
    def open(cls, model: str | Path, *, dtype: str = "auto", threads: int | None = None) -> LlamaCppBackend:
        """Open a GGUF file, the bundled one, or the best file of an export directory (`gguf_file`).

        It sees with the mmproj file of its name beside it (`find_mmproj`), where there is one. Raises ManifestErrors
        for a file that is not as its manifest says.
        """
        if dtype != "auto":
            fix = "Leave the type out, or open the model that it was made from"
            raise ModelError(f"a GGUF file has its own types, and {dtype!r} was asked for", fix=fix)
        file = gguf_file(model)
        mmproj = find_mmproj(file)
        prove(file, *([mmproj] if mmproj else []))
        return cls(file, mmproj=mmproj, threads=threads)

    def encode(self, text: str, *, special: bool) -> list[int]:
        data = text.encode()
        buffer = (self.api.llama_token * (len(data) + 8))()
        count = self.api.llama_tokenize(self.vocab, data, len(data), buffer, len(buffer), False, special)
        return list(buffer[:count])

    def decode(self, ids: Sequence[int]) -> str:
        return b"".join(self._piece(token) for token in ids).decode("utf-8", errors="replace")

    def prefill(self, prompts: Sequence[list[int]], pictures: Sequence[Sequence[Picture]] = ()) -> NDArray[np.float32]:
        """Sequence 0 holds the shared beginning; sequence i + 1 is prompt i."""
        shared = _shared_beginning(prompts)
        if pictures and self.image_token in shared:
            shared = shared[: shared.index(self.image_token)]  # what they show may differ
        kept = _common(self._prefix, shared)
        for sequence in range(1, self.max_batch + 1):
            self.api.llama_memory_seq_rm(self.memory, sequence, -1, -1)
        self.api.llama_memory_seq_rm(self.memory, 0, kept, -1)
        self._prefix = shared[:kept]  # all that is there for certain, should Ctrl-C come before the end
        self._decode([Entry(0, at, shared[at], False) for at in range(kept, len(shared))])
        self._prefix = shared
        for sequence in range(1, len(prompts) + 1):
            self.api.llama_memory_seq_cp(self.memory, 0, sequence, -1, -1)
        self._lengths = [len(shared)] * len(prompts)
        own = [prompt[len(shared) :] for prompt in prompts]
        return self._append([self._seen(*one) for one in zip(own, pictures, strict=True)] if pictures else own)

    def append(self, tokens: Sequence[list[int]]) -> NDArray[np.float32]:
        return self._append(tokens)

    def _append(self, parts: Sequence[Sequence[Any]]) -> NDArray[np.float32]:
        """Continue every sequence by tokens, or by features in place of some."""
        entries = []
        for row, part in enumerate(parts):
            start = self._lengths[row]
            entries += [Entry(row + 1, start + at, read, at == len(part) - 1) for at, read in enumerate(part)]
            self._lengths[row] += len(part)
        logits = np.empty((len(parts), self.vocab_size), np.float32)
        for sequence, found in self._decode(entries):
            logits[sequence - 1] = found
        return logits

    def _seen(self, ids: list[int], pictures: Sequence[Picture]) -> Sequence[Any]:
        """The ids with the features of the pictures in place of image tokens."""
        assert self.tower is not None  # nothing else makes pictures for this backend
        if not pictures:
            return ids
        tiles = np.concatenate([picture.tiles for picture in pictures])
        return with_features(ids, self.image_token, self.tower.features(tiles))

    def chat_template(self) -> ChatTemplate | None:
        text = self._metadata("tokenizer.chat_template")
        ids = {"bos_token": self.api.llama_vocab_bos(self.vocab), "eos_token": self.api.llama_vocab_eos(self.vocab)}
        tokens = {name: self._piece(token).decode() if token >= 0 else None for name, token in ids.items()}
        return ChatTemplate(text, tokens) if text else None

    def close(self) -> None:
        if self.context is not None:
            if self.tower is not None:
                self.api.llama_batch_free(self.features_batch)
                self.tower.close()
            self.api.llama_batch_free(self.batch)
            self.api.llama_free(self.context)
            self.api.llama_model_free(self.model)
            self.context = self.model = None

    def _decode(self, entries: Sequence[Entry]) -> list[tuple[int, NDArray[np.float32]]]:
        """Run entries; (sequence, logits) of those that are wanted. A batch holds tokens or features, not both."""
        results = []
        for is_token, run in groupby(entries, key=lambda entry: isinstance(entry.read, int)):
            alike, batch = list(run), self.batch if is_token else self.features_batch
            for start in range(0, len(alike), self.batch_tokens):
                results += self._decode_batch(batch, alike[start : start + self.batch_tokens])
        return results

    def _decode_batch(self, batch: Any, part: Sequence[Entry]) -> list[tuple[int, NDArray[np.float32]]]:
        fill(batch, part)
        status = self.api.llama_decode(self.context, batch)
        if status != 0:
            raise RuntimeUnavailable(
                f"llama.cpp could not run a batch of {len(part)} tokens (status {status})",
                fix="The cache is full: take a shorter text or smaller windows",
            )
        pointers = [
            (entry.sequence, self.api.llama_get_logits_ith(self.context, at))
            for at, entry in enumerate(part)
            if entry.wanted
        ]
        return [(sequence, np.ctypeslib.as_array(found, (self.vocab_size,)).copy()) for sequence, found in pointers]

    def _load(self, file: Path) -> Any:
        params = self.api.llama_model_default_params()
        model = self.api.llama_model_load_from_file(str(file).encode(), params)
        if not model:
            raise ModelError("llama.cpp cannot load this file", where=str(file), fix="It is cut short, or no GGUF file")
        return model

    def _make_context(self, file: Path, threads: int, cells: int) -> Any:
        params = self.api.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = params.n_ubatch = self.batch_tokens
        params.n_seq_max = self.max_batch + 1
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True
        context = self.api.llama_init_from_model(self.model, params)
        if not context:
            raise ModelError("llama.cpp cannot make a context for this model", where=str(file))
        return context

    def _make_ll_tokenizer(self) -> Any:
        from llguidance.llamacpp import lltokenizer_from_vocab

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # llguidance asks by a name of before, once per token
            return lltokenizer_from_vocab(self.vocab, eos_token=sorted(self.end_ids))

    def _image_token(self, file: Path) -> int:
        """The token that features take the places of. Raises ModelError where the vocabulary has none."""
        found = self.encode(IMAGE, special=True)
        if len(found) != 1:
            raise ModelError(f"has no token {IMAGE!r}, and a mmproj file beside it", where=str(file))
        return found[0]

    def _metadata(self, key: str) -> str | None:
        buffer = ctypes.create_string_buffer(256)
        size = self.api.llama_model_meta_val_str(self.model, key.encode(), buffer, len(buffer))
        if size >= len(buffer):
            buffer = ctypes.create_string_buffer(size + 1)
            self.api.llama_model_meta_val_str(self.model, key.encode(), buffer, len(buffer))
        return buffer.value.decode() if size >= 0 else None

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(512)
        size = self.api.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, True)
        return buffer.raw[: max(size, 0)]


def gguf_file(model: str | Path) -> Path:
    """The GGUF file that a name means: a file, `bundled`, or the only one (else the smallest) of a directory."""
    from smolkit.models import BUNDLED, bundled_gguf

    if str(model) == BUNDLED:
        return bundled_gguf()
    path = Path(model).expanduser()
    if path.is_file():
        if is_mmproj(path):
            fix = "Name the GGUF file of the language model beside it: it finds what it sees with by itself"
            raise ModelError("is what a model sees with, and no model", where=str(model), fix=fix)
        return path
    if not path.is_dir():
        near = nearest(path.name, [entry.name for entry in path.parent.iterdir()]) if path.parent.is_dir() else None
        raise ModelError(
            "neither a GGUF file nor a directory, which llama.cpp needs",
            where=str(model),
            fix=f"Did you mean {path.parent / near}?" if near else None,
        )
    models = (file for file in path.glob("*.gguf") if not is_mmproj(file))
    files = sorted(models, key=lambda file: file.stat().st_size)
    if not files:
        raise ModelError(
            "no GGUF file of a language model here, which llama.cpp needs",
            where=str(model),
            fix=f"Write one: smolkit export {model} --target gguf --out {model}-gguf",
        )
    return files[0]


def _shared_beginning(prompts: Sequence[list[int]]) -> list[int]:
    first, last = min(prompts), max(prompts)
    longest = min(len(prompt) for prompt in prompts) - 1  # each needs a token of its own to yield logits
    return first[: min(_common(first, last), longest)]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the common beginning of two token sequences."""
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)
