"""Rows one after the other in a single sequence, each attending to itself: no padding between them.

Every matrix product then sees real tokens only, and few shapes. Attention runs row by row, with its scores written
out on a CPU (`functions.causal_attention`); long rows take PyTorch's fused kernel, for memory. Models of the Llama
kind, which smolkit is for, run through a forward pass written here; others through transformers' own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from smolkit.errors import ModelError
from smolkit.models.device import copied
from smolkit.models.functions import Masks, causal_attention, rms_norm, rotate

IMPLEMENTATION = "smolkit-packed"
_LONG = 2048
"""Keys above which scores are not written out."""
_UNIT = 64
"""Room is made in multiples of so many tokens."""


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
        """Write the next tokens of a layer, [kv heads, tokens, head size]; all its keys and values, and its room."""
        end = self.length + k.shape[1]
        self.keys[layer, :, self.length : end] = k
        self.values[layer, :, self.length : end] = v
        return self.keys[layer], self.values[layer]


@dataclass
class Rows:
    """How a sequence is cut into rows; tokens after the last row are filler that attends to nothing."""

    lengths: Sequence[int]
    shared: int = 0
    """Tokens in front, before the first row, to which every row attends as if it began with them."""
    after: Sequence[int] | None = None
    """For each row the number of an earlier one that it goes on from, or -1; without it rows stand alone."""
    before: Sequence[KeyValues] | None = None
    """What stands before each row, and is extended by it."""
    masks: Masks = field(default_factory=dict)
    """What the attention of all layers shares."""
    bounds: torch.Tensor | None = None
    """On a GPU, where rows begin and the last ends, int32 [rows + 1]: all of them in one kernel, without filler."""
    longest: int = 0
    """With `bounds`, what no row is longer than."""

    def on(self, device: torch.device, dtype: torch.dtype, longest: int) -> Rows:
        """The same rows, none longer than `longest`, for a device; in one kernel where that has one."""
        if device.type != "cuda" or self.shared or self.before is not None or dtype == torch.float32:
            return self
        ends = torch.tensor([0, *self.lengths]).cumsum(0).to(torch.int32)
        return replace(self, bounds=copied(ends, device), longest=longest)


def hidden_states(
    causal: Any,
    ids: torch.Tensor,
    positions: torch.Tensor,
    rows: Rows,
    at: torch.Tensor | None = None,
    embedded: torch.Tensor | None = None,
) -> torch.Tensor:
    """The last hidden states [tokens, hidden] of a causal language model over packed ids, int64 [tokens].

    With `at`, an index or a mask of tokens, only their states are computed to the end. `embedded`, [tokens, hidden],
    is read in place of the embeddings of the ids, as where images are. Raises ModelError for a model whose attention
    is not plainly causal, which would be computed wrongly.
    """
    _check_attention(causal.config)
    extended = [] if rows.before is None else list(zip(rows.before, rows.lengths, strict=True))
    for before, length in extended:
        before.reserve(before.length + length)
    forward = _llama if causal.config.model_type == "llama" else _any_model
    states = forward(causal.model, ids, positions, rows, slice(None) if at is None else at, embedded)
    for before, length in extended:
        before.length += length
    return states


def _llama(
    model: Any,
    ids: torch.Tensor,
    positions: torch.Tensor,
    rows: Rows,
    at: torch.Tensor | slice,
    embedded: torch.Tensor | None,
) -> torch.Tensor:
    return llama_states(model, ids, positions, rows, at, embedded=embedded)


RunLayer = Callable[..., torch.Tensor]


def llama_states(
    model: Any,
    ids: torch.Tensor,
    positions: torch.Tensor,
    rows: Rows,
    at: torch.Tensor | slice = slice(None),
    run_layer: RunLayer | None = None,
    embedded: torch.Tensor | None = None,
) -> torch.Tensor:
    """`hidden_states` of a Llama's trunk; `run_layer` takes what `decoder_layer` takes, and may be that in a wrapper.

    Training needs it: sharding gathers a layer's weights when the layer is called, checkpointing runs it twice.
    """
    run = run_layer or decoder_layer
    states = model.embed_tokens(ids) if embedded is None else embedded
    cos, sin = (angles[0, :, None] for angles in model.rotary_emb(states, positions[None]))
    last = len(model.layers) - 1
    for number, layer in enumerate(model.layers):
        states = run(layer, states, cos, sin, rows, number, at if number == last else slice(None))
    return _norm(states, model.norm)


def decoder_layer(
    layer: Any,
    states: torch.Tensor,
    cos: torch.Tensor,
    sin: torch.Tensor,
    rows: Rows,
    number: int,
    at: torch.Tensor | slice,
) -> torch.Tensor:
    """One layer over packed states [tokens, hidden], computed to the end for the tokens `at`."""
    attention = layer.self_attn
    normed = _norm(states, layer.input_layernorm)
    q, k, v = (
        project(normed).unflatten(1, (-1, attention.head_dim))
        for project in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    scale = attention.scaling
    attended = _attend(rotate(q, cos * scale, sin * scale), rotate(k, cos, sin), v, rows, number).flatten(1)
    states, attended = states[at], attended[at]
    states = states + attention.o_proj(attended)
    mlp: torch.Tensor = layer.mlp(_norm(states, layer.post_attention_layernorm))
    return states + mlp


def _norm(states: torch.Tensor, norm: Any) -> torch.Tensor:
    if states.is_cuda:  # where the compiler fuses it with what follows
        normed: torch.Tensor = norm(states)
        return normed
    return rms_norm(states, norm.weight, norm.variance_epsilon)


def _any_model(
    model: Any,
    ids: torch.Tensor,
    positions: torch.Tensor,
    rows: Rows,
    at: torch.Tensor | slice,
    embedded: torch.Tensor | None,
) -> torch.Tensor:
    read = {"input_ids": ids[None]} if embedded is None else {"inputs_embeds": embedded[None]}
    with _attention_by_rows(model.config):
        result = model(**read, position_ids=positions[None], use_cache=False, rows=rows)
    states: torch.Tensor = result.last_hidden_state[0, at]
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


def _attention_of_transformers(
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
    q, k, v = (states[0].transpose(0, 1) for states in (query * scaling, key, value))
    return _attend(q, k, v, rows, module.layer_idx)[None], None


def _attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rows: Rows, layer: int) -> torch.Tensor:
    """Attention of each row to itself and what stands before it: [tokens, heads, head size], q already scaled."""
    if rows.bounds is not None:
        return _attend_varlen(q, k, v, rows)
    if not (rows.shared or rows.after or rows.before):
        return _attend_alone(q, k, v, rows)
    filler = len(q) - rows.shared - sum(rows.lengths)
    parts = [states.split([rows.shared, *rows.lengths, filler]) for states in (q, k, v)]
    _, shared_k, shared_v = (part[0] for part in parts)
    found = []
    for number, (queries, keys, values) in enumerate(zip(*(part[:-1] for part in parts), strict=True)):
        if not len(queries):
            continue
        if rows.shared and number:
            keys, values = torch.cat([shared_k, keys]), torch.cat([shared_v, values])
        earlier = rows.after[number - 1] + 1 if rows.after and number else 0
        if earlier:
            keys, values = torch.cat([parts[1][earlier], keys]), torch.cat([parts[2][earlier], values])
        keys, values, end = keys.transpose(0, 1), values.transpose(0, 1), len(keys)
        if rows.before is None:
            keys, values = keys.contiguous(), values.contiguous()
        else:
            before = rows.before[number - 1]
            end += before.length
            keys, values = before.put(layer, keys, values)
        found.append(_attend_equal(queries[None], keys[None], values[None], end, rows.masks))
    return torch.cat([*found, torch.zeros_like(parts[0][-1])])


def _attend_alone(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rows: Rows) -> torch.Tensor:
    """`_attend` where rows stand alone: neighbours of one length together."""
    runs = [(length, len(list(same))) for length, same in groupby(length for length in rows.lengths if length)]
    filler = len(q) - sum(rows.lengths)
    parts = [states.split([*(length * count for length, count in runs), filler]) for states in (q, k, v)]
    found = []
    for (length, count), *states in zip(runs, *(part[:-1] for part in parts), strict=True):
        queries, keys, values = (part.view(count, length, *part.shape[1:]) for part in states)
        keys, values = keys.transpose(1, 2).contiguous(), values.transpose(1, 2).contiguous()
        found.append(_attend_equal(queries, keys, values, length, rows.masks))
    return found[0] if len(found) == 1 and not filler else torch.cat([*found, torch.zeros_like(parts[0][-1])])


def _attend_equal(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, end: int, masks: Masks) -> torch.Tensor:
    """Attention of rows of one length, [rows x queries, heads, size], from what `causal_attention` takes."""
    attend = _attend_fused if q.is_cuda or end > _LONG else causal_attention
    return attend(q, k, v, end, masks).flatten(0, 1)


def _attend_varlen(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rows: Rows) -> torch.Tensor:
    """All rows in PyTorch's flash kernel for sequences of many lengths."""
    from torch.nn.attention.varlen import varlen_attn

    assert rows.bounds is not None
    grouped, bounds, longest = k.shape[1] != q.shape[1], rows.bounds, rows.longest
    out = varlen_attn(q, k, v, bounds, bounds, longest, longest, scale=1.0, window_size=(-1, 0), enable_gqa=grouped)
    assert isinstance(out, torch.Tensor)
    return out


def _attend_fused(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, end: int, masks: Masks) -> torch.Tensor:
    """`causal_attention` by PyTorch's kernel."""
    queries = q.shape[1]
    whole = queries == end
    mask = None
    if not whole:
        shape = queries, end
        if shape not in masks:
            masks[shape] = torch.full(shape, -torch.inf, dtype=q.dtype, device=q.device).triu(end - queries + 1)
        mask = masks[shape]
    q, k, v = q.transpose(1, 2), k[:, :, :end], v[:, :, :end]
    grouped = k.shape[1] != q.shape[1]
    out: torch.Tensor = scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=whole, scale=1.0, enable_gqa=grouped
    )
    return out.transpose(1, 2)


def _round_up(tokens: int) -> int:
    return -(-tokens // _UNIT) * _UNIT


AttentionInterface.register(IMPLEMENTATION, _attention_of_transformers)
