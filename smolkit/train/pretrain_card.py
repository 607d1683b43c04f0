"""The card of a pretrained model: what it is, what it was trained on, its figures and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smolkit import __version__
from smolkit.recipe import Plan
from smolkit.train.card import render_card
from smolkit.train.pretrain_recipe import PretrainRecipe


def pretrain_card(recipe: PretrainRecipe, plan: Plan, scores: Mapping[str, Any]) -> str:
    """README.md of a pretrained model's directory."""
    name = recipe.model if isinstance(recipe.model, str) else f"{recipe.spec().ledger().total / 1e6:.1f}M"
    beginning = recipe.initialization.weights or "fresh weights"
    about = f"""Pretrained from {beginning} with smolkit {__version__}. It continues text; it was not taught to follow
instructions.

    smolkit finetune --task chat --set model=DIRECTORY
    smolkit export DIRECTORY --target gguf --out DIRECTORY-gguf"""
    explained = """Losses are in nats per token. MFU counts 6 N + 12 L d s FLOPs per token, the embedding among the N.
"""
    return render_card(f"A base model of {name} shape", "pretrained", about, scores, explained, plan, recipe)
