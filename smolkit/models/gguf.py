"""GGUF in: the adapter over transformers' GGUF reader, with the tokenizer that llama.cpp would use.

transformers rebuilds a byte-level tokenizer from a GGUF file without the pre-tokenizer that the file names, so that
white space before a digit is cut differently than in training; `smollm` files get it back here.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from smolkit.errors import ModelError
from smolkit.models.gguf_header import read_header

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# What the readers of transformers and gguf raise for a file that is cut short or no GGUF at all.
_UNREADABLE = (OSError, ValueError, KeyError, IndexError, struct.error)


def read_tokenizer(gguf_file: Path) -> PreTrainedTokenizerFast:
    """The tokenizer inside a GGUF file; raises ModelError when the file has none that can be read."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(gguf_file.parent), gguf_file=gguf_file.name)
    except _UNREADABLE as exc:
        raise ModelError(f"not a readable GGUF file ({_first_line(exc)})", where=str(gguf_file)) from exc
    if read_header(gguf_file).fields.get("tokenizer.ggml.pre") == "smollm":
        _split_digits(tokenizer)
    return tokenizer


def convert(gguf_file: Path, target: Path) -> None:
    """Write the dequantised float32 weights and the tokenizer as a Hugging Face directory, with its manifest."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    from smolkit.manifest import Manifest, Source, staged, write
    from smolkit.models.load import check_filled, quiet_transformers
    from smolkit.models.save import save_model

    quiet_transformers()
    tokenizer = read_tokenizer(gguf_file)
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            str(gguf_file.parent),
            gguf_file=gguf_file.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
            output_loading_info=True,
        )
    except _UNREADABLE as exc:
        raise ModelError(f"these GGUF weights cannot be read ({_first_line(exc)})", where=str(gguf_file)) from exc
    check_filled(report, gguf_file)
    with staged(target, overwrite=True) as staging:
        save_model(model, tokenizer, staging)
        write(staging, Manifest(kind="model", sources=(Source.of("gguf", gguf_file),)))


def _split_digits(tokenizer: PreTrainedTokenizerFast) -> None:
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )


def _first_line(exc: Exception) -> str:
    return str(exc).strip().partition("\n")[0] or type(exc).__name__
