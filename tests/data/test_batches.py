from __future__ import annotations

from collections import Counter

from smolkit.data.batches import MIN_SHARED, MicroBatch, collate, plan_steps, share_prompts, shuffled_passes
from smolkit.data.render import IGNORED, Example

LENGTHS = [20 + (37 * at) % 400 for at in range(101)]


def _plan(epochs: float = 1, seed: int = 0, micro_tokens: int = 1024) -> list[tuple]:
    order = [row for turn in shuffled_passes(len(LENGTHS), epochs, seed) for row in turn]
    return plan_steps(order, LENGTHS, rows_per_step=8, micro_tokens=micro_tokens, pad_to=16)


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
            tokens = sum(LENGTHS[row] for row in micro.rows)
            assert tokens <= 1024
            assert micro.length % 16 == 0
            assert tokens <= micro.length < tokens + 16


def test_few_micro_batches_hold_a_step() -> None:
    for step in _plan():
        tokens = sum(LENGTHS[row] for micro in step for row in micro.rows)
        assert len(step) <= -(-tokens // 1024) + 1


def test_a_longer_row_than_a_micro_batch_stands_alone() -> None:
    steps = plan_steps([1, 0], [5000, 10], rows_per_step=2, micro_tokens=64, pad_to=16)
    assert sorted(micro.rows for micro in steps[0]) == [(0,), (1,)]


def test_rows_follow_one_another_and_filler_carries_no_label() -> None:
    examples = [Example([5, 6, 7, 8], 2, "a"), Example([5, 9], 1, "b")]
    ((micro,),) = plan_steps([0, 1], [4, 2], rows_per_step=2, micro_tokens=8, pad_to=4)
    batch = collate(micro, examples, pad_id=0)
    assert batch["input_ids"].tolist() == [5, 6, 7, 8, 5, 9, 0, 0]
    assert batch["labels"].tolist() == [IGNORED, IGNORED, 7, 8, IGNORED, 9, IGNORED, IGNORED]
    assert batch["position_ids"].tolist() == [0, 1, 2, 3, 0, 1, 0, 0]
    assert batch["lengths"] == (4, 2)


def test_what_all_prompts_begin_with_stands_there_once() -> None:
    common = list(range(100, 100 + MIN_SHARED))
    examples = [Example([*common, 5, 6, 7], MIN_SHARED + 1, "a"), Example([*common, 8, 9], MIN_SHARED + 1, "b")]
    (step,) = share_prompts([(MicroBatch((0, 1), 40),)], examples, 4)
    assert step == (MicroBatch((0, 1), 24, MIN_SHARED),)
    batch = collate(step[0], examples, pad_id=0)
    assert batch["input_ids"].tolist() == [*common, 5, 6, 7, 8, 9, 0, 0, 0]
    assert batch["labels"].tolist() == [*[IGNORED] * MIN_SHARED, IGNORED, 6, 7, IGNORED, 9, *[IGNORED] * 3]
    after = MIN_SHARED
    assert batch["position_ids"].tolist() == [*range(after), after, after + 1, after + 2, after, after + 1, 0, 0, 0]
    assert batch["lengths"] == (3, 2)


def test_a_prompt_that_is_all_shared_keeps_a_token_of_its_own() -> None:
    common = list(range(100, 101 + MIN_SHARED))
    examples = [Example([*common, 5], len(common), "a"), Example([*common, 6], len(common), "b")]
    ((micro,),) = share_prompts([(MicroBatch((0, 1), 40),)], examples, 4)
    assert micro.shared == len(common) - 1


def test_a_row_alone_and_a_short_beginning_are_left_as_they_are() -> None:
    examples = [Example([1, 2, 3, 4], 3, "a"), Example([1, 2, 5, 6], 3, "b")]
    steps = [(MicroBatch((0,), 4),), (MicroBatch((0, 1), 8),)]
    assert share_prompts(steps, examples, 4) == steps
