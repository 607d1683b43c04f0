"""The parts of a SmolVLM, and what they compute: a vision tower, a connector, and a language model that is a Llama.

The language model is a `LlamaForCausalLM` that shares its weights with the whole, so that everything which reads,
trains or exports a text model does so with this one too; only embeddings at the places of image tokens are new.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from smolkit.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TYPES = ("smolvlm", "idefics3")
"""SmolVLM2 and SmolVLM: one architecture under two names."""
PARTS = {
    "language": ("model.text_model.", "lm_head."),
    "connector": ("model.connector.",),
    "vision": ("model.vision_model.",),
}


def is_vision(config: Any) -> bool:
    """Whether a configuration is one of a SmolVLM."""
    return getattr(config, "model_type", None) in TYPES


def is_vision_directory(directory: Path) -> bool:
    """Whether a model directory is one of a SmolVLM; False where it has no readable config."""
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("model_type") in TYPES


def language_config(config: Any) -> Any:
    """The configuration of the language model: a text model's own, or the part of a SmolVLM's."""
    return config.text_config if is_vision(config) else config


def language_model(model: Any) -> PreTrainedModel:
    """The causal language model: a text model itself, or of a SmolVLM a Llama that shares all of its weights."""
    from transformers import LlamaForCausalLM

    if not is_vision(model.config):
        found: PreTrainedModel = model
        return found
    config = model.config.text_config
    if config.model_type != "llama":
        raise ModelError(f"the language model of this SmolVLM is a {config.model_type}, and only a Llama is known here")
    config.tie_word_embeddings = model.config.tie_word_embeddings
    with torch.device("meta"):
        llama = LlamaForCausalLM(config)
    llama.model, llama.lm_head = model.model.text_model, model.lm_head
    llama.generation_config = model.generation_config
    return llama.train(model.training)


def part_of(name: str) -> str:
    """The part of a SmolVLM that a parameter of this name belongs to, wrapped by adapters or not."""
    plain = name.removeprefix("base_model.model.")
    return next(part for part, prefixes in PARTS.items() if plain.startswith(prefixes))


def image_features(model: Any, tiles: torch.Tensor) -> torch.Tensor:
    """What a SmolVLM makes of tiles, uint8 [tiles, 3, side, side]: features [tiles, tokens, hidden].

    Pixels are brought to [-1, 1]. Source: SmolVLM, arXiv:2504.05299; pixel shuffle, section 2.
    """
    tower = model.model.vision_model
    pixels = (tiles.to(torch.float32) * (1 / 255) - 0.5) / 0.5
    states = tower(pixel_values=pixels.to(tower.dtype)).last_hidden_state
    features: torch.Tensor = model.model.connector(states)
    return features


def embed(model: Any, ids: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """The states [tokens, hidden] that the language model reads: embeddings, features in place of image tokens.

    Raises ModelError where there are not as many features as image tokens.
    """
    states = model.get_input_embeddings()(ids)
    places = ids == model.config.image_token_id
    flat = features.flatten(0, -2).to(states.dtype)
    if int(places.sum()) != len(flat):
        raise ModelError(f"{int(places.sum())} image tokens, and {len(flat)} features to stand there")
    found: torch.Tensor = states.masked_scatter(places[:, None], flat)
    return found
