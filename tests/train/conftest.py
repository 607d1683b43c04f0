from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from smolkit.train.recipe import FinetuneRecipe

MakeRecipe = Callable[..., FinetuneRecipe]


@pytest.fixture
def make_recipe(tiny_model_dir: Path) -> MakeRecipe:
    """A recipe for the tiny model in float32 over a few synthetic rows; keywords replace its fields."""

    def make(**fields: object) -> FinetuneRecipe:
        given = {
            "model": str(tiny_model_dir),
            "data": {"train": [{"synth": {"rows": 12, "level": "plain"}}]},
            "batch": {"rows": 4, "micro_tokens": 512},
            "optimizer": {"lr": 1e-3},
            "dtype": "float32",
            **fields,
        }
        return FinetuneRecipe.model_validate_json(json.dumps(given))

    return make
