"""An ONNX file in ONNX Runtime as the gate's candidate: logits of all positions, and of cached decoding.

A SmolVLM is three files, of which the decoder's names them all. Tokens are those of the tokenizer.json that was written
beside them, read without transformers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.data.images import pixels
from smolkit.errors import ModelError
from smolkit.registry import require
from smolkit.runtime.onnx_files import sibling

if TYPE_CHECKING:
    from numpy.typing import NDArray

_QUIET = 3
"""Errors only: ONNX Runtime remarks on an input that has a default."""


def open_session(file: Path, *, threads: int = 0) -> Any:
    """An ONNX Runtime session on the CPU. Raises ModelError in one line where it does not load."""
    runtime = require("onnxruntime", extra="onnx", why="running an ONNX file")
    options = runtime.SessionOptions()
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = threads
    try:
        return runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # its errors have no common class below Exception
        raise ModelError(f"ONNX Runtime cannot load this file ({first_line(exc)})", where=str(file)) from exc


def first_line(exc: Exception) -> str:
    return str(exc).strip().partition("\n")[0] or type(exc).__name__


class OnnxCandidate:
    """One graph, with the tokenizer and the end tokens of the directory that its runtime would read."""

    def __init__(self, file: Path, directory: Path, *, threads: int = 0):
        from tokenizers import Tokenizer

        self.session = open_session(file, threads=threads)
        self.inputs = {one.name: one for one in self.session.get_inputs()}
        # A value that has a default is not among the inputs.
        optional = [one.name for one in self.session.get_overridable_initializers()]
        self.keeps_last = "num_logits_to_keep" in [*self.inputs, *optional]
        self.past = [name for name in self.inputs if name.startswith("past_key_values.")]
        self.present = [name.replace("past_key_values", "present") for name in self.past]
        self.tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self.end_ids = _end_ids(directory)

    def encode(self, text: str, *, special: bool) -> list[int]:
        self.tokenizer.encode_special_tokens = not special
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def ends(self, token: int) -> bool:
        return token in self.end_ids

    def prefill(self, ids: Sequence[int]) -> NDArray[np.float32]:
        logits, _ = self._run(ids, self._empty(), keep=0)
        return logits

    def decode(self, prompt: Sequence[int], continuation: Sequence[int]) -> NDArray[np.float32]:
        logits, cache = self._run(prompt, self._empty(), keep=1)
        rows = [logits[-1]]
        for token in continuation[:-1]:
            logits, cache = self._run([token], cache, keep=1)
            rows.append(logits[-1])
        return np.stack(rows)

    def greedy(self, prompt: Sequence[int], count: int) -> list[int]:
        """Its own greedy continuation of `count` tokens, past an end token if one comes."""
        logits, cache = self._run(prompt, self._empty(), keep=1)
        tokens = [int(logits[-1].argmax())]
        while len(tokens) < count:
            logits, cache = self._run(tokens[-1:], cache, keep=1)
            tokens.append(int(logits[-1].argmax()))
        return tokens

    def close(self) -> None:
        del self.session

    def _empty(self) -> list[NDArray[Any]]:
        return [self._no_tokens(self.inputs[name]) for name in self.past]

    def _no_tokens(self, info: Any) -> NDArray[Any]:
        kind = np.float16 if "float16" in info.type else np.float32
        return np.zeros((1, info.shape[1], 0, info.shape[3]), kind)

    def _run(
        self, ids: Sequence[int], cache: Sequence[NDArray[Any]], *, keep: int
    ) -> tuple[NDArray[np.float32], list[NDArray[Any]]]:
        """Logits [kept, vocabulary] after `ids` behind `cache`, and the cache with them."""
        before = cache[0].shape[2]
        feed: dict[str, Any] = {
            **self._states(ids, before),
            "attention_mask": np.ones((1, before + len(ids)), np.int64),
            **dict(zip(self.past, cache, strict=True)),
        }
        if self.keeps_last:
            feed["num_logits_to_keep"] = np.array(keep, np.int64)
        if "position_ids" in self.inputs:
            feed["position_ids"] = np.arange(before, before + len(ids), dtype=np.int64)[None]
        found = self.session.run(["logits", *self.present], feed)
        return found[0][0].astype(np.float32), found[1:]

    def _states(self, ids: Sequence[int], before: int) -> dict[str, NDArray[Any]]:
        """What the graph takes for tokens that come after `before` others."""
        return {"input_ids": np.array([ids], np.int64)}


class VisionOnnxCandidate(OnnxCandidate):
    """The three graphs of a SmolVLM; `file` is the decoder's, and the others are named like it beside it."""

    def __init__(self, file: Path, directory: Path, *, threads: int = 0):
        super().__init__(file, directory, threads=threads)
        self.embeddings, self.tower = (
            open_session(sibling(file, name), threads=threads) for name in ("embed_tokens", "vision_encoder")
        )
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        self.image_token = config["image_token_id"]
        self.features: NDArray[np.float32] | None = None

    def look(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        shown = pixels(tiles)[None]
        mask = np.ones((*shown.shape[:2], *shown.shape[3:]), np.bool_)
        feed = {"pixel_values": shown, "pixel_attention_mask": mask}
        features: NDArray[np.float32] = self.tower.run(["image_features"], feed)[0]
        self.features = features
        return features

    def close(self) -> None:
        super().close()
        del self.embeddings, self.tower

    def _states(self, ids: Sequence[int], before: int) -> dict[str, NDArray[Any]]:
        tokens = np.array([ids], np.int64)
        embedded = self.embeddings.run(["inputs_embeds"], {"input_ids": tokens})[0]
        places = tokens == self.image_token
        if self.features is not None and places.any() and not before:
            embedded[places] = self.features.reshape(-1, self.features.shape[-1])
        return {"inputs_embeds": embedded}


def _end_ids(directory: Path) -> frozenset[int]:
    """The end tokens that generation stops at: those of genai_config.json, else of generation_config.json."""
    genai = directory / "genai_config.json"
    if genai.is_file():
        ends = json.loads(genai.read_text(encoding="utf-8"))["model"]["eos_token_id"]
    else:
        ends = json.loads((directory / "generation_config.json").read_text(encoding="utf-8"))["eos_token_id"]
    return frozenset([ends] if isinstance(ends, int) else ends)
