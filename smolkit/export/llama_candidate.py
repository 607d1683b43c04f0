"""A GGUF file in llama.cpp as the gate's candidate: logits of all positions, and of cached decoding; with a mmproj file
beside it also what it sees.

The key-value cache is float32, so that what the gate sees is the file and not how a runtime rounds its cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from smolkit.data.images import IMAGE, ImageLayout
from smolkit.errors import ModelError, RuntimeUnavailable
from smolkit.registry import require
from smolkit.runtime.llama_log import quiet, take_errors
from smolkit.runtime.mtmd import Entry, Tower, fill

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LlamaCandidate:
    """`tokens` is the length of the longest sequence to come. Raises ModelError when llama.cpp cannot load the file."""

    def __init__(self, file: Path, *, tokens: int, threads: int):
        self.api = require("llama_cpp", extra="gguf", why="checking a GGUF file")
        quiet()
        try:
            self.llama = self.api.Llama(
                model_path=str(file), n_ctx=tokens, n_batch=tokens, n_threads=threads, n_threads_batch=threads,
                logits_all=True, type_k=self.api.GGML_TYPE_F32, type_v=self.api.GGML_TYPE_F32, verbose=False,
            )  # fmt: skip
        except (ValueError, RuntimeError) as exc:
            raise ModelError(f"llama.cpp cannot load this file ({take_errors() or exc})", where=file.name) from exc
        self.vocab = self.api.llama_model_get_vocab(self.llama.model)

    def encode(self, text: str, *, special: bool) -> list[int]:
        return list(self.llama.tokenize(text.encode(), add_bos=False, special=special))

    def ends(self, token: int) -> bool:
        return bool(self.api.llama_vocab_is_eog(self.vocab, token))

    def prefill(self, ids: Sequence[int]) -> NDArray[np.float32]:
        self._restart(ids, keep=0)
        return self._logits(0, len(ids))

    def decode(self, prompt: Sequence[int], continuation: Sequence[int]) -> NDArray[np.float32]:
        # The last token of the prompt is decoded alone too: its logits predict the first of the continuation.
        self._restart(prompt[:-1], keep=self._cached(prompt[:-1]))
        for token in [*prompt[-1:], *continuation[:-1]]:
            self.llama.eval([token])
        return self._logits(len(prompt) - 1, len(prompt) + len(continuation) - 1)

    def close(self) -> None:
        self.llama.close()

    def _cached(self, ids: Sequence[int]) -> int:
        """How many of `ids` are at the beginning of the cache: all or none."""
        return len(ids) if self.llama.input_ids[: self.llama.n_tokens][: len(ids)].tolist() == list(ids) else 0

    def _restart(self, ids: Sequence[int], *, keep: int) -> None:
        """Make `ids` the content of the cache, of which the first `keep` are in it already."""
        self.llama.n_tokens = keep  # eval drops what comes after it from the cache
        if rest := ids[keep:]:
            self._eval(rest)

    def _eval(self, ids: Sequence[int]) -> None:
        self.llama.eval(ids)

    def _logits(self, start: int, end: int) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self.llama.scores[start:end].copy()
        return logits


class LlamaVisionCandidate(LlamaCandidate):
    """The same with the features of an image in place of image tokens, as libmtmd makes them of its tiles."""

    def __init__(self, file: Path, mmproj: Path, images: ImageLayout, *, tokens: int, threads: int):
        super().__init__(file, tokens=tokens, threads=threads)
        try:
            self.tower = Tower(mmproj, self.llama.model, images, threads=threads, exact=True)
        except ModelError:
            self.llama.close()
            raise
        (self.image_token,) = self.encode(IMAGE, special=True)
        self.seen: NDArray[np.float32] = np.empty((0, self.tower.width), np.float32)
        self.batch = self.api.llama_batch_init(tokens, self.tower.width, 1)

    def look(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        features = self.tower.features(tiles)
        self.seen = features.reshape(-1, self.tower.width)
        self.llama.n_tokens = 0  # what the cache holds saw another image
        return features

    def close(self) -> None:
        self.api.llama_batch_free(self.batch)
        self.tower.close()
        super().close()

    def _eval(self, ids: Sequence[int]) -> None:
        for is_image, run in groupby(ids, key=lambda token: token == self.image_token):
            if is_image:
                self._eval_features(len(list(run)))
            else:
                self.llama.eval(list(run))

    def _eval_features(self, count: int) -> None:
        """Read the next features, of which as many are in the cache as there are image tokens."""
        llama, start = self.llama, self.llama.n_tokens
        first = int((llama.input_ids[:start] == self.image_token).sum())
        entries = [Entry(0, start + at, self.seen[first + at], True) for at in range(count)]
        fill(self.batch, entries)
        self.api.llama_memory_seq_rm(self.api.llama_get_memory(llama.ctx), -1, start, -1)
        if self.api.llama_decode(llama.ctx, self.batch) != 0:
            raise RuntimeUnavailable(
                f"llama.cpp could not read {count} features ({take_errors() or 'no reason given'})"
            )
        logits = np.ctypeslib.as_array(self.api.llama_get_logits(llama.ctx), (count, llama.scores.shape[1]))
        llama.input_ids[start : start + count] = self.image_token
        llama.scores[start : start + count] = logits
        llama.n_tokens += count
