"""AdamW whose weights, gradients and moments are float32 while the model computes in bfloat16.

A bfloat16 weight has 8 bits of mantissa: an update smaller than 1/256 of it is lost. The optimizer therefore owns
float32 masters, takes each gradient as soon as autograd has made it, adds up those of several passes in float32, and
rounds to the model after a step (mixed-precision training, arXiv:1710.03740).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.optim.adamw import adamw

_PIECE = 1 << 20
"""Numbers that a step takes at once on a CPU: gradient, moments and weights of them stay in its cache."""


class MasterAdamW(torch.optim.AdamW):
    """AdamW over float32 masters of the given parameter groups; float32 parameters are their own masters.

    Gradients accumulate in float32 over as many backward passes as come before `step`, which also clears them.
    Source: decoupled weight decay, arXiv:1711.05101.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, compute_dtype: torch.dtype | None = None, **defaults: Any):
        """With `compute_dtype`, float32 parameters become masters as they are, and are rounded to it."""
        self.pairs: list[tuple[torch.nn.Parameter, torch.Tensor]] = []
        self.compute_dtype = compute_dtype
        self._held: dict[int, torch.Tensor] = {}
        """Gradients of one pass as autograd made them, by the id of their master: not worth a copy yet."""
        self._divisor: torch.Tensor | None = None
        mastered = [{**group, "params": [self._master(p) for p in group["params"]]} for group in groups]
        super().__init__(mastered, fused=True, **defaults)

    def _master(self, parameter: torch.nn.Parameter) -> torch.Tensor:
        rounded = self.compute_dtype or parameter.dtype
        if rounded == torch.float32:
            return parameter
        master = parameter.detach().float().requires_grad_()
        parameter.data = parameter.data.to(rounded)
        parameter.register_post_accumulate_grad_hook(lambda p: self._take_gradient(p, master))
        self.pairs.append((parameter, master))
        return master

    @torch.no_grad()
    def _take_gradient(self, parameter: torch.nn.Parameter, master: torch.Tensor) -> None:
        gradient, parameter.grad = parameter.grad, None
        if gradient is None:
            return
        before = self._held.pop(id(master), None)
        if before is not None:
            master.grad = before.float()
        if master.grad is None:
            self._held[id(master)] = gradient
        else:
            master.grad.add_(gradient)

    def _gradient(self, master: torch.Tensor) -> torch.Tensor | None:
        held = self._held.get(id(master))
        return master.grad if held is None else held

    def masters(self) -> Iterator[torch.Tensor]:
        """Every float32 tensor that a step updates."""
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

    @torch.no_grad()
    def clip_gradients(self, max_norm: float) -> torch.Tensor:
        """Have all gradients scaled so that their joint L2 norm is at most `max_norm`; returns the norm before.

        Those of masters of their own are scaled by the next step, on their way.
        """
        if not self.pairs:
            return torch.nn.utils.clip_grad_norm_(list(self.masters()), max_norm)
        gradients = [gradient for master in self.masters() if (gradient := self._gradient(master)) is not None]
        # By rows: a norm over a whole tensor takes three times as long on a CPU.
        norms = [torch.linalg.vector_norm(gradient, dim=-1, dtype=torch.float32).flatten() for gradient in gradients]
        total = torch.linalg.vector_norm(torch.cat(norms))
        self._divisor = ((total + 1e-6) / max_norm).clamp(min=1.0)
        return total

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        if not self.pairs:
            loss = super().step(closure)
        else:
            assert closure is None
            loss = None
            rounded = {id(master): parameter for parameter, master in self.pairs}
            for group in self.param_groups:
                for master in group["params"]:
                    self._step_one(group, master, rounded.get(id(master), master))
        self._held.clear()
        self._divisor = None
        for master in self.masters():
            master.grad = None
        return loss

    def _step_one(self, group: dict[str, Any], master: torch.Tensor, rounded: torch.Tensor) -> None:
        """Step a master, and round it to what the model computes with, a piece at a time."""
        gradient = self._gradient(master)
        if gradient is None:
            return
        state = self.state[master]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=master.device)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(master), torch.zeros_like(master)
        size = master.numel() if master.is_cuda else _PIECE
        flat = [t.reshape(-1).split(size) for t in (gradient, master.data, state["exp_avg"], state["exp_avg_sq"])]
        into = rounded.data.view(-1).split(size)
        for number, (raw, weights, first, second) in enumerate(zip(*flat, strict=True)):
            adamw(
                [weights],
                [raw.float()],
                [first],
                [second],
                [],
                [state["step"].clone()],
                foreach=False,
                fused=True,
                amsgrad=False,
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=False,
                grad_scale=self._divisor,
            )
            if rounded is not master:
                into[number].copy_(weights)
        state["step"] += 1

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
