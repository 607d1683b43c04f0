from __future__ import annotations

import pytest
import torch

from smolkit.errors import SmolkitError
from smolkit.recipe import Plan
from smolkit.train.preflight import advice, check_memory, duration, flops_per_token, memory_needed, plan_cost

GIB = 2**30


def big(make_pretrain_recipe, **fields):
    return make_pretrain_recipe(
        model="smollm2-1.7b",
        stages=[{"name": "all", "mixture": {"prose": 0.5, "code": 0.5}}],
        sequence=2048,
        batch={"tokens": 2**20, "micro_tokens": 2**15},
        **fields,
    )


def needed(recipe, ranks: int = 1):
    return memory_needed(recipe, recipe.spec(), torch.bfloat16, ranks, cuda=True)


def test_states_are_sixteen_bytes_per_parameter_beside_the_rounded_weights(make_pretrain_recipe) -> None:
    found = needed(big(make_pretrain_recipe))
    parameters = 1_711_376_384
    assert found.masters + found.gradients + found.moments == 16 * parameters
    assert found.weights == 2 * parameters


def test_sharding_checkpointing_and_smaller_batches_need_less(make_pretrain_recipe) -> None:
    whole = needed(big(make_pretrain_recipe))
    sharded = needed(big(make_pretrain_recipe, parallel={"kind": "fsdp"}), ranks=8)
    assert sharded.moments == whole.moments / 8
    again = needed(big(make_pretrain_recipe, activation_checkpointing=True))
    assert again.activations < whole.activations / 8


def test_what_does_not_fit_is_refused_with_settings_that_do(make_pretrain_recipe) -> None:
    recipe = big(make_pretrain_recipe)
    spec = recipe.spec()
    found = needed(recipe)
    check_memory(found, found.total, recipe, spec, torch.bfloat16, 1, cuda=True)
    with pytest.raises(SmolkitError, match=r"needs about 1\d\d\.\d GiB .* and 79\.0 are free\. This fits: --set batch"):
        check_memory(found, 79 * GIB, recipe, spec, torch.bfloat16, 1, cuda=True)
    for available in (79, 50, 38):
        flags = advice(recipe, spec, torch.bfloat16, 1, available * GIB, cuda=True)
        assert flags.startswith("This fits: --set ")
        settings = dict(part.split("=") for part in flags.split() if "=" in part)
        changed = big(make_pretrain_recipe, activation_checkpointing=settings.get("activation_checkpointing") == "true")
        tokens = int(settings.get("batch.micro_tokens", 2**15))
        fits = memory_needed(changed, spec, torch.bfloat16, 1, cuda=True, micro_tokens=tokens)
        assert fits.total <= available * GIB
    assert "a smaller model" in advice(recipe, spec, torch.bfloat16, 1, 10 * GIB, cuda=True)
    assert "parallel.kind=fsdp" in advice(recipe, spec, torch.bfloat16, 8, 20 * GIB, cuda=True)


def test_flops_per_token_count_the_embedding_or_not(make_pretrain_recipe) -> None:
    spec = big(make_pretrain_recipe).spec()
    with_embedding, without = flops_per_token(spec, 2048)
    assert with_embedding == pytest.approx(1.148e10, rel=1e-3)  # the published table
    assert with_embedding - without == 6 * 49152 * 2048


def test_time_and_cost_follow_from_the_hardware(make_pretrain_recipe) -> None:
    recipe = big(make_pretrain_recipe, hardware={"peak_tflops": 989, "devices": 8, "mfu": 0.4, "price_per_hour": 2.0})
    plan = Plan("")
    plan_cost(plan, recipe, recipe.spec(), recipe.mixture(), (1e12, "this machine"), 8)
    lines = {line.name: line for line in plan.lines}
    seconds = 8 * 2**20 * 1.148e10 / (989e12 * 8 * 0.4)
    assert lines["training_flops"].value == pytest.approx(8 * 2**20 * 1.148e10, rel=1e-3)
    assert lines["time_estimate"].value == duration(seconds) == "30.4 s"
    assert lines["cost_estimate"].value == pytest.approx(seconds / 3600 * 8 * 2.0, abs=0.01)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(45, "45 s"), (750, "12.5 min"), (11520, "3.2 h"), (1209600, "14 days"), (1e10, "115,741 days")],
)
def test_times_are_for_people(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
