"""Windows over real tokens, the merge rules, and values found again."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolkit.errors import SmolkitError, TemplateError
from smolkit.extraction.spans import Span
from smolkit.extraction.template import Template
from smolkit.extraction.windows import Merged, Window, locate_values, merge, split_windows


def tokens_of(text: str) -> list[tuple[int, int]]:
    """Offsets like those of a byte-level tokenizer: a word with the space before it, or one character."""
    return [found.span() for found in re.finditer(r" ?[a-z]+|.", text, re.DOTALL)]


def count(text: str, window: Window) -> int:
    start, end = window.start, window.start + len(window.text)
    return sum(start <= token[0] < end for token in tokens_of(text))


# ---- cutting


@settings(deadline=None)
@given(
    st.text(st.sampled_from("abc \n.é"), max_size=300),
    st.integers(1, 40).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size // 2))),
)
def test_windows_cover_the_text_overlap_and_keep_their_size(text, sizes):
    size, overlap = sizes
    windows = split_windows(text, tokens_of(text), size, overlap)
    assert windows[0].start == 0
    assert windows[-1].start + len(windows[-1].text) == len(text)
    for window in windows:
        assert text[window.start : window.start + len(window.text)] == window.text
        assert count(text, window) <= size
    for before, after in pairwise(windows):
        end = before.start + len(before.text)
        assert before.start < after.start <= end
        assert count(text, Window(text[after.start : end], after.start)) >= overlap or after.start == before.start + 1
    assert windows == split_windows(text, tokens_of(text), size, overlap)


def test_cuts_fall_on_white_space_where_there_is_some():
    text = "one two three four five six seven eight nine ten eleven twelve"
    syllables = [found.span() for found in re.finditer(r" ?[a-z]{1,2}", text)]
    windows = split_windows(text, syllables, size=12, overlap=4)
    assert len(windows) > 2
    for window in windows:
        for at in (window.start, window.start + len(window.text)):
            assert not re.fullmatch(r"\w\w", text[max(at - 1, 0) : at + 1])


def test_a_short_text_is_one_window_and_no_text_is_one_too():
    assert split_windows("a b", tokens_of("a b"), 10, 2) == [Window("a b", 0)]
    assert split_windows("", [], 10, 2) == [Window("", 0)]


def test_a_character_of_several_tokens_is_not_cut():
    text = "😀" * 20
    offsets = [(at, at + 1) for at in range(20) for _ in range(3)]
    for window in split_windows(text, offsets, size=10, overlap=3):
        assert set(window.text) == {"😀"}
        assert len(window.text) <= 4


def test_a_real_tokenizers_offsets_work(tokenizer):
    text = "Théière « Été » 12,50 €\n" * 60
    encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    windows = split_windows(text, encoded["offset_mapping"], size=200, overlap=40)
    assert len(windows) > 2
    for window in windows:
        assert len(tokenizer(window.text, add_special_tokens=False)["input_ids"]) <= 202
    rebuilt = windows[0].text
    for window in windows[1:]:
        rebuilt += window.text[len(rebuilt) - window.start :]
    assert rebuilt == text


def test_windows_that_would_not_advance_are_refused():
    with pytest.raises(SmolkitError, match="windows of 200 tokens cannot overlap by 128"):
        split_windows("a", [(0, 1)], 200)


# ---- merging

CONTRACT = Template.parse(
    {
        "party": "string",
        "term": "string",
        "place": {"city": "", "state": ""},
        "tags": [["new", "used"]],
        "lines": [{"name": "", "price": "number"}],
    }
)


def test_a_scalar_is_the_most_frequent_value_and_the_earliest_of_equals():
    outputs = [
        {"party": None, "term": "1 year", "place": {"city": "Rome"}},
        {"party": "Acme  Inc", "term": "2 years", "place": {"state": "RM"}},
        {"party": "Acme\nInc", "term": "2 years", "place": {"city": "Oslo"}},
        {"party": "Other", "term": "1 year"},
    ]
    merged = merge(CONTRACT, outputs)
    assert merged.output["party"] == "Acme  Inc"
    assert merged.output["term"] == "1 year"
    assert merged.output["place"] == {"city": "Rome", "state": "RM"}
    assert merged.origins == {"party": 1, "term": 0, "place.city": 0, "place.state": 1}


def test_a_list_is_the_union_in_order_and_its_own_repeats_stay():
    cup, pot = {"name": "cup", "price": 1}, {"name": "pot", "price": 2}
    outputs = [
        {"lines": [cup, cup], "tags": ["used"]},
        {"lines": [{"price": 1, "name": "cup "}, pot], "tags": ["new", "used"]},
        {"lines": [pot]},
    ]
    merged = merge(CONTRACT, outputs)
    assert merged.output["lines"] == [cup, cup, pot]
    assert merged.output["tags"] == ["used", "new"]
    assert merged.origins["lines[2].name"] == 1
    assert merged.origins["tags[0]"] == 0


values = st.sampled_from([None, "a", "b", "c d"])
answers = st.fixed_dictionaries(
    {
        "party": values,
        "place": st.fixed_dictionaries({"city": values}),
        "tags": st.lists(st.sampled_from(["new", "used"]), unique=True),
        "lines": st.lists(
            st.fixed_dictionaries({"name": values, "price": st.sampled_from([None, 1, 2.5])}), max_size=4
        ),
    }
)


@given(st.lists(answers, min_size=1, max_size=4))
def test_merging_gives_a_fitting_output_and_agrees_with_itself(outputs):
    output, origins = merge(CONTRACT, outputs)
    assert CONTRACT.problems(output) == []
    assert CONTRACT.conform(output) == output
    assert all(0 <= window < len(outputs) for window in origins.values())
    assert merge(CONTRACT, [output, output]).output == output
    assert merge(CONTRACT, [*outputs, {}]).output == output
    assert merge(CONTRACT, outputs[:1]).output == CONTRACT.conform(outputs[0])


def test_no_windows_are_an_empty_answer_and_a_wrong_one_is_refused():
    assert merge(CONTRACT, []) == Merged(CONTRACT.conform({}), {})
    with pytest.raises(TemplateError, match=r"^lines\[0\].price: expected a number"):
        merge(CONTRACT, [{"lines": [{"price": "free"}]}])


# ---- finding


def located(template: Template, output: dict, text: str, starts: dict[str, int] | None = None) -> dict[str, str]:
    return {path: text[span.start : span.end] for path, span in locate_values(template, output, text, starts).items()}


def test_each_value_has_its_place_in_the_source():
    template = Template.parse({"shop": "", "total": "number", "open": "boolean", "day": "date", "lines": [""]})
    text = "The  Tea\nShop 2012\ncup\npot\ncup\nTotal 12.5"
    output = {"shop": "The Tea Shop", "total": 12.5, "open": True, "day": "2024-01-01", "lines": ["cup", "cup", "pot"]}
    spans = locate_values(template, output, text)
    assert spans["shop"] == Span(0, 13)
    assert text[slice(*spans["total"])] == "12.5"
    assert (spans["lines[0]"], spans["lines[1]"]) == (Span(19, 22), Span(27, 30))
    assert spans["lines[2]"] == Span(23, 26)
    assert set(spans) == {"shop", "total", "lines[0]", "lines[1]", "lines[2]"}


def test_fields_of_an_item_are_sought_near_its_longest_one():
    template = Template.parse({"lines": [{"count": "integer", "name": "", "price": ""}]})
    text = "table 1\n1 tea pot 9\n1 tea cup 9\n"
    output = {"lines": [{"count": 1, "name": "tea pot", "price": "9"}, {"count": 1, "name": "tea cup", "price": "9"}]}
    spans = locate_values(template, output, text)
    for index, line in enumerate(["1 tea pot 9", "1 tea cup 9"]):
        at = text.index(line)
        for name in ("count", "name", "price"):
            assert at <= spans[f"lines[{index}].{name}"].start < at + len(line)


def test_a_value_of_a_later_window_is_sought_there_first():
    template = Template.parse({"city": ""})
    text = "Rome and later Rome"
    assert locate_values(template, {"city": "Rome"}, text) == {"city": Span(0, 4)}
    assert locate_values(template, {"city": "Rome"}, text, {"city": 5}) == {"city": Span(15, 19)}
    assert locate_values(template, {"city": "Rome"}, text, {"city": 17}) == {"city": Span(0, 4)}


def test_a_value_that_is_not_in_the_source_has_no_place():
    template = Template.parse({"a": "", "b": {"c": ""}, "d": []})
    assert locate_values(template, {"a": "Paris", "b": {"c": None}, "d": ["x"]}, "Rome") == {}
    assert located(template, {"b": {"c": "Rome"}}, "in Rome") == {"b.c": "Rome"}
