"""Finds the data that ships with the package: recipes/, export/, apps/ and evals/.

In a checkout these folders stand beside the package, in an installation inside it (`smolkit/_assets/`).
This module knows where they are; it does not read them.
"""

from __future__ import annotations

from pathlib import Path

from smolkit.errors import SmolkitError

KINDS = ("apps", "evals", "export", "recipes")

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_assets"


def root() -> Path:
    """The directory that holds the four asset folders."""
    return _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent


def asset(*parts: str) -> Path:
    """The file or folder `parts` names, its kind first: `asset("recipes", "smoke", "extraction-demo.yaml")`.

    Raises SmolkitError naming the nearest asset when there is none of that name.
    """
    kind, *inner = parts
    if kind not in KINDS:
        raise SmolkitError(f"unknown asset kind {kind!r}", given=kind, known=KINDS)
    path = root().joinpath(*parts)
    if not path.exists():
        name = "/".join(inner)
        known = {entry.as_posix() for file in _files(kind) for entry in (file, *file.parents) if entry != Path()}
        raise SmolkitError(f"nothing named {name!r} in {kind}/", given=name, known=known)
    return path


def list_assets(kind: str) -> list[str]:
    """Names of the files under `kind`, relative to it and sorted; notes (README.md) and caches are left out."""
    if kind not in KINDS:
        raise SmolkitError(f"unknown asset kind {kind!r}", given=kind, known=KINDS)
    return sorted(file.as_posix() for file in _files(kind) if file.name != "README.md")


def _files(kind: str) -> list[Path]:
    folder = root() / kind
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [file for file in found if not any(part.startswith((".", "__")) for part in file.parts)]
