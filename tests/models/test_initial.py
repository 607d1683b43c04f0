from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from smolkit.models.initial import build_model, initialize
from smolkit.models.zoo import ModelSpec


@pytest.fixture
def model() -> Any:
    spec = ModelSpec(
        name="x", hub_id="", hidden=256, ffn=512, layers=8, heads=8, kv_heads=4, vocab=512, rope_theta=1e4, context=64
    )
    built: Any = build_model(spec.config())
    initialize(built, 3, 1 / math.sqrt(256), scale_residuals=True)
    return built


def test_matrices_have_the_standard_deviation_that_is_asked_for(model) -> None:
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            assert torch.equal(parameter, torch.ones_like(parameter))
            continue
        residual = name.endswith(("o_proj.weight", "down_proj.weight"))
        expected = 1 / 16 / (4 if residual else 1)  # sqrt(2 layers) is 4
        assert parameter.std().item() == pytest.approx(expected, rel=0.02), name
        assert abs(parameter.mean().item()) < 0.02 * expected * 4


def test_no_two_matrices_are_drawn_alike_and_the_seed_decides(model) -> None:
    q = [layer.self_attn.q_proj.weight for layer in model.model.layers]
    assert not torch.equal(q[0], q[1])
    before = q[0].clone()
    initialize(model, 4, 1 / 16, scale_residuals=True)
    assert not torch.equal(q[0], before)
    initialize(model, 3, 1 / 16, scale_residuals=True)
    assert torch.equal(q[0], before)


def test_a_tied_head_is_the_embedding(model) -> None:
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert "lm_head.weight" not in dict(model.named_parameters())
