"""What stands before the decoder of a SmolVLM in ONNX Runtime: the embedding of tokens, and the vision tower.

A feature of an image is a token with a number of its own, past the vocabulary and never used again: whatever counts,
compares or keeps tokens does so with features too, and two images are never taken for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from smolkit.data.images import pixels
from smolkit.errors import ModelError
from smolkit.runtime.onnx_files import VisionFiles
from smolkit.runtime.onnx_sequences import open_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from smolkit.runtime.pictures import Picture

_TILES = 8
"""Tiles that are read at once."""


class Sight:
    """Two graphs of a SmolVLM, and the features of the prompts that are being answered."""

    def __init__(self, files: VisionFiles, vocab_size: int, *, threads: int | None = None):
        self.image_token, self.vocab_size = files.image_token, vocab_size
        self._embeddings = open_graph(files.embeddings, threads)
        self._tower = open_graph(files.tower, threads)
        self._first = vocab_size
        self._features: NDArray[np.float32] = np.empty((0, 0), np.float32)

    def look(self, prompts: Sequence[list[int]], pictures: Sequence[Sequence[Picture]]) -> list[list[int]]:
        """The prompts with a feature at every image token, from the pictures of each in their order.

        Raises ModelError where a prompt has another number of image tokens than its pictures have features.
        """
        self._first += len(self._features)
        seen = [picture.tiles for row in pictures for picture in row]
        found = [features for tiles in seen for features in self._read(tiles)]
        self._features = np.concatenate(found) if found else np.empty((0, 0), np.float32)
        numbers = iter(range(self._first, self._first + len(self._features)))
        places = sum(prompt.count(self.image_token) for prompt, row in zip(prompts, pictures, strict=True) if row)
        if places != len(self._features):
            raise ModelError(f"{places} image tokens, and {len(self._features)} features to stand there")
        return [
            [next(numbers) if token == self.image_token else token for token in prompt] if row else prompt
            for prompt, row in zip(prompts, pictures, strict=True)
        ]

    def embed(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the decoder reads for tokens and features, [rows, tokens, hidden]."""
        places = ids >= self.vocab_size
        states: NDArray[np.float32] = self._embeddings.run(["inputs_embeds"], {"input_ids": np.where(places, 0, ids)})[
            0
        ]
        if places.any():
            states[places] = self._features[ids[places] - self._first]
        return states

    def _read(self, tiles: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        """Features [tokens, hidden] of some tiles after the other."""
        for start in range(0, len(tiles), _TILES):
            shown = pixels(tiles[start : start + _TILES])[None]
            mask = np.ones((*shown.shape[:2], *shown.shape[3:]), np.bool_)
            feed = {"pixel_values": shown, "pixel_attention_mask": mask}
            features: NDArray[np.float32] = self._tower.run(["image_features"], feed)[0]
            yield features.reshape(-1, features.shape[-1])
