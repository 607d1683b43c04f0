"""A tokenised corpus: the directory between text and pretraining, written in order and read through memory maps.

A shard is three files. `NAME.ds` holds the ids of all its documents, one after the other, and `NAME.ds.index` the
documents' ends: both are datatrove's format, which other tools read too. `NAME.ds.names` names the documents, a JSON
string a line, so that a loss spike can be traced to a text. The manifest says which tokenizer made the ids and what
the filters dropped. This module knows no tokenizer and no model: ids come in, ids go out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from smolkit import manifest
from smolkit.errors import DataError, ManifestError

KIND = "corpus"
"""What the manifest of such a directory calls it."""

SHARD_TOKENS = 100_000_000
"""Tokens of a shard at most, unless one document alone has more: 200 MB of 16-bit ids."""

_UINT16_IDS = 1 << 16
_BLOCK = 1 << 22
"""Ids that are looked at together: a corpus may be larger than the memory."""

_AGAIN = "Make the corpus again with: smolkit data tokenize"


@dataclass(frozen=True)
class EndOfDocument:
    """The token that stands after every document."""

    token: str
    id: int


@dataclass(frozen=True)
class Shard:
    """Some documents of a corpus, in the order of their input."""

    name: str
    tokens: np.ndarray
    """Memory-mapped ids, uint16 or uint32, of all documents one after the other, their end tokens included."""
    ends: np.ndarray
    """Memory-mapped uint64, one per document: where it ends in `tokens`, exclusive."""
    names_file: Path

    def document(self, index: int) -> np.ndarray:
        """The ids of document `index`, from 0, its end token included."""
        start = int(self.ends[index - 1]) if index else 0
        return self.tokens[start : int(self.ends[index])]

    def document_name(self, index: int) -> str:
        """What its source calls document `index`, from 0: an id, or a file and a row."""
        starts = _line_starts(self.names_file, self.names_file.stat().st_mtime_ns)
        with self.names_file.open("rb") as file:
            file.seek(int(starts[index]))
            return str(json.loads(file.readline()))


@dataclass(frozen=True)
class Corpus:
    """An opened corpus. Its shards, one after the other, are its documents in order."""

    directory: Path
    tokenizer: str
    """The model whose tokenizer made the ids, as it was named."""
    tokenizer_sha256: str
    """Of the bytes of its tokenizer.json."""
    vocab_size: int
    """Every id is below."""
    end_of_document: int | None
    """The id that stands after every document, or None where nothing does."""
    tokens: int
    documents: int
    shards: tuple[Shard, ...]
    details: Mapping[str, Any]
    """What the manifest says besides: `filters`, `dropped`, `source`."""

    def lengths(self) -> np.ndarray:
        """Tokens of every document, in order: int64 [documents]."""
        return np.concatenate([np.diff(shard.ends.astype(np.int64), prepend=0) for shard in self.shards])

    def figures(self) -> dict[str, Any]:
        """What it is and holds, as JSON values."""
        ranked = np.quantile(self.lengths(), (0, 0.5, 0.95, 1), method="inverted_cdf").tolist()
        names = ("tokenizer", "vocab_size", "end_of_document", "read", "bytes", "dropped", "shards")
        return {
            "tokens": self.tokens,
            "documents": self.documents,
            "tokens_per_document": dict(zip(("min", "median", "p95", "max"), map(int, ranked), strict=True)),
            **{name: self.details[name] for name in names if name in self.details},
        }


def open_corpus(directory: Path, *, verify: bool = True) -> Corpus:
    """The corpus in a directory; with `verify`, every file is proven by its hash and every id is below the vocabulary.

    Raises ManifestError or DataError for a directory that is none, or whose shards are damaged.
    """
    directory = Path(directory)
    said = manifest.read(directory, verify=verify)
    if said.kind != KIND:
        fix = "Name a directory that smolkit data tokenize wrote"
        raise DataError(f"holds a {said.kind}, not a tokenised corpus", where=str(directory), fix=fix)
    try:
        details = said.details
        dtype = token_dtype(details["vocab_size"])
        if np.dtype(details["dtype"]).newbyteorder("<") != dtype:
            what = f"its ids are {details['dtype']}, but {details['vocab_size']:,} of them are {dtype.name}"
            raise DataError(what, where=str(directory), fix=_AGAIN)
        shards = tuple(_open_shard(directory, entry, dtype) for entry in details["shards"])
        end = details["end_of_document"]
        corpus = Corpus(
            directory=directory,
            tokenizer=details["tokenizer"]["name"],
            tokenizer_sha256=details["tokenizer"]["sha256"],
            vocab_size=details["vocab_size"],
            end_of_document=None if end is None else end["id"],
            tokens=details["tokens"],
            documents=details["documents"],
            shards=shards,
            details=details,
        )
    except (KeyError, TypeError) as exc:
        raise ManifestError(
            f"its manifest does not describe a corpus: {exc!r}", where=str(directory), fix=_AGAIN
        ) from exc
    if verify:
        for shard in shards:
            _check_ids(shard, corpus.vocab_size, directory)
    return corpus


def check_tokenizer(corpus: Corpus, tokenizer_sha256: str, vocab_size: int, name: str) -> None:
    """Raise DataError unless the tokenizer of the model `name`, whose embeddings have `vocab_size` rows, made it."""
    where, fix = str(corpus.directory), f"Tokenise the text again with --model {name}"
    if corpus.tokenizer_sha256 != tokenizer_sha256:
        raise DataError(
            f"made with the tokenizer of {corpus.tokenizer}, which is not that of {name}", where=where, fix=fix
        )
    if corpus.vocab_size > vocab_size:
        what = f"its vocabulary has {corpus.vocab_size:,} ids, the embeddings of {name} only {vocab_size:,}"
        raise DataError(what, where=where, fix=fix)


def token_dtype(vocab_size: int) -> np.dtype[Any]:
    """How ids are stored: little endian, 16 bits where the vocabulary has room in them, else 32."""
    return np.dtype("<u2" if vocab_size <= _UINT16_IDS else "<u4")


# ---- reading


def _open_shard(directory: Path, entry: Mapping[str, Any], dtype: np.dtype[Any]) -> Shard:
    name = entry["name"]
    tokens = _map(directory / f"{name}.ds", dtype)
    ends = _map(directory / f"{name}.ds.index", np.dtype("<u8"))
    if (len(tokens), len(ends)) != (entry["tokens"], entry["documents"]):
        wanted = f"{entry['tokens']:,} of {entry['documents']:,}"
        what = f"holds {len(tokens):,} tokens of {len(ends):,} documents, not {wanted}"
        raise DataError(what, where=str(directory / f"{name}.ds"), fix=_AGAIN)
    last = int(ends[-1]) if len(ends) else 0
    if last != len(tokens):
        what = f"its last document ends at {last:,}, the tokens at {len(tokens):,}"
        raise DataError(what, where=str(directory / f"{name}.ds.index"), fix=_AGAIN)
    if len(ends) and not (int(ends[0]) > 0 and bool(np.all(ends[1:] > ends[:-1]))):
        raise DataError(
            "the ends of its documents do not increase", where=str(directory / f"{name}.ds.index"), fix=_AGAIN
        )
    return Shard(name, tokens, ends, directory / f"{name}.ds.names")


def _map(path: Path, dtype: np.dtype[Any]) -> np.ndarray:
    if not path.is_file():
        raise DataError("no such file", where=str(path), fix=_AGAIN)
    size = path.stat().st_size
    if size % dtype.itemsize:
        raise DataError(f"{size:,} bytes are no whole number of {dtype.name}", where=str(path), fix=_AGAIN)
    return np.memmap(path, dtype, mode="r") if size else np.empty(0, dtype)  # a file of no bytes cannot be mapped


def _check_ids(shard: Shard, vocab_size: int, directory: Path) -> None:
    if vocab_size >= 1 << (8 * shard.tokens.dtype.itemsize):
        return
    for start in range(0, len(shard.tokens), _BLOCK):
        largest = int(shard.tokens[start : start + _BLOCK].max())
        if largest >= vocab_size:
            where = str(directory / f"{shard.name}.ds")
            raise DataError(f"holds id {largest:,}, the vocabulary ends at {vocab_size - 1:,}", where=where, fix=_AGAIN)


@lru_cache(maxsize=64)
def _line_starts(path: Path, modified: int) -> np.ndarray:
    """Where each line of a file begins. `modified` tells a file from an earlier one of that name."""
    newlines = np.flatnonzero(np.memmap(path, np.uint8, mode="r") == ord("\n"))
    return np.concatenate([[0], newlines[:-1] + 1])


# ---- writing


class CorpusWriter:
    """Writes the shards of a corpus into a directory, then its manifest; a context, to be used inside `staged`."""

    def __init__(
        self,
        directory: Path,
        *,
        tokenizer: str,
        tokenizer_sha256: str,
        vocab_size: int,
        end_of_document: EndOfDocument | None,
        shard_tokens: int = SHARD_TOKENS,
    ):
        self.directory = directory
        self.dtype = token_dtype(vocab_size)
        self.shard_tokens = shard_tokens
        self.shards: list[dict[str, Any]] = []
        self._files: tuple[IO[bytes], IO[bytes], IO[bytes]] | None = None
        self._said: dict[str, Any] = {
            "tokenizer": {"name": tokenizer, "sha256": tokenizer_sha256},
            "vocab_size": vocab_size,
            "dtype": self.dtype.name,
            "end_of_document": None if end_of_document is None else asdict(end_of_document),
        }

    def __enter__(self) -> CorpusWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # `finish` has closed them; where it was not reached, another error is on its way
            self._close()

    def add(self, tokens: np.ndarray, ends: np.ndarray, names: Sequence[str]) -> None:
        """Append documents: their ids one after the other, their ends therein (exclusive, increasing), their names.

        A shard begins wherever the next document would make the present one larger than `shard_tokens`.
        """
        assert len(ends) == len(names)
        assert (int(ends[-1]) if len(ends) else 0) == len(tokens)
        ends = ends.astype(np.int64)
        with self._room():
            for first, stop in self._cuts(ends):
                start = int(ends[first - 1]) if first else 0
                self._write(tokens[start : int(ends[stop - 1])], ends[first:stop] - start, names[first:stop])

    def finish(self, details: Mapping[str, Any], **said: Any) -> manifest.Manifest:
        """Close the shards and write the manifest; `said` are its other fields, such as `recipe` and `sources`."""
        with self._room():
            self._close()
        totals = {name: sum(shard[name] for shard in self.shards) for name in ("tokens", "documents")}
        described = {**self._said, **totals, "shards": self.shards, **details}
        return manifest.write(self.directory, manifest.Manifest(kind=KIND, details=described, **said))

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Errors of writing as a line: the disk may be full."""
        try:
            yield
        except OSError as exc:
            what, where = f"cannot be written ({exc.strerror or exc})", str(self.directory.parent)
            raise ManifestError(what, where=where, fix="Make room there, and run it again") from exc

    def _cuts(self, ends: np.ndarray) -> Iterator[tuple[int, int]]:
        """Runs of documents, as (first, stop), that go into one shard each."""
        first = 0
        while first < len(ends):
            start = int(ends[first - 1]) if first else 0
            room = self.shard_tokens - (self.shards[-1]["tokens"] if self._files else 0)
            stop = int(np.searchsorted(ends, start + room, side="right"))
            if stop <= first and self._files:  # full; the next shard may have room
                self._close()
                continue
            stop = max(stop, first + 1)
            yield first, stop
            first = stop

    def _write(self, tokens: np.ndarray, ends: np.ndarray, names: Sequence[str]) -> None:
        if self._files is None:
            name = f"{len(self.shards):05d}"
            self.shards.append({"name": name, "tokens": 0, "documents": 0})
            ids, index, named = (self.directory / f"{name}.ds{suffix}" for suffix in ("", ".index", ".names"))
            self._files = ids.open("wb"), index.open("wb"), named.open("wb")
        shard = self.shards[-1]
        contents = (
            tokens.astype(self.dtype, copy=False).data,
            (ends + shard["tokens"]).astype("<u8").data,
            "".join(f"{json.dumps(name)}\n" for name in names).encode("ascii"),
        )
        for file, content in zip(self._files, contents, strict=True):
            file.write(content)
        shard["tokens"] += len(tokens)
        shard["documents"] += len(names)

    def _close(self) -> None:
        files, self._files = self._files or (), None
        with ExitStack() as stack:  # closing writes what is left, and may fail
            for file in files:
                stack.enter_context(file)
