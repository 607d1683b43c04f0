"""An export from the first check to the last file: one source, one or more targets, whole or not at all.

A single target is written at the top of the destination; of several each gets a directory of its own, with its own
manifest. Nothing is renamed into place before every file of every target has passed the gate.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from smolkit.errors import SmolkitError
from smolkit.export import TARGETS, cards
from smolkit.export.check import check_directory
from smolkit.export.gate import TaskScorer
from smolkit.export.report import ExportReport, require_passed, write_gate_report
from smolkit.export.request import Request
from smolkit.export.source import Source, open_source
from smolkit.export.target import Target, quants_by_target
from smolkit.manifest import EXPORT_MANIFEST, Manifest, check_destination, staged
from smolkit.manifest import Source as ManifestSource
from smolkit.manifest import write as write_manifest
from smolkit.registry import require

ALL = "all"


@dataclass(frozen=True)
class Exported:
    """What one target took, beside its report."""

    report: ExportReport
    seconds: float


def targets(given: str) -> list[str]:
    """The targets that a name stands for; raises SmolkitError for an unknown one, naming the nearest."""
    if given == ALL:
        return list(TARGETS)
    names = [part.strip() for part in given.split(",")]
    for name in names:
        if name not in TARGETS:
            raise SmolkitError(f"unknown export target {name!r}", given=name, known=[*TARGETS, ALL])
    return list(dict.fromkeys(names))


def export(
    model: str | Path,
    out: Path,
    names: Sequence[str],
    *,
    quants: Sequence[str] | None = None,
    name: str | None = None,
    prompt_format: str | None = None,
    adapter: str | Path | None = None,
    score_task: TaskScorer | None = None,
    overwrite: bool = False,
    inputs: Sequence[str | Path] = (),
    progress: Callable[[str], None] = lambda line: None,
    **choices: Any,
) -> list[Exported]:
    """Export `model`, by any name that `smolkit.models.resolve` takes, for each target of `names`.

    `quants` are taken by the targets that know them; a target that knows none of them writes its defaults.
    `prompt_format` is read from the model's manifest where none is given. `score_task` measures F1 on the task's rows,
    once for the source and once for each file. `choices` are the other fields of `Request`, and `inputs` more paths
    that are read, so that the destination cannot be one of them.

    Raises GateError, and leaves the report beside `out`, where a file does not answer as the source does in torch
    float32; SmolkitError for what cannot be exported.
    """
    loaded: dict[str, Target] = {target: TARGETS.load(target) for target in names}
    wanted = quants_by_target(list(loaded.values()), quants)
    for target in loaded.values():
        for module in target.needs:
            require(module, extra=target.extra, why=f"the target {target.name}")
    check_destination(out, overwrite=overwrite, inputs=[model, *([adapter] if adapter else []), *inputs])
    with _disk_faults(out), staged(out, overwrite=overwrite) as staging:
        source = open_source(
            model, name=name, prompt_format=prompt_format, adapter=adapter, score_task=score_task, progress=progress
        )
        if source.vision:
            loaded = _that_see(loaded, progress)
        request = Request(source, quants, **choices)
        finished = []
        for target in loaded.values():
            began = perf_counter()
            root = staging / target.name if len(loaded) > 1 else staging
            root.mkdir(exist_ok=True)
            report = target.write(request, wanted[target.name], root)
            report = replace(report, layout=check_directory(root), reader=target.reader)
            require_passed(report, out)
            _finish(request, report, root)
            finished.append(Exported(report, perf_counter() - began))
        if len(loaded) > 1:
            seconds = {one.report.target: round(one.seconds, 1) for one in finished}
            scores = {one.report.target: one.report.scores() for one in finished}
            details = {"targets": list(loaded), "seconds": seconds}
            write_manifest(staging, _manifest("exports", source, scores=scores, details=details), name=EXPORT_MANIFEST)
    return finished


def _that_see(loaded: dict[str, Target], progress: Callable[[str], None]) -> dict[str, Target]:
    """The targets that have a layout for a model that reads images; of all targets those, and the others are named.

    Raises SmolkitError where one without such a layout was asked for by its name.
    """
    seeing = {name: target for name, target in loaded.items() if target.sees}
    blind = [name for name in loaded if name not in seeing]
    if blind and len(loaded) < len(TARGETS):
        fix = f"Take {' or '.join(name for name in TARGETS if TARGETS.load(name).sees)}"
        raise SmolkitError(f"the target {blind[0]} has no layout for a SmolVLM", fix=fix)
    for name in blind:
        progress(f"{name} is left out: it has no layout for a SmolVLM")
    return seeing


@contextmanager
def _disk_faults(out: Path) -> Iterator[None]:
    """A disk that is full, or a directory that may not be written, as one line."""
    try:
        yield
    except OSError as exc:
        if exc.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG):
            raise
        if exc.filename and not Path(exc.filename).absolute().is_relative_to(out.absolute().resolve().parent):
            raise SmolkitError(f"cannot be read ({exc.strerror})", where=str(exc.filename)) from exc
        fix = "Make room, or name a directory on another disk; nothing was left behind"
        raise SmolkitError(f"cannot be written ({exc.strerror})", where=str(out), fix=fix) from exc


def _finish(request: Request, report: ExportReport, root: Path) -> None:
    """The card, the gate's report and the manifest of one target."""
    source = request.source
    (root / "README.md").write_text(
        cards.card(report, license=source.license, tags=["smolkit"], header=request.card_header.get(report.target)),
        encoding="utf-8",
    )
    write_gate_report(report, root)
    details: dict[str, Any] = {
        "target": report.target,
        "name": source.name,
        "license": source.license,
        "end_ids": sorted(source.end_ids),
        "backend": request.backend,
        "gate": report.as_dict(),
    }
    manifest = _manifest(report.target, source, scores=report.scores(), details=details)
    write_manifest(root, manifest, name=EXPORT_MANIFEST)


def _manifest(kind: str, source: Source, **fields: Any) -> Manifest:
    read = ManifestSource(role="model", name=source.given, sha256=source.sha256)
    return Manifest(kind=kind, prompt_format=source.prompt_format, sources=(read,), **fields)
