from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolkit.errors import RuntimeUnavailable
from smolkit.extraction.grammar import compile_grammar
from smolkit.extraction.leaf_types import LEAF_TYPES
from smolkit.extraction.spans import collapse
from smolkit.extraction.template import Leaf, ListOf, Node, Object, Template
from smolkit.runtime.decoding import Answer, _inside_string, _is_loop, decode, matcher_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smolkit.runtime.extractor import Extractor


TEXT = 'Café "Zur Post", Tel.\n030 1234: \\ Kuchen  4,50 € <|im_end|>'

KEYS = st.one_of(
    st.sampled_from(["name", "total", "Straße", 'a"b', "x.y[0]", "null", "漢字"]), st.text("ab_ 🍰", min_size=1)
)
LEAVES = st.sampled_from(["", *LEAF_TYPES])
CHOICES = st.lists(st.sampled_from(["cat", "dog", 'a "quoted" one', "{}", "ok"]), min_size=2, max_size=5, unique=True)


def _objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(KEYS.filter(str.strip), values, min_size=1, max_size=4)


NODES = st.recursive(
    st.one_of(LEAVES, CHOICES, CHOICES.map(lambda choices: [choices])),
    lambda inner: st.one_of(_objects(inner), st.one_of(LEAVES, _objects(inner)).map(lambda item: [item])),
    max_leaves=6,
)


def _copied(node: Node, value: Any) -> Iterator[str]:
    """The values that the grammar promised to copy."""
    if isinstance(node, Object):
        for key, child in node.fields.items():
            yield from _copied(child, value[key])
    elif isinstance(node, ListOf):
        for item in value:
            yield from _copied(node.item, item)
    elif isinstance(node, Leaf) and node.type in ("blank", "verbatim-string") and value:
        yield value


def _same_keys(source: Any, output: Any) -> bool:
    """Whether every object of an answer has exactly the keys of its template, in their order."""
    if isinstance(source, dict):
        return list(source) == list(output) and all(_same_keys(source[key], output[key]) for key in source)
    if isinstance(source, list) and len(source) == 1 and isinstance(source[0], dict):
        return all(_same_keys(source[0], item) for item in output)
    return not isinstance(output, dict)


@settings(max_examples=40, deadline=None)
@given(source=_objects(NODES), budget=st.sampled_from([1, 5, 40]), missing=st.sampled_from([None, ""]))
def test_noise_held_to_any_template_is_an_answer_to_it(
    tiny: Extractor, source: dict[str, Any], budget: int, missing: Any
) -> None:
    template = Template.parse(source)
    grammar = compile_grammar(template, text=TEXT, verbatim=True, missing=missing)
    prompt = tiny.backend.encode(TEXT, special=False)
    answer = Answer(prompt, matcher_for(tiny.backend, grammar), budget)
    for _ in decode(tiny.backend, [answer]):
        pass
    output = json.loads(tiny.backend.decode(answer.tokens))
    assert _same_keys(source, output)
    assert [found for found in template.problems(output) if "check digit" not in found[1]] == []
    for value in _copied(template.root, output):
        assert value in collapse(TEXT).text
    assert answer.truncated or len(answer.tokens) - answer.forced <= budget


def test_a_batch_of_answers_of_unlike_length_ends_with_the_longest(tiny: Extractor) -> None:
    grammars = ['start: "1"', 'start: "{\\"key\\": " /[a-z]{30}/ "}"', 'start: /[0-9]{3}/ "."']
    together = [Answer([5, 6, 7], matcher_for(tiny.backend, grammar), 100) for grammar in grammars]
    for _ in decode(tiny.backend, together):
        pass
    alone = []
    for grammar in grammars:
        alone.append(Answer([5, 6, 7], matcher_for(tiny.backend, grammar), 100))
        for _ in decode(tiny.backend, alone[-1:]):
            pass
    assert all(answer.done for answer in together)
    assert [answer.tokens for answer in together] == [answer.tokens for answer in alone]


@pytest.mark.parametrize(
    ("text", "inside"),
    [('{"a', True), ('{"a":', False), ('{"a": "b\\"', True), ('{"a": "b\\\\"', False), ("", False)],
)
def test_whether_a_text_ends_inside_a_string(text: str, inside: bool) -> None:
    assert _inside_string(text) is inside


def test_what_a_grammar_forces_costs_no_step(tiny: Extractor) -> None:
    backend = tiny.backend
    answer = Answer(backend.encode("hello", special=False), matcher_for(backend, 'start: "{\\"key\\": 1}"'), 10)
    steps = sum(1 for _ in decode(backend, [answer]))
    assert backend.decode(answer.tokens) == '{"key": 1}'
    assert steps <= 2
    assert answer.forced == len(answer.tokens)


def test_a_grammar_that_llguidance_refuses_is_one_line(tiny: Extractor) -> None:
    with pytest.raises(RuntimeUnavailable, match="llguidance refuses"):
        matcher_for(tiny.backend, "start: undefined_rule")


@pytest.mark.parametrize("style", ["single-line", "indent-4"])
def test_a_list_that_repeats_its_item_over_and_over_is_closed(
    tiny: Extractor, monkeypatch: pytest.MonkeyPatch, style: Any
) -> None:
    texts = [tiny.backend.decode([token]) for token in range(tiny.backend.vocab_size)]
    opening = [token for token, text in enumerate(texts) if text.strip() in ("", "[")]

    def always_more(tokens: list[list[int]]) -> np.ndarray:
        wanted = np.zeros((len(tokens), tiny.backend.vocab_size), dtype=np.float32)
        wanted[:, opening] = 1
        for rank, text in enumerate(("yes", '",', ",", '"')):
            wanted[:, tiny.backend.encode(text, special=False)[0]] = 9 - rank
        return wanted

    monkeypatch.setattr(tiny.backend, "prefill", always_more)
    monkeypatch.setattr(tiny.backend, "append", always_more)
    template = Template.parse({"a": [""], "b": "", "n": ["integer"]})
    grammar = compile_grammar(template, text="yes", verbatim=True, json_style=style)
    answer = Answer([1], matcher_for(tiny.backend, grammar), 400)
    for _ in decode(tiny.backend, [answer]):
        pass
    output = json.loads(tiny.backend.decode(answer.tokens))
    assert output["a"] == ["yes"] * 5
    assert output["b"] == "yes"
    assert not answer.truncated


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ('{"a": ["x", "x", "x", "x", "x', True),
        ('{"a": ["x", "x", "x", "x', False),
        ('{"a": ["y", "x", "x", "x", "x', True),
        ('{"n": [1, 1, 1, 1, 1', True),
        ('{"n": [1111111', False),
        ('{"a": ["1, 1, 1, 1', False),
        ('{"a": [{"b": "x"}, {"b": "x"}, {"b": "x"}, {"b": "x"}, {"b": "x"}', True),
        ('{"a": "x", "b": "x", "c": "x", "d": "x', False),
    ],
)
def test_what_counts_as_a_loop(text: str, loop: bool) -> None:
    assert _is_loop(text) == loop
