"""A graph as files: one .onnx with the nodes, and its arrays beside it in parts of at most 2 GB.

Readers differ in how they find the parts: transformers.js wants `NAME_data`, `NAME_data_1`, onnxruntime-genai and
others take whatever name the .onnx gives. Arrays are written one at a time, so that no second copy is in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.errors import SmolkitError
from smolkit.export.onnx_graph import CONTRIB, IR_VERSION, OPSET, Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, TensorProto, ValueInfoProto

MAX_FILE_BYTES = 2_000_000_000
_INLINE = 1024
"""Arrays up to so many bytes stay in the .onnx file: shapes and axes, which readers look at."""
_ALIGNMENT = 4096
"""Arrays begin at whole pages, so that a reader can map them."""


def write_graph(
    graph: Graph, path: Path, *, part_name: Callable[[int], str], last_logits_only: bool = False
) -> list[Path]:
    """Write `path` and its parts, named by `part_name(0)`, `part_name(1)`, ...; all files, the .onnx first.

    With `last_logits_only`, `num_logits_to_keep` is an input that a caller may leave out, and is 1 then.
    onnxruntime-genai, which knows no such input, reads from the declared shape that one position is to be expected.
    Raises SmolkitError for an array that no part can hold.
    """
    import onnx
    from onnx import numpy_helper

    parts = _Parts(path.parent, part_name)
    outputs = list(graph.outputs)
    with parts:
        initializers = [parts.store(name, array) for name, array in graph.arrays.items()]
    if last_logits_only:
        initializers.append(numpy_helper.from_array(np.array(1, np.int64), "num_logits_to_keep"))
        outputs = [_with_one_position(output) if output.name == "logits" else output for output in outputs]
    onnx.save(_model(graph, outputs, initializers), path)
    path.chmod(0o644)
    return [path, *parts.files]


def in_memory(graph: Graph) -> tuple[bytes, dict[str, NDArray[Any]]]:
    """The .onnx file as bytes, and by name the arrays that are not inside: for a reader in this process."""
    from onnx import numpy_helper

    outside = {name: np.ascontiguousarray(array) for name, array in graph.arrays.items() if array.nbytes > _INLINE}
    initializers = [
        _placed(name, array, location="memory") if name in outside else numpy_helper.from_array(array, name)
        for name, array in graph.arrays.items()
    ]
    content: bytes = _model(graph, graph.outputs, initializers).SerializeToString()
    return content, outside


def _model(graph: Graph, outputs: list[ValueInfoProto], initializers: list[TensorProto]) -> ModelProto:
    from onnx import helper

    return helper.make_model(
        helper.make_graph(graph.nodes, "decoder", graph.inputs, outputs, initializers),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)],
        producer_name="smolkit",
        ir_version=IR_VERSION,
    )


def _placed(name: str, array: NDArray[Any], **place: str | int) -> TensorProto:
    """An initializer whose bytes lie elsewhere."""
    from onnx import TensorProto, helper

    tensor = TensorProto(name=name, dims=array.shape, data_location=TensorProto.EXTERNAL)
    tensor.data_type = helper.np_dtype_to_tensor_dtype(array.dtype)
    for key, value in place.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def _with_one_position(logits: ValueInfoProto) -> ValueInfoProto:
    from onnx import ValueInfoProto

    other = ValueInfoProto()
    other.CopyFrom(logits)
    other.type.tensor_type.shape.dim[1].dim_value = 1
    return other


class _Parts:
    """The files that arrays are appended to."""

    def __init__(self, directory: Path, part_name: Callable[[int], str]):
        self.directory, self.part_name = directory, part_name
        self.files: list[Path] = []
        self.stream: Any = None

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, *_: object) -> None:
        if self.stream:
            self.stream.close()

    def store(self, name: str, array: NDArray[Any]) -> TensorProto:
        """The array as an initializer: inside, or a place in the current part."""
        from onnx import numpy_helper

        if array.nbytes <= _INLINE:
            return numpy_helper.from_array(array, name)
        if array.nbytes > MAX_FILE_BYTES:
            raise SmolkitError(
                f"{name} has {array.nbytes / 1e9:.1f} GB, more than the {MAX_FILE_BYTES / 1e9:.1f} GB of one file",
                fix="Take a smaller precision, such as q4",
            )
        offset = self._room_for(array.nbytes)
        self.stream.write(np.ascontiguousarray(array).data)
        return _placed(name, array, location=self.files[-1].name, offset=offset, length=array.nbytes)

    def _room_for(self, size: int) -> int:
        """The offset at which so many bytes are to be written; a new part where the current one would be too large."""
        position = self.stream.tell() if self.stream else 0
        offset = -(-position // _ALIGNMENT) * _ALIGNMENT
        if self.stream is None or offset + size > MAX_FILE_BYTES:
            if self.stream:
                self.stream.close()
            self.files.append(self.directory / self.part_name(len(self.files)))
            self.stream = self.files[-1].open("wb")
            return 0
        self.stream.write(bytes(offset - position))
        return offset
