"""Fresh weights for a model: every matrix drawn by its own name, so that no order of drawing matters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from zlib import crc32

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_RESIDUAL = ("o_proj.weight", "down_proj.weight")
"""Matrices of a Llama whose products are added to the residual stream."""


@torch.no_grad()
def initialize(model: PreTrainedModel, seed: int, std: float, *, scale_residuals: bool) -> None:
    """Fill float32 parameters in place: matrices from N(0, std), those that feed the residual stream from a normal
    smaller by sqrt(2 layers) (GPT-2, section 2.3), norms with ones.
    """
    shrink = 1 / math.sqrt(2 * model.config.num_hidden_layers) if scale_residuals else 1.0
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            parameter.fill_(1.0)
            continue
        scale = std * (shrink if name.endswith(_RESIDUAL) else 1.0)
        parameter.normal_(0.0, scale, generator=generator_of(name, seed, parameter.device))


def generator_of(name: str, seed: int, device: torch.device) -> torch.Generator:
    """Where the random numbers of the parameter of that name come from."""
    return torch.Generator(device).manual_seed(crc32(f"{seed}:{name}".encode()))


def build_model(config: Any) -> PreTrainedModel:
    """A Llama of that configuration in float32, its weights not yet filled in a way that means anything."""
    from transformers import AutoModelForCausalLM
    from transformers.initialization import no_init_weights

    with no_init_weights():
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.tie_weights()
    return model
