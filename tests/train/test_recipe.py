from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from smolkit.assets import asset, list_assets
from smolkit.document import Document
from smolkit.errors import RecipeErrors
from smolkit.recipe import load_recipe
from smolkit.train.extraction import ExtractionRecipe
from smolkit.train.tasks import load_task_recipe

SHIPPED = {
    name.removesuffix(".yaml"): task
    for name in list_assets("recipes")
    if name.endswith(".yaml") and (task := Document.read(asset("recipes", name)).data.get("task"))
}


def _recipe(**fields: object) -> ExtractionRecipe:
    return ExtractionRecipe.model_validate_json(json.dumps({"data": {"train": [{"synth": {"rows": 8}}]}, **fields}))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_loads(name: str) -> None:
    assert load_task_recipe(name, None).task == SHIPPED[name]
    made = {"issues": "extraction"}  # what it makes, where that is not its task
    start = name.partition("/")[2].partition("-")[0]
    assert made.get(start, start) == SHIPPED[name]


def test_what_is_left_out_has_the_documented_default() -> None:
    recipe = _recipe()
    assert (recipe.model, recipe.prompt_format, recipe.method) == ("bundled", "smolkit-1", "full")
    assert (recipe.schedule.kind, recipe.dev.every, recipe.checkpoint.every) == ("wsd", None, None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schedule": {"warmup": 0.7, "decay": 0.7}}, "more than the whole run"),
        ({"dev": {"every": 3}, "checkpoint": {"every": 6}}, "same as dev.every"),
        ({"optimizer": {"betas": [0.9, 1.0]}}, "less than 1"),
        ({"data": {"train": [{}]}}, "exactly one of path and synth"),
        ({"data": {"train": [{"synth": {"rows": 4}, "rows": 2}]}}, "rows of its own"),
        ({"data": {"train": [{"synth": {"rows": 4, "of": "issues", "level": "plain"}}]}}, "leave it out for issues"),
        ({"data": {"train": [{"synth": {"rows": 4}, "format": "github"}]}}, "leave it out for synth"),
        ({"optimizer": {"lr": 0}}, "greater than 0"),
        ({"epochs": -1}, "greater than 0"),
    ],
)
def test_fields_that_do_not_hold_together_are_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _recipe(**fields)


def test_a_misspelt_override_gets_the_nearest_name() -> None:
    with pytest.raises(RecipeErrors, match=r"--set optimizer\.lrr: no such field\. Did you mean 'lr'"):
        load_recipe(ExtractionRecipe, "smoke/extraction-demo", ["optimizer.lrr=1e-4"])


def test_a_schedule_ends_at_zero() -> None:
    for kind in ("wsd", "cosine", "linear"):
        assert _recipe(schedule={"kind": kind}).schedule.build(50)(50) == pytest.approx(0, abs=1e-9)
