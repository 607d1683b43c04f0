from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from smolkit.errors import DataError
from smolkit.extraction.spans import Span, collapse
from smolkit.extraction.template import Template
from smolkit.runtime.extractor import Request, _locate, token_offsets

if TYPE_CHECKING:
    from smolkit.runtime.extractor import Extractor

TEXT = 'Café "Zur Post"\nTel. 030 1234\n\nKuchen  4,50 €\nKaffee 3,20 €\nSumme: 7,70 €'
TEMPLATES = [
    {"name": "", "total": ""},
    {"name": "verbatim-string", "count": "integer", "paid": "boolean", "when": "date"},
    {"shop": {"name": "verbatim-string", "phone": "phone-number"}, "items": [{"what": "string", "price": "number"}]},
    {"kind": ["invoice", "receipt"], "tags": [["food", "drink", "other"]], "notes": []},
]


@pytest.mark.parametrize("source", TEMPLATES)
@pytest.mark.parametrize("budget", [1, 5, 40, 300])
def test_noise_is_made_to_fit_the_template_within_any_budget(tiny: Extractor, source: dict, budget: int) -> None:
    template = Template.parse(source)
    answer = tiny.extract(TEXT, template, max_new_tokens=budget)
    assert answer.output is not None
    assert list(answer.output) == list(source)
    assert json.loads(answer.raw).keys() == source.keys()
    assert template.problems(answer.output) == []
    if budget == 1:
        assert answer.truncated


def test_copied_values_stand_in_the_document(tiny: Extractor) -> None:
    answer = tiny.extract(TEXT, Template.parse({"a": "verbatim-string", "b": "verbatim-string"}), max_new_tokens=60)
    plain = tiny.extract(TEXT, Template.parse({"a": "", "b": ""}), verbatim=True, max_new_tokens=60)
    for output, spans in ((answer.output, answer.spans), (plain.output, plain.spans)):
        assert output is not None
        for path, value in output.items():
            if value is not None:
                assert value in collapse(TEXT).text
                start, end = spans[path]
                assert " ".join(TEXT[start:end].split()) == value


def test_a_batch_gives_what_each_document_gives_alone(tiny: Extractor) -> None:
    template = Template.parse(TEMPLATES[0])
    texts = [TEXT, "short", TEXT * 2, "Post 77"]
    together = list(tiny.extract_many([Request(text, template) for text in texts], max_new_tokens=24))
    alone = [tiny.extract(text, template, max_new_tokens=24) for text in texts]
    assert [answer.raw for answer in together] == [answer.raw for answer in alone]


def test_a_kept_beginning_changes_nothing(tiny: Extractor) -> None:
    template = Template.parse(TEMPLATES[1])
    first = tiny.extract(TEXT, template, max_new_tokens=30).raw
    again = tiny.extract(TEXT, template, max_new_tokens=30).raw
    tiny.backend.forget()
    assert first == again == tiny.extract(TEXT, template, max_new_tokens=30).raw


def test_a_streamed_answer_joins_to_the_raw_one(tiny: Extractor) -> None:
    template = Template.parse(TEMPLATES[2])
    pieces = list(tiny.stream(TEXT, template, max_new_tokens=40))
    assert len(pieces) > 3
    assert "".join(pieces) == tiny.extract(TEXT, template, max_new_tokens=40).raw


def test_an_answer_that_is_followed_grows_and_ends_as_the_extraction(tiny: Extractor) -> None:
    template = Template.parse(TEMPLATES[2])
    *steps, last = tiny.follow(TEXT, template, max_new_tokens=40)
    assert all(after.raw.startswith(before.raw) for before, after in pairwise(steps))
    assert {(step.read, step.windows, step.extraction) for step in steps} == {(0, 1, None)}
    assert last.extraction is not None
    assert replace(last.extraction, seconds=0.0) == replace(
        tiny.extract(TEXT, template, max_new_tokens=40), seconds=0.0
    )
    assert (last.raw, last.read) == (last.extraction.raw, 1)


def test_a_long_document_is_followed_window_by_window(tiny: Extractor) -> None:
    template = Template.parse({"a": ""})
    options = {"window": 400, "overlap": 64, "max_new_tokens": 8}
    *steps, last = tiny.follow("word " * 1000, template, **options)
    assert {step.windows for step in steps} == {3} == {last.read}
    assert last.extraction is not None
    assert last.extraction.output == tiny.extract("word " * 1000, template, **options).output


def test_an_answer_that_nobody_follows_any_more_leaves_the_model_to_the_next(tiny: Extractor) -> None:
    template = Template.parse(TEMPLATES[2])
    expected = tiny.extract(TEXT, template, max_new_tokens=40).raw
    begun = tiny.follow(TEXT, template, max_new_tokens=40)
    next(begun)
    begun.close()
    assert tiny.extract(TEXT, template, max_new_tokens=40).raw == expected


def test_a_stream_waits_for_whole_characters_until_the_answer_is_over(
    tiny: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = tiny.backend.encode("a 🍰 b 🍰", special=False)
    logits = (np.eye(1, tiny.backend.vocab_size, token, dtype=np.float32) for token in written)
    monkeypatch.setattr(tiny.backend, "prefill", lambda prompts: next(logits))
    monkeypatch.setattr(tiny.backend, "append", lambda tokens: next(logits))
    budget = len(written) - 1  # ends inside the last character
    pieces = list(tiny.stream("x", Template.parse({"a": ""}), constrained=False, max_new_tokens=budget))
    assert "".join(pieces) == tiny.backend.decode(written[:budget]) == "a 🍰 b \ufffd"
    assert all("\ufffd" not in piece for piece in pieces[:-1])


def test_a_document_of_several_windows_is_not_streamed(tiny: Extractor) -> None:
    with pytest.raises(DataError, match="a document of 3 windows cannot be streamed"):
        next(tiny.stream("word " * 1000, Template.parse({"a": ""}), window=400, overlap=64))


def test_a_value_that_does_not_fit_costs_no_other_its_place() -> None:
    template = Template.parse({"payee": "verbatim-string", "account": "iban"})
    request = Request("Odile Ferrand DE00370400440532013000", template)
    wrong = {"payee": "Odile Ferrand", "account": "DE00370400440532013000"}
    assert _locate(request, wrong, {}) == {"payee": Span(0, 13)}
    listed = Request(request.text, Template.parse({"payee": "verbatim-string", "accounts": ["iban"]}))
    assert _locate(listed, {"payee": "Odile Ferrand", "accounts": [wrong["account"]]}, {}) == {}


def test_an_empty_document_fills_a_template_with_nothing(tiny: Extractor) -> None:
    template = Template.parse({"a": "verbatim-string", "b": ["verbatim-string"], "c": {"d": "verbatim-string"}})
    for text in ("", " \n\t"):
        answer = tiny.extract(text, template)
        assert answer.output == {"a": None, "b": [], "c": {"d": None}}
        assert answer.spans == {}


def test_a_long_document_is_read_in_windows_and_spans_point_into_it(tiny: Extractor) -> None:
    text = " ".join(f"word{number} costs {number}.50" for number in range(220))
    template = Template.parse(dict.fromkeys(("item", "price", "word", "number", "first"), "verbatim-string"))
    answer = tiny.extract(text, template, window=400, overlap=64, max_new_tokens=80)
    assert answer.windows > 2
    assert answer.output is not None
    found = {path: value for path, value in answer.output.items() if value is not None}
    assert found
    for path, value in found.items():
        start, end = answer.spans[path]
        assert text[start:end] == value


def test_without_the_grammar_noise_does_not_parse(tiny: Extractor) -> None:
    answer = tiny.extract(TEXT, Template.parse({"a": ""}), constrained=False, max_new_tokens=8)
    assert answer.output is None
    assert answer.truncated
    assert answer.forced_tokens == 0


def test_a_template_that_fills_the_context_is_refused(tiny: Extractor) -> None:
    with pytest.raises(DataError, match="of a context of 2048"):
        tiny.extract("x", Template.parse({f"field number {at}": "" for at in range(400)}))


@pytest.mark.parametrize("text", ["", "plain", TEXT, "漢字 and 🍰"])
def test_token_offsets_cover_the_text(tiny: Extractor, text: str) -> None:
    offsets = token_offsets(tiny.backend, text)
    assert [start for start, _ in offsets] == sorted(start for start, _ in offsets)
    assert (offsets[0][0], offsets[-1][1]) == (0, len(text)) if text else offsets == []
