"""Documents of a corpus as text again."""

from __future__ import annotations

import json

import pytest

from smolkit.data.samples import HEAD, TAIL, sample
from smolkit.data.text import Filters, Text
from smolkit.data.tokenize import tokenize
from smolkit.errors import DataError


@pytest.fixture
def corpus(tmp_path, bundled):
    texts = ["short text", "word " * 500, *(f"text {n}" for n in range(8))]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    text = Text(path=(str(tmp_path / "a.jsonl"),))
    return tokenize(text, Filters(), tmp_path / "out", model=str(bundled), workers=1, shard_tokens=520)


def test_short_documents_are_whole_and_long_ones_show_both_ends(corpus):
    short, long, *_ = sample(corpus, 10)
    assert (short.head, short.left_out, short.tail, short.end) == ("short text", 0, "", "<|endoftext|>")
    assert long.head == "word" + " word" * (HEAD - 1)
    assert (long.tokens, long.left_out) == (502, 501 - HEAD - TAIL)
    assert long.tail.endswith(" word ")


def test_the_seed_chooses_documents_of_all_shards(corpus):
    assert len(corpus.shards) > 1
    everything = sample(corpus, 99)
    assert len(everything) == 10
    assert [one.head for one in everything[2:]] == [f"text {n}" for n in range(8)]
    some = sample(corpus, 3, seed=1)
    assert some == [one for one in everything if one in some]
    assert some == sample(corpus, 3, seed=1) != sample(corpus, 3, seed=2)
    assert sample(corpus, 0, model="nowhere") == []


def test_another_tokenizer_cannot_decode_it(corpus, tmp_path, word_level):
    with pytest.raises(DataError, match=r"made with the tokenizer of"):
        sample(corpus, 1, model=word_level(tmp_path / "m", ["unk"], None))
