"""The models this toolkit has recipes for: exact shapes, Hub names, and where their parameters are.

Shapes are the published ones (SmolLM2, arXiv:2502.02737, and its released configs). Knows nothing of weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import LlamaConfig


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Where a model's parameters are, counted exactly; `total` counts a tied matrix once."""

    embedding: int
    head: int
    attention: int
    mlp: int
    norms: int
    kv_saved: int
    """What grouped-query attention saves against one key and value head per query head."""

    @property
    def total(self) -> int:
        return self.embedding + self.head + self.attention + self.mlp + self.norms

    @property
    def non_embedding(self) -> int:
        return self.total - self.embedding - self.head


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One Llama-shaped model: sizes in units of scalars, context in tokens."""

    name: str
    hub_id: str
    hidden: int
    ffn: int
    layers: int
    heads: int
    kv_heads: int
    rope_theta: float
    vocab: int = 49_152
    context: int = 8_192
    tied: bool = True
    rms_norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads

    @property
    def instruct(self) -> bool:
        return self.name.endswith("-instruct")

    @property
    def bos_id(self) -> int:
        """`<|im_start|>` for the chat models, `<|endoftext|>` for the base models, as published."""
        return 1 if self.instruct else 0

    @property
    def eos_id(self) -> int:
        """`<|im_end|>` for the chat models, `<|endoftext|>` for the base models, as published."""
        return 2 if self.instruct else 0

    def ledger(self) -> Ledger:
        kv_width = self.kv_heads * self.head_dim
        matrix = self.vocab * self.hidden
        return Ledger(
            embedding=matrix,
            head=0 if self.tied else matrix,
            attention=self.layers * 2 * self.hidden * (self.hidden + kv_width),
            mlp=self.layers * 3 * self.hidden * self.ffn,
            norms=(2 * self.layers + 1) * self.hidden,
            kv_saved=self.layers * 2 * self.hidden * (self.hidden - kv_width),
        )

    def flops_per_token(self, sequence: int) -> float:
        """Training FLOPs per token, forward and backward: 6 N + 12 L d s (PaLM, arXiv:2204.02311, appendix B)."""
        return 6 * self.ledger().total + 12 * self.layers * self.hidden * sequence

    def config(self) -> LlamaConfig:
        """The transformers configuration of this shape, for a model with fresh weights."""
        from transformers import LlamaConfig

        return LlamaConfig(
            vocab_size=self.vocab,
            hidden_size=self.hidden,
            intermediate_size=self.ffn,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.kv_heads,
            max_position_embeddings=self.context,
            rms_norm_eps=self.rms_norm_eps,
            rope_parameters={"rope_type": "default", "rope_theta": self.rope_theta},
            tie_word_embeddings=self.tied,
            bos_token_id=self.bos_id,
            eos_token_id=self.eos_id,
        )


_SHAPES = {
    "135M": {"hidden": 576, "ffn": 1536, "layers": 30, "heads": 9, "kv_heads": 3, "rope_theta": 100_000.0},
    "360M": {"hidden": 960, "ffn": 2560, "layers": 32, "heads": 15, "kv_heads": 5, "rope_theta": 100_000.0},
    "1.7B": {"hidden": 2048, "ffn": 8192, "layers": 24, "heads": 32, "kv_heads": 32, "rope_theta": 130_000.0},
}

ZOO: dict[str, ModelSpec] = {
    spec.name: spec
    for size, shape in _SHAPES.items()
    for suffix in ("", "-Instruct")
    for spec in [
        ModelSpec(
            name=f"smollm2-{size}{suffix}".lower(),
            hub_id=f"HuggingFaceTB/SmolLM2-{size}{suffix}",
            **shape,  # type: ignore[arg-type]
        )
    ]
}
