"""Which documents are good enough: rules on one text, and duplicates among all of them.

A rule gives the reason for which a text is dropped, or None. Duplicates are found from hashes that other processes
made, so whole texts are never together in memory. No tokenizer and no model is known here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

import numpy as np

from smolkit.data.text import Filters, Repetition

EMPTY, BAD_ROW = "empty", "bad row"
EXACT, NEAR = "equal to an earlier one", "nearly equal to an earlier one"

_LINES, _PARAGRAPHS = re.compile(r"\n+"), re.compile(r"\n{2,}")


def judge(text: str, filters: Filters) -> str | None:
    """Why a text is dropped, or None where it stays: everything that the text alone can tell."""
    if not text.strip():
        return EMPTY
    if filters.min_chars is not None and len(text) < filters.min_chars:
        return f"under {filters.min_chars:,} characters"
    if filters.max_chars is not None and len(text) > filters.max_chars:
        return f"over {filters.max_chars:,} characters"
    if filters.min_words is not None and len(text.split()) < filters.min_words:
        return f"under {filters.min_words:,} words"
    return find_repetition(text, filters.repetition) if filters.repetition is not None else None


# ---- repetition


def find_repetition(text: str, limits: Repetition) -> str | None:
    """In which way a text repeats itself beyond the limits, or None.

    The measures are those of Gopher, arXiv:2112.11446, as in datatrove's GopherRepetitionFilter, which is not used:
    its words need spaCy, and joining every run of words as a string costs more than the tokenizer. Words are what
    white space separates; characters inside overlapping repetitions count once, and a run that stands once is none.
    """
    for name, pieces, share, characters in (
        (
            "paragraph",
            _PARAGRAPHS.split(text.strip()),
            limits.duplicate_paragraphs,
            limits.duplicate_paragraph_characters,
        ),
        ("line", _LINES.split(text), limits.duplicate_lines, limits.duplicate_line_characters),
    ):
        repeated, length = _repeated(pieces)
        if share is not None and repeated / len(pieces) > share:
            return f"repetition: {name}s"
        if characters is not None and length / len(text) > characters:
            return f"repetition: characters in {name}s"
    words = text.split()
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    longest = max([*limits.top_ngrams, *limits.duplicate_ngrams], default=0)
    for size, groups in _runs_of_words(words, longest):
        top, limit = limits.top_ngrams.get(size), limits.duplicate_ngrams.get(size)
        if top is not None and _top_characters(groups, lengths, size) / len(text) > top:
            return f"repetition: the most frequent {size} words"
        if limit is not None and _covered_characters(groups, lengths, size) / len(text) > limit:
            return f"repetition: runs of {size} words"
    return None


def _repeated(pieces: Sequence[str]) -> tuple[int, int]:
    """How many pieces an earlier one equals, and their characters."""
    seen: set[str] = set()
    again = [piece for piece in pieces if piece in seen or seen.add(piece)]  # type: ignore[func-returns-value]
    return len(again), sum(map(len, again))


def _runs_of_words(words: Sequence[str], longest: int) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
    """For runs of 1, 2, ... words: (the places of runs that stand more than once, the first place of each's equals).

    A run stands twice only where the run that is a word shorter does, so ever fewer places are compared.
    """
    numbers: dict[str, int] = {}
    ids = np.fromiter((numbers.setdefault(word, len(numbers)) for word in words), np.int64, len(words))
    places, groups = np.arange(len(words)), ids
    for size in range(1, longest + 1):
        if size > 1:
            inside = places + size - 1 < len(words)
            places, groups = places[inside], groups[inside] * len(numbers) + ids[places[inside] + size - 1]
        _, first, inverse, counts = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
        again = counts[inverse] > 1
        firsts = places[first][inverse][again]
        places, groups = places[again], inverse[again]
        yield size, (places, firsts)


def _top_characters(groups: tuple[np.ndarray, np.ndarray], lengths: np.ndarray, size: int) -> int:
    """Characters of the most frequent run, spaces inside it included, times how often it stands."""
    places, firsts = groups
    if not len(places):
        return 0
    found, counts = np.unique(firsts, return_counts=True)
    place = int(found[counts.argmax()])
    return int(counts.max()) * (int(lengths[place : place + size].sum()) + size - 1)


def _covered_characters(groups: tuple[np.ndarray, np.ndarray], lengths: np.ndarray, size: int) -> int:
    """Characters of all words in runs that stood before."""
    places, firsts = groups
    later = places[places > firsts]
    edges = np.zeros(len(lengths) + 1, np.int64)
    np.add.at(edges, later, 1)
    np.add.at(edges, later + size, -1)
    return int(lengths[np.cumsum(edges[:-1]) > 0].sum())


# ---- duplicates


def fingerprint(text: str) -> np.ndarray:
    """128 bits of a text, case and white space apart: uint64 [2]."""
    folded = " ".join(text.split()).casefold()
    return np.frombuffer(hashlib.blake2b(folded.encode(), digest_size=16).digest(), "<u8")


def repeated_rows(fingerprints: np.ndarray) -> np.ndarray:
    """Which rows of uint64 [documents, 2] an earlier row equals: bool [documents]."""
    later = np.ones(len(fingerprints), bool)
    whole = np.ascontiguousarray(fingerprints).view("<u8,<u8").ravel()
    later[np.unique(whole, return_index=True)[1]] = False
    return later


def near_duplicates(buckets: np.ndarray) -> np.ndarray:
    """Which documents belong with an earlier one: bool [documents], from MinHash values, uint64 [documents, buckets].

    Two documents belong together where one bucket is equal, and so do all that are linked by such pairs. Rows of
    zeros are texts too short to have values. This is what datatrove's second and third stages do, one heap and one
    Python object per value; sorting whole columns is faster, and of a cluster the first document stays, not any.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    documents = len(buckets)
    known = np.flatnonzero(buckets.any(axis=1))
    pairs = [np.empty((0, 2), np.int64)]
    for column in buckets[known].T:
        order = np.argsort(column, kind="stable")
        equal = np.flatnonzero(column[order[1:]] == column[order[:-1]])
        pairs.append(np.stack([known[order[equal]], known[order[equal + 1]]], axis=1))
    one, other = np.concatenate(pairs).T
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(documents, documents))
    _, clusters = connected_components(graph, directed=False)
    later = np.ones(documents, bool)
    later[np.unique(clusters, return_index=True)[1]] = False
    return later
