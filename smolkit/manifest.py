"""What each directory says about itself, and how a stage writes one whole or not at all.

A stage opens `staged(destination)`, writes its files into the directory that it gets, and ends with `write`. A reader
calls `read`, which proves that every file is still the one that was written, or `read_optional` where a directory
without a manifest (a Hub model) is welcome too. This module does not know what the files mean.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import platform
import secrets
import shlex
import shutil
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smolkit import __version__
from smolkit.errors import ManifestError, ManifestErrors, printable

MANIFEST = "smolkit.json"
EXPORT_MANIFEST = "smolkit_export.json"
NAMES = (MANIFEST, EXPORT_MANIFEST)
FORMAT = 1

# Libraries that change what a stage computes; their versions are written down when they are installed.
LIBRARIES = (
    "gguf",
    "llama-cpp-python",
    "llguidance",
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxruntime-genai",
    "peft",
    "torch",
    "transformers",
    "trl",
)

_BLOCK = 1 << 20


class FileEntry(BaseModel):
    """One file as it was written: its size in bytes and its SHA-256 in hexadecimal."""

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str


class Source(BaseModel):
    """Something that the stage read: a model, a data file, a recipe. `sha256` is of the file or directory."""

    model_config = ConfigDict(frozen=True)

    role: str
    name: str
    sha256: str | None = None

    @classmethod
    def of(cls, role: str, path: Path) -> Source:
        """The file or directory `path`, hashed now."""
        sha256 = sha256_directory(path) if path.is_dir() else sha256_file(path)
        return cls(role=role, name=printable(str(path)), sha256=sha256)


class Manifest(BaseModel):
    """What made a directory, from what, and what it scored. `files` is filled by `write`."""

    model_config = ConfigDict(frozen=True)

    kind: str
    """What the directory is: "model", "adapter", "gguf", "report", ..."""
    prompt_format: str | None = None
    """Id of the prompt format that the model was trained with."""
    recipe: dict[str, Any] | None = None
    """The resolved recipe, as `smolkit.recipe.resolved` gives it."""
    sources: tuple[Source, ...] = ()
    scores: dict[str, Any] = Field(default_factory=dict)
    """Measured figures by name, such as {"micro_f1": 0.93}."""
    details: dict[str, Any] = Field(default_factory=dict)
    """Whatever else this kind of directory has to say: dtypes, a gate's report, the base model's sizes."""
    files: dict[str, FileEntry] = Field(default_factory=dict)
    command: str = Field(default_factory=lambda: printable(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])))
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    smolkit: str = __version__
    libraries: dict[str, str] = Field(default_factory=lambda: library_versions())
    format: int = FORMAT


def library_versions(names: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """Versions of those of `names` that are installed; nothing is imported."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def write(directory: Path, manifest: Manifest, *, name: str = MANIFEST) -> Manifest:
    """Hash every file of `directory` into the manifest and write it there as `name`; returns it completed."""
    files = {file: FileEntry(size=path.stat().st_size, sha256=sha256_file(path)) for file, path in _listing(directory)}
    complete = manifest.model_copy(update={"files": files})
    with staged_file(directory / name) as aside:
        content = json.dumps(complete.model_dump(mode="json"), indent=2, ensure_ascii=False)
        aside.write_text(content + "\n", encoding="utf-8")
    return complete


def read(directory: Path, *, verify: bool = True) -> Manifest:
    """The manifest of `directory`, every file of it proven against size and SHA-256 when `verify`.

    Files that the manifest does not name are left alone. Raises ManifestError when there is no manifest or it cannot
    be read, ManifestErrors with a line per file that is gone or changed.
    """
    if not directory.is_dir():
        raise ManifestError("no such directory", where=str(directory))
    path = _manifest_path(directory)
    if path is None:
        raise ManifestError(f"no {MANIFEST} here, so nothing says what this directory is", where=str(directory))
    manifest = _parse(path)
    problems = list(_changes(directory, manifest)) if verify else []
    if problems:
        raise ManifestErrors(problems)
    return manifest


def read_optional(directory: Path, *, verify: bool = True) -> Manifest | None:
    """As `read`, but None for a directory that another tool wrote and that has no manifest."""
    return read(directory, verify=verify) if _manifest_path(directory) else None


def prove(*files: Path) -> None:
    """Compare single files with what the manifest of their directory, or of the one above, says of them.

    Files that no manifest names pass. Raises ManifestErrors with a line per file that is gone or changed.
    """
    problems: list[ManifestError] = []
    for directory in dict.fromkeys(home for file in files for home in (file.parent, file.parent.parent)):
        manifest = read_optional(directory, verify=False)
        if manifest is not None:
            given = {file.relative_to(directory).as_posix() for file in files if file.is_relative_to(directory)}
            named = {name: entry for name, entry in manifest.files.items() if name in given}
            problems += _changes(directory, manifest.model_copy(update={"files": named}))
    if problems:
        raise ManifestErrors(problems)


@contextmanager
def staged(destination: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A fresh directory beside `destination` that becomes it when the block ends, and vanishes when it fails.

    A destination that carries a manifest is a former result and is replaced; one that holds anything else is refused
    unless `overwrite`. The old directory is moved away before the new one moves in and comes back if that fails, so a
    reader sees the old one, the new one, or for an instant none, and never a mixture.
    """
    destination = destination.absolute().resolve()
    check_destination(destination, overwrite=overwrite)
    aside = _sibling(destination, "new")
    missing = [parent for parent in destination.parents if not parent.exists()]
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _sweep(destination)
        aside.mkdir()
    except OSError as exc:
        where = str(destination)
        raise ManifestError(f"cannot be written ({exc.strerror})", where=where, fix="Name another directory") from exc
    try:
        yield aside
        flush(aside)
        _replace_directory(aside, destination)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        for parent in missing:  # those that were made and hold nothing, from the innermost
            with suppress(OSError):
                parent.rmdir()


@contextmanager
def staged_file(destination: Path) -> Iterator[Path]:
    """A path beside `destination` whose file replaces it when the block ends, and vanishes when it fails."""
    check_directory(destination.parent)
    destination.parent.mkdir(parents=True, exist_ok=True)
    aside = _sibling(destination, "new")
    try:
        yield aside
        flush(aside)
        os.replace(aside, destination)
    finally:
        aside.unlink(missing_ok=True)


def check_destination(destination: Path, *, overwrite: bool = False, inputs: Iterable[str | Path] = ()) -> None:
    """Raise ManifestError where `staged` would refuse `destination`, so that it is known before any work.

    `inputs` are what the work reads; one that lies in the destination would be lost with the old directory, and is
    refused whatever `overwrite` says. Names that are no paths of this machine are passed over.
    """
    destination = destination.absolute().resolve()
    try:
        check_directory(destination)
        _check_replaceable(destination, overwrite)
    except OSError as exc:
        reason, fix = exc.strerror or str(exc), "Name another directory"
        raise ManifestError(f"cannot be written ({reason})", where=str(destination), fix=fix) from exc
    for given in inputs:
        source = Path(given).expanduser()
        try:
            is_inside = source.exists() and source.resolve().is_relative_to(destination)
        except OSError as exc:
            raise ManifestError(f"cannot be read ({exc.strerror})", where=str(given)) from exc
        if is_inside:
            fix = "Name another directory"
            raise ManifestError(f"lies in {destination}, which is to be written anew", where=str(given), fix=fix)


def check_directory(directory: Path) -> None:
    """Raise ManifestError where `directory` is a file or would lie below one."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    if not existing.is_dir():
        raise ManifestError("is a file, and a directory is to be written here", where=str(existing))


def sha256_file(path: Path) -> str:
    """SHA-256 of a file in hexadecimal, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sha256_directory(directory: Path) -> str:
    """SHA-256 over the names and hashes of a directory's files.

    Manifests are left out: two runs that wrote the same files at different times get the same hash.
    """
    digest = hashlib.sha256()
    for file, path in _listing(directory):
        digest.update(f"{sha256_file(path)}  {file}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _listing(directory: Path) -> list[tuple[str, Path]]:
    found = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    return sorted((file, path) for file, path in found.items() if file not in NAMES)


def _manifest_path(directory: Path) -> Path | None:
    return next((directory / name for name in NAMES if (directory / name).is_file()), None)


def _parse(path: Path) -> Manifest:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as exc:
        fix = "Make the directory again, or take the file from a backup"
        raise ManifestError(f"not valid JSON ({exc}), perhaps cut short", where=str(path), fix=fix) from exc
    if isinstance(content, Mapping) and isinstance(content.get("format"), int) and content["format"] > FORMAT:
        raise ManifestError(f"written in format {content['format']}, this version reads {FORMAT}", where=str(path))
    try:
        return Manifest.model_validate(content)
    except ValidationError as exc:
        first = exc.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ManifestError(f"not a manifest: {first['msg']}", where=f"{path}:{field}" if field else str(path)) from exc


def _changes(directory: Path, manifest: Manifest) -> Iterator[ManifestError]:
    for file, entry in manifest.files.items():
        path = directory / file
        where = str(path)
        if PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts:
            yield ManifestError(f"the manifest names {file!r}, which is outside the directory", where=str(directory))
        elif not path.is_file():
            yield ManifestError("named by the manifest, but gone", where=where)
        elif path.stat().st_size != entry.size:
            yield ManifestError(f"changed since written: {path.stat().st_size} bytes, not {entry.size}", where=where)
        elif sha256_file(path) != entry.sha256:
            yield ManifestError("changed since written: its SHA-256 is not the manifest's", where=where)


def _check_replaceable(destination: Path, overwrite: bool) -> None:
    if not destination.exists():
        return
    where = str(destination)
    if Path.cwd().is_relative_to(destination) or Path.home().is_relative_to(destination):
        raise ManifestError("is the current or home directory or holds it", where=where, fix="Name another directory")
    if os.path.ismount(destination):
        fix = "Name a directory below it"
        raise ManifestError("is a mount point, and cannot be replaced as a whole", where=where, fix=fix)
    if any(destination.iterdir()) and not _manifest_path(destination) and not overwrite:
        raise ManifestError(
            f"is not empty and has no {MANIFEST}, so it is not ours to replace",
            where=where,
            fix="Name another directory, or remove this one",
        )


def _replace_directory(new: Path, destination: Path) -> None:
    if not destination.exists():
        new.rename(destination)
        return
    old = _sibling(destination, "old")
    try:
        destination.rename(old)
        new.rename(destination)
    finally:  # also when interrupted between the two renames
        if destination.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(destination)


def _sibling(path: Path, role: str) -> Path:
    return path.with_name(f".{path.name}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.{role}")


def _sweep(destination: Path) -> None:
    """Remove what killed runs of this machine left beside `destination`; the only result that there is comes back."""
    for left in destination.parent.glob(f".{glob.escape(destination.name)}.{_host()}-*"):
        pid = left.name.rpartition(f"{_host()}-")[2].partition("-")[0]
        if left.suffix not in (".new", ".old") or not left.is_dir() or not pid.isdigit() or _alive(int(pid)):
            continue
        if left.suffix == ".old" and not destination.exists():
            left.rename(destination)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _host() -> str:
    """This machine in a file name, as others may write into the same directory."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def flush(path: Path) -> None:
    """Flush a file, or a directory with all it holds, to the disk: the rename must not arrive before the content."""
    for entry in [*path.rglob("*"), path] if path.is_dir() else [path]:
        descriptor = os.open(entry, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
