"""Answers side by side: where they differ, which fields are right, and what the table and the endpoint say of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from smolkit.apps.extraction.answers import Question
from smolkit.apps.extraction.comparison import (
    Side,
    differing,
    judge,
    results,
    right_fields,
    table,
    values_by_field,
)
from smolkit.extraction.metric import score
from smolkit.extraction.template import Template
from smolkit.runtime.extractor import Extraction

TEMPLATE = Template.parse({"shop": "", "tags": [["new", "sale"]], "items": [{"name": "", "price": "number"}]})
QUESTION = Question("Tea 3.50, jam 2 at Fauna.", TEMPLATE)
OUTPUT = {
    "shop": "Fauna",
    "tags": ["new"],
    "items": [{"name": "Tea", "price": 3.5}, {"name": "jam", "price": 2}],
}
EXTRACTION = Extraction(
    output=OUTPUT,
    raw="{}",
    spans={},
    scores={"shop": 0.5},
    truncated=False,
    prompt_tokens=10,
    new_tokens=30,
    forced_tokens=5,
    seconds=1.5,
    windows=1,
)


def side(model: str, **changes: Any) -> Side:
    output = {**OUTPUT, **changes}
    return Side(model, "answered", "llama.cpp, a.gguf", "{}", replace(EXTRACTION, output=output))


def test_values_are_gathered_by_the_template_s_fields_and_missing_ones_left_out() -> None:
    found = values_by_field(TEMPLATE, {**OUTPUT, "shop": None})
    assert found == {"shop": [], "tags": ["new"], "items[].name": ["Tea", "jam"], "items[].price": [3.5, 2]}


def test_what_is_no_field_of_the_template_is_passed_over() -> None:
    assert values_by_field(TEMPLATE, {"shop": {"name": "Fauna"}, "colour": "red"})["shop"] == []


def test_a_field_differs_where_its_values_or_their_order_do() -> None:
    first = side("a")
    items = [{"name": "Tea", "price": 3.5}, {"name": "jam", "price": 2.5}]
    assert differing(TEMPLATE, side("b", items=items), first) == {"items[].price"}
    assert differing(TEMPLATE, side("b", items=OUTPUT["items"][::-1]), first) == {"items[].name", "items[].price"}
    assert differing(TEMPLATE, side("b"), first) == set()


def test_nothing_differs_before_both_are_complete() -> None:
    assert differing(TEMPLATE, Side("b", raw='{"shop": "Fa'), side("a")) == set()
    assert differing(TEMPLATE, side("b", shop="x"), Side("a")) == set()


def test_a_field_is_right_when_all_its_values_are_the_reference_s() -> None:
    def right(**changes: Any) -> dict[str, bool]:
        return right_fields(TEMPLATE, score(OUTPUT, {**OUTPUT, **changes}, template=TEMPLATE))

    assert right() == dict.fromkeys(["shop", "tags", "items[].name", "items[].price"], True)
    assert [field for field, fits in right(shop="Flora").items() if not fits] == ["shop"]
    assert [field for field, fits in right(tags=["new", "sale"]).items() if not fits] == ["tags"]
    missing = right(items=[{"name": "Tea", "price": 3.5}])
    assert [field for field, fits in missing.items() if not fits] == ["items[].name", "items[].price"]


def test_a_value_where_the_reference_has_none_is_wrong_and_none_is_right() -> None:
    reference = {**OUTPUT, "shop": None}
    scored = score(reference, OUTPUT, template=TEMPLATE)
    assert right_fields(TEMPLATE, scored)["shop"] is False
    assert right_fields(TEMPLATE, score(reference, reference, template=TEMPLATE))["shop"] is True


def test_an_answer_is_judged_once_it_is_complete_and_only_by_a_reference() -> None:
    assert judge(QUESTION, side("a"), None) is None
    assert judge(QUESTION, Side("a", raw="{"), OUTPUT) is None
    scored = judge(QUESTION, side("a"), OUTPUT)
    assert scored is not None
    assert scored.f1 == 1.0


def test_results_hold_an_object_for_each_model_with_the_error_of_one_that_failed() -> None:
    sides = [side("a"), side("b", shop="Flora"), Side("c", "failed", error="no such file.")]
    first, second, third = results(QUESTION, sides, OUTPUT)
    assert first["output"] == OUTPUT
    assert first["figures"]["tokens_per_second"] == 20.0
    assert (first["f1"], first["wrong"], first["differs"]) == (1.0, [], [])
    assert second["f1"] < 1
    assert (second["wrong"], second["differs"]) == (["shop"], ["shop"])
    assert third == {"model": "c", "error": "no such file."}
    assert "f1" not in results(QUESTION, sides, None)[0]


def test_the_table_marks_what_differs_and_what_is_wrong_in_words() -> None:
    page = table(QUESTION, [side("a"), side("b", shop="Flora")], OUTPUT)
    assert '<td>Flora <span class="differs">differs</span> <span class="wrong">wrong</span></td>' in page
    assert '<td>Fauna <span class="right">right</span></td>' in page
    assert "<strong>1.000</strong>" in page
    assert ">Tea; jam" in page
    assert "F1 Levenshtein" not in table(QUESTION, [side("a"), side("b")], None)


def test_the_table_grows_with_the_answer_and_what_is_in_it_is_text() -> None:
    sides = [Side("<i>a</i>", "writing", raw='{"shop": "<img src=x>'), Side("b")]
    page = table(QUESTION, sides, None)
    assert "&lt;img src=x&gt;" in page
    assert "&lt;i&gt;a&lt;/i&gt;" in page
    assert "<img" not in page
    assert ">waiting<" in page
