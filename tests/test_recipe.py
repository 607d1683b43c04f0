from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError, model_validator
from rich.console import Console

from smolkit import assets
from smolkit.errors import RecipeError, RecipeErrors, SmolkitError
from smolkit.recipe import Plan, Section, checked_by, find_recipe, load_recipe, resolved
from smolkit.registry import Registry


class AdamW(Section):
    name: Literal["adamw"] = "adamw"
    lr: float = Field(1e-3, gt=0)


class Muon(Section):
    name: Literal["muon"]
    momentum: float = Field(0.95, ge=0, lt=1)


class Train(Section):
    epochs: float = Field(1, gt=0, le=100)
    steps: int | None = Field(None, ge=1)
    targets: tuple[str, ...] = ("all-linear",)

    @model_validator(mode="after")
    def steps_or_epochs(self) -> Train:
        if self.steps and self.epochs != 1:
            raise ValueError("give steps or epochs, not both")
        if self.steps == 13:
            raise SmolkitError("thirteen is refused")
        return self


CODECS = Registry("codec", {"json": "json:dumps"})


class Source(Section):
    rows: Path
    codec: Annotated[str, checked_by(CODECS.load)] = "json"
    weight: float = 1.0


class Recipe(Section):
    title: str
    train: Train = Train()
    optimizer: Annotated[AdamW | Muon, Field(discriminator="name")] = AdamW()
    data: tuple[Source, ...] = ()
    by_name: dict[str, Source] = Field(default_factory=dict)
    layers: Literal["all"] | tuple[int, ...] = "all"


Load = Callable[..., Recipe]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Reads a recipe from text, as `r.yaml` of the current directory, with overrides."""
    monkeypatch.chdir(tmp_path)

    def load(text: str, *overrides: str) -> Recipe:
        Path("r.yaml").write_text(text)
        return load_recipe(Recipe, "r.yaml", overrides)

    return load


def faults(load: Load, text: str, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        load(text, *overrides)
    return str(caught.value).splitlines()


def test_a_recipe_is_read_into_its_model(load: Load) -> None:
    recipe = load("title: demo\ntrain:\n  epochs: 2\n  targets: [q, v]\ndata:\n- rows: a/b.jsonl\n")
    assert recipe.train == Train(epochs=2, targets=("q", "v"))
    assert recipe.data == (Source(rows=Path("a/b.jsonl")),)
    assert recipe.optimizer == AdamW()


def test_an_integer_is_a_float_and_not_the_other_way(load: Load) -> None:
    assert load("title: x\ntrain: {epochs: 2}").train.epochs == 2.0
    assert faults(load, "title: x\ntrain: {steps: 2.0}") == ["r.yaml:2:train.steps: must be a valid integer, got 2.0."]


@pytest.mark.parametrize(
    ("written", "value"),
    [("1e-4", 1e-4), ("1E3", 1000.0), (".5", 0.5), ("5.", 5.0), ("+2.5e+0", 2.5), ("1_000.5", 1000.5), ("2", 2.0)],
)
def test_every_common_way_to_write_a_number_is_a_number(load: Load, written: str, value: float) -> None:
    assert load(f"title: x\noptimizer: {{lr: {written}, name: adamw}}").optimizer == AdamW(lr=value)


@pytest.mark.parametrize(
    "written", ["no", "on", "yes", "2024-01-01", "1:30", "0x10", "1__0", "~x", "'3'", '"true"', "3a"]
)
def test_strings_that_yaml_would_turn_into_something_else_stay_strings(load: Load, written: str) -> None:
    assert load(f"title: {written}").title == written.strip("'\"")


@pytest.mark.parametrize(
    ("written", "given"), [("3", "3"), ("true", "true"), ("", "null"), ("~", "null"), (".5", "0.5")]
)
def test_a_string_field_takes_no_other_type(load: Load, written: str, given: str) -> None:
    assert faults(load, f"title: {written}") == [f"r.yaml:1:title: must be a valid string, got {given}."]


def test_an_unknown_field_names_the_nearest_one_of_its_section(load: Load) -> None:
    assert faults(load, "titel: x\ntitle: x\ntrain:\n  epochz: 1") == [
        "r.yaml:1:titel: no such field. Did you mean 'title'?",
        "r.yaml:4:train.epochz: no such field. Did you mean 'epochs'?",
    ]


def test_an_unknown_field_like_no_other_lists_those_there_are(load: Load) -> None:
    assert faults(load, "title: x\ndata: [{rows: a}, {rows: b, q: 1}]") == [
        "r.yaml:2:data[1].q: no such field. Known: codec, rows, weight."
    ]


def test_the_nearest_name_comes_from_the_branch_that_was_chosen(load: Load) -> None:
    text = "title: x\noptimizer:\n  name: adamw\n  momentun: 0.9"
    assert faults(load, text) == ["r.yaml:4:optimizer.momentun: no such field. Known: lr, name."]
    text = "title: x\noptimizer:\n  name: muon\n  momentun: 0.9"
    assert faults(load, text) == ["r.yaml:4:optimizer.momentun: no such field. Did you mean 'momentum'?"]


def test_an_unknown_branch_names_the_nearest(load: Load) -> None:
    assert faults(load, "title: x\noptimizer: {name: moun}") == [
        "r.yaml:2:optimizer: 'name' must be one of 'adamw', 'muon', got \"moun\". Did you mean 'muon'?"
    ]


def test_a_value_that_fits_no_alternative_is_one_fault_that_names_them_all(load: Load) -> None:
    assert load("title: x\nlayers: [1, 2]").layers == (1, 2)
    assert faults(load, "title: x\nlayers: 3") == ["r.yaml:2:layers: must be 'all' or a list, got 3."]
    assert faults(load, "title: x\nlayers: al") == [
        "r.yaml:2:layers: must be 'all' or a list, got \"al\". Did you mean 'all'?"
    ]
    assert faults(load, "title: x\nlayers: [1, b]") == ['r.yaml:2:layers[1]: must be a valid integer, got "b".']


def test_every_fault_is_reported_at_once_in_the_order_of_the_file(load: Load) -> None:
    text = (
        "train:\n  epochs: 0\n  targets: q\noptimizer:\n  name: adamw\n  lr: fast\nby_name:\n  a: {rows: 1}\nzzz: 1\n"
    )
    assert faults(load, text) == [
        "r.yaml:1:title: must be given.",
        "r.yaml:2:train.epochs: must be greater than 0, got 0.",
        'r.yaml:3:train.targets: must be a list, got "q".',
        'r.yaml:6:optimizer.lr: must be a valid number, got "fast".',
        "r.yaml:8:by_name.a.rows: must be a valid string, got 1.",
        "r.yaml:9:zzz: no such field. Known: by_name, data, layers, optimizer, title, train.",
    ]


def test_a_rule_across_fields_speaks_for_itself(load: Load) -> None:
    text = "title: x\ntrain: {epochs: 2, steps: 3}"
    assert faults(load, text) == ["r.yaml:2:train: give steps or epochs, not both."]


def test_a_rule_that_lives_elsewhere_is_a_fault_of_its_field(load: Load) -> None:
    assert faults(load, "title: x\ndata:\n- rows: a\n  codec: jsno") == [
        "r.yaml:4:data[0].codec: unknown codec 'jsno'. Did you mean 'json'? Known: json."
    ]
    assert faults(load, "title: x", "train.steps=13") == ["r.yaml: thirteen is refused."]


def test_a_section_that_is_no_mapping_is_shown_with_what_was_given(load: Load) -> None:
    assert faults(load, "title: x\ntrain: 3") == ["r.yaml:2:train: must be a mapping, got 3."]
    assert faults(load, "title: x\ntrain: [3]") == ["r.yaml:2:train: must be a mapping, got a list."]
    assert faults(load, "title: {a: 1}") == ["r.yaml:1:title: must be a valid string, got a mapping."]


def test_a_limit_is_never_infinite(load: Load) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        Train(epochs=float("nan"))
    assert faults(load, "title: x\ntrain: {epochs: .inf}") == [
        'r.yaml:2:train.epochs: must be a valid number, got ".inf".'
    ]


def test_an_empty_recipe_lacks_what_has_no_default(load: Load) -> None:
    assert faults(load, "") == ["r.yaml:1:title: must be given."]
    assert faults(load, "# nothing\n") == ["r.yaml:1:title: must be given."]


def test_a_default_out_of_range_is_found_when_it_is_used() -> None:
    class Wrong(Section):
        lr: float = Field(-1.0, gt=0)

    with pytest.raises(ValidationError, match="greater than 0"):
        Wrong()


def test_a_recipe_cannot_be_changed_once_it_is_read(load: Load) -> None:
    recipe = load("title: x")
    with pytest.raises(ValidationError, match="frozen"):
        recipe.title = "y"  # type: ignore[misc]


def test_overrides_follow_the_same_rules_as_the_file(load: Load) -> None:
    recipe = load("title: x\ntrain:\n", "train.epochs=1e1", "title='3'", "data=[{rows: y}]", "data[0].weight=2")
    assert (recipe.title, recipe.train.epochs) == ("3", 10.0)
    assert recipe.data == (Source(rows=Path("y"), weight=2),)
    assert load("title: x", "by_name.new.rows=q").by_name == {"new": Source(rows=Path("q"))}
    assert load("title: x\ntrain: {steps: 4}", "train.steps=").train.steps is None


def test_a_wrong_override_is_named_as_one(load: Load) -> None:
    text = "title: x\ntrain: {epochs: 2}"
    assert faults(load, text, "train.epoch=3") == ["--set train.epoch: no such field. Did you mean 'epochs'?"]
    assert faults(load, text, "train.epochs=abc") == ['--set train.epochs: must be a valid number, got "abc".']
    assert faults(load, text, "data=[{rows: y, a: 1}]") == [
        "--set data[0].a: no such field. Known: codec, rows, weight."
    ]
    assert faults(load, text, "train.epochs=0", "titel=z") == [
        "--set train.epochs: must be greater than 0, got 0.",
        "--set titel: no such field. Did you mean 'title'?",
    ]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("title", "--set title: not a field and a value. Write --set a.b=value."),
        ("=3", "--set =3: not a field and a value. Write --set a.b=value."),
        ("a..b=3", "--set a..b=3: not a field and a value. Write --set a.b=value."),
        ("title.x=3", "--set title.x: title has no entry 'x'."),
        ("data[0].rows=3", "--set data[0].rows: data has no entry 0."),
        ("title=[", "--set title: not valid YAML: expected the node content, but found '<stream end>'."),
    ],
)
def test_an_override_that_cannot_be_applied_says_so(load: Load, override: str, line: str) -> None:
    assert faults(load, "title: x\ndata: []", override) == [line]


def test_a_shipped_recipe_is_found_by_name_path_or_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "assets" / "recipes" / "smoke" / "tiny.yaml"
    shipped.parent.mkdir(parents=True)
    shipped.write_text("title: shipped")
    monkeypatch.setattr(assets, "_INSTALLED", tmp_path / "assets")
    monkeypatch.chdir(tmp_path)
    for name in ("smoke/tiny", "smoke/tiny.yaml", "recipes/smoke/tiny.yaml", str(shipped)):
        assert find_recipe(name) == shipped
    assert load_recipe(Recipe, "smoke/tiny").title == "shipped"
    with pytest.raises(RecipeError) as caught:
        find_recipe("smoke/tinny.yaml")
    assert str(caught.value) == (
        "no recipe file 'smoke/tinny.yaml', and none shipped under that name."
        " Did you mean 'smoke/tiny'? Known: smoke/tiny."
    )


def test_a_resolved_recipe_holds_every_default_and_is_json(load: Load) -> None:
    content = resolved(load("title: x\ndata: [{rows: a}]"))
    assert json.loads(json.dumps(content)) == {
        "title": "x",
        "train": {"epochs": 1.0, "steps": None, "targets": ["all-linear"]},
        "optimizer": {"name": "adamw", "lr": 1e-3},
        "data": [{"rows": "a", "weight": 1.0, "codec": "json"}],
        "by_name": {},
        "layers": "all",
    }


def test_many_faults_are_one_error_that_keeps_them_apart(load: Load) -> None:
    with pytest.raises(RecipeErrors) as caught:
        load("a: 1\nb: 2")
    assert [problem.where for problem in caught.value.problems] == ["r.yaml:1:title", "r.yaml:1:a", "r.yaml:2:b"]


def test_a_plan_is_printed_for_people_and_kept_for_programs() -> None:
    plan = Plan("Fine-tuning")
    plan.add("trained_tokens", 1_234_567, "in 2 epochs")
    plan.add("learning_rate", 2e-4)
    plan.add("resumed", False)
    page = io.StringIO()
    plan.print(Console(file=page, width=80))
    lines = [line.split() for line in page.getvalue().splitlines()]
    assert lines == [
        ["Fine-tuning"],
        ["trained", "tokens", "1,234,567", "in", "2", "epochs"],
        ["learning", "rate", "0.0002"],
        ["resumed", "False"],
    ]
    assert plan.as_dict() == {"trained_tokens": 1_234_567, "learning_rate": 2e-4, "resumed": False}
