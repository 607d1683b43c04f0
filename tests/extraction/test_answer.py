from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolkit.extraction.answer import MAX_DEPTH, parse_answer, repair, scalar_places, scalars

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(values)
def test_json_of_any_shape_is_an_answer(value):
    answer = parse_answer(f" \n{json.dumps(value)}\n")
    assert not answer.invalid
    assert answer.value == answer.scored == answer.repaired == value


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "no answer",
        '```json\n{"a": 1}\n```',
        'Here it is: {"a": 1}',
        '{"a": 1} {"b": 2}',
        '{"a": 1,}',
        "{'a': 1}",
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": "b',
        '\ufeff{"a": 1}',
        "[" * 100_000,
        "1" * 10_000,
        '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
    ],
)
def test_what_is_not_json_is_invalid_and_scored_as_an_empty_object(raw):
    answer = parse_answer(raw)
    assert answer.invalid
    assert answer.error
    assert answer.value is None
    assert answer.scored == {}


def test_brackets_inside_strings_are_not_nesting():
    assert not parse_answer(json.dumps({"a": "[" * 500, "b": '\\"{' * 500})).invalid


def test_a_key_that_stands_twice_is_reported_with_its_path_and_the_last_one_counts():
    answer = parse_answer('{"a": 1, "b": [{"c": 1}, {"c": 2, "d": 0, "c": 3}], "a": 4, "a": 5}')
    assert answer.value == {"a": 5, "b": [{"c": 1}, {"c": 3, "d": 0}]}
    assert answer.duplicates == ("a", "b[1].c")


def test_an_answer_without_double_keys_reports_none():
    assert parse_answer('{"a": {"a": 1}, "b": {"a": 2}}').duplicates == ()


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('```json\n{"a": [1, 2\n```', {"a": [1, 2]}),
        ('Sure! {"a": "x"} Anything else?', {"a": "x"}),
        ('{"a": 1} {"b": 2}', {"a": 1}),
        ('{"a": "b", "c": "de', {"a": "b", "c": "de"}),
        ('{"a": [1, {"b": 2', {"a": [1, {"b": 2}]}),
        ('{"a": 1, "b":', {"a": 1}),
        ('{"a": 1, "b', {"a": 1}),
        ('{"a": 1, "b": tru', {"a": 1}),
        ('{"a": 1, "b": "x\\', {"a": 1}),
        ('{"a": {"b": 1,}', {"a": {"b": 1}}),
        ('{"a": "},", "b": [1,', {"a": "},", "b": [1]}),
        ("{'a': 1}", {}),
        ("nothing", {}),
        ("{" * 100_000, {}),
    ],
)
def test_the_repaired_column_reads_the_first_object_as_far_as_it_goes(raw, value):
    answer = parse_answer(raw)
    assert answer.invalid
    assert answer.repaired == value


@settings(deadline=None)
@given(values.filter(lambda value: isinstance(value, dict)), st.integers(0, 200))
def test_an_object_cut_anywhere_is_repaired_into_an_object(value, length):
    cut = json.dumps(value, ensure_ascii=False)[:length]
    assert isinstance(repair(cut), dict)


def test_a_valid_answer_is_never_repaired():
    answer = parse_answer('["{", 1]')
    assert answer.repaired == ["{", 1]


@settings(deadline=None)
@given(values, st.sampled_from([None, 2]))
def test_every_scalar_is_found_where_it_stands(value, indent):
    text = f" {json.dumps(value, indent=indent)}\n"
    places = scalar_places(text)
    assert [(path, found) for path, found, _ in places] == list(scalars(value))
    assert [json.loads(text[start:end]) for _, _, (start, end) in places] == [found for _, found in scalars(value)]


def test_scalars_are_named_by_their_paths():
    value = {"a": {"b": [1, {"c.d": None}]}, "e": [], "f": "x"}
    assert list(scalars(value)) == [("a.b[0]", 1), ('a.b[1]["c.d"]', None), ("f", "x")]
