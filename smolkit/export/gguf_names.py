"""What the weights of a Llama model are called in a GGUF file, and back."""

from __future__ import annotations

from smolkit.errors import ModelError

EMBEDDING, HEAD = "model.embed_tokens", "lm_head"

_MODEL_TENSORS = {EMBEDDING: "token_embd", "model.norm": "output_norm", HEAD: "output"}
_LAYER_TENSORS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_MODULES = {tensor: module for module, tensor in (_MODEL_TENSORS | _LAYER_TENSORS).items()}


def tensor_name(parameter: str) -> str:
    """The GGUF name of a parameter by transformers' name; raises ModelError for one that no Llama model has."""
    module, _, last = parameter.rpartition(".")
    known = _MODEL_TENSORS.get(module)
    if known is None and module.startswith("model.layers."):
        number, _, inner = module.removeprefix("model.layers.").partition(".")
        if inner in _LAYER_TENSORS:
            known = f"blk.{number}.{_LAYER_TENSORS[inner]}"
    if known is None or last != "weight":
        raise ModelError(
            f"tensor {parameter!r} has no place in a Llama model, so this file would not be the whole model"
        )
    return f"{known}.weight"


def module_name(tensor: str) -> str:
    """The module whose weight a GGUF tensor is, by transformers' name: the way back from `tensor_name`."""
    block, _, known = tensor.removesuffix(".weight").rpartition(".")
    module = _MODULES.get(known)
    if module is None:
        raise ModelError(f"tensor {tensor!r} has no place in a Llama model")
    return f"model.layers.{block.removeprefix('blk.')}.{module}" if block else module
