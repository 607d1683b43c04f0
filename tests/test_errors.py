from __future__ import annotations

import pytest

from smolkit import errors
from smolkit.errors import (
    DataError,
    GateError,
    ManyErrors,
    RecipeErrors,
    RowErrors,
    SmolkitError,
    locate,
    nearest,
    printable,
)


def test_a_message_says_what_where_nearest_name_and_what_to_do_in_one_line() -> None:
    error = SmolkitError(
        "unknown export target 'wegbpu'",
        where=locate("run.yaml", 3, "export.target"),
        given="wegbpu",
        known=["webgpu", "gguf"],
        fix="Nothing was written",
    )
    assert str(error) == (
        "run.yaml:3:export.target: unknown export target 'wegbpu'. Did you mean 'webgpu'? Known: gguf, webgpu."
        " Nothing was written."
    )


def test_a_message_is_one_line_whatever_goes_into_it() -> None:
    assert str(SmolkitError("bad\n  value", fix="Write\tanother")) == "bad value. Write another."


def test_no_name_is_suggested_when_none_is_close() -> None:
    assert str(SmolkitError("no model 'qqq'", given="qqq", known=["smollm2"])) == "no model 'qqq'. Known: smollm2."


def test_a_question_keeps_its_mark() -> None:
    assert str(SmolkitError("no such field", fix="Did you mean 'lr'?")) == "no such field. Did you mean 'lr'?"


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("a.jsonl", 4, "output.total"), "a.jsonl:4:output.total"),
        (("a.jsonl", 4, None), "a.jsonl:4"),
        (("a.jsonl", None, ""), "a.jsonl"),
        ((None, None, "b[0].c"), "b[0].c"),
        ((), ""),
    ],
)
def test_a_place_leaves_out_what_is_not_known(parts: tuple[str | int | None, ...], text: str) -> None:
    assert locate(*parts) == text  # type: ignore[arg-type]


def test_the_nearest_name_ignores_case_and_keeps_the_spelling_of_the_valid_one() -> None:
    assert nearest("JSONSchema", ["jsonschema", "yaml"]) == "jsonschema"
    assert nearest("lerning_rate", ["learning_rate", "steps"]) == "learning_rate"
    assert nearest("zzz", ["learning_rate", "steps"]) is None
    assert nearest("x", []) is None


def test_many_errors_keep_every_problem_in_order() -> None:
    first, second = SmolkitError("one", where="a:1"), SmolkitError("two", where="a:2")
    error = RowErrors([first, second])
    assert error.problems == [first, second]
    assert str(error) == "a:1: one.\na:2: two."
    assert isinstance(error, DataError)
    assert isinstance(RecipeErrors([]), ManyErrors)


def test_exit_codes_tell_a_refused_gate_from_a_fault_of_the_user() -> None:
    family = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SmolkitError)]
    assert len(family) >= 10
    assert {kind.__name__: kind.exit_code for kind in family if kind.exit_code != 2} == {"GateError": 3}
    assert GateError("the logits differ").exit_code == 3


def test_halves_of_surrogate_pairs_become_printable():
    assert printable("é\udce9") == r"é\udce9"
