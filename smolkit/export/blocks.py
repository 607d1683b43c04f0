"""Matrices of 4 or 8 bits: integer codes in blocks along the input, each block with one scale.

    value = (code - zero) * scale        zero = 2 ** (bits - 1)

It is what MatMulNBits computes with, and at 4 bits what llama.cpp calls Q4_0: one quantisation serves both formats.
How the codes are chosen is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 32
"""Weights that share a scale, in every format that is written."""


@dataclass(frozen=True)
class Blocks:
    """A matrix [out, in]: `codes` uint8 [out, in], one per byte here, and `scales` float32 [out, in / size]."""

    codes: NDArray[np.uint8]
    scales: NDArray[np.float32]
    bits: int
    size: int = SIZE

    @property
    def shape(self) -> tuple[int, int]:
        return self.codes.shape[0], self.codes.shape[1]

    @property
    def zero(self) -> int:
        """The code that means 0."""
        return int(2 ** (self.bits - 1))

    def dense(self) -> NDArray[np.float32]:
        """The matrix as plain numbers, float32 [out, in]."""
        blocked = self.codes.reshape(*self.scales.shape, self.size).astype(np.float32) - self.zero
        return (blocked * self.scales[..., None]).reshape(self.codes.shape)

    def packed(self) -> NDArray[np.uint8]:
        """Codes as MatMulNBits reads them, [out, blocks, bytes of a block]; of two in a byte the first is the low."""
        blocked = self.codes.reshape(*self.scales.shape, self.size)
        if self.bits == 8:
            return blocked
        return blocked[..., 0::2] | (blocked[..., 1::2] << np.uint8(4))

    @property
    def bytes(self) -> int:
        """What codes and scales take with 16-bit scales."""
        return self.codes.size * self.bits // 8 + self.scales.size * 2


def stacked(parts: list[Blocks]) -> Blocks:
    """Matrices that read the same input as one, below each other."""
    first = parts[0]
    codes: Any = np.concatenate([part.codes for part in parts])
    scales: Any = np.concatenate([part.scales for part in parts])
    return Blocks(codes, scales, first.bits, first.size)
