from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from smolkit.data.corpus import open_corpus
from smolkit.errors import DataError
from smolkit.train.corpora import corpus_maker, make_corpus


def recipe_with(make_pretrain_recipe, two_corpora: Path, code: dict[str, object]):
    return make_pretrain_recipe(sources={"prose": {"corpus": str(two_corpora / "prose")}, "code": code})


def test_local_text_is_tokenised_before_the_run(make_pretrain_recipe, two_corpora: Path, tmp_path: Path) -> None:
    text = {"python": "topics", "documents": 3}
    recipe = recipe_with(make_pretrain_recipe, two_corpora, {"corpus": str(tmp_path / "new"), "text": text})
    console = Console(file=StringIO())
    corpus_maker(recipe, console)("code")
    assert open_corpus(tmp_path / "new").documents == 3
    made = (tmp_path / "new" / "smolkit.json").read_bytes()
    make_corpus(recipe, "code", console)
    assert (tmp_path / "new" / "smolkit.json").read_bytes() == made  # kept, not made again


def test_terabytes_of_the_hub_are_not_fetched_unasked(make_pretrain_recipe, two_corpora: Path, tmp_path: Path) -> None:
    text = {"hub": "HuggingFaceFW/fineweb-edu"}
    recipe = recipe_with(make_pretrain_recipe, two_corpora, {"corpus": str(tmp_path / "new"), "text": text})
    with pytest.raises(DataError, match=r"data set HuggingFaceFW/fineweb-edu\. Make it first: smolkit data mix"):
        corpus_maker(recipe, Console(file=StringIO()))("code")


def test_a_source_without_text_says_so(make_pretrain_recipe, two_corpora: Path, tmp_path: Path) -> None:
    recipe = recipe_with(make_pretrain_recipe, two_corpora, {"corpus": str(tmp_path / "new")})
    with pytest.raises(DataError, match=r"the recipe names no text for it\. Set sources\.code\.text, or make it"):
        corpus_maker(recipe, Console(file=StringIO()))("code")
    with pytest.raises(DataError, match="names no text for source code"):
        make_corpus(recipe, "code", Console(file=StringIO()))
