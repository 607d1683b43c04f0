"""A causal language model as training sees it: packed tokens in, the loss out, layers called one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from smolkit.data.packing import Batch
from smolkit.data.render import IGNORED
from smolkit.models.device import copied
from smolkit.models.functions import linear_cross_entropy
from smolkit.models.packed import Rows, decoder_layer, llama_states


@dataclass(frozen=True)
class TokenBatch:
    """A `Batch` on a device."""

    ids: torch.Tensor
    """int64 [tokens]"""
    positions: torch.Tensor
    rows: Rows
    at: torch.Tensor
    """Places that have a target, int64 [labels]."""
    targets: torch.Tensor
    """The token that follows each of them, int64 [labels]."""
    sequences: torch.Tensor
    """The sequence, by its number within the step, of each of them, int64 [labels]."""

    @classmethod
    def of(cls, batch: Batch, device: torch.device, dtype: torch.dtype) -> TokenBatch:
        targets = torch.from_numpy(batch.targets)
        longest = 1 << (max(batch.lengths) - 1).bit_length()  # few values, as compiled layers are made anew for each
        at = (targets != IGNORED).nonzero()[:, 0]
        sequences = torch.from_numpy(batch.sequences)[at]
        tensors = torch.from_numpy(batch.ids), torch.from_numpy(batch.positions), at, targets[at], sequences
        ids, positions, at, targets, sequences = (copied(tensor, device) for tensor in tensors)
        return cls(ids, positions, Rows(batch.lengths).on(device, dtype, longest), at, targets, sequences)


class LanguageModel(torch.nn.Module):
    """transformers' Llama for training: `causal` holds the parameters, by their usual names."""

    def __init__(self, causal: Any, *, checkpointing: bool = False, compiled: bool = False):
        super().__init__()
        self.causal = causal
        run: Callable[..., torch.Tensor] = torch.compile(decoder_layer) if compiled else decoder_layer
        for layer in self.layers:
            # Wrappers such as fully_shard act when a layer is called, so our computation is its forward.
            layer.forward = partial(_checkpointed, run, layer) if checkpointing else partial(run, layer)

    @property
    def layers(self) -> Any:
        return self.causal.model.layers

    def forward(self, batch: TokenBatch, scale: float, z_loss: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
        """`scale` times the summed loss, a float32 scalar; and the cross-entropy of every target, float32 [labels]."""
        states = llama_states(self.causal.model, batch.ids, batch.positions, batch.rows, batch.at, _call)
        return linear_cross_entropy(states, self.causal.lm_head.weight, batch.targets, scale, z_loss)

    def set_rope_theta(self, theta: float) -> None:
        """Rotate with another base from now on."""
        config = self.causal.config
        config.rope_parameters = {**config.rope_parameters, "rope_theta": theta}
        trunk = self.causal.model
        device = trunk.rotary_emb.inv_freq.device
        trunk.rotary_emb = type(trunk.rotary_emb)(config).to(device)


def _call(layer: Any, *args: Any) -> torch.Tensor:
    out: torch.Tensor = layer(*args)
    return out


def _checkpointed(run: Callable[..., torch.Tensor], layer: Any, *args: Any) -> torch.Tensor:
    out: torch.Tensor = checkpoint(run, layer, *args, use_reentrant=False)
    return out


def cast_parameters(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Round all parameters to `dtype`, ties kept; buffers, such as rotary frequencies, stay as they are."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
