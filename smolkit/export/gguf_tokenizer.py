"""A byte-level BPE tokenizer as the keys that llama.cpp reads, and a refusal where llama.cpp would cut text otherwise.

What does the cutting is not in a GGUF file: the file names one of the pre-tokenizers that llama.cpp has built in. The
name is decided here by the whole of tokenizer.json's `pre_tokenizer`; the gate then compares ids.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smolkit.errors import ModelError
from smolkit.export.chat import CHAT_END, plain_template

if TYPE_CHECKING:
    from gguf import GGUFWriter
    from transformers import PreTrainedTokenizerFast

_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_DIGITS = {"type": "Digits", "individual_digits": True}

PRE_TOKENIZERS: dict[str, list[dict[str, Any]]] = {
    "gpt-2": [_BYTE_LEVEL],
    "smollm": [_DIGITS, _BYTE_LEVEL],
}
"""llama.cpp's name to the steps of tokenizer.json, offsets left out: they do not change the tokens."""


@dataclass(frozen=True)
class Vocabulary:
    """What a GGUF file says about its tokenizer. Token types are those of `gguf.TokenType`."""

    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    special_ids: dict[str, int]
    """`bos`, `eos`, `eot`, `unk`, `pad`, where the tokenizer has them."""
    chat_template: str | None

    def add_to(self, writer: GGUFWriter) -> None:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        writer.add_token_merges(self.merges)
        for role, token_id in self.special_ids.items():
            getattr(writer, f"add_{role}_token_id")(token_id)
        writer.add_add_bos_token(False)
        writer.add_add_space_prefix(False)
        if self.chat_template:
            writer.add_chat_template(self.chat_template)


def read_vocabulary(tokenizer: PreTrainedTokenizerFast, *, size: int, end: str | None = None) -> Vocabulary:
    """The vocabulary of a model with `size` rows in its embedding; rows beyond the tokenizer become unused tokens.

    `end` is the marker that ends an answer in the model's prompt format. Raises ModelError for a tokenizer that
    llama.cpp would not follow.
    """
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    _check_plain_bpe(backend, tokenizer)
    tokens, types = _tokens(tokenizer, size)
    return Vocabulary(
        pre=pre_tokenizer_name(backend["pre_tokenizer"]),
        tokens=tokens,
        types=types,
        merges=[merge if isinstance(merge, str) else " ".join(merge) for merge in backend["model"]["merges"]],
        special_ids=_special_ids(tokenizer, end),
        chat_template=plain_template(tokenizer),
    )


def pre_tokenizer_name(described: dict[str, Any] | None) -> str:
    """llama.cpp's name for tokenizer.json's `pre_tokenizer`; raises ModelError when it has none that we know."""
    steps = described["pretokenizers"] if described and described["type"] == "Sequence" else [described or {}]
    bare = [{key: value for key, value in step.items() if key != "trim_offsets"} for step in steps]
    for name, known in PRE_TOKENIZERS.items():
        if bare == known:
            return name
    raise ModelError(
        f"no pre-tokenizer of llama.cpp is known to cut text like this one: {json.dumps(described)[:200]}",
        fix=f"Known are {', '.join(PRE_TOKENIZERS)}: use the tokenizer that the model was trained with, as published",
    )


def _check_plain_bpe(backend: dict[str, Any], tokenizer: PreTrainedTokenizerFast) -> None:
    model = backend["model"]
    fault = None
    if model["type"] != "BPE" or model.get("byte_fallback"):
        fault = f"a {model['type']} tokenizer, and only byte-level BPE is written"
    elif model.get("ignore_merges"):
        fault = "the tokenizer ignores its merges for whole words, which this pre-tokenizer of llama.cpp does not"
    elif backend["normalizer"]:
        fault = f"the tokenizer normalises text ({backend['normalizer']['type']}), which llama.cpp would not"
    elif tokenizer("a")["input_ids"] != tokenizer("a", add_special_tokens=False)["input_ids"]:
        fault = "the tokenizer adds special tokens of its own; prompts here write every marker"
    if fault:
        raise ModelError(fault, fix="GGUF export takes the tokenizers of the SmolLM2 family")


def _tokens(tokenizer: PreTrainedTokenizerFast, size: int) -> tuple[list[str], list[int]]:
    from gguf import TokenType

    by_id = {token_id: token for token, token_id in tokenizer.get_vocab().items()}
    if max(by_id) >= size:
        raise ModelError(
            f"the tokenizer has an id {max(by_id)}, the embedding only {size} rows",
            fix="The tokenizer belongs to another model, or the embedding was not resized for added tokens",
        )
    added = tokenizer.added_tokens_decoder
    types = []
    for token_id in range(size):
        if token_id in added:
            types.append(TokenType.CONTROL if added[token_id].special else TokenType.USER_DEFINED)
        else:
            types.append(TokenType.NORMAL if token_id in by_id else TokenType.UNUSED)
    return [by_id.get(token_id, f"[PAD{token_id}]") for token_id in range(size)], [int(kind) for kind in types]


def _special_ids(tokenizer: PreTrainedTokenizerFast, end: str | None) -> dict[str, int]:
    vocab = tokenizer.get_vocab()
    if tokenizer.eos_token_id is None:
        raise ModelError("the tokenizer names no end token (eos_token), so no answer would end")
    if end is not None and end not in vocab:
        raise ModelError(f"the prompt format ends an answer with {end!r}, which is no token of this tokenizer")
    found = {
        "bos": tokenizer.bos_token_id,
        "eos": tokenizer.eos_token_id,
        "eot": vocab.get(end or CHAT_END, tokenizer.eos_token_id),
        "unk": tokenizer.unk_token_id,
        "pad": tokenizer.pad_token_id,
    }
    return {role: token_id for role, token_id in found.items() if token_id is not None}
