"""The graph for WebAssembly: the same numbers as the packed one, over the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smolkit.errors import SmolkitError
from smolkit.export.wasm_graph import wasm_graph_path, write_wasm_graph

onnx = pytest.importorskip("onnx", reason="pip install 'smolkit[onnx]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'smolkit[onnx]'")


def logits(graph: Path, count: int) -> Any:
    import numpy as np

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    feeds = {
        given.name: np.zeros((1, given.shape[1], 0, given.shape[3]), np.float32)
        for given in session.get_inputs()
        if given.name.startswith("past")
    }
    feeds["input_ids"] = np.arange(1000, 1000 + count, dtype=np.int64)[None]
    feeds["attention_mask"] = np.ones((1, count), np.int64)
    feeds["num_logits_to_keep"] = np.array(0, np.int64)
    return session.run(["logits"], feeds)[0]


def test_it_computes_what_the_packed_graph_computes(webgpu_export: Path) -> None:
    import numpy as np

    packed = webgpu_export / "onnx" / "model_q4.onnx"
    unpacked = wasm_graph_path(packed)
    assert unpacked.name == "model_wasm_q4.onnx"
    assert "MatMulNBits" not in {node.op_type for node in onnx.load(unpacked, load_external_data=False).graph.node}
    expected, given = logits(packed, 48), logits(unpacked, 48)
    assert np.abs(expected - given).max() < 0.02 * np.abs(expected).max()
    assert (expected.argmax(-1) == given.argmax(-1)).mean() > 0.9


def test_it_stores_no_weights(webgpu_export: Path) -> None:
    unpacked = webgpu_export / "onnx" / "model_wasm_q4.onnx"
    assert unpacked.stat().st_size < 100_000
    model = onnx.load(unpacked, load_external_data=False)
    places = {
        entry.value for tensor in model.graph.initializer for entry in tensor.external_data if entry.key == "location"
    }
    assert places == {"model_q4.onnx_data"}


def test_a_graph_without_packed_matrices_needs_no_other(webgpu_export: Path) -> None:
    assert write_wasm_graph(webgpu_export / "onnx" / "model.onnx") is None
    assert not (webgpu_export / "onnx" / "model_wasm.onnx").exists()


def test_zero_points_are_refused(tmp_path: Path) -> None:
    from onnx import helper

    sizes = {"K": 32, "N": 8, "bits": 4, "block_size": 32}
    inputs = ["x", "codes", "scales", "zeros"]
    node = helper.make_node("MatMulNBits", inputs, ["y"], name="odd", domain="com.microsoft", **sizes)
    onnx.save(helper.make_model(helper.make_graph([node], "odd", [], [])), tmp_path / "model_q4.onnx")
    with pytest.raises(SmolkitError, match="odd has zero points or an uneven block"):
        write_wasm_graph(tmp_path / "model_q4.onnx")
