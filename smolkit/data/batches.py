"""Which rows go into which optimizer step, decided before training and from the seed alone.

A step takes a random set of rows, so that its mean gradient is unbiased; inside the step, rows of like length form
micro-batches that are padded to one of a few lengths. Few shapes matter: CPU kernels cache memory per shape. The whole
run is one list of steps, so a resumed run continues it at an index and can neither replay nor skip a row.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smolkit.data.render import IGNORED, Example

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class MicroBatch:
    """Rows that run through the model together, all padded to `length` tokens."""

    rows: tuple[int, ...]
    length: int


Step = tuple[MicroBatch, ...]


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


def bucket(length: int, pad_to: int) -> int:
    """The padded length: a multiple of `pad_to` with a multiplier of at most three significant bits.

    That is 1 to 8, 10, 12, 14, 16, 20, 24, ...: never more than a fifth of padding past the eighth, and few shapes.
    """
    units = -(-length // pad_to)
    step = 1 << max(0, (units - 1).bit_length() - 3)
    return -(-units // step) * step * pad_to


def _micro_batches(rows: Sequence[int], lengths: Sequence[int], micro_tokens: int, pad_to: int) -> Step:
    """Rows by length, cut where a micro-batch is full or its shortest row would be padded by more than a third."""
    step: list[MicroBatch] = []
    members: list[int] = []
    for row in sorted(rows, key=lambda row: (-lengths[row], row)):
        length = bucket(lengths[members[0]], pad_to) if members else 0
        if members and (length * (len(members) + 1) > micro_tokens or 3 * length > 4 * lengths[row]):
            step.append(MicroBatch(tuple(members), length))
            members = []
        members.append(row)
    return (*step, MicroBatch(tuple(members), bucket(lengths[members[0]], pad_to)))


def collate(micro: MicroBatch, examples: Sequence[Example], pad_id: int) -> dict[str, torch.Tensor]:
    """`input_ids` and `labels`, int64 [rows, length], padded on the right.

    There is no attention mask: padding comes after every real token, where causal attention cannot see it.
    """
    import torch

    ids = torch.full((len(micro.rows), micro.length), pad_id)
    labels = torch.full_like(ids, IGNORED)
    for at, row in enumerate(micro.rows):
        example = examples[row]
        ids[at, : len(example.ids)] = torch.tensor(example.ids)
        labels[at, example.prompt_length : len(example.ids)] = torch.tensor(example.ids[example.prompt_length :])
    return {"input_ids": ids, "labels": labels}
