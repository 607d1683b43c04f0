"""From a source model to ONNX graphs: weights in the precision that was asked for, quantised once for all of them.

Llama models go through `graph`; other architectures through optimum's exporter (`optimum_backend`), whose graph gets
the same names and the same quantised matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.data.images import pixels
from smolkit.errors import ModelError
from smolkit.export.architecture import llama_faults
from smolkit.export.blocks import SIZE, Blocks, stacked
from smolkit.export.four_bits import FourBits
from smolkit.export.graph import Shape, embedding_graph, llama_graph
from smolkit.export.onnx_graph import Graph
from smolkit.export.precisions import PRECISIONS, Precision
from smolkit.export.source import Source, VisionSource
from smolkit.export.vision_graph import VisionShape, vision_faults, vision_graph, vision_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from transformers import PreTrainedModel

VISION_BITS = 8
"""Fewer would save little: the tower is the smaller part, and it has been calibrated by nothing."""
OVERFLOW = 3e4
"""Largest intermediate value with which float16, whose own largest is 65504, is still offered."""


@dataclass
class OnnxModel:
    """The graphs of one source. `backend` is "smolkit" or "optimum"."""

    source: Source
    backend: str
    four_bits: FourBits

    def __post_init__(self) -> None:
        if self.backend == "smolkit":
            check_llama(self.source.config)
        if self.source.vision:
            check_vision(self.source.vision, self.backend)

    def graphs(self, precision: str) -> Iterator[tuple[str, Graph]]:
        """The graphs of one of `PRECISIONS`, by the names that transformers.js has for them, one after the other.

        A text model is one, `model`. Of a SmolVLM a token's embedding, the layers and the vision tower are apart, and
        embedding and head are stored twice where they are tied. Tower and connector have 8 bits where others have 4.
        """
        if self.source.vision is None:
            yield "model", self.graph(precision)
            return
        chosen = PRECISIONS[precision]
        shape, weights = Shape.of(self.source.config), self._weights(chosen)
        yield "decoder_model_merged", llama_graph(shape, weights, chosen.kind, embedded=True)
        yield "embed_tokens", embedding_graph(shape, weights, chosen.kind)
        model, tile = self.source.vision.model, self.source.vision.images.tile
        tower = vision_weights(model, chosen.bits and VISION_BITS)
        yield "vision_encoder", vision_graph(VisionShape.of(model.config, tile), tower, chosen.kind)

    def graph(self, precision: str) -> Graph:
        """The graph of a text model in one of `PRECISIONS`."""
        chosen = PRECISIONS[precision]
        if self.backend == "optimum":
            return self._optimum_graph(self._quantised(chosen), half=chosen.half)
        return llama_graph(Shape.of(self.source.config), self._weights(chosen), chosen.kind)

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

    def _weights(self, precision: Precision) -> dict[str, NDArray[Any] | Blocks]:
        return layer_weights(self.source.model, self._quantised(precision))

    def _quantised(self, precision: Precision) -> dict[str, Blocks]:
        if precision.bits is None:
            return {}
        if precision.bits == 8:
            return eight_bits(self.source.model)
        # At four bits embedding and head would cost more than all the layers.
        return _outside(self.source.model) | self.four_bits.within(precision.budget).blocks


def eight_bits(model: PreTrainedModel) -> dict[str, Blocks]:
    """Every matrix in 8 bits by module name; plain rounding loses nothing that could be saved."""
    from smolkit.export.quantise import linears, round_nearest

    return _outside(model) | {name: round_nearest(one.weight, 8) for name, one in linears(model).items()}


def _outside(model: PreTrainedModel) -> dict[str, Blocks]:
    """Embedding and head in 8 bits."""
    from smolkit.export.quantise import round_nearest

    weights = {"model.embed_tokens": model.get_input_embeddings().weight}
    if not model.config.tie_word_embeddings:
        weights["lm_head"] = model.get_output_embeddings().weight
    return {name: round_nearest(weight, 8) for name, weight in weights.items() if weight.shape[1] % SIZE == 0}


def graph_faults(config: Any) -> list[str]:
    """Everything about a configuration that our graph would compute wrongly or cannot store."""
    width = {"hidden_size": config.hidden_size, "intermediate_size": getattr(config, "intermediate_size", 0)}
    odd = [f"{name} {value}, which is no multiple of {SIZE}" for name, value in width.items() if value % SIZE]
    return llama_faults(config) + odd


def check_llama(config: Any) -> None:
    """Raise ModelError unless our graph computes exactly what this configuration does."""
    faults = graph_faults(config)
    if faults:
        raise ModelError(
            f"our ONNX graph does not cover {faults[0]}",
            fix="Give --backend optimum, which knows many text models",
        )


def check_vision(vision: VisionSource, backend: str) -> None:
    """Raise ModelError unless our graph computes exactly what this tower and connector do."""
    if backend != "smolkit":
        raise ModelError(f"the backend {backend!r} exports text models only", fix="Leave --backend out")
    faults = vision_faults(vision.model.config, vision.images.tile)
    if faults:
        raise ModelError(f"our ONNX graph of a vision tower does not cover {faults[0]}")


def scan_activations(source: Source) -> tuple[float, str]:
    """The largest absolute value that any module reads or gives over the gate's prompts and images, and its name.

    In float32, and of a SmolVLM over the modules of vision tower and connector too.
    """
    import torch

    largest = (0.0, "")

    def hook(name: str) -> Callable[..., None]:
        def look(module: Any, given: Any, output: Any) -> None:
            nonlocal largest
            for value in (*given, *(output if isinstance(output, tuple) else (output,))):
                if isinstance(value, torch.Tensor) and value.is_floating_point():
                    largest = max(largest, (float(value.abs().max()), name))

        return look

    whole = source.vision.model if source.vision else source.model
    handles = [module.register_forward_hook(hook(name)) for name, module in whole.named_modules() if name]
    try:
        with torch.inference_mode():
            for case in source.reference.cases:
                source.model(torch.tensor([case.sequence]), use_cache=False)
            for case in source.image_cases:
                seen = torch.from_numpy(pixels(case.tiles))[None]
                whole(torch.tensor([case.sequence]), pixel_values=seen, use_cache=False)
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
