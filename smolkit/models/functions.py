"""Parts of a transformer with a backward pass of their own: fewer passes over memory than autograd would take.

On a CPU a small model spends a third of a training step outside its matrix products, mostly reading and writing.
States are [tokens, ...] throughout; every function is exact up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd.function import once_differentiable

_BLOCK = 256
"""Queries that are taken at once: keys after the last of them are left out of the products, almost half of all."""
_UNIT = 64
"""Keys are read in multiples of so many where there is room: kernels are made anew for every shape."""

_LOGIT_ROWS = 64
"""Positions whose logits are float32 at the same time; at a vocabulary of 49152 they stay in a cache of 16 MB."""

_HEAD_ROWS = 1024
"""Positions whose logits exist at the same time when the head and the loss are computed as one, on a CPU."""
_GPU_BLOCKS = 4
"""On a GPU so many times as many: its products want more rows, and there is room."""

_CACHED_ROWS = 32
"""Of these, positions that are float32 at the same time."""

Masks = dict[tuple[int, int], torch.Tensor]


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """Root-mean-square norm of [tokens, hidden] (arXiv:1910.07467), rounded before the weight as Llama does it."""
    out: torch.Tensor = _RmsNorm.apply(x, weight, eps)
    return out


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        accurate = torch.promote_types(x.dtype, torch.float32)
        square = torch.linalg.vector_norm(x, dim=-1, dtype=accurate).square_().div_(x.shape[-1])
        # An evaluating batch norm with a channel per token divides each by its deviation, in float32, in one pass.
        zero = torch.zeros_like(square)
        normed = torch.batch_norm(x[None], None, None, zero, square, False, 0.0, eps, False)[0]
        ctx.save_for_backward(normed, weight, square.add_(eps).rsqrt_().to(x.dtype))
        return normed * weight

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, None]:
        normed, weight, scale = ctx.saved_tensors
        product = grad * normed
        mean = (product @ weight).div_(weight.shape[0])
        grad_x = (grad * weight).addcmul_(normed, mean[:, None], value=-1).mul_(scale[:, None])
        return grad_x, product.sum(dim=0) if ctx.needs_input_grad[1] else None, None


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding (arXiv:2104.09864) of [tokens, heads, size], its halves paired.

    cos and sin are [tokens, 1, size].
    """
    if x.is_cuda:  # where the compiler fuses it into one pass
        front, back = x.chunk(2, dim=-1)
        return x * cos + torch.cat([-back, front], dim=-1) * sin
    out: torch.Tensor = _Rotate.apply(x, cos, sin)
    return out


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        return _turn(x, cos, sin, forwards=True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return _turn(grad, *ctx.saved_tensors, forwards=False), None, None


def _turn(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, *, forwards: bool) -> torch.Tensor:
    half = x.shape[-1] // 2
    sign = 1 if forwards else -1
    out = x * cos
    out[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-sign)
    out[..., half:].addcmul_(x[..., :half], sin[..., half:], value=sign)
    return out


def causal_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, end: int, masks: Masks) -> torch.Tensor:
    """Causal attention of one sequence with its scores written out, [queries, heads, size].

    q is [queries, heads, size], the last of `end` tokens and already scaled; k and v are [groups, keys, size], a group
    serving heads / groups heads, and keys from `end` on are room. On a CPU it takes a fifth to a half of the time of
    PyTorch's fused kernel, forward and backward, and memory that grows with the square of the length. `masks` keeps
    what the calls of all layers share.
    """
    if torch.is_grad_enabled():
        out: torch.Tensor = _CausalAttention.apply(q, k, v, end, masks)
        return out
    return _attend(q, k, v, end, masks)[0]


class _CausalAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, end: int, masks: Masks) -> torch.Tensor:
        out, weights = _attend(q, k, v, end, masks)
        ctx.save_for_backward(q, k, v, *weights)
        ctx.end = end
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        q, k, v, *kept = ctx.saved_tensors
        grad_q, grad_k, grad_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for (rows, keys), weights in zip(_blocks(len(q), ctx.end, k.shape[1]), kept, strict=True):
            queries, passed = _group(q[rows], len(k)), _group(grad[rows], len(k))
            grad_v[:, :keys] += torch.bmm(weights.transpose(1, 2), passed)
            grad_weights = torch.bmm(passed, v[:, :keys].transpose(1, 2))
            grad_scores = torch._softmax_backward_data(grad_weights, weights, -1, weights.dtype)
            grad_k[:, :keys] += torch.bmm(grad_scores.transpose(1, 2), queries)
            grad_q[rows] = _ungroup(torch.bmm(grad_scores, k[:, :keys]), q.shape[1])
        return grad_q, grad_k, grad_v, None, None


def _attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, end: int, masks: Masks
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The attention, and the weights of its blocks, each [groups, heads of a group x queries, keys]."""
    out, kept = torch.empty_like(q), []
    for rows, keys in _blocks(len(q), end, k.shape[1]):
        scores = torch.bmm(_group(q[rows], len(k)), k[:, :keys].transpose(1, 2))
        count = rows.stop - rows.start
        seen = end - len(q) + rows.start  # keys before the first of these queries, open to all of them
        scores.view(-1, count, keys)[..., seen:] += _mask(count, keys - seen, scores, masks)
        weights = scores.softmax(dim=-1)
        out[rows] = _ungroup(torch.bmm(weights, v[:, :keys]), q.shape[1])
        kept.append(weights)
    return out, kept


def _blocks(queries: int, end: int, keys: int) -> Iterator[tuple[slice, int]]:
    """Blocks of like size: a slice of the queries and the number of keys that it needs."""
    count = -(-queries // _BLOCK)
    for at in range(count):
        rows = slice(queries * at // count, queries * (at + 1) // count)
        needed = end - queries + rows.stop
        yield rows, min(-(-needed // _UNIT) * _UNIT, keys)


def _group(states: torch.Tensor, groups: int) -> torch.Tensor:
    """[queries, heads, size] as [groups, heads of a group x queries, size]: heads that share keys in one matrix."""
    return states.unflatten(1, (groups, -1)).permute(1, 2, 0, 3).flatten(1, 2)


def _ungroup(states: torch.Tensor, heads: int) -> torch.Tensor:
    """The inverse of `_group`."""
    return states.view(heads, -1, states.shape[-1]).transpose(0, 1)


def _mask(queries: int, keys: int, like: torch.Tensor, masks: Masks) -> torch.Tensor:
    """Zero where a query may look, minus infinity after it."""
    if (queries, keys) not in masks:
        closed = torch.full((queries, keys), -math.inf, dtype=like.dtype, device=like.device)
        masks[queries, keys] = closed.triu(1)
    return masks[queries, keys]


def cross_entropy_sum(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Sum over rows of the cross-entropy of logits [rows, vocabulary] against target ids [rows], a float32 scalar.

    Computed in float32, a few rows at a time, so that logits in that precision never exist as a whole.
    """
    loss: torch.Tensor = _CrossEntropySum.apply(logits, targets)
    return loss


class _CrossEntropySum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        accurate = torch.promote_types(logits.dtype, torch.float32)
        losses = []
        grad = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        for start in range(0, len(logits), _LOGIT_ROWS):
            rows = slice(start, start + _LOGIT_ROWS)
            part, target = logits[rows].to(accurate, copy=True), targets[rows, None]
            total = part.logsumexp(dim=1, keepdim=True)
            losses.append((total - part.gather(1, target)).sum())
            if grad is not None:
                part.sub_(total).exp_()
                grad[rows] = part.scatter_add_(1, target, part.new_full(target.shape, -1.0))
        if grad is not None:
            ctx.save_for_backward(grad)
        return torch.stack(losses).sum() if losses else logits.new_zeros((), dtype=accurate)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        (per_logit,) = ctx.saved_tensors
        return per_logit * grad, None  # a scalar is not rounded to the dtype of the logits


def linear_cross_entropy(
    states: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, scale: float, z_loss: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """`scale` times the summed cross-entropy of states [rows, hidden] under a head [vocabulary, hidden].

    Returns that float32 scalar, and without a gradient the cross-entropy of every row, float32 [rows]. With `z_loss`,
    its square of the log-partition is added to the first (PaLM, arXiv:2204.02311, section 5). Logits exist for a few
    hundred rows at a time, their gradient is made with them, and float32 sums collect that of the head.
    """
    total, losses = _LinearCrossEntropy.apply(states, weight, targets, scale, z_loss, torch.is_grad_enabled())
    return total, losses


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        states: torch.Tensor,
        weight: torch.Tensor,
        targets: torch.Tensor,
        scale: float,
        z_loss: float,
        recorded: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        losses = states.new_empty(len(states), dtype=torch.promote_types(states.dtype, torch.float32))
        partitions = torch.empty_like(losses)
        wanted = recorded and (ctx.needs_input_grad[0] or ctx.needs_input_grad[1])
        grad_states, grad_weight = torch.empty_like(states) if wanted else None, None
        size = _HEAD_ROWS * (_GPU_BLOCKS if states.is_cuda else 1)
        for start in range(0, len(states), size):
            rows = slice(start, start + size)
            logits = states[rows] @ weight.t()
            _cross_entropy(logits, targets[rows], losses[rows], partitions[rows], scale, z_loss, wanted)
            if grad_states is not None:
                torch.mm(logits, weight, out=grad_states[rows])
                part = logits.t() @ states[rows]
                grad_weight = part.to(losses.dtype) if grad_weight is None else grad_weight.add_(part)
        ctx.save_for_backward(grad_states, grad_weight)
        ctx.dtype = weight.dtype
        ctx.mark_non_differentiable(losses)
        total = losses.sum()
        if z_loss:
            total = total + z_loss * partitions.square().sum()
        return total * scale, losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        grad_states, grad_weight = ctx.saved_tensors
        if grad_weight is None:  # no rows
            return grad_states, None, None, None, None, None
        if grad.is_cuda or grad != 1:  # a loss that is itself what is differentiated, as usual, needs no more passes
            grad_states, grad_weight = grad_states * grad, grad_weight * grad
        return grad_states, grad_weight.to(ctx.dtype), None, None, None, None


def _cross_entropy(
    logits: torch.Tensor,
    targets: torch.Tensor,
    losses: torch.Tensor,
    partitions: torch.Tensor,
    scale: float,
    z_loss: float,
    wanted: bool,
) -> None:
    """Fill the losses and log-partitions of rows; with `wanted`, put their gradient in place of the logits."""
    block = len(logits) if logits.is_cuda else _CACHED_ROWS
    for start in range(0, len(logits), block):
        rows = slice(start, start + block)
        part, target = logits[rows], targets[rows, None]
        highest = part.amax(dim=1, keepdim=True).to(losses.dtype)
        chosen = part.gather(1, target).to(losses.dtype)
        odds = torch.sub(part, highest).exp_()  # in the precision of the losses, as `highest` is
        total = odds.sum(dim=1, keepdim=True)
        partition = total.log() + highest
        partitions[rows] = partition[:, 0]
        losses[rows] = (partition - chosen)[:, 0]
        if wanted:
            weight = (scale + (2 * scale * z_loss) * partition) / total
            at_target = odds.gather(1, target) * weight - scale
            torch.mul(odds, weight, out=part)
            part.scatter_(1, target, at_target.to(part.dtype))


def lora_linear(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, a: torch.Tensor, b: torch.Tensor, scale: float
) -> torch.Tensor:
    """x W^T + bias + scale x A^T B^T (arXiv:2106.09685) with W frozen: [tokens, in] to [tokens, out].

    a is [rank, in] and b [out, rank]. The adapter adds to the product in place, and so does its gradient.
    """
    out: torch.Tensor = _LoraLinear.apply(x, weight, bias, a, b, scale)
    return out


class _LoraLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        inner = x @ a.t()
        ctx.save_for_backward(x, weight, a, b, inner)
        ctx.scale = scale
        return torch.nn.functional.linear(x, weight, bias).addmm_(inner, b.t(), alpha=scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, a, b, inner = ctx.saved_tensors
        grad_inner = (grad @ b).mul_(ctx.scale)
        grad_x = (grad @ weight).addmm_(grad_inner, a) if ctx.needs_input_grad[0] else None
        return grad_x, None, None, grad_inner.t() @ x, (grad.t() @ inner).mul_(ctx.scale), None
