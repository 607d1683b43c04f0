"""What `smolkit export check` says of a file that a model sees with in llama.cpp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from smolkit.export.check_mmproj import check_projector
from smolkit.models.gguf_header import Tensor

FIELDS: dict[str, Any] = {
    "clip.projector_type": "idefics3",
    "clip.use_gelu": True,
    "clip.vision.image_size": 32,
    "clip.vision.patch_size": 8,
    "clip.vision.preproc_image_size": 96,
    "clip.vision.embedding_length": 32,
    "clip.vision.feed_forward_length": 64,
    "clip.vision.block_count": 1,
    "clip.vision.projection_dim": 64,
    "clip.vision.projector.scale_factor": 2,
    "clip.vision.attention.head_count": 2,
    "clip.vision.attention.layer_norm_epsilon": 1e-6,
    "clip.vision.image_mean": [0.5, 0.5, 0.5],
    "clip.vision.image_std": [0.5, 0.5, 0.5],
}
LAYER = ("ln1", "attn_q", "attn_k", "attn_v", "attn_out", "ln2", "ffn_up", "ffn_down")
SHAPES = {"v.patch_embd.weight": (8, 8, 3, 32), "v.position_embd.weight": (32, 16), "v.post_ln.weight": (32,)} | {
    f"v.blk.0.{part}.weight": (32, 32) for part in LAYER
}
TENSORS = {name: Tensor(shape, "F16", 0, 0) for name, shape in {**SHAPES, "mm.model.fc.weight": (128, 64)}.items()}


def found(fields: Mapping[str, Any], tensors: Mapping[str, Tensor] = TENSORS) -> list[str]:
    """The findings beside the note of what the file is, each with its level."""
    first, *others = check_projector("mmproj.gguf", fields, tensors)
    assert (first.level, first.file) == ("note", "mmproj.gguf")
    return [f"{one.level} {one}" for one in others]


def test_a_whole_file_has_no_fault() -> None:
    assert found(FIELDS) == []


@pytest.mark.parametrize(
    "key", [key for key in FIELDS if key not in ("clip.projector_type", "clip.vision.block_count")]
)
def test_each_key_is_missed(key: str) -> None:
    (line,) = [line for line in found({name: value for name, value in FIELDS.items() if name != key}) if key in line]
    level = "wrong" if key in ("clip.use_gelu", "clip.vision.preproc_image_size") else "fault"
    assert line.startswith(f"{level} mmproj.gguf:{key}: is not ")


@pytest.mark.parametrize("name", list(TENSORS))
def test_each_tensor_is_missed(name: str) -> None:
    (line,) = found(FIELDS, {other: tensor for other, tensor in TENSORS.items() if other != name})
    assert line.startswith(f"fault mmproj.gguf:{name}: is not here")


def test_positions_must_be_as_many_as_patches() -> None:
    (line,) = found({**FIELDS, "clip.vision.image_size": 64})
    assert "has 16 places, and a tile 64 patches" in line


def test_of_other_projectors_only_the_name_is_looked_for() -> None:
    assert found({"clip.projector_type": "mlp"}, {}) == []
    assert found({"clip.audio.projector_type": "qwen2a"}, {}) == []
    (line,) = found({}, {})
    assert line.startswith("fault mmproj.gguf:clip.projector_type: is not here")
