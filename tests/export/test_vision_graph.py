"""The graph of vision tower and connector in ONNX Runtime, beside transformers' forward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="pip install 'smolkit[onnx]'")
ort = pytest.importorskip("onnxruntime", reason="pip install 'smolkit[onnx]'")

from smolkit.data.images import pixels  # noqa: E402
from smolkit.export.onnx_file import in_memory, write_graph  # noqa: E402
from smolkit.export.onnx_graph import Graph  # noqa: E402
from smolkit.export.vision_graph import (  # noqa: E402
    VisionShape,
    position_ids,
    vision_faults,
    vision_graph,
    vision_weights,
)

TOWER = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_act": "gelu_pytorch_tanh",
    "initializer_range": 0.1,
}
TEXT = {"model_type": "llama", "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 1, "vocab_size": 300}


def make_model(
    kind: str = "smolvlm", *, image_size: int = 24, patch_size: int = 4, scale: int = 3, **tower: Any
) -> Any:
    """A random SmolVLM of one of its two architectures."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind,
        vision_config={**TOWER, "image_size": image_size, "patch_size": patch_size, **tower},
        text_config={**TEXT, "num_attention_heads": 4, "num_key_value_heads": 2},
        scale_factor=scale,
        image_token_id=299,
    )
    return AutoModelForImageTextToText.from_config(config).eval()


def random_tiles(count: int, side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (count, 3, side, side), dtype=np.uint8)


def run(graph: Graph, shown: Any, mask: Any, tmp_path: Path) -> Any:
    file, *_ = write_graph(graph, tmp_path / "vision.onnx", part_name=lambda number: f"vision.onnx_data_{number}")
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    return session.run(["image_features"], {"pixel_values": shown, "pixel_attention_mask": mask})[0]


def wanted(model: Any, shown: Any, mask: Any) -> Any:
    """By transformers, [tiles, tokens, hidden]."""
    import torch

    with torch.inference_mode():
        given = {"pixel_values": torch.from_numpy(shown), "pixel_attention_mask": torch.from_numpy(mask)}
        parts = model.get_image_features(**given).pooler_output
    config = model.config
    patches = config.vision_config.image_size // config.vision_config.patch_size
    tokens = (patches // config.scale_factor) ** 2
    return torch.cat(list(parts)).reshape(-1, tokens, config.text_config.hidden_size).numpy()


@pytest.mark.parametrize("kind", ["smolvlm", "idefics3"])
def test_features_are_those_of_transformers_and_padding_is_left_out(kind: str, tmp_path: Path) -> None:
    model = make_model(kind)
    shown = pixels(random_tiles(6, 24)).reshape(2, 3, 3, 24, 24)
    mask = np.ones((2, 3, 24, 24), np.bool_)
    shown[1, 1:], mask[1, 1:] = 0, False  # the second image is one tile, padded to three
    found = run(
        vision_graph(VisionShape.of(model.config, 24), vision_weights(model, None), np.float32), shown, mask, tmp_path
    )
    assert found.shape == (4, 4, 48)
    np.testing.assert_allclose(found, wanted(model, shown, mask), atol=1e-5)


@pytest.mark.parametrize(
    ("bits", "kind", "most"), [(None, np.float16, 0.005), (8, np.float32, 0.04), (8, np.float16, 0.04)]
)
def test_smaller_weights_cost_little(
    bits: int | None, kind: type[np.floating[Any]], most: float, tmp_path: Path
) -> None:
    model = make_model()
    shown, mask = pixels(random_tiles(3, 24))[None], np.ones((1, 3, 24, 24), np.bool_)
    reference = wanted(model, shown, mask)
    found = run(
        vision_graph(VisionShape.of(model.config, 24), vision_weights(model, bits), kind), shown, mask, tmp_path
    )
    assert found.dtype == np.float32
    error = np.sqrt(((found - reference) ** 2).mean() / (reference**2).mean())
    assert 0 < error < most


def test_matrices_of_odd_width_stay_dense() -> None:
    model = make_model(intermediate_size=90)
    weights = vision_weights(model, 8)
    plain = {name for name, value in weights.items() if isinstance(value, np.ndarray) and value.ndim == 2}
    assert plain == {
        "vision_model.embeddings.position_embedding",
        *(f"vision_model.encoder.layers.{number}.mlp.fc2" for number in range(2)),
    }


def test_positions_of_25_patches_are_transformers_own(tmp_path: Path) -> None:
    """Where its float buckets are not the identity."""
    model = make_model(image_size=25 * 4, scale=5)
    shape = VisionShape.of(model.config, 25 * 4)
    assert (position_ids(shape) != np.arange(25 * 25)).any()
    shown, mask = pixels(random_tiles(1, 25 * 4))[None], np.ones((1, 1, 25 * 4, 25 * 4), np.bool_)
    found = run(vision_graph(shape, vision_weights(model, None), np.float32), shown, mask, tmp_path)
    np.testing.assert_allclose(found, wanted(model, shown, mask), atol=1e-5)


@pytest.mark.parametrize("grid", [16, 27, 32])
def test_the_towers_of_smolvlm_read_every_position_once(grid: int) -> None:
    shape = VisionShape(layers=1, hidden=8, heads=1, tile=grid * 4, patch=4, grid=grid, epsilon=1e-6, scale=1, output=8)
    assert position_ids(shape).tolist() == list(range(grid * grid))


def test_what_the_graph_does_not_cover_is_named() -> None:
    config = make_model().config
    assert vision_faults(config, 24) == []
    assert vision_faults(config, 16) == ["tiles of 4 patches in a row, for a scale of 3"]
    assert vision_faults(config, 36) == ["tiles of 9 patches in a row, for positions of 6"]
    config.vision_config.hidden_act = "quick_gelu"
    assert vision_faults(config, 24) == ["activation 'quick_gelu'"]


def test_weights_are_stored_once() -> None:
    model = make_model()
    graph = vision_graph(VisionShape.of(model.config, 24), vision_weights(model, 8), np.float32)
    content, arrays = in_memory(graph)
    assert len(content) < 60_000
    assert sum(array.nbytes for array in arrays.values()) < 1.4 * sum(
        parameter.numel() for name, parameter in model.named_parameters() if "vision" in name or "connector" in name
    )
