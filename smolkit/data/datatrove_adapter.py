"""datatrove, Hugging Face's library for large text sets: the one file that imports it.

It brings MinHash, whose values are datatrove's to the bit. Its other pieces are not used, for reasons that stand where
ours are: readers pass over bad rows (`smolkit.data.documents`), words need spaCy and clusters have no order
(`smolkit.data.quality`), and its executor and tokenizer cannot go on inside a file that they had begun
(`smolkit.data.tokenize`). What it logs, and its progress bars, stay off our terminal.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np

from smolkit.data.text import MinHash
from smolkit.registry import require

_SHINGLES = 2048
"""Hashed together: a matrix of these by all hash functions stays in the processor's cache."""


class MinHasher:
    """MinHash values of texts, one 64-bit number a bucket. Raises MissingExtra where datatrove is not installed."""

    def __init__(self, settings: MinHash):
        self.buckets = settings.buckets
        self._step = _signature_step(settings)

    def __call__(self, text: str) -> np.ndarray:
        """uint64 [buckets]; all zero for a text that is shorter than one run of words."""
        shingles = self._step.get_shingles(text)
        if not len(shingles):
            return np.zeros(self.buckets, np.uint64)
        signature = self.signature(shingles)
        digests = (hashlib.blake2b(bucket.tobytes(), digest_size=8).digest() for bucket in signature)
        return np.frombuffer(b"".join(digests), "<u8")

    def signature(self, shingles: np.ndarray) -> np.ndarray:
        """datatrove's signature: uint64 [buckets, hashes per bucket].

        In pieces, whose smallest hashes are the whole's: at once, a megabyte of text takes 300 MB.
        """
        starts = range(0, len(shingles), _SHINGLES)
        pieces = [self._step.get_signature(shingles[start : start + _SHINGLES]) for start in starts]
        return np.min(np.array(pieces, np.uint64), axis=0)


def _signature_step(settings: MinHash) -> Any:
    minhash = require("datatrove.pipeline.dedup.minhash", extra="data", why="finding near duplicates")
    _quieten()
    config = minhash.MinhashConfig(
        n_grams=settings.ngram_words,
        num_buckets=settings.buckets,
        hashes_per_bucket=settings.hashes_per_bucket,
        seed=settings.seed,
    )
    # The folder is where `run` would write; it is not called.
    step = minhash.MinhashDedupSignature(".", config, language=white_space_words())
    step._hash_func = _hash  # datatrove 0.10 hands over strings, which xxhash 4 no longer takes
    return step


def _hash(text: str) -> int:
    """xxh64 of the text in UTF-8, which is what older versions of xxhash made of a string."""
    import xxhash

    return int(xxhash.xxh64_intdigest(text.encode()))


def _quieten() -> None:
    """Keep what datatrove logs to itself; other users of loguru in this process are left alone."""
    from loguru import logger

    logger.disable("datatrove")


@lru_cache(maxsize=1)
def white_space_words() -> Any:
    """What separates words for datatrove. Its own way for English is spaCy's, a large model for so small a task.

    The text has no punctuation and single spaces by the time that it is asked.
    """
    from datatrove.utils.word_tokenizers import WordTokenizer

    # Signatures ask for words alone; the other two are abstract there, and answering them wrongly would be worse.
    class WhiteSpace(WordTokenizer):  # type: ignore[misc, unused-ignore]
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

        def sent_tokenize(self, text: str) -> list[str]:
            raise NotImplementedError

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            raise NotImplementedError

    return WhiteSpace("xx")
