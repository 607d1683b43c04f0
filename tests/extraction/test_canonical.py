from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolkit.extraction.canonical import FORMS, SOFT_TYPES, canonical, normalise
from smolkit.extraction.template import LEAF_TYPES


def test_every_leaf_type_is_soft_or_has_a_canonical_form():
    assert SOFT_TYPES | FORMS.keys() == LEAF_TYPES.keys() | {"blank"}
    assert not SOFT_TYPES & FORMS.keys()


@pytest.mark.parametrize(
    ("leaf_type", "one", "other"),
    [
        ("number", "1000", "1e3"),
        ("number", "12.50", "12.5"),
        ("number", "-0.0", "0"),
        ("integer", "+7", "7"),
        ("boolean", "True", "true"),
        ("date", "20240115", "2024-01-15"),
        ("date", "2024-W03-1", "2024-01-15"),
        ("date", "2024-w03", "2024-W03"),
        ("time", "14:30", "14:30:00"),
        ("time", "14:30Z", "14:30:00+00:00"),
        ("date-time", "2024-03-14T14:45:00+02:00", "2024-03-14T12:45Z"),
        ("date-time", "2024-03-14 14:45", "2024-03-14T14:45:00"),
        ("date-time", "14:45", "14:45:00"),
        ("duration", "P3W", "P21D"),
        ("duration", "PT90M", "PT1H30M"),
        ("duration", "P1Y2M", "p14m"),
        ("url", "HTTPS://Example.COM/", "https://example.com"),
        ("email-address", "Ann@Example.com", "ann@example.com"),
        ("phone-number", "+33 6 12-34 (56) 78", "33612345678"),
        ("currency", "eur", "EUR"),
        ("country", "fr", "FR"),
        ("language", "FRA", "fra"),
        ("iban", "de89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("bic", "deutdeff", "DEUTDEFF"),
    ],
)
def test_two_spellings_of_one_value_have_one_form(leaf_type, one, other):
    assert canonical(one, leaf_type) == canonical(other, leaf_type)


@pytest.mark.parametrize(
    ("leaf_type", "one", "other"),
    [
        ("number", "1,000", "1000"),
        ("number", "12.5", "12.51"),
        ("date", "2024-01", "2024-01-01"),
        ("date", "2024-W03", "2024-01-15"),
        ("date", "03/04/2024", "2024-04-03"),
        ("date-time", "2024-03-14", "2024-03-14T00:00:00"),
        ("date-time", "2024", "20:24"),
        ("date-time", "2024-03-14T14:45", "2024-03-14T14:45Z"),
        ("duration", "P1M", "PT1M"),
        ("duration", "P30D", "P1M"),
        ("url", "https://example.com/A", "https://example.com/a"),
        ("phone-number", "0612345678", "0612345679"),
        ("phone-number", "---", "***"),
        ("currency", "EUR", "USD"),
    ],
)
def test_two_values_keep_two_forms(leaf_type, one, other):
    assert canonical(one, leaf_type) != canonical(other, leaf_type)


@settings(deadline=None)
@given(st.sampled_from(sorted(FORMS)), st.text(min_size=1).map(normalise))
def test_a_canonical_form_takes_any_text_and_never_makes_it_empty(leaf_type, text):
    assert bool(canonical(text, leaf_type)) == bool(text)


@pytest.mark.parametrize("leaf_type", sorted(FORMS))
def test_the_example_of_a_type_has_a_stable_form(leaf_type):
    form = canonical(LEAF_TYPES[leaf_type].example, leaf_type)
    if leaf_type != "duration":  # told in months, days and seconds, which is no duration of ISO 8601
        assert canonical(form, leaf_type) == form


def test_text_is_normalised_to_nfkc_with_single_spaces():
    assert normalise("  ﬁne\u00a0 \n\t１２ ") == "fine 12"
    assert normalise("cafe\u0301") == "caf\u00e9"
    assert normalise("Sony") != normalise("SONY")


def test_a_text_is_empty_after_normalisation_exactly_if_it_was_white_space():
    for code in range(sys.maxunicode + 1):
        assert (not normalise(chr(code))) == chr(code).isspace(), hex(code)
