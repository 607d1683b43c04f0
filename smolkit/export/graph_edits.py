"""Changes to an ONNX graph that was read: its matrices as blocks of 4 or 8 bits, its numbers as float16.

Each returns another graph and leaves the one given as it is; arrays that do not change are shared. Our own graph of a
Llama is written in the wanted types at once and needs none of this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.errors import SmolkitError
from smolkit.export.blocks import Blocks
from smolkit.export.onnx_graph import ACCURACY, OPSET, Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto, ValueInfoProto

FLOAT16_MAX = 65504.0 / 2
"""Larger numbers, the masks', become this: a score or a second mask can be added, and the sum is still a number."""


@dataclass(frozen=True)
class Linear:
    """A product with a stored matrix. `name` is the module's, as in `model.layers.0.self_attn.q_proj`."""

    name: str
    node: NodeProto
    weight: str
    """The array, [in, out] unless `transposed`."""
    transposed: bool = False

    def matrix(self, graph: Graph) -> NDArray[Any]:
        """The weights, [out, in] as in torch."""
        array = graph.arrays[self.weight]
        return array if self.transposed else array.T


@dataclass(frozen=True)
class Embedding:
    """The rows of `weight` [vocab, hidden] by token; where `tied`, they are also the head, and no linear is."""

    name: str
    node: NodeProto
    weight: str
    tied: bool


def linears(graph: Graph) -> dict[str, Linear]:
    """Every product with a stored matrix, by module. A head that reads the embedding is `embedding`'s."""
    rows = embedding(graph)
    found: dict[str, Linear] = {}
    for node in graph.nodes:
        if node.op_type not in ("MatMul", "Gemm") or graph.arrays.get(node.input[1], np.empty(0)).ndim != 2:
            continue
        if rows is not None and node.input[1] == rows.weight:
            continue
        name = module_of(node)
        name = name if name not in found else f"{name}.{node.name.rpartition('/')[2]}"
        found[name] = Linear(name, node, node.input[1], bool(_attribute(node, "transB", 0)))
    return found


def embedding(graph: Graph) -> Embedding | None:
    """Where tokens become vectors; some models reshape the ids before."""
    ids = {"input_ids"}
    for node in graph.nodes:
        if node.op_type in ("Reshape", "Cast") and node.input[0] in ids:
            ids.update(node.output)
        if node.op_type == "Gather" and node.input[1] in ids and graph.arrays.get(node.input[0], np.empty(0)).ndim == 2:
            read = readers(graph)[node.input[0]]
            weight = node.input[0]
            name = weight.removesuffix(".weight") if weight.endswith(".weight") else module_of(node)
            return Embedding(name, node, weight, any(other.op_type == "Gemm" for other in read))
    return None


def replace_linears(graph: Graph, blocks: Mapping[str, Blocks]) -> Graph:
    """The graph with these modules as MatMulNBits; the name of `embedding` (8 bits) means its rows and a tied head.

    Scales get the type of the matrix that they replace. Raises SmolkitError for a name that is no such module.
    """
    matrices = linears(graph)
    rows = embedding(graph)
    known = [*matrices, *([rows.name] if rows else [])]
    for name in blocks:
        if name not in known:
            raise SmolkitError(f"the graph has no matrix {name!r}", given=name, known=known)
    by_node = {linear.node.name: linear for linear in matrices.values() if linear.name in blocks}
    result = Graph(list(graph.inputs), list(graph.outputs), arrays=dict(graph.arrays))
    rows = rows if rows is not None and rows.name in blocks else None
    flat, head, full = _around_tied_head(graph, rows) if rows and rows.tied else (None, None, None)
    for node in graph.nodes:
        if node.name in by_node:
            linear = by_node[node.name]
            _add_product(result, linear, blocks[linear.name])
        elif rows and node is rows.node:
            _add_rows(result, rows, blocks[rows.name])
        elif rows and flat and node is full:
            # MatMulNBits keeps the leading axes: what made the states flat, and undid it, goes.
            _add_matmul_nbits(result, rows.name, rows.weight, flat.input[0], node.output[0], blocks[rows.name])
        elif node is not head:
            result.nodes.append(node)
    return pruned(result)


def to_float16(graph: Graph) -> Graph:
    """The graph with weights, activations and cache in float16, and float32 logits.

    What loses too much there stays in float32: the mean squares of norms, and the angles of the rotary embedding.
    """
    return _Halved(graph).build()


def pruned(graph: Graph) -> Graph:
    """The graph without nodes, arrays and inputs that no output needs."""
    needed = {output.name for output in graph.outputs}
    nodes = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.output):
            needed.update(name for name in node.input if name)
            nodes.append(node)
    arrays = {name: array for name, array in graph.arrays.items() if name in needed}
    inputs = [info for info in graph.inputs if info.name in needed]
    return Graph(inputs, list(graph.outputs), nodes[::-1], arrays)


def readers(graph: Graph) -> dict[str, list[NodeProto]]:
    """The nodes that read each tensor."""
    found: dict[str, list[NodeProto]] = defaultdict(list)
    for node in graph.nodes:
        for name in node.input:
            found[name].append(node)
    return found


def module_of(node: NodeProto) -> str:
    """`/model/layers.0/mlp/up_proj/MatMul` is a node of `model.layers.0.mlp.up_proj`."""
    return node.name.strip("/").rpartition("/")[0].replace("/", ".") or node.name


def rename(graph: Graph, new: Mapping[str, str]) -> None:
    """Let every node read other tensors, in place."""
    for node in graph.nodes:
        for at, name in enumerate(node.input):
            if name in new:
                node.input[at] = new[name]


def tensor_types(graph: Graph) -> dict[str, int]:
    """The ONNX type of each tensor, from what the operators promise; 0 where they do not say."""
    from onnx import TensorProto, helper

    types = {info.name: info.type.tensor_type.elem_type for info in graph.inputs}
    types |= {name: helper.np_dtype_to_tensor_dtype(array.dtype) for name, array in graph.arrays.items()}
    for node in graph.nodes:
        first = types.get(node.input[0], 0) if node.input else 0
        schema = _schema(node)
        for at, output in enumerate(node.output):
            if node.op_type == "Cast":
                types[output] = _attribute(node, "to", TensorProto.FLOAT)
            elif node.op_type == "ConstantOfShape":
                value = _attribute(node, "value", None)
                types[output] = value.data_type if value is not None else TensorProto.FLOAT
            elif schema is None:
                types[output] = first
            else:
                types[output] = _promised_type(schema, at, node, types)
    types.pop("", None)  # an output that is left out
    return types


def _promised_type(schema: Any, at: int, node: NodeProto, types: Mapping[str, int]) -> int:
    from onnx import TensorProto

    letter = schema.outputs[min(at, len(schema.outputs) - 1)].type_str
    for position, name in enumerate(node.input):
        if name and schema.inputs[min(position, len(schema.inputs) - 1)].type_str == letter:
            return types.get(name, 0)
    allowed = _allowed(schema, letter)
    return int(TensorProto.DataType.Value(allowed[0].upper())) if len(allowed) == 1 else 0


def _allowed(schema: Any, letter: str) -> list[str]:
    """The element types that stand behind a letter of a schema, as in `float16`."""
    texts: Iterable[str] = [letter]
    for constraint in schema.type_constraints:
        if constraint.type_param_str == letter:
            texts = constraint.allowed_type_strs
    return [text.removeprefix("tensor(").removesuffix(")") for text in texts if text.startswith("tensor(")]


def _schema(node: NodeProto) -> Any:
    from onnx import defs

    if not node.domain and defs.has(node.op_type, OPSET):
        return defs.get_schema(node.op_type, OPSET)
    return None


def _attribute(node: NodeProto, name: str, default: Any) -> Any:
    from onnx import helper

    return next((helper.get_attribute_value(one) for one in node.attribute if one.name == name), default)


def _add_product(graph: Graph, linear: Linear, blocks: Blocks) -> None:
    node = linear.node
    bias = node.input[2] if len(node.input) > 2 else None
    output = f"{node.output[0]}.product" if bias else node.output[0]
    _add_matmul_nbits(graph, linear.name, linear.weight, node.input[0], output, blocks)
    if bias:
        graph.add("Add", [output, bias], node.output[0])


def _add_matmul_nbits(graph: Graph, name: str, weight: str, states: str, output: str, blocks: Blocks) -> None:
    rows, columns = blocks.shape
    graph.add(
        "MatMulNBits", [states, *_store(graph, name, weight, blocks)], output,
        K=columns, N=rows, bits=blocks.bits, block_size=blocks.size, accuracy_level=ACCURACY,
    )  # fmt: skip


def _store(graph: Graph, name: str, weight: str, blocks: Blocks) -> tuple[str, str]:
    codes, scales = f"{name}.codes", f"{name}.scales"
    if codes not in graph.arrays:
        graph.array(codes, blocks.packed())
        graph.array(scales, blocks.scales.astype(graph.arrays[weight].dtype))
    return codes, scales


def _add_rows(graph: Graph, rows: Embedding, blocks: Blocks) -> None:
    """Rows of 8-bit codes, scaled by standard operators: the codes lie as MatMulNBits reads them for a tied head."""
    from onnx import helper

    assert blocks.bits == 8, "two codes in a byte cannot be gathered"
    kind = graph.arrays[rows.weight].dtype
    codes, scales = _store(graph, rows.name, rows.weight, blocks)
    number = graph.add("Gather", [codes, rows.node.input[1]], "embedded_codes", axis=0)
    number = graph.add("Cast", [number], "embedded_numbers", to=int(helper.np_dtype_to_tensor_dtype(kind)))
    zero = graph.array("zero_code", np.array(blocks.zero, kind))
    number = graph.add("Sub", [number, zero], "embedded_centred")
    factor = graph.add("Gather", [scales, rows.node.input[1]], "embedded_scales", axis=0)
    factor = graph.add("Unsqueeze", [factor, graph.integers("last_axis", -1)], "embedded_factor")
    scaled = graph.add("Mul", [number, factor], "embedded_blocks")
    shape = graph.integers("embedded_shape", 0, 0, blocks.shape[1])
    graph.add("Reshape", [scaled, shape], rows.node.output[0])


def _around_tied_head(graph: Graph, rows: Embedding) -> tuple[NodeProto, NodeProto, NodeProto]:
    """What makes the states flat, the Gemm itself, and what gives its product their leading axes again."""
    head = next(node for node in graph.nodes if node.op_type == "Gemm" and rows.weight in node.input)
    flat = next(node for node in graph.nodes if head.input[0] in node.output)
    full = next(node for node in graph.nodes if head.output[0] in node.input)
    assert (flat.op_type, full.op_type) == ("Reshape", "Reshape")
    return flat, head, full


class _Halved:
    """The state of one conversion: which tensors are float32 in the original, and what each is in the result."""

    def __init__(self, graph: Graph):
        from onnx import TensorProto

        self.single, self.half = int(TensorProto.FLOAT), int(TensorProto.FLOAT16)
        self.graph = graph
        self.original = tensor_types(graph)
        self.exact = self._exact_nodes()
        self.result = Graph([self._as_half(info) for info in graph.inputs], list(graph.outputs))
        self.now: dict[str, int] = {
            info.name: self.half for info in graph.inputs if self.original[info.name] == self.single
        }

    def build(self) -> Graph:
        for node in self.graph.nodes:
            self._convert(node)
        self.result.outputs = [self._finish(info) for info in self.graph.outputs]
        return pruned(self.result)

    def _convert(self, node: NodeProto) -> None:
        from onnx import NodeProto, numpy_helper

        copy = NodeProto()
        copy.CopyFrom(node)
        wanted = self.single if node.name in self.exact else self.half
        for at, name in enumerate(node.input):
            if name in self.graph.arrays:
                copy.input[at] = self._array(name, wanted)
            elif self.original.get(name) == self.single:
                copy.input[at] = self._cast(name, wanted)
        for attribute in copy.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == self.single:
                attribute.i = wanted
            elif attribute.HasField("t") and attribute.t.data_type == self.single and wanted == self.half:
                attribute.t.CopyFrom(numpy_helper.from_array(_rounded(numpy_helper.to_array(attribute.t))))
        self.now.update((name, wanted) for name in node.output if self.original.get(name) == self.single)
        self.result.nodes.append(copy)

    def _array(self, name: str, wanted: int) -> str:
        array = self.graph.arrays[name]
        if array.dtype != np.float32 or wanted == self.single:
            stored = name if array.dtype != np.float32 else f"{name}.float32"
            return self.result.array(stored, array)
        if name not in self.result.arrays:
            self.result.array(name, _rounded(array))
        return name

    def _cast(self, name: str, wanted: int) -> str:
        if self.now[name] == wanted:
            return name
        other = f"{name}.float{32 if wanted == self.single else 16}"
        if other not in self.now:
            self.result.add("Cast", [name], other, to=wanted)
            self.now[other] = wanted
        return other

    def _finish(self, info: ValueInfoProto) -> ValueInfoProto:
        """Give an output its type: whatever makes it gets another name where it makes the wrong one."""
        if self.original.get(info.name) != self.single:
            return info
        wanted = self.single if info.name == "logits" else self.half
        if self.now[info.name] != wanted:
            inner = f"{info.name}.inner"
            for node in self.result.nodes:
                node.name = inner if node.name == info.name else node.name
                for names in (node.input, node.output):
                    for at, name in enumerate(names):
                        names[at] = inner if name == info.name else name
            self.result.add("Cast", [inner], info.name, to=wanted)
        return info if info.name == "logits" else self._as_half(info)

    def _as_half(self, info: ValueInfoProto) -> ValueInfoProto:
        from onnx import ValueInfoProto

        other = ValueInfoProto()
        other.CopyFrom(info)
        if other.type.tensor_type.elem_type == self.single:
            other.type.tensor_type.elem_type = self.half
        return other

    def _exact_nodes(self) -> set[str]:
        """Names of the nodes that stay in float32: norms, angles, and operators that know no float16."""
        read, makers = readers(self.graph), {name: node for node in self.graph.nodes for name in node.output}
        exact = {node.name for node in self.graph.nodes if not self._may_halve(node)}
        for node in self.graph.nodes:
            if node.op_type == "ReduceMean":
                exact.add(node.name)
                square = makers.get(node.input[0])
                if square is not None and (square.op_type == "Pow" or len(set(square.input)) == 1):
                    exact.add(square.name)
                exact.update(self._until_applied(node, read))
            elif node.op_type in ("Cos", "Sin"):
                exact.update(self._float_ancestors(node, makers))
        return exact

    def _until_applied(self, mean: NodeProto, read: Mapping[str, list[NodeProto]]) -> Iterable[str]:
        """From a mean to where it is subtracted from or multiplied with what it is the mean of."""
        waiting = list(read[mean.output[0]])
        while waiting:
            node = waiting.pop()
            yield node.name
            if sum(name not in self.graph.arrays for name in node.input) == 1:
                waiting += read[node.output[0]]

    def _float_ancestors(self, node: NodeProto, makers: Mapping[str, NodeProto]) -> Iterable[str]:
        seen = {node.name}
        waiting = [node]
        while waiting:
            for name in waiting.pop().input:
                maker = makers.get(name)
                if maker is not None and self.original.get(name) == self.single and maker.name not in seen:
                    seen.add(maker.name)
                    waiting.append(maker)
        return seen

    def _may_halve(self, node: NodeProto) -> bool:
        schema = _schema(node)
        if schema is None or node.op_type == "Cast":
            return True
        return all(
            "float16" in _allowed(schema, schema.inputs[min(at, len(schema.inputs) - 1)].type_str)
            for at, name in enumerate(node.input)
            if self.original.get(name) == self.single
        )


def _rounded(array: NDArray[Any]) -> NDArray[np.float16]:
    """In float16; what is finite stays so."""
    finite = np.isfinite(array)
    return np.where(finite, np.clip(array, -FLOAT16_MAX, FLOAT16_MAX), array).astype(np.float16)
