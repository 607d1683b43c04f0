"""What fine-tuning can teach: a table of tasks, and what each of them brings to a run.

A task is one file with a recipe class and a `Task`, and one line in `TASKS`; its default recipe is
`finetune/NAME-135m`, or of another size. The run itself (`finetune`) knows no task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from smolkit.document import Document
from smolkit.errors import RecipeError
from smolkit.recipe import Plan, find_recipe, load_recipe
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
        "vision": "smolkit.train.vision:VisionTask",
    },
)
DEFAULT = "extraction"
_SMALLEST = {"vision": "256m"}
"""The size of a task's default recipe, where that is not 135m."""

Measure = Callable[[int], dict[str, float]]
"""The development figures, named `eval_...`, of the model as it is at a step."""


@dataclass(frozen=True)
class Group:
    """A group of parameters as torch's optimizers take it, with its peak rate.

    `after` is the share of the steps that pass before it learns; its schedule begins then.
    """

    parameters: dict[str, Any]
    lr: float
    after: float = 0.0


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
    pipeline: ClassVar[str] = "text-generation"
    """What the Hub calls such models."""

    def base(self, recipe: Any) -> str | Path:
        """The model that a run starts from, by a name that `smolkit.models.resolve` takes; made where it has to be."""
        name: str = recipe.model
        return name

    def adapters(self, recipe: Any, model: Any) -> str | list[str] | None:
        """Which layers LoRA adapts, as PEFT takes it; None for what the recipe says."""
        return None

    def groups(self, recipe: Any, model: Any) -> list[Group]:
        """Every trainable parameter, in groups of one rate and one decay."""
        from smolkit.optim.master import decay_groups

        return [Group(group, recipe.optimizer.lr, 0.0) for group in decay_groups(model, recipe.optimizer.weight_decay)]

    def extend_plan(self, prepared: Prepared, model: Any, plan: Plan) -> None:  # noqa: B027
        """Add to a plan what only this task has: of most tasks nothing."""

    def logits(self, prepared: Prepared, model: Any) -> torch.Tensor:
        """The logits of a real row, by which a merge of adapters is proven to change nothing."""
        import torch

        logits: torch.Tensor = model(input_ids=torch.tensor([prepared.examples[0].ids], device=model.device)).logits
        return logits

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
    name = task or DEFAULT
    return f"finetune/{name}-{_SMALLEST.get(name, '135m')}"


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
