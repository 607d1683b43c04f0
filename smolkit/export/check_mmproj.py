"""What a model sees with in llama.cpp: a mmproj file, by its header and its list of tensors.

SmolVLM's projector is checked in full, of others nothing. What libmtmd looks for is known from its source, and where a
rule is of a refusal, from the library of llama-cpp-python 0.3.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from smolkit.export.check_files import FAULT, NOTE, WRONG, Finding, place
from smolkit.models.gguf_header import Tensor
from smolkit.runtime.mtmd import PROJECTOR

_KEYS = (
    "image_size",
    "patch_size",
    "embedding_length",
    "feed_forward_length",
    "block_count",
    "projection_dim",
    "attention.head_count",
    "attention.layer_norm_epsilon",
    "image_mean",
    "image_std",
)
_LAYER = ("ln1", "attn_q", "attn_k", "attn_v", "attn_out", "ln2", "ffn_up", "ffn_down")
_OTHERS = ("v.patch_embd", "v.position_embd", "v.post_ln", "mm.model.fc")


def check_projector(name: str, fields: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Iterator[Finding]:
    """Findings of a file of the `clip` architecture."""
    yield Finding(NOTE, name, "is what a model sees with, and goes with a text model")
    kind = fields.get("clip.projector_type")
    if kind is None and "clip.vision.projector_type" not in fields and "clip.audio.projector_type" not in fields:
        yield Finding(FAULT, place(name, "clip.projector_type"), "is not here")
    if kind != PROJECTOR:
        return
    for key in _KEYS:
        if f"clip.vision.{key}" not in fields:
            yield Finding(FAULT, place(name, f"clip.vision.{key}"), "is not here")
    if fields.get("clip.vision.projector.scale_factor", 1) < 2:
        what = "is not here, or below 2: llama.cpp ends itself at the first image"
        yield Finding(FAULT, place(name, "clip.vision.projector.scale_factor"), what)
    if not fields.get("clip.use_gelu"):
        yield Finding(WRONG, place(name, "clip.use_gelu"), "is not set: llama.cpp takes another activation")
    if "clip.vision.preproc_image_size" not in fields:
        what = "is not here: llama.cpp does not enlarge images before it cuts them"
        yield Finding(WRONG, place(name, "clip.vision.preproc_image_size"), what)
    yield from _check_tensors(name, fields, tensors)


def _check_tensors(name: str, fields: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Iterator[Finding]:
    layers = fields.get("clip.vision.block_count") or 0
    needed = [*_OTHERS, *(f"v.blk.{number}.{part}" for number in range(layers) for part in _LAYER)]
    for tensor in needed:
        if f"{tensor}.weight" not in tensors:
            yield Finding(FAULT, place(name, f"{tensor}.weight"), "is not here, and llama.cpp needs it")
    patches = fields.get("clip.vision.image_size", 0) // max(fields.get("clip.vision.patch_size", 1), 1)
    positions = tensors.get("v.position_embd.weight")
    if positions and len(positions.shape) == 2 and positions.shape[1] != patches**2:
        what = f"has {positions.shape[1]} places, and a tile {patches**2} patches"
        yield Finding(FAULT, place(name, "v.position_embd.weight"), what)
