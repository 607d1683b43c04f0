from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolkit.data.mixture import Mixture, Stage, _floor_sum, _Walk

WEIGHTS = {"web": 0.7, "code": 0.15, "maths": 0.08, "books": 0.07}


def two_stages(seed: int = 0) -> Mixture:
    return Mixture(
        (
            Stage(name="stable", steps=5, sequence=8, sequences_per_step=4, weights={"web": 0.5, "code": 0.5}),
            Stage(name="decay", steps=3, sequence=16, sequences_per_step=2, weights={"web": 0.25, "maths": 0.75}),
        ),
        seed,
    )


@given(st.integers(0, 60), st.integers(1, 80), st.integers(0, 300), st.integers(0, 300))
def test_the_floor_sum_is_that_sum(n: int, m: int, a: int, b: int) -> None:
    assert _floor_sum(n, m, a, b) == sum((a * i + b) // m for i in range(n))


@pytest.mark.parametrize("numbers", [0, 1, 7, 500, 3000])
def test_counts_without_a_memory_are_those_of_drawing_one_after_the_other(numbers: int) -> None:
    walk = _Walk(WEIGHTS, 123_456_789)
    drawn = Counter(walk.source(number) for number in range(numbers))
    assert walk.counts(numbers) == {name: drawn[name] for name in WEIGHTS}


def test_every_stretch_holds_the_sources_by_their_weights() -> None:
    walk = _Walk(WEIGHTS, 5)
    for start in (0, 1_000_003, 10**12):
        before, after = walk.counts(start), walk.counts(start + 200)
        for name, weight in WEIGHTS.items():
            assert abs(after[name] - before[name] - 200 * weight) < 4


def test_no_token_of_a_source_is_drawn_twice_or_left_out() -> None:
    mixture = two_stages()
    position: dict[str, int] = {}
    for step in range(mixture.steps):
        assert {name: tokens for name, tokens in mixture.position(step).items() if tokens} == position
        for draw in mixture.step(step):
            assert draw.start == position.get(draw.source, 0)
            position[draw.source] = draw.start + draw.count
    assert mixture.position(mixture.steps) == position
    assert sum(position.values()) == sum(stage.tokens for stage in mixture.stages)


def test_the_order_depends_on_the_seed_alone() -> None:
    assert two_stages(1).step(3) == two_stages(1).step(3)
    assert [two_stages(1).step(s) for s in range(8)] != [two_stages(2).step(s) for s in range(8)]


def test_a_branch_goes_on_where_the_trunk_has_used_its_sources() -> None:
    trunk = two_stages()
    used = trunk.position(6)
    branch = trunk.after(6, used)
    assert branch.steps == trunk.steps - 6
    assert branch.position(0) == used
    assert all(draw.start >= used.get(draw.source, 0) for step in range(branch.steps) for draw in branch.step(step))
    assert [stage.name for stage in branch.stages] == ["decay"]


def test_a_step_beyond_the_run_is_a_mistake() -> None:
    with pytest.raises(IndexError, match="step 8 of 8"):
        two_stages().step(8)
