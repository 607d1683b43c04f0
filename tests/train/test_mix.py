from __future__ import annotations

from pathlib import Path

import pytest

from smolkit.errors import RecipeError
from smolkit.train.mix import check_passes, mix_plan, tokens_available


def test_the_plan_says_tokens_and_passes_of_every_stage(make_pretrain_recipe) -> None:
    recipe = make_pretrain_recipe()
    plan = mix_plan(recipe)
    figures = plan.as_dict()
    assert figures["stage_stable"] == 6 * 256
    assert figures["stage_decay"] == 2 * 256
    assert figures["stable_prose"] + figures["decay_prose"] == figures["source_prose"]  # type: ignore[operator]
    notes = {line.name: line.note for line in plan.lines}
    assert notes["stage_decay"] == "steps 7 to 8, sequence 64, theta 20,000"
    assert "so far" in notes["decay_code"]
    assert notes["stable_prose"].startswith("50.0%, ")


def test_sources_without_a_corpus_are_planned_as_well(make_pretrain_recipe, two_corpora: Path, tmp_path: Path) -> None:
    sources = {"prose": {"corpus": str(two_corpora / "prose")}, "code": {"corpus": str(tmp_path / "none")}}
    recipe = make_pretrain_recipe(sources=sources)
    assert list(tokens_available(recipe)) == ["prose"]
    notes = {line.name: line.note for line in mix_plan(recipe).lines}
    assert notes["stable_code"] == "50.0%, no corpus yet"


def test_the_refusal_of_repetition_says_what_to_type(make_pretrain_recipe) -> None:
    recipe = make_pretrain_recipe()
    with pytest.raises(
        RecipeError, match=r"go 2\d\.\d\d times through prose .*--set sources\.prose\.passes=2\d\.?\d?,"
    ):
        check_passes(recipe, recipe.mixture(), {"prose": 35})
    check_passes(recipe, recipe.mixture(), {"prose": 1000, "code": 1200})
