"""The card of a trained model: what it is, what it scored, how to use it and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from smolkit.recipe import Plan, resolved
from smolkit.train.pretrain_recipe import PretrainRecipe
from smolkit.train.recipe import FinetuneRecipe
from smolkit.train.tasks import task_of


def model_card(recipe: FinetuneRecipe, plan: Plan, scores: Mapping[str, Any]) -> str:
    """README.md of a fine-tuned model's directory."""
    task = task_of(recipe)
    about, explained = task.card(recipe, list(scores))
    title = f"{task.title} from {recipe.model}"
    return render_card(title, recipe.task, about, scores, explained, plan, recipe, task.pipeline)


def render_card(
    title: str,
    tag: str,
    about: str,
    scores: Mapping[str, Any],
    explained: str,
    plan: Plan,
    recipe: FinetuneRecipe | PretrainRecipe,
    pipeline: str = "text-generation",
) -> str:
    """README.md of a model's directory, in the Hub's format; `explained` says what the scores are."""
    header = {"library_name": "transformers", "tags": ["smolkit", tag], "pipeline_tag": pipeline}
    figures = "\n".join(f"| {name.replace('_', ' ')} | {_shown(value)} |" for name, value in scores.items())
    planned = "\n".join(
        f"| {line.name.replace('_', ' ')} | {_shown(line.value)} | {line.note} |" for line in plan.lines
    )
    return f"""---
{yaml.safe_dump(header, sort_keys=False).strip()}
---

# {title}

{about}

## Measured

| figure | value |
|---|---|
{figures}

{explained}`curves.png` shows the run.

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
