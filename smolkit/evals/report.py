"""Writes down an evaluation: figures for programs, a report and a plot for people, every answer, a terminal table.

The figures come from `smolkit.evals.extraction`; nothing is computed here but their layout.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.evals.extraction import EvalResult, ScoredDocument
from smolkit.evals.markdown import cell, interval, number, table
from smolkit.evals.plots import Bar, draw_scores
from smolkit.extraction.metric import NAME, CorpusScore
from smolkit.extraction.template import field_path, is_empty
from smolkit.manifest import staged_file

if TYPE_CHECKING:
    from rich.table import Table

FILES = ("report.json", "report.md", "f1.png", "predictions.jsonl")

PUBLISHED = (
    ("NuExtract 1.5 tiny", "0.5B", 0.57),
    ("NuExtract 1.5 smol", "1.7B", 0.63),
    ("NuExtract", "3.8B", 0.64),
    ("Llama 3.1", "70B", 0.66),
    ("GPT-4", "", 0.67),
    ("NuExtract 1.5", "3.8B", 0.68),
)
"""Model, size and F1 under the name F1 Levenshtein on a slide of the SmolLM2 talk, 2025, as printed."""

_MAX_BARS = 30
_MAX_ROWS = 25
_RAW = 400


def write_report(result: EvalResult, out_dir: str | Path, *, title: str, context: Mapping[str, Any]) -> Path:
    """Write the `FILES` into `out_dir` and return the path of report.md.

    `context` says what was measured (model, data, runtime, command, ...); JSON values. Each file is written aside
    first, and none is renamed before all are written.
    """
    out_dir = Path(out_dir)
    with ExitStack() as stack:
        as_json, as_text, as_plot, as_rows = (stack.enter_context(staged_file(out_dir / name)) for name in FILES)
        content = json.dumps(_content(result, title, context), indent=2, ensure_ascii=False)
        # A lone surrogate, which a model may well write, is no UTF-8; its escape means the same in JSON.
        as_json.write_text(content + "\n", encoding="utf-8", errors="backslashreplace")
        as_text.write_text(render(result, title, context), encoding="utf-8", errors="backslashreplace")
        _plot(result, as_plot, title)
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in _predictions(result))
        as_rows.write_text("".join(lines), encoding="utf-8", errors="backslashreplace")
    return out_dir / "report.md"


def _content(result: EvalResult, title: str, context: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "context": dict(context),
        "figures": result.figures(),
        "missing": result.missing,
        "invalid": {one.id: one.error for one in result.documents if one.status == "invalid"},
        "duplicate_keys": {one.id: list(one.duplicates) for one in result.documents if one.duplicates},
        "worst": [
            {
                "id": one.id, "f1": one.score.f1, "status": one.status, "kind": one.kind, "lang": one.lang,
                "reference": one.ref, "prediction": one.pred, "raw": one.raw if one.status == "invalid" else None,
            }
            for one in result.worst()
        ],
    }  # fmt: skip


def _predictions(result: EvalResult) -> Iterator[dict[str, Any]]:
    """Every answer as `smolkit eval extraction --predictions` takes it, with its F1; missing ones are left out."""
    for one in result.documents:
        if one.status != "missing":
            answer = {"raw": one.raw} if one.raw else {"output": one.pred}
            yield {"id": one.id, **answer, "f1": one.score.f1}


def _plot(result: EvalResult, path: Path, title: str) -> None:
    by_size = sorted(result.corpus.fields.items(), key=lambda entry: -entry[1].n_ref)[:_MAX_BARS]
    fields = [
        Bar(name or "(root)", tally.f1, *result.field_ci95[name], tally.n_ref)
        for name, tally in by_size
        if name in result.field_ci95
    ]
    by_kind = sorted(result.by_kind.items(), key=lambda entry: -entry[1].documents)[:_MAX_BARS]
    panels = {"F1 by field; n = values in the reference": fields}
    if by_kind:
        kinds = [_corpus_bar(name, corpus) for name, corpus in by_kind]
        panels = {"F1 by kind; n = documents": kinds, **panels}
    draw_scores(path, panels, title=title, overall=_corpus_bar("micro F1", result.corpus))


def _corpus_bar(label: str, corpus: CorpusScore) -> Bar:
    return Bar(label, corpus.micro.f1, *corpus.f1_ci95, corpus.documents)


def terminal_table(result: EvalResult) -> Table:
    """All documents in the first row, then a row per kind and per language where the rows name them."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    caption = f"Mean per document: {number(result.corpus.macro_f1)}. {_outcome(result)}"
    shown = Table(title=NAME, caption=caption, caption_justify="left", title_justify="left", box=SIMPLE_HEAD)
    for column in _GROUP_COLUMNS[:_TERMINAL_COLUMNS]:
        shown.add_column(column, justify="right" if column else "left", no_wrap=bool(column))
    shown.add_row(*_group_cells("all documents", result.corpus)[:_TERMINAL_COLUMNS], style="bold", end_section=True)
    for groups in (result.by_kind, result.by_lang):
        for name, corpus in groups.items():
            shown.add_row(*_group_cells(escape(name), corpus)[:_TERMINAL_COLUMNS])
        shown.add_section()
    return shown


_GROUP_COLUMNS = ("", "docs", "F1", "95 %", "prec.", "recall", "exact", "mean", "not JSON")
_TERMINAL_COLUMNS = 7  # what 80 characters hold beside the names


def _group_cells(name: str, corpus: CorpusScore) -> tuple[str, ...]:
    micro = corpus.micro
    return (
        name, str(corpus.documents), number(micro.f1), interval(corpus.f1_ci95), number(micro.precision),
        number(micro.recall), number(micro.exact_f1), number(corpus.macro_f1), number(corpus.invalid_json_rate),
    )  # fmt: skip


def _outcome(result: EvalResult) -> str:
    """What went wrong before any leaf was compared, in a sentence."""
    if not result.failed and not result.duplicate_key_documents:
        return f"All {len(result.documents)} answers could be scored."
    missing = len(result.missing)
    return (
        f"Failed: {result.failed} of {len(result.documents)} ({missing} missing, {result.failed - missing} not JSON). "
        f"F1 with repaired JSON: {number(result.repaired_micro_f1)}. "
        f"Answers with a key twice: {result.duplicate_key_documents}."
    )


def render(result: EvalResult, title: str, context: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    sections = chain(
        [f"# {title}", table(("", ""), context.items()) if context else ""],
        [f"## {NAME}", _headline(result), _outcome(result), "![F1 by field and kind](f1.png)"],
        _groups("By kind", result.by_kind),
        _groups("By language", result.by_lang),
        ["## By field", _field_table(result)],
        _worst(result),
        _published(),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _headline(result: EvalResult) -> str:
    corpus, micro = result.corpus, result.corpus.micro
    return table(
        ("figure", "value", "what it is"),
        [
            ("**micro F1**", f"**{number(micro.f1)}**", f"95 % interval {interval(corpus.f1_ci95)} over documents"),
            ("precision", number(micro.precision), f"of {micro.n_pred} predicted values"),
            ("recall", number(micro.recall), f"of {micro.n_ref} values in the reference"),
            ("mean F1", number(corpus.macro_f1), f"over {corpus.documents} documents"),
            ("exact F1", number(micro.exact_f1), "same pairing; a value is right or wrong"),
            ("indel F1", number(micro.indel_f1), "with insertions and deletions alone"),
            ("thresholded F1", number(micro.thresholded_f1), "a similarity below 0.5 counts 0"),
            ("repaired F1", number(result.repaired_micro_f1), "micro F1 if broken JSON is repaired first"),
            ("invalid JSON", number(corpus.invalid_json_rate), "share of documents"),
            ("empty accuracy", number(micro.empty_accuracy), f"of {micro.empty} fields that are to be empty"),
            ("verbatim rate", number(micro.verbatim_rate), f"of {micro.strings} predicted texts stand in the source"),
        ],
    )


def _groups(heading: str, groups: Mapping[str, CorpusScore]) -> list[str]:
    if not groups:
        return []
    return [f"## {heading}", table(_GROUP_COLUMNS, (_group_cells(name, corpus) for name, corpus in groups.items()))]


def _field_table(result: EvalResult) -> str:
    columns = ("field", "F1", "95 %", "precision", "recall", "exact F1", "in reference", "predicted", "empty accuracy")
    rows = (
        (
            path or "(root)", number(tally.f1), interval(result.field_ci95.get(path)), number(tally.precision),
            number(tally.recall), number(tally.exact_f1), str(tally.n_ref), str(tally.n_pred),
            number(tally.empty_accuracy),
        )
        for path, tally in result.corpus.fields.items()
    )  # fmt: skip
    return table(columns, rows)


def _worst(result: EvalResult) -> Iterator[str]:
    worst = result.worst()
    if not worst:
        return
    yield f"## The worst {len(worst)} documents"
    yield "Values that are alike on both sides are left out."
    for document in worst:
        labels = [document.kind, document.lang, None if document.status == "answered" else document.status]
        notes = ", ".join(cell(label) for label in labels if label)
        yield f"### {cell(document.id)}: F1 {number(document.score.f1)}" + (f" ({notes})" if notes else "")
        if document.status == "invalid":
            yield f"Not JSON: {cell(document.error)}"
            yield "\n".join("    " + line for line in document.raw[:_RAW].splitlines()) or "    (no text at all)"
        yield _side_by_side(document)


def _side_by_side(document: ScoredDocument) -> str:
    ref, pred = dict(_scalars(document.ref)), dict(_scalars(document.pred))
    paths = [path for path in {**ref, **pred} if ref.get(path) != pred.get(path)]
    rows = [(path or "(root)", ref.get(path, ""), pred.get(path, "")) for path in paths[:_MAX_ROWS]]
    if len(paths) > _MAX_ROWS:
        rows.append((f"and {len(paths) - _MAX_ROWS} more", "", ""))
    return table(("field", "reference", "prediction"), rows)


def _scalars(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value with its path and indices; texts as they are, others as JSON."""
    if is_empty(value):
        return
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _scalars(child, field_path(path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _scalars(child, f"{path}[{index}]")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)


def _published() -> list[str]:
    rows = [(model, size, f"{value:.2f}") for model, size, value in PUBLISHED]
    return [
        "## Published figures under this name",
        "From a slide of the SmolLM2 talk, 2025; names and sizes as printed, which is hard to read there. The test set "
        "is not public and the definition is not given, so they do not rank against the figures above.",
        table(("model", "size", "F1, as printed"), rows),
    ]
