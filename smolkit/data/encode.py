"""Text to token ids in bulk, by the tokenizer file of a model alone: neither transformers nor torch is loaded.

No document can end itself: the text `<|endoftext|>` inside one is encoded as the letters that it is. No beginning
token is added, whatever the tokenizer's post-processor would do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.data.corpus import EndOfDocument, token_dtype
from smolkit.data.words import WordEncoder, open_words
from smolkit.errors import DataError, ModelError, nearest
from smolkit.manifest import sha256_file

if TYPE_CHECKING:
    from tokenizers import Tokenizer

AUTO, NONE = "auto", "none"
"""Of the end of a document: what the tokenizer has for it, or nothing."""

_END = "<|endoftext|>"
_TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Encoder:
    """An opened tokenizer file. It travels to other processes as its path, and is read there again."""

    name: str
    """The model, as it was named."""
    file: Path
    tokenizer_sha256: str
    """Of the file's bytes."""
    vocab_size: int
    end: EndOfDocument | None

    @property
    def dtype(self) -> np.dtype[Any]:
        return token_dtype(self.vocab_size)

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The ids of each text, followed by the end token where there is one."""
        tail = [] if self.end is None else [self.end.id]
        words = _words(self.file)
        ids = [words.encode(text, tail, self.dtype) if words is not None else None for text in texts]
        whole = [text for text, known in zip(texts, ids, strict=True) if known is None]
        found = iter(_opened(self.file).encode_batch_fast(whole, add_special_tokens=False))
        return [np.array(next(found).ids + tail, self.dtype) if known is None else known for known in ids]

    def decode(self, ids: np.ndarray) -> str:
        """Text again, special tokens in it as they are written."""
        return str(_opened(self.file).decode(ids.tolist(), skip_special_tokens=False))


def open_encoder(model: str, end_of_document: str = AUTO) -> Encoder:
    """The tokenizer of a model with the end token `end_of_document`: a token of its vocabulary, "auto" or "none".

    Raises ModelError where the model has no tokenizer.json, DataError where the token is none of its vocabulary.
    """
    from smolkit.models import resolve

    directory = Path(model).expanduser()
    if not (directory / _TOKENIZER).is_file():  # a tokenizer needs no weights beside it
        directory = resolve(model)
    file = directory / _TOKENIZER
    if not file.is_file():
        raise ModelError(f"has no {_TOKENIZER}", where=str(directory), fix="Name a model with a fast tokenizer")
    vocabulary = _opened(file).get_vocab(with_added_tokens=True)
    end = _choose_end(vocabulary, end_of_document, model, directory)
    return Encoder(model, file, sha256_file(file), max(vocabulary.values()) + 1, end)


@lru_cache(maxsize=4)
def _opened(file: Path) -> Tokenizer:
    """The tokenizer of a file, once per process."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as exc:  # the library raises no other
        line = str(exc).partition("\n")[0]
        raise ModelError(f"the tokenizer cannot be read ({line})", where=str(file)) from exc
    tokenizer.encode_special_tokens = True  # text never becomes a special token
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@lru_cache(maxsize=4)
def _words(file: Path) -> WordEncoder | None:
    return open_words(_opened(file))


def _choose_end(vocabulary: dict[str, int], wanted: str, model: str, directory: Path) -> EndOfDocument | None:
    if wanted == NONE:
        return None
    if wanted != AUTO:
        if wanted not in vocabulary:
            near = nearest(wanted, [token for token in vocabulary if token.startswith("<") and token.endswith(">")])
            fix = f"Did you mean {near!r}?" if near else "Name a token of it, or take none"
            raise DataError(f"{wanted!r} is no token of its vocabulary", where=model, fix=fix)
        return EndOfDocument(wanted, vocabulary[wanted])
    # Instruct models end a turn with their eos token; documents end with what the base model ended them with.
    token = _END if _END in vocabulary else _configured(directory)
    if token not in vocabulary:
        fix = "Name one with --end-of-document, or take none"
        raise DataError("its tokenizer has no token for the end of a document", where=model, fix=fix)
    return EndOfDocument(str(token), vocabulary[str(token)])


def _configured(directory: Path) -> str | None:
    """The eos token of tokenizer_config.json, which stands there as text or as an object."""
    try:
        token = json.loads((directory / "tokenizer_config.json").read_bytes()).get("eos_token")
    except (OSError, ValueError, AttributeError):
        return None
    return token.get("content") if isinstance(token, dict) else token
