"""Pretraining, start to end: token corpora in, one plain Hugging Face directory out.

While it runs, checkpoints and metrics stand in `OUT.run`; a run that was cut off goes on from there to the same
weights, bit for bit on a CPU, also on another number of processes. `OUT.run` stays afterwards: a decay can be branched
from any of its checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from smolkit.data.corpus import Corpus
from smolkit.data.mixture import Mixture
from smolkit.data.render import TokenizerEncoder
from smolkit.errors import SmolkitError
from smolkit.manifest import Manifest, Source, staged, write
from smolkit.models import save_model
from smolkit.models.device import keep_freed_memory, memory_available, peak_flops, pick_dtype
from smolkit.models.initial import build_model
from smolkit.models.zoo import ModelSpec
from smolkit.recipe import Plan, resolved
from smolkit.registry import require
from smolkit.train.checkpoints import check_fits
from smolkit.train.curves import plot_pretraining
from smolkit.train.engine import Engine, whole
from smolkit.train.language_model import LanguageModel, cast_parameters
from smolkit.train.ledger import peak_memory_gib, read_metrics
from smolkit.train.loader import open_sources
from smolkit.train.mix import check_passes, plan_stages, tokens_available
from smolkit.train.parallel import World
from smolkit.train.preflight import advice, check_memory, memory_needed, plan_cost
from smolkit.train.pretrain_card import pretrain_card
from smolkit.train.pretrain_recipe import PretrainRecipe
from smolkit.train.run_directory import (
    Branch,
    branch_content,
    check_order,
    check_run_directory,
    corpus_hash,
    forget_if_empty,
    identity_of,
    make_run_directory,
    order_of,
)
from smolkit.train.run_files import METRICS, copy_records, run_directory
from smolkit.train.samples import Prompt, check_prompts


@dataclass
class Run:
    """One prepared run: what `plan` prints and `train` carries out."""

    recipe: PretrainRecipe
    spec: ModelSpec
    corpora: dict[str, Corpus]
    mixture: Mixture
    """Of the steps from `first` on."""
    held_out: dict[str, int]
    """Documents of each source, its last, that are not trained on."""
    tokenizer: Any
    dtype: torch.dtype
    peak: tuple[float, str]
    """FLOP/s of one device, and where the figure comes from."""
    plan: Plan
    branch: Branch | None = None
    order: dict[str, Any] = field(default_factory=dict)
    """What decides in which order documents are read."""

    @property
    def prompts(self) -> list[Prompt]:
        """What its samples continue."""
        encode = TokenizerEncoder(self.tokenizer)
        return [Prompt(text, encode(text, special=False)) for text in self.recipe.samples.prompts]

    @property
    def first(self) -> int:
        return self.branch.step if self.branch else 0

    @property
    def inputs(self) -> list[str]:
        """What must not be overwritten."""
        given = [str(corpus.directory) for corpus in self.corpora.values()]
        return given + [
            name for name in (self.recipe.initialization.weights, self.branch and self.branch.checkpoint) if name
        ]


def open_run(
    recipe: PretrainRecipe,
    world: World,
    *,
    branch: Branch | None = None,
    make: Callable[[str], None] | None = None,
    resume: bool = False,
) -> Run:
    """Read and check everything, and plan; nothing is written yet, but corpora that `make(source)` tokenises.

    Raises SmolkitError for what cannot be trained on, memory that is not there, or silent repetition of a source. On
    `resume`, corpora are not hashed once more.
    """
    spec, dtype, first = recipe.spec(), pick_dtype(recipe.dtype), branch.step if branch else 0
    _check_branch(recipe, first)
    _check_ranks(recipe, world)
    sources = open_sources(recipe, spec, world, make, verify=not resume)
    mixture = recipe.mixture().after(first, branch.position if branch else {})
    check_passes(recipe, mixture, sources.available)
    order = order_of(recipe, sources.corpora, sources.held_out)
    if branch:
        check_order(branch, order)
        check_fits(Path(branch.checkpoint), _shapes(spec))
    if recipe.track != "none":
        require(recipe.track, extra="track", why=f"track: {recipe.track}")
    cuda = world.device.type == "cuda"
    needed = memory_needed(recipe, spec, dtype, world.size, cuda=cuda)
    check_memory(needed, memory_available(), recipe, spec, dtype, world.size, cuda=cuda)
    peak = peak_flops(dtype)
    plan = make_plan(recipe, spec, mixture, sources.available, dtype, peak, world, first)
    run = Run(
        recipe, spec, sources.corpora, mixture, sources.held_out, sources.tokenizer, dtype, peak, plan, branch, order
    )
    check_prompts(run.prompts, recipe.samples, spec.context)
    return run


def plan_run(recipe: PretrainRecipe, world: World, branch: Branch | None = None) -> Plan:
    """The plan of a run whose corpora need not be there yet. Raises SmolkitError where it could not be carried out."""
    first = branch.step if branch else 0
    _check_branch(recipe, first)
    _check_ranks(recipe, world)
    mixture = recipe.mixture().after(first, branch.position if branch else {})
    available = tokens_available(recipe)
    check_passes(recipe, mixture, available)
    dtype = pick_dtype(recipe.dtype)
    return make_plan(recipe, recipe.spec(), mixture, available, dtype, peak_flops(dtype), world, first)


def train(
    run: Run, out: Path, world: World, *, console: Console, resume: bool = False, overwrite: bool = False
) -> dict[str, Any]:
    """Train, and write `out` on the leading rank; returns the figures that its manifest holds as scores.

    Raises SmolkitError when `out` or `OUT.run` hold something that must not be lost, or when `resume` finds nothing
    to continue or a run of another recipe.
    """
    if world.device.type == "cpu":
        keep_freed_memory()
    run_dir = run_directory(out)
    identity = identity_of(run.recipe, run.order, str(run.dtype), run.branch)
    world.lead(lambda: check_run_directory(out, identity, resume=resume, overwrite=overwrite, inputs=run.inputs))
    with _memory_advice(run, world):
        engine = Engine(run, run_dir, world, console)
        if not resume:
            content = {
                "identity": identity,
                "recipe": resolved(run.recipe),
                "branch": branch_content(run.branch),
                "plan": run.plan.as_dict(),
            }
            world.lead(lambda: make_run_directory(run_dir, content))
        try:
            engine.train(resume=resume)
        finally:
            if world.leads:
                forget_if_empty(run_dir)
        weights = _whole_weights(engine.model, run.dtype, world)
    return world.lead(lambda: _write_result(run, weights, out, run_dir, overwrite=overwrite))


def make_plan(
    recipe: PretrainRecipe,
    spec: ModelSpec,
    mixture: Mixture,
    available: Mapping[str, int],
    dtype: torch.dtype,
    peak: tuple[float, str],
    world: World,
    first: int = 0,
) -> Plan:
    """The run in figures, before it starts: every stage, every source's passes, memory, time and cost."""
    ledger = spec.ledger()
    processes, elsewhere = recipe.hardware.devices or world.size, recipe.hardware.peak_tflops is not None
    plan = Plan(f"Pretraining {recipe.model if isinstance(recipe.model, str) else 'a model'}")
    plan.add("parameters", ledger.total, "tied matrices counted once")
    plan.add("parameters_without_embedding", ledger.non_embedding)
    plan.add("steps", recipe.steps, f"{recipe.batch.tokens:,} tokens each")
    tokens = sum(stage.tokens for stage in mixture.stages)
    plan.add("tokens", tokens, f"{tokens / ledger.total:,.4g} per parameter; Chinchilla's rule of thumb is 20")
    plan_stages(plan, recipe, mixture, available, first)
    _plan_rate(plan, recipe, first)
    plan.add("dtype", str(dtype).removeprefix("torch."), "float32 masters and sums of gradients")
    plan.add("processes", processes, recipe.parallel.kind if processes > 1 else "")
    needed = memory_needed(recipe, spec, dtype, processes, cuda=world.device.type == "cuda" or elsewhere)
    plan.add("memory_estimate_gib", round(needed.total / 2**30, 2), f"{needed.parts}, on each")
    plan_cost(plan, recipe, spec, mixture, peak, processes)
    return plan


def _plan_rate(plan: Plan, recipe: PretrainRecipe, first: int) -> None:
    schedule = recipe.schedule
    fall = f", {schedule.shape} decay over {schedule.decay_steps:,} steps" if schedule.kind == "wsd" else ""
    plan.add("learning_rate", recipe.optimizer.lr, f"{schedule.kind}, warmup {schedule.warmup_steps:,} steps{fall}")
    if first:
        multiplier = schedule.build(recipe.steps)
        begin, end = (recipe.optimizer.lr * multiplier(step) for step in (first, recipe.steps - 1))
        plan.add("branched_at_step", first, f"learning rate {begin:.4g} there, {end:.4g} in the last step")


def _check_branch(recipe: PretrainRecipe, first: int) -> None:
    left, decay = recipe.steps - first, recipe.schedule.decay_steps
    if left < 1:
        more = first // 5 + 1
        raise SmolkitError(
            f"the checkpoint is of step {first}, and the recipe ends at {recipe.steps}",
            fix=f"Say where the branch ends: --set steps={first + more} --set schedule.decay_steps={more}",
        )
    if first and recipe.schedule.kind == "wsd" and decay > left:
        raise SmolkitError(
            f"the decay of {decay} steps would have begun before the checkpoint, and the rate would jump",
            fix=f"Set schedule.decay_steps={left}, or more steps",
        )


def _check_ranks(recipe: PretrainRecipe, world: World) -> None:
    shards = recipe.parallel.shards(world.size)
    if world.size > 1 and world.size % shards:
        fix = f"Set parallel.shard to a divisor of {world.size}"
        raise SmolkitError(f"{world.size} processes cannot be grouped by parallel.shard {shards}", fix=fix)
    for stage in recipe.mixture().stages:
        if stage.sequences_per_step % world.size:
            raise SmolkitError(
                f"stage {stage.name} has {stage.sequences_per_step} sequences per step, which {world.size} processes "
                "cannot share out evenly",
                fix=f"Set batch.tokens to a multiple of {stage.sequence * world.size}",
            )


@contextmanager
def _memory_advice(run: Run, world: World) -> Iterator[None]:
    """Turn running out of memory into the settings that would fit."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as exc:
        if not isinstance(exc, torch.OutOfMemoryError | MemoryError) and "DefaultCPUAllocator" not in str(exc):
            raise
        cuda = world.device.type == "cuda"
        free = torch.cuda.get_device_properties(world.device).total_memory * 0.9 if cuda else memory_available()
        fix = advice(run.recipe, run.spec, run.dtype, world.size, free, cuda=cuda)
        raise SmolkitError("out of memory", fix=fix) from exc


def _shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        model = build_model(spec.config())
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def _whole_weights(model: LanguageModel, dtype: torch.dtype, world: World) -> dict[str, torch.Tensor]:
    """On the leading rank, all parameters in the run's dtype on the CPU, gathered from the ranks that hold them."""
    found = {}
    for name, parameter in model.causal.named_parameters():
        tensor = whole(parameter.detach())
        if world.leads:
            found[name] = tensor.to(device="cpu", dtype=dtype, copy=True)
    return found


def _write_result(
    run: Run, weights: Mapping[str, torch.Tensor], out: Path, run_dir: Path, *, overwrite: bool
) -> dict[str, Any]:
    metrics = read_metrics(run_dir / METRICS)
    scores = _scores(run.recipe, metrics)
    model: Any = build_model(run.spec.config())
    cast_parameters(model, run.dtype)
    model.load_state_dict(weights, strict=False)  # a tied head is not among them
    model.tie_weights()
    with staged(out, overwrite=overwrite) as staging:
        save_model(model, run.tokenizer, staging)
        copy_records(run_dir, staging)
        plot_pretraining(metrics, staging / "curves.png")
        (staging / "README.md").write_text(pretrain_card(run.recipe, run.plan, scores), encoding="utf-8")
        details = {"plan": run.plan.as_dict(), "branch": branch_content(run.branch)}
        sources = tuple(_sources(run))
        write(
            staging,
            Manifest(kind="model", recipe=resolved(run.recipe), sources=sources, scores=scores, details=details),
        )
    return scores


def _scores(recipe: PretrainRecipe, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    lines = [line for line in metrics if "loss" in line]
    if not lines:
        raise SmolkitError(f"the run has no steps in its {METRICS}", fix="Start it again with --overwrite")
    measured = [line["validation_loss"] for line in metrics if "validation_loss" in line]
    last, seconds = lines[-10:], sum(line["seconds"] for line in lines)
    return {
        "final_loss": round(sum(line["loss"] for line in last) / len(last), 4),
        **({"validation_loss": round(measured[-1], 4)} if measured else {}),
        "tokens": lines[-1]["tokens"],
        "training_seconds": round(seconds, 1),
        "tokens_per_second": round(recipe.batch.tokens * len(lines) / seconds, 1),
        "mfu": round(sum(line["mfu"] * line["seconds"] for line in lines) / seconds, 4),
        "peak_memory_gib": round(peak_memory_gib(), 2),
    }


def _sources(run: Run) -> Iterator[Source]:
    for name, corpus in run.corpora.items():
        yield Source(role=f"corpus {name}", name=str(corpus.directory), sha256=corpus_hash(corpus))
