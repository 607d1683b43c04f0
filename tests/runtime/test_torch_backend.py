from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from smolkit.data.batches import common_prefix
from smolkit.models import load_model, packed
from smolkit.runtime.torch_backend import _passes

if TYPE_CHECKING:
    from pathlib import Path

    from smolkit.runtime.extractor import Extractor


@pytest.mark.parametrize("long", [2048, 40, 0])
def test_ragged_steps_give_the_logits_of_a_plain_forward_pass(
    tiny: Extractor, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, long: int
) -> None:
    monkeypatch.setattr(packed, "_LONG", long)
    tiny.backend.forget()
    model = load_model(tiny_model_dir, dtype=torch.float32)
    shared = list(range(100, 130))
    prompts = [[*shared, 5, 6, 7], [*shared, 8], [*shared, 9, 10, 11, 12, 13]]
    steps = [[[20], [21, 22, 23], []], [[24, 25], [26], []]]
    tiny.backend.prefill(prompts)
    logits = [tiny.backend.append(step) for step in steps][-1]
    for row in (0, 1):
        ids = prompts[row] + steps[0][row] + steps[1][row]
        with torch.no_grad():
            plain = model(input_ids=torch.tensor([ids])).logits[0, -1].numpy()
        np.testing.assert_allclose(logits[row], plain, atol=1e-4)


def test_the_shared_beginning_leaves_every_prompt_a_token() -> None:
    assert common_prefix([[1, 2, 3], [1, 2, 3, 4]]) == [1, 2]
    assert common_prefix([[1, 2, 9], [1, 3, 9]]) == [1]
    assert common_prefix([[7, 8]]) == [7]


def test_a_row_that_outgrows_its_room_goes_on(tiny: Extractor, tiny_model_dir: Path) -> None:
    model = load_model(tiny_model_dir, dtype=torch.float32)
    ids = [5 + at % 90 for at in range(700)]
    tiny.backend.prefill([ids[:20], [7] * 30])
    for at in range(20, 700, 40):
        logits = tiny.backend.append([ids[at : at + 40], []])
    with torch.no_grad():
        plain = model(input_ids=torch.tensor([ids])).logits[0, -1].numpy()
    np.testing.assert_allclose(logits[0], plain, atol=1e-4)


def test_a_pass_holds_as_many_rows_as_fit_and_a_long_one_alone() -> None:
    assert list(_passes([2000, 2000, 97, 9000, 5])) == [slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 5)]
    assert list(_passes([3])) == [slice(0, 1)]
