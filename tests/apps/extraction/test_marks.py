"""The text with its values marked: nothing of it lost, everything in it text, what is known of each value beside it."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolkit.apps.extraction.marks import Segment, marked_text, segments
from smolkit.extraction.spans import Span
from smolkit.runtime.extractor import Extraction


class Reader(HTMLParser):
    """What a browser would see: tags, the attributes of marks and legend entries, and the text of the source."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: set[str] = set()
        self.marks: list[dict[str, str | None]] = []
        self.entries: list[dict[str, str | None]] = []
        self.source: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        if tag == "mark":
            self.marks.append(given)
        if tag == "a":
            self.entries.append(given)
        if given.get("class") == "source":
            self.source = ""
        if tag == "p" and self.source is not None:
            self.handle_data = lambda data: None  # type: ignore[method-assign]

    def handle_data(self, data: str) -> None:
        if self.source is not None:
            self.source += data


def answer(output: dict[str, object], spans: dict[str, Span], scores: dict[str, float]) -> Extraction:
    return Extraction(
        output=output,
        raw="",
        spans=spans,
        scores=scores,
        truncated=False,
        prompt_tokens=1,
        new_tokens=1,
        forced_tokens=0,
        seconds=1.0,
        windows=1,
    )


def test_segments_cut_the_text_at_the_values() -> None:
    spans = {"items[0].name": Span(4, 7), "items[1].name": Span(9, 12), "total": Span(12, 14)}
    assert segments("buy tea, jam€9.", spans) == [
        ("buy ", ()),
        ("tea", ("items[0].name",)),
        (", ", ()),
        ("jam", ("items[1].name",)),
        ("€9", ("total",)),
        (".", ()),
    ]


def test_a_piece_of_two_values_names_both() -> None:
    spans = {"address": Span(0, 9), "city": Span(4, 9)}
    assert segments("1 A Paris.", spans) == [("1 A ", ("address",)), ("Paris", ("address", "city")), (".", ())]


def test_a_text_without_values_is_one_segment() -> None:
    assert segments("nothing", {}) == [Segment("nothing", ())]


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6))
def test_segments_lose_no_character_and_mark_each_with_the_values_over_it(
    text: str, edges: list[tuple[int, int]]
) -> None:
    pairs = [sorted((min(one, len(text)), min(other, len(text)))) for one, other in edges]
    spans = {f"f{index}": Span(start, end) for index, (start, end) in enumerate(pairs)}
    pieces = segments(text, spans)
    assert "".join(piece.text for piece in pieces) == text
    marks = [piece.paths for piece in pieces for _ in piece.text]
    for at, paths in enumerate(marks):
        assert paths == tuple(path for path, span in spans.items() if span.start <= at < span.end)


def test_a_mark_says_field_value_place_and_score() -> None:
    found = answer({"items": [{"name": "tea"}]}, {"items[0].name": Span(4, 7)}, {"items[0].name": 0.928})
    (mark,) = Reader(marked_text("buy tea", found)).marks
    assert mark["aria-description"] == "items[0].name: tea · characters 4-7 · model's probability 0.93"
    assert mark["tabindex"] == "0"


def test_a_value_that_was_forced_has_no_score_and_a_long_one_is_cut() -> None:
    text = "x" * 300
    (mark,) = Reader(marked_text(text, answer({"a": text}, {"a": Span(0, 300)}, {}))).marks
    assert mark["aria-description"] == "a: " + "x" * 119 + "… · characters 0-300"


def test_a_field_has_one_number_and_colour_in_all_its_marks_and_in_the_legend() -> None:
    output = {"items": [{"name": "tea"}, {"name": "jam"}], "total": 9}
    spans = {"items[0].name": Span(0, 3), "items[1].name": Span(4, 7), "total": Span(8, 9)}
    read = Reader(marked_text("tea jam 9", answer(output, spans, {})))
    assert [mark["data-number"] for mark in read.marks] == ["1", "1", "2"]
    assert [entry["data-field"] for entry in read.entries] == ["1", "2"]
    hues = {mark["data-number"]: re.findall(r"--hue:(\d+)", mark["style"] or "") for mark in read.marks}
    assert hues["1"] != hues["2"]
    assert [re.findall(r"--hue:(\d+)", entry["style"] or "") for entry in read.entries] == [hues["1"], hues["2"]]
    page = marked_text("tea jam 9", answer(output, spans, {}))
    assert "items[].name ×2</a>" in page
    for entry in read.entries:
        assert f'<span id="{(entry["href"] or "")[1:]}"></span><mark' in page


def test_a_piece_of_two_fields_tells_of_both_and_belongs_to_both() -> None:
    spans = {"address": Span(0, 9), "city": Span(4, 9)}
    read = Reader(marked_text("1 A Paris.", answer({"address": "1 A Paris", "city": "Paris"}, spans, {"city": 0.5})))
    assert [mark["data-fields"] for mark in read.marks] == ["1", "1 2"]
    assert read.marks[1]["aria-description"] == (
        "address: 1 A Paris · characters 0-9\ncity: Paris · characters 4-9 · model's probability 0.50"
    )


def test_values_that_do_not_stand_in_the_text_are_listed_below_it_and_missing_ones_are_not() -> None:
    found = answer({"date": "2025-03-03", "name": None}, {}, {"date": 0.9, "name": 0.8})
    page = marked_text("on 3 March", found)
    assert "<li>date: 2025-03-03 · model&#x27;s probability 0.90</li>" in page
    assert "name" not in page.partition("elsewhere")[2]
    assert Reader(page).marks == []


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)> ${window.hit=1} {{value}} </style> &amp;'


@pytest.mark.parametrize("place", ["text", "value", "key"])
def test_code_in_texts_values_and_keys_stays_text(place: str) -> None:
    text = HOSTILE if place == "text" else "tea"
    key = HOSTILE if place == "key" else "name"
    value = HOSTILE if place == "value" else "tea"
    span = {key: Span(0, len(text))} if place != "value" else {}
    read = Reader(marked_text(text, answer({key: value}, span, {})))
    assert read.tags <= {"div", "style", "ul", "li", "a", "span", "mark", "p"}
    assert all(
        set(mark) <= {"tabindex", "data-fields", "data-number", "style", "aria-description"} for mark in read.marks
    )
    if place == "text":
        assert read.source == HOSTILE
    assert html.escape(HOSTILE) in marked_text(text, answer({key: value}, span, {}))
