"""An app's folder written as a Space, with what it is to show beside it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from smolkit.apps.models import Given, short_names
from smolkit.assets import asset
from smolkit.errors import ManifestError, ModelError, SmolkitError
from smolkit.manifest import Manifest, Source, staged, write
from smolkit.models import BUNDLED

_LEFT_OUT = {"runs": ("checkpoints", "*.safetensors", "tokenizer*")}
"""Of what is copied into a Space, by the folder it goes to: weights, which no page shows."""


def write_space(
    name: str, destination: Path, contents: Mapping[str, Path], details: Mapping[str, Any] | None = None
) -> None:
    """An app's folder as a Space, files and directories of this machine copied into it; `details` are its manifest's.

    Raises SmolkitError for one that is not there, ManifestError for a destination that is not ours to replace.
    """
    refuse_checkout(destination)
    for source in contents.values():
        if not source.exists():
            raise SmolkitError("is not there, so it cannot be copied into the Space", where=str(source))
    with staged(destination) as aside:
        shutil.copytree(asset("apps", name), aside, ignore=shutil.ignore_patterns(".*", "__*"), dirs_exist_ok=True)
        for inside, source in contents.items():
            _copy(source, aside / inside, leave_out=_LEFT_OUT.get(Path(inside).parts[0], ()))
        sources = tuple(Source.of(Path(inside).parts[0], source) for inside, source in contents.items())
        write(aside, Manifest(kind="space", sources=sources, details=dict(details or {})))


def refuse_checkout(destination: Path) -> None:
    """Raise ManifestError for a git checkout, which holds more than a Space's files."""
    if (destination / ".git").exists():
        raise ManifestError("is a git checkout", where=str(destination), fix="Name another directory; copy from there")


def model_of_space(model: str) -> dict[str, Path]:
    """The model that goes into a Space; the bundled one need not. Raises ModelError for one that is not here."""
    source = Path(model).expanduser()
    if model == BUNDLED:
        return {}
    if not source.exists():
        raise ModelError(
            f"no directory or file {model!r} to copy into the Space",
            fix="For a model of the Hub leave --model out, and set the Space's variable SMOLKIT_MODEL to its id",
        )
    return {f"model/{source.resolve().name}": source}


def models_of_space(given: Sequence[Given]) -> tuple[dict[str, Path], dict[str, list[str]]]:
    """The models that go into a Space, each under its own name, and how its manifest lists them all, in order.

    Raises ModelError for one that is not here.
    """
    copied: dict[str, Path] = {}
    listed = []
    for one, name in zip(given, short_names([one.model for one in given]), strict=True):
        inside = {f"model/{name}": source for source in model_of_space(one.model).values()}
        copied |= inside
        listed.append(str(replace(one, model=next(iter(inside), one.model))))
    return copied, {"models": listed} if copied else {}


def _copy(source: Path, target: Path, leave_out: Sequence[str]) -> None:
    target.parent.mkdir(exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(*leave_out))
    else:
        shutil.copyfile(source, target)
