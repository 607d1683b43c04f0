from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from smolkit.extraction.grammar import compile_grammar
from smolkit.extraction.template import Template
from smolkit.runtime.decoding import Answer, decode, matcher_for
from smolkit.runtime.scores import ScoredValue, scored_values, scores_by_path

if TYPE_CHECKING:
    from smolkit.runtime.extractor import Extractor

TEXT = "Café Zur Post, Kuchen 4,50"


def _answer(tiny: Extractor, raw: str, logprob: float, forced: str = "") -> Answer:
    """An answer of which each token was chosen with one probability, those of a beginning apart, which was forced."""
    tokens = tiny.backend.encode(raw, special=False)
    free = len(tiny.backend.encode(forced, special=False))
    chosen = dict.fromkeys(range(free, len(tokens)), logprob)
    return Answer([], None, 99, tokens=tokens, chosen=chosen)


def test_a_score_is_the_mean_probability_of_the_tokens_of_a_value(tiny: Extractor) -> None:
    answer = _answer(tiny, '{"a": "Café", "b": [1, 2], "c": null}', math.log(0.5))
    assert scored_values(answer, tiny.backend) == [
        ScoredValue("a", "Café", 0.5),
        ScoredValue("b[]", 1, 0.5),
        ScoredValue("b[]", 2, 0.5),
        ScoredValue("c", None, 0.5),
    ]


def test_only_the_tokens_inside_a_value_count(tiny: Extractor) -> None:
    raw = '{"a": "Post", "b": "Kuchen"}'
    answer = _answer(tiny, raw, math.log(0.9))
    text = ""
    for index, token in enumerate(answer.tokens):
        text += tiny.backend.decode([token])
        if "Kuchen" in text and '"}' not in text:
            answer.chosen[index] = math.log(0.1)
    first, second = scored_values(answer, tiny.backend)
    assert first.score == 0.9
    assert 0.1 < second.score < 0.9


def test_what_was_forced_has_no_score(tiny: Extractor) -> None:
    answer = _answer(tiny, '{"a": "Post", "b": 1}', math.log(0.5), forced='{"a": "Post"')
    assert [value.field for value in scored_values(answer, tiny.backend)] == ["b"]


@pytest.mark.parametrize("raw", ["", "no JSON", '{"a": ', '{"a": "\ufffd'])
def test_an_answer_that_does_not_parse_has_no_scores(tiny: Extractor, raw: str) -> None:
    assert scored_values(_answer(tiny, raw, -1.0), tiny.backend) == []


def test_values_of_merged_windows_keep_the_scores_of_where_they_came_from() -> None:
    first = [ScoredValue("items[].name", "tea", 0.9), ScoredValue("items[].name", "milk", 0.8)]
    second = [ScoredValue("items[].name", "milk", 0.3), ScoredValue("items[].name", "jam", 0.2)]
    output = {"items": [{"name": "tea"}, {"name": "milk"}, {"name": "jam"}], "none": None}
    origins = {"items[0].name": 0, "items[1].name": 0, "items[2].name": 1}
    assert scores_by_path(output, [first, second], origins) == {
        "items[0].name": 0.9,
        "items[1].name": 0.8,
        "items[2].name": 0.2,
    }


def test_values_that_are_written_alike_keep_their_order() -> None:
    values = [ScoredValue("a[]", "x", 0.5), ScoredValue("a[]", "x", 0.25), ScoredValue("b", "", 0.7)]
    assert scores_by_path({"a": ["x", "x"], "b": None}, [values], {}) == {"a[0]": 0.5, "a[1]": 0.25, "b": 0.7}


def test_one_and_true_are_not_the_same_value() -> None:
    assert scores_by_path({"a": True}, [[ScoredValue("a", 1, 0.5)]], {}) == {}


def test_every_value_of_an_extraction_has_a_score(tiny: Extractor) -> None:
    template = Template.parse({"a": "verbatim-string", "b": "integer", "c": ["x", "y"], "d": ["verbatim-string"]})
    answer = tiny.extract(TEXT, template, max_new_tokens=60)
    assert answer.output is not None
    assert {"a", "b", "c"} <= set(answer.scores)
    assert set(answer.scores) - {"a", "b", "c"} == {f"d[{index}]" for index in range(len(answer.output["d"]))}
    assert all(0 <= score <= 1 for score in answer.scores.values())


def test_what_is_remembered_of_a_token_is_its_share_of_the_softmax(tiny: Extractor) -> None:
    backend = tiny.backend
    grammar = compile_grammar(Template.parse({"kind": ["yes", "no"], "b": "integer"}), text=TEXT)
    answer = Answer(backend.encode(TEXT, special=False), matcher_for(backend, grammar), 99)
    seen: list[np.ndarray] = []
    prefill, append = backend.prefill, backend.append
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "prefill", lambda prompts: seen.append(prefill(prompts)) or seen[-1])
        patch.setattr(backend, "append", lambda tokens: seen.append(append(tokens)) or seen[-1])
        for _ in decode(backend, [answer]):
            pass
    assert len(answer.chosen) == len(answer.tokens) - answer.forced == len(seen)
    for (index, logprob), logits in zip(answer.chosen.items(), seen, strict=True):
        weights = np.exp(logits[0].astype(np.float64))
        assert math.exp(logprob) == pytest.approx(weights[answer.tokens[index]] / weights.sum(), rel=1e-4)


def test_a_long_document_has_scores_too(tiny: Extractor) -> None:
    template = Template.parse({"a": "verbatim-string", "b": "string", "c": ["x", "y"], "d": "integer"})
    answer = tiny.extract("Post 77 " * 600, template, window=400, overlap=64, max_new_tokens=60)
    assert answer.windows > 1
    assert answer.output is not None
    assert set(answer.scores) == {path for path, value in answer.output.items() if value is not None}
