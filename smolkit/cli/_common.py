"""What the commands share: options that mean the same everywhere, and where output goes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smolkit.errors import DataError, SmolkitError, nearest

if TYPE_CHECKING:
    from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON on stdout.")]
Runtime = Annotated[str | None, typer.Option("--runtime", help="torch, llama.cpp or onnx; by default what suits.")]
Dtype = Annotated[
    str, typer.Option("--dtype", help="A model's weights: auto, bfloat16, float32 in torch; float32, int8 in onnx.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Set a field of the recipe, as in --set optimizer.lr=1e-4."),
]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Print the resolved plan and stop.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output directory that smolkit did not make.")]


def print_json(value: object) -> None:
    """Print `value` on stdout as one JSON document. Numpy scalars and paths are written as plain values."""
    print(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False, default=_plain))


def progress_console() -> Console:
    """Where progress, plans and remarks go: stderr, so that stdout can be piped."""
    from rich.console import Console

    return Console(stderr=True)


def remark(line: str) -> None:
    """A line beside the result, such as what was written: in one piece, whatever it holds, so that it can be copied."""
    progress_console().print(line, markup=False, highlight=False, soft_wrap=True)


def result_console() -> Console:
    """Where tables for people go: stdout."""
    from rich.console import Console

    return Console()


def keep_threads_awake() -> None:
    """Let threads of a product wait in a loop, not asleep; to be called before torch loads, which reads it.

    Where anything else runs, each small product would wait for the scheduler to wake them: a training step took
    several times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "active")


def read_text(file: str) -> str:
    """The text of a file, or of stdin where it is called -. Raises DataError where it cannot be read."""
    path = Path(file)
    if file == "-" and sys.stdin is None:
        raise DataError("is closed, so nothing can be read", where="stdin")
    try:
        text = sys.stdin.read() if file == "-" else path.read_text(encoding="utf-8")
        text.encode()  # where the locale is C, stdin hides bytes that are no UTF-8 in halves of surrogate pairs
        return text
    except UnicodeError as exc:
        raise DataError(
            "not UTF-8 text", where="stdin" if file == "-" else file, fix="Convert it, as with iconv -t utf-8"
        ) from exc
    except OSError as exc:
        near = None if os.path.exists(path) else nearest(path.name, _beside(path))
        fix = f"Did you mean {path.with_name(near)}?" if near else None
        raise DataError(f"cannot be read ({exc.strerror})", where=file, fix=fix) from exc


def _beside(path: Path) -> list[str]:
    """What lies in the directory of a file, as far as that can be read."""
    try:
        return os.listdir(path.parent)
    except OSError:
        return []


def refuse(options: Mapping[str, object], mode: str) -> None:
    """What steers one model steers neither predictions nor many: an option that would be ignored is a mistake."""
    if given := [name for name, value in options.items() if value]:
        raise SmolkitError(f"{given[0]} is for a model that is run, not for {mode}", fix="Leave it out")


def check_text(text: str, where: str) -> None:
    """Raise DataError for what is no text: from a terminal of another encoding come halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise DataError("not UTF-8 text", where=where, fix="Set the terminal to UTF-8") from exc


def _plain(value: Any) -> object:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):  # a numpy or torch scalar
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form")
