"""What a recipe's stages take from its corpora: tokens, passes, and a refusal of silent repetition. Without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping

from smolkit.data.corpus import open_corpus
from smolkit.data.mixture import Mixture
from smolkit.errors import RecipeError
from smolkit.recipe import Plan
from smolkit.train.pretrain_recipe import PretrainRecipe

_ROUNDING = 1e-6


def mix_plan(recipe: PretrainRecipe) -> Plan:
    """The stages of a recipe, with the passes through every corpus that is there.

    Raises RecipeError where a source would be repeated more often than the recipe allows.
    """
    mixture, available = recipe.mixture(), tokens_available(recipe)
    plan = Plan(f"Mixture over {recipe.steps:,} steps of {recipe.batch.tokens:,} tokens")
    plan_stages(plan, recipe, mixture, available)
    used = mixture.position(mixture.steps)
    total = sum(used.values())
    for name, tokens in used.items():
        there = f"{available[name]:,} in {recipe.corpus_of(name)}" if name in available else "no corpus yet"
        plan.add(f"source_{name}", tokens, f"{tokens / total:.1%} of the run; {there}")
    check_passes(recipe, mixture, available)
    return plan


def tokens_available(recipe: PretrainRecipe) -> dict[str, int]:
    """Tokens of the corpora that are there; what is held out for validation is not taken off."""
    there = {name: recipe.corpus_of(name) for name in recipe.sources}
    return {name: open_corpus(path, verify=False).tokens for name, path in there.items() if path.is_dir()}


def plan_stages(
    plan: Plan, recipe: PretrainRecipe, mixture: Mixture, available: Mapping[str, int], first: int = 0
) -> None:
    """Add the stages to a plan: tokens, and the passes through each source, of this stage and so far."""
    thetas = dict(zip((stage.name for stage in recipe.stages), recipe.thetas(), strict=True))
    so_far = dict(mixture.before)
    begin = first
    for stage, tokens in zip(mixture.stages, mixture.tokens(), strict=True):
        steps = f"steps {begin + 1:,} to {begin + stage.steps:,}"
        theta = f"theta {thetas[stage.name]:,.0f}"
        plan.add(f"stage_{stage.name}", stage.tokens, f"{steps}, sequence {stage.sequence:,}, {theta}")
        begin += stage.steps
        for name, count in tokens.items():
            so_far[name] = so_far.get(name, 0) + count
            passes = "no corpus yet"
            if name in available:
                here, whole = count / available[name], so_far[name] / available[name]
                passes = f"{here:.3g} passes" + (f", {whole:.3g} so far" if whole > here else "")
            plan.add(f"{stage.name}_{name}", count, f"{stage.weights[name]:.1%}, {passes}")


def check_passes(recipe: PretrainRecipe, mixture: Mixture, available: dict[str, int]) -> None:
    """Raise RecipeError where the run would go through a source more often than the recipe allows."""
    used = mixture.position(mixture.steps)
    for name, tokens in available.items():
        passes = used.get(name, 0) / max(tokens, 1)
        if passes > recipe.sources[name].passes * (1 + _ROUNDING):
            raise RecipeError(
                f"the run would go {passes:.2f} times through {name} ({used[name]:,} tokens of {tokens:,})",
                where=f"sources.{name}.passes",
                fix=f"Allow it with --set sources.{name}.passes={math.ceil(passes * 10) / 10:g}, take fewer steps, or "
                "tokenise more text",
            )
