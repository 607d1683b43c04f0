"""The pretraining loop: batches, gradients over micro-batches and ranks, the optimizer, checkpoints, the ledger.

It knows one prepared `Run` and the directory that it stands in; what is read before and written after is
`smolkit.train.pretrain`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console
from torch.distributed.fsdp import FSDPModule

from smolkit.data.packing import Batch
from smolkit.errors import SmolkitError
from smolkit.models import load_model
from smolkit.models.initial import build_model, initialize
from smolkit.optim.master import MasterAdamW, decay_groups
from smolkit.recipe import resolved
from smolkit.train.checkpoints import Checkpoints, Kept, restore, state_of
from smolkit.train.language_model import LanguageModel, TokenBatch
from smolkit.train.ledger import open_tracker
from smolkit.train.loader import Loader, StepData, held_out_batches
from smolkit.train.parallel import World, check_start, gathered, share_out
from smolkit.train.preflight import flops_per_token
from smolkit.train.pretrain_ledger import Figures, PretrainLedger
from smolkit.train.run_files import CHECKPOINTS
from smolkit.train.samples import Sampler

if TYPE_CHECKING:
    from smolkit.train.pretrain import Run

_SHAPES_COMPILED = 64
"""Forms of a layer that are compiled before torch gives up: several lengths of rows, with and without gradients."""


class Engine:
    """One run on one rank. Made before the run directory is, so that what cannot begin leaves nothing."""

    def __init__(self, run: Run, run_dir: Path, world: World, console: Console):
        self.run, self.recipe, self.world, self.console, self.run_dir = run, run.recipe, world, console, run_dir
        self.say: Callable[[str], None] = (
            (lambda line: console.print(line, highlight=False, markup=False)) if world.leads else (lambda line: None)
        )
        kept = Kept(self.recipe.checkpoint.keep, self.recipe.checkpoint.keep_every)
        wait = self.recipe.checkpoint.wait
        self.checkpoints = Checkpoints(run_dir / CHECKPOINTS, kept, world, wait=wait, say=self.say)
        self.model = open_model(run, world)
        self.optimizer = open_optimizer(self.model, run, world)
        self.schedule = self.recipe.schedule.build(self.recipe.steps)
        self.thetas = dict(zip((stage.name for stage in self.recipe.stages), self.recipe.thetas(), strict=True))
        self.loader = Loader(run.recipe, run.corpora, run.held_out, run.mixture, world)
        self.stage = ""
        self.tokens = 0

    def train(self, *, resume: bool) -> None:
        """From the newest checkpoint, the branch or the start to the last step."""
        first = self._restore(resume=resume)
        ledger = self._ledger(first) if self.world.leads else None
        validation = self._validation() if self.recipe.validation.every else {}
        sampler = self._sampler() if self.world.leads and self.recipe.samples.every else None
        with ledger.progress if ledger else nullcontext(), self.loader:
            for step in range(first, self.recipe.steps):
                self._train_step(step, ledger)
                done = step + 1
                loss = None
                if self._due(done, self.recipe.validation.every):
                    loss = self._validate(done, validation, ledger)
                if self._due(done, self.recipe.samples.every):
                    self._sample(done, sampler)
                if self._due(done, self.recipe.checkpoint.every):
                    self.checkpoints.save(state_of(self.model, self.optimizer), self._trainer(done, loss))
            self.checkpoints.finish()

    def _due(self, done: int, every: int | None) -> bool:
        return every is not None and (done % every == 0 or done == self.recipe.steps)

    # ---- beginning

    def _restore(self, *, resume: bool) -> int:
        """Prove that all ranks begin alike, and fill the model from a checkpoint where there is one; the step."""
        run = self.run
        found = check_start(self.model, self.world)
        if self.world.size > 1:
            self.say(f"start-up check: {found['replicated']} tensors equal on all ranks, {found['sharded']} sharded")
        checkpoint = self.checkpoints.newest()
        if resume and checkpoint is None:
            self.say("there is no checkpoint yet, so the run starts again")
        source = checkpoint or (Path(run.branch.checkpoint) if run.branch else None)
        if source is None:
            return 0
        trainer = restore(source, self.model, self.optimizer, self.world)
        step = int(trainer["step"])
        expected = run.mixture.position(step - run.first)
        if checkpoint and _used(trainer["position"]) != _used(expected):
            raise SmolkitError(
                f"the checkpoint is at {trainer['position']}, the recipe's order at {expected}",
                where=str(checkpoint),
                fix="Use the recipe that the run was started with",
            )
        self.tokens = int(trainer["tokens"])
        self.say(f"{'resuming' if checkpoint else 'branching'} from {source.name}")
        return step

    def _ledger(self, first: int) -> PretrainLedger:
        peak = self.run.peak[0] * self.world.size
        tracker = open_tracker(self.recipe.track, resolved(self.recipe), self.run_dir.name)
        ledger = PretrainLedger(self.run_dir, self.recipe.steps, peak, self.console, tracker)
        ledger.begin(first)
        return ledger

    # ---- a step

    def _train_step(self, step: int, ledger: PretrainLedger | None) -> None:
        began = time.perf_counter()
        data, waited = self.loader.next(step)
        self._enter_stage(data.stage)
        rate = self.recipe.optimizer.lr * self.schedule(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        labels = float(self.world.total(torch.tensor(float(data.labels), dtype=torch.float64, device=self._exchange)))
        sums = self.world.total(self._accumulate(data, 1 / labels)).cpu()
        norm = float(whole(self.optimizer.clip_gradients(self.recipe.optimizer.clip or math.inf)))
        loss = float(sums.sum()) / labels
        _check_finite(step + 1, loss, norm)
        self.optimizer.step()
        self.tokens += self.recipe.batch.tokens
        counts = self.world.total(data.counts.to(self._exchange)).cpu()
        if ledger:
            seconds = time.perf_counter() - began
            figures = self._figures(step + 1, data, loss, _by_source(data, sums, counts), rate, norm, seconds, waited)
            if ledger.step(figures):
                ledger.spike(step + 1, loss, self.loader.worst(data, sums, counts))

    @property
    def _exchange(self) -> torch.device:
        """Where tensors must be that ranks add up."""
        return self.world.device

    def _accumulate(self, data: StepData, scale: float) -> torch.Tensor:
        """Forward and backward over this rank's micro-batches; the summed loss of every sequence of the step."""
        sums = torch.zeros(len(data.draws), device=self.world.device)
        replicated = self.recipe.parallel.kind == "ddp"
        for number, batch in enumerate(data.micro):
            if isinstance(self.model, FSDPModule) and replicated:
                self.model.set_requires_gradient_sync(number == len(data.micro) - 1)
            tokens = TokenBatch.of(batch, self.world.device, self.run.dtype)
            loss, losses = self.model(tokens, scale, self.recipe.optimizer.z_loss)
            loss.backward()
            sums.index_add_(0, tokens.sequences, losses.float())
        return sums

    def _enter_stage(self, stage: str) -> None:
        if stage != self.stage:
            self.stage = stage
            self.model.set_rope_theta(self.thetas[stage])

    def _figures(
        self,
        step: int,
        data: StepData,
        loss: float,
        losses: Mapping[str, float],
        rate: float,
        norm: float,
        seconds: float,
        waited: float,
    ) -> Figures:
        return Figures(
            step=step,
            stage=data.stage,
            loss=loss,
            losses=losses,
            learning_rate=rate,
            gradient_norm=norm,
            tokens=self.tokens,
            step_tokens=self.recipe.batch.tokens,
            flops=flops_per_token(self.run.spec, data.draws[0].count),
            seconds=seconds,
            waited=waited,
        )

    # ---- samples, validation and checkpoints

    def _sampler(self) -> Sampler:
        run = self.run
        return Sampler(self.recipe.samples, run.prompts, self.model.causal, run.tokenizer, self.run_dir)

    def _sample(self, step: int, sampler: Sampler | None) -> None:
        """Write samples on the leading rank; the others give it their shards."""
        with gathered(self.model):
            if sampler:
                sampler.write(step)

    def _validation(self) -> dict[str, list[Batch]]:
        section, limit = self.recipe.validation, self.recipe.batch.micro_tokens
        return {
            name: held_out_batches(corpus, self.run.held_out[name], section.tokens, self.recipe.sequence, limit)
            for name, corpus in self.run.corpora.items()
        }

    @torch.no_grad()
    def _validate(self, step: int, batches: Mapping[str, list[Batch]], ledger: PretrainLedger | None) -> float:
        """The loss on documents held out, by source, and weighted as the stage weights its sources."""
        losses = {name: self._mean_loss(parts) for name, parts in batches.items()}
        if isinstance(self.model, FSDPModule):
            self.model.reshard()  # what the root gathers stays gathered until a backward pass, and there is none
        stage = self.run.mixture.stage_of(min(step, self.recipe.steps - 1) - self.run.first)
        mean = sum(weight * losses[name] for name, weight in stage.weights.items())
        if ledger:
            ledger.validation(step, mean, losses)
        return mean

    def _mean_loss(self, batches: list[Batch]) -> float:
        """The mean over all tokens; ranks share out the batches, and run equally many as sharded layers need it."""
        total = torch.zeros(2, dtype=torch.float64, device=self.world.device)
        for first in range(0, len(batches), self.world.size):
            number = first + self.world.rank
            batch = batches[min(number, len(batches) - 1)]
            losses = self.model(TokenBatch.of(batch, self.world.device, self.run.dtype), 1.0)[1]
            if number < len(batches):
                total += torch.stack([losses.sum(dtype=torch.float64), total.new_tensor(float(len(losses)))])
        added, count = self.world.total(total).tolist()
        return float(added / count)

    def _trainer(self, step: int, validation_loss: float | None) -> dict[str, Any]:
        return {
            "step": step,
            "tokens": self.tokens,
            "position": self.run.mixture.position(step - self.run.first),
            "data": self.run.order,
            "validation_loss": validation_loss,
            "world": self.world.size,
            "gradients": "none: checkpoints stand between two optimizer steps",
        }


def open_model(run: Run, world: World) -> LanguageModel:
    """The model with its first weights in float32, on its device, sharded where there are many ranks."""
    causal: Any = build_model(run.spec.config())
    section = run.recipe.initialization
    if section.weights:
        _copy_weights(causal, section.weights)
    else:
        std = section.std or run.spec.hidden**-0.5
        initialize(causal, run.recipe.seed, std, scale_residuals=section.scale_residuals)
    # In float32 attention runs row by row, and would be compiled anew for every batch.
    compiled = run.recipe.compile and world.device.type == "cuda" and run.dtype == torch.bfloat16
    if compiled:
        torch._dynamo.config.recompile_limit = _SHAPES_COMPILED
    model = LanguageModel(causal, checkpointing=run.recipe.activation_checkpointing, compiled=compiled)
    causal.to(world.device)
    if world.size > 1:
        share_out(model, run.recipe.parallel.shards(world.size), world, run.dtype)
    return model.train()


def open_optimizer(model: LanguageModel, run: Run, world: World) -> MasterAdamW:
    """The optimizer of a model in float32, which rounds it to what it computes with; sharding does that by itself."""
    section = run.recipe.optimizer
    groups = decay_groups(
        model.causal, section.weight_decay, embeddings=section.decay_embeddings, norms=section.decay_norms
    )
    dtype = run.dtype if world.size == 1 else None
    return MasterAdamW(groups, compute_dtype=dtype, lr=section.lr, betas=section.betas, eps=section.eps)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor gathered from all ranks that hold a part of it; all of them must ask."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def _copy_weights(causal: Any, name: str) -> None:
    """Fill a model from another of the same sizes. Raises SmolkitError naming the first tensor that does not fit."""
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


def _check_finite(step: int, loss: float, norm: float) -> None:
    """On every rank alike, as all have the same sums."""
    if math.isfinite(loss) and math.isfinite(norm):
        return
    what = f"the loss of step {step} is {loss}" if not math.isfinite(loss) else f"the gradient of step {step} is {norm}"
    raise SmolkitError(
        f"{what}, so the run is lost",
        fix="Lower optimizer.lr, lengthen schedule.warmup_steps, or set optimizer.z_loss; checkpoints are whole",
    )


def _by_source(data: StepData, sums: torch.Tensor, counts: torch.Tensor) -> dict[str, float]:
    held: dict[str, list[float]] = {}
    for draw, total, count in zip(data.draws, sums.tolist(), counts.tolist(), strict=True):
        entry = held.setdefault(draw.source, [0.0, 0.0])
        entry[0], entry[1] = entry[0] + total, entry[1] + count
    return {name: total / count for name, (total, count) in sorted(held.items()) if count}


def _used(position: Mapping[str, int]) -> dict[str, int]:
    return {name: tokens for name, tokens in position.items() if tokens}
