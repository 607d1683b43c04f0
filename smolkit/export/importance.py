"""How strongly each input of each matrix is driven, so that rounding spares the weights that matter.

The figures are means of x² over calibration tokens, as llama.cpp's imatrix has them, and are kept in its GGUF format:
two tensors for each matrix, `<name>.in_sum2` and `<name>.counts`. They say nothing about how inputs go together, which
is what `quantise` looks at. This module does not round anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import compress
from operator import not_
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from smolkit.data.render import TokenizerEncoder, encode_example, encode_prompt
from smolkit.data.rows import Row, validate_rows
from smolkit.errors import DataError, ModelError
from smolkit.export.gguf_names import EMBEDDING, HEAD, module_name, tensor_name
from smolkit.extraction.prompt import get_format, json_text
from smolkit.models.gguf_header import read_header

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

CALIBRATION_TOKENS = 8192
_PAGE = 1500
"""Characters of a page of prose, which are about as many tokens as a row has."""
LONGEST_SEQUENCE = 1024
"""Tokens of a calibration row that are looked at."""
_HELD_OUT = 6
CHUNK = 512
"""llama.cpp counts calibration text in chunks of one size; ours are of any, and are counted in these."""

_SUMS, _COUNTS = ".in_sum2", ".counts"


@dataclass(frozen=True)
class Importance:
    """How strongly each input of each matrix is driven: sums of x² over the tokens of calibration rows."""

    sums: dict[str, NDArray[np.float32]]
    """[in] by transformers' module name, as in "model.layers.0.self_attn.q_proj"."""
    counts: dict[str, int]
    """Tokens seen, by the same names."""
    source: str
    """What the rows are."""
    tied: bool = False
    """Whether the head is the embedding: llama.cpp has one matrix for both, under the embedding's name."""

    @property
    def tokens(self) -> int:
        return max(self.counts.values(), default=0)

    def mean(self, module: str) -> NDArray[np.float32]:
        """Mean of x² for every input of a matrix, [in]."""
        return self.sums[module] / np.float32(max(self.counts[module], 1))

    def of_blocks(self, size: int) -> Importance:
        """That of the matrices whose rows are whole blocks of `size` weights, without the others."""
        sums = {module: total for module, total in self.sums.items() if total.size % size == 0}
        return replace(self, sums=sums, counts={module: self.counts[module] for module in sums})

    def tensor_name(self, module: str) -> str:
        """The matrix's name in a GGUF file."""
        return tensor_name(f"{EMBEDDING if self.tied and module == HEAD else module}.weight")


# ---- measuring


def collect(
    model: PreTrainedModel,
    sequences: Iterable[Sequence[int]],
    *,
    source: str,
    progress: Callable[[int], None] = lambda tokens: None,
) -> Importance:
    """Run `model` over token sequences, one at a time and without padding, and look at what its matrices are given.

    `progress` is told of the tokens done. Raises ModelError for an input that is not finite, DataError without tokens.
    """
    import torch

    from smolkit.models.device import rough_products

    seen = _Seen()
    handles = [
        module.register_forward_hook(partial(seen.add, name))
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]
    done = 0
    try:
        with torch.inference_mode(), rough_products():
            for ids in sequences:
                model(torch.tensor([list(ids)]), use_cache=False)
                done += len(ids)
                progress(done)
    finally:
        for handle in handles:
            handle.remove()
    if not done:
        raise DataError("no tokens to calibrate with")
    sums = {name: total.astype(np.float32) for name, total in seen.sums.items()}
    return Importance(sums, seen.counts, source, tied=bool(model.config.tie_word_embeddings))


@dataclass
class _Seen:
    """Sums of x² so far. Matrices that read the same input, one after the other, share the work."""

    sums: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    last: torch.Tensor | None = None
    squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def add(self, name: str, module: Any, given: tuple[torch.Tensor, ...], output: Any) -> None:
        states = given[0]
        if states is not self.last:
            self.last, self.squares = states, states.double().square().flatten(0, -2).sum(dim=0).numpy()
        if not np.isfinite(self.squares).all():
            raise ModelError(
                f"the input of {name!r} is not finite (NaN or infinite) on calibration rows",
                fix="Its weights are damaged: train or fetch them again",
            )
        self.sums[name] = self.sums[name] + self.squares if name in self.sums else self.squares
        self.counts[name] = self.counts.get(name, 0) + states[..., 0].numel()


# ---- calibration rows


def calibration_sequences(
    rows: Sequence[Row | str] | None,
    tokenizer: PreTrainedTokenizerFast,
    prompt_format: str | None,
    *,
    tokens: int = CALIBRATION_TOKENS,
) -> list[list[int]]:
    """At least `tokens` ids, or all there are: rows with their answers as the model was trained to read them.

    Rows are drawn evenly, always the same. Texts are taken as they are. Without rows, synthetic ones of the training
    split, of many kinds and languages. Without a prompt format, the tokenizer's chat template, else the bare text.
    """
    sequences: list[list[int]] = []
    for row in _default_rows() if rows is None else Random(0).sample(rows, len(rows)):
        sequences.append(_ids(row, tokenizer, prompt_format)[:LONGEST_SEQUENCE])
        if sum(map(len, sequences)) >= tokens:
            break
    if not any(sequences):
        raise DataError("no rows to calibrate with")
    return [ids for ids in sequences if ids]


def split_calibration(sequences: Sequence[list[int]]) -> tuple[list[list[int]], list[list[int]]]:
    """Those to measure a loss on, every sixth, and those to calibrate with; one alone serves for both."""
    if len(sequences) == 1:
        return list(sequences), list(sequences)
    kept = [number % _HELD_OUT == 0 for number in range(len(sequences))]
    return list(compress(sequences, kept)), list(compress(sequences, map(not_, kept)))


def _default_rows() -> Iterator[Row | str]:
    """Synthetic rows, and prose between them: a model that saw rows alone would be rounded for them alone.

    The prose is the language reference that comes with Python, a page at a time.
    """
    from pydoc_data.topics import topics

    from smolkit.data.synth import generate

    pages = (topics[name][:_PAGE] for name in sorted(topics, key=lambda name: crc32(name.encode())))
    for row, page in zip(generate(10_000, seed=0, split="train"), pages, strict=False):
        yield from validate_rows([row])
        yield page


def _ids(row: Row | str, tokenizer: PreTrainedTokenizerFast, prompt_format: str | None) -> list[int]:
    encode = TokenizerEncoder(tokenizer)
    if isinstance(row, str):
        return encode(row, special=False)
    if prompt_format is None:
        return encode(_without_format(row, tokenizer), special=True)
    layout = get_format(prompt_format)
    if row.output is None:
        return encode_prompt(layout, row.template, row.text, encode)
    return list(encode_example(row, layout, encode).ids)


def _without_format(row: Row, tokenizer: PreTrainedTokenizerFast) -> str:
    question = (
        f"Fill in this template from the text.\n\n{json.dumps(row.template.source, ensure_ascii=False)}\n\n{row.text}"
    )
    answer = json_text(row.output) if row.output is not None else ""
    if not tokenizer.chat_template:
        return f"{question}\n\n{answer}"
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return str(tokenizer.apply_chat_template(turns, tokenize=False))


# ---- llama.cpp's file


def write_imatrix(importance: Importance, path: Path) -> None:
    """Write `path` as llama.cpp's own tool does, in its GGUF format; `llama-quantize --imatrix` takes it."""
    from gguf import GGUFType, GGUFWriter, Keys

    class Writer(GGUFWriter):
        def add_architecture(self) -> None:
            """Such a file belongs to no architecture."""

    writer = Writer(path, "")
    try:
        writer.add_type(GGUFType.IMATRIX)
        writer.add_array(Keys.IMatrix.DATASETS, [importance.source])
        writer.add_uint32(Keys.IMatrix.CHUNK_COUNT, -(-importance.tokens // CHUNK))
        writer.add_uint32(Keys.IMatrix.CHUNK_SIZE, CHUNK)
        for name, module in sorted((importance.tensor_name(module), module) for module in importance.sums):
            writer.add_tensor(name + _SUMS, importance.sums[module].astype(np.float32))
            writer.add_tensor(name + _COUNTS, np.array([importance.counts[module]], np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def read_imatrix(path: Path) -> Importance:
    """The importance in a file of `write_imatrix` or of llama.cpp, of one Llama model. Raises DataError for others."""
    from gguf import Keys

    try:
        header = read_header(path)
        tensors = {
            name: np.fromfile(path, np.float32, math.prod(tensor.shape), offset=tensor.offset)
            for name, tensor in header.tensors.items()
        }
        sources = header.fields[Keys.IMatrix.DATASETS]
    except (OSError, KeyError, ModelError) as exc:
        raise DataError(f"no importance matrix of llama.cpp ({exc})", where=str(path)) from exc
    names = [name.removesuffix(_SUMS) for name in tensors if name.endswith(_SUMS)]
    try:
        sums = {_module(name): tensors[name + _SUMS] for name in names}
        counts = {_module(name): int(tensors[name + _COUNTS].item()) for name in names}
    except (KeyError, ValueError, ModelError) as exc:
        raise DataError(f"an importance matrix of another kind of model ({exc})", where=str(path)) from exc
    if not all(np.isfinite(total).all() for total in sums.values()):
        raise DataError("an importance matrix with values that are not finite", where=str(path))
    return Importance(sums, counts, ", ".join(sources), tied=tensor_name(f"{EMBEDDING}.weight") in names)


def _module(tensor: str) -> str:
    """The module that is given what this matrix is multiplied with: for a tied embedding, the head."""
    module = module_name(tensor)
    return HEAD if module == EMBEDDING else module
