"""Answers earn what ANLS says, the missing ones nothing, and the figures are means with an interval."""

from __future__ import annotations

import pytest

from smolkit.evals.answers import Question, score_answers

QUESTIONS = [
    Question("total", "What is the total?", ("31.00", "RM 31.00"), kind="receipt", lang="en"),
    Question("city", "Which city?", ("The Hague",), kind="card", lang="en"),
    Question("name", "Whose card?", ("Anna Lind",), kind="card"),
    Question("gone", "What year?", ("1999",)),
]
ANSWERS = {"total": "rm 31.00", "city": "the haag", "name": "nobody"}


@pytest.fixture
def result():
    return score_answers(QUESTIONS, ANSWERS)


def test_each_answer_earns_by_its_nearest_accepted_one(result) -> None:
    assert [one.anls for one in result.answers] == [1.0, pytest.approx(1 - 3 / 9), 0.0, 0.0]
    assert [one.exact for one in result.answers] == [True, False, False, False]


def test_the_figures_are_means_and_lie_in_their_interval(result) -> None:
    figures = result.figures()
    assert figures["anls"] == pytest.approx((1 + 6 / 9) / 4)
    assert figures["exact"] == 0.25
    assert (figures["answers"], figures["missing"]) == (4, 1)
    low, high = figures["anls_ci95"]
    assert 0 <= low < figures["anls"] < high <= 1


def test_groups_are_scored_alone(result) -> None:
    assert {name: score.answers for name, score in result.by_kind.items()} == {"(none)": 1, "card": 2, "receipt": 1}
    assert result.by_kind["receipt"].anls == 1
    assert {name: score.answers for name, score in result.by_lang.items()} == {"(none)": 2, "en": 2}
    assert score_answers(QUESTIONS[3:], {}).by_kind == {}


def test_the_worst_come_first_and_the_perfect_not_at_all(result) -> None:
    assert [one.question.id for one in result.worst()] == ["name", "gone", "city"]
    assert result.missing == ["gone"]


def test_no_questions_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no questions"):
        score_answers([], {})
