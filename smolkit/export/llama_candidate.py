"""A GGUF file in llama.cpp as the gate's candidate: logits of all positions, and of cached decoding.

The key-value cache is float32, so that what the gate sees is the file and not how a runtime rounds its cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from smolkit.errors import ModelError
from smolkit.registry import require
from smolkit.runtime.llama_log import quiet, take_errors

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
            self.llama.eval(rest)

    def _logits(self, start: int, end: int) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self.llama.scores[start:end].copy()
        return logits
