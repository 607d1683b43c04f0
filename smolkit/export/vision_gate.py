"""The gate's part on images: the features of a vision tower, and the logits of prompts that an image stands in.

The reference is transformers' own processor and forward on the images as they are, so that faults in how this toolkit
cuts and reads them show as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from smolkit.export.gate import Candidate, Case, Check, Compared, Limits, check_logits, run
from smolkit.export.image_probes import ImageProbe, image_probes, prompt

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from smolkit.data.images import ImageLayout


@dataclass(frozen=True)
class ImageCase(Case):
    """A prompt that an image stands in; image tokens in it mean the features, in their order."""

    tiles: NDArray[np.uint8]
    """[tiles, 3, side, side], as `ImageLayout.tiles` cuts the image."""
    features: NDArray[np.float32]
    """[tiles, tokens, hidden], of the language model's width."""


@dataclass(frozen=True)
class ImageLimits:
    """What one way of storing vision tower and connector may cost their features."""

    max_abs: float | None
    """Largest difference of a feature; None where rounding alone makes it meaningless."""
    error: float
    """Root mean square of the differences over that of the features."""
    reason: str


IMAGE_LIMITS: dict[str, ImageLimits] = {
    "f32": ImageLimits(None, 3e-3, "llama.cpp takes GELU from a table of float16: error 2e-4 to 9e-4."),
    "f16": ImageLimits(None, 5e-3, "Weights and inputs of products in float16: error 6e-4 to 1.7e-3."),
    "q8_0": ImageLimits(None, 0.08, "8-bit weights and inputs of products: error 0.016 to 0.042."),
    "fp32": ImageLimits(1e-3, 1e-4, "Same arithmetic, other order: max-abs 1e-5, error 1.2e-6."),
    "fp16": ImageLimits(None, 0.01, "Weights and activations in float16: error 7e-4 to 1.3e-3."),
    "q8": ImageLimits(None, 0.06, "8-bit weights and inputs of products: error 0.014 to 0.020."),
    "q4": ImageLimits(None, 0.06, "The tower of q8."),
    "q4f16": ImageLimits(None, 0.06, "The same in float16: error 0.014 to 0.020."),
}
"""By how vision tower and connector are stored; the language model has limits of its own.

Measured on random towers of SmolVLM's kind, of 2 layers of 32 to 12 of 768 (SigLIP-base on tiles of 512 pixels). A
fault is far outside: positions one place off have an error of 0.35.
"""


class VisionCandidate(Candidate, Protocol):
    """An exported file that sees, opened by the runtime that it is made for."""

    def look(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The features of an image [tiles, tokens, hidden]; from now on image tokens in a prompt mean these."""


def make_image_cases(
    model: PreTrainedModel, images: ImageLayout, tokenizer: PreTrainedTokenizerFast, *, prompt_format: str | None
) -> list[ImageCase]:
    """Run a float32 SmolVLM on the three images, as `gate.make_reference` does on texts."""
    return [image_case(model, probe, tokenizer, prompt_format) for probe in image_probes(images)]


def check_images(
    candidate: VisionCandidate, cases: Sequence[ImageCase], limits: Limits, image_limits: ImageLimits
) -> list[Check]:
    """Every figure of images: features by `image_limits`, logits and greedy choices by `limits`."""
    compared, seen = [], []
    for case in cases:
        seen.append(candidate.look(case.tiles))
        compared.append(Compared.of(candidate, case))
    checks = [*_check_features(seen, cases, image_limits), *check_logits(compared, limits)]
    return [replace(check, name=f"image_{check.name}") for check in checks]


def _check_features(
    seen: Sequence[NDArray[np.float32]], cases: Sequence[ImageCase], limits: ImageLimits
) -> list[Check]:
    wrong = [case.name for case, found in zip(cases, seen, strict=True) if found.shape != case.features.shape]
    if wrong:
        return [Check("features_shape", len(wrong), 0, note=f"first {wrong[0]}")]
    wanted = np.concatenate([case.features.ravel() for case in cases]).astype(np.float64)
    apart = np.concatenate([found.ravel() for found in seen]) - wanted
    return [
        Check("features_max_abs", float(np.abs(apart).max()), limits.max_abs),
        Check("features_error", float(np.sqrt((apart**2).mean() / (wanted**2).mean())), limits.error),
    ]


def image_case(
    model: PreTrainedModel, probe: ImageProbe, tokenizer: PreTrainedTokenizerFast, prompt_format: str | None
) -> ImageCase:
    """What a float32 SmolVLM makes of one image and the prompt about it."""
    import torch

    layout, size = probe.layout, probe.image.size
    ids = prompt(tokenizer, prompt_format, layout.text(layout.grid(*size)))
    seen = _processed(probe)
    with torch.inference_mode():
        features: Any = model.get_image_features(**seen).pooler_output
    continuation, logits = run(model, ids, **seen)
    tiles = layout.tiles(probe.image)
    flat = torch.cat(list(features)).float().numpy()
    return ImageCase(
        name=f"image {probe.name}",
        prompt=ids,
        continuation=continuation,
        logits=logits,
        tiles=tiles,
        features=flat.reshape(len(tiles), layout.tokens, -1),
    )


def _processed(probe: ImageProbe) -> dict[str, Any]:
    """pixel_values [1, tiles, 3, side, side] and pixel_attention_mask, by transformers' processor."""
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    processor = SmolVLMImageProcessorPil(**probe.layout.settings)
    made = processor([[probe.image]], return_tensors="pt")
    return {name: made[name] for name in ("pixel_values", "pixel_attention_mask")}
