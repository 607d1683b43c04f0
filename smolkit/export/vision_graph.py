"""Vision tower and connector of a SmolVLM as one ONNX graph, written node by node as `graph` writes the Llama.

    patches + positions -> layers x (norm, attention, norm, MLP) -> norm -> pixel shuffle -> projection

Every tile is whole, as SmolVLM's processors cut them, so positions are constants and no patch is masked. Only a tile
that pads a batch has an empty mask, and is left out. The contrib operators are those that the CPU, WebAssembly and
WebGPU providers have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.export.blocks import SIZE, Blocks, stacked
from smolkit.export.onnx_graph import Builder, Graph, value_info

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GELU = "gelu_pytorch_tanh"


@dataclass(frozen=True)
class VisionShape:
    """The sizes of a tower and its connector; `tile` and `patch` in pixels."""

    layers: int
    hidden: int
    heads: int
    tile: int
    patch: int
    grid: int
    """Patches in a row for which the tower has positions."""
    epsilon: float
    scale: int
    """Patches in a row, and in a column, that the connector makes one token of."""
    output: int

    @classmethod
    def of(cls, config: Any, tile: int) -> VisionShape:
        """The sizes of a SmolVLM's configuration, for tiles of `tile` pixels."""
        vision = config.vision_config
        return cls(
            layers=vision.num_hidden_layers,
            hidden=vision.hidden_size,
            heads=vision.num_attention_heads,
            tile=tile,
            patch=vision.patch_size,
            grid=vision.image_size // vision.patch_size,
            epsilon=vision.layer_norm_eps,
            scale=config.scale_factor,
            output=config.text_config.hidden_size,
        )

    @property
    def side(self) -> int:
        """Patches in a row of a tile."""
        return self.tile // self.patch

    @property
    def tokens(self) -> int:
        return (self.side // self.scale) ** 2


def vision_faults(config: Any, tile: int) -> list[str]:
    """Everything about a configuration that this graph would compute wrongly; empty for SmolVLM's."""
    shape, activation = VisionShape.of(config, tile), config.vision_config.hidden_act
    faults = {
        f"activation {activation!r}": activation != _GELU,
        f"tiles of {shape.side} patches in a row, for a scale of {shape.scale}": shape.side % shape.scale,
        f"tiles of {shape.side} patches in a row, for positions of {shape.grid}": shape.side > shape.grid,
    }
    return [fault for fault, present in faults.items() if present]


def position_ids(shape: VisionShape) -> NDArray[np.int64]:
    """Which row of the position table each patch of a whole tile reads, [patches].

    By transformers' formula, in its float32: with 19 or 25 patches in a row, for two, some read a neighbour's.
    """
    import torch

    boundaries = torch.arange(1 / shape.grid, 1.0, 1 / shape.grid)
    places = torch.arange(shape.side, dtype=torch.float32) * (1.0 / torch.tensor(shape.side))
    buckets = torch.bucketize(places.clamp(max=1.0 - 1e-6), boundaries, right=True)
    ids: NDArray[np.int64] = (buckets[:, None] * shape.grid + buckets[None]).flatten().numpy()
    return ids


def vision_weights(model: Any, bits: int | None) -> dict[str, NDArray[Any] | Blocks]:
    """Weights of tower and connector by transformers' names without `model.` and `.weight`; query, key, value stacked.

    With `bits`, the matrices with rows of whole blocks are rounded to so many.
    """
    weights: dict[str, Any] = {
        name.removesuffix(".weight"): _stored(name, value, bits)
        for name, value in model.model.state_dict().items()
        if name.startswith(("vision_model.", "connector."))
    }
    for number in range(model.config.vision_config.num_hidden_layers):
        prefix = f"vision_model.encoder.layers.{number}.self_attn"
        for kind in ("", ".bias"):
            parts = [weights.pop(f"{prefix}.{role}_proj{kind}") for role in "qkv"]
            together = stacked(parts) if isinstance(parts[0], Blocks) else np.concatenate(parts)
            weights[f"{prefix}.qkv_proj{kind}"] = together
    return weights


def _stored(name: str, value: Any, bits: int | None) -> NDArray[Any] | Blocks:
    from smolkit.export.quantise import round_nearest

    if bits and value.ndim == 2 and value.shape[1] % SIZE == 0 and "position" not in name:
        return round_nearest(value, bits)
    plain: NDArray[Any] = value.detach().float().numpy()
    return plain


def vision_graph(shape: VisionShape, weights: Mapping[str, Any], kind: type[np.floating[Any]]) -> Graph:
    """From pixel_values, float32 in [-1, 1], and pixel_attention_mask to image_features, float32.

    `weights` are those of `vision_weights`; `kind` is the type of activations.
    """
    with np.errstate(over="ignore"):  # what float16 cannot hold is the gate's to refuse
        return _Vision(shape, weights, kind).build()


class _Vision(Builder):
    def __init__(self, shape: VisionShape, weights: Mapping[str, Any], kind: type[np.floating[Any]]):
        images: list[str | int] = ["batch_size", "num_images"]
        sides = [shape.tile, shape.tile]
        super().__init__(
            weights,
            kind,
            [
                value_info("pixel_values", np.float32, [*images, 3, *sides]),
                value_info("pixel_attention_mask", np.bool_, [*images, *sides]),
            ],
            [value_info("image_features", np.float32, ["num_real_images", shape.tokens, shape.output])],
        )
        self.shape = shape

    def build(self) -> Graph:
        stream = self._patches(self._real_tiles())
        normed = self._first_norm(_layer_name(0, "layer_norm1"), stream)
        for number in range(self.shape.layers):
            last = number + 1 == self.shape.layers
            following = "vision_model.post_layernorm" if last else _layer_name(number + 1, "layer_norm1")
            normed, stream = self._layer(number, normed, stream, following)
        self._connect(normed)
        return self.graph

    def _real_tiles(self) -> str:
        """Tiles whose mask is not empty, [tiles, 3, tile, tile]. Tiles are padded right and below, if at all."""
        graph, side = self.graph, self.shape.tile
        start, end, axes = graph.integers("first", 0, 0), graph.integers("second", 1, 1), graph.integers("sides", 2, 3)
        corner = self.add("Slice", ["pixel_attention_mask", start, end, axes], "corner")
        real = self.add("Reshape", [corner, graph.integers("flat", -1)], "is_real")
        tiles = self.add("Reshape", ["pixel_values", graph.integers("tiles", -1, 3, side, side)], "all_tiles")
        tiles = self.add("Compress", [tiles, real], "tiles_float", axis=0)
        return self.taken(tiles)

    def _patches(self, tiles: str) -> str:
        """Patches with their positions, [tiles, patches, hidden]."""
        graph, shape, name = self.graph, self.shape, "vision_model.embeddings.patch_embedding"
        filters, bias = self.dense(name, self.weights[name]), self._bias(name)
        sides = [shape.patch, shape.patch]
        image = self.add("Conv", [tiles, filters, bias], name, kernel_shape=sides, strides=sides)
        rows = self.add("Reshape", [image, graph.integers("patch_rows", 0, shape.hidden, -1)], f"{name}.rows")
        patches = self.add("Transpose", [rows], f"{name}.patches", perm=[0, 2, 1])
        table = self.weights["vision_model.embeddings.position_embedding"][position_ids(shape)]
        return self.add("Add", [patches, self.dense("positions", table)], "vision_model.embeddings")

    def _layer(self, number: int, normed: str, stream: str, following: str) -> tuple[str, str]:
        """One layer on `normed`, which is the stream normed; the stream after it, and that normed for what follows."""
        qkv = self._biased(_layer_name(number, "self_attn.qkv_proj"), normed)
        parts = [_layer_name(number, f"self_attn.{role}") for role in "qkv"]
        self.add("Split", [qkv], parts, axis=-1, num_outputs=3)
        attended = self.add(
            "MultiHeadAttention", parts, _layer_name(number, "attended"),
            num_heads=self.shape.heads, scale=(self.shape.hidden // self.shape.heads) ** -0.5,
        )  # fmt: skip
        name = _layer_name(number, "self_attn.out_proj")
        normed, stream = self._norm(_layer_name(number, "layer_norm2"), self.linear(name, attended), stream, name)
        name = _layer_name(number, "mlp.fc1")
        wide = self.add("FastGelu", [self.linear(name, normed), self._bias(name)], _layer_name(number, "gelu"))
        name = _layer_name(number, "mlp.fc2")
        return self._norm(following, self.linear(name, wide), stream, name)

    def _connect(self, states: str) -> None:
        """Squares of patches as one row each, projected (pixel shuffle: SmolVLM, arXiv:2504.05299, section 2)."""
        graph, shape = self.graph, self.shape
        scale, rows = shape.scale, shape.side // shape.scale
        cut = graph.integers("squares", -1, rows, scale, rows, scale * shape.hidden)
        squares = self.add("Reshape", [states, cut], "connector.rows")
        squares = self.add("Transpose", [squares], "connector.squares", perm=[0, 1, 3, 2, 4])
        flat = graph.integers("shuffled", -1, rows * rows, scale * scale * shape.hidden)
        shuffled = self.add("Reshape", [squares, flat], "connector.shuffled")
        self.give("image_features", self.linear("connector.modality_projection.proj", shuffled))

    def _first_norm(self, name: str, states: str) -> str:
        weights = [self.dense(name, self.weights[name]), self._bias(name)]
        return self.add("LayerNormalization", [states, *weights], f"{name}.normed", axis=-1, epsilon=self.shape.epsilon)

    def _norm(self, name: str, states: str, skip: str, linear: str) -> tuple[str, str]:
        """Layer norm of the stream with `states` and the bias of `linear`, which gave them, added; also the stream."""
        weights, stream = [self.dense(name, self.weights[name]), self._bias(name)], f"{name}.stream"
        normed = self.add(
            "SkipLayerNormalization", [skip, states, *weights, self._bias(linear)],
            [f"{name}.normed", "", "", stream], epsilon=self.shape.epsilon,
        )  # fmt: skip
        return normed, stream

    def _biased(self, name: str, states: str) -> str:
        return self.add("Add", [self.linear(name, states), self._bias(name)], f"{name}.biased")

    def _bias(self, name: str) -> str:
        return self.graph.array(f"{name}.bias", self.weights[f"{name}.bias"].astype(self.kind))


def _layer_name(number: int, part: str) -> str:
    return f"vision_model.encoder.layers.{number}.{part}"
