"""The target `gguf`: a Llama model as files for llama.cpp, in a directory that says what they are and what they cost.

A float16 file is always written and gated first: its rounding is small enough for any fault of layout, permutation or
header to stand out, and every other file must have the same header. It is kept only where it was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.errors import ModelError, SmolkitError
from smolkit.export import cards
from smolkit.export.gate import (
    LIMITS,
    Check,
    Reference,
    TaskScore,
    TaskScorer,
    check_candidate,
    check_task,
    make_reference,
)
from smolkit.export.gguf_file import (
    QUANTS,
    Header,
    Layout,
    check_architecture,
    quantise,
    read_layout,
    write_plain,
)
from smolkit.export.gguf_tokenizer import read_vocabulary
from smolkit.export.llama_candidate import LlamaCandidate
from smolkit.export.report import ExportReport, FileReport, require_passed
from smolkit.extraction.prompt import get_format
from smolkit.manifest import (
    EXPORT_MANIFEST,
    Manifest,
    Source,
    check_destination,
    read_optional,
    sha256_directory,
    staged,
)
from smolkit.manifest import write as write_manifest
from smolkit.models import BUNDLED, ZOO, bundled_gguf, load_model, load_tokenizer, resolve
from smolkit.registry import require

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

DEFAULT_QUANTS = ("q8_0", "q4_k_m")
BASE = "f16"

_QUANT_SUFFIX = re.compile(r"[.-](?:i?q\d\w*|b?f16|f32)$", re.IGNORECASE)
_OLLAMA_CONTEXT = 8192
"""More is memory that few documents need."""


def write(
    model: str | Path,
    out: Path,
    *,
    quants: Sequence[str] = DEFAULT_QUANTS,
    name: str | None = None,
    prompt_format: str | None = None,
    score_task: TaskScorer | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> ExportReport:
    """Export `model` (any name that `smolkit.models.resolve` takes) into the directory `out`, whole or not at all.

    `prompt_format` is read from the model's manifest where none is given. `score_task` measures F1 on the task's rows,
    once for the source and once for each file. Raises GateError, and leaves the report beside `out`, where a file does
    not answer as the source does in torch float32; SmolkitError for what cannot be exported.
    """
    wanted = check_quants(quants)
    require("gguf", extra="gguf", why="writing a GGUF file")
    require("llama_cpp", extra="gguf", why="checking a GGUF file")
    check_destination(out, overwrite=overwrite, inputs=[model])
    with staged(out, overwrite=overwrite) as staging:
        source = _open_source(model, name, prompt_format)
        files = _write_files(source, wanted, staging, score_task, progress)
        report = ExportReport("gguf", str(model), source.header.name, source.header.prompt_format, files)
        require_passed(report, out)
        _write_companions(source, report, staging)
    return report


def check_quants(quants: Sequence[str]) -> list[str]:
    """The quants without repetition; raises SmolkitError for an unknown one, naming the nearest."""
    for quant in quants:
        if quant not in QUANTS:
            raise SmolkitError(f"unknown quant {quant!r}", given=quant, known=QUANTS)
    if not quants:
        raise SmolkitError("no quant to export", known=QUANTS)
    return list(dict.fromkeys(quants))


def model_name(model: str | Path) -> str:
    """What to call the files of a model: the last part of its name without a quantisation."""
    text = str(model)
    if text == BUNDLED:
        found = bundled_gguf().stem
    elif text in ZOO:
        found = ZOO[text].hub_id.rpartition("/")[2]
    else:
        path = Path(text).expanduser().absolute()
        found = path.stem if path.suffix == ".gguf" else path.name
    return _QUANT_SUFFIX.sub("", found) or "model"


@dataclass(frozen=True)
class _Source:
    """The model to export, loaded in float32, and all that the files say about it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    header: Header
    directory: Path
    end_ids: frozenset[int]


def _open_source(model: str | Path, name: str | None, prompt_format: str | None) -> _Source:
    import torch

    directory = resolve(model)
    manifest = read_optional(directory)
    layout = prompt_format or (manifest.prompt_format if manifest else None)
    end = get_format(layout).end if layout else None
    check_architecture(_read_config(directory))
    loaded, tokenizer = load_model(directory, dtype=torch.float32), load_tokenizer(directory)
    header = Header(
        name=re.sub(r"[^\w.-]+", "-", name or model_name(model)),
        config=loaded.config,
        vocabulary=read_vocabulary(tokenizer, size=loaded.config.vocab_size, end=end),
        prompt_format=layout,
        license=read_license(model, directory),
    )
    return _Source(loaded, tokenizer, header, directory, _end_ids(loaded, header))


def _read_config(directory: Path) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(directory)
    except (OSError, ValueError, KeyError) as exc:
        line = str(exc).strip().partition("\n")[0]
        raise ModelError(f"its configuration cannot be read ({line})", where=str(directory)) from exc


def _end_ids(model: PreTrainedModel, header: Header) -> frozenset[int]:
    """Every token that must end an answer. Raises ModelError where model and tokenizer contradict each other."""
    configured = model.generation_config.eos_token_id
    if configured is None:
        configured = model.config.eos_token_id
    ids = {configured} if isinstance(configured, int) else set(configured or ())
    own = header.vocabulary.special_ids
    if ids and own["eos"] not in ids:
        raise ModelError(
            f"the model ends an answer with token {sorted(ids)}, its tokenizer with {own['eos']}",
            fix="Make eos_token_id of generation_config.json and the tokenizer's eos_token the same",
        )
    return frozenset({*ids, own["eos"], own["eot"]})


def read_license(model: str | Path, directory: Path) -> str | None:
    """The licence that the source names, in the card of a directory or the header of a GGUF file."""
    from smolkit.models.gguf import metadata

    if str(model) == BUNDLED or Path(model).suffix == ".gguf":
        found = metadata(bundled_gguf() if str(model) == BUNDLED else Path(model).expanduser()).get("general.license")
        return str(found) if found else None
    readme = directory / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    front = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    named = re.search(r"^license: *([\w.-]+) *$", front[1], re.MULTILINE) if front else None
    return named[1] if named else None


def _write_files(
    source: _Source,
    wanted: Sequence[str],
    staging: Path,
    score_task: TaskScorer | None,
    progress: Callable[[str], None],
) -> tuple[FileReport, ...]:
    """Write every file and gate it. A base that fails ends it: whatever is made from it would fail as well."""
    import torch

    header = source.header

    def path(quant: str) -> Path:
        return staging / f"{header.name}-{quant}.gguf"

    progress("torch float32: prompts and their greedy continuations")
    reference = make_reference(
        source.model, source.tokenizer, prompt_format=header.prompt_format, end_ids=source.end_ids
    )
    base = write_plain(source.model, header, BASE, path(BASE))
    layout = read_layout(base)
    gate = _FileGate(source, reference, layout.fields, score_task, progress, torch.get_num_threads())
    reports = [gate.report(BASE, base, layout, kept=BASE in wanted)]
    for quant in wanted if not reports[0].failures else ():
        if quant == BASE:
            continue
        if QUANTS[quant].matrices:
            files = write_plain(source.model, header, quant, path(quant))
        else:
            files = quantise(base[0], quant, path(quant), width=header.config.hidden_size)
        reports.append(gate.report(quant, files, read_layout(files)))
    if BASE not in wanted:
        for file in base:
            file.unlink()
    return tuple(reports)


@dataclass(frozen=True)
class _FileGate:
    """Compares written files with the source model and with the header of the base file."""

    source: _Source
    reference: Reference
    fields: dict[str, Any]
    score_task: TaskScorer | None
    progress: Callable[[str], None]
    threads: int

    @cached_property
    def source_score(self) -> TaskScore | None:
        """Measured once the first file to keep has passed everything else, as it takes longest."""
        return self.score_task(self.source.directory) if self.score_task else None

    def report(self, quant: str, files: list[Path], layout: Layout, *, kept: bool = True) -> FileReport:
        size = sum(file.stat().st_size for file in files)
        self.progress(f"{quant}: {size / 1e6:,.0f} MB, in llama.cpp against torch float32")
        report = FileReport(
            quant=quant,
            files=tuple(file.name for file in files),
            size=size,
            tensor_types=layout.tensor_types,
            checks=tuple(self._checks(quant, files[0], layout.fields, kept)),
            kept=kept,
        )
        self.progress(f"{quant}: " + ("; ".join(map(str, report.failures)) or "passed"))
        return report

    def _checks(self, quant: str, file: Path, fields: dict[str, Any], kept: bool) -> list[Check]:
        other = [key for key in self.fields | fields if self.fields.get(key) != fields.get(key)]
        checks = [Check("header_differences", len(other), 0, note=f"first {other[0]}" if other else "")]
        try:
            candidate = LlamaCandidate(file, tokens=self.reference.longest, threads=self.threads)
        except ModelError as exc:
            return [*checks, Check("loads", 0, 1, at_least=True, note=str(exc))]
        try:
            checks += [Check("loads", 1, 1, at_least=True), *check_candidate(candidate, self.reference, LIMITS[quant])]
        finally:
            candidate.close()
        if kept and self.score_task and self.source_score and all(check.passed for check in checks):
            checks += check_task(self.source_score, self.score_task(file), LIMITS[quant])
        return checks


def _write_companions(source: _Source, report: ExportReport, staging: Path) -> None:
    header = source.header
    context = min(header.config.max_position_embeddings, _OLLAMA_CONTEXT)
    texts = {
        "README.md": cards.card(report, license=header.license, tags=["llama.cpp", "smolkit"]),
        "Modelfile": cards.modelfile(report, chat_template=header.vocabulary.chat_template, context=context),
    }
    for name, text in texts.items():
        (staging / name).write_text(text, encoding="utf-8")
    manifest = Manifest(
        kind="gguf",
        prompt_format=header.prompt_format,
        sources=(Source(role="model", name=report.model, sha256=sha256_directory(source.directory)),),
        scores=report.scores(),
        details={
            "target": report.target,
            "name": header.name,
            "license": header.license,
            "end_ids": sorted(source.end_ids),
            "gate": report.as_dict(),
        },
    )
    write_manifest(staging, manifest, name=EXPORT_MANIFEST)
