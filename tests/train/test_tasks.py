from __future__ import annotations

from pathlib import Path

import pytest

from smolkit.errors import RecipeError, RecipeErrors, SmolkitError
from smolkit.train.recipe import FinetuneRecipe
from smolkit.train.tasks import TASKS, Task, default_recipe, load_task_recipe, task_of


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_a_recipe_of_its_own_and_a_default(name: str) -> None:
    recipe = load_task_recipe(None, name)
    assert isinstance(task_of(recipe), Task)
    assert type(recipe) is task_of(recipe).recipe
    assert issubclass(type(recipe), FinetuneRecipe)
    assert load_task_recipe(default_recipe(name), None) == recipe
    assert task_of(recipe).best[0].startswith("eval_")


def test_a_recipe_says_its_task_itself() -> None:
    assert load_task_recipe("smoke/dpo", None).task == "dpo"
    with pytest.raises(RecipeError, match=r"dpo\.yaml:\d+:task: this recipe is for dpo, and --task is chat\.$"):
        load_task_recipe("smoke/dpo", "chat")


def test_a_misspelt_task_gets_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(
        SmolkitError, match=r"^unknown task 'chatt'\. Did you mean 'chat'\? Known: chat, dpo, extraction"
    ):
        load_task_recipe(None, "chatt")
    (tmp_path / "r.yaml").write_text("task: dppo\n")
    with pytest.raises(RecipeError, match=r"r\.yaml:1:task: unknown task 'dppo'\. Did you mean 'dpo'\?"):
        load_task_recipe(str(tmp_path / "r.yaml"), None)


@pytest.mark.parametrize(
    ("name", "field", "message"),
    [
        ("smoke/chat", "dpo.beta=0.1", "dpo: no such field"),
        ("smoke/chat", "prompt_format=smolkit-1", "prompt_format: no such field"),
        ("smoke/chat", "data.redraw=true", "redraw: no such field"),
        ("smoke/chat", "dev.max_new_tokens=8", "max_new_tokens: no such field"),
        ("smoke/chat", "data.train[0].synth.level=plain", "level: no such field"),
        ("smoke/chat", "data.train[0].synth.of=issues", "of: no such field"),
        ("finetune/issues-135m", "data.train[0].synth.of=isues", "Did you mean 'issues'"),
        ("smoke/dpo", "prompt_format=smolkit-1", "prompt_format: no such field"),
        ("smoke/dpo", "data.format=sharegpt", "format: no such field"),
        ("smoke/dpo", "dpo.betta=0.1", r"dpo\.betta: no such field\. Did you mean 'beta'"),
        ("smoke/extraction-demo", "chat_template=chatml", "chat_template: no such field"),
        ("smoke/extraction-demo", "dpo.beta=0.1", "dpo: no such field"),
        ("smoke/dpo", "dpo.label_smoothing=0.5", "less than 0.5, got 0.5"),
        ("smoke/chat", "data.train[0].split=test", "config and split are of a Hub data set"),
    ],
)
def test_a_field_of_another_task_is_refused(name: str, field: str, message: str) -> None:
    with pytest.raises(RecipeErrors, match=message):
        load_task_recipe(name, None, [field])
