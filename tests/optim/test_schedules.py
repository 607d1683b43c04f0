from __future__ import annotations

import pytest

from smolkit.optim.schedules import SCHEDULES, cosine, linear, wsd


def test_wsd_rises_holds_and_falls_to_zero() -> None:
    rate = wsd(steps=100, warmup=10, decay=20)
    assert rate(0) == pytest.approx(0.1)
    assert [rate(step) for step in (9, 10, 50, 79)] == [1, 1, 1, 1]
    assert rate(90) == pytest.approx(0.5)
    assert rate(100) == 0


def test_the_square_root_decay_falls_faster_at_first() -> None:
    root, straight = wsd(100, 0, 20, "1-sqrt"), wsd(100, 0, 20)
    assert root(85) == pytest.approx(0.5)
    assert straight(85) == pytest.approx(0.75)
    assert root(100) == pytest.approx(0)


def test_cosine_and_linear_end_at_zero() -> None:
    assert cosine(100, 10)(55) == pytest.approx(0.5)
    assert cosine(100, 10)(100) == pytest.approx(0, abs=1e-12)
    assert linear(100, 10)(55) == pytest.approx(0.5)
    assert linear(100, 10)(100) == 0


def test_every_schedule_in_the_table_loads() -> None:
    assert all(callable(SCHEDULES.load(name)) for name in SCHEDULES)
