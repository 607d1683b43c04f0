"""Axes: every number on them, few round ticks, texts that tell them apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolkit.apps.plots.axis import Axis, alike, even_ticks, in_short

NUMBERS = st.floats(-1e99, 1e99).filter(lambda number: number == 0 or abs(number) > 1e-99)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_are_round_few_and_within_the_axis(low: float, span: float) -> None:
    if low + span == low or span < abs(low) * 1e-9:
        return
    found = even_ticks(low, low + span)
    assert 2 <= len(found) <= 7
    assert all(low - span * 1e-6 <= value <= low + span * (1 + 1e-6) for value in found)


@given(st.lists(NUMBERS, min_size=1, max_size=12))
def test_an_axis_around_numbers_holds_them_all_and_has_few_round_ticks(numbers: list[float]) -> None:
    axis = Axis.around(numbers, 40.0, 400.0)
    places = [axis.at(number) for number in numbers]
    assert all(40 <= place <= 400 for place in places)
    ticks = axis.ticks()
    assert len(ticks) <= 10
    assert all(40 - 1e-6 <= axis.at(tick) <= 400 + 1e-6 for tick in ticks)
    written = alike(ticks, log=axis.log)
    assert len(set(written)) == len(ticks) or max(map(abs, numbers)) > 1e6 * (axis.high - axis.low)


@pytest.mark.parametrize(
    ("parts", "bounds", "ends"),
    [
        ([[1.0, 3.0], [2.0, 5.0]], {}, (1.0, 5.0)),
        ([[1.0, 3.0]], {"bottom": 0, "top": 2}, (0, 3.0)),
        ([[2.0]], {}, (1.0, 3.0)),
        ([[0.0, 0.0]], {"bottom": 0}, (0, 1.0)),
        ([[1.2, 120.0]], {"log": True}, (1.0, 144.0)),
    ],
)
def test_an_axis_spans_its_numbers_and_the_bounds_that_are_given(
    parts: list[list[float]], bounds: dict[str, float], ends: tuple[float, float]
) -> None:
    axis = Axis.spanning([np.array(part) for part in parts], 0, 1, **bounds)  # type: ignore[arg-type]
    assert (axis.low, axis.high) == pytest.approx(ends)


def test_a_logarithmic_axis_has_its_ticks_at_powers() -> None:
    assert Axis(0.9, 120, 0, 1, log=True).ticks() == [1, 2, 5, 10, 20, 50, 100]
    assert Axis(1e-4, 1e4, 0, 1, log=True).ticks() == [10.0**power for power in range(-4, 5)]
    assert Axis(1e-4, 1e4, 0, 1, log=True).ticks(most=5) == [1e-4, 1e-2, 1, 1e2, 1e4]
    assert Axis(2.1, 2.9, 0, 1, log=True).ticks() == pytest.approx([2.2, 2.4, 2.6, 2.8])


@pytest.mark.parametrize(
    ("number", "text"), [(0.8, "0.8"), (1500, "1,500"), (12_000, "12k"), (2.5e6, "2.5M"), (3e9, "3B"), (-2e4, "-20k")]
)
def test_a_number_beside_an_axis_is_short(number: float, text: str) -> None:
    assert in_short(number) == text


def test_numbers_beside_an_axis_have_as_many_decimals_as_tell_them_apart() -> None:
    assert alike([0.75, 0.8, 0.85], log=False) == ["0.75", "0.80", "0.85"]
    assert alike([0.1 + 0.2, 0.4], log=False) == ["0.3", "0.4"]
    assert alike([1000, 2000], log=False) == ["1,000", "2,000"]
    assert alike([0.001, 1, 1e6], log=True) == ["0.001", "1", "1e+06"]
