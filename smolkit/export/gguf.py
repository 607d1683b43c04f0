"""The target `gguf`: a Llama model as files for llama.cpp, in a directory that says what they are and what they cost.

Of a SmolVLM these files are the language model, and mmproj files with what it sees with lie beside them.

A float16 file is always written and gated first: its rounding is small enough for any fault of layout, permutation or
header to stand out, and every other file must have the same header. It is kept only where it was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.errors import ModelError
from smolkit.export import cards
from smolkit.export.gate import LIMITS, Check, check_candidate, check_task
from smolkit.export.gguf_file import (
    QUANTS,
    Header,
    Layout,
    check_architecture,
    quantise,
    read_layout,
    write_plain,
    writing,
)
from smolkit.export.gguf_tokenizer import read_vocabulary
from smolkit.export.importance import split_calibration
from smolkit.export.llama_candidate import LlamaCandidate
from smolkit.export.mmproj import check_tower
from smolkit.export.mmproj_gate import MmprojGate
from smolkit.export.report import ExportReport, FileReport
from smolkit.export.request import Request
from smolkit.export.source import Source
from smolkit.export.target import Target
from smolkit.extraction.prompt import get_format

if TYPE_CHECKING:
    from smolkit.export.importance import Importance

BASE = "f16"
IMATRIX = ".imatrix"
"""llama.cpp's tools take any suffix; with `.gguf` it would look like a model."""
_OLLAMA_CONTEXT = 8192
"""More is memory that few documents need."""


def write(request: Request, quants: Sequence[str], root: Path) -> ExportReport:
    """Write and gate every quant; see `Target`."""
    source = request.source
    check_architecture(source.config)
    if source.vision:
        check_tower(source.vision.model.config, source.vision.images)
    end = get_format(source.prompt_format).end if source.prompt_format else None
    header = Header(
        name=source.name,
        config=source.config,
        vocabulary=read_vocabulary(source.tokenizer, size=source.config.vocab_size, end=end),
        prompt_format=source.prompt_format,
        license=source.license,
    )
    files = _write_files(request, header, quants, root)
    report = ExportReport(
        "gguf", source.given, source.name, source.prompt_format, files, sees=source.vision is not None
    )
    if report.passed:
        context = min(header.config.max_position_embeddings, _OLLAMA_CONTEXT)
        text = cards.modelfile(report, chat_template=header.vocabulary.chat_template, context=context)
        (root / "Modelfile").write_text(text, encoding="utf-8")
    return report


def _write_files(request: Request, header: Header, wanted: Sequence[str], root: Path) -> tuple[FileReport, ...]:
    """Write every file and gate it. A base that fails ends it: whatever is made from it would fail as well."""
    source = request.source

    def path(quant: str) -> Path:
        return root / f"{header.name}-{quant}.gguf"

    base = write_plain(source.model, header, BASE, path(BASE))
    layout = read_layout(base)
    eyes = MmprojGate(source, source.vision, root, _threads()) if source.vision else None
    if eyes:
        eyes.write(wanted)  # first, as every file of the language model is scored on images with them
    gate = _FileGate(source, layout.fields, _threads(), eyes)
    reports = [gate.report(BASE, base, layout, kept=BASE in wanted)]
    if eyes and not reports[0].failures:
        reports += eyes.reports(base[0])
    for quant in wanted if not any(report.failures for report in reports) else ():
        if quant == BASE:
            continue
        budget, four_bits, rounded = QUANTS[quant].budget, None, ""
        if budget:
            four_bits = request.four_bits.within(budget)
            files = write_plain(source.model, header, quant, path(quant), blocks=four_bits.blocks)
            rounded = f"with compensation ({four_bits})"
        elif QUANTS[quant].searched:
            files, rounded = _searched(request, header, quant, base[0], path(quant))
        else:
            files = write_plain(source.model, header, quant, path(quant))
        report = gate.report(quant, files, read_layout(files))
        reports.append(replace(report, rounded=rounded, four_bits=four_bits))
    if BASE not in wanted:
        for file in base:
            file.unlink()
    return tuple(reports)


def _searched(request: Request, header: Header, quant: str, base: Path, path: Path) -> tuple[list[Path], str]:
    """A file whose scales llama.cpp searched for by the importance of inputs, and how its matrices were rounded.

    A row that fills no K-quant block gets a type with blocks of 32, whose search by importance may cost more than it
    saves: on two fine-tuned models the KL over rows rose from 0.10 to 0.18, on the bundled one it fell from 0.049 to
    0.028. There a file with the importance of the other matrices alone is made as well, and the better one kept.
    """
    from gguf import QK_K

    width = header.config.hidden_size
    imatrix = path.with_name(f"{header.name}{IMATRIX}")
    importance = _importance(request, imatrix)
    files = quantise(base, quant, path, width=width, importance=importance)
    of = f"({imatrix.name}: {importance.tokens:,} tokens of {importance.source})"
    if width % QK_K == 0:
        return files, f"with importance {of}"
    other = path.with_suffix(".other")
    quantise(base, quant, other, width=width, importance=importance.of_blocks(QK_K))
    everywhere, in_some = _losses(request, (path, other))
    if in_some < everywhere:
        other.replace(path)
    else:
        other.unlink()
    if in_some == everywhere:  # as of types that are not searched for
        return files, f"with importance {of}"
    matrices = "of K-quants alone" if in_some < everywhere else "of all matrices"
    first, second = sorted((everywhere, in_some))
    return files, f"with importance {matrices} {of}: KL {first:.4f} in place of {second:.4f} nats on calibration rows"


def _losses(request: Request, files: Sequence[Path]) -> list[float]:
    """KL(torch || llama.cpp) of each file over some of the calibration rows."""
    import torch

    from smolkit.export.divergence import divergences

    rows, _ = split_calibration(request.calibration)
    with ExitStack() as stack:
        opened = [
            stack.enter_context(closing(LlamaCandidate(file, tokens=max(map(len, rows)), threads=_threads())))
            for file in files
        ]
        answers = [lambda ids, one=one: torch.from_numpy(one.prefill(ids)) for one in opened]
        return divergences(request.source.model, rows, answers)


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _importance(request: Request, path: Path) -> Importance:
    """The importance of the inputs, which lies beside the files: others can be made from it with llama.cpp's tools."""
    from smolkit.export.importance import write_imatrix

    if not path.exists():
        with writing(path):
            write_imatrix(request.importance, path)
    return request.importance


@dataclass(frozen=True)
class _FileGate:
    """Compares written files with the source model and with the header of the base file."""

    source: Source
    fields: dict[str, Any]
    threads: int
    eyes: MmprojGate | None = None
    """What a SmolVLM's files see with, once it is written."""

    def report(self, quant: str, files: list[Path], layout: Layout, *, kept: bool = True) -> FileReport:
        size = sum(file.stat().st_size for file in files)
        self.source.progress(f"{quant}: {size / 1e6:,.0f} MB, in llama.cpp against torch float32")
        report = FileReport(
            quant=quant,
            files=tuple(file.name for file in files),
            size=size,
            tensor_types=layout.tensor_types,
            checks=tuple(self._checks(quant, files[0], layout.fields, kept)),
            kept=kept,
        )
        self.source.progress(f"{quant}: " + ("; ".join(map(str, report.failures)) or "passed"))
        return report

    def _checks(self, quant: str, file: Path, fields: dict[str, Any], kept: bool) -> list[Check]:
        source = self.source
        other = [key for key in self.fields | fields if self.fields.get(key) != fields.get(key)]
        checks = [Check("header_differences", len(other), 0, note=f"first {other[0]}" if other else "")]
        try:
            candidate = LlamaCandidate(file, tokens=source.reference.longest, threads=self.threads)
        except ModelError as exc:
            return [*checks, Check("loads", 0, 1, at_least=True, note=str(exc))]
        try:
            checks += [
                Check("loads", 1, 1, at_least=True),
                *check_candidate(candidate, source.reference, LIMITS[quant]),
            ]
        finally:
            candidate.close()
        if self.eyes and quant != BASE:  # the mmproj files are held to theirs with that one
            checks += self.eyes.checks(file, quant)
        if kept and source.score_task and source.score and all(check.passed for check in checks):
            checks += check_task(source.score, source.score_task(file, source.prompt_format), LIMITS[quant])
        return checks


TARGET = Target(
    "gguf",
    write,
    tuple(QUANTS),
    defaults=("q8_0", "q4_k_m"),
    reader="llama.cpp",
    extra="gguf",
    needs=("gguf", "llama_cpp"),
)
