"""The tokenizer in a GGUF file: what is written, and which tokenizers are refused."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from smolkit.errors import ModelError
from smolkit.export.gguf_tokenizer import pre_tokenizer_name, read_vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

DIGITS = {"type": "Digits", "individual_digits": True}
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


@pytest.fixture
def own(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """A copy that a test may change."""
    return copy.deepcopy(tokenizer)


def test_the_vocabulary_of_smollm2(tokenizer: PreTrainedTokenizerFast) -> None:
    vocabulary = read_vocabulary(tokenizer, size=len(tokenizer))
    assert vocabulary.pre == "smollm"
    assert vocabulary.tokens[:4] == ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"]
    assert vocabulary.tokens[17] == "!"
    assert vocabulary.types == [3] * 17 + [1] * (len(tokenizer) - 17)
    assert vocabulary.merges[:2] == ["Ġ t", "Ġ a"]
    assert len(vocabulary.merges) == 48_900
    assert vocabulary.special_ids == {"bos": 1, "eos": 2, "eot": 2, "unk": 0, "pad": 2}
    assert vocabulary.chat_template == tokenizer.chat_template


def test_rows_beyond_the_tokenizer_are_unused_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    vocabulary = read_vocabulary(tokenizer, size=len(tokenizer) + 2)
    assert vocabulary.tokens[-2:] == ["[PAD49152]", "[PAD49153]"]
    assert vocabulary.types[-2:] == [5, 5]


def test_added_tokens_are_control_or_user_defined(own: PreTrainedTokenizerFast) -> None:
    own.add_tokens(["<|end-output|>"], special_tokens=True)
    own.add_tokens(["<field>"])
    vocabulary = read_vocabulary(own, size=len(own), end="<|end-output|>")
    assert vocabulary.types[-2:] == [3, 4]
    assert vocabulary.special_ids["eot"] == 49152
    assert vocabulary.special_ids["eos"] == 2


def test_tags_that_mark_trained_tokens_are_left_out_of_the_chat_template(own: PreTrainedTokenizerFast) -> None:
    own.chat_template = "{% if x %}\n{% generation %}\n a{%- endgeneration -%} b{% endif %}"
    plain = read_vocabulary(own, size=len(own)).chat_template
    assert plain == "{% if x %}\n{% if true %}\n a{%- endif -%} b{% endif %}"
    turns = [{"role": "user", "content": "Hi"}]
    expected = own.apply_chat_template(turns, x=True, tokenize=False)
    own.chat_template = plain
    assert own.apply_chat_template(turns, x=True, tokenize=False) == expected


def test_a_tokenizer_without_a_chat_template_has_none(own: PreTrainedTokenizerFast) -> None:
    own.chat_template = None
    assert read_vocabulary(own, size=len(own)).chat_template is None


@pytest.mark.parametrize(
    ("described", "name"),
    [
        ({"type": "Sequence", "pretokenizers": [DIGITS, BYTE_LEVEL]}, "smollm"),
        ({"type": "Sequence", "pretokenizers": [BYTE_LEVEL]}, "gpt-2"),
        (BYTE_LEVEL, "gpt-2"),
        (BYTE_LEVEL | {"trim_offsets": False}, "gpt-2"),
    ],
)
def test_a_known_pre_tokenizer_has_a_name(described: dict[str, Any], name: str) -> None:
    assert pre_tokenizer_name(described) == name


@pytest.mark.parametrize(
    "described",
    [
        None,
        {"type": "Whitespace"},
        BYTE_LEVEL | {"add_prefix_space": True},
        BYTE_LEVEL | {"use_regex": False},
        {"type": "Sequence", "pretokenizers": [DIGITS | {"individual_digits": False}, BYTE_LEVEL]},
        {"type": "Sequence", "pretokenizers": [BYTE_LEVEL, DIGITS]},
        {"type": "Sequence", "pretokenizers": []},
    ],
)
def test_an_unknown_pre_tokenizer_is_refused(described: dict[str, Any] | None) -> None:
    with pytest.raises(ModelError, match=r"no pre-tokenizer of llama\.cpp .* Known are gpt-2, smollm"):
        pre_tokenizer_name(described)


def test_a_tokenizer_that_llama_cpp_would_not_follow_is_refused(own: PreTrainedTokenizerFast) -> None:
    from tokenizers import normalizers, processors

    own.backend_tokenizer.normalizer = normalizers.NFC()
    with pytest.raises(ModelError, match=r"normalises text \(NFC\)"):
        read_vocabulary(own, size=len(own))
    own.backend_tokenizer.normalizer = None
    own.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", 1)]
    )
    with pytest.raises(ModelError, match="adds special tokens of its own"):
        read_vocabulary(own, size=len(own))


def test_what_does_not_fit_the_model_is_refused(own: PreTrainedTokenizerFast) -> None:
    with pytest.raises(ModelError, match="has an id 49151, the embedding only 49000 rows"):
        read_vocabulary(own, size=49_000)
    with pytest.raises(ModelError, match=r"ends an answer with '<\|end-output\|>', which is no token"):
        read_vocabulary(own, size=len(own), end="<|end-output|>")
    own.eos_token = None
    with pytest.raises(ModelError, match="names no end token"):
        read_vocabulary(own, size=len(own))
