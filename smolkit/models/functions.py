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

_BLOCK = 128
"""Queries that are taken at once: keys after the last of them are left out of the products, almost half of all."""
_UNIT = 64
"""Keys are read in multiples of so many where there is room: kernels are made anew for every shape."""

_LOGIT_ROWS = 64
"""Positions whose logits are float32 at the same time; at a vocabulary of 49152 they stay in a cache of 16 MB."""

_HEAD_ROWS = 2048
"""Positions whose logits exist at the same time when the head and the loss are computed as one, on a CPU."""
_GPU_BLOCKS = 2
"""On a GPU so many times as many: its products want more rows, and there is room."""

_VOCABULARY = 4096
"""Tokens of the vocabulary, at most, that a product with the head takes at once on a CPU."""
_SAFE_LOGIT = 60.0
"""Where no logit is further from 0, e to their power needs no shift: float32 and bfloat16 end at e^88."""

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
    """Causal attention of rows of equal length with its scores written out, [rows, queries, heads, size].

    q is [rows, queries, heads, size], the last of `end` tokens and already scaled; k and v are [rows, groups, keys,
    size], contiguous, a group serving heads / groups heads, and keys from `end` on are room. On a CPU it takes a fifth
    to a half of the time of PyTorch's fused kernel, forward and backward, and memory that grows with the square of the
    length. `masks` keeps what the calls of all layers share.
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
        keys_of, values_of = k.flatten(0, 1), v.flatten(0, 1)
        grad_q, grad_k, grad_v = torch.empty_like(q), _Sum(keys_of), _Sum(values_of)
        q_of, grad_of, grad_q_of = (states.unflatten(2, (k.shape[1], -1)) for states in (q, grad, grad_q))
        # From the last block, which sees all keys that any does: its products are the sums that others add to.
        for (block, keys), weights in reversed(list(zip(_blocks(q.shape[1], ctx.end, k.shape[2]), kept, strict=True))):
            queries, passed = _stack(q_of[:, block]), _stack(grad_of[:, block])
            grad_v.add(torch.bmm(weights.transpose(1, 2), passed))
            grad_weights = torch.bmm(passed, values_of[:, :keys].transpose(1, 2))
            grad_scores = torch._softmax_backward_data(grad_weights, weights, -1, weights.dtype)
            grad_k.add(torch.bmm(grad_scores.transpose(1, 2), queries))
            _unstack(torch.bmm(grad_scores, keys_of[:, :keys]), grad_q_of[:, block])
        return grad_q, grad_k.total.view(k.shape), grad_v.total.view(v.shape), None, None


class _Sum:
    """A sum over blocks like a tensor [batch, keys, size], of parts that never reach further than the first."""

    def __init__(self, like: torch.Tensor):
        self.like = like
        self.total = like[:, :0]

    def add(self, part: torch.Tensor) -> None:
        if self.total.shape[1]:
            self.total[:, : part.shape[1]].add_(part)
        elif part.shape == self.like.shape:
            self.total = part
        else:  # there is room beyond
            self.total = torch.zeros_like(self.like)
            self.total[:, : part.shape[1]] = part


def _attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, end: int, masks: Masks
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The attention, and the weights of its blocks, each [rows x groups, heads of a group x queries, keys]."""
    out, kept = torch.empty_like(q), []
    keys_of, values_of = k.flatten(0, 1), v.flatten(0, 1)
    q_of, out_of = (states.unflatten(2, (k.shape[1], -1)) for states in (q, out))
    for block, keys in _blocks(q.shape[1], end, k.shape[2]):
        scores = torch.bmm(_stack(q_of[:, block]), keys_of[:, :keys].transpose(1, 2))
        count = block.stop - block.start
        seen = end - q.shape[1] + block.start  # keys before the first of these queries, open to all of them
        scores.view(-1, count, keys)[..., seen:].add_(_mask(count, keys - seen, scores, masks))
        weights = scores.softmax(dim=-1)
        _unstack(torch.bmm(weights, values_of[:, :keys]), out_of[:, block])
        kept.append(weights)
    return out, kept


def _blocks(queries: int, end: int, keys: int) -> Iterator[tuple[slice, int]]:
    """Blocks of one size and what is left: a slice of the queries and the number of keys that it needs."""
    for start in range(0, queries, _BLOCK):
        block = slice(start, min(start + _BLOCK, queries))
        needed = end - queries + block.stop
        yield block, min(-(-needed // _UNIT) * _UNIT, keys)


def _stack(states: torch.Tensor) -> torch.Tensor:
    """[rows, queries, groups, heads, size] as [rows x groups, heads x queries, size]: a matrix for shared keys."""
    return states.permute(0, 2, 3, 1, 4).flatten(2, 3).flatten(0, 1)


def _unstack(stacked: torch.Tensor, into: torch.Tensor) -> None:
    """Write what `_stack` would have made of `into`."""
    rows, queries, groups, heads, size = into.shape
    into.copy_(stacked.view(rows, groups, heads, queries, size).permute(0, 3, 1, 2, 4))


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
    its square of the log-partition is added to the first (PaLM, arXiv:2204.02311, section 5). Logits exist for some
    thousand rows at a time, and their gradient is made with them.
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
        accurate = torch.promote_types(states.dtype, torch.float32)
        losses = states.new_empty(len(states), dtype=accurate)
        partitions = torch.empty_like(losses)
        grad_states = grad_weight = None
        size = _HEAD_ROWS * (_GPU_BLOCKS if states.is_cuda else 1)
        if recorded and (ctx.needs_input_grad[0] or ctx.needs_input_grad[1]):
            grad_states = torch.empty_like(states)
            make = torch.empty_like if len(states) else torch.zeros_like
            grad_weight = make(weight, dtype=accurate if len(states) > size else None)
        for start in range(0, len(states), size):
            rows = slice(start, start + size)
            head = _Head(states[rows], weight, targets[rows])
            losses[rows], partitions[rows] = head.losses, head.partition
            if grad_states is not None and grad_weight is not None:
                grad_states[rows] = head.backward(scale, z_loss, grad_weight, first=start == 0)
            del head  # before there are the logits of others
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
        if grad.is_cuda or grad != 1:  # a loss that is itself what is differentiated, as usual, needs no more passes
            grad_states, grad_weight = grad_states * grad, grad_weight * grad
        return grad_states, grad_weight.to(ctx.dtype), None, None, None, None


class _Head:
    """The cross-entropy of states [rows, hidden] under a head [vocabulary, hidden], a part of the vocabulary at a time.

    On a CPU a product with a part runs up to a quarter faster than one with the whole, whose rows lie far apart. In
    place of each logit but the target's its odds are kept, e to its power, and rounded; the target's, on which the loss
    of a sure model hangs, stands apart and exact. What turns odds into a gradient is one number for each row, and is
    multiplied into the smaller sides of the products.
    """

    def __init__(self, states: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor):
        self.states, self.weight = states, weight
        self.accurate = torch.promote_types(states.dtype, torch.float32)
        count = 1 if states.is_cuda else -(-len(weight) // _VOCABULARY)
        self.parts = [slice(len(weight) * i // count, len(weight) * (i + 1) // count) for i in range(count)]
        self.places = [_places(targets, part, whole=count == 1) for part in self.parts]
        """The targets of each part: their rows and columns."""
        self.odds = [states @ weight[part].t() for part in self.parts]  # logits, until they are made odds
        shift = self._shift()
        chosen = states.new_empty(len(states), dtype=self.accurate)
        sums = []
        for logits, place in zip(self.odds, self.places, strict=True):
            own = logits[place].to(self.accurate)
            chosen[place[0]] = own if shift is None else own - shift[place[0]]
            logits[place] = -math.inf
            if shift is None:
                # Its float32 sum is rounded once; asked for in float32, PyTorch would copy all of them to that first.
                sums.append(logits.exp_().sum(dim=1).to(self.accurate))
            else:
                exact = (logits - shift[:, None]).exp_()
                sums.append(exact.sum(dim=1))
                logits.copy_(exact)
        self.own = chosen.exp()
        self.total = torch.stack(sums).sum(dim=0) + self.own
        log_total = self.total.log()
        self.losses = log_total - chosen
        self.partition = log_total if shift is None else log_total + shift
        """The logarithm of the partition function, [rows]."""

    def _shift(self) -> torch.Tensor | None:
        """The highest logits of each row, [rows], or None where e to the power of all is far from overflow and 0."""
        if not self.states.is_cuda:  # which would have to be waited for
            ranges = [logits.aminmax() for logits in self.odds]
            if all(bool(max(-low, high) < _SAFE_LOGIT) for low, high in ranges):
                return None
        return torch.stack([logits.amax(dim=1) for logits in self.odds]).amax(dim=0).to(self.accurate)

    def backward(self, scale: float, z_loss: float, grad_weight: torch.Tensor, *, first: bool) -> torch.Tensor:
        """The gradient of `scale` times the loss by the states, [rows, hidden]; adds that by the head.

        The odds are spent after it.
        """
        share = scale + (2 * scale * z_loss) * self.partition
        at_target = self.own - scale * self.total / share
        factor = (share / self.total)[:, None]
        scaled = (self.states * factor).to(self.states.dtype)
        grad_states = torch.zeros_like(self.states, dtype=self.accurate)
        for part, odds, place in zip(self.parts, self.odds, self.places, strict=True):
            odds[place] = at_target[place[0]].to(odds.dtype)
            grad_states += odds @ self.weight[part]
            grad_part = odds.t() @ scaled
            if first:
                grad_weight[part] = grad_part
            else:
                grad_weight[part].add_(grad_part)
        return grad_states * factor


def _places(targets: torch.Tensor, part: slice, *, whole: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows whose targets are in a part of the vocabulary, and the targets' columns in it."""
    if whole:  # without a look at them, for which a GPU would have to be waited
        return torch.arange(len(targets), device=targets.device), targets
    rows = ((targets >= part.start) & (targets < part.stop)).nonzero()[:, 0]
    return rows, targets[rows] - part.start


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
