"""A source as one endless stream of tokens in a shuffled order, and batches cut from such streams.

The order of a pass is that of its shards, shuffled, and of the documents in each, shuffled: any position is found
without reading what lies before it, and memory holds one shard's documents. Where a sequence ends inside a document,
the next one goes on with it. Documents that share a sequence do not see each other, and positions begin anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np

from smolkit.data.corpus import Corpus, Shard
from smolkit.data.mixture import Draw
from smolkit.data.render import IGNORED

_SHARDS_KEPT = 4
"""Orders of shards in memory at a time, 16 bytes per document."""


@dataclass(frozen=True)
class Fragment:
    """Part of a document in a sequence: which one, and how many tokens of the sequence it fills."""

    shard: int
    document: int
    length: int


@dataclass(frozen=True)
class _Order:
    """The documents of a shard in the order of a pass, and where each ends in it, in tokens."""

    documents: np.ndarray
    ends: np.ndarray


class Stream:
    """The documents of a corpus, pass after pass, each pass in another order that `seed` and `name` decide.

    The last documents of the last shard, `held_out` of them, are left out.
    """

    def __init__(self, corpus: Corpus, name: str, seed: int, held_out: int = 0):
        self.corpus = corpus
        self.name = name
        self.seed = seed
        self.documents = [len(shard.ends) for shard in corpus.shards]
        self.documents[-1] -= held_out
        self.sizes = np.array(
            [
                int(shard.ends[count - 1]) if count else 0
                for shard, count in zip(corpus.shards, self.documents, strict=True)
            ]
        )
        self._order = lru_cache(maxsize=_SHARDS_KEPT)(self._order_of)
        self._pass = lru_cache(maxsize=2)(self._pass_of)

    @property
    def tokens(self) -> int:
        """Tokens of one pass."""
        return int(self.sizes.sum())

    def read(self, start: int, count: int) -> tuple[np.ndarray, list[Fragment]]:
        """The tokens [start, start + count) of the stream, int64, and the documents that they are parts of."""
        pieces: list[np.ndarray] = []
        fragments: list[Fragment] = []
        while count:
            ids, fragment = self._piece(start, count)
            pieces.append(ids)
            fragments.append(fragment)
            start, count = start + len(ids), count - len(ids)
        return np.concatenate(pieces).astype(np.int64), fragments

    def _piece(self, start: int, count: int) -> tuple[np.ndarray, Fragment]:
        """Tokens from `start` to the end of their document, `count` at most."""
        turn, at = divmod(start, self.tokens)
        shards, ends = self._pass(turn)
        place = int(np.searchsorted(ends, at, side="right"))
        number = int(shards[place])
        at -= int(ends[place - 1]) if place else 0
        order = self._order(turn, number)
        place = int(np.searchsorted(order.ends, at, side="right"))
        document = int(order.documents[place])
        left = int(order.ends[place]) - at
        shard = self.corpus.shards[number]
        end = int(shard.ends[document])
        ids = shard.tokens[end - left : end - left + min(left, count)]
        return ids, Fragment(number, document, len(ids))

    def _pass_of(self, turn: int) -> tuple[np.ndarray, np.ndarray]:
        shards = _permutation(len(self.sizes), self._key(turn, "shards"))
        return shards, self.sizes[shards].cumsum()

    def _order_of(self, turn: int, number: int) -> _Order:
        count = self.documents[number]
        ends = np.asarray(self.corpus.shards[number].ends[:count]).astype(np.int64)
        documents = _permutation(count, self._key(turn, f"shard {number}"))
        return _Order(documents, np.diff(ends, prepend=0)[documents].cumsum())

    def _key(self, turn: int, what: str) -> int:
        return crc32(f"{self.seed}:{self.name}:{turn}:{what}".encode())


def _permutation(count: int, key: int) -> np.ndarray:
    """0 to count - 1 in the order of their SplitMix64 hashes: the same with every version of numpy."""
    with np.errstate(over="ignore"):
        x = (np.arange(1, count + 1, dtype=np.uint64) + (np.uint64(key) << np.uint64(32))) * np.uint64(
            0x9E3779B97F4A7C15
        )
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return np.argsort(x, kind="stable")


@dataclass(frozen=True)
class Batch:
    """Sequences one after the other, for one pass through the model. Arrays are int64."""

    ids: np.ndarray
    """[tokens]"""
    positions: np.ndarray
    """[tokens], beginning anew with each part of a document"""
    targets: np.ndarray
    """[tokens]: the token that follows, or IGNORED where another document begins"""
    lengths: tuple[int, ...]
    """Tokens that see each other: parts of documents, or whole sequences."""
    sequences: np.ndarray
    """[tokens]: the number of the sequence within the optimizer step"""

    @property
    def labels(self) -> int:
        """Positions that have a loss."""
        return int((self.targets != IGNORED).sum())


def pack(draws: Sequence[tuple[int, Draw]], streams: Mapping[str, Stream], *, isolate: bool = True) -> Batch:
    """One batch from numbered sequences. `isolate` keeps documents from seeing each other."""
    ids, positions, targets, lengths, numbers = [], [], [], [], []
    for number, draw in draws:
        tokens, fragments = streams[draw.source].read(draw.start, draw.count + 1)
        cuts = _cuts(fragments, draw.count) if isolate else [draw.count]
        following = tokens[1:].copy()
        if isolate:
            following[_ends_of_documents(fragments, draw.count)] = IGNORED
        ids.append(tokens[:-1])
        positions.append(np.concatenate([np.arange(cut) for cut in cuts]))
        targets.append(following)
        lengths += cuts
        numbers.append(np.full(draw.count, number))
    return Batch(
        ids=np.concatenate(ids),
        positions=np.concatenate(positions),
        targets=np.concatenate(targets),
        lengths=tuple(lengths),
        sequences=np.concatenate(numbers),
    )


def pack_documents(documents: Sequence[np.ndarray], max_tokens: int) -> list[Batch]:
    """Batches of whole documents, int64 ids, each alone in its row; as many to a batch as `max_tokens` hold."""
    batches: list[list[np.ndarray]] = []
    for ids in documents:
        if not batches or sum(map(len, batches[-1])) + len(ids) > max_tokens:
            batches.append([])
        batches[-1].append(ids)
    return [
        Batch(
            ids=np.concatenate(batch),
            positions=np.concatenate([np.arange(len(ids)) for ids in batch]),
            targets=np.concatenate([np.append(ids[1:], IGNORED) for ids in batch]),
            lengths=tuple(len(ids) for ids in batch),
            sequences=np.repeat(np.arange(len(batch)), [len(ids) for ids in batch]),
        )
        for batch in batches
    ]


def _cuts(fragments: Sequence[Fragment], count: int) -> list[int]:
    """Lengths of the parts within the first `count` tokens."""
    cuts, left = [], count
    for fragment in fragments:
        if left:
            cuts.append(min(fragment.length, left))
            left -= cuts[-1]
    return cuts


def _ends_of_documents(fragments: Sequence[Fragment], count: int) -> np.ndarray:
    """Places whose next token belongs to another document."""
    ends = np.cumsum([fragment.length for fragment in fragments]) - 1
    return ends[ends < count]


def held_out(shard: Shard, tokens: int) -> int:
    """How many of a shard's last documents hold `tokens` tokens at least; 0 where that would be half of them or more.

    A document is held out whole.
    """
    ends = np.asarray(shard.ends).astype(np.int64)
    total = int(ends[-1]) if len(ends) else 0
    first = int(np.searchsorted(ends, max(total - tokens, 0), side="right"))
    kept = int(ends[first - 1]) if first else 0
    return len(ends) - first if 2 * kept >= total and first else 0
