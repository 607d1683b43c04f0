"""ANLS agrees with the package of its successor, and holds what its definition promises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolkit.extraction.anls import anls, is_exact

reference = pytest.importorskip("anls_star", reason="the peer: pip install 'smolkit[dev]'")

WORDS = st.text("abcAB 1.", max_size=8)
ANSWERS = st.lists(WORDS, min_size=1, max_size=3)


@given(WORDS, ANSWERS)
def test_it_equals_the_reference_implementation(answer: str, accepted: list[str]) -> None:
    assert anls(answer, accepted) == pytest.approx(reference.anls_score(tuple(accepted), answer))


@given(WORDS, ANSWERS)
def test_it_is_nothing_or_at_least_one_half(answer: str, accepted: list[str]) -> None:
    earned = anls(answer, accepted)
    assert earned == 0 or 0.5 <= earned <= 1
    assert (earned == 1) == is_exact(answer, accepted)


@given(WORDS, ANSWERS, WORDS)
def test_one_more_accepted_answer_never_costs_anything(answer: str, accepted: list[str], more: str) -> None:
    assert anls(answer, [*accepted, more]) >= anls(answer, accepted)


@pytest.mark.parametrize(
    ("answer", "accepted", "earned"),
    [
        ("31.00", ["31.00"], 1.0),
        (" The  Hague", ["the hague"], 1.0),
        ("31.0", ["31.00", "RM 31.00"], 0.8),
        ("ab", ["ax"], 0.5),  # one half exactly still counts
        ("abc", ["axy"], 0.0),
        ("", ["31.00"], 0.0),
        ("", [""], 1.0),
    ],
)
def test_answers_with_known_scores(answer: str, accepted: list[str], earned: float) -> None:
    assert anls(answer, accepted) == pytest.approx(earned)


def test_a_question_without_an_accepted_answer_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="empty"):
        anls("31.00", [])
