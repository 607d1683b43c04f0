"""`smolkit data mix`: what a pretraining recipe takes from its corpora, stage by stage."""

from __future__ import annotations

from typing import Annotated

import typer

from smolkit.cli._common import AsJson, Overrides, print_json, progress_console, result_console
from smolkit.errors import RecipeError


def mix(
    recipe: Annotated[str, typer.Argument(help="A pretraining recipe: a file, or the name of a shipped one.")],
    overrides: Overrides = None,
    tokenize: Annotated[
        list[str] | None,
        typer.Option("--tokenize", metavar="SOURCE", help="Make the corpus of a source first, or of all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a recipe takes from its corpora.

    For every stage: tokens of each source, and how often it goes through it. More passes than the recipe allows are
    refused.
    """
    from smolkit.recipe import load_recipe
    from smolkit.train.pretrain_recipe import PretrainRecipe

    chosen = load_recipe(PretrainRecipe, recipe, overrides or ())
    described = [name for name, section in chosen.sources.items() if section.text is not None]
    for name in described if tokenize == ["all"] else tokenize or ():
        from smolkit.train.corpora import make_corpus

        if name not in chosen.sources:
            raise RecipeError(f"no source {name!r} in the recipe", given=name, known=chosen.sources)
        make_corpus(chosen, name, progress_console())
    from smolkit.train.mix import mix_plan

    plan = mix_plan(chosen)
    if as_json:
        print_json(plan.as_dict())
    else:
        plan.print(result_console())
