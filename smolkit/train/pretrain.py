"""Pretraining, start to end: token corpora in, one plain Hugging Face directory out.

While it runs, checkpoints and metrics stand in `OUT.run`; a run that was cut off goes on from there to the same
weights, bit for bit on a CPU, also on another number of processes. `OUT.run` stays afterwards: a decay can be branched
from any of its checkpoints.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from smolkit.data.corpus import Corpus
from smolkit.data.mixture import Mixture
from smolkit.data.packing import Batch
from smolkit.errors import SmolkitError
from smolkit.manifest import Manifest, Source, read, staged, staged_file, write
from smolkit.models import save_model
from smolkit.models.device import keep_freed_memory, memory_available, peak_flops, pick_dtype
from smolkit.models.initial import build_model, initialize
from smolkit.models.zoo import ModelSpec
from smolkit.optim.master import MasterAdamW, decay_groups
from smolkit.recipe import Plan, resolved
from smolkit.registry import require
from smolkit.train.checkpoints import Checkpoints, Kept, read_trainer, restore, state_of
from smolkit.train.curves import plot_pretraining
from smolkit.train.language_model import LanguageModel, TokenBatch, cast_parameters
from smolkit.train.ledger import METRICS, peak_memory_gib, read_metrics
from smolkit.train.loader import Loader, StepData, held_out_batches, open_sources
from smolkit.train.mix import check_passes, plan_stages, tokens_available
from smolkit.train.parallel import World, check_start, share_out
from smolkit.train.preflight import advice, check_memory, flops_per_token, memory_needed, plan_cost
from smolkit.train.pretrain_card import pretrain_card
from smolkit.train.pretrain_ledger import Figures, PretrainLedger
from smolkit.train.pretrain_recipe import PretrainRecipe

RUN_FILE = "run.json"
CHECKPOINTS = "checkpoints"
_UNCHANGING = ("parallel", "compile", "activation_checkpointing", "checkpoint", "hardware", "track")
"""Parts of a recipe that may differ when a run goes on: they decide how it is computed, and not what."""


@dataclass(frozen=True)
class Branch:
    """Where a run begins that goes on from another one's checkpoint."""

    checkpoint: str
    step: int
    position: dict[str, int]
    """Tokens of every source that were used before."""

    @classmethod
    def of(cls, checkpoint: Path) -> Branch:
        """From a checkpoint's own directory. Raises SmolkitError where it is none."""
        read(checkpoint)
        trainer = read_trainer(checkpoint)
        return cls(str(checkpoint), trainer["step"], trainer["position"])


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
    plan: Plan
    branch: Branch | None = None

    @property
    def first(self) -> int:
        return self.branch.step if self.branch else 0


def open_run(
    recipe: PretrainRecipe, world: World, *, branch: Branch | None = None, make: Callable[[str], None] | None = None
) -> Run:
    """Read and check everything, and plan; nothing is written yet, but corpora that `make(source)` tokenises.

    Raises SmolkitError for what cannot be trained on, memory that is not there, or silent repetition of a source.
    """
    spec, dtype = recipe.spec(), pick_dtype(recipe.dtype)
    sources = open_sources(recipe, spec, world, make)
    first = branch.step if branch else 0
    _check_branch(recipe, first)
    mixture = recipe.mixture().after(first, branch.position if branch else {})
    check_passes(recipe, mixture, sources.available)
    _check_ranks(recipe, world)
    peak = peak_flops(dtype)
    plan = make_plan(recipe, spec, mixture, sources.available, dtype, peak, world, first)
    return Run(recipe, spec, sources.corpora, mixture, sources.held_out, sources.tokenizer, dtype, peak, plan, branch)


def plan_run(recipe: PretrainRecipe, world: World, branch: Branch | None = None) -> Plan:
    """The plan of a run whose corpora need not be there yet. Raises SmolkitError where it could not be carried out."""
    first = branch.step if branch else 0
    _check_branch(recipe, first)
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
    with staged(out, overwrite=overwrite) if world.leads else nullcontext() as staging:
        if world.leads:
            _open_run_dir(run, run_dir, resume=resume, overwrite=overwrite)
        world.wait()
        with _memory_advice(run, world):
            model, scores = _Engine(run, run_dir, world, console).run()
        weights = _whole_weights(model, run.spec, run.dtype)
        if world.leads:
            assert staging is not None
            _write_result(run, weights, staging, run_dir, scores)
    world.wait()
    return scores


def run_directory(out: Path) -> Path:
    """Where the checkpoints and metrics of the run that writes `out` stand."""
    return out.with_name(out.name + ".run")


class _Engine:
    """The loop: batches in order, gradients over micro-batches and ranks, the optimizer, checkpoints, the ledger."""

    def __init__(self, run: Run, run_dir: Path, world: World, console: Console):
        self.run_, self.recipe, self.world, self.console = run, run.recipe, world, console
        self.run_dir = run_dir
        self.say: Callable[[str], None] = (
            (lambda line: console.print(line, highlight=False, markup=False)) if world.leads else (lambda line: None)
        )
        kept = Kept(self.recipe.checkpoint.keep, self.recipe.checkpoint.keep_every)
        self.checkpoints = Checkpoints(
            run_dir / CHECKPOINTS, kept, world, wait=self.recipe.checkpoint.wait, say=self.say
        )
        self.model = open_model(run, world)
        section = self.recipe.optimizer
        groups = decay_groups(
            self.model.causal, section.weight_decay, embeddings=section.decay_embeddings, norms=section.decay_norms
        )
        self.optimizer = MasterAdamW(groups, lr=section.lr, betas=section.betas, eps=section.eps)
        self.schedule = self.recipe.schedule.build(self.recipe.steps)
        self.thetas = dict(zip((stage.name for stage in self.recipe.stages), self.recipe.thetas(), strict=True))
        self.loader = Loader(run.recipe, run.corpora, run.held_out, run.mixture, world)
        self.stage = ""
        self.tokens = 0

    def run(self) -> tuple[LanguageModel, dict[str, Any]]:
        first = self._restore()
        ledger = self._ledger() if self.world.leads else None
        if ledger:
            ledger.begin(first)
        validation = self._validation() if self.recipe.validation.every else {}
        steps = self.recipe.steps
        with ledger.progress if ledger else nullcontext(), self.loader:
            for step in range(first, steps):
                self._train_step(step, ledger)
                done = step + 1
                loss = (
                    self._validate(done, validation, ledger) if validation and self._due(done, "validation") else None
                )
                if self._due(done, "checkpoint"):
                    self.checkpoints.save(state_of(self.model, self.optimizer), self._trainer(done, loss))
            self.checkpoints.finish()
        return self.model, self._scores()

    def _due(self, done: int, what: str) -> bool:
        every = getattr(self.recipe, what).every
        return every is not None and (done % every == 0 or done == self.recipe.steps)

    def _restore(self) -> int:
        """Begin at the newest checkpoint, at the branch, or at step 0; the step."""
        run = self.run_
        checkpoint = self.checkpoints.newest()
        source = checkpoint or (Path(run.branch.checkpoint) if run.branch else None)
        found = check_start(self.model, self.world)
        if self.world.size > 1:
            self.say(f"start-up check: {found['replicated']} tensors equal on all ranks, {found['sharded']} sharded")
        if source is None:
            return 0
        trainer = restore(source, self.model, self.optimizer, self.world)
        step = int(trainer["step"])
        expected = run.mixture.position(step - run.first)
        if checkpoint and {k: v for k, v in trainer["position"].items() if v} != {
            k: v for k, v in expected.items() if v
        }:
            raise SmolkitError(
                f"the checkpoint is at {trainer['position']}, the recipe's order at {expected}",
                where=str(checkpoint),
                fix="Use the recipe that the run was started with",
            )
        self.tokens = int(trainer["tokens"])
        self.say(f"{'resuming' if checkpoint else 'branching'} from {source.name}")
        return step

    def _train_step(self, step: int, ledger: PretrainLedger | None) -> None:
        began = time.perf_counter()
        data, waited = self.loader.next(step)
        self._enter_stage(data.stage)
        rate = self.recipe.optimizer.lr * self.schedule(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        labels = float(self.world.total(torch.tensor(float(data.labels), dtype=torch.float64)))
        sums = self._accumulate(data, 1 / labels)
        norm = float(_whole(self.optimizer.clip_gradients(self.recipe.optimizer.clip or float("inf"))))
        counts = self.world.total(data.counts.clone())
        sums = self.world.total(sums).cpu()
        loss = float(sums.sum()) / labels
        if not torch.isfinite(torch.tensor(norm)):
            loss = float("nan") if torch.isfinite(torch.tensor(loss)) else loss
        elif loss == loss:
            self.optimizer.step()
        self.tokens += self.recipe.batch.tokens
        if ledger:
            seconds = time.perf_counter() - began
            self._record(step, data, loss, sums, counts, rate, norm, seconds, waited, ledger)
        elif loss != loss:
            raise SmolkitError(f"the loss of step {step + 1} is {loss}")

    def _accumulate(self, data: StepData, scale: float) -> torch.Tensor:
        """Forward and backward over this rank's micro-batches; the summed loss of every sequence of the step."""
        sums = torch.zeros(len(data.draws), device=self.world.device)
        for number, batch in enumerate(data.micro):
            if self.world.size > 1 and self.recipe.parallel.kind == "ddp":
                self.model.set_requires_gradient_sync(number == len(data.micro) - 1)  # type: ignore[operator]
            tokens = TokenBatch.of(batch, self.world.device, self.run_.dtype)
            loss, losses = self.model(tokens, scale, self.recipe.optimizer.z_loss)
            loss.backward()
            sums.index_add_(0, tokens.sequences, losses.float())
        return sums

    def _enter_stage(self, stage: str) -> None:
        if stage != self.stage:
            self.stage = stage
            self.model.set_rope_theta(self.thetas[stage])
            self.model.train()

    def _record(
        self,
        step: int,
        data: StepData,
        loss: float,
        sums: torch.Tensor,
        counts: torch.Tensor,
        rate: float,
        norm: float,
        seconds: float,
        waited: float,
        ledger: PretrainLedger,
    ) -> None:
        by_source: dict[str, list[float]] = {}
        for draw, total, count in zip(data.draws, sums.tolist(), counts.tolist(), strict=True):
            held = by_source.setdefault(draw.source, [0.0, 0.0])
            held[0], held[1] = held[0] + total, held[1] + count
        losses = {name: total / count for name, (total, count) in sorted(by_source.items()) if count}
        spiked = ledger.step(
            Figures(
                step=step + 1,
                stage=data.stage,
                loss=loss,
                losses=losses,
                learning_rate=rate,
                gradient_norm=norm,
                tokens=self.tokens,
                step_tokens=self.recipe.batch.tokens,
                seconds=seconds,
                waited=waited,
            )
        )
        if spiked:
            ledger.spike(step + 1, loss, self.loader.worst(data, sums, counts))

    def _validation(self) -> dict[str, list[Batch]]:
        section = self.recipe.validation
        limit = self.recipe.batch.micro_tokens
        return {
            name: held_out_batches(corpus, self.run_.held_out[name], section.tokens, self.recipe.sequence, limit)
            for name, corpus in self.run_.corpora.items()
        }

    @torch.no_grad()
    def _validate(self, step: int, batches: Mapping[str, list[Batch]], ledger: PretrainLedger | None) -> float:
        """The loss on documents held out, by source, and weighted as the stage weights its sources."""
        self.model.eval()
        losses = {}
        for name, parts in batches.items():
            total = count = 0.0
            for batch in parts:
                tokens = TokenBatch.of(batch, self.world.device, self.run_.dtype)
                loss, each = self.model(tokens, 1.0)
                total, count = total + float(loss), count + len(each)
            losses[name] = total / count
        self.model.train()
        weights = self.run_.mixture.stage_of(min(step, self.recipe.steps - 1) - self.run_.first).weights
        mean = sum(weight * losses[name] for name, weight in weights.items())
        if ledger:
            ledger.validation(step, mean, losses)
        return mean

    def _trainer(self, step: int, validation_loss: float | None) -> dict[str, Any]:
        return {
            "step": step,
            "tokens": self.tokens,
            "position": self.run_.mixture.position(step - self.run_.first),
            "validation_loss": validation_loss,
            "world": self.world.size,
            "gradients": "none: checkpoints stand between two optimizer steps",
        }

    def _ledger(self) -> PretrainLedger:
        flops = flops_per_token(self.run_.spec, self.recipe.sequence)
        peak = self.run_.peak[0] * self.world.size
        tracker = _tracker(self.recipe, self.run_dir.name)
        return PretrainLedger(self.run_dir, self.recipe.steps, flops, peak, self.console, tracker)

    def _scores(self) -> dict[str, Any]:
        if not self.world.leads:
            return {}
        metrics = read_metrics(self.run_dir / METRICS)
        lines = [line for line in metrics if "loss" in line]
        measured = [line["validation_loss"] for line in metrics if "validation_loss" in line]
        last = lines[-10:]
        return {
            "final_loss": round(sum(line["loss"] for line in last) / len(last), 4),
            **({"validation_loss": round(measured[-1], 4)} if measured else {}),
            "tokens": lines[-1]["tokens"],
            "training_seconds": round(sum(line["seconds"] for line in lines), 1),
            "tokens_per_second": round(
                self.recipe.batch.tokens * len(lines) / sum(line["seconds"] for line in lines), 1
            ),
            "mfu": round(
                sum(line["mfu"] * line["seconds"] for line in lines) / sum(line["seconds"] for line in lines), 4
            ),
            "peak_memory_gib": round(peak_memory_gib(), 2),
        }


def open_model(run: Run, world: World) -> LanguageModel:
    """The model with its first weights, on its device, sharded where there are many ranks."""
    causal: Any = build_model(run.spec.config())
    section = run.recipe.initialization
    if section.weights:
        _copy_weights(causal, section.weights)
    else:
        std = section.std or run.spec.hidden**-0.5
        initialize(causal, run.recipe.seed, std, scale_residuals=section.scale_residuals)
    compiled = run.recipe.compile and world.device.type == "cuda"
    if world.size == 1:
        cast_parameters(causal, torch.float32)
        causal.to(world.device)
    model = LanguageModel(causal, checkpointing=run.recipe.activation_checkpointing, compiled=compiled)
    if world.size > 1:
        causal.to(world.device)
        share_out(model, run.recipe.parallel.kind, world, run.dtype)
    else:
        cast_parameters(causal, run.dtype)
    return model.train()


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
    ledger, cuda = spec.ledger(), world.device.type == "cuda"
    plan = Plan(f"Pretraining {recipe.model if isinstance(recipe.model, str) else 'a model'}")
    plan.add("parameters", ledger.total, "tied matrices counted once")
    plan.add("parameters_without_embedding", ledger.non_embedding)
    if first:
        plan.add("branched_at_step", first)
    plan.add("steps", recipe.steps, f"{recipe.batch.tokens:,} tokens each")
    tokens = sum(stage.tokens for stage in mixture.stages)
    plan.add("tokens", tokens, f"{tokens / ledger.total:,.4g} per parameter; Chinchilla's rule of thumb is 20")
    plan_stages(plan, recipe, mixture, available, first)
    schedule = recipe.schedule
    fall = f", {schedule.shape} decay over {schedule.decay_steps:,} steps" if schedule.kind == "wsd" else ""
    plan.add("learning_rate", recipe.optimizer.lr, f"{schedule.kind}, warmup {schedule.warmup_steps:,} steps{fall}")
    plan.add("dtype", str(dtype).removeprefix("torch."), "float32 masters and sums of gradients")
    plan.add("processes", world.size, recipe.parallel.kind if world.size > 1 else "")
    needed = memory_needed(recipe, spec, dtype, world.size, cuda=cuda)
    plan.add("memory_estimate_gib", round(needed.total / 2**30, 2), needed.parts)
    plan_cost(plan, recipe, spec, mixture, peak, world.size)
    return plan


def _check_branch(recipe: PretrainRecipe, first: int) -> None:
    if first >= recipe.steps:
        raise SmolkitError(
            f"the checkpoint is of step {first}, and the recipe ends at {recipe.steps}",
            fix=f"Set steps to where the branch shall end, as in --set steps={first + first // 5 + 1}",
        )


def _check_ranks(recipe: PretrainRecipe, world: World) -> None:
    for stage in recipe.mixture().stages:
        if stage.sequences_per_step % world.size:
            raise SmolkitError(
                f"stage {stage.name} has {stage.sequences_per_step} sequences per step, which {world.size} processes "
                "cannot share out evenly",
                fix=f"Set batch.tokens to a multiple of {stage.sequence * world.size}",
            )


@contextmanager
def _memory_advice(run: Run, world: World) -> Iterator[None]:
    cuda = world.device.type == "cuda"
    needed = memory_needed(run.recipe, run.spec, run.dtype, world.size, cuda=cuda)
    check_memory(needed, memory_available(), run.recipe, run.spec, run.dtype, world.size, cuda=cuda)
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as exc:
        free = torch.cuda.get_device_properties(0).total_memory * 0.9 if cuda else memory_available()
        fix = advice(run.recipe, run.spec, run.dtype, world.size, free, cuda=cuda)
        raise SmolkitError("out of memory", fix=fix) from exc


def _copy_weights(causal: Any, name: str) -> None:
    """Fill a model from another of the same sizes. Raises SmolkitError naming the first tensor that does not fit."""
    from smolkit.models import load_model

    given = load_model(name, dtype=torch.float32).state_dict()
    wanted = causal.state_dict()
    for key, tensor in wanted.items():
        if key not in given or given[key].shape != tensor.shape:
            found = tuple(given[key].shape) if key in given else "missing"
            raise SmolkitError(
                f"{key} is {found} in {name}, and {tuple(tensor.shape)} in the recipe's model",
                where="initialization.weights",
                fix="Name a model of the same sizes",
            )
    causal.load_state_dict({key: given[key] for key in wanted})


def _whole_weights(model: LanguageModel, spec: ModelSpec, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """All parameters in the run's dtype on the CPU, gathered from the ranks that hold them."""
    return {
        name: _whole(parameter.detach()).to(device="cpu", dtype=dtype, copy=True)
        for name, parameter in model.causal.named_parameters()
    }


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def _write_result(
    run: Run, weights: Mapping[str, torch.Tensor], staging: Path, run_dir: Path, scores: dict[str, Any]
) -> None:
    model: Any = build_model(run.spec.config())
    cast_parameters(model, run.dtype)
    model.load_state_dict(weights, strict=False)  # a tied head is not among them
    model.tie_weights()
    save_model(model, run.tokenizer, staging)
    metrics = read_metrics(run_dir / METRICS)
    shutil.copy(run_dir / METRICS, staging / METRICS)
    plot_pretraining(metrics, staging / "curves.png")
    (staging / "README.md").write_text(pretrain_card(run.recipe, run.plan, scores), encoding="utf-8")
    details = {"plan": run.plan.as_dict(), "branch": vars(run.branch) if run.branch else None}
    write(
        staging,
        Manifest(
            kind="model",
            recipe=resolved(run.recipe),
            sources=tuple(_sources(run)),
            scores=scores,
            details=details,
        ),
    )


def _sources(run: Run) -> Iterator[Source]:
    for name, corpus in run.corpora.items():
        yield Source(role=f"corpus {name}", name=str(corpus.directory), sha256=corpus_hash(corpus))


def corpus_hash(corpus: Corpus) -> str:
    """One hash over the hashes of a corpus's files, as its manifest has them."""
    files = read(corpus.directory, verify=False).files
    listed = "".join(f"{entry.sha256}  {name}\n" for name, entry in sorted(files.items()))
    return hashlib.sha256(listed.encode()).hexdigest()


def _open_run_dir(run: Run, run_dir: Path, *, resume: bool, overwrite: bool) -> None:
    """Make or reopen the run directory. Raises SmolkitError for one that must not be lost or is another run's."""
    identity = run_identity(run)
    described = run_dir / RUN_FILE
    if resume:
        if not described.is_file():
            raise SmolkitError("no run to resume", where=str(run_dir), fix="Leave --resume out to start one")
        if json.loads(described.read_text())["identity"] != identity:
            raise SmolkitError(
                "this run was started with another recipe or other corpora",
                where=str(described),
                fix="Use the same recipe to resume it, or leave --resume out and add --overwrite",
            )
        return
    if described.is_file() and not overwrite:
        raise SmolkitError(
            "an earlier run stands here, with its checkpoints",
            where=str(run_dir),
            fix="Add --resume to go on with it, --overwrite to start again, or name another --out",
        )
    if run_dir.is_dir() and not described.is_file() and any(run_dir.iterdir()) and not overwrite:
        raise SmolkitError(
            f"is where the checkpoints go, and holds something else than a run (no {RUN_FILE})",
            where=str(run_dir),
            fix="Name another --out, or move this away",
        )
    shutil.rmtree(run_dir, ignore_errors=True)
    (run_dir / CHECKPOINTS).mkdir(parents=True)
    with staged_file(described) as aside:
        content = {
            "identity": identity,
            "recipe": resolved(run.recipe),
            "branch": vars(run.branch) if run.branch else None,
            "plan": run.plan.as_dict(),
        }
        aside.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")


def read_branch(run_dir: Path) -> Branch | None:
    """The branch that a run in `run_dir` was started from, if it was."""
    described = run_dir / RUN_FILE
    if not described.is_file():
        return None
    branch = json.loads(described.read_text(encoding="utf-8")).get("branch")
    return Branch(**branch) if branch else None


def run_identity(run: Run) -> str:
    """A hash over what decides the weights: two runs with the same one do the same."""
    recipe = {name: value for name, value in resolved(run.recipe).items() if name not in _UNCHANGING}
    recipe["batch"] = {"tokens": run.recipe.batch.tokens}
    recipe["sources"] = {name: corpus_hash(corpus) for name, corpus in run.corpora.items()}
    branch = (run.branch.step, run.branch.position) if run.branch else None
    return hashlib.sha256(json.dumps([recipe, branch], sort_keys=True).encode()).hexdigest()


def _tracker(recipe: PretrainRecipe, name: str) -> Callable[[dict[str, Any]], None] | None:
    if recipe.track == "none":
        return None
    trackio = require("trackio", extra="track", why="track: trackio")
    trackio.init(project="smolkit", name=name, config=resolved(recipe))

    def log(line: dict[str, Any]) -> None:
        trackio.log({key: value for key, value in line.items() if key != "step"}, step=line["step"])

    return log
