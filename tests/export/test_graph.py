"""Our ONNX graph of a Llama answers as torch does, in every shape of the model and of the input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="pip install 'smolkit[onnx]'")

from smolkit.export.blocks import Blocks
from smolkit.export.graph import Shape, llama_graph
from smolkit.export.onnx_candidate import OnnxCandidate
from smolkit.export.onnx_file import write_graph
from smolkit.export.onnx_model import layer_weights
from smolkit.export.quantise import linears, round_nearest

SIZES = [
    {"num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": False},
    {"num_attention_heads": 4, "num_key_value_heads": 4, "tie_word_embeddings": True},
    {
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "hidden_size": 96,
        "tie_word_embeddings": True,
    },
]


def tiny_model(**changes: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"vocab_size": 320, "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    rope = {"rope_type": "default", "rope_theta": 100_000.0}
    config = LlamaConfig(
        **{
            **sizes,
            **heads,
            "max_position_embeddings": 256,
            "rope_parameters": rope,
            "initializer_range": 0.1,
            **changes,
        }
    )
    return LlamaForCausalLM(config).eval()


def open_graph(model: Any, directory: Path, kind: Any = np.float32, quantised: dict[str, Blocks] | None = None) -> Any:
    graph = llama_graph(Shape.of(model.config), layer_weights(model, quantised or {}), kind)
    write_graph(graph, directory / "model.onnx", part_name=lambda number: f"data_{number}", last_logits_only=True)
    (directory / "tokenizer.json").write_text('{"version":"1.0","model":{"type":"BPE","vocab":{},"merges":[]}}')
    (directory / "generation_config.json").write_text('{"eos_token_id": [2]}')
    return OnnxCandidate(directory / "model.onnx", directory)


def torch_logits(model: Any, ids: list[int]) -> Any:
    import torch

    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0].numpy()


@pytest.mark.parametrize("changes", SIZES)
def test_logits_are_those_of_torch_at_once_and_from_the_cache(changes: dict[str, Any], tmp_path: Path) -> None:
    model = tiny_model(**changes)
    candidate = open_graph(model, tmp_path)
    ids = [int(token) for token in np.random.default_rng(0).integers(0, 320, 70)]
    wanted = torch_logits(model, ids)
    assert np.abs(candidate.prefill(ids) - wanted).max() < 1e-4
    assert np.abs(candidate.decode(ids[:50], [*ids[50:], 0]) - wanted[49:]).max() < 1e-4


def test_the_last_position_alone_comes_back_when_nothing_is_asked_for(tmp_path: Path) -> None:
    candidate = open_graph(tiny_model(tie_word_embeddings=True), tmp_path)
    feed = {
        "input_ids": np.array([[1, 2, 3]]),
        "attention_mask": np.ones((1, 3), np.int64),
        **dict(zip(candidate.past, candidate._empty(), strict=True)),
    }
    assert "num_logits_to_keep" not in candidate.inputs
    assert candidate.session.run(["logits"], feed)[0].shape == (1, 1, 320)


def test_rows_of_unlike_length_are_right_when_padding_is_behind(tmp_path: Path) -> None:
    model = tiny_model(tie_word_embeddings=True)
    candidate = open_graph(model, tmp_path)
    rows = [[5, 6, 7, 8, 9], [11, 12, 13]]
    cache = [np.repeat(empty, 2, axis=0) for empty in candidate._empty()]
    feed = {
        "input_ids": np.array([rows[0], [*rows[1], 0, 0]]),
        "attention_mask": np.ones((2, 5), np.int64),
        "num_logits_to_keep": np.array(0),
        **dict(zip(candidate.past, cache, strict=True)),
    }
    logits = candidate.session.run(["logits"], feed)[0]
    for row, found in zip(rows, logits, strict=True):
        assert np.abs(found[: len(row)] - torch_logits(model, row)).max() < 1e-4


def test_a_tied_matrix_of_eight_bits_is_stored_once_and_serves_both_ends(tmp_path: Path) -> None:
    import torch

    model = tiny_model(tie_word_embeddings=True)
    blocks = {"model.embed_tokens": round_nearest(model.get_input_embeddings().weight, 8)}
    graph = llama_graph(Shape.of(model.config), layer_weights(model, blocks), np.float32)
    assert [name for name, array in graph.arrays.items() if array.size == 320 * 64] == ["model.embed_tokens.codes"]
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(torch.from_numpy(blocks["model.embed_tokens"].dense()))
    candidate = open_graph(model, tmp_path, quantised=blocks)
    ids = list(range(40, 90))
    # The head rounds activations to 8 bits (accuracy_level 4); the rows that are gathered are exact.
    assert np.abs(candidate.prefill(ids) - torch_logits(model, ids)).max() < 0.1


@pytest.mark.parametrize("bits", [4, 8])
def test_quantised_matrices_compute_what_their_codes_say(bits: int, tmp_path: Path) -> None:
    import torch

    model = tiny_model(tie_word_embeddings=True)
    blocks = {name: round_nearest(module.weight, bits) for name, module in linears(model).items()}
    candidate = open_graph(model, tmp_path, quantised=blocks)
    with torch.no_grad():
        for name, module in linears(model).items():
            module.weight.copy_(torch.from_numpy(blocks[name].dense()))
    ids = list(range(40, 90))
    wanted = torch_logits(model, ids)
    assert np.abs(candidate.prefill(ids) - wanted).max() < 0.15
    assert np.std(wanted) > 0.5


def test_float16_stays_near(tmp_path: Path) -> None:
    model = tiny_model(tie_word_embeddings=True)
    candidate = open_graph(model, tmp_path, np.float16)
    ids = list(range(40, 90))
    assert np.abs(candidate.prefill(ids) - torch_logits(model, ids)).max() < 0.05


def test_names_and_shapes_are_those_of_the_contract() -> None:
    model = tiny_model(tie_word_embeddings=True, num_attention_heads=4, num_key_value_heads=2)
    graph = llama_graph(Shape.of(model.config), layer_weights(model, {}), np.float32)
    dims = {
        one.name: [dim.dim_param or dim.dim_value for dim in one.type.tensor_type.shape.dim]
        for one in [*graph.inputs, *graph.outputs]
    }
    assert dims["input_ids"] == ["batch_size", "sequence_length"]
    assert dims["attention_mask"] == ["batch_size", "total_sequence_length"]
    assert dims["past_key_values.1.value"] == ["batch_size", 2, "past_sequence_length", 16]
    assert dims["present.0.key"] == ["batch_size", 2, "total_sequence_length", 16]
    assert dims["logits"] == ["batch_size", "num_logits", 320]
    assert dims["num_logits_to_keep"] == []
    assert len(dims) == 3 + 4 + 1 + 4
