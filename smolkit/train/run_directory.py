"""The directory in which a pretraining run stands: which run it is, from which branch, and that it is ours."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from smolkit.data.corpus import Corpus
from smolkit.errors import SmolkitError
from smolkit.manifest import check_destination, read, staged_file
from smolkit.recipe import resolved
from smolkit.train.checkpoints import read_trainer
from smolkit.train.pretrain_recipe import PretrainRecipe
from smolkit.train.run_files import CHECKPOINTS, RUN_FILE, run_directory

_UNCHANGING = ("parallel", "compile", "activation_checkpointing", "samples", "checkpoint", "hardware", "track")
"""Parts of a recipe that may differ when a run goes on: they decide how it is computed and watched, and not what."""


@dataclass(frozen=True)
class Branch:
    """Where a run begins that goes on from another one's checkpoint."""

    checkpoint: str
    step: int
    position: dict[str, int]
    """Tokens of every source that were used before."""
    data: dict[str, Any] = field(default_factory=dict)
    """The order in which they were used, as `order_of` gives it."""

    @classmethod
    def of(cls, checkpoint: Path) -> Branch:
        """From a checkpoint's own directory. Raises SmolkitError where it is none, or damaged."""
        trainer = read_trainer(checkpoint)
        read(checkpoint)
        return cls(str(checkpoint.resolve()), trainer["step"], trainer["position"], trainer["data"])


def order_of(recipe: PretrainRecipe, corpora: Mapping[str, Corpus], held_out: Mapping[str, int]) -> dict[str, Any]:
    """What decides the order of documents: two runs with the same one read every source alike."""
    sources = {name: {"corpus": corpus_hash(corpus), "held_out": held_out[name]} for name, corpus in corpora.items()}
    return {"seed": recipe.seed, "sources": sources}


def check_order(branch: Branch, order: Mapping[str, Any]) -> None:
    """Raise SmolkitError where a branch would read its trunk's sources in another order, and so again in part."""
    then, now = branch.data, order
    fix = "Branch with the trunk's seed, corpora and validation"
    if then["seed"] != now["seed"]:
        raise SmolkitError(
            f"the trunk has seed {then['seed']} and the branch {now['seed']}, so documents would be read again", fix=fix
        )
    for name in then["sources"].keys() & now["sources"].keys():
        for what in ("corpus", "held_out"):
            if then["sources"][name][what] != now["sources"][name][what]:
                said = "is another corpus" if what == "corpus" else "holds out other documents for validation"
                raise SmolkitError(f"source {name} {said} than in the trunk", fix=fix)


def corpus_hash(corpus: Corpus) -> str:
    """One hash over the hashes of a corpus's files, as its manifest has them."""
    files = read(corpus.directory, verify=False).files
    listed = "".join(f"{entry.sha256}  {name}\n" for name, entry in sorted(files.items()))
    return hashlib.sha256(listed.encode()).hexdigest()


def identity_of(recipe: PretrainRecipe, order: Mapping[str, Any], dtype: str, branch: Branch | None) -> str:
    """A hash over what decides the weights: two runs with the same one do the same."""
    kept = {name: value for name, value in resolved(recipe).items() if name not in _UNCHANGING}
    kept |= {"batch": {"tokens": recipe.batch.tokens}, "sources": order["sources"], "dtype": dtype}
    begun = (branch.step, branch.position) if branch else None
    return hashlib.sha256(json.dumps([kept, begun], sort_keys=True).encode()).hexdigest()


def check_run_directory(
    out: Path, identity: str, *, resume: bool, overwrite: bool, inputs: Iterable[str | Path]
) -> None:
    """Raise SmolkitError for a destination or run directory that must not be lost, or is another run's."""
    run_dir, kept = run_directory(out), list(inputs)
    check_destination(out, overwrite=overwrite, inputs=kept)
    described = run_dir / RUN_FILE
    if resume:
        if not described.is_file():
            raise SmolkitError("no run to resume", where=str(run_dir), fix="Leave --resume out to start one")
        if read_run(run_dir)["identity"] != identity:
            raise SmolkitError(
                "this run was started with another recipe or other corpora",
                where=str(described),
                fix="Use the same recipe to resume it, or leave --resume out and add --overwrite",
            )
        return
    check_destination(run_dir, overwrite=True, inputs=kept)
    if described.is_file() and not overwrite:
        raise SmolkitError(
            "an earlier run stands here, with its checkpoints",
            where=str(run_dir),
            fix="Add --resume to go on with it, --overwrite to start again, or name another --out",
        )
    if run_dir.is_dir() and not described.is_file() and any(run_dir.iterdir()):
        raise SmolkitError(
            f"is where the checkpoints go, and holds something else than a run (no {RUN_FILE})",
            where=str(run_dir),
            fix="Name another --out, or move this away",
        )


def make_run_directory(run_dir: Path, content: Mapping[str, Any]) -> None:
    """Begin a run anew: whatever an earlier one left here is removed."""
    try:
        shutil.rmtree(run_dir, ignore_errors=True)
        (run_dir / CHECKPOINTS).mkdir(parents=True)
        with staged_file(run_dir / RUN_FILE) as aside:
            aside.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as exc:
        fix = "Name another --out"
        raise SmolkitError(f"cannot be written ({exc.strerror})", where=str(run_dir), fix=fix) from exc


def forget_if_empty(run_dir: Path) -> None:
    """Remove the directory of a run that ended before its first step."""
    if not any(path.is_file() for path in run_dir.rglob("*") if path.name != RUN_FILE):
        shutil.rmtree(run_dir, ignore_errors=True)


def read_run(run_dir: Path) -> dict[str, Any]:
    """What `make_run_directory` wrote. Raises SmolkitError where it cannot be read."""
    described = run_dir / RUN_FILE
    try:
        content = json.loads(described.read_text(encoding="utf-8"))
        assert isinstance(content["identity"], str)
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as exc:
        fix = "Take it from a backup, or start again with --overwrite"
        raise SmolkitError("does not describe a run", where=str(described), fix=fix) from exc
    found: dict[str, Any] = content
    return found


def read_branch(run_dir: Path) -> Branch | None:
    """The branch that a run was started from, if it was, or if there is a run at all."""
    if not (run_dir / RUN_FILE).is_file():
        return None
    branch = read_run(run_dir).get("branch")
    return Branch(**branch) if branch else None


def branch_content(branch: Branch | None) -> dict[str, Any] | None:
    """A branch as JSON can hold it."""
    return asdict(branch) if branch else None
