"""Corpora that a recipe describes and that are not there yet: made from local text before a run begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smolkit.train.pretrain_recipe import PretrainRecipe

if TYPE_CHECKING:
    from rich.console import Console


def corpus_maker(recipe: PretrainRecipe, console: Console) -> Callable[[str], None]:
    """A function that tokenises a source of the recipe into its corpus."""

    def make(name: str) -> None:
        raise NotImplementedError(name)

    return make
