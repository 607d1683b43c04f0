"""Fine-tuning, start to end: prepared rows and weights in, one plain Hugging Face directory out.

While it runs, its checkpoints and metrics stand in `OUT.run`; a run that was cut off goes on from there to the same
weights. The finished directory carries the model (adapters merged), the card, the curves and the manifest.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console

from smolkit.data.images import ImageLayout
from smolkit.errors import ManifestError, ModelError, SmolkitError
from smolkit.manifest import Manifest, Source, read, staged, staged_file, write
from smolkit.models import load_model, resolve, save_model
from smolkit.models.device import keep_freed_memory, pick_dtype
from smolkit.models.vision import is_vision, language_config
from smolkit.recipe import Plan, resolved
from smolkit.train.card import model_card
from smolkit.train.ledger import Ledger, open_tracker, plot_curves, read_metrics
from smolkit.train.prepare import Prepared, make_plan, prepare
from smolkit.train.recipe import FinetuneRecipe
from smolkit.train.run_files import METRICS, RUN_FILE, copy_records, run_directory
from smolkit.train.samples import Prompt, Sampler, check_prompts
from smolkit.train.tasks import task_of
from smolkit.train.trl_adapter import (
    AnswerTrainer,
    add_lora,
    base_of,
    checkpoint_callback,
    merge_lora,
    sampling_callback,
)

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, TrainerCallback

_MERGE_TOLERANCE = 1e-3


@dataclass
class Run:
    """One prepared run: what `plan` prints and `train` carries out."""

    prepared: Prepared
    model: Any
    """The model to train, with adapters when the method is lora."""
    plan: Plan
    prompts: list[Prompt]
    """What its samples continue."""


def open_run(recipe: FinetuneRecipe) -> Run:
    """Read and check everything, load the weights, plan; nothing is written yet."""
    prepared = prepare(recipe)
    task, dtype = task_of(recipe), pick_dtype(recipe.dtype)
    model: Any = load_model(task.base(recipe), dtype=dtype)
    context = language_config(model.config).max_position_embeddings
    if prepared.recipe.data.max_length > context:
        raise ModelError(f"data.max_length is {recipe.data.max_length}, the model's context {context}")
    if recipe.method == "lora":
        model = add_lora(model, recipe.lora, recipe.seed, task.adapters(recipe, model))
    task.groups(recipe, model)  # freezes what has no rate, so that the plan counts what learns
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    prompts = task.prompts(prepared)
    check_prompts(prompts, recipe.samples, context)
    plan = make_plan(prepared, model, trainable, dtype.itemsize)
    task.extend_plan(prepared, model, plan)
    return Run(prepared, model, plan, prompts)


def train(run: Run, out: Path, *, console: Console, resume: bool = False, overwrite: bool = False) -> dict[str, Any]:
    """Train, measure and write `out`; returns the figures that its manifest holds as scores.

    Raises SmolkitError when `out` or `OUT.run` hold something that must not be lost, or when `resume` finds nothing
    to continue or a run of another recipe.
    """
    keep_freed_memory()
    prepared, recipe = run.prepared, run.prepared.recipe
    with staged(out, overwrite=overwrite) as staging:  # opened first, so that a bad destination is known now
        run_dir = run_directory(out)
        tracker = open_tracker(recipe.track, resolved(recipe), out.name)
        checkpoint = _open_run_dir(run_dir, run, resume=resume, overwrite=overwrite, console=console)
        task = task_of(recipe)
        if torch.cuda.is_available():
            run.model.to("cuda")  # as the trainer does later: an objective may ask the initial weights
        objective = task.objective(prepared, run.model, run_dir, console)
        measure = task.measure(prepared, run.model, run_dir) if prepared.dev else None
        ledger = Ledger(run_dir, prepared.step_tokens, console, tracker, objective.names)
        trainer = AnswerTrainer(
            run.model,
            prepared.tokenizer,
            recipe,
            prepared.steps,
            objective,
            run_dir,
            lambda model: task.groups(recipe, model),
            callbacks=[ledger, checkpoint_callback(recipe.checkpoint.keep), *_sampling(run, run_dir)],
            measure=measure,
            best=task.best,
        )
        with ledger.progress:  # stops when the run is cut off, too
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        measured = measure(len(prepared.steps)) if measure else {}
        scores: dict[str, Any] = {f"dev_{name.removeprefix('eval_')}": value for name, value in measured.items()}
        scores |= _training_figures(read_metrics(run_dir / METRICS), objective.names)
        _write_result(run, staging, run_dir, scores)
    shutil.rmtree(run_dir)
    return scores


def _sampling(run: Run, run_dir: Path) -> list[TrainerCallback]:
    prepared, section = run.prepared, run.prepared.recipe.samples
    if section.every is None:
        return []
    return [sampling_callback(Sampler(section, run.prompts, base_of(run.model), prepared.tokenizer, run_dir))]


def _write_result(run: Run, staging: Path, run_dir: Path, scores: dict[str, Any]) -> None:
    prepared, recipe = run.prepared, run.prepared.recipe
    model = run.model
    if recipe.method == "lora":
        model.save_pretrained(staging / "adapter")
        model = _merged(run.model, prepared)
    images = prepared.images
    if images is None and is_vision(model.config):  # it learnt from texts, and still sees
        images = ImageLayout.read(resolve(task_of(recipe).base(recipe)))
    save_model(model, prepared.tokenizer, staging, images)
    copy_records(run_dir, staging)
    plot_curves(read_metrics(run_dir / METRICS), staging / "curves.png")
    (staging / "README.md").write_text(model_card(recipe, run.plan, scores), encoding="utf-8")
    write(
        staging,
        Manifest(
            kind="model",
            prompt_format=prepared.prompt_format,
            recipe=resolved(recipe),
            sources=tuple(_sources(recipe)),
            scores=scores,
            details={"plan": run.plan.as_dict(), "skipped_rows": prepared.skipped, "bad_rows": prepared.bad_rows},
        ),
    )


def _sources(recipe: FinetuneRecipe) -> list[Source]:
    base = Source(role="base model", name=recipe.model, sha256=_base_sha256(recipe))
    files = [("train rows", source) for source in recipe.data.train] + [("dev rows", s) for s in recipe.data.dev]
    return [
        base,
        *(
            Source.of(role, Path(source.path))
            if source.path and Path(source.path).exists()
            else Source(role=role, name=source.name)
            for role, source in files
        ),
    ]


def _base_sha256(recipe: FinetuneRecipe) -> str | None:
    return Source.of("", resolve(task_of(recipe).base(recipe))).sha256


def _merged(model: PeftModel, prepared: Prepared) -> PreTrainedModel:
    """The adapters added to the weights, proven on a real prompt to compute the same."""
    task = task_of(prepared.recipe)
    model.float().eval()
    with torch.inference_mode():
        before = task.logits(prepared, model)
        merged = merge_lora(model)
        difference = float((task.logits(prepared, merged) - before).abs().max())
    if difference > _MERGE_TOLERANCE:
        raise ModelError(f"merging the adapters changed the logits by {difference:.2g}; the adapter was not written")
    return merged


def _training_figures(metrics: Sequence[dict[str, Any]], figures: Sequence[str]) -> dict[str, Any]:
    lines = [line for line in metrics if "loss" in line]
    last = lines[-10:]
    return {
        **{f"final_{name}": round(sum(line[name] for line in last) / len(last), 4) for name in ("loss", *figures)},
        "training_seconds": round(sum(line["seconds"] for line in lines), 1),
        "tokens_per_second": round(lines[-1]["tokens"] / sum(line["seconds"] for line in lines), 1),
        "peak_memory_gib": max(line["memory_gib"] for line in lines),
    }


def _open_run_dir(run_dir: Path, run: Run, *, resume: bool, overwrite: bool, console: Console) -> Path | None:
    """Make or reopen the run directory; the checkpoint to continue from, if any."""
    identity = _identity(run.prepared)
    described = run_dir / RUN_FILE
    if resume:
        if not described.is_file():
            raise SmolkitError("no run to resume", where=str(run_dir), fix="Leave --resume out to start one")
        if json.loads(described.read_text())["identity"] != identity:
            raise SmolkitError(
                "this run was started with another recipe or other rows",
                where=str(described),
                fix="Use the same recipe to resume it, or leave --resume out and add --overwrite",
            )
        return _last_whole_checkpoint(run_dir, console)
    if list(run_dir.glob("checkpoint-*")) and not overwrite:
        raise SmolkitError(
            "an earlier run was cut off here",
            where=str(run_dir),
            fix="Add --resume to go on with it, or --overwrite to start again",
        )
    if run_dir.is_dir() and not described.is_file() and any(run_dir.iterdir()) and not overwrite:
        raise SmolkitError(
            f"is where the checkpoints go, and holds something else than a run (no {RUN_FILE})",
            where=str(run_dir),
            fix="Name another --out, or move this away",
        )
    shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.mkdir(parents=True)
    content = {"identity": identity, "recipe": resolved(run.prepared.recipe), "plan": run.plan.as_dict()}
    with staged_file(described) as aside:
        aside.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return None


def _identity(prepared: Prepared) -> str:
    """A hash over the recipe, the base weights and every token and step: two runs with the same one do the same."""
    digest = hashlib.sha256(json.dumps(resolved(prepared.recipe), sort_keys=True).encode())
    digest.update(str(_base_sha256(prepared.recipe)).encode())
    for example in [*prepared.examples, *(row for row in prepared.dev if hasattr(row, "identity"))]:
        digest.update(json.dumps(example.identity).encode())
    return digest.hexdigest()


def _last_whole_checkpoint(run_dir: Path, console: Console) -> Path | None:
    """The newest checkpoint whose files are all as its manifest says; a kill during a save leaves one that is not."""
    found = sorted(run_dir.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    for checkpoint in found:
        try:
            read(checkpoint)
        except ManifestError as exc:
            console.print(f"{checkpoint.name} is not whole ({str(exc).splitlines()[0]}); removed", highlight=False)
            shutil.rmtree(checkpoint)
        else:
            console.print(f"resuming from {checkpoint.name}")
            return checkpoint
    console.print("no whole checkpoint was left, so the run starts again")
    return None
