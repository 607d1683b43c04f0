"""From a source model to ONNX graphs: weights in the precision that was asked for, quantised once for all of them.

Llama models go through `graph`; other architectures through optimum's exporter (`optimum_backend`), whose graph gets
the same names and the same quantised matrices.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.errors import ModelError, SmolkitError
from smolkit.export.architecture import llama_faults
from smolkit.export.blocks import SIZE, Blocks, stacked
from smolkit.export.graph import Graph, Shape, llama_graph
from smolkit.export.precisions import PRECISIONS, Precision
from smolkit.export.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from smolkit.export.quantise import Sensitivity

_SENSITIVITY_TOKENS = 2048
_LEAST_BITS = 4.5
_HELD_OUT = 6
"""Of so many calibration rows one is kept to measure the loss on."""
OVERFLOW = 3e4
"""Largest intermediate value with which float16, whose own largest is 65504, is still offered."""


@dataclass(frozen=True)
class Quantised:
    """The four-bit form of a source, and what it was measured to cost. Losses are in nats per token."""

    blocks: dict[str, Blocks]
    budget_bits: float
    bits: float
    """Mean bits per weight of the layers, scales included."""
    at_eight: int
    expected_loss: float
    """By second order, of rounding alone: compensation is better."""
    measured_loss: float
    """KL(torch || quantised) over calibration rows that were held out."""
    calibration_tokens: int

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "blocks"} | {"matrices": len(self.blocks)}

    def __str__(self) -> str:
        return (
            f"{len(self.blocks)} matrices, {self.at_eight} of them at 8 bits: {self.bits:.2f} bits per weight"
            f" (budget {self.budget_bits:g}), KL {self.measured_loss:.4f} nats on held-out calibration rows"
        )


@dataclass
class OnnxModel:
    """The graphs of one source. `backend` is "smolkit" or "optimum"; `calibration` token sequences."""

    source: Source
    backend: str
    calibration: Callable[[], Sequence[list[int]]]
    bits_per_weight: float | None = None
    """Size budget at four bits; each precision has its own where None."""
    quantised: dict[float, Quantised] = field(default_factory=dict)
    """The four-bit forms that were computed, by budget."""

    def __post_init__(self) -> None:
        if self.backend == "smolkit":
            check_llama(self.source.config)

    def graph(self, precision: str) -> Graph:
        """The graph of one of `PRECISIONS`."""
        chosen = PRECISIONS[precision]
        quantised = self._quantised_weights(chosen) if chosen.bits else {}
        if self.backend == "optimum":
            return self._optimum_graph(quantised, half=chosen.half)
        weights = layer_weights(self.source.model, quantised)
        return llama_graph(Shape.of(self.source.config), weights, chosen.kind)

    def four_bits(self, bits_per_weight: float) -> Quantised:
        """Four bits, calibrated, within a budget; computed once for every format."""
        if bits_per_weight not in self.quantised:
            found = quantise_source(self.source, self.calibration(), self._sensitivities, bits_per_weight)
            self.quantised[bits_per_weight] = found
        return self.quantised[bits_per_weight]

    @cached_property
    def _sensitivities(self) -> dict[str, Sensitivity]:
        from smolkit.export.quantise import sensitivities

        used = _calibrated_on(self.calibration())
        used = used[:: max(1, sum(map(len, used)) // _SENSITIVITY_TOKENS)]
        self.source.progress(f"four bits: what rounding costs each matrix, over {sum(map(len, used)):,} tokens")
        return sensitivities(self.source.model, used)

    @cached_property
    def max_activation(self) -> tuple[float, str]:
        """The largest intermediate value over the gate's prompts in float32, and the module that gives it."""
        return scan_activations(self.source)

    @cached_property
    def _optimum(self) -> Graph:
        from smolkit.export.optimum_backend import export_graph

        return export_graph(self.source.directory, progress=self.source.progress)

    def _optimum_graph(self, quantised: Mapping[str, Blocks], *, half: bool) -> Graph:
        from smolkit.export.graph_edits import embedding, linears, replace_linears, to_float16

        # Scales take the type of the matrix that they replace, so float16 comes first.
        graph = to_float16(self._optimum) if half else self._optimum
        rows = embedding(graph)
        known = {*linears(graph), *([rows.name] if rows else [])}
        return replace_linears(graph, {name: blocks for name, blocks in quantised.items() if name in known})

    def _quantised_weights(self, precision: Precision) -> dict[str, Blocks]:
        from smolkit.export.quantise import linears, round_nearest

        # Embedding and head keep 8 bits: at four they would cost more than all the layers.
        model = self.source.model
        outside = {"model.embed_tokens": model.get_input_embeddings().weight}
        if not model.config.tie_word_embeddings:
            outside["lm_head"] = model.get_output_embeddings().weight
        found = {name: round_nearest(weight, 8) for name, weight in outside.items() if weight.shape[1] % SIZE == 0}
        if precision.bits == 8:
            return found | {name: round_nearest(one.weight, 8) for name, one in linears(model).items()}
        return found | self.four_bits(self.bits_per_weight or precision.bits_per_weight).blocks


def check_llama(config: Any) -> None:
    """Raise ModelError unless our graph computes exactly what this configuration does."""
    faults = llama_faults(config)
    width = {"hidden_size": config.hidden_size, "intermediate_size": getattr(config, "intermediate_size", 0)}
    faults += [f"{name} {value}, which is no multiple of {SIZE}" for name, value in width.items() if value % SIZE]
    if faults:
        raise ModelError(
            f"our ONNX graph does not cover {faults[0]}",
            fix="Give --backend optimum, which knows many text models",
        )


def check_bits(bits_per_weight: float | None) -> None:
    """Raise SmolkitError for a budget that four bits do not keep."""
    if bits_per_weight is not None and not bits_per_weight >= _LEAST_BITS:
        raise SmolkitError(
            f"{bits_per_weight:g} bits per weight are too few: four bits with their scales are 4.5",
            fix="Give at least 4.5; 9 is 8 bits everywhere",
        )


def quantise_source(
    source: Source, sequences: Sequence[list[int]], sensitive: Mapping[str, Sensitivity], bits_per_weight: float
) -> Quantised:
    """Four bits under a budget: the bits by sensitivity, then compensation; the loss is measured afterwards."""
    from smolkit.export import quantise

    held_out, used = sequences[::_HELD_OUT], _calibrated_on(sequences)
    weights = {name: module.weight.numel() for name, module in quantise.linears(source.model).items()}
    budget = int(bits_per_weight * sum(weights.values()) / 8)
    bits = quantise.choose_bits(sensitive, _groups(weights), budget)
    model = copy.deepcopy(source.model)
    blocks = quantise.compensate(
        model, used, bits,
        progress=lambda done, total: source.progress(f"four bits: layer {done} of {total}") if done % 10 == 0 else None,
    )  # fmt: skip
    taken = sum(sensitive[name].bytes[bits[name]] for name in bits)
    found = Quantised(
        blocks=blocks,
        budget_bits=bits_per_weight,
        bits=taken * 8 / sum(weights.values()),
        at_eight=sum(number == quantise.HIGH for number in bits.values()),
        expected_loss=sum(sensitive[name].loss[number] for name, number in bits.items()),
        measured_loss=_divergence(source.model, model, held_out),
        calibration_tokens=sum(map(len, used)),
    )
    source.progress(f"four bits: {found}")
    return found


def _calibrated_on(sequences: Sequence[list[int]]) -> list[list[int]]:
    """Those that are not held out to measure the loss on."""
    return [sequence for number, sequence in enumerate(sequences) if number % _HELD_OUT]


def scan_activations(source: Source) -> tuple[float, str]:
    """The largest absolute output of any module over the gate's prompts, in float32, and the module's name."""
    import torch

    largest = (0.0, "")

    def hook(name: str) -> Callable[..., None]:
        def look(module: Any, given: Any, output: Any) -> None:
            nonlocal largest
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, torch.Tensor) and first.is_floating_point():
                largest = max(largest, (float(first.abs().max()), name))

        return look

    handles = [module.register_forward_hook(hook(name)) for name, module in source.model.named_modules() if name]
    try:
        with torch.inference_mode():
            for case in source.reference.cases:
                source.model(torch.tensor([case.sequence]), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return largest


def layer_weights(model: Any, quantised: Mapping[str, Blocks]) -> dict[str, NDArray[Any] | Blocks]:
    """All weights by transformers' names, query, key and value stacked: they read the same input."""
    plain = {name.removesuffix(".weight"): value.detach().float().numpy() for name, value in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        plain.pop("lm_head", None)
    weights: dict[str, Any] = {name: quantised.get(name, value) for name, value in plain.items()}
    for number in range(model.config.num_hidden_layers):
        prefix = f"model.layers.{number}.self_attn"
        parts = [weights.pop(f"{prefix}.{role}_proj") for role in "qkv"]
        weights[f"{prefix}.qkv_proj"] = stacked(parts) if isinstance(parts[0], Blocks) else np.concatenate(parts)
    return weights


def _groups(names: Mapping[str, int]) -> list[list[str]]:
    """Query, key and value of each layer, which our graph stores as one matrix."""
    stems = [name.removesuffix(".q_proj") for name in names if name.endswith(".q_proj")]
    groups = [[f"{stem}.{role}_proj" for role in "qkv"] for stem in stems]
    return [group for group in groups if all(name in names for name in group)]


def _divergence(reference: Any, other: Any, sequences: Sequence[list[int]]) -> float:
    import torch

    total, tokens = 0.0, 0
    with torch.inference_mode():
        for ids in sequences:
            batch = torch.tensor([ids])
            p, q = (model(batch, use_cache=False).logits[0].float().log_softmax(-1) for model in (reference, other))
            total += float((p.exp() * (p - q)).sum())
            tokens += len(ids)
    return total / tokens
