"""Blocks of codes: what they mean, and how MatMulNBits reads them."""

from __future__ import annotations

import numpy as np
import pytest

from smolkit.export.blocks import Blocks, stacked


def some(bits: int, rows: int = 3) -> Blocks:
    draw = np.random.default_rng(bits)
    codes = draw.integers(0, 2**bits, (rows, 64), dtype=np.uint8)
    return Blocks(codes, draw.normal(size=(rows, 2)).astype(np.float32), bits)


@pytest.mark.parametrize("bits", [4, 8])
def test_a_value_is_its_code_from_zero_times_the_scale(bits: int) -> None:
    blocks = some(bits)
    assert blocks.zero == {4: 8, 8: 128}[bits]
    assert blocks.dense()[2, 40] == pytest.approx((int(blocks.codes[2, 40]) - blocks.zero) * blocks.scales[2, 1])


def test_of_two_codes_in_a_byte_the_first_is_the_low_one() -> None:
    blocks = some(4)
    packed = blocks.packed()
    assert packed.shape == (3, 2, 16)
    assert packed[1, 1, 3] == blocks.codes[1, 38] + 16 * blocks.codes[1, 39]
    assert some(8).packed().shape == (3, 2, 32)
    assert blocks.bytes == 3 * 32 + 6 * 2


def test_stacked_matrices_keep_their_rows() -> None:
    whole = stacked([some(4), some(4, rows=5)])
    assert whole.shape == (8, 64)
    assert (whole.dense()[3:] == some(4, rows=5).dense()).all()
