"""The card of a fine-tuned model: what it is, what it scored, how to use it and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from smolkit import __version__
from smolkit.recipe import Plan, resolved
from smolkit.train.recipe import FinetuneRecipe


def model_card(recipe: FinetuneRecipe, plan: Plan, scores: Mapping[str, Any]) -> str:
    """README.md of the model directory, in the Hub's format."""
    header = {"library_name": "transformers", "tags": ["smolkit", recipe.task], "pipeline_tag": "text-generation"}
    figures = "\n".join(f"| {name.replace('_', ' ')} | {_shown(value)} |" for name, value in scores.items())
    planned = "\n".join(
        f"| {line.name.replace('_', ' ')} | {_shown(line.value)} | {line.note} |" for line in plan.lines
    )
    return f"""---
{yaml.safe_dump(header, sort_keys=False).strip()}
---

# {recipe.task.capitalize()} model from {recipe.model}

Fills a JSON template from a text. Fine-tuned ({recipe.method}) with smolkit {__version__}; its prompt format is
`{recipe.prompt_format}`, which smolkit reads from `smolkit.json` and follows by itself.

    smolkit extract --model DIRECTORY --template template.json document.txt
    smolkit export DIRECTORY --target gguf --out DIRECTORY-gguf

## Measured

| figure | value |
|---|---|
{figures}

{_explained(recipe, scores)}`curves.png` shows the run.

## Plan

| | | |
|---|---|---|
{planned}

## Recipe

```yaml
{yaml.safe_dump(resolved(recipe), sort_keys=False, allow_unicode=True).strip()}
```
"""


def _explained(recipe: FinetuneRecipe, scores: Mapping[str, Any]) -> str:
    if "dev_f1" not in scores:
        return ""
    rows = f"the first {recipe.dev.rows} of the recipe's dev rows"
    return f"`dev_f1` is micro F1 Levenshtein on {rows}, or all where fewer, by constrained greedy decoding; "


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
