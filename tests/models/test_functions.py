from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from smolkit.models import functions
from smolkit.models.functions import causal_attention, cross_entropy_sum, lora_linear, rms_norm, rotate


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def _reference_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, end: int) -> torch.Tensor:
    repeats = q.shape[2] // k.shape[1]
    k, v = (states[:, :, :end].repeat_interleave(repeats, dim=1) for states in (k, v))
    scores = q.transpose(1, 2) @ k.transpose(2, 3)
    later = torch.ones(q.shape[1], end, dtype=torch.bool).triu(end - q.shape[1] + 1)
    return (scores.masked_fill(later, -torch.inf).softmax(-1) @ v).transpose(1, 2)


def test_rms_norm_is_the_norm_of_pytorch_with_its_gradients() -> None:
    x, weight = _random(5, 8), _random(8)
    torch.testing.assert_close(
        rms_norm(x, weight, 1e-5), torch.nn.functional.rms_norm(x, (8,), weight, 1e-5), rtol=1e-6, atol=1e-6
    )
    x, weight = (part.detach().requires_grad_() for part in (x, weight))
    ours = torch.autograd.grad(rms_norm(x, weight, 1e-5).square().sum(), (x, weight))
    theirs = torch.autograd.grad(torch.nn.functional.rms_norm(x, (8,), weight, 1e-5).square().sum(), (x, weight))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_rms_norm_rounds_as_llama_does() -> None:
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    norm = LlamaRMSNorm(576, eps=1e-5).bfloat16()
    torch.nn.init.normal_(norm.weight)
    x = (torch.randn(64, 576) * 30).bfloat16()
    differing = rms_norm(x, norm.weight, 1e-5) != norm(x)
    assert differing.float().mean() < 0.01


def test_rotation_turns_pairs_and_its_gradient_turns_them_back() -> None:
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    angles = torch.rand(5, 4, dtype=torch.float64).repeat(1, 2)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    x = _random(5, 3, 8)
    theirs, _ = apply_rotary_pos_emb(x, x, angles.cos(), angles.sin())
    torch.testing.assert_close(rotate(x, cos, sin), theirs)
    assert gradcheck(lambda x: rotate(x, cos, sin), (x,))


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("room", [0, 2])
def test_causal_attention_over_blocks_is_attention_over_the_whole(
    before: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions, "_BLOCK", 3)
    monkeypatch.setattr(functions, "_UNIT", 2)
    queries, end = 7, 7 + before
    q, k, v = _random(2, queries, 4, 2), _random(2, 2, end + room, 2), _random(2, 2, end + room, 2)
    expected = _reference_attention(q, k, v, end)
    torch.testing.assert_close(causal_attention(q, k, v, end, {}), expected)
    with torch.no_grad():
        torch.testing.assert_close(causal_attention(q, k, v, end, {}), expected)
    assert gradcheck(lambda *parts: causal_attention(*parts, end, {}), (q, k, v))


def test_a_lora_layer_adds_its_product_and_leaves_the_weight_alone() -> None:
    x, a, b = _random(5, 4), _random(2, 4), _random(3, 2)
    weight, bias = _random(3, 4).detach(), _random(3).detach()
    torch.testing.assert_close(
        lora_linear(x, weight, bias, a, b, 0.5), x @ weight.t() + bias + 0.5 * (x @ a.t()) @ b.t()
    )
    assert gradcheck(lambda x, a, b: lora_linear(x, weight, bias, a, b, 0.5), (x, a, b))
    out = lora_linear(x.detach(), weight, None, a, b, 0.5)
    assert [part is not None for part in torch.autograd.grad(out.sum(), (a, b))] == [True, True]


def test_cross_entropy_by_parts_is_that_of_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "_LOGIT_ROWS", 2)
    logits, targets = _random(5, 7), torch.randint(7, (5,))
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    torch.testing.assert_close(cross_entropy_sum(logits, targets), expected)
    assert gradcheck(lambda logits: cross_entropy_sum(logits, targets), (logits,))
    assert cross_entropy_sum(logits[:0], targets[:0]).item() == 0.0


@pytest.mark.parametrize("z_loss", [0.0, 1e-3])
@pytest.mark.parametrize("rows", [5, 1300])
@pytest.mark.parametrize("size", [1.0, 60.0])
def test_head_and_loss_as_one_are_those_computed_whole(
    z_loss: float, rows: int, size: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions, "_HEAD_ROWS", 1000)
    monkeypatch.setattr(functions, "_VOCABULARY", 30)
    states = (torch.randn(rows, 16, dtype=torch.float64) * size).requires_grad_()
    head = torch.randn(70, 16, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, 70, (rows,))
    total, each = functions.linear_cross_entropy(states, head, targets, 1 / 7, z_loss)
    (total * 3).backward()
    found = states.grad, head.grad
    states.grad = head.grad = None
    logits = states @ head.t()
    assert (logits.abs().max() > functions._SAFE_LOGIT) == (size > 1)
    whole = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    expected = (whole.sum() + z_loss * logits.logsumexp(1).square().sum()) / 7
    (expected * 3).backward()
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(each, whole)
    for one, other in zip(found, (states.grad, head.grad), strict=True):
        torch.testing.assert_close(one, other)


def test_the_loss_without_a_gradient_keeps_none() -> None:
    states, head = torch.randn(5, 16), torch.randn(70, 16)
    total, each = functions.linear_cross_entropy(states, head, torch.arange(5), 1.0)
    assert not total.requires_grad
    torch.testing.assert_close(total, each.sum())
