from __future__ import annotations

import copy

import pytest
import torch

from smolkit.optim import master
from smolkit.optim.master import MasterAdamW, decay_groups

SETTINGS = {"lr": 1e-2, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.1}


def _layer(dtype: torch.dtype) -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(8, 4, dtype=dtype)


def _loss(layer: torch.nn.Linear, seed: int, rows: slice = slice(None)) -> torch.Tensor:
    inputs = torch.randn(6, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    return layer(inputs[rows].to(layer.weight.dtype)).float().square().sum()


def test_float32_parameters_take_the_steps_of_adamw() -> None:
    ours, theirs = _layer(torch.float32), _layer(torch.float32)
    mine = MasterAdamW([{"params": list(ours.parameters())}], **SETTINGS)
    reference = torch.optim.AdamW(theirs.parameters(), **SETTINGS)
    for step in range(10):
        _loss(ours, step).backward()
        mine.step()
        reference.zero_grad()
        _loss(theirs, step).backward()
        reference.step()
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_updates_that_bfloat16_would_lose_are_kept() -> None:
    weight = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    plain = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    mine = MasterAdamW([{"params": [weight]}], lr=1e-3, weight_decay=0.0)
    reference = torch.optim.AdamW([plain], lr=1e-3, weight_decay=0.0)
    for _ in range(20):
        weight.float().sum().backward()
        mine.step()
        reference.zero_grad()
        plain.float().sum().backward()
        reference.step()
    assert torch.equal(plain.detach(), torch.ones(4, dtype=torch.bfloat16))
    torch.testing.assert_close(weight.detach().float(), torch.full((4,), 0.98), atol=4e-3, rtol=0)


@pytest.mark.parametrize("piece", [5, 1 << 19])
def test_masters_take_the_steps_of_adamw_on_clipped_gradients(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(master, "_PIECE", piece)
    layer, plain = _layer(torch.bfloat16), _layer(torch.bfloat16).float()
    mine = MasterAdamW([{"params": list(layer.parameters())}], **SETTINGS)
    reference = torch.optim.AdamW(plain.parameters(), **SETTINGS)
    for step in range(4):
        _loss(layer, step).backward()
        gradients = [mine._gradient(weights).float().clone() for weights in mine.masters()]
        norm = mine.clip_gradients(0.5)
        mine.step()
        for parameter, gradient in zip(plain.parameters(), gradients, strict=True):
            parameter.grad = gradient
        expected = torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
        reference.step()
        torch.testing.assert_close(norm, expected)
        for weights, parameter in zip(mine.masters(), plain.parameters(), strict=True):
            torch.testing.assert_close(weights, parameter)
    for rounded, weights in mine.pairs:
        assert torch.equal(rounded, weights.bfloat16())


def test_gradients_of_several_backward_passes_add_up() -> None:
    whole, parts = _layer(torch.bfloat16), _layer(torch.bfloat16)
    one = MasterAdamW([{"params": list(whole.parameters())}], **SETTINGS)
    many = MasterAdamW([{"params": list(parts.parameters())}], **SETTINGS)
    _loss(whole, 0).backward()
    for rows in (slice(0, 2), slice(2, 4), slice(4, 6)):
        _loss(parts, 0, rows).backward()
    assert parts.weight.grad is None  # it has moved to the master
    norms = [float(optimizer.clip_gradients(1.0)) for optimizer in (one, many)]
    torch.testing.assert_close(norms[0], norms[1], rtol=1e-2, atol=0)


def test_a_saved_state_continues_to_the_same_bits() -> None:
    layer = _layer(torch.bfloat16)
    optimizer = MasterAdamW([{"params": list(layer.parameters())}], **SETTINGS)
    for step in range(3):
        _loss(layer, step).backward()
        optimizer.step()
    state, weights = copy.deepcopy(optimizer.state_dict()), copy.deepcopy(layer.state_dict())
    other = _layer(torch.bfloat16)
    other.load_state_dict(weights)
    resumed = MasterAdamW([{"params": list(other.parameters())}], **SETTINGS)
    resumed.load_state_dict(state)
    for step in range(3, 6):
        for model, steps in ((layer, optimizer), (other, resumed)):
            _loss(model, step).backward()
            steps.step()
    assert torch.equal(layer.weight, other.weight)
    for one, two in zip(optimizer.masters(), resumed.masters(), strict=True):
        assert torch.equal(one, two)


def test_only_matrices_that_are_no_embeddings_decay() -> None:
    model = torch.nn.Sequential(torch.nn.Embedding(5, 4), torch.nn.Linear(4, 3), torch.nn.LayerNorm(3))
    decayed, plain = decay_groups(model, 0.1)
    assert [tuple(p.shape) for p in decayed["params"]] == [(3, 4)]
    assert plain["weight_decay"] == 0.0
    assert len(plain["params"]) == 4
