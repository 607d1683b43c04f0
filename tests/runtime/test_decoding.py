from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smolkit.errors import RuntimeUnavailable
from smolkit.runtime.decoding import Answer, _inside_string, decode, matcher_for

if TYPE_CHECKING:
    from smolkit.runtime.extractor import Extractor


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
