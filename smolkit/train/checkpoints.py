"""Checkpoints of a pretraining run: written aside, hashed, renamed; the last ones and the best are kept.

A checkpoint holds the float32 weights, the optimizer's state, what the run knows about its place (`trainer.json`) and
every rank's random state, through torch.distributed.checkpoint: it can be read by another number of ranks, sharded
or not. It stands between two optimizer steps, so no gradient is under way. Files are hashed when written and proven
when read; one that a kill or a disk damaged is passed over for the one before.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint import FileSystemReader, FileSystemWriter

from smolkit.errors import ManifestError, SmolkitError
from smolkit.manifest import Manifest, flush, read, write
from smolkit.optim.master import MasterAdamW
from smolkit.train.language_model import LanguageModel
from smolkit.train.parallel import World

# What torch remarks when one process writes alone, from threads in which no context could silence it.
warnings.filterwarnings("ignore", message="torch.distributed is disabled", category=UserWarning)

TRAINER = "trainer.json"
_SAVING = ".saving"
_REMOVING = ".removing"
_DAMAGED = "damaged"
# What torch raises for a disk that is full or a file that cannot be written; the last is no Exception.
_UNWRITTEN = (OSError, RuntimeError, dcp.CheckpointException)
State = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """Which checkpoints stay: the last few, every so many steps for good, and the best."""

    last: int
    every: int | None = None


class Checkpoints:
    """The checkpoints in a directory, written by all ranks of `world` while training goes on."""

    def __init__(self, directory: Path, kept: Kept, world: World, *, wait: bool, say: Callable[[str], None]):
        self.directory = directory
        self.kept = kept
        self.world = world
        self.waits = wait
        self.say = say
        self._sealer = ThreadPoolExecutor(1, thread_name_prefix="seal")
        self._writing: Future[None] | None = None

    def save(self, state: State, trainer: Mapping[str, Any]) -> None:
        """Begin to write a checkpoint of `trainer["step"]`; the state is copied first and may change afterwards."""
        self.finish()
        aside = self.directory / f"{_SAVING}-{_name(trainer['step'])}"
        self.world.lead(lambda: self._begin(aside, trainer))
        how: dict[str, Any] = {"storage_writer": _Writer(aside), "no_dist": self.world.size == 1}
        written: Future[Any] = Future()
        try:
            torch.save(_random_state(), aside / f"random-{self.world.rank}.pt")
            if self.waits:
                written.set_result(dcp.save(state, process_group=self.world.writers, **how))
            else:
                copying = dcp.async_save(state, process_group=self.world.writers, **how)
                assert isinstance(copying, Future)
                written = copying
        except _UNWRITTEN as exc:
            raise self._unwritten(exc) from exc
        self._writing = self._sealer.submit(self._seal, written, aside, self.directory / _name(trainer["step"]))
        if self.waits:
            self.finish()

    def _begin(self, aside: Path, trainer: Mapping[str, Any]) -> None:
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            (aside / TRAINER).write_text(json.dumps(trainer, indent=2) + "\n", encoding="utf-8")
        except OSError as exc:
            raise self._unwritten(exc) from exc

    def _unwritten(self, exc: BaseException) -> SmolkitError:
        line = (str(exc).strip().splitlines() or [type(exc).__name__])[-1]
        return SmolkitError(
            f"the checkpoint cannot be written ({line[:200]})",
            where=str(self.directory),
            fix="Make room, or set checkpoint.keep lower; earlier checkpoints are whole",
        )

    def finish(self) -> None:
        """Wait for the checkpoint under way, if any, on every rank; raises what went wrong."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            self.world.lead(lambda: self._sealed(writing))

    def _sealed(self, writing: Future[None]) -> None:
        try:
            writing.result()
        except _UNWRITTEN as exc:
            raise self._unwritten(exc) from exc

    def _seal(self, written: Future[None], aside: Path, destination: Path) -> None:
        """On the leading rank: hash what all ranks wrote, rename it, and remove what need not stay."""
        written.result()
        if not self.world.leads:
            return
        write(aside, Manifest(kind="checkpoint"))
        flush(aside)
        if destination.exists():
            _remove(destination)
        aside.rename(destination)
        self._prune()

    def found(self) -> list[Path]:
        """Checkpoints by step, the newest first."""
        return sorted(self.directory.glob("step-*"), key=_step, reverse=True)

    def newest(self) -> Path | None:
        """The newest whole checkpoint, or None where there never was one; damaged ones are named and moved aside.

        Raises SmolkitError where all are damaged.
        """
        return self.world.lead(self._newest)

    def _newest(self) -> Path | None:
        for left in [*self.directory.glob(f"{_SAVING}-*"), *self.directory.glob(f"{_REMOVING}-*")]:
            shutil.rmtree(left, ignore_errors=True)
        damaged = []
        for checkpoint in self.found():
            try:
                read(checkpoint)
            except (ManifestError, OSError) as exc:
                self.say(f"{checkpoint.name} is damaged ({str(exc).splitlines()[0]})")
                damaged.append(checkpoint.name)
                checkpoint.rename(checkpoint.with_name(f"{_DAMAGED}-{checkpoint.name}"))
            else:
                return checkpoint
        if damaged:
            raise SmolkitError(
                f"no checkpoint is whole: {', '.join(damaged)} are damaged",
                where=str(self.directory),
                fix="Take one from a backup, or leave --resume out and add --overwrite to start again",
            )
        return None

    def _prune(self) -> None:
        found = self.found()
        scores = {checkpoint: _validation_loss(checkpoint) for checkpoint in found}
        measured = {checkpoint: score for checkpoint, score in scores.items() if score is not None}
        best = min(measured, key=measured.__getitem__) if measured else None
        every = self.kept.every
        for checkpoint in found[self.kept.last :]:
            if checkpoint != best and not (every and _step(checkpoint) % every == 0):
                _remove(checkpoint)


def _remove(checkpoint: Path) -> None:
    """Remove a directory under another name: a kill must not leave half of one under its own."""
    gone = checkpoint.with_name(f"{_REMOVING}-{checkpoint.name}")
    checkpoint.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _validation_loss(checkpoint: Path) -> float | None:
    try:
        loss: float | None = read_trainer(checkpoint).get("validation_loss")
    except SmolkitError:
        return None  # damaged, and so not the best
    return loss


def state_of(model: LanguageModel, optimizer: MasterAdamW) -> State:
    """Weights and optimizer state by parameter name: float32 tensors, those of the run itself."""
    masters = optimizer.by_name(model.causal)
    return {
        "weights": {name: master.detach() for name, master in masters.items()},
        "optimizer": {name: dict(optimizer.state[master]) for name, master in masters.items()},
    }


def restore(checkpoint: Path, model: LanguageModel, optimizer: MasterAdamW, world: World) -> dict[str, Any]:
    """Fill model and optimizer, however they are sharded, and the random state; returns `trainer.json`.

    Raises ManifestError or SmolkitError where the checkpoint is damaged or belongs to another model.
    """
    check_fits(checkpoint, {name: tuple(p.shape) for name, p in model.causal.named_parameters()})
    optimizer.make_state()
    state = state_of(model, optimizer)
    try:
        dcp.load(state, storage_reader=FileSystemReader(checkpoint), no_dist=world.size == 1)
    except (ValueError, KeyError, *_UNWRITTEN) as exc:
        line = (str(exc).strip().splitlines() or [type(exc).__name__])[-1]
        raise SmolkitError(
            f"the checkpoint does not fit this model ({line[:200]})", where=str(checkpoint), fix="Use its own recipe"
        ) from exc
    optimizer.publish()
    random = checkpoint / f"random-{world.rank}.pt"
    trainer = read_trainer(checkpoint)
    if random.is_file() and trainer["world"] == world.size:
        _restore_random(torch.load(random, weights_only=True))
    return trainer


def check_fits(checkpoint: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise SmolkitError unless a checkpoint holds weights of exactly these names and shapes."""
    read_trainer(checkpoint)
    try:
        stored = FileSystemReader(checkpoint).read_metadata().state_dict_metadata
    except (OSError, ValueError, RuntimeError, dcp.CheckpointException) as exc:
        raise SmolkitError("the checkpoint cannot be read", where=str(checkpoint), fix="Take another one") from exc
    prefix = "weights."
    saved = {
        name.removeprefix(prefix): tuple(getattr(entry, "size", ()))
        for name, entry in stored.items()
        if name.startswith(prefix)
    }
    if other := sorted(set(saved.items()) ^ set(shapes.items())):
        raise SmolkitError(
            f"the checkpoint is of another model: {other[0][0]} is {list(saved.get(other[0][0], ())) or 'missing'} "
            f"there, and {list(shapes.get(other[0][0], ())) or 'missing'} in the recipe's model",
            where=str(checkpoint),
            fix="Use the model that it was made with",
        )


def read_trainer(checkpoint: Path) -> dict[str, Any]:
    """What the run knew at a checkpoint: step, position, validation loss."""
    try:
        content: dict[str, Any] = json.loads((checkpoint / TRAINER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        fix = "Name a directory such as RUN/checkpoints/step-00001000"
        raise SmolkitError("is no checkpoint of a pretraining run", where=str(checkpoint), fix=fix) from exc
    return content


class _Writer(FileSystemWriter):
    """One file per rank, flushed to the disk before the checkpoint is named."""

    def __init__(self, path: Path):
        super().__init__(path, single_file_per_rank=True, sync_files=True, thread_count=1)


def _random_state() -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _restore_random(state: Mapping[str, torch.Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def _name(step: int) -> str:
    return f"step-{step:08d}"


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.partition("-")[2])
