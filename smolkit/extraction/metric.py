"""F1 Levenshtein, as this project defines it: how much of a reference a prediction got right, leaf by leaf.

Nobody published one definition under this name, so a figure from elsewhere may mean something else: some use the
indel distance, some multiply several figures, ANLS* divides by the union of the leaves. Ours:

1. A leaf is a scalar that is not empty: not null and not white space. Objects are compared key by key, lists by the
   one-to-one assignment of their items that earns the most, an item pair weighing its own credit. A container against
   a scalar earns nothing.
2. Two strings earn `1 - Levenshtein / length of the longer`, over code points, after NFKC, with white space collapsed,
   case-sensitive. Numbers earn 1 if they are close to 1e-9, so 1 equals 1.0; booleans if they are the same; any other
   pair earns 0, 1000 against "1,000" too. Under a typed template only `string` and `verbatim-string` leaves are soft:
   the texts of every other type, and of enums, earn 1 or 0 after their canonical form.
3. TP is the credit, precision TP / predicted leaves, recall TP / reference leaves, F1 2 TP / (both); 1 without any
   leaf. A corpus is scored micro (the sums), with the mean per document and a 95 % bootstrap interval beside it.
4. What is invented only adds predicted leaves, what is missing only leaves reference leaves. A correctly empty field
   counts in `empty_accuracy` and nowhere else.
5. An answer that does not parse is {} and counts in `invalid_json_rate` (see `smolkit.extraction.answer`).
6. Beside it: exact F1 (same pairing, a leaf is right or wrong), the indel and the thresholded variant (the whole
   definition, assignment included, with that similarity), `verbatim_rate`, and all of them by field.
7. A reference leaf may have several accepted values; the best one counts.
8. Ties between assignments never change the credit; reports pair the lowest indices.

This module knows no rows, no files and no models.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from smolkit.extraction.answer import ParsedAnswer, parse_answer
from smolkit.extraction.canonical import normalise
from smolkit.extraction.credit import (
    INDEL,
    LEVENSHTEIN,
    THRESHOLDED,
    Tree,
    aligned,
    credit,
    leaves,
    tree,
    with_accepted,
)
from smolkit.extraction.template import Template

__all__ = [
    "CorpusScore",
    "DocumentScore",
    "ParsedAnswer",
    "Tally",
    "aggregate",
    "bootstrap_f1",
    "parse_answer",
    "score",
]

NAME = "F1 Levenshtein (smolkit definition)"
"""What every table calls the headline."""


def _f1(tp: float, n_pred: float, n_ref: float) -> float:
    """2 TP over both counts; 1 where neither side has a leaf."""
    return 2 * tp / (n_pred + n_ref) if n_pred + n_ref else 1.0


@dataclass(slots=True)
class Tally:
    """What is counted, over a field, a document or a corpus; tallies add up."""

    tp: float = 0.0
    exact_tp: float = 0.0
    indel_tp: float = 0.0
    thresholded_tp: float = 0.0
    n_pred: int = 0
    n_ref: int = 0
    empty: int = 0
    """Fields that the reference leaves empty; inside lists only those of paired items. A list is one field."""
    correctly_empty: int = 0
    strings: int = 0
    """Predicted soft texts, counted where the source text is known."""
    verbatim: int = 0
    """Those that stand in the source text, white space collapsed on both sides."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in _COUNTS))

    @property
    def f1(self) -> float:
        return _f1(self.tp, self.n_pred, self.n_ref)

    @property
    def precision(self) -> float:
        return _share(self.tp, self.n_pred, float(self.n_ref == 0))

    @property
    def recall(self) -> float:
        return _share(self.tp, self.n_ref, float(self.n_pred == 0))

    @property
    def exact_f1(self) -> float:
        return _f1(self.exact_tp, self.n_pred, self.n_ref)

    @property
    def indel_f1(self) -> float:
        return _f1(self.indel_tp, self.n_pred, self.n_ref)

    @property
    def thresholded_f1(self) -> float:
        return _f1(self.thresholded_tp, self.n_pred, self.n_ref)

    @property
    def empty_accuracy(self) -> float | None:
        """Share of the empty fields left empty; None where the reference has none."""
        return self.correctly_empty / self.empty if self.empty else None

    @property
    def verbatim_rate(self) -> float | None:
        """Share of predicted texts that stand in the source; None without texts or source."""
        return self.verbatim / self.strings if self.strings else None


_COUNTS = [count.name for count in fields(Tally)]


def _share(part: float, whole: int, otherwise: float) -> float:
    return part / whole if whole else otherwise


@dataclass(frozen=True)
class DocumentScore:
    """One document's headline; everything else is worked out when it is first asked for."""

    tp: float
    n_pred: int
    n_ref: int
    ref_tree: Tree = field(repr=False, compare=False)
    pred_tree: Tree = field(repr=False, compare=False)
    text: str | None = field(default=None, repr=False, compare=False)

    @property
    def f1(self) -> float:
        return _f1(self.tp, self.n_pred, self.n_ref)

    @property
    def precision(self) -> float:
        return _share(self.tp, self.n_pred, float(self.n_ref == 0))

    @property
    def recall(self) -> float:
        return _share(self.tp, self.n_ref, float(self.n_pred == 0))

    @property
    def exact_f1(self) -> float:
        return self.tally.exact_f1

    @property
    def indel_f1(self) -> float:
        return self.tally.indel_f1

    @property
    def thresholded_f1(self) -> float:
        return self.tally.thresholded_f1

    @property
    def empty_accuracy(self) -> float | None:
        return self.tally.empty_accuracy

    @property
    def verbatim_rate(self) -> float | None:
        return self.tally.verbatim_rate

    @cached_property
    def tally(self) -> Tally:
        """Every count of the document."""
        return sum(self.fields.values(), Tally())

    @cached_property
    def fields(self) -> dict[str, Tally]:
        """The counts by schema path (`items[].price`): the reference's fields in its order, then invented ones."""
        table: defaultdict[str, Tally] = defaultdict(Tally)
        for path, ref, pred, similarity in aligned(self.ref_tree, self.pred_tree, LEVENSHTEIN):
            here = table[path]
            here.tp += similarity
            here.exact_tp += similarity == 1
            if ref is None:
                here.empty += 1
                here.correctly_empty += not any(leaves(pred))
        for path, _, _, similarity in aligned(self.ref_tree, self.pred_tree, INDEL):
            table[path].indel_tp += similarity
        for path, _, _, similarity in aligned(self.ref_tree, self.pred_tree, THRESHOLDED):
            table[path].thresholded_tp += similarity
        self._count_leaves(table)
        return dict(table)

    def _count_leaves(self, table: defaultdict[str, Tally]) -> None:
        source = None if self.text is None else normalise(self.text)
        for path, _ in leaves(self.ref_tree):
            table[path].n_ref += 1
        for path, leaf in leaves(self.pred_tree):
            here = table[path]
            here.n_pred += 1
            if source is not None and isinstance(leaf, str):
                here.strings += 1
                here.verbatim += leaf in source


def score(
    ref: object,
    pred: object,
    *,
    template: Template | None = None,
    accepted: object = None,
    text: str | None = None,
) -> DocumentScore:
    """Score a prediction against its reference, two JSON values (for an answer that did not parse, pass {}).

    `template` says which leaves are exact; without one every text is soft. `accepted` mirrors `ref` with lists of
    accepted values at its leaves. `text` is the source document, for the verbatim rate.
    Raises DataError where `accepted` does not fit `ref`, TypeError for what is no JSON value.
    """
    node = template.root if template else None
    if accepted is not None:
        ref = with_accepted(ref, accepted)
    ref_tree, n_ref = tree(ref, node)
    pred_tree, n_pred = tree(pred, node)
    return DocumentScore(credit(ref_tree, pred_tree, LEVENSHTEIN), n_pred, n_ref, ref_tree, pred_tree, text)


@dataclass(frozen=True)
class CorpusScore:
    """The figures of a set of documents. `micro` holds the sums, whose F1 is the headline."""

    documents: int
    invalid: int
    micro: Tally
    macro_f1: float
    f1_ci95: tuple[float, float]
    fields: dict[str, Tally] = field(repr=False)

    @property
    def invalid_json_rate(self) -> float:
        """Share of the documents whose answer did not parse."""
        return self.invalid / self.documents


def aggregate(scores: Sequence[DocumentScore], *, invalid: int = 0, seed: int = 0) -> CorpusScore:
    """Put documents together: micro sums, mean per document, bootstrap interval, counts by field.

    `invalid` is how many of the answers did not parse. Raises ValueError without documents.
    """
    if not scores:
        raise ValueError("no documents to aggregate")
    table: dict[str, Tally] = {}
    for document in scores:
        for path, tally in document.fields.items():
            table[path] = table[path] + tally if path in table else tally
    return CorpusScore(
        documents=len(scores),
        invalid=invalid,
        micro=sum(table.values(), Tally()),
        macro_f1=sum(document.f1 for document in scores) / len(scores),
        f1_ci95=bootstrap_f1(scores, seed=seed),
        fields=table,
    )


def bootstrap_f1(
    scores: Iterable[DocumentScore | Tally], *, seed: int = 0, resamples: int = 1000
) -> tuple[float, float]:
    """The 2.5 and 97.5 percentiles of micro F1 over documents drawn with replacement; the same for the same seed."""
    counts = np.array([(2 * one.tp, one.n_pred + one.n_ref) for one in scores])
    draw = np.random.default_rng(seed)
    at_once = max(1, 500_000 // len(counts))
    sums = np.concatenate(
        [
            counts[draw.integers(len(counts), size=(min(at_once, resamples - done), len(counts)))].sum(axis=1)
            for done in range(0, resamples, at_once)
        ]
    )
    f1s = np.divide(sums[:, 0], sums[:, 1], out=np.ones(resamples), where=sums[:, 1] > 0)
    low, high = np.quantile(f1s, [0.025, 0.975])
    return float(low), float(high)
