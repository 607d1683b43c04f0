"""One Llama model as one GGUF file: tensors, their order, and what the header says.

Plain types (f32, f16, bf16, q8_0) and codes that our own quantiser chose are written through the `gguf` package; the
other types are made by llama.cpp itself from a float16 file. Layouts other than Llama's are refused: a tensor that
means something else would load and be wrong. Whether the file is right is the gate's business.
"""

from __future__ import annotations

import ctypes
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.errors import ModelError, SmolkitError
from smolkit.export.architecture import llama_faults
from smolkit.export.four_bits import SMALL_BUDGET
from smolkit.export.gguf_names import HEAD, tensor_name
from smolkit.export.gguf_tokenizer import Vocabulary
from smolkit.models.gguf_header import read_header
from smolkit.registry import require
from smolkit.runtime.llama_log import quiet, take_errors
from smolkit.runtime.llamacpp import PROMPT_FORMAT_KEY

if TYPE_CHECKING:
    import torch
    from gguf import GGUFWriter
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from smolkit.export.blocks import Blocks
    from smolkit.export.importance import Importance

MAX_FILE_BYTES = 2_000_000_000
"""Larger files are split, as a browser cannot hold one in a single buffer. llama.cpp opens the first part of many."""

LEAST_IMPORTANCE = 1e-4
"""Of an input, as a part of the mean of its matrix: calibration rows do not show everything."""


@dataclass(frozen=True)
class Quant:
    """One way to store the weights. Names of types are those of the `gguf` package."""

    file_type: str
    matrices: str | None
    """Type of every matrix; None where llama.cpp chooses by tensor."""
    embedding: str | None = None
    """Type of the embedding and head, where it differs: at four bits they would cost most of the accuracy."""
    searched: bool = True
    """Whether llama.cpp looks for the best scales, for which it wants the importance of inputs."""
    budget: float | None = None
    """Of `four_bits`, where the codes are our own."""
    narrow: tuple[tuple[str, str], ...] = ()
    """Types by pattern of tensor names, for models whose width fills no K-quant block, in place of llama.cpp's own."""


# llama.cpp's own choice is q5_1, which has four times the KL divergence of q5_0 here at a bit more size.
_NARROW_Q5 = (("attn_(q|k|v|output)", "Q8_0"), ("ffn_(gate|up)", "Q5_0"), ("ffn_down", "Q6_K"))
# llama.cpp gives `ffn_down` and `attn_v` 6 bits in every other layer and 4 or 5 in the rest. With these the KL over
# rows of two fine-tuned models is half of that for 4 % more size: 0.035 and 0.039 in place of 0.070. To the bundled
# model, rounded to four bits before, 5 bits in `ffn_down` are as good; the others had a KL of 0.10 with them.
_NARROW_Q4 = (("attn_v", "Q8_0"), ("ffn_down", "Q6_K"))

QUANTS: dict[str, Quant] = {
    "f32": Quant("ALL_F32", "F32", searched=False),
    "f16": Quant("MOSTLY_F16", "F16", searched=False),
    "bf16": Quant("MOSTLY_BF16", "BF16", searched=False),
    "q8_0": Quant("MOSTLY_Q8_0", "Q8_0", searched=False),
    "q6_k": Quant("MOSTLY_Q6_K", None),
    "q5_k_m": Quant("MOSTLY_Q5_K_M", None, narrow=_NARROW_Q5),
    "q4_k_m": Quant("MOSTLY_Q4_K_M", None, narrow=_NARROW_Q4),
    "iq4_nl": Quant("MOSTLY_IQ4_NL", None, narrow=_NARROW_Q4),
    "q4_0": Quant("MOSTLY_Q4_0", "Q4_0", embedding="Q8_0", budget=SMALL_BUDGET),
}


@dataclass(frozen=True)
class Header:
    """What a GGUF file says besides its tensors, quantisation left out."""

    name: str
    config: Any
    """The transformers configuration of the model."""
    vocabulary: Vocabulary
    prompt_format: str | None = None
    license: str | None = None


def check_architecture(config: Any) -> None:
    """Raise ModelError unless llama.cpp's `llama` graph computes exactly what this configuration does."""
    found = llama_faults(config)
    if found:
        raise ModelError(
            f"GGUF export cannot write {found[0]}",
            fix="It writes Llama models such as SmolLM2; llama.cpp's own converter knows other architectures",
        )


def write_plain(
    model: PreTrainedModel, header: Header, quant: str, path: Path, *, blocks: Mapping[str, Blocks] | None = None
) -> list[Path]:
    """Write `model` (float32) at `path`, or in parts beside it when it is larger than `MAX_FILE_BYTES`.

    `quant` is one of those that name their types; a matrix in `blocks`, by module name, is stored by these codes
    instead, as Q4_0 or Q8_0. Returns the files, in order.
    """
    from gguf import GGML_QUANT_VERSION, GGUFWriter, LlamaFileType, quants

    plan = QUANTS[quant]
    coded = {tensor_name(f"{module}.weight"): found for module, found in (blocks or {}).items()}
    types = {name: type_of(name, tensor, plan, coded.get(name)) for name, tensor in _tensors(model)}
    assert coded.keys() <= types.keys(), "blocks of a matrix that this model does not have"
    size = sum(bytes_of(tensor, types[name]) for name, tensor in _tensors(model))
    writer = GGUFWriter(path, "llama", split_max_size=MAX_FILE_BYTES if size > MAX_FILE_BYTES else 0)
    _add_header(writer, header)
    writer.add_file_type(LlamaFileType[plan.file_type])
    writer.add_quantization_version(GGML_QUANT_VERSION)

    def data(name: str, tensor: torch.Tensor) -> NDArray[Any]:
        if name in coded:
            return _encoded(name, coded[name], model.config)
        return quants.quantize(_rows(name, tensor, model.config), types[name])

    return write_tensors(writer, path, lambda: _tensors(model), types, data)


def write_tensors(
    writer: GGUFWriter,
    path: Path,
    tensors: Callable[[], Iterable[tuple[str, torch.Tensor]]],
    types: Mapping[str, Any],
    data: Callable[[str, torch.Tensor], NDArray[Any]],
) -> list[Path]:
    """Write a file, or its parts, with the header that `writer` was given; the files, in order.

    `tensors` is gone through twice, all shapes first, then one tensor at a time: no second copy of the model is ever in
    memory. `data` makes of a tensor what is stored as its type in `types`.
    """
    for name, tensor in tensors():
        size = bytes_of(tensor, types[name])
        writer.add_tensor_info(name, tensor.shape, tensor.numpy().dtype, size, raw_dtype=types[name])
    with writing(path), closing(writer):
        files = writer.format_shard_names(path)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for name, tensor in tensors():
            writer.write_tensor_data(data(name, tensor))
    return files


def quantise(source: Path, quant: str, path: Path, *, width: int, importance: Importance | None = None) -> list[Path]:
    """Make `quant` at `path` in llama.cpp from a float16 file (the first, where it is split); the one file written.

    `width` is the model's hidden size; `importance` says which inputs count most. Raises SmolkitError where llama.cpp
    refuses, or for a file over `MAX_FILE_BYTES`, which llama.cpp does not split.
    """
    from gguf import QK_K, GGMLQuantizationType, LlamaFileType

    llama_cpp = require("llama_cpp", extra="gguf", why="making K-quants")
    quiet()
    plan = QUANTS[quant]
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = int(LlamaFileType[plan.file_type])
    if plan.narrow and width % QK_K:
        overrides = [(pattern.encode(), int(GGMLQuantizationType[kind])) for pattern, kind in plan.narrow]
        # The array ends with an entry without a pattern.
        params.tt_overrides = (llama_cpp.llama_model_tensor_override * (len(overrides) + 1))(*overrides)
    if importance is not None:
        params.imatrix, _means = imatrix_entries(llama_cpp, importance)
    if llama_cpp.llama_model_quantize(str(source).encode(), str(path).encode(), params) != 0:
        reason = take_errors() or "no reason given"
        if "iostream" in reason:  # all that it says of a full disk
            raise _unwritable(path, "llama.cpp could not write on")
        raise SmolkitError(f"llama.cpp could not make {quant} of this model ({reason})")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise SmolkitError(
            f"{path.name} would have {size / 1e9:.1f} GB, more than the {MAX_FILE_BYTES / 1e9:.1f} GB of one file",
            fix="Take q4_k_m, or q8_0 or f16, which are split",
        )
    return [path]


def imatrix_entries(llama_cpp: Any, importance: Importance) -> tuple[Any, list[NDArray[np.float32]]]:
    """llama.cpp's array of named means, and the memory that it points to, which must outlive the call.

    A mean of zero would let its weights become anything.
    """
    modules = list(importance.sums)
    means = [importance.mean(module) for module in modules]
    means = [
        np.ascontiguousarray(np.maximum(mean, LEAST_IMPORTANCE * (mean.mean() or 1)), np.float32) for mean in means
    ]
    # The array ends with an entry without a name.
    entries = (llama_cpp.llama_model_imatrix_data * (len(modules) + 1))()
    for entry, module, mean in zip(entries, modules, means, strict=False):
        entry.name = importance.tensor_name(module).encode()
        entry.data = mean.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        entry.size = mean.size
    return entries, means


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what keeps `path` from being written, such as a full disk, into one line."""
    try:
        yield
    except OSError as exc:
        raise _unwritable(path, exc.strerror or str(exc)) from exc


def _unwritable(path: Path, reason: str) -> SmolkitError:
    free = shutil.disk_usage(path.parent).free
    return SmolkitError(
        f"{path.name} cannot be written: {reason}; {free / 1e6:,.0f} MB are free there",
        fix="Free some space, or name another directory",
    )


@dataclass(frozen=True)
class Layout:
    """What a written file says: its header, whatever the quantisation, and how many tensors it has of each type."""

    fields: dict[str, Any]
    tensor_types: dict[str, int]
    """K-quants fall back to other types where a row fills no whole block."""


def read_layout(files: Sequence[Path]) -> Layout:
    """The layout of one file, or of all its parts; the first of them has the header."""
    headers = [read_header(file) for file in files]
    skipped = ("split.", "general.file_type", "general.quantization_version")
    types = Counter(tensor.type for header in headers for tensor in header.tensors.values())
    return Layout(
        fields={key: value for key, value in headers[0].fields.items() if not key.startswith(skipped)},
        tensor_types=dict(types.most_common()),
    )


def _add_header(writer: GGUFWriter, header: Header) -> None:
    config = header.config
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_type("model")
    writer.add_name(header.name)
    if header.license:
        writer.add_license(header.license)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    header.vocabulary.add_to(writer)
    if header.prompt_format:
        writer.add_string(PROMPT_FORMAT_KEY, header.prompt_format)


def _tensors(model: PreTrainedModel) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor of the file with its GGUF name; the head is left out where it is the embedding."""
    weights = model.state_dict()
    if model.config.tie_word_embeddings:
        weights.pop(f"{HEAD}.weight", None)
    for name, tensor in weights.items():
        yield tensor_name(name), tensor


def _rows(name: str, tensor: torch.Tensor, config: Any) -> NDArray[Any]:
    """The tensor as llama.cpp expects it: query and key rows in its order of rotary pairs."""
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(name.split(".")[-2])
    return (interleave_rotary(tensor, heads) if heads else tensor).contiguous().numpy()


def _encoded(name: str, blocks: Blocks, config: Any) -> NDArray[np.uint8]:
    """Codes as Q4_0 or Q8_0 [out, bytes of a row]: of each block the scale in float16, then its codes.

    A byte of Q4_0 holds the codes of weight i of a block, in its low half, and of weight i + 16; Q8_0 has signed codes.
    """
    import torch

    codes, scales = (_rows(name, torch.from_numpy(part), config) for part in (blocks.codes, blocks.scales))
    codes = codes.reshape(*scales.shape, blocks.size)
    half = blocks.size // 2
    packed = codes[..., :half] | codes[..., half:] << 4 if blocks.bits == 4 else codes - np.uint8(blocks.zero)
    halves = scales.astype("<f2")[..., None].view(np.uint8)
    return np.concatenate([halves, packed], axis=-1).reshape(codes.shape[0], -1)


def interleave_rotary(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Reorder the rows [heads * head_dim, ...] of a query or key projection for rotary pairs that lie side by side.

    transformers rotates row i of a head with row i + head_dim / 2, llama.cpp's `llama` graph row 2 i with row 2 i + 1.
    """
    return weight.unflatten(0, (heads, 2, -1)).transpose(1, 2).reshape(weight.shape)


def type_of(name: str, tensor: torch.Tensor, quant: Quant, blocks: Blocks | None = None) -> Any:
    """Vectors stay float32, and so few are they that it costs nothing; a row that fills no whole block is float16."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    if blocks is not None:
        return GGMLQuantizationType[f"Q{blocks.bits}_0"]
    if tensor.dim() == 1:
        return GGMLQuantizationType.F32
    shared = name in ("token_embd.weight", "output.weight")
    kind = GGMLQuantizationType[(shared and quant.embedding) or quant.matrices or "F16"]
    return kind if tensor.shape[-1] % GGML_QUANT_SIZES[kind][0] == 0 else GGMLQuantizationType.F16


def bytes_of(tensor: torch.Tensor, kind: Any) -> int:
    """What a tensor takes as this ggml type."""
    from gguf import GGML_QUANT_SIZES

    block, size = GGML_QUANT_SIZES[kind]
    return tensor.numel() // block * size
