"""A graph that was read is changed as our own graph is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smolkit.errors import SmolkitError
from smolkit.export.blocks import Blocks

onnx = pytest.importorskip("onnx", reason="pip install 'smolkit[onnx]'")
ort = pytest.importorskip("onnxruntime", reason="pip install 'smolkit[onnx]'")

from smolkit.export.graph import Shape, llama_graph  # noqa: E402
from smolkit.export.graph_edits import embedding, linears, replace_linears, tensor_types, to_float16  # noqa: E402
from smolkit.export.onnx_file import write_graph  # noqa: E402
from smolkit.export.onnx_graph import Graph  # noqa: E402

SHAPE = Shape(
    layers=2, hidden=64, heads=4, kv_heads=2, head_dim=16, vocab=96, context=64, epsilon=1e-5, rope_theta=10_000.0
)


@pytest.fixture(scope="module")
def weights() -> dict[str, Any]:
    random = np.random.default_rng(0)
    sizes = {"self_attn.qkv_proj": (128, 64), "self_attn.o_proj": (64, 64), "mlp.down_proj": (64, 128)}
    sizes |= {"mlp.gate_proj": (128, 64), "mlp.up_proj": (128, 64)}
    found: dict[str, Any] = {"model.embed_tokens": random.normal(0, 1, (96, 64)), "model.norm": np.ones(64)}
    for number in range(2):
        prefix = f"model.layers.{number}"
        found |= {f"{prefix}.{name}": random.normal(0, 0.1, size) for name, size in sizes.items()}
        found |= {f"{prefix}.{name}": np.ones(64) for name in ("input_layernorm", "post_attention_layernorm")}
    return {name: array.astype(np.float32) for name, array in found.items()}


@pytest.fixture(scope="module")
def blocks(weights: dict[str, Any]) -> dict[str, Blocks]:
    return {name: _eight_bits(array) for name, array in weights.items() if array.ndim == 2}


def _eight_bits(matrix: Any) -> Blocks:
    blocked = matrix.reshape(len(matrix), -1, 32)
    scales = np.abs(blocked).max(-1) / 127
    codes = np.rint(blocked / scales[..., None]) + 128
    return Blocks(codes.astype(np.uint8).reshape(matrix.shape), scales.astype(np.float32), 8)


def _logits(graph: Graph, directory: Path, kind: Any = np.float32) -> Any:
    file = directory / "model.onnx"
    write_graph(graph, file, part_name=lambda number: f"model.onnx_data_{number}")
    session = ort.InferenceSession(file)
    feed: dict[str, Any] = {"input_ids": np.arange(12).reshape(2, 6), "attention_mask": np.ones((2, 6), np.int64)}
    feed["num_logits_to_keep"] = np.array(0, np.int64)
    past = np.zeros((2, 2, 0, 16), kind)
    feed |= {info.name: past for info in session.get_inputs() if info.name.startswith("past_key_values.")}
    return session.run(["logits"], feed)[0]


def test_matrices_are_found_by_module_and_a_tied_head_is_the_embedding(weights: dict[str, Any]) -> None:
    graph = llama_graph(SHAPE, weights, np.float32)

    found, rows = linears(graph), embedding(graph)

    assert set(found) == {name for name, array in weights.items() if array.ndim == 2} - {"model.embed_tokens"}
    assert rows is not None
    assert (rows.name, rows.tied) == ("model.embed_tokens", True)
    for name, linear in found.items():
        np.testing.assert_array_equal(linear.matrix(graph), weights[name])


def test_replaced_matrices_compute_what_a_graph_written_so_computes(
    weights: dict[str, Any], blocks: dict[str, Blocks], tmp_path: Path
) -> None:
    plain = llama_graph(SHAPE, weights, np.float32)

    replaced = replace_linears(plain, blocks)

    written = llama_graph(SHAPE, {**weights, **blocks}, np.float32)
    assert set(replaced.arrays) == set(written.arrays)
    np.testing.assert_array_equal(_logits(replaced, tmp_path), _logits(written, tmp_path))
    assert "model.embed_tokens.weight" in plain.arrays, "the graph given is left as it is"


def test_a_part_of_the_matrices_can_be_replaced(
    weights: dict[str, Any], blocks: dict[str, Blocks], tmp_path: Path
) -> None:
    name = "model.layers.1.mlp.up_proj"
    plain = llama_graph(SHAPE, weights, np.float32)

    replaced = replace_linears(plain, {name: blocks[name]})

    assert sum(node.op_type == "MatMulNBits" for node in replaced.nodes) == 1
    assert f"{name}.weight" not in replaced.arrays
    np.testing.assert_allclose(_logits(replaced, tmp_path), _logits(plain, tmp_path), atol=0.5)


def test_an_unknown_module_names_the_nearest(weights: dict[str, Any], blocks: dict[str, Blocks]) -> None:
    graph = llama_graph(SHAPE, weights, np.float32)

    with pytest.raises(
        SmolkitError, match=r"no matrix 'model\.layers\.0\.mlp\.up'.*Did you mean 'model\.layers\.0\.mlp\.up_proj'"
    ):
        replace_linears(graph, {"model.layers.0.mlp.up": blocks["model.layers.0.mlp.up_proj"]})


def test_halved_numbers_stay_near_and_logits_are_float32(weights: dict[str, Any], tmp_path: Path) -> None:
    plain = llama_graph(SHAPE, weights, np.float32)

    halved = to_float16(plain)

    kinds = {info.name: info.type.tensor_type.elem_type for info in [*halved.inputs, *halved.outputs]}
    half, single = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    assert kinds["past_key_values.0.key"] == kinds["present.1.value"] == half
    assert kinds["logits"] == single
    assert not any(array.dtype == np.float32 for array in halved.arrays.values())
    logits, expected = _logits(halved, tmp_path, np.float16), _logits(plain, tmp_path)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, atol=0.005 * np.abs(expected).max())


def test_halved_and_replaced_is_as_a_graph_written_so(
    weights: dict[str, Any], blocks: dict[str, Blocks], tmp_path: Path
) -> None:
    replaced = replace_linears(to_float16(llama_graph(SHAPE, weights, np.float32)), blocks)

    written = llama_graph(SHAPE, {**weights, **blocks}, np.float16)
    got, expected = _logits(replaced, tmp_path, np.float16), _logits(written, tmp_path, np.float16)
    np.testing.assert_array_equal(got, expected)


def test_norms_and_angles_stay_in_float32_and_masks_stay_finite(tmp_path: Path) -> None:
    graph = Graph([_info("x", onnx.TensorProto.FLOAT)], [_info("y", onnx.TensorProto.FLOAT)])
    graph.array("two", np.array(2, np.float32))
    graph.array("tiny", np.array(1e-12, np.float32))
    graph.array("mask", np.array(np.finfo(np.float32).min, np.float32))
    mean = graph.add("ReduceMean", [graph.add("Pow", ["x", "two"], "squares"), graph.integers("last", -1)], "mean")
    root = graph.add("Sqrt", [graph.add("Add", [mean, "tiny"], "safe")], "root")
    cosine = graph.add("Cos", [graph.add("Mul", [graph.add("Div", ["x", root], "normed"), "two"], "twice")], "cosine")
    graph.add("Max", [cosine, "mask"], "y")

    halved = to_float16(graph)

    types = tensor_types(halved)
    names = {node.name for node in halved.nodes if types[node.output[0]] == onnx.TensorProto.FLOAT}
    assert {"squares", "mean", "safe", "root", "normed", "twice", "cosine"} <= names
    assert types["y"] == onnx.TensorProto.FLOAT16
    assert np.isfinite(halved.arrays["mask"])
    x = np.array([[300.0, -400.0, 500.0]], np.float16)  # their squares are no float16 numbers
    write_graph(halved, tmp_path / "norm.onnx", part_name=str)
    y = ort.InferenceSession(tmp_path / "norm.onnx").run(None, {"x": x})[0]
    exact = x.astype(np.float64)
    np.testing.assert_allclose(y, np.cos(2 * exact / np.sqrt((exact**2).mean())), atol=1e-3)


def _info(name: str, kind: int) -> Any:
    return onnx.helper.make_tensor_value_info(name, kind, ["rows", 3])
