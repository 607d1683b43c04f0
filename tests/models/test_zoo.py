from __future__ import annotations

import pytest

from smolkit.models import ZOO

TOTALS = {"135m": 134_515_008, "360m": 361_821_120, "1.7b": 1_711_376_384}


@pytest.mark.parametrize("size", TOTALS)
@pytest.mark.parametrize("suffix", ["", "-instruct"])
def test_parameters_are_the_published_ones_and_those_that_transformers_builds(size: str, suffix: str) -> None:
    import torch
    from transformers import LlamaForCausalLM

    spec = ZOO[f"smollm2-{size}{suffix}"]
    assert spec.ledger().total == TOTALS[size]
    with torch.device("meta"):
        model = LlamaForCausalLM(spec.config())
    assert sum(p.numel() for p in model.parameters()) == TOTALS[size]


@pytest.mark.parametrize(("size", "flops"), [("135m", 1.23e9), ("360m", 2.93e9), ("1.7b", 1.148e10)])
def test_flops_per_token_at_2048(size: str, flops: float) -> None:
    assert ZOO[f"smollm2-{size}"].flops_per_token(2048) == pytest.approx(flops, rel=5e-3)


def test_grouped_query_attention_saves_what_the_smaller_key_and_value_matrices_leave_out() -> None:
    spec = ZOO["smollm2-135m"]
    assert spec.ledger().kv_saved == 30 * 2 * 576 * (576 - 192)
    assert ZOO["smollm2-1.7b"].ledger().kv_saved == 0
