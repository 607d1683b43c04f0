"""What fine-tuning can teach: a table of tasks, and what each of them brings to a run.

A task is one file with a recipe class and a `Task`, and one line in `TASKS`; its default recipe is
`finetune/NAME-135m`. The run itself (`finetune`) knows no task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from smolkit.document import Document
from smolkit.errors import RecipeError
from smolkit.recipe import find_recipe, load_recipe
from smolkit.registry import Registry

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from smolkit.data.batches import MicroBatch
    from smolkit.train.prepare import Prepared
    from smolkit.train.recipe import FinetuneRecipe
    from smolkit.train.samples import Prompt

TASKS = Registry(
    "task",
    {
        "extraction": "smolkit.train.extraction:ExtractionTask",
        "chat": "smolkit.train.chat:ChatTask",
        "dpo": "smolkit.train.dpo:DpoTask",
    },
)
DEFAULT = "extraction"

Measure = Callable[[int], dict[str, float]]
"""The development figures, named `eval_...`, of the model as it is at a step."""


class Objective(Protocol):
    """What a step minimises: a mean over its micro-batches, of losses or of figures."""

    names: tuple[str, ...]
    """What its figures are called."""

    def collate(self, micro: MicroBatch) -> Any:
        """A micro-batch as tensors."""

    def weight(self, batch: Any) -> int:
        """How many terms the loss of a batch sums up."""

    def loss(self, model: torch.nn.Module, batch: Any) -> torch.Tensor:
        """The sum of the losses of a batch, a float32 scalar."""

    def figures(self) -> dict[str, float]:
        """Means, besides the loss, over what `loss` has seen since this was last asked."""


class Task(ABC):
    """One task. `prepare` reads and checks without weights; the others are called once the weights are there."""

    title: ClassVar[str]
    """What its models are called on their cards."""
    recipe: ClassVar[type[FinetuneRecipe]]
    best: ClassVar[tuple[str, bool]]
    """The development figure by which the best checkpoint is known, and whether greater is better."""

    @abstractmethod
    def prepare(self, recipe: Any) -> Prepared:
        """Rows read, rendered and checked, steps planned. Raises SmolkitError for what cannot be trained on."""

    @abstractmethod
    def objective(self, prepared: Prepared, model: Any, run_dir: Path, console: Console) -> Objective:
        """What is minimised; `model` still has its initial weights, `run_dir` keeps what must not change later."""

    @abstractmethod
    def measure(self, prepared: Prepared, model: Any, run_dir: Path) -> Measure:
        """A function that measures the model on the dev rows, of which there are some."""

    @abstractmethod
    def prompts(self, prepared: Prepared) -> list[Prompt]:
        """What the recipe's samples continue; the model reads it as it reads the prompts of its rows."""

    @abstractmethod
    def card(self, recipe: Any, scores: Sequence[str]) -> tuple[str, str]:
        """What the model does and how it is used, as the card says it, and what its `scores` mean, or nothing."""


def default_recipe(task: str | None = None) -> str:
    """The shipped recipe that a task means where none is named."""
    return f"finetune/{task or DEFAULT}-135m"


def task_of(recipe: FinetuneRecipe) -> Task:
    task: Task = TASKS.load(recipe.task)()
    return task


def load_task_recipe(name: str | None, task: str | None, overrides: Sequence[str] = ()) -> FinetuneRecipe:
    """The recipe of that path or name, checked as its task's; without a name the task's default.

    Raises RecipeError where the recipe is for another task than the one asked for.
    """
    TASKS[task or DEFAULT]  # an unknown task is said before its recipe is looked for
    file = find_recipe(name or default_recipe(task))
    document = Document.read(file)
    for override in overrides:
        document.override(override)
    own = document.data.get("task", DEFAULT)
    where = document.where(("task",))
    if not isinstance(own, str) or own not in TASKS:
        raise RecipeError(f"unknown task {own!r}", where=where, given=str(own), known=TASKS)
    if task not in (None, own):
        raise RecipeError(f"this recipe is for {own}, and --task is {task}", where=where)
    return load_recipe(TASKS.load(own).recipe, file, overrides)
