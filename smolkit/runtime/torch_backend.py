"""Decoding with torch: rows of unlike length side by side without padding, their shared beginning computed once.

A step packs the new tokens of all rows into one sequence, so that the weights are read once for all of them and no
product is spent on padding; every row has keys and values of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from smolkit.data.batches import MIN_SHARED, common_prefix
from smolkit.data.chat import ChatTemplate
from smolkit.data.images import ImageLayout
from smolkit.data.render import TokenizerEncoder
from smolkit.manifest import read_optional
from smolkit.models import load_model, load_tokenizer, resolve
from smolkit.models.device import pick_dtype
from smolkit.models.packed import KeyValues, Rows, hidden_states
from smolkit.models.vision import embed, image_features, is_vision, language_model

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from smolkit.runtime.pictures import Picture

_PASS_TOKENS = 4096
"""Prompt tokens that are read at once."""
_ROOM = 256
"""Tokens of an answer for which there is room from the start."""
_TILES = 16
"""Tiles of images that are read at once."""


class TorchBackend:
    """A transformers causal language model, or a SmolVLM, on the GPU where there is one."""

    name = "torch"
    max_batch_tokens: int | None = None

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        *,
        prompt_format: str | None = None,
        max_batch: int = 48,
        images: ImageLayout | None = None,
    ):
        import llguidance.hf

        self.model = model
        self.images = images
        self.language: Any = language_model(model)
        self.tokenizer = tokenizer
        self.computes = str(model.dtype).removeprefix("torch.")
        self.prompt_format = prompt_format
        self.max_batch = max_batch
        self.vocab_size = self.language.config.vocab_size
        self.context_length = self.language.config.max_position_embeddings
        self.end_ids = frozenset([*_as_list(model.generation_config.eos_token_id), tokenizer.eos_token_id])
        self.ll_tokenizer = llguidance.hf.from_tokenizer(tokenizer, n_vocab=self.vocab_size)
        self.encode = TokenizerEncoder(tokenizer)
        self._prefix: tuple[list[int], KeyValues] | None = None
        self._rows: list[KeyValues] = []

    @classmethod
    def open(cls, model: str | Path, *, dtype: str = "auto", threads: int | None = None) -> TorchBackend:
        """Load a model by any name that `smolkit.models.resolve` takes; its manifest names the prompt format."""
        if threads:
            torch.set_num_threads(threads)
        directory = resolve(model)
        manifest = read_optional(directory)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        loaded = load_model(directory, dtype=pick_dtype(dtype)).to(device)
        return cls(
            loaded,
            load_tokenizer(directory),
            prompt_format=manifest.prompt_format if manifest else None,
            images=ImageLayout.read(directory) if is_vision(loaded.config) else None,
        )

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def forget(self) -> None:
        """Drop what was computed with weights that have changed since."""
        self._prefix, self._rows = None, []

    @torch.inference_mode()
    def prefill(self, prompts: Sequence[list[int]], pictures: Sequence[Sequence[Picture]] = ()) -> NDArray[np.float32]:
        shared = self._before_images(common_prefix(prompts)) if pictures else common_prefix(prompts)
        if len(shared) < MIN_SHARED:
            shared = []
        before = self._begin(shared)
        self._rows = [before.copy(room=len(prompt) + _ROOM) for prompt in prompts]
        own = [prompt[len(shared) :] for prompt in prompts]
        found = [
            self._logits(own[rows], self._rows[rows], [picture for seen in pictures[rows] for picture in seen])
            for rows in _passes([len(part) for part in own])
        ]
        return np.concatenate(found)

    @torch.inference_mode()
    def append(self, tokens: Sequence[list[int]]) -> NDArray[np.float32]:
        return self._logits(tokens, self._rows)

    def chat_template(self) -> ChatTemplate | None:
        text = self.tokenizer.chat_template
        text = text.get("default") if isinstance(text, dict) else text
        tokens = {"bos_token": self.tokenizer.bos_token, "eos_token": self.tokenizer.eos_token}
        return ChatTemplate(text, tokens) if text else None

    def close(self) -> None:
        self.forget()

    def _logits(
        self, tokens: Sequence[list[int]], rows: Sequence[KeyValues], pictures: Sequence[Picture] = ()
    ) -> NDArray[np.float32]:
        hidden = self._run(tokens, rows, pictures)
        logits: NDArray[np.float32] = self.language.lm_head(hidden).float().cpu().numpy()
        return logits

    def _run(
        self, tokens: Sequence[list[int]], rows: Sequence[KeyValues], pictures: Sequence[Picture] = ()
    ) -> torch.Tensor:
        """Hidden states [rows, hidden] of the last new token of each row; extends the rows."""
        device = self.model.device
        ids = torch.tensor([token for part in tokens for token in part], device=device)
        positions = torch.cat(
            [torch.arange(row.length, row.length + len(part)) for row, part in zip(rows, tokens, strict=True)]
        )
        lengths = [len(part) for part in tokens]
        ends = (torch.tensor(lengths).cumsum(0) - 1).clamp(min=0)
        embedded = embed(self.model, ids, self._features(pictures)) if pictures else None
        return hidden_states(
            self.language, ids, positions.to(device), Rows(lengths, before=rows), ends.to(device), embedded
        )

    def _features(self, pictures: Sequence[Picture]) -> torch.Tensor:
        """The features of all tiles of some pictures, [tiles, tokens, hidden]."""
        tiles = torch.from_numpy(np.concatenate([picture.tiles for picture in pictures]))
        parts = [image_features(self.model, part.to(self.model.device)) for part in tiles.split(_TILES)]
        return torch.cat(parts)

    def _before_images(self, ids: list[int]) -> list[int]:
        """What stands before the first image token: behind it prompts of one text may differ."""
        token = self.model.config.image_token_id
        return ids[: ids.index(token)] if token in ids else ids

    def _begin(self, shared: list[int]) -> KeyValues:
        """What all prompts begin with, computed once for as many batches as begin so."""
        if self._prefix is None or self._prefix[0] != shared:
            before = KeyValues(self.language)
            if shared:
                self._run([shared], [before])
            self._prefix = (shared, before)
        return self._prefix[1]


def _passes(lengths: Sequence[int]) -> Iterator[slice]:
    """Rows that are read in one pass: as many as `_PASS_TOKENS` hold, and one at least."""
    start = tokens = 0
    for row, length in enumerate(lengths):
        if row > start and tokens + length > _PASS_TOKENS:
            yield slice(start, row)
            start, tokens = row, 0
        tokens += length
    yield slice(start, len(lengths))


def _as_list(ids: int | list[int] | None) -> list[int]:
    return [] if ids is None else [ids] if isinstance(ids, int) else list(ids)
