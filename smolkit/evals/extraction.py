"""Scores the predictions of any system against annotated rows, and says which documents it failed on.

A reference row is `{output, id?, template?, text?, accepted?, kind?, lang?}`; prediction rows are described in
`smolkit.evals.predictions`. What a leaf earns is `smolkit.extraction.metric`'s business; which model wrote the
predictions is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from smolkit.errors import DataError, RowErrors, SmolkitError, locate
from smolkit.evals.predictions import Row, load_predictions, load_references, match_answers, row_ids
from smolkit.extraction.answer import ParsedAnswer
from smolkit.extraction.metric import NAME, CorpusScore, DocumentScore, Tally, aggregate, bootstrap_f1, score
from smolkit.extraction.template import Template

__all__ = ["EvalResult", "ScoredDocument", "load_predictions", "load_references", "score_predictions"]

Status = Literal["answered", "missing", "invalid"]


@dataclass(frozen=True)
class ScoredDocument:
    """One row beside its prediction. `pred` is {} where there is none, or none that parses."""

    id: str
    ref: Any
    pred: Any
    score: DocumentScore
    repaired: DocumentScore
    status: Status = "answered"
    error: str | None = None
    raw: str = ""
    duplicates: tuple[str, ...] = ()
    kind: str | None = None
    lang: str | None = None


@dataclass(frozen=True)
class EvalResult:
    """Every document and the figures over them."""

    documents: list[ScoredDocument]
    seed: int = 0

    @cached_property
    def corpus(self) -> CorpusScore:
        return _corpus(self.documents, self.seed)

    @cached_property
    def by_kind(self) -> dict[str, CorpusScore]:
        """The figures by the rows' `kind`; empty where no row has one."""
        return self._by(lambda document: document.kind)

    @cached_property
    def by_lang(self) -> dict[str, CorpusScore]:
        return self._by(lambda document: document.lang)

    @cached_property
    def field_ci95(self) -> dict[str, tuple[float, float]]:
        """The interval of each field's F1, over the documents in which either side has the field."""
        tallies: dict[str, list[Tally]] = {}
        for document in self.documents:
            for path, tally in document.score.fields.items():
                if tally.n_pred + tally.n_ref:
                    tallies.setdefault(path, []).append(tally)
        return {path: bootstrap_f1(found, seed=self.seed) for path, found in tallies.items()}

    @property
    def missing(self) -> list[str]:
        """Ids of the rows that have no prediction; they are scored as {}."""
        return [document.id for document in self.documents if document.status == "missing"]

    @property
    def failed(self) -> int:
        """Documents without an answer that could be scored: missing, or not JSON."""
        return sum(document.status != "answered" for document in self.documents)

    @property
    def duplicate_key_documents(self) -> int:
        return sum(bool(document.duplicates) for document in self.documents)

    @property
    def repaired_micro_f1(self) -> float:
        """Micro F1 if answers that do not parse are repaired first; see `smolkit.extraction.answer.repair`."""
        scores = [document.repaired for document in self.documents]
        total = Tally(
            tp=sum(one.tp for one in scores),
            n_pred=sum(one.n_pred for one in scores),
            n_ref=sum(one.n_ref for one in scores),
        )
        return total.f1

    def worst(self, count: int = 10) -> list[ScoredDocument]:
        """The documents with the lowest F1, those with more to find first; perfect ones are left out."""
        ranked = sorted(self.documents, key=lambda document: (document.score.f1, -document.score.n_ref))
        return [document for document in ranked if document.score.f1 < 1][:count]

    def figures(self) -> dict[str, Any]:
        """Every figure as JSON values; a rate over nothing is null."""
        return {
            "metric": NAME,
            **_corpus_figures(self.corpus),
            "repaired_micro_f1": self.repaired_micro_f1,
            "failed": self.failed,
            "duplicate_key_documents": self.duplicate_key_documents,
            "by_field": {path: self._field_figures(path, tally) for path, tally in self.corpus.fields.items()},
            "by_kind": {name: _corpus_figures(corpus) for name, corpus in self.by_kind.items()},
            "by_lang": {name: _corpus_figures(corpus) for name, corpus in self.by_lang.items()},
        }

    def _by(self, key: Callable[[ScoredDocument], str | None]) -> dict[str, CorpusScore]:
        groups: dict[str, list[ScoredDocument]] = {}
        for document in self.documents:
            groups.setdefault(key(document) or "(none)", []).append(document)
        if groups.keys() == {"(none)"}:
            return {}
        return {name: _corpus(groups[name], self.seed) for name in sorted(groups)}

    def _field_figures(self, path: str, tally: Tally) -> dict[str, Any]:
        return {
            "f1": tally.f1,
            "f1_ci95": list(self.field_ci95[path]) if path in self.field_ci95 else None,
            "precision": tally.precision,
            "recall": tally.recall,
            **_variants(tally),
            "n_ref": tally.n_ref,
            "n_pred": tally.n_pred,
        }


def _corpus(documents: Sequence[ScoredDocument], seed: int) -> CorpusScore:
    invalid = sum(document.status == "invalid" for document in documents)
    return aggregate([document.score for document in documents], invalid=invalid, seed=seed)


def _corpus_figures(corpus: CorpusScore) -> dict[str, Any]:
    return {
        "micro_f1": corpus.micro.f1,
        "micro_precision": corpus.micro.precision,
        "micro_recall": corpus.micro.recall,
        "macro_f1": corpus.macro_f1,
        "micro_f1_ci95": list(corpus.f1_ci95),
        **_variants(corpus.micro),
        "invalid_json_rate": corpus.invalid_json_rate,
        "documents": corpus.documents,
    }


def _variants(tally: Tally) -> dict[str, float | None]:
    return {
        "exact_f1": tally.exact_f1,
        "indel_f1": tally.indel_f1,
        "thresholded_f1": tally.thresholded_f1,
        "empty_accuracy": tally.empty_accuracy,
        "verbatim_rate": tally.verbatim_rate,
    }


def score_predictions(
    rows: Sequence[Row],
    predictions: Sequence[Row],
    *,
    rows_file: str | Path | None = None,
    predictions_file: str | Path | None = None,
    seed: int = 0,
) -> EvalResult:
    """Score `predictions` against `rows`, matched by id; the order of either does not matter.

    A row without a prediction, or with `output: null`, is scored as {} and counts as failed. A prediction may carry
    `duplicate_keys`, as `load_predictions` finds them. The files are only named in messages.
    Raises RowErrors with every fault of both files, DataError where there are no rows.
    """
    if not rows:
        raise DataError("no rows to score against", where=locate(rows_file) or None)
    problems: list[SmolkitError] = []
    ids = row_ids(rows, rows_file, problems)
    own_ids = any(row.get("id") is not None for row in rows)
    answers = match_answers(predictions, predictions_file, set(ids), own_ids, problems)
    templates: dict[str, Template] = {}
    documents = []
    for number, (row_id, row) in enumerate(zip(ids, rows, strict=True), start=1):
        try:
            documents.append(_scored(row_id, row, answers.get(row_id), locate(rows_file, number), templates))
        except SmolkitError as exc:
            problems.append(exc)
    if problems:
        raise RowErrors(problems)
    return EvalResult(documents, seed)


def _scored(
    row_id: str, row: Row, answer: ParsedAnswer | None, where: str, templates: dict[str, Template]
) -> ScoredDocument:
    if "output" not in row:
        raise DataError("a reference row needs its output", where=locate(where, field="output"))
    template = _template(row.get("template"), locate(where, field="template"), templates)
    text = row.get("text")
    if text is not None and not isinstance(text, str):
        raise DataError(f"text is not a string but {type(text).__name__}", where=locate(where, field="text"))

    def against(pred: Any) -> DocumentScore:
        return score(row["output"], pred, template=template, accepted=row.get("accepted"), text=text)

    status: Status = "missing" if answer is None else "invalid" if answer.invalid else "answered"
    answer = answer or ParsedAnswer("", {})
    try:
        scored = against(answer.scored)
    except DataError as exc:
        raise DataError(str(exc).removeprefix(f"{exc.where}: "), where=locate(where, field=exc.where)) from exc
    return ScoredDocument(
        id=row_id,
        ref=row["output"],
        pred=answer.scored,
        score=scored,
        repaired=against(answer.repaired) if answer.invalid else scored,
        status=status,
        error=answer.error,
        raw=answer.raw,
        duplicates=answer.duplicates,
        kind=_label(row.get("kind")),
        lang=_label(row.get("lang")),
    )


def _template(source: Any, where: str, templates: dict[str, Template]) -> Template | None:
    """The row's template, parsed once however many rows share it."""
    if source is None:
        return None
    key = json.dumps(source)
    if key not in templates:
        templates[key] = Template.parse(source, where)
    return templates[key]


def _label(value: Any) -> str | None:
    return None if value is None else str(value)
