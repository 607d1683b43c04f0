"""The credit that a prediction earns against a reference: rules 1, 2, 7 and 8 of the metric.

Both sides become trees first (`tree`): texts normalised, exact leaves in their canonical form, empty values None,
empty items of lists gone. `credit` compares two trees, `aligned` lists which leaves were compared. What is made of the
credits - F1, corpora, reports - is `smolkit.extraction.metric`'s business.

A tree is None | str (a soft text) | Exact | int | float | AnyOf | list of trees | dict of trees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from rapidfuzz.distance import Indel, Levenshtein
from rapidfuzz.process import cdist

from smolkit.errors import DataError, locate
from smolkit.extraction.assignment import Weights, best_pairs, best_total
from smolkit.extraction.canonical import SOFT_TYPES, canonical, normalise
from smolkit.extraction.template import Enum, Leaf, ListOf, Node, Object, field_path, is_empty


class Exact(NamedTuple):
    """A leaf that is right or wrong: a canonical text, or a boolean (which must not equal the number 1)."""

    value: str | bool


class AnyOf(NamedTuple):
    """A reference leaf with several accepted values; the best one counts."""

    options: tuple[Any, ...]


Tree: TypeAlias = Any


@dataclass(frozen=True)
class Similarity:
    """How alike two soft texts are, from 0 to 1; below `cutoff` it counts 0."""

    name: str
    scorer: Callable[..., float]
    cutoff: float = 0.0

    def __call__(self, a: str, b: str) -> float:
        return self.scorer(a, b, score_cutoff=self.cutoff)

    def matrix(self, rows: list[str], columns: list[str]) -> Weights:
        """The similarity of every pair: (rows, columns)."""
        return cdist(rows, columns, scorer=self.scorer, score_cutoff=self.cutoff, dtype=np.float64)


LEVENSHTEIN = Similarity("Levenshtein", Levenshtein.normalized_similarity)
"""1 - edits / length of the longer, over code points: the project's own."""
INDEL = Similarity("indel", Indel.normalized_similarity)
"""1 - insertions and deletions / sum of the lengths."""
THRESHOLDED = Similarity("thresholded Levenshtein", Levenshtein.normalized_similarity, 0.5)
"""LEVENSHTEIN with everything below one half counting 0, as ANLS does."""


def tree(value: object, node: Node | None = None) -> tuple[Tree, int]:
    """The tree of a JSON value under a template's node, and n: how many non-empty scalar leaves it has.

    Without a node every text is soft. Keys that `value` lacks and the template has stand in the tree as empty.
    Raises TypeError for what is no JSON value.
    """
    if isinstance(value, str):
        return (leaf, 1) if (leaf := _text(value, node)) is not None else (None, 0)
    if isinstance(value, dict):
        return _object(value, node)
    if isinstance(value, list):
        return _list(value, node)
    if value is None:
        return _object({}, node) if isinstance(node, Object) else (None, 0)
    if isinstance(value, bool):
        return Exact(value), 1
    if isinstance(value, int | float):
        return value, 1
    if isinstance(value, AnyOf):
        trees = [tree(option, node)[0] for option in value.options]
        return AnyOf(tuple(leaf for leaf in trees if leaf is not None)), 1
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def _text(value: str, node: Node | None) -> Tree:
    text = normalise(value)
    if not text:
        return None
    if node is None or (isinstance(node, Leaf) and node.type in SOFT_TYPES):
        return text
    if isinstance(node, Leaf):
        return Exact(canonical(text, node.type))
    return Exact(text) if isinstance(node, Enum) else text


def _object(value: dict[str, Any], node: Node | None) -> tuple[Tree, int]:
    nodes = node.fields if isinstance(node, Object) else {}
    fields, n = {}, 0
    for key, child in value.items():
        fields[key], leaves = tree(child, nodes.get(key))
        n += leaves
    for key in nodes:
        if key not in fields:
            fields[key] = tree(None, nodes[key])[0]
    return fields, n


def _list(value: list[Any], node: Node | None) -> tuple[Tree, int]:
    item_node = node.item if isinstance(node, ListOf) else node if isinstance(node, Enum) else None
    items, n = [], 0
    for child in value:
        item, leaves = tree(child, item_node)
        if leaves:
            items.append(item)
            n += leaves
    return items or None, n


def credit(ref: Tree, pred: Tree, similarity: Similarity) -> float:
    """Rule 1: shared keys of objects, the best assignment of lists, similarity of leaves; 0 where one side is empty."""
    if type(ref) is str:
        if type(pred) is not str:
            return 0.0
        return 1.0 if ref == pred else similarity(ref, pred)
    if type(ref) is dict:
        if type(pred) is not dict:
            return 0.0
        total = 0.0
        for key, child in ref.items():
            if child is not None and (other := pred.get(key)) is not None:
                total += credit(child, other, similarity)
        return total
    if type(ref) is list:
        return _list_credit(ref, pred, similarity) if type(pred) is list else 0.0
    if type(ref) is AnyOf:
        return max(credit(option, pred, similarity) for option in ref.options)
    return 1.0 if _equal(ref, pred) else 0.0


def _equal(ref: Tree, pred: Tree) -> bool:
    """Rule 2 for leaves without a middle: numbers up to their rounding, booleans and canonical texts as they are."""
    if isinstance(ref, int | float) and isinstance(pred, int | float):
        try:
            return math.isclose(ref, pred, rel_tol=1e-9)
        except OverflowError:  # an integer beyond any float
            return ref == pred
    return type(ref) is Exact and type(pred) is Exact and ref == pred


def _list_credit(refs: list[Tree], preds: list[Tree], similarity: Similarity) -> float:
    if len(refs) == 1 or len(preds) == 1:
        return max(credit(ref, pred, similarity) for ref in refs for pred in preds)
    return best_total(_weights(refs, preds, similarity))


def _weights(refs: list[Tree], preds: list[Tree], similarity: Similarity) -> Weights:
    """The credit of every pair of items: (refs, preds). Columns of texts and of objects are worked off at once."""
    if all(type(item) is str for item in refs) and all(type(item) is str for item in preds):
        return similarity.matrix(refs, preds)
    if all(type(item) is dict for item in refs) and all(type(item) is dict for item in preds):
        weights = np.zeros((len(refs), len(preds)))
        for key in {key: None for item in refs for key in item}:
            rows, values = _column(refs, key)
            columns, others = _column(preds, key)
            if rows and columns:
                weights[np.ix_(rows, columns)] += _weights(values, others, similarity)
        return weights
    return np.array([[credit(ref, pred, similarity) for pred in preds] for ref in refs])


def _column(items: list[dict[str, Tree]], key: str) -> tuple[list[int], list[Tree]]:
    """The non-empty values of a field over the items of a list, with the indices of their items."""
    indices = [index for index, item in enumerate(items) if item.get(key) is not None]
    return indices, [items[index][key] for index in indices]


def aligned(ref: Tree, pred: Tree, similarity: Similarity, path: str = "") -> Iterator[tuple[str, Tree, Tree, float]]:
    """Every reference leaf with what it was compared with: (schema path, ref, pred, similarity).

    Empty reference leaves come too, with similarity 0; items of lists only where they were paired.
    The similarities sum to the credit.
    """
    if type(ref) is dict:
        others = pred if type(pred) is dict else {}
        for key, child in ref.items():
            yield from aligned(child, others.get(key), similarity, field_path(path, key))
    elif type(ref) is list:
        if type(pred) is list:
            for row, column in best_pairs(_weights(ref, pred, similarity)):
                yield from aligned(ref[row], pred[column], similarity, path + "[]")
    else:
        yield path, ref, pred, credit(ref, pred, similarity)


def leaves(of: Tree, path: str = "") -> Iterator[tuple[str, Tree]]:
    """The non-empty scalar leaves of a tree with their schema paths."""
    if type(of) is dict:
        for key, child in of.items():
            yield from leaves(child, field_path(path, key))
    elif type(of) is list:
        for child in of:
            yield from leaves(child, path + "[]")
    elif of is not None:
        yield path, of


def with_accepted(output: object, accepted: object, path: str = "") -> object:
    """`output` with every leaf that has accepted values beside it made an `AnyOf` of itself and these (rule 7).

    `accepted` mirrors the output as far as it goes: objects by key, lists by position, and at a leaf the list of its
    values. A list of texts therefore takes a list of lists, the i-th for the i-th text. null accepts nothing more.
    Raises DataError with the path where the two do not fit, or where the output is empty: a field that may be left
    out has no accepted values.
    """
    where = locate(field=f"accepted.{path}" if path else "accepted")
    if accepted is None:
        return output
    if isinstance(accepted, Mapping):
        if not isinstance(output, Mapping):
            raise DataError("accepted values for an object, but the output has none here", where=where)
        return _accepted_fields(output, accepted, path, where)
    if not isinstance(accepted, list):
        raise DataError(f"expected a list of accepted values, got {accepted!r}", where=where, fix="Write [value]")
    if isinstance(output, list):
        if len(accepted) > len(output):
            raise DataError(f"accepted values for {len(accepted)} items, the output has {len(output)}", where=where)
        padded = accepted + [None] * (len(output) - len(accepted))
        return [
            with_accepted(item, values, f"{path}[{index}]")
            for index, (item, values) in enumerate(zip(output, padded, strict=True))
        ]
    return _accepted_leaf(output, accepted, where)


def _accepted_fields(output: Mapping[str, Any], accepted: Mapping[str, Any], path: str, where: str) -> dict[str, Any]:
    for key in accepted:
        if key not in output and not is_empty(accepted[key]):
            raise DataError(f"{key!r} is not a key of the output here", where=where, given=key, known=output)
    return {key: with_accepted(child, accepted.get(key), field_path(path, key)) for key, child in output.items()}


def _accepted_leaf(output: object, accepted: list[Any], where: str) -> object:
    options = [option for option in accepted if not is_empty(option)]
    if any(isinstance(option, list | Mapping) for option in options):
        raise DataError("an accepted value is a text, a number or a boolean", where=where)
    if options and (is_empty(output) or isinstance(output, Mapping)):
        raise DataError("accepted values where the output has no value of its own", where=where)
    return AnyOf((output, *options)) if options else output
