from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from smolkit.data.batches import MIN_SHARED, MicroBatch, Packed, collate
from smolkit.errors import ModelError
from smolkit.models import load_model, packed
from smolkit.models.packed import Rows, hidden_states
from smolkit.train.losses import answer_loss
from smolkit.train.prepare import Prepared, prepare
from smolkit.train.recipe import Lora
from smolkit.train.trl_adapter import add_lora, merge_lora

if TYPE_CHECKING:
    from pathlib import Path

    from tests.train.conftest import MakeRecipe


@pytest.fixture
def prepared(make_recipe: MakeRecipe) -> Prepared:
    return prepare(make_recipe(batch={"rows": 4, "micro_tokens": 2048}))


def _batches(prepared: Prepared) -> list[Packed]:
    return [collate(micro, prepared.examples, 0) for micro in prepared.steps[0]]


def test_packed_rows_have_the_loss_that_the_model_itself_gives_each(prepared: Prepared, tiny_model_dir: Path) -> None:
    model = load_model(tiny_model_dir, dtype=torch.float32)
    for micro in prepared.steps[0]:
        assert len(micro.rows) > 1
        assert micro.shared >= MIN_SHARED
        own = _own_loss(model, prepared, micro).item()
        assert answer_loss(model, collate(micro, prepared.examples, 0)).item() == pytest.approx(own, rel=1e-4)
    assert model.config._attn_implementation == "sdpa"


def _own_loss(model: torch.nn.Module, prepared: Prepared, micro: MicroBatch) -> torch.Tensor:
    """The loss of a micro-batch by transformers' forward pass, row by row."""
    losses = []
    for row in micro.rows:
        example = prepared.examples[row]
        ids, labels = torch.tensor([example.ids]), torch.tensor([example.labels])
        losses.append(model(input_ids=ids, labels=labels).loss * example.answer_length)
    return torch.stack(losses).sum()


def test_a_model_of_another_kind_runs_through_its_own_forward_pass(prepared: Prepared, tiny_model_dir: Path) -> None:
    tiny = load_model(tiny_model_dir, dtype=torch.float32).config
    torch.manual_seed(0)
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=tiny.vocab_size, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, head_dim=16,
        )
    ).eval()  # fmt: skip
    micro = prepared.steps[0][0]
    loss = answer_loss(model, collate(micro, prepared.examples, 0))
    assert loss.item() == pytest.approx(_own_loss(model, prepared, micro).item(), rel=1e-4)


def test_adapters_get_the_gradients_that_peft_gives_them(prepared: Prepared, tiny_model_dir: Path) -> None:
    model = add_lora(load_model(tiny_model_dir, dtype=torch.float32), Lora(), seed=0)
    trained = {name: part for name, part in model.named_parameters() if part.requires_grad}
    for name, part in trained.items():
        if "lora_B" in name:
            torch.nn.init.normal_(part, std=0.02)
    micro = prepared.steps[0][0]
    ours = torch.autograd.grad(answer_loss(model, collate(micro, prepared.examples, 0)), list(trained.values()))
    theirs = torch.autograd.grad(_own_loss(model, prepared, micro), list(trained.values()))
    for name, mine, expected in zip(trained, ours, theirs, strict=True):
        assert float((mine - expected).norm() / expected.norm()) < 1e-4, name


def test_no_row_sees_another(prepared: Prepared, tiny_model_dir: Path) -> None:
    model = load_model(tiny_model_dir, dtype=torch.float32)
    batch = _batches(prepared)[0]
    start, changed = batch["shared"], batch["input_ids"].clone()
    first, end = start + batch["lengths"][0], start + sum(batch["lengths"])
    changed[start:first] += 1

    def states(ids: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return hidden_states(model, ids, batch["position_ids"], Rows(batch["lengths"], start))

    before, after = states(batch["input_ids"]), states(changed)
    assert float((before[start:first] - after[start:first]).abs().max()) > 1e-3
    torch.testing.assert_close(before[:start], after[:start], rtol=0, atol=0)
    torch.testing.assert_close(before[first:end], after[first:end], rtol=0, atol=0)


def test_short_and_long_rows_take_different_kernels_for_the_same_gradients(
    prepared: Prepared, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(tiny_model_dir, dtype=torch.float32)
    batch = _batches(prepared)[0]
    gradients = []
    for long in (2048, 0):
        monkeypatch.setattr(packed, "_LONG", long)
        model.zero_grad()
        answer_loss(model, batch).backward()
        gradients.append(model.model.layers[0].self_attn.k_proj.weight.grad.clone())
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


def test_a_step_in_micro_batches_is_the_step_in_one(make_recipe: MakeRecipe, tiny_model_dir: Path) -> None:
    model = load_model(tiny_model_dir, dtype=torch.float32)
    gradients = []
    for micro_tokens in (256, 8192):
        prepared = prepare(make_recipe(batch={"rows": 4, "micro_tokens": micro_tokens}))
        model.zero_grad()
        for batch in _batches(prepared):
            answer_loss(model, batch).backward()
        gradients.append(model.model.layers[1].mlp.up_proj.weight.grad.clone())
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4)


def test_merged_adapters_compute_what_they_did_beside_the_weights(prepared: Prepared, tiny_model_dir: Path) -> None:
    model = add_lora(load_model(tiny_model_dir, dtype=torch.float32), Lora(), seed=0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    ids = torch.tensor([prepared.examples[0].ids])
    with torch.no_grad():
        base = load_model(tiny_model_dir, dtype=torch.float32)(input_ids=ids).logits
        before = model(input_ids=ids).logits
        merged = merge_lora(model)
        after = merged(input_ids=ids).logits
    assert float((before - base).abs().max()) > 1e-2
    torch.testing.assert_close(after, before, rtol=0, atol=1e-3)
    assert merged.lm_head.weight is merged.model.embed_tokens.weight


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("layer_types", ["full_attention", "sliding_attention"], "llama has sliding_attention, and only full causal"),
        ("attn_logit_softcapping", 50.0, "llama has soft-capped scores"),
    ],
)
def test_attention_of_another_kind_is_refused(
    prepared: Prepared, tiny_model_dir: Path, field: str, value: object, named: str
) -> None:
    model = load_model(tiny_model_dir, dtype=torch.float32)
    setattr(model.config, field, value)
    with pytest.raises(ModelError, match=named):
        answer_loss(model, _batches(prepared)[0])
