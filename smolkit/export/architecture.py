"""What makes a configuration more than the plain Llama that our own graphs compute."""

from __future__ import annotations

from typing import Any


def llama_faults(config: Any) -> list[str]:
    """Everything about a configuration that a plain Llama graph would compute wrongly; empty for SmolLM2."""
    rope = getattr(config, "rope_parameters", None) or {}
    faults = {
        f"architecture {config.model_type!r}": config.model_type != "llama",
        f"rotary scaling {rope.get('rope_type')!r}": rope.get("rope_type", "default") != "default",
        "a rotary embedding over part of the head": rope.get("partial_rotary_factor", 1.0) != 1.0,
        f"activation {getattr(config, 'hidden_act', None)!r}": getattr(config, "hidden_act", "silu") != "silu",
        "biases": getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False),
    }
    return [fault for fault, present in faults.items() if present]
