from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from smolkit.data.batches import collate
from smolkit.models import load_model
from smolkit.train.prepare import Prepared, prepare
from smolkit.train.recipe import Lora
from smolkit.train.trl_adapter import add_lora, answer_loss, answer_only_loss, merge_lora

if TYPE_CHECKING:
    from pathlib import Path

    from tests.train.conftest import MakeRecipe


@pytest.fixture
def prepared(make_recipe: MakeRecipe) -> Prepared:
    return prepare(make_recipe(batch={"rows": 4, "micro_tokens": 2048}))


def _batches(prepared: Prepared) -> list[dict[str, torch.Tensor]]:
    return [collate(micro, prepared.examples, 0) for micro in prepared.steps[0]]


def test_the_loss_at_labels_alone_is_the_models_own(prepared: Prepared, tiny_model_dir: Path) -> None:
    model = load_model(tiny_model_dir, dtype=torch.float32)
    for batch in _batches(prepared):
        labelled = int((batch["labels"] != -100).sum())
        own = model(input_ids=batch["input_ids"], labels=batch["labels"]).loss * labelled
        torch.testing.assert_close(answer_loss(model, **batch), own, rtol=1e-4, atol=1e-3)


def test_answer_only_backward_has_the_same_loss_and_another_gradient(prepared: Prepared, tiny_model_dir: Path) -> None:
    model = load_model(tiny_model_dir, dtype=torch.float32)
    batch = _batches(prepared)[0]
    gradients = []
    for loss_of in (answer_loss, answer_only_loss):
        model.zero_grad()
        loss = loss_of(model, **batch)
        loss.backward()
        gradients.append((float(loss), model.model.layers[0].self_attn.k_proj.weight.grad.clone()))
    (whole, full), (answer, cut) = gradients
    assert answer == pytest.approx(whole, rel=1e-4)
    assert not torch.allclose(full, cut)
    assert float(cut.norm()) > 0


def test_a_step_in_micro_batches_is_the_step_in_one(make_recipe: MakeRecipe, tiny_model_dir: Path) -> None:
    model = load_model(tiny_model_dir, dtype=torch.float32)
    gradients = []
    for micro_tokens in (256, 8192):
        prepared = prepare(make_recipe(batch={"rows": 4, "micro_tokens": micro_tokens}))
        model.zero_grad()
        for batch in _batches(prepared):
            answer_loss(model, **batch).backward()
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
