"""A second graph over the same quantised weights, for WebAssembly, which has no fast MatMulNBits.

There the operator unpacks its whole matrix at every call: a token takes as long as reading a prompt. In this graph
standard operators unpack each matrix, from constants alone, so that ONNX Runtime does it once, when the model is
loaded; then it computes in float32. The graph refers to the weights' file as it lies: nothing is stored twice.

This module edits graphs of whatever origin; the price is memory, four bytes a weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.errors import SmolkitError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

PACKED = "MatMulNBits"


def wasm_graph_path(graph: Path) -> Path:
    """Where the second graph of `graph` lies, by the names of transformers.js: model_q4.onnx, model_wasm_q4.onnx."""
    return graph.with_name(graph.name.replace("model", "model_wasm", 1))


def write_wasm_graph(graph: Path) -> Path | None:
    """Write the second graph beside `graph`, or None where nothing in it is packed.

    Raises SmolkitError for matrices of another layout than blocks of 4 or 8 bits around a middle.
    """
    import onnx

    model = onnx.load(graph, load_external_data=False)
    if not any(node.op_type == PACKED for node in model.graph.node):
        return None
    _Unpacker(model, str(graph)).run()
    target = wasm_graph_path(graph)
    onnx.save(model, target)
    target.chmod(0o644)
    return target


class _Unpacker:
    def __init__(self, model: ModelProto, where: str):
        self.model, self.where = model, where
        self.unpacked: set[str] = set()
        """Codes whose matrix was made already."""
        self.constants: set[str] = set()

    def run(self) -> None:
        nodes = list(self.model.graph.node)
        del self.model.graph.node[:]
        for node in nodes:
            self.model.graph.node.extend(self.replaced(node) if node.op_type == PACKED else [node])

    def replaced(self, node: NodeProto) -> Iterator[NodeProto]:
        from onnx import helper

        given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        states, codes, scales = node.input[:3]
        if any(node.input[3:]) or given["bits"] not in (4, 8) or given["K"] % given["block_size"]:
            raise SmolkitError(f"{node.name} has zero points or an uneven block, which WebAssembly's graph cannot hold")
        if codes not in self.unpacked:
            self.unpacked.add(codes)
            yield from self.unpack(codes, scales, given)
        yield helper.make_node("MatMul", [states, f"{codes}.turned"], list(node.output), name=node.name)

    def unpack(self, codes: str, scales: str, given: dict[str, Any]) -> Iterator[NodeProto]:
        """Nodes that make the float32 matrix [in, out] of codes [out, blocks, bytes of a block]."""
        from onnx import TensorProto, helper

        bits, size = given["bits"], given["block_size"]
        blocks = given["K"] // size

        def node(op: str, inputs: list[str], step: str, **attributes: Any) -> NodeProto:
            return helper.make_node(op, inputs, [f"{codes}.{step}"], name=f"{codes}.{step}", **attributes)

        whole = codes
        if bits == 4:
            last = self.constant("unpack.last_axis", np.array([-1], np.int64))
            yield node("BitwiseAnd", [codes, self.constant("unpack.fifteen", np.array(15, np.uint8))], "low")
            yield node(
                "BitShift", [codes, self.constant("unpack.four", np.array(4, np.uint8))], "high", direction="RIGHT"
            )
            yield node("Unsqueeze", [f"{codes}.low", last], "low_apart")
            yield node("Unsqueeze", [f"{codes}.high", last], "high_apart")
            yield node("Concat", [f"{codes}.low_apart", f"{codes}.high_apart"], "pairs", axis=-1)
            whole = f"{codes}.pairs"
        by_block = self.constant(f"unpack.blocks_{blocks}_{size}", np.array([-1, blocks, size], np.int64))
        by_scale = self.constant(f"unpack.scales_{blocks}", np.array([-1, blocks, 1], np.int64))
        by_row = self.constant(f"unpack.rows_{blocks * size}", np.array([-1, blocks * size], np.int64))
        middle = self.constant(f"unpack.middle_{bits}", np.array(2 ** (bits - 1), np.float32))
        yield node("Cast", [whole], "numbers", to=TensorProto.FLOAT)
        yield node("Reshape", [f"{codes}.numbers", by_block], "blocked")
        yield node("Sub", [f"{codes}.blocked", middle], "centred")
        yield node("Reshape", [scales, by_scale], "factors")
        yield node("Mul", [f"{codes}.centred", f"{codes}.factors"], "scaled")
        yield node("Reshape", [f"{codes}.scaled", by_row], "rows")
        yield node("Transpose", [f"{codes}.rows"], "turned", perm=[1, 0])

    def constant(self, name: str, value: Any) -> str:
        from onnx import numpy_helper

        if name not in self.constants:
            self.constants.add(name)
            self.model.graph.initializer.append(numpy_helper.from_array(value, name))
        return name
