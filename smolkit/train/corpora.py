"""Corpora that a recipe describes and that are not there yet: made from local text before a run begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smolkit.data.tokenize import tokenize
from smolkit.errors import DataError
from smolkit.train.pretrain_recipe import PretrainRecipe

if TYPE_CHECKING:
    from rich.console import Console

    from smolkit.data.corpus import Corpus


def corpus_maker(recipe: PretrainRecipe, console: Console) -> Callable[[str], None]:
    """A function that tokenises a source of the recipe into its corpus, if its text is on this machine.

    What comes from the Hub may be terabytes: it is named with its command, and not begun unasked.
    """

    def make(name: str) -> None:
        text = recipe.sources[name].text
        where = str(recipe.corpus_of(name))
        if text is None:
            raise DataError(
                f"the corpus of source {name} is not there, and the recipe names no text for it",
                where=where,
                fix=f"Set sources.{name}.text, or make it: smolkit data tokenize FILE --out {where}",
            )
        if text.hub is not None:
            raise DataError(
                f"the corpus of source {name} is not there; its text is the Hub data set {text.hub}",
                where=where,
                fix=f"Make it first: smolkit data mix RECIPE --tokenize {name}",
            )
        console.print(f"tokenising {name} into {where}", highlight=False, markup=False)
        make_corpus(recipe, name, console)

    return make


def make_corpus(recipe: PretrainRecipe, name: str, console: Console) -> Corpus:
    """Tokenise the text of a source of the recipe; a corpus that is there and made in the same way is kept."""
    section = recipe.sources[name]
    if section.text is None:
        raise DataError(f"the recipe names no text for source {name}", fix=f"Set sources.{name}.text")
    return tokenize(
        section.text, section.filters, recipe.corpus_of(name), model=recipe.tokenizer, reuse=True, console=console
    )
