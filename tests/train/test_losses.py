from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.nn.functional import log_softmax, logsigmoid

from smolkit.models import load_model
from smolkit.train.dpo import Dpo
from smolkit.train.losses import PreferenceObjective, answer_log_probs, preference_losses
from smolkit.train.prepare import Prepared, prepare

if TYPE_CHECKING:
    from tests.train.conftest import MakeChatRecipe


@pytest.fixture
def prepared(make_chat_recipe: MakeChatRecipe) -> Prepared:
    return prepare(make_chat_recipe("dpo", batch={"rows": 5, "micro_tokens": 4096}))


@pytest.fixture
def moved(tiny_model_dir: Path) -> Any:
    """The tiny model after some training, or what passes for it."""
    model = load_model(tiny_model_dir, dtype=torch.float32)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    return model


def _log_prob(model: Any, prompt: list[int], answer: list[int]) -> torch.Tensor:
    """By transformers' forward pass over one conversation."""
    logits = model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0]
    found = log_softmax(logits.float(), dim=-1)[len(prompt) - 1 : -1]
    return found.gather(1, torch.tensor(answer)[:, None]).sum()


def _own(model: Any, pairs: list[Any]) -> torch.Tensor:
    return torch.stack([
        torch.stack([_log_prob(model, list(pair.prompt), list(answer)) for answer in (pair.chosen, pair.rejected)])
        for pair in pairs
    ])  # fmt: skip


def _packed(objective: PreferenceObjective, model: Any, prepared: Prepared) -> torch.Tensor:
    batches = [objective.collate(micro) for micro in prepared.steps[0]]
    return sum(objective.loss(model, batch) for batch in batches) / sum(objective.weight(batch) for batch in batches)


def test_packed_answers_have_the_probability_that_the_model_itself_gives_each(prepared: Prepared, moved: Any) -> None:
    (micro,) = prepared.steps[0]
    objective = PreferenceObjective(prepared.examples, [(0.0, 0.0)] * 12, 0, Dpo())
    found = answer_log_probs(moved, objective.collate(micro)["pairs"])
    torch.testing.assert_close(found, _own(moved, [prepared.examples[row] for row in micro.rows]), rtol=1e-4, atol=1e-4)


def test_packed_pairs_have_the_gradients_of_plain_ones(prepared: Prepared, moved: Any, tiny_model_dir: Path) -> None:
    pairs = [prepared.examples[row] for micro in prepared.steps[0] for row in micro.rows]
    with torch.no_grad():
        reference = _own(load_model(tiny_model_dir, dtype=torch.float32), prepared.examples)
    for smoothing in (0.0, 0.1):
        dpo = Dpo(beta=0.3, label_smoothing=smoothing)
        ours = _packed(PreferenceObjective(prepared.examples, reference.tolist(), 0, dpo), moved, prepared)
        rows = [row for micro in prepared.steps[0] for row in micro.rows]
        margins = 0.3 * (_own(moved, pairs) - reference[rows]).diff(dim=1).neg().squeeze(1)
        plain = (-(1 - smoothing) * logsigmoid(margins) - smoothing * logsigmoid(-margins)).mean()
        assert ours.item() == pytest.approx(plain.item(), abs=1e-4)
        weights = [moved.model.layers[0].self_attn.k_proj.weight, moved.model.layers[1].mlp.up_proj.weight]
        for mine, theirs in zip(torch.autograd.grad(ours, weights), torch.autograd.grad(plain, weights), strict=True):
            assert float((mine - theirs).norm() / theirs.norm()) < 1e-3


def test_the_loss_is_that_of_trl(prepared: Prepared, moved: Any, tiny_model_dir: Path, tmp_path: Path) -> None:
    """TRL's own trainer, from texts on: its tokens, its forward passes, its reference model."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    reference_model = load_model(tiny_model_dir, dtype=torch.float32)
    rows = sorted(row for micro in prepared.steps[0] for row in micro.rows)
    with torch.no_grad():
        reference = _own(reference_model, prepared.examples).tolist()
        objective = PreferenceObjective(prepared.examples, reference, 0, Dpo(beta=0.5))
        ours = float(_packed(objective, moved, prepared))
        figures = objective.figures()
    decode, end = prepared.tokenizer.decode, prepared.tokenizer.eos_token
    texts = {
        name: [decode(list(getattr(prepared.examples[row], name))).removesuffix(end) for row in rows]
        for name in ("prompt", "chosen", "rejected")
    }
    trainer = DPOTrainer(
        model=moved,
        ref_model=reference_model,
        args=DPOConfig(
            output_dir=str(tmp_path), beta=0.5, per_device_train_batch_size=len(rows), max_length=None, bf16=False,
            gradient_checkpointing=False, report_to="none", use_cpu=True, disable_tqdm=True, dataloader_num_workers=0,
        ),
        train_dataset=Dataset.from_dict(texts),
        processing_class=prepared.tokenizer,
    )  # fmt: skip
    moved.eval()
    with torch.no_grad():
        theirs = trainer.compute_loss(moved, next(iter(trainer.get_train_dataloader())))
    assert ours == pytest.approx(float(theirs), abs=1e-4)
    logged = {name: sum(values) / len(values) for name, values in trainer._metrics["eval"].items()}
    assert figures["reward_margin"] == pytest.approx(logged["rewards/margins"], abs=1e-3)
    assert figures["reward_accuracy"] == pytest.approx(logged["rewards/accuracies"])


def test_an_unmoved_model_has_the_loss_of_a_coin() -> None:
    assert preference_losses(torch.zeros(3, 2)).tolist() == pytest.approx([math.log(2)] * 3)
    assert preference_losses(torch.tensor([[2.0, 0.0]])).item() == pytest.approx(math.log(1 + math.exp(-2)))
