"""A Llama model as one ONNX graph, written node by node: every name, shape and operator is decided here.

    embedding -> layers x (norm, attention, norm, gated MLP) -> norm -> head

The same graph serves onnxruntime-genai, transformers.js and plain ONNX Runtime. Attention is GroupQueryAttention with
the rotary embedding inside, norms add the residual (SkipSimplifiedLayerNormalization). A tied embedding is stored
once, whatever its type: its rows are gathered and, where they are quantised, scaled by standard operators, because
WebAssembly has no kernel for GatherBlockQuantized.

The language model of a SmolVLM is two graphs, `embedding_graph` and one that begins behind it: what images show is put
between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.export.blocks import Blocks
from smolkit.export.onnx_graph import Builder, Graph, onnx_type, value_info

if TYPE_CHECKING:
    from onnx import ValueInfoProto


@dataclass(frozen=True)
class Shape:
    """The sizes of a Llama model, and the constants of its arithmetic."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    context: int
    epsilon: float
    rope_theta: float

    @classmethod
    def of(cls, config: Any) -> Shape:
        """The sizes of a configuration; of an architecture that is no Llama, as far as it has them."""
        rope = getattr(config, "rope_parameters", None) or {}
        return cls(
            layers=config.num_hidden_layers,
            hidden=config.hidden_size,
            heads=config.num_attention_heads,
            kv_heads=getattr(config, "num_key_value_heads", None) or config.num_attention_heads,
            head_dim=getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
            vocab=config.vocab_size,
            context=config.max_position_embeddings,
            epsilon=getattr(config, "rms_norm_eps", 0.0),
            rope_theta=rope.get("rope_theta", 0.0),
        )


def llama_graph(
    shape: Shape, weights: Mapping[str, Any], kind: type[np.floating[Any]], *, embedded: bool = False
) -> Graph:
    """The graph of a Llama model; `embedded` is one that takes embeddings in place of token ids.

    `weights` has a matrix [out, in] or `Blocks` for each of `matrix_names`, and vectors for the norms, by
    transformers' names without `.weight`; a tied model has no `lm_head`. `kind` is the type of activations and of the
    key-value cache; logits are float32.
    """
    with np.errstate(over="ignore"):  # what float16 cannot hold is the gate's to refuse
        return _Llama(shape, weights, kind, embedded=embedded).build()


def embedding_graph(shape: Shape, weights: Mapping[str, Any], kind: type[np.floating[Any]]) -> Graph:
    """From input_ids to inputs_embeds, float32; what it needs of `weights` is the embedding alone."""
    with np.errstate(over="ignore"):
        return _Llama(shape, weights, kind).build_embedding()


def input_infos(shape: Shape, kind: type[np.floating[Any]], *, embedded: bool = False) -> list[ValueInfoProto]:
    """What the graph takes. `num_logits_to_keep` counts from the end; 0 is all."""
    return [
        _embeddings_info(shape) if embedded else _ids_info(),
        value_info("attention_mask", np.int64, ["batch_size", "total_sequence_length"]),
        *_cache_infos("past_key_values", "past_sequence_length", shape, kind),
        value_info("num_logits_to_keep", np.int64, []),
    ]


def output_infos(shape: Shape, kind: type[np.floating[Any]]) -> list[ValueInfoProto]:
    return [
        value_info("logits", np.float32, ["batch_size", "num_logits", shape.vocab]),
        *_cache_infos("present", "total_sequence_length", shape, kind),
    ]


def _cache_infos(prefix: str, length: str, shape: Shape, kind: type[np.floating[Any]]) -> list[ValueInfoProto]:
    dims: list[str | int] = ["batch_size", shape.kv_heads, length, shape.head_dim]
    return [value_info(f"{prefix}.{n}.{role}", kind, dims) for n in range(shape.layers) for role in ("key", "value")]


def _ids_info() -> ValueInfoProto:
    return value_info("input_ids", np.int64, ["batch_size", "sequence_length"])


def _embeddings_info(shape: Shape) -> ValueInfoProto:
    return value_info("inputs_embeds", np.float32, ["batch_size", "sequence_length", shape.hidden])


class _Llama(Builder):
    def __init__(
        self, shape: Shape, weights: Mapping[str, Any], kind: type[np.floating[Any]], *, embedded: bool = False
    ):
        super().__init__(weights, kind, input_infos(shape, kind, embedded=embedded), output_infos(shape, kind))
        self.shape, self.embedded = shape, embedded

    def build(self) -> Graph:
        self._lengths()
        self._rotary()
        states = self.taken("inputs_embeds") if self.embedded else self._embed()
        skip = None
        for number in range(self.shape.layers):
            states, skip = self._layer(number, states, skip)
        self._head(states, skip)
        return self.graph

    def build_embedding(self) -> Graph:
        self.graph.inputs, self.graph.outputs = [_ids_info()], [_embeddings_info(self.shape)]
        self.give("inputs_embeds", self._embed())
        return self.graph

    def _lengths(self) -> None:
        """What GroupQueryAttention wants to know of the mask: tokens of each row but one, and of the longest row."""
        graph = self.graph
        total = self.add("ReduceSum", ["attention_mask", graph.integers("axis_1", 1)], "lengths", keepdims=0)
        before = self.add("Sub", [total, graph.integers("one", 1)], "lengths_before_last")
        self.add("Cast", [before], "seqlens_k", to=onnx_type(np.int32))
        width = self.add("Shape", ["attention_mask"], "mask_width", start=1, end=2)
        scalar = self.add("Squeeze", [width, graph.integers("axis_0", 0)], "mask_width_scalar")
        self.add("Cast", [scalar], "total_sequence_length", to=onnx_type(np.int32))

    def _rotary(self) -> None:
        """Cosines and sines [context, head_dim / 2], in float64 until they are stored (RoPE, arXiv:2104.09864)."""
        half = np.arange(0, self.shape.head_dim, 2, dtype=np.float64) / self.shape.head_dim
        angles = np.outer(np.arange(self.shape.context), self.shape.rope_theta**-half)
        self.graph.array("cos_cache", np.cos(angles).astype(self.kind))
        self.graph.array("sin_cache", np.sin(angles).astype(self.kind))

    def _embed(self) -> str:
        name, weight = "model.embed_tokens", self.weights["model.embed_tokens"]
        if not isinstance(weight, Blocks):
            return self.add("Gather", [self.dense(name, weight), "input_ids"], "embedded", axis=0)
        codes, scales = self.blocks(name, weight)
        # [vocab, blocks, block]: the bytes of 8-bit codes lie as MatMulNBits wants them, for the head reads them too.
        rows = self.add("Gather", [codes, "input_ids"], "embedded_codes", axis=0)
        plain = self.add("Cast", [rows], "embedded_numbers", to=onnx_type(self.kind))
        zero = self.graph.array("zero_code", np.array(weight.zero, self.kind))
        centred = self.add("Sub", [plain, zero], "embedded_centred")
        # The scales lie flat, [vocab * blocks], in older versions of MatMulNBits; here as a matrix.
        factor = self.add("Gather", [scales, "input_ids"], "embedded_scales", axis=0)
        factor = self.add("Unsqueeze", [factor, self.graph.integers("last_axis", -1)], "embedded_factor")
        scaled = self.add("Mul", [centred, factor], "embedded_blocks")
        shape = self.graph.integers("embedded_shape", 0, 0, self.shape.hidden)
        return self.add("Reshape", [scaled, shape], "embedded")

    def _layer(self, number: int, states: str, skip: str | None) -> tuple[str, str]:
        """One layer: what it adds to the residual stream, and the stream before."""
        prefix = f"model.layers.{number}"
        normed, stream = self._norm(f"{prefix}.input_layernorm", states, skip)
        qkv = self.linear(f"{prefix}.self_attn.qkv_proj", normed)
        past = [f"past_key_values.{number}.{role}" for role in ("key", "value")]
        attended = self.add(
            "GroupQueryAttention",
            [qkv, "", "", *past, "seqlens_k", "total_sequence_length", "cos_cache", "sin_cache"],
            [f"{prefix}.attended", *(f"present.{number}.{role}" for role in ("key", "value"))],
            num_heads=self.shape.heads,
            kv_num_heads=self.shape.kv_heads,
            do_rotary=1,
            scale=self.shape.head_dim**-0.5,
        )
        output = self.linear(f"{prefix}.self_attn.o_proj", attended)
        normed, stream = self._norm(f"{prefix}.post_attention_layernorm", output, stream)
        gate = self.linear(f"{prefix}.mlp.gate_proj", normed)
        up = self.linear(f"{prefix}.mlp.up_proj", normed)
        sigmoid = self.add("Sigmoid", [gate], f"{prefix}.sigmoid")
        silu = self.add("Mul", [gate, sigmoid], f"{prefix}.silu")
        gated = self.add("Mul", [silu, up], f"{prefix}.gated")
        return self.linear(f"{prefix}.mlp.down_proj", gated), stream

    def _head(self, states: str, skip: str | None) -> None:
        """Logits of the last `num_logits_to_keep` positions; slicing by -0 keeps all, as in transformers."""
        assert skip is not None
        graph = self.graph
        start = self.add("Neg", ["num_logits_to_keep"], "first_kept")
        start = self.add("Reshape", [start, graph.integers("vector", 1)], "first_kept_vector")
        end, axis = graph.integers("to_the_end", np.iinfo(np.int64).max), graph.integers("sequence_axis", 1)
        states = self.add("Slice", [states, start, end, axis], "kept_states")
        skip = self.add("Slice", [skip, start, end, axis], "kept_stream")
        normed, _ = self._norm("model.norm", states, skip)
        logits = self._tied_head(normed) if "lm_head" not in self.weights else self.linear("lm_head", normed)
        self.give("logits", logits)

    def _tied_head(self, states: str) -> str:
        name, weight = "model.embed_tokens", self.weights["model.embed_tokens"]
        if isinstance(weight, Blocks):
            return self.matmul_nbits("lm_head", states, name, weight)
        graph, hidden = self.graph, self.shape.hidden
        # Gemm reads the matrix as it lies for the embedding; a transposed copy would be a second one in memory.
        flat = self.add("Reshape", [states, graph.integers("flat", -1, hidden)], "flat_states")
        product = self.add("Gemm", [flat, self.dense(name, weight)], "flat_logits", transB=1)
        dims = self.add("Shape", [states], "kept_shape", start=0, end=2)
        shape = self.add("Concat", [dims, graph.integers("vocab", self.shape.vocab)], "logits_shape", axis=0)
        return self.add("Reshape", [product, shape], "lm_head")

    def _norm(self, name: str, states: str, skip: str | None) -> tuple[str, str]:
        """RMS norm of the stream with `states` added; also the stream itself."""
        weight = self.dense(name, self.weights[name])
        if skip is None:
            normed = self.add(
                "SimplifiedLayerNormalization", [states, weight], f"{name}.normed",
                epsilon=self.shape.epsilon, axis=-1, stash_type=1,
            )  # fmt: skip
            return normed, states
        stream = f"{name}.stream"
        normed = self.add(
            "SkipSimplifiedLayerNormalization", [skip, states, weight], [f"{name}.normed", "", "", stream],
            epsilon=self.shape.epsilon,
        )  # fmt: skip
        return normed, stream
