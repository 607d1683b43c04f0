from __future__ import annotations

import json
import shlex

import pytest
import yaml

from smolkit.cli import run
from smolkit.recipe import Plan, resolved
from smolkit.train.card import model_card
from smolkit.train.extraction import ExtractionRecipe


@pytest.fixture
def recipe() -> ExtractionRecipe:
    data = {"train": [{"path": "rows/Rechnungen-für-März.jsonl"}], "dev": [{"path": "rows/dev.jsonl"}]}
    return ExtractionRecipe.model_validate_json(json.dumps({"data": data, "method": "lora"}))


@pytest.fixture
def plan() -> Plan:
    plan = Plan("Fine-tuning")
    plan.add("parameters", 134_515_008, "tied matrices counted once")
    plan.add("training_flops", 1.23456e15)
    return plan


def test_the_header_is_what_the_hub_reads(recipe: ExtractionRecipe, plan: Plan) -> None:
    _, header, body = model_card(recipe, plan, {}).split("---\n", 2)
    assert yaml.safe_load(header) == {
        "library_name": "transformers",
        "tags": ["smolkit", "extraction"],
        "pipeline_tag": "text-generation",
    }
    assert body.lstrip().startswith("# Extraction model from bundled\n")


def test_figures_and_plan_stand_in_tables(recipe: ExtractionRecipe, plan: Plan) -> None:
    lines = model_card(recipe, plan, {"dev_f1": 0.81234567, "final_loss": 0.25}).splitlines()
    assert "| dev f1 | 0.8123 |" in lines
    assert "| final loss | 0.25 |" in lines
    assert "| parameters | 134,515,008 | tied matrices counted once |" in lines
    assert "| training flops | 1.235e+15 |  |" in lines


def test_the_recipe_in_the_card_makes_the_same_run(recipe: ExtractionRecipe, plan: Plan) -> None:
    text = model_card(recipe, plan, {}).partition("```yaml\n")[2].partition("```")[0]
    assert "Rechnungen-für-März" in text
    assert resolved(ExtractionRecipe.model_validate_json(json.dumps(yaml.safe_load(text)))) == resolved(recipe)


def test_the_prompt_format_is_named(recipe: ExtractionRecipe, plan: Plan) -> None:
    other = recipe.model_copy(update={"prompt_format": "nuextract-1.5"})
    assert "`smolkit-1`" in model_card(recipe, plan, {})
    assert "`nuextract-1.5`" in model_card(other, plan, {})


def test_the_commands_in_the_card_name_all_options_that_they_need(
    recipe: ExtractionRecipe, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = [line.strip() for line in model_card(recipe, plan, {}).splitlines() if line.startswith("    smolkit ")]
    assert len(commands) == 2
    for command in commands:
        name, *arguments = shlex.split(command)[1:]
        assert run([name, "--help"]) == 0
        described = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  --")]
        known = {words[0] for words in described}
        needed = {words[0] for words in described if words[-1] == "[required]"}
        given = {argument for argument in arguments if argument.startswith("--")}
        assert needed <= given <= known


def test_a_score_is_explained_only_where_it_was_measured(recipe: ExtractionRecipe, plan: Plan) -> None:
    assert "micro F1" in model_card(recipe, plan, {"dev_f1": 0.5})
    assert "F1" not in model_card(recipe, plan, {"final_loss": 0.5})
