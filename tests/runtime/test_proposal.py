from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from smolkit.errors import DataError
from smolkit.extraction.spans import Span
from smolkit.extraction.template import Template
from smolkit.runtime.extractor import Extraction
from smolkit.runtime.proposal import KINDS, MAX_TEXT, _blank, _fit, _proposal, labelled, propose_template, type_of

if TYPE_CHECKING:
    from smolkit.runtime.extractor import Extractor

PRODUCT = KINDS["product"]
TEXT = """Galet 2, by Ondéa

Prix : 79,90 €
Poids: 540 g
Year: 2024
Contact: info@ondea.example
"""


def _extraction(text: str, values: dict[str, tuple[str, float]]) -> Extraction:
    """An answer that found these values, by path, each with its score."""
    spans = {path: Span(text.index(value), text.index(value) + len(value)) for path, (value, _) in values.items()}
    scores = {path: score for path, (_, score) in values.items()}
    return Extraction({}, "", spans, scores, False, 1, 1, 0, 0.0, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_fields_of_a_kind_make_a_template(kind: str) -> None:
    assert len(list(Template.parse(KINDS[kind]).leaves())) > 6
    assert Template.parse(_blank(KINDS[kind])).style == "blank"


def test_fields_come_in_the_order_of_the_text_with_their_labels_where_the_model_found_nothing() -> None:
    found = {"brand": ("Ondéa", 0.8), "product": ("Galet 2", 0.9), "price": ("79,90 €", 0.7)}
    assert list(_proposal(TEXT, PRODUCT, _extraction(TEXT, found)).items()) == [
        ("product", "verbatim-string"),
        ("brand", "verbatim-string"),
        ("price", "verbatim-string"),
        ("poids", "verbatim-string"),
        ("year", "integer"),
        ("contact", "email-address"),
    ]


def test_a_value_that_the_model_gives_to_many_fields_goes_to_the_one_it_is_surest_of() -> None:
    found = {"brand": ("Galet 2", 0.5), "product": ("Galet 2", 0.9), "material": ("Galet", 0.6)}
    assert list(_proposal("Galet 2", PRODUCT, _extraction("Galet 2", found))) == ["product"]


def test_doubtful_values_propose_nothing() -> None:
    assert _proposal("Galet 2", PRODUCT, _extraction("Galet 2", {"brand": ("Galet 2", 0.1)})) == {}


def test_a_list_of_objects_keeps_the_fields_that_were_found() -> None:
    text = "2 x tea 3.90\n1 x jam 4.10"
    found = {"items[0].price": ("3.90", 0.9), "items[1].name": ("jam", 0.9)}
    assert _proposal(text, KINDS["receipt"], _extraction(text, found)) == {
        "items": [{"name": "verbatim-string", "price": "verbatim-string"}]
    }


def test_labels_are_lines_with_a_short_name_and_a_value() -> None:
    text = "Référence : A-1\nPreis: 12 €\nsee https://a.example/x\n12:30 Uhr\nHi both:\nWhat I would like to say is: no"
    assert [(key, value) for _, key, value in labelled(text)] == [("reference", "A-1"), ("preis", "12 €")]
    for (start, end), _, value in labelled(text):
        assert text[start:end] == value


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("14/03/2025", "date"),
        ("2025-03-14", "date"),
        ("17:42", "time"),
        ("jobs@tide.example", "email-address"),
        ("https://a.example/x", "url"),
        ("12", "integer"),
        ("007", "verbatim-string"),
        ("12.50", "number"),
        ("12,50 €", "verbatim-string"),
        ("1/2", "verbatim-string"),
    ],
)
def test_types_that_a_value_shows_by_its_form(value: str, kind: str) -> None:
    assert type_of(value) == kind


def test_the_labels_come_at_once_and_the_proposal_last(tiny: Extractor) -> None:
    *steps, last = propose_template(tiny, TEXT)
    assert len(steps) > 10
    assert {tuple(json.loads(step)) for step in steps} == {("prix", "poids", "year", "contact")}
    assert list(Template.parse_json(last).leaves())


def test_the_kind_whose_values_the_model_is_surest_of_fits_best() -> None:
    values = {"a": ("Galet 2", 0.9), "b": ("Ondéa", 0.8), "c": ("540 g", 0.7)}
    sure, doubtful = (
        _extraction(TEXT, values),
        _extraction(TEXT, {path: (value, 0.5) for path, (value, _) in values.items()}),
    )
    one_place = _extraction(TEXT, dict.fromkeys(values, ("Galet 2", 0.99)))
    assert _fit(sure) > _fit(doubtful) > _fit(one_place)
    assert _fit(_extraction(TEXT, {})) < _fit(one_place)


def test_a_proposal_that_nobody_waits_for_leaves_the_model_to_the_next(tiny: Extractor) -> None:
    template = Template.parse({"a": "verbatim-string"})
    expected = tiny.extract(TEXT, template, max_new_tokens=20).raw
    begun = propose_template(tiny, TEXT)
    next(begun)
    begun.close()
    assert tiny.extract(TEXT, template, max_new_tokens=20).raw == expected


def test_only_the_beginning_of_a_long_text_is_read(tiny: Extractor) -> None:
    *_, last = propose_template(tiny, "Weight: 540 g\n" + "word " * MAX_TEXT + "\nEnd: 3\n")
    assert "weight" in json.loads(last)
    assert "end" not in json.loads(last)


def test_a_text_without_anything_is_one_line(tiny: Extractor) -> None:
    with pytest.raises(DataError, match=r"found nothing to extract in this text.*by hand"):
        list(propose_template(tiny, "?!"))
