"""A graph as optimum's exporter leaves it becomes one of ours. That exporter is torch's; optimum is not needed here."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smolkit.errors import ModelError

onnx = pytest.importorskip("onnx", reason="pip install 'smolkit[onnx]'")
ort = pytest.importorskip("onnxruntime", reason="pip install 'smolkit[onnx]'")

import torch  # noqa: E402
from torch import nn  # noqa: E402

from smolkit.export.graph_edits import embedding, linears  # noqa: E402
from smolkit.export.onnx_file import write_graph  # noqa: E402
from smolkit.export.onnx_graph import Graph  # noqa: E402
from smolkit.export.optimum_graph import load_graph  # noqa: E402

HEADS, SIZE, HIDDEN, VOCAB = 2, 8, 16, 80


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.v_proj = nn.Linear(HIDDEN, HIDDEN, bias=False)

    def forward(self, x: Any, past: tuple[Any, Any], mask: Any) -> Any:
        q, k, v = (
            part(x).reshape(x.shape[0], -1, HEADS, SIZE).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        out = nn.functional.scaled_dot_product_attention(q, k, v, mask)
        return out.transpose(1, 2).reshape(x.shape), (k, v)


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens, self.self_attn = nn.Embedding(VOCAB, HIDDEN), Attention()

    def forward(self, ids: Any, mask: Any, past: Any) -> Any:
        total = mask.shape[1]
        causal = torch.arange(total) <= torch.arange(total)[total - ids.shape[1] :, None]
        x = self.embed_tokens(ids)
        out, cache = self.self_attn(x, past, causal & mask.bool()[:, None, None])
        return x + out, cache


class Decoder(nn.Module):
    """One layer, with the names of a real one."""

    def __init__(self, *, tied: bool) -> None:
        super().__init__()
        self.model, self.lm_head = Inner(), nn.Linear(HIDDEN, VOCAB, bias=False)
        if tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, ids: Any, mask: Any, key: Any, value: Any) -> Any:
        states, (key, value) = self.model(ids, mask, (key, value))
        return self.lm_head(states) / 2, key, value


def _export(decoder: nn.Module, file: Path, **names: str) -> Path:
    cache = torch.zeros(2, HEADS, 3, SIZE)
    arguments = (torch.ones(2, 4, dtype=torch.long), torch.ones(2, 7, dtype=torch.long), cache, cache)
    inputs = ["input_ids", "attention_mask", "past_key_values.0.key", "past_key_values.0.value"]
    inputs = [names.get(name, name) for name in inputs]
    outputs = ["logits", "present.0.key", "present.0.value"]
    sizes = [{0: "b", 1: "s"}, {0: "b", 1: "p + s"}, {0: "b", 2: "p"}, {0: "b", 2: "p"}]
    axes: dict[str, Any] = dict(zip(inputs, sizes, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            decoder, arguments, str(file), input_names=inputs, output_names=outputs,
            dynamic_axes=axes | {"logits": {0: "b", 1: "s"}}, opset_version=18, dynamo=False,
        )  # fmt: skip
    return file


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def decoder(request: pytest.FixtureRequest) -> Decoder:
    torch.manual_seed(0)
    return Decoder(tied=request.param).eval()


@pytest.fixture(scope="module")
def graph(decoder: Decoder, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    return load_graph(_export(decoder, tmp_path_factory.mktemp("onnx") / "model.onnx"))


def _shown(info: Any) -> tuple[str, list[str | int]]:
    return info.name, [dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim]


def test_inputs_and_outputs_are_those_that_runtimes_expect(graph: Graph) -> None:
    past: list[str | int] = ["batch_size", HEADS, "past_sequence_length", SIZE]
    assert [_shown(info) for info in graph.inputs] == [
        ("input_ids", ["batch_size", "sequence_length"]),
        ("attention_mask", ["batch_size", "total_sequence_length"]),
        ("past_key_values.0.key", past),
        ("past_key_values.0.value", past),
        ("num_logits_to_keep", []),
    ]
    present: list[str | int] = ["batch_size", HEADS, "total_sequence_length", SIZE]
    assert [_shown(info) for info in graph.outputs] == [
        ("logits", ["batch_size", "num_logits", VOCAB]),
        ("present.0.key", present),
        ("present.0.value", present),
    ]


def test_matrices_have_the_names_of_their_modules(graph: Graph, decoder: Decoder) -> None:
    rows, found = embedding(graph), linears(graph)
    tied = decoder.lm_head.weight is decoder.model.embed_tokens.weight
    assert rows is not None
    assert (rows.name, rows.tied) == ("model.embed_tokens", tied)
    attention = [f"model.self_attn.{part}" for part in ("q_proj", "k_proj", "v_proj")]
    assert list(found) == attention + ["lm_head"] * (not tied)
    for name, linear in found.items():
        weight = decoder.get_submodule(name).weight
        assert linear.weight == f"{name}.weight"
        np.testing.assert_array_equal(linear.matrix(graph), weight.detach().numpy())


def test_a_matrix_of_the_vocabulary_is_stored_once_where_it_is_tied(graph: Graph, decoder: Decoder) -> None:
    tied = decoder.lm_head.weight is decoder.model.embed_tokens.weight
    assert sum(VOCAB in array.shape for array in graph.arrays.values()) == (1 if tied else 2)


def test_constants_are_stored_once_and_no_node_makes_one(graph: Graph) -> None:
    seen = [(array.dtype, array.shape, array.tobytes()) for array in graph.arrays.values()]
    assert len(seen) == len(set(seen))
    assert not {node.op_type for node in graph.nodes} & {"Constant", "Identity", "IsNaN"}


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_logits_are_torchs_for_a_prompt_and_behind_a_cache(
    graph: Graph, decoder: Decoder, kept: int, tmp_path: Path
) -> None:
    write_graph(graph, tmp_path / "model.onnx", part_name=lambda number: f"part_{number}")
    session = ort.InferenceSession(tmp_path / "model.onnx")
    ids = np.random.default_rng(0).integers(0, VOCAB, (2, 9))
    empty = np.zeros((2, HEADS, 0, SIZE), np.float32)
    with torch.no_grad():
        expected = decoder(
            torch.tensor(ids), torch.ones(2, 9, dtype=torch.long), torch.tensor(empty), torch.tensor(empty)
        )[0].numpy()

    past, got = [empty, empty], []
    for start, end in ((0, 6), (6, 9)):
        feed = {
            "input_ids": ids[:, start:end],
            "attention_mask": np.ones((2, end), np.int64),
            "past_key_values.0.key": past[0],
            "past_key_values.0.value": past[1],
            "num_logits_to_keep": np.array(kept, np.int64),
        }
        logits, *past = session.run(None, feed)
        got.append(logits)

    for logits, (start, end) in zip(got, ((0, 6), (6, 9)), strict=True):
        first = end - kept if kept else start
        np.testing.assert_allclose(logits, expected[:, first:end], atol=1e-5)


def test_weights_in_a_file_beside_the_graph_are_read(graph: Graph, decoder: Decoder, tmp_path: Path) -> None:
    file = _export(decoder, tmp_path / "model.onnx")
    onnx.save(onnx.load(file), file, save_as_external_data=True, location="model.onnx_data", size_threshold=100)

    outside = load_graph(file)

    assert set(outside.arrays) == set(graph.arrays)
    for name, array in graph.arrays.items():
        np.testing.assert_array_equal(outside.arrays[name], array)


def test_names_that_lack_their_first_part_are_completed_from_the_weights(decoder: Decoder, tmp_path: Path) -> None:
    modules = {f"whole.{name}" for name, _ in decoder.named_modules() if name}

    graph = load_graph(_export(decoder, tmp_path / "model.onnx"), modules=modules)

    assert "whole.model.self_attn.q_proj" in linears(graph)


def test_an_input_that_no_runtime_supplies_is_refused(decoder: Decoder, tmp_path: Path) -> None:
    file = _export(decoder, tmp_path / "model.onnx", attention_mask="segment_ids")

    with pytest.raises(ModelError, match=r"model\.onnx: the model takes an input 'segment_ids' that no runtime"):
        load_graph(file)


def test_a_cache_of_another_layout_is_refused(decoder: Decoder, tmp_path: Path) -> None:
    file = _export(decoder, tmp_path / "model.onnx", **{"past_key_values.0.key": "past_key_values.0.key_value"})

    with pytest.raises(ModelError, match=r"the cache past_key_values\.0\.key_value \['b', 2, 'p', 8\] is not"):
        load_graph(file)


def test_a_head_that_cannot_be_found_is_refused(tmp_path: Path) -> None:
    class Odd(Decoder):
        def forward(self, ids: Any, mask: Any, key: Any, value: Any) -> Any:
            logits, key, value = super().forward(ids, mask, key, value)
            return logits.sort(-1).values, key, value

    with pytest.raises(ModelError, match="the matrix that makes the logits cannot be found"):
        load_graph(_export(Odd(tied=False), tmp_path / "model.onnx"))
