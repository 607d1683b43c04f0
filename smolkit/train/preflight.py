"""What a pretraining run will need, before it starts: memory, time and cost; and what would fit where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from smolkit.errors import SmolkitError
from smolkit.models.zoo import ModelSpec
from smolkit.recipe import Plan
from smolkit.train.pretrain_recipe import PretrainRecipe

if TYPE_CHECKING:
    from smolkit.data.mixture import Mixture

_HEAD_ROWS = {"cpu": 2048, "cuda": 4096}
"""Positions whose logits exist at the same time (`smolkit.models.functions`)."""
_WRITTEN_OUT = 2048
"""Keys up to which attention on a CPU keeps its weights (`smolkit.models.packed`)."""


@dataclass(frozen=True)
class Memory:
    """Bytes on one device at the peak, by what they are for."""

    weights: float
    masters: float
    gradients: float
    moments: float
    activations: float
    head: float
    checkpoint: float = 0.0
    """The copy that is written while training goes on; on a GPU it lies in the machine's memory."""

    @property
    def total(self) -> float:
        return sum(vars(self).values())

    @property
    def parts(self) -> str:
        named = {name: value for name, value in vars(self).items() if value}
        return ", ".join(f"{name} {value / 2**30:.1f}" for name, value in named.items())


def memory_needed(
    recipe: PretrainRecipe,
    spec: ModelSpec,
    dtype: torch.dtype,
    ranks: int,
    *,
    cuda: bool,
    micro_tokens: int | None = None,
) -> Memory:
    """An estimate within about a fifth; activations are what a Llama's layers keep for the backward pass."""
    parameters = spec.ledger().total
    rounded = dtype != torch.float32
    shards = recipe.parallel.shards(ranks) if ranks > 1 else 1
    tokens = micro_tokens or _micro_tokens(recipe)
    per_layer = _kept_per_token(spec, recipe.longest, cuda=cuda) * dtype.itemsize
    if recipe.activation_checkpointing:
        per_token = spec.layers * spec.hidden * dtype.itemsize + per_layer
    else:
        per_token = spec.layers * per_layer
    rows = _HEAD_ROWS["cuda" if cuda else "cpu"]
    logits = min(tokens, rows) * spec.vocab * (dtype.itemsize + (4 if cuda else 0))
    head_gradient = spec.vocab * spec.hidden * (4 if tokens > rows else dtype.itemsize)
    return Memory(
        weights=_gathered(spec, parameters, shards) * dtype.itemsize if rounded or shards > 1 else 0.0,
        masters=parameters * 4 / shards,
        gradients=parameters * 4 / shards,
        moments=parameters * 8 / shards,
        activations=tokens * per_token,
        head=logits + head_gradient,
        checkpoint=parameters * 12 / shards
        if recipe.checkpoint.every and not (cuda or recipe.checkpoint.wait)
        else 0.0,
    )


def _gathered(spec: ModelSpec, parameters: int, shards: int) -> float:
    """Parameters that a device holds to compute with: all, or of shards the embeddings and two layers at a time."""
    if shards == 1:
        return parameters
    return spec.ledger().embedding + spec.ledger().head + 2 * spec.ledger().non_embedding / spec.layers


def _kept_per_token(spec: ModelSpec, sequence: int, *, cuda: bool) -> float:
    """Numbers per token and layer: norms and residuals, queries, keys, values, attention, and the gated MLP."""
    kv = spec.kv_heads * spec.head_dim
    kept = 7 * spec.hidden + 2 * spec.hidden + 4 * kv + 4 * spec.ffn
    weights = spec.heads * min(sequence, _WRITTEN_OUT) * 0.6 if not cuda and sequence <= _WRITTEN_OUT else 0.0
    return kept + weights


def _micro_tokens(recipe: PretrainRecipe) -> int:
    return min(recipe.batch.micro_tokens, recipe.batch.tokens)


def check_memory(
    needed: Memory,
    available: float | None,
    recipe: PretrainRecipe,
    spec: ModelSpec,
    dtype: torch.dtype,
    ranks: int,
    *,
    cuda: bool,
) -> None:
    """Raise SmolkitError, with the settings that would fit, where a run needs more than there is."""
    if available is None or needed.total <= available:
        return
    raise SmolkitError(
        f"the run needs about {needed.total / 2**30:.1f} GiB ({needed.parts}), and {available / 2**30:.1f} are free",
        fix=advice(recipe, spec, dtype, ranks, available, cuda=cuda),
    )


def advice(
    recipe: PretrainRecipe, spec: ModelSpec, dtype: torch.dtype, ranks: int, available: float | None, *, cuda: bool
) -> str:
    """The settings that would fit in `available` bytes, the least change first, as something to type."""
    trials: list[tuple[str, dict[str, Any]]] = [
        ("", {}),
        ("--set activation_checkpointing=true", {"activation_checkpointing": True}),
    ]
    if ranks > 1 and recipe.parallel.kind == "ddp":
        trials.append(
            (
                "--set activation_checkpointing=true --set parallel.kind=fsdp",
                {"activation_checkpointing": True, "parallel": recipe.parallel.model_copy(update={"kind": "fsdp"})},
            )
        )
    for flags, update in trials:
        changed = recipe.model_copy(update=update)
        tokens = _micro_tokens(recipe)
        while tokens >= recipe.longest:
            needed = memory_needed(changed, spec, dtype, ranks, cuda=cuda, micro_tokens=tokens)
            if available is not None and needed.total <= 0.9 * available:
                smaller = f"--set batch.micro_tokens={tokens}" if tokens < recipe.batch.micro_tokens else ""
                found = " ".join(part for part in (smaller, flags) if part)
                if found:
                    return f"This fits: {found}"
            tokens = tokens // 2 // recipe.longest * recipe.longest
    more = "more GPUs with --set parallel.kind=fsdp, " if cuda else ""
    return f"Take {more}a smaller model or a shorter sequence, with batch.micro_tokens={recipe.longest}"


def flops_per_token(spec: ModelSpec, sequence: int) -> tuple[float, float]:
    """Training FLOPs per token, 6 N + 12 L d s, with the embedding counted among the N, and without."""
    ledger = spec.ledger()
    attention = 12 * spec.layers * spec.hidden * sequence
    return 6.0 * ledger.total + attention, 6.0 * ledger.non_embedding + attention


def plan_cost(
    plan: Plan, recipe: PretrainRecipe, spec: ModelSpec, mixture: Mixture, peak: tuple[float, str], ranks: int
) -> None:
    """Add FLOPs, time and cost to a plan."""
    flops = sum(stage.tokens * flops_per_token(spec, stage.sequence)[0] for stage in mixture.stages)
    plan.add("training_flops", float(flops), "6 N + 12 L d s per token, embedding counted once")
    assumed = recipe.hardware
    rate, origin = (assumed.peak_tflops * 1e12, "the recipe's hardware") if assumed.peak_tflops else peak
    seconds = flops / (rate * ranks * assumed.mfu)
    how = f"at {assumed.mfu:.0%} of {rate / 1e12:,.3g} TFLOP/s on {ranks} device{'s' * (ranks > 1)}"
    plan.add("time_estimate", duration(seconds), f"{how} ({origin})")
    if assumed.price_per_hour is not None:
        cost = seconds / 3600 * ranks * assumed.price_per_hour
        plan.add("cost_estimate", round(cost, 2), f"{assumed.price_per_hour:g} per device and hour")


def duration(seconds: float) -> str:
    """A time for people: 45 s, 12.5 min, 3.2 h, 14 days."""
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (72 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 86400:,.0f} days" if seconds >= 30 * 86400 else f"{seconds / 86400:.3g} days"
