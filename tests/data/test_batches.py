from __future__ import annotations

from collections import Counter

import pytest

from smolkit.data.batches import bucket, collate, plan_steps
from smolkit.data.render import IGNORED, Example

LENGTHS = [20 + (37 * at) % 400 for at in range(101)]


def _plan(epochs: float = 1, seed: int = 0, micro_tokens: int = 1024) -> list[tuple]:
    return plan_steps(LENGTHS, rows_per_step=8, epochs=epochs, micro_tokens=micro_tokens, pad_to=16, seed=seed)


def test_every_row_comes_once_an_epoch() -> None:
    seen = Counter(row for step in _plan(epochs=2) for micro in step for row in micro.rows)
    assert set(seen.values()) == {2}
    assert len(seen) == len(LENGTHS)


def test_part_of_an_epoch_takes_that_share() -> None:
    rows = [row for step in _plan(epochs=1.5) for micro in step for row in micro.rows]
    assert len(rows) == len(LENGTHS) + round(len(LENGTHS) / 2)


def test_the_plan_depends_on_the_seed_alone() -> None:
    assert _plan(seed=3) == _plan(seed=3)
    assert _plan(seed=3) != _plan(seed=4)


def test_micro_batches_hold_their_rows_and_stay_small() -> None:
    for step in _plan():
        for micro in step:
            assert all(LENGTHS[row] <= micro.length for row in micro.rows)
            assert len(micro.rows) == 1 or len(micro.rows) * micro.length <= 1024
            assert all(micro.length <= 4 / 3 * LENGTHS[row] for row in micro.rows[1:])


def test_a_longer_row_than_a_micro_batch_stands_alone() -> None:
    steps = plan_steps([5000, 10], rows_per_step=2, epochs=1, micro_tokens=64, pad_to=16, seed=0)
    assert sorted(micro.rows for micro in steps[0]) == [(0,), (1,)]


@pytest.mark.parametrize(("length", "padded"), [(1, 16), (16, 16), (17, 32), (128, 128), (129, 160), (400, 448)])
def test_buckets_are_few(length: int, padded: int) -> None:
    assert bucket(length, 16) == padded


def test_padding_is_on_the_right_and_carries_no_label() -> None:
    examples = [Example([5, 6, 7, 8], 2, "a"), Example([5, 9], 1, "b")]
    (step,) = plan_steps([4, 2], rows_per_step=2, epochs=1, micro_tokens=8, pad_to=4, seed=0)
    batches = {micro.rows: collate(micro, examples, pad_id=0) for micro in step}
    assert batches[(0,)]["labels"].tolist() == [[IGNORED, IGNORED, 7, 8]]
    assert batches[(1,)]["input_ids"].tolist() == [[5, 9, 0, 0]]
    assert batches[(1,)]["labels"].tolist() == [[IGNORED, 9, IGNORED, IGNORED]]
