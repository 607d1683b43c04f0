"""A faster way to the same ids: byte-level BPE looks at one word at a time, and most words have been seen before.

Words are what the tokenizer's own pattern cuts a text into. Each is encoded once, by the tokenizer, and looked up from
then on: text goes two to three times as fast as through the tokenizer as a whole. Where the tokenizer has another form,
or a text holds characters that the two pattern engines might class otherwise, there is no such way, and the caller
takes the tokenizer itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CACHED = 500_000
"""Words that are remembered, some 150 MB; then the memory begins anew."""

_LONGEST = 64
"""Characters of a word that is remembered: longer ones hardly come again, and may be as long as a text."""

_BATCH = 65_536
"""Words of a long text that are cut and looked up together: it may be of many millions."""

_LONG = 1 << 20
"""Characters from which a text is long; the words of others are cut at once, which is faster."""

_LAST = 0x2800
"""Characters from here on (Chinese, emoji) are left to the tokenizer: to compare them all would take too long."""

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""What `ByteLevel` cuts by."""

_GPT2_DIGITS = r"\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"
"""The same after `Digits`, which sets every digit apart: white space before one stands at the end of its piece."""


class WordEncoder:
    """Ids of texts, word by word; see `open_words`."""

    def __init__(self, tokenizer: Tokenizer, pattern: Any, foreign: Any):
        self._tokenizer = tokenizer
        self._pattern = pattern
        self._foreign = foreign
        self._ids: dict[str, tuple[int, ...]] = {}

    def encode(self, text: str, tail: Sequence[int], dtype: np.dtype[Any]) -> np.ndarray | None:
        """The ids of a text and then those of `tail`, or None where the tokenizer itself has to be asked."""
        if self._foreign.search(text):
            return None
        batches = [self._look_up(words, dtype) for words in self._batches(text)]
        return np.concatenate([*batches, np.array(tail, dtype)])

    def _batches(self, text: str) -> Iterator[list[str]]:
        if len(text) < _LONG:
            yield self._pattern.findall(text)
            return
        matches = self._pattern.finditer(text)
        while words := [match.group() for match in islice(matches, _BATCH)]:
            yield words

    def _look_up(self, words: Sequence[str], dtype: np.dtype[Any]) -> np.ndarray:
        missing = set(words).difference(self._ids)
        if missing:
            self._learn(list(missing), words)
        ids = np.fromiter(chain.from_iterable(map(self._ids.__getitem__, words)), dtype)
        for word in missing:
            if len(word) > _LONGEST:
                del self._ids[word]
        return ids

    def _learn(self, missing: list[str], words: Sequence[str]) -> None:
        if len(self._ids) > CACHED:
            self._ids.clear()
            missing = list(set(words))
        found = self._tokenizer.encode_batch_fast(missing, add_special_tokens=False)
        self._ids.update((word, tuple(encoding.ids)) for word, encoding in zip(missing, found, strict=True))


def open_words(tokenizer: Tokenizer) -> WordEncoder | None:
    """The faster way for a tokenizer whose form is known, or None. Special tokens must be letters to it already."""
    try:
        regex = import_module("regex")
    except ModuleNotFoundError:  # transformers brings it, and may cease to
        return None
    form = json.loads(tokenizer.to_str())
    pattern = _pattern_of(form)
    if pattern is None:
        return None
    try:
        compiled = regex.compile(pattern)
    except regex.error:  # the tokenizer's own engine knows more
        return None
    differing = [code for code in range(_LAST) if not _is_cut_alike(chr(code), tokenizer, compiled)]
    if len(differing) > _LAST // 4:  # not the pattern that it seemed
        return None
    listed = "".join(f"\\U{code:08x}" for code in differing)
    return WordEncoder(tokenizer, compiled, regex.compile(f"[{listed}\\U{_LAST:08x}-\\U0010ffff]"))


def _pattern_of(form: dict[str, Any]) -> str | None:
    """What the tokenizer cuts texts by, where its ids are those of the pieces one after the other."""
    model = form["model"]
    plain = form["normalizer"] is None and model["type"] == "BPE" and not model.get("dropout")
    if not plain or not all(token["special"] for token in form["added_tokens"]):
        return None
    whole = form["pre_tokenizer"] or {}
    steps = whole.get("pretokenizers", [whole])
    last = steps[-1]
    if last.get("type") != "ByteLevel" or last.get("add_prefix_space"):
        return None
    if len(steps) == 1 and last.get("use_regex", True):
        return _GPT2
    if len(steps) != 2:
        return None
    first = steps[0]
    if first == {"type": "Digits", "individual_digits": True} and last.get("use_regex", True):
        return _GPT2_DIGITS
    if first.get("type") == "Split" and not last.get("use_regex", True):
        isolated = first.get("behavior") == "Isolated" and not first.get("invert")
        pattern: str | None = first["pattern"].get("Regex")
        return pattern if isolated else None
    return None


def _is_cut_alike(character: str, tokenizer: Tokenizer, pattern: Any) -> bool:
    """Whether both cut the character alike, between and beside letters, digits, signs and spaces."""
    c = character
    text = f"a{c}a {c}{c}1{c}2 {c} .{c}\n{c}  {c}x{c}'s"
    theirs = [span for _, span in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
    return theirs == [found.span() for found in pattern.finditer(text)]
