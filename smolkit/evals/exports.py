"""Every exported file of a directory scored as the model was: F1, size, speed and memory side by side.

Each side runs in a process of its own, so that its memory is its own, and one after the other, so that its speed is.
What an export directory holds is read from its manifest; a directory of other make is searched for files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.errors import ManifestError, SmolkitError
from smolkit.manifest import EXPORT_MANIFEST, read, staged_file
from smolkit.models.gguf_header import is_mmproj

if TYPE_CHECKING:
    from rich.table import Table

_COLUMNS = ("runtime", "precision", "F1", "size in MB", "documents/s", "new tokens/s", "memory in MB")
_NO_MODELS = ("model_wasm", "vision_encoder", "embed_tokens")
"""How graphs begin that are none of their own: one for WebAssembly reads the weights of another and computes the same;
the others belong to the decoder of a SmolVLM beside them."""


@dataclass(frozen=True)
class Side:
    """One way to run the model. `size` is in bytes, of the weights with what is stored beside them."""

    runtime: str
    precision: str
    model: str
    size: int
    dtype: str = "auto"


@dataclass(frozen=True)
class Scored:
    """The figures of one side; `memory` is the most that its process had resident, in bytes."""

    side: Side
    f1: float
    documents_per_second: float
    tokens_per_second: float
    memory: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "runtime": self.side.runtime,
            "precision": self.side.precision,
            "model": self.side.model,
            "micro_f1": self.f1,
            "size": self.side.size,
            "documents_per_second": self.documents_per_second,
            "tokens_per_second": self.tokens_per_second,
            "memory": self.memory,
        }

    def cells(self) -> list[str]:
        return [
            self.side.runtime,
            self.side.precision,
            f"{self.f1:.3f}",
            f"{self.side.size / 1e6:,.0f}",
            f"{self.documents_per_second:.2f}",
            f"{self.tokens_per_second:.0f}",
            f"{self.memory / 1e6:,.0f}",
        ]


def find_sides(directory: Path) -> list[Side]:
    """The source model in torch, where it is still there, and every file below `directory`.

    Raises ManifestError where there is nothing that a runtime could open.
    """
    if not directory.is_dir():
        raise ManifestError("no such directory", where=str(directory))
    sides = [*_source(directory), *exported_files(directory)]
    if not any(side.runtime != "torch" for side in sides):
        fix = "Write some: smolkit export MODEL --target all --out DIR"
        raise ManifestError("no GGUF or ONNX file here or below", where=str(directory), fix=fix)
    return sides


def score_sides(
    sides: Sequence[Side],
    data: str,
    arguments: Sequence[str],
    *,
    on_done: Callable[[Scored], None] = lambda scored: None,
) -> list[Scored]:
    """Evaluate one side after the other on the rows `data`; `arguments` go to `smolkit eval extraction`."""
    results = []
    for side in sides:
        results.append(_score(side, data, arguments))
        on_done(results[-1])
    return results


def table(scored: Sequence[Scored]) -> Table:
    """The figures for a terminal."""
    from rich.table import Table

    result = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        result.add_column(column, justify="left" if column in _COLUMNS[:2] else "right", no_wrap=True)
    for one in scored:
        result.add_row(*one.cells())
    return result


def write_report(scored: Sequence[Scored], out: Path, *, data: str) -> None:
    """exports.json, exports.md and exports.png, a plot of F1 against size, in the directory `out`."""
    from smolkit.evals.plots import Point, draw_tradeoff
    from smolkit.export.report import table as markdown

    with staged_file(out / "exports.json") as aside:
        content = {"data": data, "sides": [one.as_dict() for one in scored]}
        aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    with staged_file(out / "exports.md") as aside:
        rows = [list(_COLUMNS), *(one.cells() for one in scored)]
        aside.write_text(
            f"# Exports on {data}\n\n{markdown(rows)}\n\n![F1 against size](exports.png)\n", encoding="utf-8"
        )
    with staged_file(out / "exports.png") as aside:
        points = [Point(one.side.runtime, one.side.precision, one.side.size / 1e6, one.f1) for one in scored]
        draw_tradeoff(aside, points, title="F1 Levenshtein against size")


def _source(directory: Path) -> Iterator[Side]:
    """The model that the exports were made from, in the type that torch would take, where it can be found again."""
    from smolkit.models import resolve
    from smolkit.models.device import pick_dtype

    manifest = next((read(path.parent, verify=False) for path in _manifests(directory)), None)
    name = next((source.name for source in manifest.sources if source.role == "model"), None) if manifest else None
    if name is None:
        return
    try:
        found = resolve(name)
    except SmolkitError:
        return
    size = sum(file.stat().st_size for file in found.glob("*.safetensors"))
    dtype = str(pick_dtype()).removeprefix("torch.")
    yield Side("torch", dtype, name, size, dtype=dtype)


def _manifests(directory: Path) -> list[Path]:
    return sorted(directory.rglob(EXPORT_MANIFEST), key=lambda path: len(path.parts))


def exported_files(directory: Path) -> Iterator[Side]:
    """Every GGUF and ONNX model at any depth of a directory, with its runtime, precision and size."""
    models = (file for file in directory.rglob("*.gguf") if not is_mmproj(file))
    for file in sorted(models, key=lambda path: path.stat().st_size):
        yield Side("llama.cpp", file.stem.rpartition("-")[2], str(file), file.stat().st_size)
    graphs = (file for file in directory.rglob("*.onnx") if not file.name.startswith(_NO_MODELS))
    for file in sorted(graphs):
        size = sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*"))
        yield Side("onnx", _precision(file, directory), str(file), size)


def _precision(file: Path, directory: Path) -> str:
    """From the manifest that names the file, else from where it lies or what it is called."""
    for path in _manifests(directory):
        if file.is_relative_to(path.parent):
            inside = str(file.relative_to(path.parent))
            for entry in read(path.parent, verify=False).details.get("gate", {}).get("files", []):
                if inside in entry["files"]:
                    return str(entry["quant"])
    return file.parent.name if file.stem == "model" else file.stem.removeprefix("model_")


def _score(side: Side, data: str, arguments: Sequence[str]) -> Scored:
    command = [
        sys.executable, "-m", "smolkit", "eval", "extraction", "--model", side.model, "--runtime", side.runtime,
        "--dtype", side.dtype, "--data", data, "--json", *arguments,
    ]  # fmt: skip
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors, text=True)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            line = errors.read().strip().rpartition("\n")[2].removeprefix("smolkit: ")
            raise SmolkitError(line or f"ended with {process.returncode}", where=side.model)
        figures = json.loads(output.read())
    return Scored(
        side=side,
        f1=figures["micro_f1"],
        documents_per_second=figures["documents_per_second"],
        tokens_per_second=figures["new_tokens"] / figures["seconds"],
        memory=usage.ru_maxrss * 1024,
    )
