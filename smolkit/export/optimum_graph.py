"""An ONNX file that optimum wrote, read as the graph that our own writers take.

optimum names inputs, outputs and nodes after the model (`/model/layers.0/self_attn/q_proj/MatMul`); constants lie
about in thousands of nodes, a tied embedding is there twice, and all logits are computed. Here constants are stored
once, matrices get the names of their modules, the tied head reads the embedding, and `num_logits_to_keep` is an input.

How attention is computed stays as traced, but for guards against NaN: nothing is fused. Models whose key-value cache is
not one key and one value [batch, heads, tokens, size] per layer are refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.errors import ModelError
from smolkit.export.graph_edits import embedding, linears, module_of, pruned, readers, rename, tensor_types
from smolkit.export.onnx_graph import Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto, TensorProto, ValueInfoProto

_TOKEN_INPUTS = ["input_ids", "attention_mask", "position_ids"]
_CACHE = ("past_key_values.", "present.")
_TO_LOGITS = {"Add", "Cast", "Div", "Mul", "Tanh"}
"""What models do to logits behind the head: a bias, a factor, a soft cap."""
_ROWS = 4096
"""Rows that are compared at once, so that no second matrix is in memory."""


def load_graph(onnx_file: Path, *, modules: Collection[str] = ()) -> Graph:
    """Read a decoder with a cache. `modules` are the names that the model's weights go by, where they are known.

    Raises ModelError where the graph takes or gives something that no runtime knows.
    """
    import onnx

    model = onnx.load(onnx_file, load_external_data=False)
    graph = Graph(list(model.graph.input), list(model.graph.output), list(model.graph.node))
    for tensor in model.graph.initializer:
        graph.arrays[tensor.name] = _array(tensor, onnx_file.parent)
    _refuse_branches(graph, onnx_file)
    _lift_constants(graph)
    _drop_aliases(graph)
    _calm_masks(graph)
    graph = pruned(graph)
    _complete_names(graph, modules)
    _name_matrices(graph)
    _declare_interface(graph, onnx_file)
    _keep_last_logits(graph, onnx_file)
    _merge_equal_arrays(graph)
    return pruned(graph)


def _array(tensor: TensorProto, directory: Path) -> NDArray[Any]:
    """The values of a tensor. Those outside are read straight from their file, without a copy inside the message."""
    from onnx import TensorProto, helper, numpy_helper

    if tensor.data_location != TensorProto.EXTERNAL:
        return numpy_helper.to_array(tensor)
    place = {entry.key: entry.value for entry in tensor.external_data}
    kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    count = int(np.prod(tensor.dims, dtype=np.int64))
    with (directory / place["location"]).open("rb") as stream:
        stream.seek(int(place.get("offset", 0)))
        return np.fromfile(stream, kind, count).reshape(tuple(tensor.dims))


def _refuse_branches(graph: Graph, onnx_file: Path) -> None:
    from onnx import AttributeProto

    for node in graph.nodes:
        if any(attribute.type == AttributeProto.GRAPH for attribute in node.attribute):
            raise ModelError(
                f"the traced graph branches ({node.op_type}), which is not supported", where=onnx_file.name
            )


def _lift_constants(graph: Graph) -> None:
    """Make arrays of Constant nodes and of transposed arrays."""
    from onnx import helper, numpy_helper

    nodes = []
    for node in graph.nodes:
        values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        if node.op_type == "Constant" and "value" in values:
            graph.arrays[node.output[0]] = numpy_helper.to_array(values["value"])
        elif node.op_type == "Transpose" and node.input[0] in graph.arrays:
            graph.arrays[node.output[0]] = graph.arrays[node.input[0]].transpose(values.get("perm"))
        else:
            nodes.append(node)
    graph.nodes = nodes


def _drop_aliases(graph: Graph) -> None:
    """Remove what hands its input on: Identity, and casts to the type that is there."""
    types = tensor_types(graph)
    results = {output.name for output in graph.outputs}
    same: dict[str, str] = {}
    nodes = []
    for node in graph.nodes:
        alias = node.op_type == "Identity" or (
            node.op_type == "Cast" and types.get(node.input[0]) == types.get(node.output[0])
        )
        if alias and node.output[0] not in results:
            same[node.output[0]] = same.get(node.input[0], node.input[0])
        else:
            nodes.append(node)
    graph.nodes = nodes
    rename(graph, same)


def _calm_masks(graph: Graph) -> None:
    """Large negative numbers for the minus infinity of masks, and so no guards against NaN behind each softmax.

    WebGPU runtimes have no IsNaN and would fetch every attention matrix for it. Only what padding sees changes.
    """
    lowest = np.finfo(np.float32).min / 2
    for name, array in graph.arrays.items():
        if array.dtype == np.float32 and array.size == 1 and np.isneginf(array).all():
            graph.arrays[name] = np.full_like(array, lowest)
    guarded = {node.output[0]: node.input[0] for node in graph.nodes if node.op_type == "IsNaN"}
    guards = [node for node in graph.nodes if node.op_type == "Where" and guarded.get(node.input[0]) == node.input[2]]
    rename(graph, {node.output[0]: node.input[2] for node in guards})


def _merge_equal_arrays(graph: Graph) -> None:
    first: dict[tuple[Any, ...], str] = {}
    same = {}
    for name, array in list(graph.arrays.items()):
        content = hashlib.blake2b(np.ascontiguousarray(array).data).digest()
        kept = first.setdefault((array.dtype.str, array.shape, content), name)
        if kept != name:
            same[name] = kept
            del graph.arrays[name]
    rename(graph, same)


def _complete_names(graph: Graph, modules: Collection[str]) -> None:
    """Some models call a part of a part, and its nodes lack the first: `decoder.layers.0` is of `model.decoder`."""
    for node in graph.nodes:
        name = module_of(node)
        if node.op_type in ("MatMul", "Gemm", "Gather") and name not in modules:
            whole = [module for module in modules if module.endswith(f".{name}")]
            if len(whole) == 1:
                node.name = f"/{whole[0]}/{node.name.rpartition('/')[2]}"


def _name_matrices(graph: Graph) -> None:
    """`onnx::MatMul_745` becomes `model.layers.0.self_attn.q_proj.weight`, stored [in, out]."""
    read = readers(graph)
    new = {}
    for name, linear in linears(graph).items():
        if len(read[linear.weight]) == 1:
            new[linear.weight] = f"{name}.weight"
    found = embedding(graph)
    if found is not None:
        new[found.weight] = f"{found.name}.weight"
    graph.arrays = {new.get(name, name): array for name, array in graph.arrays.items()}
    rename(graph, new)


def _declare_interface(graph: Graph, onnx_file: Path) -> None:
    """Say of inputs and outputs what every runtime expects: names, and which sizes are fixed."""
    read = readers(graph)
    graph.inputs = [info for info in graph.inputs if info.name in read]
    for info in graph.inputs:
        if info.name not in _TOKEN_INPUTS and not info.name.startswith(_CACHE[0]):
            raise ModelError(f"the model takes an input {info.name!r} that no runtime supplies", where=onnx_file.name)
    caches = [info for info in graph.inputs if info.name.startswith(_CACHE[0])]
    if not caches:
        raise ModelError("the traced model has no key-value cache", where=onnx_file.name)
    sizes = {info.name.removeprefix(_CACHE[0]): _cache_sizes(info, onnx_file) for info in caches}
    given = {info.name: info for info in graph.inputs}
    graph.inputs = [given[name] for name in [*_TOKEN_INPUTS, *_cache_names(sizes, _CACHE[0])] if name in given]
    results = {info.name: info for info in graph.outputs}
    graph.outputs = [results[name] for name in ["logits", *_cache_names(sizes, _CACHE[1])] if name in results]
    if len(graph.outputs) != 1 + len(sizes):
        raise ModelError("the traced model does not return its logits and its whole cache", where=onnx_file.name)
    for info in [*graph.inputs, *graph.outputs]:
        _set_dims(info, _dims(info, sizes))


def _cache_names(parts: dict[str, Any], prefix: str) -> list[str]:
    """`0.key`, `0.value`, `1.key`, ... with their prefix, by layer."""
    return [prefix + part for part in sorted(parts, key=lambda part: (int(part.partition(".")[0]), part))]


def _cache_sizes(info: ValueInfoProto, onnx_file: Path) -> tuple[int, int]:
    """The heads and the size of a head, which have to be fixed."""
    dims = info.type.tensor_type.shape.dim
    layer, _, role = info.name.removeprefix(_CACHE[0]).partition(".")
    if (
        not layer.isdecimal()
        or role not in ("key", "value")
        or len(dims) != 4
        or not dims[1].dim_value * dims[3].dim_value
    ):
        shape = [dim.dim_param or dim.dim_value for dim in dims]
        raise ModelError(
            f"the cache {info.name} {shape} is not [batch, heads, tokens, size] with fixed heads and size",
            where=onnx_file.name,
        )
    return dims[1].dim_value, dims[3].dim_value


def _dims(info: ValueInfoProto, cache_sizes: dict[str, tuple[int, int]]) -> list[str | int]:
    batch, tokens, past, total = "batch_size", "sequence_length", "past_sequence_length", "total_sequence_length"
    if info.name == "logits":
        return [batch, "num_logits", info.type.tensor_type.shape.dim[2].dim_value]
    for prefix, length in zip(_CACHE, (past, total), strict=True):
        if info.name.startswith(prefix):
            heads, size = cache_sizes[info.name.removeprefix(prefix)]
            return [batch, heads, length, size]
    return [batch, total if info.name == "attention_mask" else tokens]


def _set_dims(info: ValueInfoProto, dims: list[str | int]) -> None:
    shape = info.type.tensor_type.shape
    del shape.dim[:]
    for dim in dims:
        if isinstance(dim, str):
            shape.dim.add(dim_param=dim)
        else:
            shape.dim.add(dim_value=dim)


def _keep_last_logits(graph: Graph, onnx_file: Path) -> None:
    """Let the head see the last `num_logits_to_keep` positions, 0 meaning all, and read a tied embedding as it lies."""
    from onnx import TensorProto, helper

    head = _head(graph, onnx_file)
    at = graph.nodes.index(head)
    piece = Graph([], [])
    start = piece.add("Neg", ["num_logits_to_keep"], "first_kept")
    start = piece.add("Reshape", [start, piece.integers("vector", 1)], "first_kept_vector")
    end, axis = piece.integers("to_the_end", np.iinfo(np.int64).max), piece.integers("sequence_axis", 1)
    states = piece.add("Slice", [head.input[0], start, end, axis], "kept_states")
    found = embedding(graph)
    if found is not None and _transposed(graph.arrays[head.input[1]], graph.arrays[found.weight]):
        _add_tied_head(piece, states, found.weight, graph.arrays[found.weight].shape, head.output[0])
    else:
        head.input[0] = states
        piece.nodes.append(head)
    graph.nodes[at : at + 1] = piece.nodes
    graph.arrays.update(piece.arrays)
    graph.inputs.append(helper.make_tensor_value_info("num_logits_to_keep", TensorProto.INT64, []))


def _head(graph: Graph, onnx_file: Path) -> NodeProto:
    """The product with the vocabulary, from which the logits come."""
    makers = {output: node for node in graph.nodes for output in node.output}
    name = "logits"
    while name in makers:
        node = makers[name]
        if node.op_type == "MatMul" and node.input[1] in graph.arrays:
            return node
        inputs = [input_ for input_ in node.input if input_ not in graph.arrays]
        if node.op_type not in _TO_LOGITS or len(inputs) != 1:
            break
        name = inputs[0]
    raise ModelError("the matrix that makes the logits cannot be found in the traced model", where=onnx_file.name)


def _transposed(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.shape != other.shape[::-1]:
        return False
    return all(np.array_equal(one[:, at : at + _ROWS].T, other[at : at + _ROWS]) for at in range(0, len(other), _ROWS))


def _add_tied_head(piece: Graph, states: str, weight: str, shape: tuple[int, ...], output: str) -> None:
    """Gemm reads the matrix as it lies for the embedding; a transposed copy would be a second one in memory."""
    flat = piece.add("Reshape", [states, piece.integers("flat", -1, shape[1])], "flat_states")
    product = piece.add("Gemm", [flat, weight], "flat_logits", transB=1)
    dims = piece.add("Shape", [states], "kept_shape", start=0, end=2)
    full = piece.add("Concat", [dims, piece.integers("vocab", shape[0])], "logits_shape", axis=0)
    piece.add("Reshape", [product, full], output)
