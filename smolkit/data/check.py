"""What a set of rows holds, in figures: counts, lengths, what is copied, what stands twice or in another split too.

The rows are valid already (`smolkit.data.rows`); nothing is judged or changed here. Lengths and the example come from
`smolkit.data.render`, so they are what training sees. No model is known here: the caller brings the encoder.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from smolkit.data.render import IGNORED, Encoder, Example, encode_example
from smolkit.data.rows import Row
from smolkit.errors import locate
from smolkit.extraction.canonical import SOFT_TYPES, normalise
from smolkit.extraction.prompt import PromptFormat
from smolkit.extraction.template import Enum, ListOf, Node, Object, Template, field_path

NOT_GIVEN = "not given"
"""What counts call rows without a language or a kind."""

SHINGLE = 3
"""Words in a row that are compared as one."""

NEAR = 0.7
"""The Jaccard similarity from which two texts are near duplicates: about one changed word in twenty."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Spread:
    """How some lengths are distributed; each figure is one of them."""

    min: int
    median: int
    p95: int
    max: int

    @classmethod
    def of(cls, values: Iterable[int]) -> Spread:
        """By nearest rank; there has to be a value."""
        ranked = sorted(values)
        return cls(*(ranked[max(0, math.ceil(share * len(ranked)) - 1)] for share in (0, 0.5, 0.95, 1)))


@dataclass(frozen=True)
class LeafCounts:
    """Values under leaves of one type."""

    leaves: int = 0
    """Leaves that rows have: one per item of a list, and one for a list without items."""
    absent: int = 0
    texts: int = 0
    """Values that are text."""
    verbatim: int = 0
    """Of the texts, those that stand in their document, white space collapsed."""

    def __add__(self, other: LeafCounts) -> LeafCounts:
        return LeafCounts(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def absent_rate(self) -> float:
        return self.absent / self.leaves

    @property
    def verbatim_rate(self) -> float | None:
        """None where no value is text."""
        return self.verbatim / self.texts if self.texts else None

    def figures(self) -> dict[str, Any]:
        return {**asdict(self), "absent_rate": self.absent_rate, "verbatim_rate": self.verbatim_rate}


Pairs = list[tuple[int, int]]
"""Rows, each with an earlier one or one of another set; both numbers count from 1."""


@dataclass(frozen=True)
class Figures:
    """One set of rows."""

    rows: int
    languages: dict[str, int]
    kinds: dict[str, int]
    styles: dict[str, int]
    tokens: dict[str, Spread]
    """Of prompts, of answers with their end marker, and of whole rows."""
    leaves: dict[str, LeafCounts]
    """By leaf type, the most frequent first; enums are one type."""
    misquoted: list[str]
    """Values of verbatim-string fields that do not stand in their document, as file:row:field."""
    equal_texts: Pairs
    equal_texts_and_templates: Pairs
    contradictions: Pairs
    """Equal text and template, but another output."""

    @property
    def absent_rate(self) -> float:
        return sum(self.leaves.values(), LeafCounts()).absent_rate

    @property
    def verbatim_rate(self) -> float | None:
        """Of the values of free text: blank, string and verbatim-string fields."""
        free = (counts for name, counts in self.leaves.items() if name in SOFT_TYPES)
        return sum(free, LeafCounts()).verbatim_rate

    def figures(self) -> dict[str, Any]:
        """All of it as JSON values."""
        rates = {"absent_rate": self.absent_rate, "verbatim_rate": self.verbatim_rate}
        leaves = {name: counts.figures() for name, counts in self.leaves.items()}
        return {**asdict(self), **rates, "leaves": leaves}


def check_rows(
    rows: Sequence[Row], prompt_format: PromptFormat, encode: Encoder, *, file: str | Path | None = None
) -> Figures:
    """The figures of rows that have outputs, of which there is at least one; `file` is named in places."""
    examples = [encode_example(row, prompt_format, encode, where=locate(file, row.line)) for row in rows]
    leaves, misquoted = _count_leaves(rows, file)
    by_template = _repetitions(rows, lambda row: (row.text, json.dumps(row.template.source)))
    outputs = {row.line: row.template.conform(row.output) for row in rows}
    return Figures(
        rows=len(rows),
        languages=_counts(row.lang or NOT_GIVEN for row in rows),
        kinds=_counts(row.kind or NOT_GIVEN for row in rows),
        styles=_counts(row.template.style for row in rows),
        tokens={
            "prompt": Spread.of(example.prompt_length for example in examples),
            "answer": Spread.of(example.answer_length for example in examples),
            "row": Spread.of(len(example.ids) for example in examples),
        },
        leaves=leaves,
        misquoted=misquoted,
        equal_texts=_repetitions(rows, lambda row: row.text),
        equal_texts_and_templates=by_template,
        contradictions=[(row, earlier) for row, earlier in by_template if outputs[row] != outputs[earlier]],
    )


def marked(example: Example, decode: Callable[[list[int]], str]) -> list[tuple[str, bool]]:
    """An example as text again, in runs of tokens: each with whether training puts loss on it."""
    tokens = zip(example.ids, (label != IGNORED for label in example.labels), strict=True)
    return [(decode([token for token, _ in run]), trained) for trained, run in groupby(tokens, lambda token: token[1])]


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _repetitions(rows: Sequence[Row], key: Callable[[Row], object]) -> Pairs:
    """Each row whose key an earlier row has, with the first such row."""
    first: dict[object, int] = {}
    return [(row.line, earlier) for row in rows if (earlier := first.setdefault(key(row), row.line)) != row.line]


# ---- leaves


def _count_leaves(rows: Sequence[Row], file: str | Path | None) -> tuple[dict[str, LeafCounts], list[str]]:
    counts: defaultdict[str, LeafCounts] = defaultdict(LeafCounts)
    misquoted = []
    for row in rows:
        text = " ".join(row.text.split())
        for path, leaf_type, value in _values(row.template.root, row.template.conform(row.output), "output"):
            copied = isinstance(value, str) and " ".join(value.split()) in text
            counts[leaf_type] += LeafCounts(1, value is None, isinstance(value, str), copied)
            if leaf_type == "verbatim-string" and value is not None and not copied:
                misquoted.append(locate(file, row.line, path))
    by_size = sorted(counts.items(), key=lambda entry: -entry[1].leaves)
    return dict(by_size), misquoted


def absent_rate_of(filled: Sequence[tuple[Template, Any]]) -> float:
    """The share of values that outputs leave out, of all that their templates ask for."""
    values = [one for template, output in filled for one in _values(template.root, template.conform(output), "output")]
    return sum(value is None for _, _, value in values) / len(values)


def _values(node: Node, value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    """(path, leaf type, value) of every leaf of a conformed output, the value None where it is missing."""
    if isinstance(node, Object):
        for key, child in node.fields.items():
            yield from _values(child, value and value[key], field_path(path, key))
    elif isinstance(node, ListOf) or (isinstance(node, Enum) and node.many):
        item = node.item if isinstance(node, ListOf) else Enum(node.choices, many=False)
        for index, one in enumerate(value or [None]):
            yield from _values(item, one, f"{path}[{index}]")
    else:
        yield path, "enum" if isinstance(node, Enum) else node.type, value


# ---- two sets


@dataclass(frozen=True)
class Match:
    """A row of one set and a row of another that it resembles; both numbers count from 1."""

    row: int
    other: int
    similarity: float


@dataclass(frozen=True)
class Leakage:
    """What a set of rows has in common with another, such as a training with a test split."""

    equal_texts: Pairs
    near_texts: list[Match]
    """Rows whose text is not in the other set, but one much like it (see `near_matches`); the most similar."""
    keys: int
    """Key names in the templates of the set."""
    shared_keys: list[str]
    """Those of them that stand in templates of the other set, too."""

    def figures(self) -> dict[str, Any]:
        return asdict(self)


def find_leakage(rows: Sequence[Row], others: Sequence[Row]) -> Leakage:
    """Texts and key names of `rows` that `others` have as well."""
    first: dict[str, int] = {}
    for other in others:
        first.setdefault(other.text, other.line)
    rest = [row for row in rows if row.text not in first]
    near = near_matches([row.text for row in rest], [other.text for other in others])
    keys, other_keys = (key_names(row.template for row in either) for either in (rows, others))
    return Leakage(
        equal_texts=[(row.line, first[row.text]) for row in rows if row.text in first],
        near_texts=[Match(rest[at].line, others[to].line, similarity) for at, (to, similarity) in near.items()],
        keys=len(keys),
        shared_keys=sorted(keys & other_keys),
    )


def near_matches(texts: Sequence[str], others: Sequence[str], threshold: float = NEAR) -> dict[int, tuple[int, float]]:
    """For each text that has one: its most similar other text and the similarity, from `threshold` (over 0) on.

    Similarity is the Jaccard index of the sets of `SHINGLE` words in a row, case and punctuation apart. Nothing is
    estimated: of two sets that similar, the n - ceil(threshold n) + 1 rarest elements meet, so only these are indexed
    (prefix filtering: Chaudhuri, Ganti and Kaushik, A Primitive Operator for Similarity Joins, 2006).
    """
    sets, other_sets = [shingles(text) for text in texts], [shingles(text) for text in others]
    frequency = Counter(chain.from_iterable(other_sets))
    index: defaultdict[str, list[int]] = defaultdict(list)
    for place, elements in enumerate(other_sets):
        for element in _rarest(elements, frequency, threshold):
            index[element].append(place)
    matches = {}
    for place, elements in enumerate(sets):
        candidates = {other for element in _rarest(elements, frequency, threshold) for other in index.get(element, ())}
        scored = [(_jaccard(elements, other_sets[other]), -other) for other in candidates]
        similarity, negated = max(scored, default=(0.0, 0))
        if similarity >= threshold:
            matches[place] = (-negated, similarity)
    return matches


def words(text: str) -> list[str]:
    """The words and numbers of a text, case folded, without punctuation."""
    return _WORD.findall(normalise(text).casefold())


def shingles(text: str) -> frozenset[str]:
    """Every `SHINGLE` words in a row; a shorter text is one, a text without words none."""
    found = words(text)
    starts = range(max(1, len(found) - SHINGLE + 1)) if found else ()
    return frozenset(" ".join(found[start : start + SHINGLE]) for start in starts)


def _rarest(elements: frozenset[str], frequency: Mapping[str, int], threshold: float) -> list[str]:
    count = len(elements) - math.ceil(threshold * len(elements) - 1e-9) + 1  # 1e-9: a product just above a whole number
    return sorted(elements, key=lambda element: (frequency[element], element))[:count]


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


def key_names(templates: Iterable[Template]) -> set[str]:
    return {key for template in templates for key in _keys(template.root)}


def _keys(node: Node) -> Iterator[str]:
    if isinstance(node, Object):
        for key, child in node.fields.items():
            yield key
            yield from _keys(child)
    elif isinstance(node, ListOf):
        yield from _keys(node.item)
