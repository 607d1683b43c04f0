"""Rules on texts, each beside the nearest text that it lets through, and duplicates."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from smolkit.data.quality import find_repetition, fingerprint, judge, near_duplicates, repeated_rows
from smolkit.data.text import Filters, Repetition


def prose(words: int, seed: int = 0) -> str:
    rng = Random(seed)
    return " ".join("".join(rng.choices("abcdefghijkl", k=rng.randint(2, 9))) for _ in range(words))


@pytest.mark.parametrize(
    ("text", "filters", "reason"),
    [
        (" \n", Filters(), "empty"),
        ("ab", Filters(min_chars=3), "under 3 characters"),
        ("abc", Filters(min_chars=3, max_chars=3), None),
        ("abcd", Filters(max_chars=3), "over 3 characters"),
        ("a b", Filters(min_words=3), "under 3 words"),
        ("a b c", Filters(min_words=3), None),
        ("one\n\nanother\n\nand more\n\nto say", Filters(repetition=Repetition()), None),
        ("same\n" * 9, Filters(repetition=Repetition()), "repetition: lines"),
        ("same\n" * 9, Filters(), None),
    ],
)
def test_rules_on_a_text(text, filters, reason):
    assert judge(text, filters) == reason


def test_each_kind_of_repetition_has_its_limit():
    text = prose(300)
    assert find_repetition(text, Repetition()) is None
    paragraph = prose(12, seed=1)
    assert find_repetition("\n\n".join([paragraph] * 4 + [text[:300]]), Repetition()) == "repetition: paragraphs"
    long_line = "\n".join([paragraph * 5, paragraph * 5, *(prose(8, seed=n) for n in range(9))])
    assert find_repetition(long_line, Repetition()) == "repetition: characters in lines"
    pair = " ".join(f"of course {word}" for word in prose(60).split())
    assert find_repetition(pair, Repetition()) == "repetition: the most frequent 2 words"
    run = " ".join(f"{' '.join(paragraph.split())} {prose(30, seed=n)}" for n in range(5))
    limits = Repetition(top_ngrams={})
    assert find_repetition(run, limits) == "repetition: runs of 5 words"
    assert find_repetition(run, Repetition(top_ngrams={}, duplicate_ngrams={})) is None


def test_what_repeats_once_over_counts_once():
    words = " ".join(["word"] * 10)
    limits = Repetition(duplicate_lines=None, top_ngrams={}, duplicate_ngrams={2: 0.8})
    assert find_repetition(words, limits) is None  # 9 of 10 words, without the spaces: 36 of 49 characters
    assert find_repetition(words, Repetition(top_ngrams={}, duplicate_ngrams={2: 0.7})) is not None


def test_equal_texts_are_found_whatever_their_case_and_white_space():
    texts = ["A b", "other", "a  B\n", "a c", "A B"]
    hashes = np.stack([fingerprint(text) for text in texts])
    assert repeated_rows(hashes).tolist() == [False, False, True, False, True]


def test_near_duplicates_are_linked_by_any_bucket_and_the_first_stays():
    buckets = np.array([[1, 9], [5, 7], [1, 3], [0, 0], [8, 3], [0, 0], [6, 6]], np.uint64)
    assert near_duplicates(buckets).tolist() == [False, False, True, False, True, False, False]
    assert near_duplicates(np.zeros((3, 2), np.uint64)).tolist() == [False] * 3
