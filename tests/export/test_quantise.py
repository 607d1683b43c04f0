"""Four bits with knowledge of the inputs lose less than plain rounding; the budget is kept; nothing else changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from smolkit.errors import ModelError
from smolkit.export.blocks import Blocks
from smolkit.export.quantise import (
    HIGH,
    LOW,
    Sensitivity,
    choose_bits,
    compensate,
    gptq,
    linears,
    round_nearest,
    sensitivities,
)


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=320, hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, initializer_range=0.1, tie_word_embeddings=True,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def sequences() -> list[list[int]]:
    draw = torch.Generator().manual_seed(1)
    return [torch.randint(0, 320, (48,), generator=draw).tolist() for _ in range(8)]


def correlated(rows: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs of a matrix as they come in models: few directions carry most of them."""
    draw = torch.Generator().manual_seed(2)
    mixed = torch.randn(400, size // 8, generator=draw) @ torch.randn(size // 8, size, generator=draw)
    states = mixed + 0.1 * torch.randn(400, size, generator=draw)
    return torch.randn(rows, size, generator=draw), states


def compensated(weight: torch.Tensor, states: torch.Tensor, bits: int) -> Blocks:
    (found,) = gptq([weight], states.T @ states / len(states), [bits])
    return found


def lost(weight: torch.Tensor, blocks: Any, states: torch.Tensor) -> float:
    return float(((weight - torch.from_numpy(blocks.dense())) @ states.T).square().mean())


def test_compensated_codes_lose_a_fraction_of_what_plain_rounding_loses() -> None:
    weight, states = correlated(32, 128)
    plain = lost(weight, round_nearest(weight, LOW), states)
    assert lost(weight, compensated(weight, states, LOW), states) < 0.3 * plain


def test_matrices_that_read_the_same_inputs_become_what_each_becomes_alone() -> None:
    weight, states = correlated(96, 128)
    moment = states.T @ states / len(states)
    parts, bits = [weight[:32], weight[32:80], weight[80:]], [LOW, HIGH, LOW]
    for part, each, blocks in zip(parts, bits, gptq(parts, moment, bits), strict=True):
        (alone,) = gptq([part], moment, [each])
        assert blocks.bits == each
        assert torch.allclose(torch.from_numpy(blocks.dense()), torch.from_numpy(alone.dense()), atol=1e-5)
        assert lost(part, blocks, states) < 0.3 * lost(part, round_nearest(part, each), states)


def test_the_searched_scale_is_never_worse_where_inputs_count_unlike() -> None:
    weight, states = correlated(32, 128)
    driven = states.square().mean(dim=0)

    def weighted(blocks: Any) -> float:
        return float((driven * (weight - torch.from_numpy(blocks.dense())).square()).sum())

    assert weighted(round_nearest(weight, LOW, driven)) < 0.95 * weighted(round_nearest(weight, LOW))


@pytest.mark.parametrize("bits", [LOW, HIGH])
def test_rounding_is_within_half_a_step(bits: int) -> None:
    weight = torch.randn(16, 96)
    blocks = round_nearest(weight, bits)
    error = (weight - torch.from_numpy(blocks.dense())).unflatten(1, (-1, 32)).abs()
    step = torch.from_numpy(blocks.scales).abs()[..., None]
    # The largest weight has a code of its own; one as large of the other sign is cut to the code below.
    assert bool((error <= step * 1.001).all())
    assert float((error / step).mean()) < 0.3


def test_a_block_of_zeros_stays_zero() -> None:
    weight = torch.zeros(2, 64)
    for blocks in (round_nearest(weight, LOW, torch.ones(64)), *gptq([weight], torch.eye(64), [LOW])):
        assert (blocks.dense() == 0).all()


def test_expected_losses_rank_matrices_as_measured_ones_do(model: Any, sequences: list[list[int]]) -> None:
    found = sensitivities(model, sequences * 16)  # labels are drawn anew each time
    assert found.keys() == linears(model).keys()
    expected = {name: one.loss[LOW] for name, one in found.items()}
    assert all(0 < one.loss[HIGH] < one.loss[LOW] / 50 for one in found.values())
    measured = {}
    for name in found:
        other = copy.deepcopy(model)
        module = linears(other)[name]
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(round_nearest(module.weight, LOW).dense()))
        measured[name] = divergence(model, other, sequences)
    for name in found:
        assert expected[name] == pytest.approx(measured[name], rel=0.5), name


def divergence(model: Any, other: Any, sequences: list[list[int]]) -> float:
    with torch.inference_mode():
        batch = torch.tensor(sequences)
        p, q = (one(batch).logits.log_softmax(-1) for one in (model, other))
        return float((p.exp() * (p - q)).sum(-1).mean())


def test_compensation_loses_less_than_rounding_and_writes_what_it_returns(
    model: Any, sequences: list[list[int]]
) -> None:
    bits = dict.fromkeys(linears(model), LOW)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    other, plain = copy.deepcopy(model), copy.deepcopy(model)
    seen: list[tuple[int, int]] = []
    blocks = compensate(other, sequences, bits, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
    for name, module in linears(other).items():
        assert torch.equal(module.weight, torch.from_numpy(blocks[name].dense()))
    for module in linears(plain).values():
        module.weight.data.copy_(torch.from_numpy(round_nearest(module.weight, LOW).dense()))
    assert divergence(model, other, sequences) < 0.8 * divergence(model, plain, sequences)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_budget_goes_to_the_matrices_that_gain_most_and_is_kept() -> None:
    def one(loss: float, size: int) -> Sensitivity:
        return Sensitivity({LOW: loss, HIGH: 0.0}, {LOW: size, HIGH: 2 * size})

    found = {"q": one(3, 10), "k": one(3, 10), "big": one(8, 40), "small": one(1, 5), "dull": one(0.1, 10)}
    chosen = choose_bits(found, [["q", "k"]], budget=75 + 25)
    assert chosen == {"q": HIGH, "k": HIGH, "big": LOW, "small": HIGH, "dull": LOW}
    assert set(choose_bits(found, [["q", "k"]], budget=75).values()) == {LOW}
    assert set(choose_bits(found, [["q", "k"]], budget=150).values()) == {HIGH}


def test_activations_that_are_no_numbers_are_refused(model: Any, sequences: list[list[int]]) -> None:
    broken = copy.deepcopy(model)
    broken.model.layers[1].mlp.up_proj.weight.data[0, 0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        sensitivities(broken, sequences[:1])
    with pytest.raises(ModelError, match="not finite"):
        compensate(broken, sequences[:1], dict.fromkeys(linears(broken), LOW))
