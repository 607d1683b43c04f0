"""The SmolVLMs this toolkit knows by name: exact shapes, Hub names, and where their parameters are.

A SmolVLM is a SigLIP tower, a connector that folds squares of patches into features, and a Llama whose vocabulary has
markers for images. Shapes are those of the released configs (SmolVLM, arXiv:2504.05299). Knows nothing of weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from smolkit.errors import ModelError
from smolkit.models.zoo import ZOO, ModelSpec

if TYPE_CHECKING:
    from transformers import Idefics3Config, SmolVLMConfig


@dataclass(frozen=True, kw_only=True)
class TowerShape:
    """A vision tower and how its patches are folded; `image_size` and `patch_size` in pixels.

    Raises ModelError where sizes that have to divide each other do not.
    """

    hidden: int
    ffn: int
    layers: int
    heads: int
    image_size: int
    patch_size: int
    scale_factor: int
    """Sides of the square of patches that becomes one feature."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ModelError(f"{name.replace('_', ' ')} must be at least 1, got {value}")
        patches, side, heads = self.patches_per_side, self.scale_factor, self.heads
        if patches % side:
            near = nearest_multiple(patches, side) * self.patch_size
            fix = f"Take images of {near} pixels, or another scale factor"
            raise ModelError(f"{patches} patches a side do not divide by the scale factor, {side}", fix=fix)
        if self.hidden % heads:
            fix = f"Take a width of {nearest_multiple(self.hidden, heads)}, or another number of heads"
            raise ModelError(f"a width of {self.hidden} does not divide into {heads} heads", fix=fix)

    @property
    def patches_per_side(self) -> int:
        """Whole ones: of 384 pixels in patches of 14 SigLIP reads 378."""
        return self.image_size // self.patch_size

    @property
    def tokens(self) -> int:
        """Features of a tile, which is what it costs the language model."""
        return (self.patches_per_side // self.scale_factor) ** 2

    @property
    def parameters(self) -> int:
        width, inner = self.hidden, self.ffn
        embeddings = 3 * self.patch_size**2 * width + width + self.patches_per_side**2 * width
        layer = 4 * width * (width + 1) + 2 * width * inner + inner + width + 4 * width
        return embeddings + self.layers * layer + 2 * width

    def config(self) -> dict[str, Any]:
        """The fields of transformers' vision configuration."""
        return {
            "hidden_size": self.hidden,
            "intermediate_size": self.ffn,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "image_size": self.image_size,
            "patch_size": self.patch_size,
        }


def nearest_multiple(value: int, part: int) -> int:
    """The multiple of `part` that is next to `value`, and not nought."""
    return max(round(value / part), 1) * part


@dataclass(frozen=True, kw_only=True)
class VisionLedger:
    """Where a SmolVLM's parameters are, counted exactly; `language` holds embeddings and layers, without the head."""

    language: int
    head: int
    connector: int
    vision: int

    @property
    def total(self) -> int:
        return self.language + self.head + self.connector + self.vision


@dataclass(frozen=True, kw_only=True)
class VisionSpec:
    """One SmolVLM: its language model, its tower, and to what its images are brought."""

    name: str
    hub_id: str
    text: ModelSpec
    tower: TowerShape
    longest_edge: int
    image_token_id: int
    model_type: str
    """What transformers calls it: "idefics3" for SmolVLM, "smolvlm" for SmolVLM2."""

    @property
    def instruct(self) -> bool:
        return self.name.endswith("-instruct")

    def ledger(self) -> VisionLedger:
        text = self.text.ledger()
        return VisionLedger(
            language=text.total - text.head,
            head=text.head,
            connector=self.tower.hidden * self.tower.scale_factor**2 * self.text.hidden,
            vision=self.tower.parameters,
        )

    def flops_per_token(self, sequence: int) -> float:
        """Training FLOPs of the language model per token, an image's features among them; see `ModelSpec`."""
        return self.text.flops_per_token(sequence)

    def flops_per_tile(self) -> float:
        """Training FLOPs of tower and connector per tile: 6 N + 12 L d s for each of s patches, 6 N for a feature."""
        patches, counts = self.tower.patches_per_side**2, self.ledger()
        per_patch = 6 * counts.vision + 12 * self.tower.layers * self.tower.hidden * patches
        return float(patches * per_patch + self.tower.tokens * 6 * counts.connector)

    def config(self) -> SmolVLMConfig | Idefics3Config:
        """The transformers configuration of this shape, for a model with fresh weights."""
        from transformers import Idefics3Config, SmolVLMConfig

        kind = {"smolvlm": SmolVLMConfig, "idefics3": Idefics3Config}[self.model_type]
        text = self.text.config()
        text.pad_token_id = text.eos_token_id
        return kind(
            text_config=text.to_dict(),
            vision_config=self.tower.config(),
            scale_factor=self.tower.scale_factor,
            image_token_id=self.image_token_id,
            tie_word_embeddings=self.text.tied,
            pad_token_id=text.pad_token_id,
        )


TOWERS = {
    name: TowerShape(
        hidden=hidden, ffn=ffn, layers=layers, heads=heads, image_size=image, patch_size=patch, scale_factor=scale
    )
    for name, (hidden, ffn, layers, heads, image, patch, scale) in {
        "tiny": (192, 768, 4, 3, 128, 16, 2),
        "small": (384, 1536, 6, 6, 256, 16, 4),
        "siglip-base": (768, 3072, 12, 12, 512, 16, 4),
        "siglip-so400m": (1152, 4304, 27, 16, 384, 14, 3),
    }.items()
}
"""Shapes by name; the first two are small enough to be trained on a CPU, the others are those of the Hub."""

_SIZES: dict[str, tuple[str, str, int]] = {
    "256M": ("smollm2-135m-instruct", "siglip-base", 2048),
    "500M": ("smollm2-360m-instruct", "siglip-base", 2048),
    "2.2B": ("smollm2-1.7b-instruct", "siglip-so400m", 1536),
}
# The rotary bases, the vocabularies and the image tokens of 500M and of the first 2.2B were found in copies of their
# configs; the others, and the context of the first 2.2B, are as reported, and agree with the published totals.
_FIRST_LARGE = {"vocab": 49_155, "rope_theta": 273_768.0, "context": 16_384}
_RELEASED = {
    "SmolVLM-256M-Instruct": "256M",
    "SmolVLM-256M-Base": "256M",
    "SmolVLM-500M-Instruct": "500M",
    "SmolVLM-500M-Base": "500M",
    "SmolVLM-Instruct": "2.2B",
    "SmolVLM-Base": "2.2B",
    "SmolVLM2-256M-Video-Instruct": "256M",
    "SmolVLM2-500M-Video-Instruct": "500M",
    "SmolVLM2-2.2B-Instruct": "2.2B",
}


def _released(hub_name: str, size: str) -> VisionSpec:
    text, tower, longest_edge = _SIZES[size]
    is_first = not hub_name.startswith("SmolVLM2")
    is_first_large = is_first and size == "2.2B"
    changes: dict[str, Any] = _FIRST_LARGE if is_first_large else {"vocab": 49_280}
    return VisionSpec(
        name=hub_name.lower(),
        hub_id=f"HuggingFaceTB/{hub_name}",
        text=replace(ZOO[text], tied=False, **changes),
        tower=TOWERS[tower],
        longest_edge=longest_edge,
        image_token_id=49_153 if is_first_large else 49_190,
        model_type="idefics3" if is_first else "smolvlm",
    )


VISION_ZOO: dict[str, VisionSpec] = {
    spec.name: spec for spec in (_released(hub_name, size) for hub_name, size in _RELEASED.items())
}
MODELS: dict[str, ModelSpec | VisionSpec] = {**ZOO, **VISION_ZOO}
"""Every model that has a name here, those that read text alone first."""
