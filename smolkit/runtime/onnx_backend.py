"""Decoding with plain ONNX Runtime on the CPU: every ONNX export runs here, whichever runtime it was written for.

For an export neither torch nor transformers is loaded, so a command starts in about a second. A model's own weights
come through both (`onnx_weights`), which then compute nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.data.batches import MIN_SHARED, common_prefix
from smolkit.data.chat import ChatTemplate
from smolkit.errors import ModelError, RuntimeUnavailable
from smolkit.models.resolve import resolve
from smolkit.runtime.onnx_files import OnnxFiles, is_export
from smolkit.runtime.onnx_sequences import Decoder, SeparateSequences, Sequences
from smolkit.runtime.onnx_vision import Sight
from smolkit.runtime.onnx_weights import GraphInMemory, graph_of, pick_type

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from smolkit.runtime.pictures import Picture


class OnnxBackend:
    """One ONNX graph: of an export, whose types are its own, or made of a model's weights. Of a SmolVLM three."""

    name = "onnx"
    max_batch_tokens: int | None = None

    def __init__(
        self,
        graph: Path | GraphInMemory,
        files: OnnxFiles,
        *,
        computes: str,
        threads: int | None = None,
        max_batch: int = 16,
    ):
        self.files = files
        self.computes = computes
        decoder = Decoder(graph, threads=threads)
        self.vocab_size = decoder.vocab_size
        self.images = files.vision.images if files.vision else None
        self._sight = Sight(files.vision, self.vocab_size, threads=threads) if files.vision else None
        if self._sight:
            decoder.embed = self._sight.embed
        self.tokenizer = _tokenizer(files.tokenizer)
        self.ll_tokenizer = _ll_tokenizer(files, self.vocab_size)
        self.context_length = files.context_length
        self.end_ids = files.end_ids
        self.prompt_format = files.prompt_format
        self.max_batch = max_batch
        side_by_side = files.fused and "num_logits_to_keep" in decoder.inputs
        self._sequences = Sequences(decoder) if side_by_side else SeparateSequences(decoder)

    @classmethod
    def open(cls, model: str | Path, *, dtype: str = "auto", threads: int | None = None) -> OnnxBackend:
        """Open an .onnx file, the smallest suitable one of an export directory (`onnx_files.onnx_file`), or a model.

        A model by any name that `smolkit.models.resolve` takes becomes a graph in memory, with weights of the type
        `dtype` (`onnx_weights.pick_type`).
        """
        if is_export(model):
            if dtype != "auto":
                fix = "Leave the type out, or open the model that it was made from"
                raise ModelError(f"an ONNX export has its own types, and {dtype!r} was asked for", fix=fix)
            files = OnnxFiles.find(model)
            return cls(files.graph, files, computes=files.graph.name, threads=threads)
        directory = resolve(model)
        files = OnnxFiles.beside(directory)
        kind = pick_type(dtype)
        return cls(graph_of(directory, kind), files, computes=kind, threads=threads)

    def encode(self, text: str, *, special: bool) -> list[int]:
        self.tokenizer.encode_special_tokens = not special
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=False))

    def prefill(self, prompts: Sequence[list[int]], pictures: Sequence[Sequence[Picture]] = ()) -> NDArray[np.float32]:
        if self._sight and pictures:
            prompts = self._sight.look(prompts, pictures)
        shared = common_prefix(prompts)
        if len(shared) < MIN_SHARED:
            shared = []
        self._sequences.start(shared, [len(prompt) for prompt in prompts])
        return self._sequences.append([prompt[len(shared) :] for prompt in prompts])

    def append(self, tokens: Sequence[list[int]]) -> NDArray[np.float32]:
        return self._sequences.append(tokens)

    def chat_template(self) -> ChatTemplate | None:
        return self.files.chat_template()

    def close(self) -> None:
        del self._sequences, self._sight


def _tokenizer(file: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as exc:  # tokenizers raises no class of its own
        raise ModelError(f"not a tokenizer ({exc})", where=str(file), fix="Write or download it again") from exc
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _ll_tokenizer(files: OnnxFiles, vocab_size: int) -> Any:
    """llguidance's own reading of tokenizer.json."""
    from llguidance import LLTokenizer

    content = files.tokenizer.read_text(encoding="utf-8")
    try:
        return LLTokenizer(content, n_vocab=vocab_size, eos_token=sorted(files.end_ids))
    except Exception as exc:
        line = str(exc).strip().partition("\n")[0]
        raise RuntimeUnavailable(f"llguidance cannot use this tokenizer ({line})", where=str(files.tokenizer)) from exc
