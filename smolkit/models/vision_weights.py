"""Weights of a SmolVLM's vision tower and connector: drawn, taken from another SmolVLM, and counted."""

from __future__ import annotations

import math
from typing import Any

import torch

from smolkit.errors import ModelError
from smolkit.models.initial import generator_of
from smolkit.models.vision import part_of
from smolkit.models.vision_zoo import VisionLedger

_RESIDUAL = ("out_proj.weight", "fc2.weight")
"""Matrices of a tower whose products are added to the residual stream."""


@torch.no_grad()
def draw_vision(model: Any, seed: int) -> None:
    """Fill tower and connector, each matrix by its own name.

    Matrices are drawn as SigLIP's (arXiv:2303.15343), those that feed the residual stream smaller by sqrt(2 layers)
    (GPT-2, section 2.3); places are sines and cosines in two dimensions, which a short training profits from
    (arXiv:2205.01580).
    """
    shrink = 1 / math.sqrt(2 * model.config.vision_config.num_hidden_layers)
    for name, parameter in model.model.vision_model.named_parameters():
        if parameter.ndim < 2:
            parameter.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
            continue
        fan_out, fan_in = len(parameter), parameter[0].numel()
        is_patches = name.startswith("embeddings.")
        std = math.sqrt(1 / fan_in if is_patches else 2 / (fan_in + fan_out))
        std *= shrink if name.endswith(_RESIDUAL) else 1.0
        parameter.normal_(0.0, std, generator=generator_of(f"vision.{name}", seed, parameter.device))
    _place_patches(model.model.vision_model.embeddings)
    draw_connector(model, seed)


def _place_patches(embeddings: Any) -> None:
    """White paper, most of a document, starts as its place and nothing else, and places sum to nought.

    Otherwise what all patches share is six times as large as what tells them apart, and the connector passes that on.
    """
    patches = embeddings.patch_embedding
    patches.bias.copy_(-patches.weight.sum((1, 2, 3)))
    places = _places(*embeddings.position_embedding.weight.shape)
    embeddings.position_embedding.weight.copy_(places - places.mean(0))


@torch.no_grad()
def draw_connector(model: Any, seed: int) -> None:
    """Fill the connector so that its features have the root mean square of the embeddings.

    What leaves the tower is normalised. What a layer adds suits the size of embeddings; to features many times larger
    the first layers would add next to nothing.
    """
    norm, projection = model.model.vision_model.post_layernorm, model.model.connector.modality_projection.proj.weight
    arriving = float((norm.weight**2 + norm.bias**2).mean().sqrt())
    wanted = float(model.get_input_embeddings().weight.square().mean().sqrt())
    std = wanted / (arriving * math.sqrt(projection.shape[1]))
    projection.normal_(0.0, std, generator=generator_of("connector", seed, projection.device))


@torch.no_grad()
def copy_vision(donor: Any, model: Any, seed: int) -> int:
    """Take over the tensors of tower and connector that another SmolVLM has in the same shape; how many those were."""
    given = dict(donor.named_parameters())
    fitting = {
        name: parameter
        for name, parameter in model.named_parameters()
        if part_of(name) != "language" and name in given and given[name].shape == parameter.shape
    }
    if not any(part_of(name) == "vision" for name in fitting):
        raise ModelError("no tensor of this SmolVLM's tower fits the new one", fix="Leave its sizes as they are")
    for name, parameter in fitting.items():
        parameter.copy_(given[name])
    if not any(part_of(name) == "connector" for name in fitting):
        draw_connector(model, seed)
    return len(fitting)


def count(model: Any) -> VisionLedger:
    """The parameters of a SmolVLM by part, a tied head once."""
    parts = {"language": 0, "head": 0, "connector": 0, "vision": 0}
    for name, parameter in model.named_parameters():
        parts["head" if name.startswith("lm_head.") else part_of(name)] += parameter.numel()
    return VisionLedger(**parts)


def _places(count: int, width: int) -> torch.Tensor:
    """Sines and cosines of row and column for `count` patches of a square, [count, width]."""
    side = math.isqrt(count)
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    steps = width // 4
    frequencies = 10_000.0 ** -(torch.arange(steps) / max(steps - 1, 1))
    angles = [place.flatten()[:, None] * frequencies for place in (x, y)]
    return torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], dim=1)
