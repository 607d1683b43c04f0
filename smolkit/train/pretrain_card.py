"""The card of a pretrained model: what it is, what it was trained on, its figures and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from smolkit import __version__
from smolkit.recipe import Plan, resolved
from smolkit.train.pretrain_recipe import PretrainRecipe


def pretrain_card(recipe: PretrainRecipe, plan: Plan, scores: Mapping[str, Any]) -> str:
    """README.md of the model directory, in the Hub's format."""
    header = {"library_name": "transformers", "tags": ["smolkit", "pretrained"], "pipeline_tag": "text-generation"}
    figures = "\n".join(f"| {name.replace('_', ' ')} | {_shown(value)} |" for name, value in scores.items())
    planned = "\n".join(
        f"| {line.name.replace('_', ' ')} | {_shown(line.value)} | {line.note} |" for line in plan.lines
    )
    name = recipe.model if isinstance(recipe.model, str) else f"{recipe.spec().ledger().total / 1e6:.1f}M"
    return f"""---
{yaml.safe_dump(header, sort_keys=False).strip()}
---

# A base model of {name} shape

Pretrained from {"fresh weights" if not recipe.initialization.weights else recipe.initialization.weights} with smolkit
{__version__}. It continues text; it was not taught to follow instructions.

    smolkit finetune --task chat --set model=DIRECTORY
    smolkit export DIRECTORY --target gguf --out DIRECTORY-gguf

## Measured

| figure | value |
|---|---|
{figures}

Losses are in nats per token. MFU counts 6 N + 12 L d s FLOPs per token, the embedding among the N. `curves.png` shows
the run.

## Plan

| | | |
|---|---|---|
{planned}

## Recipe

```yaml
{yaml.safe_dump(resolved(recipe), sort_keys=False, allow_unicode=True).strip()}
```
"""


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
