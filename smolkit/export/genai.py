"""The adapter over onnxruntime-genai."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smolkit.errors import ModelError
from smolkit.export.onnx_candidate import first_line
from smolkit.registry import require


class GenaiModel:
    """A directory in the layout `onnx`, opened. Raises ModelError where onnxruntime-genai refuses it."""

    def __init__(self, directory: Path):
        self.api: Any = require("onnxruntime_genai", extra="onnx", why="checking an export for onnxruntime-genai")
        try:
            self.model = self.api.Model(str(directory))
            self.tokenizer = self.api.Tokenizer(self.model)
        except Exception as exc:  # its errors have no common class below Exception
            raise ModelError(f"onnxruntime-genai cannot load this ({first_line(exc)})", where=str(directory)) from exc

    def encode(self, text: str) -> list[int]:
        """Token ids; markers in the text are special tokens, it knows no other way."""
        return [int(token) for token in self.tokenizer.encode(text)]

    def greedy(self, prompt: Sequence[int], count: int) -> list[int]:
        """Its own greedy continuation, at most `count` tokens, up to and with an end token."""
        generator = self._generator(prompt, count)
        tokens: list[int] = []
        while len(tokens) < count and not generator.is_done():
            generator.generate_next_token()
            tokens.append(int(generator.get_next_tokens()[0]))
        return tokens

    def follow(self, prompt: Sequence[int], continuation: Sequence[int]) -> list[int]:
        """What it would choose after the prompt and after each token of a given continuation."""
        generator = self._generator(prompt, len(continuation))
        chosen = []
        for token in continuation:
            chosen.append(int(generator.get_logits()[0, -1].argmax()))
            generator.append_tokens([token])
        return chosen

    def _generator(self, prompt: Sequence[int], room: int) -> Any:
        params = self.api.GeneratorParams(self.model)
        params.set_search_options(max_length=len(prompt) + room + 1, do_sample=False)
        generator = self.api.Generator(self.model, params)
        generator.append_tokens(list(prompt))
        return generator
