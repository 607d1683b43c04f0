"""How far other logits are from a model's over whole token sequences: by this the quantisers choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from smolkit.models.device import rough_products


@torch.inference_mode()
def divergences(
    model: Any, sequences: Sequence[Sequence[int]], others: Sequence[Callable[[Sequence[int]], torch.Tensor]]
) -> list[float]:
    """KL(model || other) in nats, the mean over all positions, for each of `others`.

    Each turns the ids of a sequence into logits, float32 [tokens, vocabulary].
    """
    totals = [0.0] * len(others)
    for ids in sequences:
        with rough_products():
            expected = logits_of(model)(ids).log_softmax(-1)
            for at, other in enumerate(others):
                totals[at] += float((expected.exp() * (expected - other(ids).log_softmax(-1))).sum())
    tokens = sum(map(len, sequences))
    return [total / tokens for total in totals]


def logits_of(model: Any) -> Callable[[Sequence[int]], torch.Tensor]:
    """A transformers model as a function from ids to logits of all positions."""
    return lambda ids: model(torch.tensor([list(ids)]), use_cache=False).logits[0].float()
