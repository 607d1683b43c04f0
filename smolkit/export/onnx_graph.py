"""An ONNX graph before it is a file, and how a model's weights come into one in whatever way they are stored.

Quantised matrices are MatMulNBits: with the other contrib operators named here, what the CPU, WebAssembly and WebGPU
providers have in common. How the weights are stored comes in as arrays or `Blocks`; where their bytes go is
`onnx_file`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.export.blocks import Blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto, ValueInfoProto

OPSET = 21
CONTRIB = "com.microsoft"
IR_VERSION = 10
ACCURACY = 4
"""MatMulNBits' accuracy_level: activations in int8. Without it an 8-bit matrix has a tenth of the speed on a CPU."""

_CONTRIB = {
    "FastGelu",
    "GroupQueryAttention",
    "MatMulNBits",
    "MultiHeadAttention",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
}


@dataclass
class Graph:
    """An ONNX graph whose arrays are still apart: nodes in order, what they read by name, what goes in and out."""

    inputs: list[ValueInfoProto]
    outputs: list[ValueInfoProto]
    nodes: list[NodeProto] = field(default_factory=list)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    def add(self, op: str, inputs: Sequence[str], output: str | Sequence[str], **attributes: Any) -> str:
        """Append a node named as its first output, and return that name. Contrib operators are known by `_CONTRIB`."""
        from onnx import helper

        outputs = [output] if isinstance(output, str) else list(output)
        domain = CONTRIB if op in _CONTRIB else ""
        self.nodes.append(helper.make_node(op, list(inputs), outputs, name=outputs[0], domain=domain, **attributes))
        return outputs[0]

    def array(self, name: str, value: NDArray[Any]) -> str:
        self.arrays[name] = value
        return name

    def integers(self, name: str, *values: int) -> str:
        """A constant int64 vector."""
        return self.array(name, np.array(values, np.int64))


class Builder:
    """A graph with the weights that its nodes read: a matrix [out, in] or `Blocks`, or any other array, by name."""

    def __init__(
        self,
        weights: Mapping[str, Any],
        kind: type[np.floating[Any]],
        inputs: list[ValueInfoProto],
        outputs: list[ValueInfoProto],
    ):
        self.weights, self.kind = weights, kind
        self.graph = Graph(inputs, outputs)
        self.add = self.graph.add

    def taken(self, name: str) -> str:
        """A float32 input in the type of the activations."""
        if self.kind is np.float32:
            return name
        return self.add("Cast", [name], f"{name}_cast", to=onnx_type(self.kind))

    def give(self, name: str, states: str) -> None:
        """Make what the last node gave a float32 output."""
        if self.kind is np.float32:
            self.graph.nodes[-1].output[0] = name
        else:
            self.add("Cast", [states], name, to=onnx_type(np.float32))

    def linear(self, name: str, states: str) -> str:
        """States times a matrix, without bias."""
        weight = self.weights[name]
        if isinstance(weight, Blocks):
            return self.matmul_nbits(name, states, name, weight)
        stored = self.graph.array(f"{name}.weight", np.ascontiguousarray(weight.T, self.kind))
        return self.add("MatMul", [states, stored], name)

    def matmul_nbits(self, output: str, states: str, name: str, weight: Blocks) -> str:
        rows, columns = weight.shape
        return self.add(
            "MatMulNBits", [states, *self.blocks(name, weight)], output,
            K=columns, N=rows, bits=weight.bits, block_size=weight.size, accuracy_level=ACCURACY,
        )  # fmt: skip

    def blocks(self, name: str, weight: Blocks) -> tuple[str, str]:
        """Codes and scales of a matrix, stored once."""
        if f"{name}.codes" not in self.graph.arrays:
            self.graph.array(f"{name}.codes", weight.packed())
            self.graph.array(f"{name}.scales", weight.scales.astype(self.kind))
        return f"{name}.codes", f"{name}.scales"

    def dense(self, name: str, weight: NDArray[Any]) -> str:
        return self.graph.array(f"{name}.weight", weight.astype(self.kind, copy=False))


def value_info(name: str, kind: Any, dims: Sequence[str | int]) -> ValueInfoProto:
    """An input or output; dims are sizes, or symbols for those that vary."""
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), dims)


def onnx_type(kind: Any) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(kind)))
