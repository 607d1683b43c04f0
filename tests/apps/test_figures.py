"""Figures as people read them."""

from __future__ import annotations

import math

import pytest

from smolkit.apps.figures import counted, duration, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"), (4.80473, "4.805"), (3.33e-6, "3.33e-06"), (12345.6, "12,346"), (True, "True"),
        (None, ""), ("decay", "decay"), (math.nan, "no number"), (0, "0"), (-0.25, "-0.25"),
    ],
)  # fmt: skip
def test_a_figure_is_shown_as_people_read_it(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(3.2, "3 s"), (600, "10 min"), (9000, "2.5 h"), (400_000, "4.6 days")])
def test_a_time_is_shown_as_people_read_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 rows"), (1, "1 row"), (2000, "2,000 rows")])
def test_a_count_has_its_noun(number: int, text: str) -> None:
    assert counted(number, "row") == text
