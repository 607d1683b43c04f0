"""What the gate asks: documents that fit their templates, and strings of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smolkit.export.probes import DOCUMENTS, STRINGS, encodings, prompts
from smolkit.extraction.prompt import FORMATS
from smolkit.extraction.template import Template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def test_there_are_forty_different_strings_or_more_of_every_kind() -> None:
    assert len(set(STRINGS)) == len(STRINGS) >= 40
    text = "".join(STRINGS)
    for kind in (
        "\n2",
        "\t5",
        "é",
        "e\u0301",
        "🙂",
        "\u200d",
        "日",
        "٣",
        "<|im_end|>",
        "<|endoftext|>",
        "  ",
        "\r\n",
        "def ",
    ):
        assert kind in text, repr(kind)


def test_each_string_is_encoded_with_and_without_special_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    made = encodings(tokenizer)
    assert [(text, special) for text, special, _ in made] == [(t, s) for t in STRINGS for s in (False, True)]
    assert sum(2 in ids for _, special, ids in made if special) >= 2
    assert not any(2 in ids for _, special, ids in made if not special)
    assert all(tokenizer.decode(ids) == text for text, _, ids in made)


@pytest.mark.parametrize("prompt_format", FORMATS)
def test_every_prompt_format_has_its_three_prompts(tokenizer: PreTrainedTokenizerFast, prompt_format: str) -> None:
    made = prompts(tokenizer, prompt_format)
    assert list(made) == [document.name for document in DOCUMENTS] == ["note", "invoice", "rental"]
    for document in DOCUMENTS:
        layout = FORMATS[prompt_format]
        assert tokenizer.decode(made[document.name]) == layout.prompt(Template.parse(document.template), document.text)
    assert max(map(len, made.values())) > 200


def test_a_model_without_any_format_reads_the_plain_text(tokenizer: PreTrainedTokenizerFast) -> None:
    import copy

    bare = copy.deepcopy(tokenizer)
    bare.chat_template = None
    made = prompts(bare, None)
    assert [tokenizer.decode(ids) for ids in made.values()] == [document.text for document in DOCUMENTS]
