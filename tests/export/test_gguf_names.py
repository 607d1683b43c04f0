"""Names of tensors, there and back."""

from __future__ import annotations

import pytest

from smolkit.errors import ModelError
from smolkit.export.gguf_names import module_name, tensor_name


@pytest.mark.parametrize(
    ("module", "tensor"),
    [
        ("model.embed_tokens", "token_embd.weight"),
        ("model.norm", "output_norm.weight"),
        ("lm_head", "output.weight"),
        ("model.layers.0.self_attn.q_proj", "blk.0.attn_q.weight"),
        ("model.layers.29.mlp.down_proj", "blk.29.ffn_down.weight"),
    ],
)
def test_a_module_and_its_tensor_find_each_other(module: str, tensor: str) -> None:
    assert tensor_name(f"{module}.weight") == tensor
    assert module_name(tensor) == module


def test_what_no_llama_model_has_is_refused() -> None:
    for name in ("lm_head.bias", "model.layers.0.mlp.experts.weight", "transformer.h.0.weight"):
        with pytest.raises(ModelError, match=f"tensor '{name}' has no place in a Llama model"):
            tensor_name(name)
    with pytest.raises(ModelError, match=r"tensor 'blk\.0\.ffn_gate_exps\.weight' has no place"):
        module_name("blk.0.ffn_gate_exps.weight")
