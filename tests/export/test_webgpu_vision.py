"""A SmolVLM for transformers.js: its files, what they say, and the exports that are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="pip install 'smolkit[onnx]'")

from smolkit.errors import GateError, ModelError, SmolkitError
from smolkit.export.check import check_directory
from smolkit.export.check_onnx import read_onnx
from smolkit.export.run import export

READER = "transformers.js >= 4.2"
SESSIONS = ("decoder_model_merged", "embed_tokens", "vision_encoder")

Change = Callable[[Path], object]


def read(directory: Path, name: str) -> Any:
    return json.loads((directory / name).read_text(encoding="utf-8"))


def change_json(name: str, **values: Any) -> Change:
    """Sets fields of a JSON file; None takes one out."""

    def change(directory: Path) -> None:
        content = read(directory, name) | values
        kept = {key: value for key, value in content.items() if value is not None}
        (directory / name).write_text(json.dumps(kept), encoding="utf-8")

    return change


def test_the_layout_is_three_graphs_for_each_precision(vlm_export: Path) -> None:
    graphs = {file.name for file in (vlm_export / "onnx").glob("*.onnx")}
    assert graphs == {f"{session}{suffix}.onnx" for session in SESSIONS for suffix in ("", "_quantized")}
    counts = read(vlm_export, "config.json")["transformers.js_config"]["use_external_data_format"]
    assert counts == {name: len(list((vlm_export / "onnx").glob(f"{name}_data*"))) for name in graphs}
    listed = read(vlm_export, "smolkit_export.json")["files"]
    assert {f"onnx/{name}" for name in graphs} <= set(listed)


@pytest.mark.parametrize("suffix", ["", "_quantized"])
def test_inputs_and_outputs_are_those_of_the_contract(vlm_export: Path, suffix: str) -> None:
    def ports(session: str) -> tuple[dict[str, Any], dict[str, Any]]:
        name = f"onnx/{session}{suffix}.onnx"
        graph = read_onnx(vlm_export / name, name)
        return tuple(  # type: ignore[return-value]
            {name: (value.kind, value.dims) for name, value in ports.items()} for ports in (graph.inputs, graph.outputs)
        )

    cache = ("float32", ("batch_size", 2, "past_sequence_length", 16))
    inputs, outputs = ports("decoder_model_merged")
    assert inputs.pop("inputs_embeds") == ("float32", ("batch_size", "sequence_length", 64))
    assert inputs.pop("attention_mask") == ("int64", ("batch_size", "total_sequence_length"))
    assert inputs.pop("num_logits_to_keep") == ("int64", ())
    assert inputs == {f"past_key_values.{n}.{role}": cache for n in range(2) for role in ("key", "value")}
    assert outputs["logits"][0] == "float32"
    inputs, outputs = ports("embed_tokens")
    assert inputs == {"input_ids": ("int64", ("batch_size", "sequence_length"))}
    assert outputs == {"inputs_embeds": ("float32", ("batch_size", "sequence_length", 64))}
    inputs, outputs = ports("vision_encoder")
    assert inputs == {
        "pixel_values": ("float32", ("batch_size", "num_images", 3, 32, 32)),
        "pixel_attention_mask": ("bool", ("batch_size", "num_images", 32, 32)),
    }
    assert outputs == {"image_features": ("float32", ("num_real_images", 4, 64))}


def test_configurations_hold_what_each_reader_looks_for(vlm_export: Path, tiny_vlm: Path) -> None:
    config, generation = read(vlm_export, "config.json"), read(vlm_export, "generation_config.json")
    added = {one["content"]: one["id"] for one in read(vlm_export, "tokenizer.json")["added_tokens"]}
    assert config["architectures"] == ["SmolVLMForConditionalGeneration"]
    assert config["image_token_id"] == added["<image>"]
    assert config["eos_token_id"] == generation["eos_token_id"]
    assert config["text_config"].items() >= {"head_dim": 16, "num_key_value_heads": 2, "rope_theta": 1e5}.items()
    assert config["vision_config"]["image_size"] == 32
    assert not [name for name in (*config, *config["text_config"]) if name.startswith("_name")]
    assert read(vlm_export, "processor_config.json")["image_seq_len"] == 4
    assert read(vlm_export, "preprocessor_config.json") == read(tiny_vlm, "preprocessor_config.json")
    assert "<image>" in read(vlm_export, "tokenizer_config.json")["chat_template"]


def test_the_gate_looked_at_images_and_the_card_shows_how_to(vlm_export: Path) -> None:
    figures = read(vlm_export, "smolkit_export.json")["scores"]["fp32"]
    assert figures["image_features_max_abs"] < 1e-4
    assert figures["image_greedy_agreement"] == 1
    card = (vlm_export / "README.md").read_text(encoding="utf-8")
    assert "AutoModelForImageTextToText" in card
    assert "3 prompts with an image" in card


def test_transformers_js_loads_it_and_nothing_is_wrong(vlm_export: Path) -> None:
    verdict = check_directory(vlm_export).verdict(READER)
    assert verdict.sound
    assert all(devices == ("webgpu", "wasm", "node") for devices in verdict.files.values())


WRONG: list[tuple[Change, str]] = [
    (lambda directory: (directory / "preprocessor_config.json").unlink(), "preprocessor_config.json: is not here."),
    (lambda directory: (directory / "processor_config.json").unlink(), "processor_config.json: is not here."),
    (
        change_json("processor_config.json", image_seq_len=64),
        "processor_config.json:image_seq_len: is 64, and a tile of 32 pixels has 4 features. Write 4.",
    ),
    (
        change_json("processor_config.json", image_seq_len=None),
        "processor_config.json:image_seq_len: is not here, and a tile is written as so many tokens. Add it.",
    ),
    (
        change_json("preprocessor_config.json", processor_class=None),
        "preprocessor_config.json:processor_class: is not here, and no processor found. Write SmolVLMProcessor.",
    ),
    (
        change_json("preprocessor_config.json", image_processor_type="SmolVLMImageProcesor"),
        "preprocessor_config.json:image_processor_type: is 'SmolVLMImageProcesor', and no processor of this library."
        " Write SmolVLMImageProcessor.",
    ),
    (
        change_json("preprocessor_config.json", size={"height": 32, "width": 32}),
        "preprocessor_config.json:size.longest_edge: is not here, and images are resized to it.",
    ),
    (
        change_json("config.json", image_token_id=None),
        "config.json:image_token_id: is not here, and features take the place of that token. Add it.",
    ),
    (
        change_json("config.json", image_token_id=7),
        "config.json:image_token_id: is 7, and the tokenizer's <image> is",
    ),
    (
        change_json("tokenizer.json", added_tokens=[{"content": "<image>", "id": 49190}]),
        "tokenizer.json:added_tokens: has no '<global-img>', which stands around images, and 37 more like it.",
    ),
    (
        lambda directory: (directory / "onnx" / "vision_encoder.onnx").unlink(),
        "config.json:transformers.js_config.dtype: ",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "line"), WRONG, ids=[line[:50] for _, line in WRONG])
def test_what_is_missing_or_wrong_is_named(vlm_export: Path, tmp_path: Path, change: Change, line: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(vlm_export, copy)
    change(copy)
    verdict = check_directory(copy).verdict(READER)
    assert not verdict.sound
    assert [one for one in map(str, verdict.findings) if one.startswith(line)]


def test_the_target_onnx_is_refused_before_anything_is_computed(tiny_vlm: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime_genai", reason="pip install 'smolkit[onnx]'")
    with pytest.raises(SmolkitError, match=r"the target onnx has no layout for a SmolVLM\. Take webgpu or gguf"):
        export(tiny_vlm, tmp_path / "out", ["onnx"])
    assert list(tmp_path.iterdir()) == []


def test_the_page_is_refused(tiny_vlm: Path, tmp_path: Path) -> None:
    with pytest.raises(SmolkitError, match=r"shows no images\. Leave --page out"):
        export(tiny_vlm, tmp_path / "out", ["webgpu"], page=True)


def test_the_backend_optimum_is_refused(tiny_vlm: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'optimum' exports text models only\. Leave --backend out"):
        export(tiny_vlm, tmp_path / "out", ["webgpu"], backend="optimum")


def test_a_tower_that_computes_otherwise_fails_the_gate(
    tiny_vlm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smolkit.export import vision_graph

    right = vision_graph.position_ids
    monkeypatch.setattr(vision_graph, "position_ids", lambda shape: np.roll(right(shape), 1))
    with pytest.raises(GateError, match=r"image_features_max_abs .* is over 0\.001"):
        export(tiny_vlm, tmp_path / "out", ["webgpu"], quants=["fp32"])
    assert not (tmp_path / "out").exists()
