"""Documents of a corpus as text again, with what ends them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate
from random import Random
from typing import Any

from smolkit.data.corpus import Corpus, check_tokenizer
from smolkit.data.encode import NONE, open_encoder

HEAD, TAIL = 120, 40
"""Tokens that are shown of the beginning and of the end of a document."""


@dataclass(frozen=True)
class Sample:
    """One document. `end` is the text of its end token, "" where it has none."""

    shard: str
    index: int
    name: str
    tokens: int
    head: str
    left_out: int
    """Tokens between head and tail."""
    tail: str
    end: str

    def figures(self) -> dict[str, Any]:
        return asdict(self)


def sample(corpus: Corpus, documents: int, *, seed: int = 0, model: str | None = None) -> list[Sample]:
    """So many documents that the seed chooses, in their order.

    `model` has the tokenizer, by default the one that the corpus names. Raises DataError where it is another.
    """
    if not documents:
        return []
    encoder = open_encoder(model or corpus.tokenizer, NONE)
    check_tokenizer(corpus, encoder.tokenizer_sha256, encoder.vocab_size, encoder.name)
    places = sorted(Random(seed).sample(range(corpus.documents), min(documents, corpus.documents)))
    return [_show(corpus, shard, index, encoder.decode) for shard, index in _located(corpus, places)]


def _located(corpus: Corpus, places: list[int]) -> Iterator[tuple[int, int]]:
    """(shard, document within it) of documents counted through all shards."""
    before = [0, *accumulate(len(shard.ends) for shard in corpus.shards)]
    for place in places:
        shard = next(index for index, first in enumerate(before[1:]) if place < first)
        yield shard, place - before[shard]


def _show(corpus: Corpus, shard: int, index: int, decode: Any) -> Sample:
    holder = corpus.shards[shard]
    ids = holder.document(index)
    ends = corpus.end_of_document is not None
    own = ids[:-1] if ends else ids
    short = len(own) <= HEAD + TAIL
    return Sample(
        shard=holder.name,
        index=index,
        name=holder.document_name(index),
        tokens=len(ids),
        head=decode(own if short else own[:HEAD]),
        left_out=0 if short else len(own) - HEAD - TAIL,
        tail="" if short else decode(own[-TAIL:]),
        end=decode(ids[-1:]) if ends else "",
    )
