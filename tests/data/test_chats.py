"""The chats and pairs that smoke runs learn from."""

from __future__ import annotations

import pytest

from smolkit.data.messages import check_conversations, check_preferences
from smolkit.data.synth.chats import SPLITS, generate_chats, generate_pairs


def test_the_rows_are_valid_and_the_same_every_time() -> None:
    chats, pairs = list(generate_chats(60, 3)), list(generate_pairs(60, 3))
    assert not check_conversations(chats, "synth").problems
    assert not check_preferences(pairs, "synth").problems
    assert chats == list(generate_chats(60, 3))
    assert pairs[:20] == list(generate_pairs(20, 3))
    assert chats != list(generate_chats(60, 4))


@pytest.mark.parametrize("one", SPLITS)
def test_the_splits_share_no_question(one: str) -> None:
    asked = {split: {row["prompt"] for row in generate_pairs(200, 0, split)} for split in SPLITS}
    for other in set(SPLITS) - {one}:
        assert not asked[one] & asked[other]


def test_the_better_answer_is_the_shorter_one_or_the_right_one() -> None:
    rows = list(generate_pairs(100, 0))
    rambling = [row for row in rows if row["rejected"].endswith(row["chosen"])]
    assert 40 < len(rambling) < 80
    assert all(len(row["rejected"]) > 2 * len(row["chosen"]) for row in rambling)
