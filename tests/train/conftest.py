from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from smolkit.train.extraction import ExtractionRecipe
from smolkit.train.pretrain_recipe import PretrainRecipe
from smolkit.train.recipe import FinetuneRecipe
from smolkit.train.tasks import TASKS

MakeRecipe = Callable[..., ExtractionRecipe]


@pytest.fixture
def make_recipe(tiny_model_dir: Path) -> MakeRecipe:
    """A recipe for the tiny model in float32 over a few synthetic rows; keywords replace its fields."""

    def make(**fields: object) -> ExtractionRecipe:
        given = {
            "model": str(tiny_model_dir),
            "data": {"train": [{"synth": {"rows": 12, "level": "plain"}}]},
            "batch": {"rows": 4, "micro_tokens": 512},
            "optimizer": {"lr": 1e-3},
            "dtype": "float32",
            **fields,
        }
        return ExtractionRecipe.model_validate_json(json.dumps(given))

    return make


class MakeChatRecipe(Protocol):
    def __call__(self, task: str, **fields: object) -> FinetuneRecipe: ...


@pytest.fixture
def make_chat_recipe(tiny_model_dir: Path) -> MakeChatRecipe:
    """A recipe of the task chat or dpo for the tiny model in float32; keywords replace its fields."""

    def make(task: str, **fields: object) -> FinetuneRecipe:
        given = {
            "task": task,
            "model": str(tiny_model_dir),
            "data": {"train": [{"synth": {"rows": 12}}]},
            "batch": {"rows": 4, "micro_tokens": 512},
            "optimizer": {"lr": 1e-3},
            "dtype": "float32",
            **fields,
        }
        return TASKS.load(task).recipe.model_validate_json(json.dumps(given))

    return make


class MakePretrainRecipe(Protocol):
    def __call__(self, **fields: object) -> PretrainRecipe: ...


@pytest.fixture(scope="session")
def two_corpora(bundled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two small corpora, prose and code, by the bundled tokenizer: text that ships with Python."""
    from smolkit.data.text import Filters, Text
    from smolkit.data.tokenize import tokenize

    folder = tmp_path_factory.mktemp("corpora")
    for name, part in (("prose", "topics"), ("code", "library")):
        text = Text(python=part, documents=24, seed=1)  # type: ignore[arg-type]
        tokenize(text, Filters(), folder / name, model="bundled", workers=1)
    return folder


@pytest.fixture
def make_pretrain_recipe(two_corpora: Path) -> MakePretrainRecipe:
    """A recipe for a very small model in float32 over two corpora and two stages; keywords replace its fields."""

    def make(**fields: object) -> PretrainRecipe:
        given = {
            "model": {"hidden": 32, "ffn": 64, "layers": 2, "heads": 4, "kv_heads": 2},
            "sources": {
                "prose": {"corpus": str(two_corpora / "prose"), "passes": 20},
                "code": {"corpus": str(two_corpora / "code"), "passes": 20},
            },
            "stages": [
                {"name": "stable", "until": 0.75, "mixture": {"prose": 0.5, "code": 0.5}},
                {"name": "decay", "mixture": {"prose": 0.25, "code": 0.75}, "sequence": 64, "rope_theta": 20000.0},
            ],
            "steps": 8,
            "sequence": 32,
            "batch": {"tokens": 256, "micro_tokens": 128},
            "optimizer": {"lr": 1e-2},
            "schedule": {"warmup_steps": 2, "decay_steps": 2},
            "dtype": "float32",
            **fields,
        }
        return PretrainRecipe.model_validate_json(json.dumps(given))

    return make
