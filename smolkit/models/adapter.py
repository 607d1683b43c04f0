"""LoRA adapters in: merged into their base once, into a cached directory that every other stage reads as any other."""

from __future__ import annotations

import json
import textwrap
from functools import partial
from pathlib import Path

from smolkit.data.images import ImageLayout
from smolkit.errors import ModelError
from smolkit.manifest import Manifest, Source, read_optional, sha256_directory, staged, write
from smolkit.models.load import load_model, load_tokenizer
from smolkit.models.resolve import cache_dir, made_once, resolve
from smolkit.models.save import save_model

CONFIG = "adapter_config.json"


def is_adapter(path: str | Path) -> bool:
    """Whether a name is the directory of a LoRA adapter without its base."""
    directory = Path(path).expanduser()
    return (directory / CONFIG).is_file() and not (directory / "config.json").is_file()


def check_adapter(directory: Path) -> None:
    """Raise ModelError where `directory` holds no LoRA adapter."""
    if not (directory / CONFIG).is_file():
        raise ModelError(f"no {CONFIG} here, so this is no LoRA adapter", where=str(directory))


def merged(adapter: str | Path, base: str | Path | None = None) -> Path:
    """The directory of `base` with the adapter's weights added, float32; made once per content of both.

    Without `base` it is the one that the adapter names. Raises ModelError where either cannot be read or they do not
    belong together.
    """
    directory = Path(adapter).expanduser()
    check_adapter(directory)
    found = resolve(base or _named_base(directory))
    sources = (Source.of("model", found), Source.of("adapter", directory))
    name = f"{directory.name}-merged-{sha256_directory(directory)[:12]}-{sha256_directory(found)[:12]}"
    target = cache_dir() / "models" / name
    return made_once(target, partial(_merge, directory, found, target, sources))


def _merge(directory: Path, found: Path, target: Path, sources: tuple[Source, ...]) -> None:
    """Write the adapter in `directory` and its base `found` as the one model `target`."""
    import torch
    from peft import PeftModel

    from smolkit.models.vision import is_vision

    manifest = read_optional(directory) or read_optional(found)
    model = load_model(found, dtype=torch.float32)
    try:
        whole = PeftModel.from_pretrained(model, directory).merge_and_unload()
    except (OSError, ValueError, KeyError, RuntimeError) as exc:
        line = textwrap.shorten(str(exc).strip().partition("\n")[0], 160, placeholder=" ...")
        raise ModelError(f"this adapter does not fit {found} ({line})", where=str(directory)) from exc
    images = ImageLayout.read(found) if is_vision(model.config) else None
    with staged(target, overwrite=True) as staging:
        save_model(whole, load_tokenizer(found), staging, images)
        write(
            staging,
            Manifest(kind="model", prompt_format=manifest.prompt_format if manifest else None, sources=sources),
        )


def _named_base(directory: Path) -> str:
    try:
        named = json.loads((directory / CONFIG).read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (OSError, ValueError) as exc:
        raise ModelError("cannot be read as JSON", where=str(directory / CONFIG)) from exc
    if not named:
        fix = "Give it: smolkit export BASE --adapter ADAPTER"
        raise ModelError("names no base model", where=str(directory / CONFIG), fix=fix)
    return str(named)
