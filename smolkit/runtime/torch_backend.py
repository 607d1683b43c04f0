"""Decoding with torch: ragged batches over one key-value cache, the shared beginning of all prompts computed once.

Sequences of a batch take different numbers of tokens in a step, so a step is as wide as its longest part; what a
shorter one leaves open stays in the cache as a hole that the attention mask hides. Positions are given explicitly and
count only real tokens.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import DynamicCache

from smolkit.data.render import TokenizerEncoder
from smolkit.manifest import read_optional
from smolkit.models import cache_argument, load_model, load_tokenizer, resolve
from smolkit.models.device import pick_dtype

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_MIN_SHARED = 16
"""Shorter common beginnings are not worth a pass of their own."""


class TorchBackend:
    """A transformers causal language model, on the GPU where there is one."""

    name = "torch"

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        *,
        prompt_format: str | None = None,
        max_batch: int = 16,
    ):
        import llguidance.hf

        self.model = model
        self.tokenizer = tokenizer
        self.prompt_format = prompt_format
        self.max_batch = max_batch
        self.vocab_size = model.config.vocab_size
        self.context_length = model.config.max_position_embeddings
        self.end_ids = frozenset([*_as_list(model.generation_config.eos_token_id), tokenizer.eos_token_id])
        self.ll_tokenizer = llguidance.hf.from_tokenizer(tokenizer, n_vocab=self.vocab_size)
        self.encode = TokenizerEncoder(tokenizer)
        self._cache_argument = cache_argument(model.model)
        self._prefix: tuple[list[int], DynamicCache] | None = None
        self._cache: DynamicCache | None = None
        self._mask = torch.empty(0, 0, dtype=torch.long)
        self._positions = torch.empty(0, dtype=torch.long)

    @classmethod
    def open(cls, model: str | Path, *, dtype: str = "auto", threads: int | None = None) -> TorchBackend:
        """Load a model by any name that `smolkit.models.resolve` takes; its manifest names the prompt format."""
        if threads:
            torch.set_num_threads(threads)
        directory = resolve(model)
        manifest = read_optional(directory)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(
            load_model(directory, dtype=pick_dtype(dtype)).to(device),
            load_tokenizer(directory),
            prompt_format=manifest.prompt_format if manifest else None,
        )

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def forget(self) -> None:
        """Drop what was computed with weights that have changed since."""
        self._prefix = self._cache = None

    @torch.inference_mode()
    def prefill(self, prompts: Sequence[list[int]]) -> NDArray[np.float32]:
        shared = _common_prefix(prompts)
        if len(shared) >= _MIN_SHARED:
            self._cache = self._copies_of_prefix(shared, len(prompts))
        else:
            shared, self._cache = [], None
        self._mask = torch.ones(len(prompts), len(shared), dtype=torch.long)
        self._positions = torch.full((len(prompts),), len(shared))
        return self.append([prompt[len(shared) :] for prompt in prompts])

    @torch.inference_mode()
    def append(self, tokens: Sequence[list[int]]) -> NDArray[np.float32]:
        counts = torch.tensor([len(part) for part in tokens])
        width = int(counts.max())
        real = torch.arange(width)[None, :] < counts[:, None]
        ids = torch.zeros(len(tokens), width, dtype=torch.long)
        ids[real] = torch.tensor([token for part in tokens for token in part])
        positions = self._positions[:, None] + torch.arange(width)[None, :].clamp(
            max=(counts - 1).clamp(min=0)[:, None]
        )
        self._mask = torch.cat([self._mask, real.long()], dim=1)
        self._positions = self._positions + counts
        hidden = self._run(ids, positions, self._mask)
        last = hidden[torch.arange(len(tokens)), (counts - 1).clamp(min=0)]
        logits: torch.Tensor = self.model.lm_head(last)
        return logits.float().cpu().numpy()

    def close(self) -> None:
        self.forget()

    def _run(self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Hidden states [rows, width, hidden] of new tokens; extends the cache."""
        device = self.model.device
        if self._cache is None:
            self._cache = DynamicCache(config=self.model.config)
        result = self.model.model(
            input_ids=ids.to(device),
            position_ids=positions.to(device),
            attention_mask=mask.to(device) if not bool(mask.all()) else None,
            use_cache=True,
            **{self._cache_argument: self._cache},
        )
        return result.last_hidden_state

    def _copies_of_prefix(self, shared: list[int], rows: int) -> DynamicCache:
        if self._prefix is None or self._prefix[0] != shared:
            self._cache = None
            ids = torch.tensor([shared])
            self._run(ids, torch.arange(len(shared))[None, :], torch.ones_like(ids))
            assert self._cache is not None
            self._prefix = (shared, self._cache)
        cache = copy.deepcopy(self._prefix[1])
        cache.batch_repeat_interleave(rows)
        return cache


def _common_prefix(prompts: Sequence[list[int]]) -> list[int]:
    """The longest beginning that all prompts share and none ends within."""
    first, last = min(prompts), max(prompts)
    longest = min(len(first), len(last), *(len(prompt) - 1 for prompt in prompts))
    size = next((at for at in range(longest) if first[at] != last[at]), longest)
    return first[:size]


def _as_list(ids: int | list[int] | None) -> list[int]:
    return [] if ids is None else [ids] if isinstance(ids, int) else list(ids)
