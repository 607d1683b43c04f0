from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smolkit.data.batches import MicroBatch
from smolkit.data.chat import ChatFormat
from smolkit.data.messages import Preference
from smolkit.data.pairs import Pair, collate_pairs, encode_pair
from smolkit.data.render import TokenizerEncoder
from smolkit.errors import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

ASKED = ({"role": "user", "content": "Hi"},)


def test_a_pair_is_one_prompt_and_two_answers_with_their_ends(tokenizer: PreTrainedTokenizerFast) -> None:
    chat = ChatFormat(tokenizer.chat_template, TokenizerEncoder(tokenizer))
    pair = encode_pair(chat, Preference(ASKED, "Hello", "Go away", "p.jsonl:1"))
    for answer, said in ((pair.chosen, "Hello"), (pair.rejected, "Go away")):
        whole = tokenizer.apply_chat_template([*ASKED, {"role": "assistant", "content": said}], tokenize=False)
        assert tokenizer.decode([*pair.prompt, *answer]) + "\n" == whole
    assert pair.longest == len(pair.prompt) + max(len(pair.chosen), len(pair.rejected))


def test_answers_of_the_same_tokens_are_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    trimming = "{% for m in messages %}{{ m.content | trim }}<|im_end|>{% endfor %}"
    chat = ChatFormat(trimming, TokenizerEncoder(tokenizer))
    with pytest.raises(DataError, match=r"^p\.jsonl:1: both answers are the same tokens"):
        encode_pair(chat, Preference(ASKED, "a", "a ", "p.jsonl:1"))


def test_a_template_that_changes_an_answered_prompt_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    template = "{{ messages | length }}{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"
    with pytest.raises(DataError, match="writes the prompt otherwise once it is answered"):
        encode_pair(ChatFormat(template, TokenizerEncoder(tokenizer)), Preference(ASKED, "a", "b", "p.jsonl:1"))


def test_both_answers_go_on_from_one_prompt() -> None:
    pairs = [Pair([1, 2, 3], [4, 5], [6], "a"), Pair([7], [8], [9, 10], "b")]
    batch = collate_pairs(MicroBatch((0, 1), 16), pairs, pad_id=0)
    assert batch["input_ids"].tolist() == [1, 2, 3, 4, 5, 3, 6, 7, 8, 7, 9, 10, 0, 0, 0, 0]
    assert batch["position_ids"].tolist() == [0, 1, 2, 3, 4, 2, 3, 0, 1, 0, 1, 2, 0, 0, 0, 0]
    assert batch["lengths"] == (2, 3, 2, 0, 2, 3)
    assert batch["after"] == (-1, 0, 0, -1, 3, 3)
    assert batch["at"].tolist() == [2, 3, 5, 7, 9, 10]
    assert batch["targets"].tolist() == [4, 5, 6, 8, 9, 10]
    assert batch["answer_lengths"] == (2, 1, 1, 2)
    assert sum(pair.length for pair in pairs) == 12
