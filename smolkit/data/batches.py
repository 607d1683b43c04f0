"""Which rows go into which optimizer step, decided before training and from the seed alone.

A step takes a random set of rows, so that its mean gradient is unbiased. Its rows are packed one after the other into
as few micro-batches as hold them, each filled up to a multiple of a few tokens. The whole run is one list of steps, so
a resumed run continues it at an index and can neither replay nor skip a row.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from smolkit.data.render import IGNORED, Example

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class MicroBatch:
    """Rows that run through the model together, filled up to `length` tokens."""

    rows: tuple[int, ...]
    length: int


Step = tuple[MicroBatch, ...]


class Packed(TypedDict):
    """A micro-batch as tensors, int64 [tokens]; the filler after the last row has no label."""

    input_ids: torch.Tensor
    labels: torch.Tensor
    position_ids: torch.Tensor
    """Each row's own, from 0."""
    lengths: tuple[int, ...]
    """Tokens of each row."""


def plan_steps(
    lengths: Sequence[int], *, rows_per_step: int, epochs: float, micro_tokens: int, pad_to: int, seed: int
) -> list[Step]:
    """Every optimizer step of a run over rows of the given lengths in tokens.

    A fraction of an epoch takes that share of the last shuffled pass. The last step of a run may be smaller.
    """
    order: list[int] = []
    whole = int(epochs)
    for epoch in range(whole + (epochs > whole)):
        shuffled = list(range(len(lengths)))
        random.Random(f"{seed}:{epoch}").shuffle(shuffled)
        order += shuffled if epoch < whole else shuffled[: round(len(lengths) * (epochs - whole))]
    groups = [order[start : start + rows_per_step] for start in range(0, len(order), rows_per_step)]
    return [_micro_batches(group, lengths, micro_tokens, pad_to) for group in groups]


def _micro_batches(rows: Sequence[int], lengths: Sequence[int], micro_tokens: int, pad_to: int) -> Step:
    """First fit, longest rows first; a row longer than a micro-batch has one of its own."""
    bins: list[list[int]] = []
    filled: list[int] = []
    for row in sorted(rows, key=lambda row: (-lengths[row], row)):
        fit = next((at for at, tokens in enumerate(filled) if tokens + lengths[row] <= micro_tokens), None)
        if fit is None:
            bins.append([])
            filled.append(0)
            fit = len(bins) - 1
        bins[fit].append(row)
        filled[fit] += lengths[row]
    return tuple(MicroBatch(tuple(b), -(-tokens // pad_to) * pad_to) for b, tokens in zip(bins, filled, strict=True))


def collate(micro: MicroBatch, examples: Sequence[Example], pad_id: int) -> Packed:
    """The rows of a micro-batch one after the other."""
    import torch

    ids: list[int] = []
    labels: list[int] = []
    positions: list[int] = []
    chosen = [examples[row] for row in micro.rows]
    for example in chosen:
        ids += example.ids
        labels += example.labels
        positions += range(len(example.ids))
    filler = micro.length - len(ids)
    return {
        "input_ids": torch.tensor(ids + [pad_id] * filler),
        "labels": torch.tensor(labels + [IGNORED] * filler),
        "position_ids": torch.tensor(positions + [0] * filler),
        "lengths": tuple(len(example.ids) for example in chosen),
    }
