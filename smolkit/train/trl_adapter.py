"""The one file that knows TRL and PEFT: their trainer run over our steps, our loss and our optimizer.

TRL brings the loop, callbacks, checkpoints and resuming. Ours are the parts that decide speed and exactness: steps
planned beforehand, logits at labels only, float32 masters, and loss weighted by tokens over a whole step.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners import lora
from transformers import IntervalStrategy, PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from smolkit.data.batches import Step
from smolkit.errors import RecipeError
from smolkit.manifest import Manifest, write
from smolkit.models.device import release_freed_memory
from smolkit.models.functions import lora_linear
from smolkit.optim.master import MasterAdamW
from smolkit.optim.schedules import Schedule
from smolkit.train.recipe import FinetuneRecipe, Lora, ScheduleSection
from smolkit.train.samples import Sampler
from smolkit.train.tasks import Group, Objective

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_STEPS_BETWEEN_RELEASES = 32


class AnswerTrainer(SFTTrainer):
    """SFTTrainer whose items are whole optimizer steps, each a list of micro-batches.

    `measure(step)` returns the development figures and takes the place of an evaluation; `best` is the figure by which
    the best checkpoint is known, and whether greater is better.
    """

    def __init__(
        self,
        model: PreTrainedModel | PeftModel,
        tokenizer: PreTrainedTokenizerFast,
        recipe: FinetuneRecipe,
        steps: Sequence[Step],
        objective: Objective,
        run_dir: Path,
        groups: Callable[[Any], Sequence[Group]],
        callbacks: Sequence[TrainerCallback] = (),
        measure: Callable[[int], dict[str, float]] | None = None,
        best: tuple[str, bool] | None = None,
    ):
        self.optimizer: torch.optim.Optimizer | None
        self.lr_scheduler: torch.optim.lr_scheduler.LambdaLR | None
        self.control: Any
        self.recipe = recipe
        self.find_groups = groups
        self.groups: Sequence[Group] = ()
        self.objective = objective
        self.measure = measure

        def fetch(items: list[dict[str, int]]) -> dict[str, Any]:
            return {"micro": [objective.collate(micro) for item in items for micro in steps[item["step"]]]}

        super().__init__(
            model=model,
            args=_arguments(recipe, len(steps), run_dir, best if measure else None),
            data_collator=fetch,
            train_dataset=Dataset.from_dict({"step": list(range(len(steps)))}),
            eval_dataset=Dataset.from_dict({"step": [0]}) if measure else None,
            processing_class=tokenizer,
            callbacks=list(callbacks),
        )
        self.remove_callback(PrinterCallback)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            section = self.recipe.optimizer
            self.groups = self.find_groups(self.model)  # only now: a resumed run has loaded other adapters
            groups = [{**group.parameters, "lr": group.lr} for group in self.groups]
            self.optimizer = MasterAdamW(groups, lr=section.lr, betas=section.betas, eps=section.eps)
        assert self.optimizer is not None
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LambdaLR:
        if self.lr_scheduler is None:
            optimizer = optimizer or self.create_optimizer()
            schedules = [_schedule(self.recipe.schedule, num_training_steps, group.after) for group in self.groups]
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedules)
        return self.lr_scheduler

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Forward and backward over the micro-batches of a step; the objective's mean over all of them."""
        model.train()
        if self.state.global_step % _STEPS_BETWEEN_RELEASES == 0:
            release_freed_memory()
        micro_batches = self._prepare_inputs(inputs)["micro"]
        terms = sum(self.objective.weight(batch) for batch in micro_batches)
        total = torch.zeros((), device=self.args.device)
        for batch in micro_batches:
            loss = self.objective.loss(model, batch) / terms
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def evaluate(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> dict[str, float]:
        assert self.measure is not None
        self.model.eval()
        figures = self.measure(self.state.global_step)
        self.log(dict(figures))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, figures)
        return figures

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        super().log({**logs, **self.objective.figures()} if "loss" in logs else logs, *args, **kwargs)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # the ledger counts them, from the plan

    def _clip_grad_norm(self, model: torch.nn.Module) -> torch.Tensor:
        return _masters(self.optimizer).clip_gradients(self.args.max_grad_norm)

    def _load_from_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_checkpoint(*args, **kwargs)
        _restore_adapter_dtype(self.model)

    def _load_best_model(self) -> None:
        super()._load_best_model()
        _restore_adapter_dtype(self.model)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the card is written once, with the measured figures, beside the finished model."""


def _schedule(section: ScheduleSection, steps: int, after: float) -> Schedule:
    """The schedule of a group that learns `after` a share of the steps: zero, and then the whole of it."""
    wait = round(after * steps)
    whole = section.build(steps - wait)
    return lambda step: whole(step - wait) if step >= wait else 0.0


def checkpoint_callback(keep: int) -> TrainerCallback:
    """Seals each checkpoint with a manifest, which tells one that a kill cut short, and has the last step measured.

    Only then are the oldest removed, until `keep` are left: at every moment a whole one is there.
    """

    class Seal(TrainerCallback):
        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            write(checkpoint, Manifest(kind="checkpoint"))
            _prune(checkpoint, state.best_model_checkpoint, keep)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if args.eval_strategy == IntervalStrategy.STEPS and state.global_step == state.max_steps:
                control.should_evaluate = True  # the last weights compete for the best, too

    return Seal()


def sampling_callback(sampler: Sampler) -> TrainerCallback:
    """Has samples written, after the line of their step and before its checkpoint, so that a resume keeps them both."""

    class Sampling(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
            if "loss" in logs and sampler.is_due(state.global_step, state.max_steps):
                sampler.write(state.global_step)

    return Sampling()


def _prune(newest: Path, best: str | None, keep: int) -> None:
    """Remove the oldest checkpoints but `keep`; never the newest nor the best, which is loaded at the end."""
    found = sorted(newest.parent.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    needed = {newest.name, Path(best).name if best else newest.name}
    spare = [path for path in found if path.name not in needed]
    for path in spare[: max(0, len(found) - keep)]:
        shutil.rmtree(path)


class _LoraLinear(lora.Linear):
    """PEFT's layer, computed by `lora_linear` while a single adapter without dropout is trained."""

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        name = self.active_adapter[0]
        plain = isinstance(self.lora_dropout[name], torch.nn.Identity)
        if x.ndim != 2 or self.merged or self.disable_adapters or not plain:
            out: torch.Tensor = super().forward(x, *args, **kwargs)
            return out
        base = self.base_layer
        a, b = self.lora_A[name].weight, self.lora_B[name].weight
        return lora_linear(x, base.weight, base.bias, a, b, self.scaling[name])


def add_lora(model: PreTrainedModel, section: Lora, seed: int, adapted: str | list[str] | None = None) -> PeftModel:
    """The model with fresh adapters in its own dtype; the optimizer keeps their float32 masters.

    `adapted` are the layers, where the task chooses among those that the section names. Raises RecipeError for a target
    that names no linear layer of the model.
    """
    torch.manual_seed(seed)
    targets = section.targets if isinstance(section.targets, str) else list(section.targets)
    linear = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    for target in targets if isinstance(targets, list) else []:
        if not any(f".{name}".endswith(f".{target}") for name in linear):
            names = {name.rpartition(".")[2] for name in linear}
            raise RecipeError(f"lora.targets: the model has no linear layer {target!r}", given=target, known=names)
    config = LoraConfig(
        r=section.r,
        lora_alpha=section.alpha,
        lora_dropout=section.dropout,
        target_modules=targets if adapted is None else adapted,
        task_type="CAUSAL_LM",
    )
    config._register_custom_module({torch.nn.Linear: _LoraLinear})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT still asks transformers by a name of before
        return get_peft_model(model, config, autocast_adapter_dtype=False)


def base_of(model: Any) -> PreTrainedModel:
    """The transformers model itself, its adapters in it."""
    base: PreTrainedModel = model.get_base_model() if isinstance(model, PeftModel) else model
    return base


def _restore_adapter_dtype(model: torch.nn.Module) -> None:
    """Adapters in the model's dtype again: PEFT loads them as float32, for which a saved optimizer has no masters."""
    if isinstance(model, PeftModel):
        dtype = model.get_base_model().dtype
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.to(dtype)


def merge_lora(model: PeftModel) -> PreTrainedModel:
    """The base model in float32 with the adapters added to its weights, ties kept."""
    merged = model.float().merge_and_unload()
    merged.tie_weights()
    return merged


def _masters(optimizer: Any) -> MasterAdamW:
    return getattr(optimizer, "optimizer", optimizer)  # accelerate wraps it


def _arguments(recipe: FinetuneRecipe, steps: int, run_dir: Path, best: tuple[str, bool] | None) -> SFTConfig:
    save_every, measure_every = recipe.checkpoint.every, recipe.dev.every
    watch = best is not None and measure_every is not None
    figure, greater = best if best and watch and save_every else (None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return SFTConfig(
            output_dir=str(run_dir),
            max_steps=steps,
            per_device_train_batch_size=1,
            gradient_accumulation_steps=1,
            train_sampling_strategy="sequential",
            dataset_kwargs={"skip_prepare_dataset": True},
            remove_unused_columns=False,
            max_grad_norm=recipe.optimizer.clip,
            learning_rate=recipe.optimizer.lr,
            logging_steps=1,
            logging_nan_inf_filter=False,
            save_strategy="steps" if save_every else "no",
            save_steps=save_every or steps,
            save_total_limit=recipe.checkpoint.keep + 1,  # the callback removes the oldest, once the newest is sealed
            eval_strategy="steps" if watch else "no",
            eval_steps=measure_every or steps,
            load_best_model_at_end=bool(watch and save_every),
            metric_for_best_model=figure,
            greater_is_better=greater,
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=not torch.cuda.is_available(),
            seed=recipe.seed,
            report_to="none",
            disable_tqdm=True,
        )
