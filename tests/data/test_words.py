"""The faster way to ids: for every text the tokenizer's own, or none."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from smolkit.data import words
from smolkit.data.words import open_words

UINT16 = np.dtype("<u2")
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False)
FORMS = {
    "gpt-2": BYTES,
    "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), BYTES]),
    "llama-3": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    ),
}
LETTERS = "abstreAé1²½ \t\n\r\x0b\x1c\x85\xa0\u2003.,'s()_-<|>ß\u0301ЖͶ٣₉"


def trained(form) -> Tokenizer:
    """A small tokenizer that has learnt from Python's own modules."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = form
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1200,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([Path(json.__file__).read_text(), Path(sysconfig.__file__).read_text()], trainer)
    made.encode_special_tokens = True
    return made


@pytest.fixture(scope="module", params=FORMS)
def tokenizer(request) -> Tokenizer:
    return trained(FORMS[request.param])


@pytest.fixture(scope="module")
def fast(tokenizer):
    found = open_words(tokenizer)
    assert found is not None
    return found


def check(tokenizer, fast, text) -> bool:
    found = fast.encode(text, [7], UINT16)
    if found is not None:
        assert found.tolist() == [*tokenizer.encode(text, add_special_tokens=False).ids, 7]
    return found is not None


def test_ids_are_the_tokenizers(tokenizer, fast):
    rng = Random(0)
    assert all(check(tokenizer, fast, "".join(rng.choices(LETTERS, k=rng.randint(0, 30)))) for _ in range(3000))
    for module in ("argparse.py", "email/message.py"):
        assert check(tokenizer, fast, Path(sysconfig.get_path("stdlib"), module).read_text())


@given(text=st.text())
def test_ids_are_the_tokenizers_for_any_text(tokenizer, fast, text):
    check(tokenizer, fast, text)


def test_special_tokens_are_letters(tokenizer, fast):
    assert 0 not in fast.encode("a<|end|>b", [], UINT16)


def test_characters_that_were_not_compared_are_left_to_the_tokenizer(fast):
    assert fast.encode("字", [], UINT16) is None
    assert fast.encode("🙂 smile", [], UINT16) is None


def test_words_are_forgotten_when_they_are_too_many(tokenizer, fast, monkeypatch):
    monkeypatch.setattr(words, "CACHED", 5)
    for text in ("a b c d e f g h", "b c x y", "a b"):
        assert check(tokenizer, fast, text)


def test_tokenizers_of_other_forms_have_no_such_way():
    plain = trained(BYTES)
    forms = [
        pre_tokenizers.Whitespace(),
        pre_tokenizers.ByteLevel(add_prefix_space=True),
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), BYTES]),
        pre_tokenizers.Sequence([pre_tokenizers.Split("x", "removed"), BYTES]),
        pre_tokenizers.Sequence([pre_tokenizers.Punctuation(), pre_tokenizers.Whitespace(), BYTES]),
    ]
    for form in forms:
        plain.pre_tokenizer = form
        assert open_words(plain) is None
    plain.pre_tokenizer = BYTES
    assert open_words(plain) is not None
    plain.add_tokens(["word"])  # it is found before words are cut
    assert open_words(plain) is None


def test_long_words_are_not_remembered(tokenizer, fast):
    long = "x" * 500
    assert check(tokenizer, fast, f"a {long} b {long} a")
    assert check(tokenizer, fast, f"{long} a")
    assert max(map(len, fast._ids)) <= 64


def test_a_long_text_is_cut_in_batches(tokenizer, fast, monkeypatch):
    monkeypatch.setattr(words, "_BATCH", 3)
    monkeypatch.setattr(words, "_LONG", 10)
    assert check(tokenizer, fast, "a bc def  g 12 h, and i\n j 7")


def test_a_pattern_that_only_the_tokenizers_engine_knows_is_left_to_it(monkeypatch):
    monkeypatch.setattr(words, "_pattern_of", lambda form: "(")
    assert open_words(trained(BYTES)) is None
