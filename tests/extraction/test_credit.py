from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from smolkit.errors import DataError
from smolkit.extraction.credit import INDEL, LEVENSHTEIN, THRESHOLDED, aligned, credit, leaves, tree, with_accepted

scalars = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", " ", "ab", "abc", "abd", "xyz", "1"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)
line_items = st.lists(st.dictionaries(st.sampled_from("abc"), scalars, max_size=3), max_size=4)


def plain_credit(ref, pred):
    """Rules 1 and 2 read aloud, on the values themselves, with every assignment of a list tried."""
    if isinstance(ref, dict) and isinstance(pred, dict):
        return sum(plain_credit(ref[key], pred[key]) for key in ref.keys() & pred.keys())
    if isinstance(ref, list) and isinstance(pred, list):
        short, long = sorted([ref, pred], key=len)
        pairings = permutations(long, len(short))
        return max(sum(plain_credit(one, other) for one, other in zip(short, way, strict=True)) for way in pairings)
    if isinstance(ref, str) and isinstance(pred, str) and ref.strip() and pred.strip():
        return 1 - Levenshtein.distance(ref, pred) / max(len(ref), len(pred))
    if isinstance(ref, bool) or isinstance(pred, bool):
        return float(ref is pred)
    if isinstance(ref, int) and isinstance(pred, int):
        return float(ref == pred)
    return 0.0


@settings(deadline=None)
@given(values, values)
def test_credit_is_what_the_rules_say_read_aloud(ref, pred):
    assert credit(tree(ref)[0], tree(pred)[0], LEVENSHTEIN) == pytest.approx(plain_credit(ref, pred))


@settings(deadline=None)
@given(line_items, line_items)
def test_credit_of_line_items_is_what_the_rules_say_read_aloud(ref, pred):
    assert credit(tree(ref)[0], tree(pred)[0], LEVENSHTEIN) == pytest.approx(plain_credit(ref, pred))


@settings(deadline=None)
@given(values, values, st.sampled_from([LEVENSHTEIN, INDEL, THRESHOLDED]))
def test_the_similarities_of_aligned_leaves_sum_to_the_credit(ref, pred, similarity):
    ref, pred = tree(ref)[0], tree(pred)[0]
    total = sum(alike for _, _, _, alike in aligned(ref, pred, similarity))
    assert total == pytest.approx(credit(ref, pred, similarity))


@settings(deadline=None)
@given(values)
def test_n_counts_the_leaves_of_the_tree(value):
    of, n = tree(value)
    assert len(list(leaves(of))) == n


@pytest.mark.parametrize(
    ("similarity", "alike"),
    [(LEVENSHTEIN, 4 / 7), (INDEL, 8 / 13), (THRESHOLDED, 4 / 7)],
    ids=["levenshtein", "indel", "thresholded"],
)
def test_the_three_similarities_of_kitten_and_sitting(similarity, alike):
    assert similarity("kitten", "sitting") == pytest.approx(alike)


def test_the_threshold_lets_one_half_pass_and_nothing_below():
    assert THRESHOLDED("ab", "ax") == 0.5
    assert LEVENSHTEIN("abc", "axy") == pytest.approx(1 / 3)
    assert THRESHOLDED("abc", "axy") == 0
    assert THRESHOLDED.matrix(["ab", "abc"], ["ax", "axy"]).tolist() == [[0.5, 0.0], [0.0, 0.0]]


def test_a_value_that_is_not_json_is_refused():
    with pytest.raises(TypeError, match="not a JSON value: set"):
        tree({"a": {1}})


@pytest.mark.parametrize(
    ("output", "accepted", "message"),
    [
        ({"a": "x"}, {"b": ["y"]}, "accepted: 'b' is not a key of the output here. Known: a."),
        ({"a": "x"}, {"a": "y"}, r"accepted.a: expected a list of accepted values, got 'y'. Write \[value\]"),
        ({"a": "x"}, {"a": {"b": ["y"]}}, "accepted.a: accepted values for an object, but the output has none here"),
        ({"a": None}, {"a": ["y"]}, "accepted.a: accepted values where the output has no value of its own"),
        ({"a": {"b": "x"}}, {"a": ["y"]}, "accepted.a: accepted values where the output has no value of its own"),
        ({"a": "x"}, {"a": [["y"]]}, "accepted.a: an accepted value is a text, a number or a boolean"),
        ({"a": ["x", "y"]}, {"a": ["x", "z"]}, r"accepted.a\[0\]: expected a list of accepted values, got 'x'"),
        ({"a": ["x"]}, {"a": [["y"], ["z"]]}, "accepted.a: accepted values for 2 items, the output has 1"),
    ],
)
def test_accepted_values_that_do_not_fit_the_output_are_an_error(output, accepted, message):
    with pytest.raises(DataError, match=message):
        with_accepted(output, accepted)


@pytest.mark.parametrize("accepted", [None, {}, {"a": None}, {"a": []}, {"c": []}, {"a": ["", None]}])
def test_accepted_values_may_say_nothing(accepted):
    assert with_accepted({"a": "x", "b": None}, accepted) == {"a": "x", "b": None}
