"""The four-bit form of a source, chosen and compensated once for every format that stores it.

ONNX's q4 and q4f16 and GGUF's q4_0 take their codes from here; what is done to get them is in `quantise`. Their budgets
differ, so that there is one form for each budget, and the calibration rows are looked at once for all of them.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from smolkit.errors import SmolkitError
from smolkit.export.blocks import Blocks
from smolkit.export.importance import split_calibration
from smolkit.export.source import Source

if TYPE_CHECKING:
    from smolkit.export.quantise import Sensitivity

BUDGET = 6.2
"""Bits per weight of the layers, scales included: 4.5 is all of them at four bits, 9 all at eight.

SmolLM2-135M takes 123 MB with it. With 5.75, at 117 MB, a model fine-tuned for receipts lost 0.015 F1, with this 0.003.
"""
SMALL_BUDGET = 5.1
"""For files that are to be as small as their kind can be: 100 MB for SmolLM2-135M."""
LEAST_BUDGET = 4.5

_SENSITIVITY_TOKENS = 2048


@dataclass(frozen=True)
class Quantised:
    """The four-bit form of a source, and what it was measured to cost. Losses are in nats per token."""

    blocks: dict[str, Blocks]
    budget_bits: float
    bits: float
    """Mean bits per weight of the layers, scales included."""
    at_eight: int
    expected_loss: float
    """By second order, of rounding alone: compensation is better."""
    measured_loss: float
    """KL(torch || quantised) over calibration rows that were held out."""
    calibration_tokens: int

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "blocks"} | {"matrices": len(self.blocks)}

    def __str__(self) -> str:
        return (
            f"{len(self.blocks)} matrices, {self.at_eight} of them at 8 bits: {self.bits:.2f} bits per weight"
            f" (budget {self.budget_bits:g}), KL {self.measured_loss:.4f} nats on held-out calibration rows"
        )


@dataclass
class FourBits:
    """What a source is in four bits. `calibration` gives token sequences."""

    source: Source
    calibration: Callable[[], Sequence[list[int]]]
    budget: float | None = None
    """Bits per weight that were asked for; each format has its own where None."""
    found: dict[float, Quantised] = field(default_factory=dict)
    """What was computed, by budget."""

    def within(self, budget: float) -> Quantised:
        """The form within the budget that was asked for, else within `budget` bits per weight."""
        budget = self.budget or budget
        if budget not in self.found:
            self.found[budget] = quantise_source(self.source, self.calibration(), self._sensitivities, budget)
        return self.found[budget]

    @cached_property
    def _sensitivities(self) -> dict[str, Sensitivity]:
        from smolkit.export.quantise import sensitivities

        _held_out, used = split_calibration(self.calibration())
        used = used[:: max(1, sum(map(len, used)) // _SENSITIVITY_TOKENS)]
        self.source.progress(f"four bits: what rounding costs each matrix, over {sum(map(len, used)):,} tokens")
        return sensitivities(self.source.model, used)


def check_budget(bits_per_weight: float | None) -> None:
    """Raise SmolkitError for a budget that four bits do not keep."""
    if bits_per_weight == math.inf:
        raise SmolkitError("the budget of bits per weight is no number", fix="9 is 8 bits everywhere")
    if bits_per_weight is not None and not bits_per_weight >= LEAST_BUDGET:
        raise SmolkitError(
            f"{bits_per_weight:g} bits per weight are too few: four bits with their scales are 4.5",
            fix="Give at least 4.5; 9 is 8 bits everywhere",
        )


def quantise_source(
    source: Source, sequences: Sequence[list[int]], sensitive: Mapping[str, Sensitivity], bits_per_weight: float
) -> Quantised:
    """Four bits under a budget: the bits by sensitivity, then compensation; the loss is measured afterwards."""
    from smolkit.export import quantise
    from smolkit.export.divergence import divergences, logits_of

    held_out, used = split_calibration(sequences)
    weights = {name: module.weight.numel() for name, module in quantise.linears(source.model).items()}
    budget = int(bits_per_weight * sum(weights.values()) / 8)
    bits = quantise.choose_bits(sensitive, _groups(weights), budget)
    model = copy.deepcopy(source.model)
    blocks = quantise.compensate(
        model, used, bits,
        progress=lambda done, total: source.progress(f"four bits: layer {done} of {total}") if done % 10 == 0 else None,
    )  # fmt: skip
    taken = sum(sensitive[name].bytes[bits[name]] for name in bits)
    found = Quantised(
        blocks=blocks,
        budget_bits=bits_per_weight,
        bits=taken * 8 / sum(weights.values()),
        at_eight=sum(number == quantise.HIGH for number in bits.values()),
        expected_loss=sum(sensitive[name].loss[number] for name, number in bits.items()),
        measured_loss=divergences(source.model, held_out, [logits_of(model)])[0],
        calibration_tokens=sum(map(len, used)),
    )
    source.progress(f"four bits: {found}")
    return found


def _groups(names: Mapping[str, int]) -> list[list[str]]:
    """Query, key and value of each layer, which our graph stores as one matrix."""
    stems = [name.removesuffix(".q_proj") for name in names if name.endswith(".q_proj")]
    groups = [[f"{stem}.{role}_proj" for role in "qkv"] for stem in stems]
    return [group for group in groups if all(name in names for name in group)]
