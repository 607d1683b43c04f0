"""Which rows go into which optimizer step, decided before training and from the seed alone.

A step takes a random set of rows, so that its mean gradient is unbiased. Its rows are packed one after the other into
as few micro-batches as hold them, each filled up to a multiple of a few tokens; what all prompts of a micro-batch begin
with, instructions and often the template, stands there once. The whole run is one list of steps, so
a resumed run continues it at an index and can neither replay nor skip a row.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

from smolkit.data.render import IGNORED, Example

if TYPE_CHECKING:
    import torch


MIN_SHARED = 16
"""Shorter common beginnings are not worth being computed apart."""


@dataclass(frozen=True)
class MicroBatch:
    """Rows that run through the model together, filled up to `length` tokens."""

    rows: tuple[int, ...]
    length: int
    shared: int = 0
    """Tokens that every row begins with, all of them prompt; they stand in front, once."""


Step = tuple[MicroBatch, ...]


class Packed(TypedDict):
    """A micro-batch as tensors, int64 [tokens]; the filler after the last row has no label."""

    input_ids: torch.Tensor
    labels: torch.Tensor
    position_ids: torch.Tensor
    """Each row's own, from 0."""
    shared: int
    """Tokens in front that every row begins with."""
    lengths: tuple[int, ...]
    """Tokens of each row after those."""


def shuffled_passes(rows: int, epochs: float, seed: int) -> list[list[int]]:
    """The rows in the order of each pass over them; a fraction of an epoch takes that share of the last pass."""
    passes = []
    whole = int(epochs)
    for epoch in range(whole + (epochs > whole)):
        shuffled = list(range(rows))
        random.Random(f"{seed}:{epoch}").shuffle(shuffled)
        passes.append(shuffled if epoch < whole else shuffled[: round(rows * (epochs - whole))])
    return passes


def plan_steps(
    order: Sequence[int], lengths: Sequence[int], *, rows_per_step: int, micro_tokens: int, pad_to: int
) -> list[Step]:
    """Every optimizer step of a run that takes rows of the given lengths in tokens in this order.

    The last step may be smaller.
    """
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
    return tuple(MicroBatch(tuple(b), _round_up(tokens, pad_to)) for b, tokens in zip(bins, filled, strict=True))


def share_prompts(steps: Sequence[Step], examples: Sequence[Example], pad_to: int) -> list[Step]:
    """The same steps, with what the prompts of each micro-batch have in common in it once."""

    def shorten(micro: MicroBatch) -> MicroBatch:
        chosen = [examples[row] for row in micro.rows]
        shared = len(common_prefix([example.ids[: example.prompt_length] for example in chosen]))
        if len(chosen) == 1 or shared < MIN_SHARED:
            return micro
        tokens = sum(len(example.ids) for example in chosen) - (len(chosen) - 1) * shared
        return replace(micro, length=_round_up(tokens, pad_to), shared=shared)

    return [tuple(shorten(micro) for micro in step) for step in steps]


def common_prefix(prompts: Sequence[Sequence[int]]) -> list[int]:
    """The longest beginning that all prompts share and none ends within."""
    first, last = min(map(list, prompts)), max(map(list, prompts))
    longest = min(len(first), len(last), *(len(prompt) - 1 for prompt in prompts))
    size = next((at for at in range(longest) if first[at] != last[at]), longest)
    return first[:size]


def _round_up(tokens: int, multiple: int) -> int:
    return -(-tokens // multiple) * multiple


def collate(micro: MicroBatch, examples: Sequence[Example], pad_id: int) -> Packed:
    """What the rows of a micro-batch share, then the rest of each, one after the other."""
    import torch

    chosen, shared = [examples[row] for row in micro.rows], micro.shared
    ids = list(chosen[0].ids[:shared])
    labels = [IGNORED] * shared
    positions = list(range(shared))
    for example in chosen:
        ids += example.ids[shared:]
        labels += example.labels[shared:]
        positions += range(shared, len(example.ids))
    filler = micro.length - len(ids)
    return {
        "input_ids": torch.tensor(ids + [pad_id] * filler),
        "labels": torch.tensor(labels + [IGNORED] * filler),
        "position_ids": torch.tensor(positions + [0] * filler),
        "shared": shared,
        "lengths": tuple(len(example.ids) - shared for example in chosen),
    }
