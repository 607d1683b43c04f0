"""Answers of listed models: opened when asked for, within their time, one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from smolkit.apps.extraction import answers as module
from smolkit.apps.extraction.answers import Answers, Opening, Question
from smolkit.apps.extraction.comparison import compare, pick_models
from smolkit.apps.models import Choice, Given, Models
from smolkit.errors import DataError, RuntimeUnavailable
from smolkit.extraction.template import Template
from smolkit.runtime.extractor import Progress

QUESTION = Question("Lemons from Menton.", Template.parse({"place": "verbatim-string"}))


@pytest.fixture
def answers(bundled_file: Path) -> Iterator[Answers]:
    listed = [Choice(name, Given(str(bundled_file))) for name in ("one", "two", "three")]
    with Models(listed) as models:
        yield Answers(models)


def test_a_model_that_is_not_open_says_so_first_and_the_answer_comes_last(answers: Answers) -> None:
    first, *_, last = answers.follow(QUESTION, "two")
    assert first == Opening("two")
    assert isinstance(last, Progress)
    assert last.extraction is not None
    assert list(last.extraction.output or {}) == ["place"]
    assert not any(isinstance(step, Opening) for step in answers.follow(QUESTION, "two"))


def test_an_answer_that_takes_too_long_is_stopped_with_advice(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", -1.0)
    with pytest.raises(RuntimeUnavailable, match=r"took more than -1 s and was stopped\. Send a shorter text"):
        answers.run(QUESTION, "one")
    with pytest.raises(RuntimeUnavailable, match="was stopped"):
        list(answers.propose(QUESTION.text, "one"))
    monkeypatch.undo()
    assert list(answers.run(QUESTION, "one").output or {}) == ["place"]


def test_a_proposal_grows_and_is_a_template_at_the_end(answers: Answers) -> None:
    opening, *growing, last = answers.propose("Place: Menton\nPrice: 2.40\nPicked by: Odile Ferrand", "one")
    assert opening == Opening("one")
    assert all(isinstance(json.loads(str(step)), dict) for step in growing)
    assert list(Template.parse_json(str(last)).leaves())


def test_models_are_compared_one_after_the_other_with_no_more_open_than_may_be(answers: Answers) -> None:
    *_, sides = compare(QUESTION, ["one", "two", "three"], answers, None)
    assert [side.state for side in sides] == ["answered"] * 3
    assert len({str(side.output) for side in sides}) == 1
    assert sides[0].computes.startswith("llama.cpp, ")
    assert [name for name in answers.models.names if answers.models.has_open(name)] == ["one", "three"]


def test_a_model_that_cannot_answer_leaves_the_others_theirs(tmp_path: Path, bundled_file: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")
    listed = [Choice("broken", Given(str(broken))), Choice("whole", Given(str(bundled_file)))]
    with Models(listed) as models:
        *_, (one, other) = compare(QUESTION, models.names, Answers(models), None)
    assert (one.state, other.state) == ("failed", "answered")
    assert one.error is not None
    assert "llama.cpp cannot load this file" in one.error


def test_the_models_to_compare_are_all_or_those_named(answers: Answers) -> None:
    assert pick_models(None, answers) == ["one", "two", "three"]
    assert pick_models(["three", "one"], answers) == ["three", "one"]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["one"], "from 2 to 4 models are compared at once, got 1"),
        (["one", "one"], "a model is named twice"),
        (["one", "tow"], "no model named 'tow' here. Did you mean 'two'?"),
        ("one", "the models are sent as a list of names"),
    ],
)
def test_models_that_cannot_be_compared_are_refused_in_one_line(answers: Answers, names: list[str], line: str) -> None:
    with pytest.raises(DataError) as caught:
        pick_models(names, answers)
    assert str(caught.value).startswith(line)


def test_one_model_is_compared_with_nothing(bundled_file: Path) -> None:
    answers = Answers(Models([Choice("only", Given(str(bundled_file)))]))
    with pytest.raises(DataError, match="there is one model here"):
        pick_models(None, answers)
