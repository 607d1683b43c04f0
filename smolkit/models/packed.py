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

from smolkit.errors import ModelError

IMPLEMENTATION = "smolkit-packed"
_LONG = 1024
"""Keys above which scores are not written out."""
_UNIT = 64
"""Keys that were kept are read in multiples of so many: kernels are made anew for every shape."""


class KeyValues:
    """The keys and values of one growing sequence, each [layers, kv heads, room, head size]."""

    def __init__(self, model: Any, room: int = 0):
        config = model.config
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        shape = config.num_hidden_layers, config.num_key_value_heads, 0, size
        self.keys = torch.zeros(shape, dtype=model.dtype, device=model.device)
        self.values = self.keys.clone()
        self.length = 0
        self.reserve(room)

    def reserve(self, room: int) -> None:
        """Make room for so many tokens in all."""
        room = _round_up(room)
        missing = room - self.keys.shape[2]
        if missing > 0:
            more = self.keys.new_zeros(*self.keys.shape[:2], missing, self.keys.shape[3])
            self.keys, self.values = torch.cat([self.keys, more], dim=2), torch.cat([self.values, more], dim=2)

    def copy(self, room: int) -> KeyValues:
        """A sequence of its own that begins with this one."""
        other = object.__new__(KeyValues)
        other.keys, other.values, other.length = self.keys.clone(), self.values.clone(), self.length
        other.reserve(room)
        return other

    def put(self, layer: int, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the next tokens of a layer, [kv heads, tokens, head size]; all its keys and values, and some room."""
        end = self.length + k.shape[1]
        self.keys[layer, :, self.length : end] = k
        self.values[layer, :, self.length : end] = v
        read = end if end > _LONG else _round_up(end)
        return self.keys[layer, :, :read], self.values[layer, :, :read]


@dataclass
class Rows:
    """How a sequence is cut into rows; tokens after the last row are filler that attends to nothing."""

    lengths: Sequence[int]
    before: Sequence[KeyValues] | None = None
    """What stands before each row, and is extended by it."""
    masks: dict[tuple[int, int, int], torch.Tensor] = field(default_factory=dict)

    def mask(self, queries: int, end: int, keys: int, like: torch.Tensor) -> torch.Tensor:
        """[queries, keys], zero where a query may look, minus infinity where not; made once a pass for all layers.

        The queries are the last of `end` tokens, and keys from there on are room.
        """
        shape = queries, end, keys
        if shape not in self.masks:
            closed = torch.full((queries, keys), -math.inf, dtype=like.dtype, device=like.device)
            self.masks[shape] = closed.triu(end - queries + 1)
        return self.masks[shape]


def hidden_states(causal: Any, ids: torch.Tensor, positions: torch.Tensor, rows: Rows) -> torch.Tensor:
    """The last hidden states [tokens, hidden] of a causal language model over packed ids, int64 [tokens].

    Raises ModelError for a model whose attention is not plainly causal, which would be computed wrongly.
    """
    _check_attention(causal.config)
    extended = [] if rows.before is None else list(zip(rows.before, rows.lengths, strict=True))
    for before, length in extended:
        before.reserve(before.length + length)
    with _attention_by_rows(causal.config):
        result = causal.model(input_ids=ids[None], position_ids=positions[None], use_cache=False, rows=rows)
    for before, length in extended:
        before.length += length
    states: torch.Tensor = result.last_hidden_state[0]
    return states


def _check_attention(config: Any) -> None:
    others = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if getattr(config, "attn_logit_softcapping", None):
        others.add("soft-capped scores")
    if others:
        raise ModelError(
            f"{config.model_type} has {', '.join(sorted(others))}, and only full causal attention is computed here",
            fix="Take a model of the Llama kind, such as SmolLM2; GGUF files run in llama.cpp",
        )


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
    found = []
    for row, (q, k, v) in enumerate(zip(*(part[:-1] for part in parts), strict=True)):
        end = q.shape[1]
        if rows.before is not None and end:
            end += rows.before[row].length
            k, v = rows.before[row].put(module.layer_idx, k, v)
        found.append(_attend_row(q, k, v, end, scaling, rows) if end else q)
    return torch.cat([*found, torch.zeros_like(parts[0][-1])], dim=1).transpose(0, 1)[None], None


def _attend_row(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, end: int, scaling: float, rows: Rows
) -> torch.Tensor:
    """Causal attention of one row, [heads, queries, head size]; the queries are the last of `end` tokens."""
    heads, queries, size = q.shape
    groups, keys, _ = k.shape
    if q.is_cuda or keys > _LONG:
        whole = queries == end
        mask = None if whole else rows.mask(queries, end, end, like=q)
        q, k, v = q[None], k[None, :, :end], v[None, :, :end]
        return scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=whole, scale=scaling, enable_gqa=groups != heads
        )[0]
    grouped = (q * scaling).reshape(groups, -1, size)  # the queries of all heads that share keys, as one matrix
    scores = torch.bmm(grouped, k.transpose(1, 2)).view(groups, -1, queries, keys)
    scores = scores + rows.mask(queries, end, keys, like=q)
    return torch.bmm(scores.softmax(dim=-1).view(groups, -1, keys), v).view(heads, queries, size)


def _round_up(tokens: int) -> int:
    return -(-tokens // _UNIT) * _UNIT


AttentionInterface.register(IMPLEMENTATION, _attend)
