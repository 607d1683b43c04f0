"""Collapsed white space and the way back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smolkit.extraction.spans import Span, collapse, find_span, find_spans

texts = st.text(st.sampled_from("ab1 \n\t\u00a0é😀.,"), max_size=60)


@given(texts)
def test_collapsing_is_split_and_join_with_one_offset_a_character(text):
    collapsed = collapse(text)
    assert collapsed.text == " ".join(text.split())
    assert len(collapsed.offsets) == len(collapsed.text)
    assert list(collapsed.offsets) == sorted(set(collapsed.offsets))
    for char, offset in zip(collapsed.text, collapsed.offsets, strict=True):
        assert text[offset] == char or (char == " " and text[offset].isspace())


@given(texts, st.integers(0, 60), st.integers(1, 8))
def test_a_piece_of_the_document_is_found_and_its_span_says_the_same(text, at, length):
    collapsed = collapse(text)
    value = collapsed.text[at : at + length].strip()
    if not value:
        return
    for span in find_spans(collapsed, value):
        assert " ".join(text[span.start : span.end].split()) == value
        assert not text[span.start].isspace()
    assert find_span(collapsed, value) == find_spans(collapsed, value)[0]


def test_a_value_is_found_across_line_breaks():
    text = "SHOP\n\n12  High\tStreet\nLondon"
    assert find_span(collapse(text), "12 High Street London") == Span(6, len(text))
    assert find_span(collapse(text), "12 High\nStreet") == Span(6, 21)


def test_whole_words_go_before_parts_of_words():
    collapsed = collapse("2012: 120, then 12 and 12")
    assert find_spans(collapsed, "12") == [Span(16, 18), Span(23, 25)]
    assert find_spans(collapsed, "01") == [Span(1, 3)]
    assert find_span(collapsed, "12", start=17) == Span(23, 25)
    assert find_span(collapsed, "12", start=24) is None


def test_nothing_is_found_of_an_empty_or_foreign_value():
    assert find_span(collapse("abc"), " ") is None
    assert find_span(collapse(""), "a") is None
    assert find_spans(collapse("abc"), "ABC") == []
