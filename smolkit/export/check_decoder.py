"""One graph in transformers.js: names, types and shapes of inputs and outputs, and operators."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from smolkit.export.check_files import FAULT, NOTE, WRONG, Finding, by_device, place
from smolkit.export.check_onnx import OnnxFile, Operator, Value

WEB = ("webgpu", "wasm")
DEVICES = (*WEB, "node")

_CACHE = re.compile(r"past_key_values\.(\d+)\.(key|value)")
_KINDS = {
    **dict.fromkeys(("input_ids", "attention_mask", "position_ids", "num_logits_to_keep"), "int64"),
    **dict.fromkeys(("inputs_embeds", "pixel_values"), "float32"),
    "pixel_attention_mask": "bool",
}
_RANKS = {
    "input_ids": 2,
    "attention_mask": 2,
    "position_ids": 2,
    "num_logits_to_keep": 0,
    "inputs_embeds": 3,
    "pixel_values": 5,
    "pixel_attention_mask": 4,
}
_FLOAT_OUTPUTS = ("inputs_embeds", "image_features")
_ONE_AT_A_TIME = "has a batch of 1: one prompt at a time"


@dataclass(frozen=True)
class Session:
    """One graph of a model: what it is given (the first of them it must take), what it must give, besides the cache."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    cache: bool = False


@dataclass(frozen=True)
class Rules:
    """What a release of transformers.js does with a graph."""

    supplied: frozenset[str]
    """Inputs besides the cache that generation gives."""
    cache_from_graph: bool
    """Whether the empty cache has its shape and type from the graph, or from config.json."""
    float16_logits: bool
    """Whether float16 logits are converted before a token is chosen."""
    jsep: bool
    """Whether WebGPU is the older JSEP provider, and ONNX Runtime that of the beginning of 2025."""


@dataclass(frozen=True)
class Sizes:
    """What config.json says of the cache; None where it does not."""

    layers: int | None
    heads: int | None
    head_dim: int | None
    vocab: int | None

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Sizes:
        hidden, heads = config.get("hidden_size"), config.get("num_attention_heads")
        computed = hidden // heads if isinstance(hidden, int) and isinstance(heads, int) and heads else None
        return cls(
            layers=config.get("num_hidden_layers"),
            heads=config.get("num_key_value_heads"),
            head_dim=config.get("head_dim") or computed,
            vocab=config.get("vocab_size"),
        )


@dataclass(frozen=True)
class Decoder:
    """A graph to check. `dtype` is what its file name says of the weights.

    `cache_kinds` is the type of an empty cache by device, for releases that do not ask the graph.
    """

    graph: OnnxFile
    session: Session
    rules: Rules
    sizes: Sizes
    dtype: str
    cache_kinds: Mapping[str, str]

    def check(self) -> Iterator[Finding]:
        yield from self._check_inputs()
        yield from self._check_outputs()
        if self.session.cache:
            yield from self._check_cache()
            yield from self._check_presents()

    def _at(self, level: str, name: str, what: str, fix: str = "") -> Finding:
        return Finding(level, place(self.graph.name, name), what, fix)

    def _check_inputs(self) -> Iterator[Finding]:
        given = set(self.session.inputs) | (self.rules.supplied if self.session.cache else set())
        for name, value in self.graph.inputs.items():
            if self.session.cache and _CACHE.fullmatch(name):
                continue
            if name in given:
                yield from self._check_input(name, value)
            else:
                fix = "Take it out, or give it a value in the graph (an initializer of the same name)"
                yield self._at(FAULT, name, "is an input that this release does not supply", fix)
        first = self.session.inputs[0]
        if first not in self.graph.inputs:
            yield self._at(FAULT, first, "is not among the inputs", "Export a graph that takes it")
        if self.session.cache and "attention_mask" not in self.graph.inputs:
            yield self._at(WRONG, "attention_mask", "is not among the inputs: padding is read as text")

    def _check_input(self, name: str, value: Value) -> Iterator[Finding]:
        kind, rank = _KINDS.get(name), _RANKS.get(name)
        if kind and value.kind != kind:
            yield self._at(FAULT, name, f"is {value.kind}, and {kind} is given")
        if rank is None or value.dims is None:
            return
        if len(value.dims) != rank:
            yield self._at(FAULT, name, f"has {len(value.dims)} axes, and {rank} are given")
        elif rank:
            batch, length, *_ = value.dims
            if isinstance(length, int):
                yield self._at(FAULT, name, f"has a fixed length of {length}", "Export it with a symbol there")
            yield from self._check_batch(name, batch)

    def _check_batch(self, name: str, batch: int | str) -> Iterator[Finding]:
        if batch == 1:
            yield self._at(NOTE, name, _ONE_AT_A_TIME)
        elif isinstance(batch, int):
            yield self._at(FAULT, name, f"has a fixed batch of {batch}", "Name the axis batch_size")

    def _check_outputs(self) -> Iterator[Finding]:
        for name in self.session.outputs:
            value = self.graph.outputs.get(name)
            if value is None:
                yield self._at(FAULT, name, "is not among the outputs", "Name the output so")
            elif name == "logits":
                yield from self._check_logits(value)
            elif name in _FLOAT_OUTPUTS and value.kind != "float32":
                what = f"is {value.kind}, and features and embeddings are put together as float32"
                yield self._at(WRONG, name, what, "Add a Cast")

    def _check_logits(self, value: Value) -> Iterator[Finding]:
        if value.kind not in ("float32", "float16"):
            yield self._at(FAULT, "logits", f"is {value.kind}, and float32 is expected", "Add a Cast")
        elif value.kind == "float16" and not self.rules.float16_logits:
            what = "is float16, which this release does not convert before it chooses a token"
            yield self._at(WRONG, "logits", what, "Add a Cast to float32")
        if value.dims is not None and len(value.dims) != 3:
            yield self._at(FAULT, "logits", f"has {len(value.dims)} axes, and [batch, tokens, vocabulary] is expected")
        elif value.dims and isinstance(value.dims[2], int) and self.sizes.vocab not in (None, value.dims[2]):
            what = f"has {value.dims[2]} columns, and config.json a vocabulary of {self.sizes.vocab}"
            yield self._at(WRONG, "logits", what, "Take the config.json of this model")

    def _check_cache(self) -> Iterator[Finding]:
        found = {name: value for name, value in self.graph.inputs.items() if _CACHE.fullmatch(name)}
        if not found:
            fix = "Export with a cache (text-generation-with-past) and these names"
            yield self._at(FAULT, "past_key_values.0.key", "is not among the inputs: there is no key-value cache", fix)
            return
        layers = self.sizes.layers
        for name, value in found.items():
            number = int(name.split(".")[1])
            if layers is not None and number >= layers:
                fix = "Take the config.json of this model"
                yield self._at(FAULT, name, f"is given for {layers} layers only, as config.json says", fix)
            else:
                yield from self._check_past(name, value)
        expected = [f"past_key_values.{number}.{role}" for number in range(layers or 0) for role in ("key", "value")]
        for name in expected:
            if name not in found:
                yield self._at(WRONG, name, "is not among the inputs, as config.json has more layers than the graph")

    def _check_past(self, name: str, value: Value) -> Iterator[Finding]:
        yield from self._check_kind(name, value.kind)
        if value.dims is None or len(value.dims) != 4:
            axes = "no shape" if value.dims is None else f"{len(value.dims)} axes"
            yield self._at(FAULT, name, f"has {axes}, and [batch_size, heads, past, head_dim] is given")
            return
        batch, heads, past, head_dim = value.dims
        if isinstance(batch, str) and batch != "batch_size" and self.rules.cache_from_graph:
            what = f"has {batch!r} for its batch, of which this release makes 0"
            yield self._at(FAULT, name, what, "Rename the symbol to batch_size")
        yield from self._check_batch(name, batch)
        yield from self._check_size(name, "heads", heads, self.sizes.heads)
        if isinstance(past, int):
            yield self._at(FAULT, name, f"has a past of fixed length {past}", "Export it with a symbol there")
        yield from self._check_size(name, "head_dim", head_dim, self.sizes.head_dim)

    def _check_size(self, name: str, axis: str, size: int | str, told: int | None) -> Iterator[Finding]:
        """A size of the cache: a number from the graph, or from config.json, which ONNX Runtime then compares."""
        if isinstance(size, str):
            if self.rules.cache_from_graph:
                number = f": {told}" if told else ""
                what = f"has the symbol {size!r} for {axis}, of which this release makes 0"
                yield self._at(FAULT, name, what, f"Write the number{number}")
        elif told is not None and size != told:
            level = WRONG if self.rules.cache_from_graph else FAULT
            what = f"has {axis} {size}, and config.json says {told}"
            yield self._at(level, name, what, "Take the config.json of this model")

    def _check_kind(self, name: str, kind: str) -> Iterator[Finding]:
        own = "float16" if self.dtype.endswith("16") else "float32"
        if kind not in ("float16", "float32"):
            yield self._at(FAULT, name, f"is {kind}, and the cache is float32 or float16")
        elif not self.rules.cache_from_graph:
            yield from by_device(DEVICES, lambda device: self._check_given(name, kind, self.cache_kinds[device]))
        elif kind != own:
            what = f"is {kind} in a file of dtype {self.dtype}, whose users expect {own}"
            yield self._at(WRONG, name, what, "Export the cache in that type, or name the file by another dtype")

    def _check_given(self, name: str, kind: str, given: str) -> Iterator[Finding]:
        if kind != given:
            fix = f'Set transformers.js_config.kv_cache_dtype in config.json, as {{"{self.dtype}": "{kind}"}}'
            yield self._at(FAULT, name, f"is {kind}, and this release gives {given}", fix)

    def _check_presents(self) -> Iterator[Finding]:
        for name, value in self.graph.inputs.items():
            if not _CACHE.fullmatch(name):
                continue
            present = name.replace("past_key_values", "present")
            output = self.graph.outputs.get(present)
            if output is None:
                yield self._at(FAULT, present, "is not among the outputs: the cache is lost", "Name the output so")
            elif output.kind != value.kind:
                yield self._at(FAULT, present, f"is {output.kind}, and {name.split('.')[0]} is {value.kind}")


def check_operators(graph: OnnxFile, rules: Rules) -> Iterator[Finding]:
    """Operators that a provider has no kernel for, or computes otherwise."""
    for rule in (_check_gather, _check_matmul, _check_attention, _check_dynamic):
        yield from rule(graph, rules)


def _check_gather(graph: OnnxFile, rules: Rules) -> Iterator[Finding]:
    where, fix = place(graph.name, "GatherBlockQuantized"), "Write the embedding with Gather and DequantizeLinear"
    for operator in graph.find("GatherBlockQuantized"):
        if rules.jsep and "bits" in operator.attributes:
            yield Finding(FAULT, where, "has the attribute bits, which its ONNX Runtime does not know", fix)
        elif not rules.jsep:
            what = "has no kernel in the WebAssembly build that this release loads"
            yield Finding(FAULT, where, what, fix, ("wasm",))


def _check_matmul(graph: OnnxFile, rules: Rules) -> Iterator[Finding]:
    for operator in graph.find("MatMulNBits"):
        bits = operator.attributes.get("bits", 4)
        if rules.jsep and bits != 4:
            what = f"has {bits} bits, and its ONNX Runtime computes with 4 only"
            yield Finding(FAULT, place(graph.name, "MatMulNBits"), what, "Take 4 bits, or transformers.js 4")


def _check_attention(graph: OnnxFile, rules: Rules) -> Iterator[Finding]:
    refused = {"softcap": 0, "rotary_interleaved": 0, "smooth_softmax": 0, "local_window_size": -1}
    for operator in graph.find("GroupQueryAttention") if rules.jsep else ():
        for name in (name for name, off in refused.items() if operator.attributes.get(name, off) != off):
            where = place(graph.name, "GroupQueryAttention")
            yield Finding(FAULT, where, f"has {name}, which the WebGPU provider refuses", devices=("webgpu",))


def _check_dynamic(graph: OnnxFile, _: Rules) -> Iterator[Finding]:
    found: list[Operator] = graph.find("MatMulInteger") + graph.find("DynamicQuantizeMatMul")
    if found:
        what = "multiplies in 8-bit integers, which is known to answer with gibberish"
        where = place(graph.name, found[0].name)
        yield Finding(NOTE, where, what, "Take q4 or fp16 there", ("webgpu",))
