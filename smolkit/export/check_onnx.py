"""An ONNX file as the checks see it: what goes in and out, which operators run, where the weights lie.

The weights are not read. What holds for every reader of ONNX is checked here: versions, and files beside the graph.
"""

from __future__ import annotations

import math
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from smolkit.export.check_files import FAULT, WRONG, Finding, UnreadableFile, is_lfs_pointer, lfs_pointer, place
from smolkit.registry import require

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

_MAX_PROTO_BYTES = 2**31 - 1


class Value(NamedTuple):
    """An input or output: its element type as NumPy calls it, a size or a symbol for each axis; None where unsaid."""

    kind: str
    dims: tuple[int | str, ...] | None


class Operator(NamedTuple):
    name: str
    attributes: Mapping[str, Any]
    """Numbers and strings; arrays are left out."""


class External(NamedTuple):
    """A tensor outside the graph. `end` is the first byte after it, None where the size is not known."""

    tensor: str
    location: str
    end: int | None


@dataclass(frozen=True)
class OnnxFile:
    """`inputs` are those that a caller must give; `optional` have a value in the graph."""

    name: str
    path: Path
    ir: int
    opset: int
    inputs: dict[str, Value]
    optional: dict[str, Value]
    outputs: dict[str, Value]
    operators: Counter[Operator]
    external: list[External]

    def find(self, operator: str) -> list[Operator]:
        return [one for one in self.operators if one.name == operator]

    def first_in(self, location: str) -> str:
        """The first tensor of a file beside the graph, as a place to point at."""
        return place(self.name, next(one.tensor for one in self.external if one.location == location))

    @property
    def locations(self) -> dict[str, int]:
        """The files beside the graph, in the order of their first use, with the size that each must have."""
        sizes: dict[str, int] = {}
        for one in self.external:
            sizes[one.location] = max(sizes.get(one.location, 0), one.end or 0)
        return sizes


def read_onnx(path: Path, name: str) -> OnnxFile:
    """The graph at `path`, called `name` in findings. Raises UnreadableFile."""
    onnx = require("onnx", extra="onnx", why="reading an ONNX graph")
    unparsable = require("google.protobuf.message", extra="onnx", why="reading an ONNX graph").DecodeError
    try:
        if path.stat().st_size > _MAX_PROTO_BYTES:
            fix = "Write the weights as external data"
            raise UnreadableFile(Finding(FAULT, name, "is larger than the 2 GB of one protocol buffer", fix))
        if is_lfs_pointer(path):
            raise UnreadableFile(lfs_pointer(name))
        model = onnx.load(path, load_external_data=False)
    except (OSError, ValueError, unparsable) as exc:
        found = Finding(FAULT, name, "is not a readable ONNX file, perhaps cut short", "Write or download it again")
        raise UnreadableFile(found) from exc
    if not model.graph.node:
        raise UnreadableFile(Finding(FAULT, name, "holds no graph", "Write or download it again"))
    return _summary(model, path, name)


def check_versions(graph: OnnxFile, runtime: str, *, ir: int, opset: int) -> Iterator[Finding]:
    """Whether the ONNX Runtime that a consumer carries reads this format; it refuses what is newer than itself."""
    if graph.ir > ir:
        fix = f"Save it with ir_version={ir}"
        yield Finding(FAULT, place(graph.name, "ir_version"), f"is {graph.ir}, and {runtime} reads up to {ir}", fix)
    if graph.opset > opset:
        what = f"is {graph.opset}, and {runtime} reads up to {opset}"
        yield Finding(FAULT, place(graph.name, "opset_import"), what, f"Export it with opset {opset}")


def check_external(graph: OnnxFile) -> Iterator[Finding]:
    """The files beside the graph: there, long enough, readable by others."""
    directory = graph.path.parent
    for location, size in graph.locations.items():
        where = graph.first_in(location)
        pure = PurePosixPath(location)
        if pure.is_absolute() or ".." in pure.parts:
            yield Finding(FAULT, where, f"has its weights in {location!r}, outside the directory")
            continue
        file, beside = directory / location, PurePosixPath(graph.name).parent / location
        if not file.is_file():
            yield Finding(FAULT, where, f"has its weights in {location!r}, which is not here", f"Copy {beside}, too")
        elif is_lfs_pointer(file):
            yield Finding(FAULT, where, f"has its weights in {location!r}, a pointer of Git LFS", "Run: git lfs pull")
        elif file.stat().st_size < size:
            what = f"has its weights in {location!r}, which is cut short: {file.stat().st_size} bytes of {size}"
            yield Finding(FAULT, where, what, "Write or download it again")
        else:
            yield from _check_mode(file, str(beside))
    yield from _check_mode(graph.path, graph.name)


def _check_mode(file: Path, name: str) -> Iterator[Finding]:
    mode = stat.S_IMODE(file.stat().st_mode)
    if not mode & stat.S_IROTH:
        yield Finding(WRONG, name, f"has mode {mode:04o}: a server under another name cannot read it", "Run: chmod 644")


def _summary(model: ModelProto, path: Path, name: str) -> OnnxFile:
    graph = model.graph
    with_value = {one.name for one in graph.initializer}
    inputs = {one.name: _value(one) for one in graph.input}
    versions = {one.domain: one.version for one in model.opset_import}
    return OnnxFile(
        name=name,
        path=path,
        ir=model.ir_version,
        opset=max((versions[domain] for domain in ("", "ai.onnx") if domain in versions), default=0),
        inputs={key: value for key, value in inputs.items() if key not in with_value},
        optional={key: value for key, value in inputs.items() if key in with_value},
        outputs={one.name: _value(one) for one in graph.output},
        operators=Counter(_operator(node) for node in _nodes(graph)),
        external=[_external(one) for one in _tensors(graph) if one.data_location == one.EXTERNAL],
    )


def _value(info: ValueInfoProto) -> Value:
    from onnx import helper

    tensor = info.type.tensor_type
    kind = str(helper.tensor_dtype_to_np_dtype(tensor.elem_type)) if tensor.elem_type else "unknown"
    if not tensor.HasField("shape"):
        return Value(kind, None)
    dims = tensor.shape.dim
    return Value(kind, tuple(one.dim_value if one.HasField("dim_value") else one.dim_param for one in dims))


class _Attributes(dict[str, Any]):
    """Attributes that can be counted: hashed by their content."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((key, str(value)) for key, value in self.items())))


def _operator(node: NodeProto) -> Operator:
    from onnx import AttributeProto

    plain = {AttributeProto.INT: "i", AttributeProto.FLOAT: "f", AttributeProto.STRING: "s"}
    found = {one.name: getattr(one, plain[one.type]) for one in node.attribute if one.type in plain}
    return Operator(node.op_type, _Attributes(found))


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for inner in _subgraphs(node):
            yield from _nodes(inner)


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        yield from (one.t for one in node.attribute if one.HasField("t"))
        for inner in _subgraphs(node):
            yield from _tensors(inner)


def _subgraphs(node: NodeProto) -> Iterable[GraphProto]:
    for one in node.attribute:
        if one.HasField("g"):
            yield one.g
        yield from one.graphs


def _external(tensor: TensorProto) -> External:
    told = {one.key: one.value for one in tensor.external_data}
    try:
        offset, length = int(told.get("offset", 0)), int(told.get("length", 0)) or _bytes(tensor)
    except ValueError:
        return External(tensor.name, told.get("location", ""), None)
    return External(tensor.name, told.get("location", ""), offset + length)


def _bytes(tensor: TensorProto) -> int:
    from onnx import helper

    kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return math.prod(tensor.dims) * kind.itemsize
