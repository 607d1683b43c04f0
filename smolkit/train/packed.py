"""Rows one after the other in a single sequence, each attending to itself: no padding between them.

Every matrix product then sees real tokens only, and few shapes. Attention runs row by row, with its scores written
out: on a CPU that takes a third of the time of PyTorch's fused kernel, most of it in the backward pass. Long rows take
the fused kernel all the same, because written scores need memory that grows with the square of the length.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

IMPLEMENTATION = "smolkit-packed"
_LONG = 1024
"""Tokens above which scores are not written out."""


@dataclass
class Rows:
    """How a sequence is cut into rows; tokens after the last row are filler that attends to nothing."""

    lengths: Sequence[int]
    masks: dict[int, torch.Tensor] = field(default_factory=dict)

    def mask(self, tokens: int, like: torch.Tensor) -> torch.Tensor:
        """[tokens, tokens], zero where a token may look, minus infinity where not. Made once a pass for all layers."""
        if tokens not in self.masks:
            self.masks[tokens] = torch.full((tokens, tokens), -math.inf, dtype=like.dtype, device=like.device).triu(1)
        return self.masks[tokens]


def hidden_states(causal: Any, ids: torch.Tensor, positions: torch.Tensor, rows: Rows) -> torch.Tensor:
    """The last hidden states [tokens, hidden] of a causal language model over packed ids, int64 [tokens]."""
    with _attention_by_rows(causal.config):
        result = causal.model(input_ids=ids[None], position_ids=positions[None], use_cache=False, rows=rows)
    states: torch.Tensor = result.last_hidden_state[0]
    return states


@contextmanager
def _attention_by_rows(config: Any) -> Iterator[None]:
    before = config._attn_implementation
    config._attn_implementation = IMPLEMENTATION
    try:
        yield
    finally:
        config._attn_implementation = before


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    *,
    scaling: float,
    rows: Rows,
    **kwargs: object,
) -> tuple[torch.Tensor, None]:
    """An attention function of transformers: query [1, heads, tokens, head size] to [1, tokens, heads, head size]."""
    filler = query.shape[2] - sum(rows.lengths)
    parts = [states[0].split([*rows.lengths, filler], dim=1) for states in (query, key, value)]
    found = [_attend_row(q, k, v, scaling, rows) for q, k, v in zip(*(part[:-1] for part in parts), strict=True)]
    return torch.cat([*found, torch.zeros_like(parts[0][-1])], dim=1).transpose(0, 1)[None], None


def _attend_row(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float, rows: Rows) -> torch.Tensor:
    """Causal attention of one row, [heads, tokens, head size]."""
    heads, tokens, size = q.shape
    if q.is_cuda or tokens > _LONG:
        q, k, v = q[None], k[None], v[None]
        return scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling, enable_gqa=True)[0]
    groups = k.shape[0]
    grouped = (q * scaling).reshape(groups, -1, size)  # the queries of all heads that share keys, as one matrix
    scores = torch.bmm(grouped, k.transpose(1, 2)).view(groups, -1, tokens, tokens) + rows.mask(tokens, like=q)
    return torch.bmm(scores.softmax(dim=-1).view(groups, -1, tokens), v).view(heads, tokens, size)


AttentionInterface.register(IMPLEMENTATION, _attend)
