"""One part of a text, tokenised: read, filtered, encoded and left in a directory, whole or not at all.

Any process can do a part, and what it leaves depends on the text and the settings alone. Besides the ids it leaves
what finding duplicates among all parts needs: names, lengths and hashes of the documents.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.data.documents import Document, Part, read_part
from smolkit.data.educational import EducationalModel, load_educational
from smolkit.data.encode import Encoder
from smolkit.data.quality import BAD_ROW, EMPTY, fingerprint, judge
from smolkit.data.text import Filters, MinHash, Text
from smolkit.errors import DataError, ManifestError, printable
from smolkit.manifest import sha256_directory, sha256_file
from smolkit.recipe import resolved

if TYPE_CHECKING:
    from smolkit.data.datatrove_adapter import MinHasher

EXAMPLES = 3
"""Documents that a report names for each reason."""

NAMED = 20
"""Bad rows of a part that are named; the others are counted."""

_FORMAT = 1
"""Changes with what a part holds, so that none of an older version is taken up."""

_BATCH_CHARS = 1 << 18
"""Characters that are encoded together."""

Advance = Callable[[int, int], None]
"""Called with the characters and the tokens of each batch."""


@dataclass(frozen=True)
class Dropped:
    """What one reason took: how many documents, and the names of the first ones."""

    documents: int
    examples: tuple[str, ...]

    def __add__(self, later: Dropped) -> Dropped:
        return Dropped(self.documents + later.documents, (self.examples + later.examples)[:EXAMPLES])


Report = dict[str, Dropped]
"""By reason."""


def drop(report: Report, reason: str, more: Dropped) -> None:
    """Add to a report what a reason took later."""
    report[reason] = report[reason] + more if reason in report else more


@dataclass(frozen=True)
class Job:
    """What all parts of a run have in common; it travels to the processes."""

    text: Text
    filters: Filters
    encoder: Encoder
    folder: Path

    def keys(self, parts: Iterable[Part]) -> list[str]:
        """The name of each part's files: equal where they would hold the same."""
        wanted = self.filters.educational
        scorer = sha256_directory(Path(wanted.model)) if wanted is not None and wanted.model is not None else None
        encoder = [self.encoder.tokenizer_sha256, self.encoder.end and self.encoder.end.id]
        fields = [self.text.text_field, self.text.id_field]
        common = [_FORMAT, encoder, fields, resolved(self.filters), scorer]
        return [_sha256([common, _place(part)])[:32] for part in parts]


def _place(part: Part) -> list[Any]:
    return [part.kind, part.identity, part.begin, part.end, part.first_row, _sha256(part.chosen)]


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Finished:
    """A part that lies in the directory."""

    tokens_file: Path
    sha256: str
    read: int
    """Rows, bad ones included."""
    report: Report
    problems: list[str]
    """What is wrong with the first bad rows, a line each."""
    lengths: np.ndarray
    """int64 [documents], in tokens."""
    sizes: np.ndarray
    """int64 [documents], in bytes of UTF-8."""
    hashes: np.ndarray
    """uint64 [documents, 2], or [0, 2] where none were made."""
    buckets: np.ndarray
    """uint64 [documents, buckets], or [0, 0] where none were made."""

    @property
    def names(self) -> list[str]:
        with np.load(self.tokens_file.with_suffix(".npz")) as arrays:
            lines = arrays["names"].tobytes().decode().splitlines()
        return [json.loads(line) for line in lines]


def read_finished(folder: Path, key: str, *, verify: bool = False) -> Finished | None:
    """The part of that key, or None where there is none or, with `verify`, where its files are damaged."""
    tokens_file = folder / f"{key}.ds"
    try:
        with np.load(folder / f"{key}.npz") as arrays:
            said = json.loads(arrays["said"].tobytes())
            report = {reason: Dropped(count, tuple(some)) for reason, (count, some) in said["dropped"].items()}
            figures = [arrays[name] for name in ("lengths", "sizes", "hashes", "buckets")]
            part = Finished(tokens_file, said["sha256"], said["read"], report, said["problems"], *figures)
            if verify and (len(arrays["names"]) < len(part.lengths) or sha256_file(tokens_file) != part.sha256):
                return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return part


def tokenize_part(job: Job, part: Part, key: str, advance: Advance) -> None:
    """Do one part and leave it in the job's folder under `key`."""
    found = _Found()
    digest = hashlib.sha256()
    aside = job.folder / f".{key}.{os.getpid()}-{secrets.token_hex(4)}"
    try:
        with aside.open("wb") as file:
            for documents in _batches(_judged(job, part, found)):
                tokens = 0
                for ids in _encoded(job, documents, found):
                    digest.update(ids.data)
                    file.write(ids.data)
                    tokens += len(ids)
                advance(sum(len(document.text) for document in documents), tokens)
        os.replace(aside, job.folder / f"{key}.ds")
        with aside.open("wb") as file:
            np.savez(file, **found.arrays(digest.hexdigest()))
        os.replace(aside, job.folder / f"{key}.npz")  # from here on the part is finished
    except OSError as exc:  # of writing: what cannot be read is a DataError already
        fix = "Make room there, and run it again: it goes on from the finished parts"
        raise ManifestError(f"cannot be written ({exc.strerror or exc})", where=str(job.folder), fix=fix) from exc
    finally:
        aside.unlink(missing_ok=True)


@dataclass
class _Found:
    """What is known of a part so far."""

    read: int = 0
    report: Report = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    hashes: list[np.ndarray] = field(default_factory=list)
    buckets: list[np.ndarray] = field(default_factory=list)

    def drop(self, reason: str, name: str) -> None:
        drop(self.report, reason, Dropped(1, (name,)))

    def arrays(self, sha256: str) -> dict[str, Any]:
        dropped = {reason: [some.documents, some.examples] for reason, some in self.report.items()}
        said = {"sha256": sha256, "read": self.read, "problems": self.problems, "dropped": dropped}
        names = "".join(f"{json.dumps(name)}\n" for name in self.names)
        return {
            "said": np.frombuffer(json.dumps(said).encode(), np.uint8),
            "names": np.frombuffer(names.encode(), np.uint8),
            "lengths": np.array(self.lengths, np.int64),
            "sizes": np.array(self.sizes, np.int64),
            "hashes": np.array(self.hashes, np.uint64).reshape(-1, 2),
            "buckets": np.array(self.buckets, np.uint64) if self.buckets else np.empty((0, 0), np.uint64),
        }


def _judged(job: Job, part: Part, found: _Found) -> Iterator[Document]:
    """The documents of a part that neither their text nor their row speaks against."""
    scores = job.filters.educational
    fields = [scores.field] if scores is not None and scores.field is not None else []
    for document in read_part(part, job.text, fields):
        found.read += 1
        reason = document if isinstance(document, DataError) else _row_reason(document, job.filters)
        if isinstance(reason, DataError):
            found.problems += [str(reason)] if len(found.problems) < NAMED else []
            found.drop(BAD_ROW, printable(str(reason.where)))
        elif isinstance(document, Document):
            reason = reason or judge(document.text, job.filters)
            if reason is None:
                yield document
            else:
                found.drop(reason, document.name)


def _row_reason(document: Document, filters: Filters) -> str | DataError | None:
    wanted = filters.educational
    if wanted is None or wanted.field is None:
        return None
    score, where = document.row.get(wanted.field), f"{document.where}:{wanted.field}"
    if score is None:
        what = "is null, and" if wanted.field in document.row else "no such field, which"
        return DataError(f"{what} should hold the educational value", where=where)
    if isinstance(score, bool) or not isinstance(score, int | float) or math.isnan(score):
        return DataError(f"expected a number, got {score!r:.40}", where=where)
    return None if score >= wanted.threshold else _below(wanted.threshold)


def _below(threshold: float) -> str:
    return f"educational value below {threshold:g}"


def _batches(documents: Iterator[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document.text)
        if size >= _BATCH_CHARS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _encoded(job: Job, documents: Sequence[Document], found: _Found) -> Iterator[np.ndarray]:
    """The ids of each document that is kept; what else is known of it goes to `found`."""
    scorer, hasher = _scorer(job), _hasher(job.filters.minhash)
    ends = job.encoder.end is not None
    for document, ids in zip(documents, job.encoder.encode([one.text for one in documents]), strict=True):
        own = ids[:-1] if ends else ids
        if not len(own):  # a tokenizer's normaliser may leave nothing
            found.drop(EMPTY, document.name)
            continue
        if scorer is not None and scorer[0].score(own) < scorer[1]:
            found.drop(_below(scorer[1]), document.name)
            continue
        if job.filters.exact_dedup:
            found.hashes.append(fingerprint(document.text))
        if hasher is not None:
            found.buckets.append(hasher(document.text))
        found.names.append(document.name)
        found.lengths.append(len(ids))
        found.sizes.append(len(document.text.encode()))
        yield ids


def _scorer(job: Job) -> tuple[EducationalModel, float] | None:
    wanted = job.filters.educational
    if wanted is None or wanted.model is None:
        return None
    return _load_scorer(wanted.model, job.encoder.tokenizer_sha256, job.encoder.name), wanted.threshold


@lru_cache(maxsize=1)
def _load_scorer(directory: str, tokenizer_sha256: str, tokenizer: str) -> EducationalModel:
    return load_educational(directory, tokenizer_sha256=tokenizer_sha256, tokenizer=tokenizer)


_HASHERS: dict[str, Any] = {}


def _hasher(settings: MinHash | None) -> MinHasher | None:
    if settings is None:
        return None
    key = settings.model_dump_json()
    if key not in _HASHERS:
        from smolkit.data.datatrove_adapter import MinHasher

        _HASHERS[key] = MinHasher(settings)
    hasher: MinHasher = _HASHERS[key]
    return hasher
