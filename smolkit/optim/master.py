"""AdamW whose weights, gradients and moments are float32 while the model computes in bfloat16.

A bfloat16 weight has 8 bits of mantissa: an update smaller than 1/256 of it is lost. The optimizer therefore owns
float32 masters, gathers each gradient into them as soon as autograd has made it, and rounds to the model after a step
(mixed-precision training, arXiv:1710.03740).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch


class MasterAdamW(torch.optim.AdamW):
    """AdamW over float32 masters of the given parameter groups; float32 parameters are their own masters.

    Gradients accumulate in float32 over as many backward passes as come before `step`, which also clears them.
    Source: decoupled weight decay, arXiv:1711.05101.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, compute_dtype: torch.dtype | None = None, **defaults: Any):
        """With `compute_dtype`, float32 parameters become masters as they are, and are rounded to it."""
        self.pairs: list[tuple[torch.nn.Parameter, torch.Tensor]] = []
        self.compute_dtype = compute_dtype
        mastered = [{**group, "params": [self._master(p) for p in group["params"]]} for group in groups]
        super().__init__(mastered, fused=True, **defaults)

    def _master(self, parameter: torch.nn.Parameter) -> torch.Tensor:
        rounded = self.compute_dtype or parameter.dtype
        if rounded == torch.float32:
            return parameter
        master = parameter.detach().float().requires_grad_()
        parameter.data = parameter.data.to(rounded)
        parameter.register_post_accumulate_grad_hook(lambda p: _move_gradient(p, master))
        self.pairs.append((parameter, master))
        return master

    def masters(self) -> Iterator[torch.Tensor]:
        """Every float32 tensor that a step updates, its gradient in `.grad`."""
        for group in self.param_groups:
            yield from group["params"]

    def by_name(self, model: torch.nn.Module) -> dict[str, torch.Tensor]:
        """The masters of a model's parameters, by their names there."""
        of = {id(parameter): master for parameter, master in self.pairs}
        found = {name: of.get(id(p), p) for name, p in model.named_parameters() if p.requires_grad}
        owned = {id(master) for master in self.masters()}
        assert all(id(master) in owned for master in found.values()), (
            "these are copies, as of weights gathered to compute"
        )
        return found

    def make_state(self) -> None:
        """Give every master the state that its first step would, so that a checkpoint can fill it."""
        rates = [group["lr"] for group in self.param_groups]
        for group in self.param_groups:
            group["lr"] = 0.0
        for master in self.masters():
            master.grad = torch.zeros_like(master)
        self.step()
        for group, rate in zip(self.param_groups, rates, strict=True):
            group["lr"] = rate

    @torch.no_grad()
    def publish(self) -> None:
        """Round the masters to the weights that the model computes with."""
        for parameter, master in self.pairs:
            parameter.copy_(master)

    def clip_gradients(self, max_norm: float) -> torch.Tensor:
        """Scale all gradients so that their joint L2 norm is at most `max_norm`; returns the norm before."""
        return torch.nn.utils.clip_grad_norm_(list(self.masters()), max_norm)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        self.publish()
        for master in self.masters():
            master.grad = None
        return loss

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"masters": [master.detach() for _, master in self.pairs]}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        state = dict(state_dict)
        for (parameter, master), saved in zip(self.pairs, state.pop("masters"), strict=True):
            master.copy_(saved)
            parameter.copy_(saved)
        super().load_state_dict(state)


def decay_groups(
    model: torch.nn.Module, weight_decay: float, *, embeddings: bool = False, norms: bool = False
) -> list[dict[str, Any]]:
    """The trainable parameters in two groups: matrices decay; norms and biases, and embeddings, where it is said."""
    tables = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    trainable = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in trainable if (embeddings if id(p) in tables else norms if p.ndim < 2 else True)]
    chosen = {id(p) for p in decayed}
    plain = [p for p in trainable if id(p) not in chosen]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def _move_gradient(parameter: torch.Tensor, master: torch.Tensor) -> None:
    gradient = parameter.grad
    if gradient is None:
        return
    parameter.grad = None
    if master.grad is None:
        master.grad = gradient.float()
    else:
        master.grad.add_(gradient)
