"""The documents of a part of some text, one after the other, from files, a Hub data set or what was made here.

Bad rows come in their place as DataErrors with file:row:field; what becomes of them, the caller decides. datatrove's
readers are not used, because they pass over bad rows with a remark in a log, and cannot share a file among processes.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

from smolkit.data.text import Text
from smolkit.errors import DataError, locate, nearest, printable
from smolkit.registry import require

_HUB_BUFFER = 10_000
"""Rows of a streamed data set among which a seed chooses."""


@dataclass(frozen=True)
class Document:
    """One text under the name that its source gives it, and whatever else its row says."""

    name: str
    text: str
    row: Mapping[str, Any]
    where: str
    """Its place as file:row, for errors."""


@dataclass(frozen=True)
class Part:
    """Some rows of one origin, in order. `identity` is equal where the documents are: it holds the hashes of files."""

    kind: str
    """jsonl, gzip, parquet, plain, given or hub."""
    files: tuple[str, ...] = ()
    """One, or of plain text many."""
    identity: str = ""
    begin: int = 0
    end: int = 0
    """Of jsonl bytes, of parquet row groups, of a hub its shards."""
    first_row: int = 1
    rows: int | None = None
    """How many, where that is known without reading."""
    chosen: tuple[int, ...] | None = None
    """Rows of the part to take, from 0 and increasing; None for all."""
    given: tuple[tuple[str, str], ...] = ()
    """(name, text) of documents that were made here."""
    options: tuple[tuple[str, Any], ...] = ()
    """Of a hub."""
    weight: int = field(default=0, compare=False)
    """Bytes, for the progress."""


def read_part(part: Part, text: Text, fields: Sequence[str] = ()) -> Iterator[Document | DataError]:
    """The documents of a part, in order; a DataError stands where a row is bad.

    `fields` are those that the caller needs besides text and name. Raises DataError where a file cannot be read.
    """
    try:
        yield from _documents(part, text, fields)
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror or exc}", where=str(exc.filename or part.files[0])) from exc


def _documents(part: Part, text: Text, fields: Sequence[str]) -> Iterator[Document | DataError]:
    wanted = (text.text_field, text.id_field, *fields)
    rows = _parquet_rows(part, wanted) if part.kind == "parquet" else _READERS[part.kind](part)
    if part.chosen is not None:
        chosen = set(part.chosen)
        rows = (row for place, row in enumerate(islice(rows, part.chosen[-1] + 1)) if place in chosen)
    plain = part.kind in ("plain", "given")
    for where, row in rows:
        if isinstance(row, DataError):
            yield row
        else:
            yield Document(printable(where), row, {}, where) if plain else _document(row, where, text)


def count_rows(part: Part) -> int:
    """How many rows a part has, bad ones included."""
    return sum(1 for _ in _READERS[part.kind](part))


# ---- files


Rows = Iterator[tuple[str, Any]]
"""Each row's place and its value, or the DataError of one that has none."""


def _jsonl_rows(part: Part) -> Rows:
    file = Path(part.files[0])
    with file.open("rb") as stream:
        stream.seek(part.begin)
        is_last = part.end >= file.stat().st_size
        yield from _lines(_until(stream, part.end - part.begin), file, part.first_row, is_last=is_last)


def _until(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (line := stream.readline()):
        size -= len(line)
        yield line


def _gzip_rows(part: Part) -> Rows:
    file = Path(part.files[0])
    try:
        with gzip.open(file, "rb") as stream:
            yield from _lines(stream, file, 1, is_last=True)
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise DataError(f"a damaged gzip file: {exc}", where=str(file), fix="Copy or download it again") from exc


def _lines(lines: Iterable[bytes], file: Path, first: int, *, is_last: bool) -> Rows:
    """A row a line. Empty lines are bad rows, but those at the end of a file are nothing."""
    empty: list[str] = []
    for number, line in enumerate(lines, start=first):
        where = locate(file, number)
        if line.isspace():
            empty.append(where)
            continue
        yield from _empty_lines(empty)
        empty.clear()
        try:
            yield where, json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError as exc:
            yield where, DataError(f"not UTF-8 text, see byte {exc.start}", where=where)
        except ValueError as exc:
            yield where, DataError(f"not JSON: {exc}", where=where)
        except RecursionError:
            yield where, DataError("not JSON: nested too deeply", where=where)
    if not is_last:
        yield from _empty_lines(empty)


def _empty_lines(places: Iterable[str]) -> Rows:
    return ((where, DataError("an empty line", where=where)) for where in places)


def _parquet_rows(part: Part, wanted: Sequence[str] = ()) -> Rows:
    """Rows with the wanted columns alone, where there are such: others may be large, and cost time and memory."""
    number, file = part.first_row, part.files[0]
    opened = open_parquet(file)
    there = opened.schema_arrow.names
    # Without the first, the text, a fault is to say what there is; to pyarrow a dot means a field within a field.
    some = bool(wanted) and wanted[0] in there and not any("." in name for name in wanted)
    columns = [name for name in wanted if name in there] if some else None
    groups = list(range(part.begin, part.end))
    with _parquet_errors(file, "damaged"):
        for batch in opened.iter_batches(batch_size=256, row_groups=groups, columns=columns):
            for row in batch.to_pylist():
                yield locate(file, number), row
                number += 1


def _plain_rows(part: Part) -> Rows:
    for name in part.files:
        try:
            yield name, Path(name).read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            yield name, DataError(f"not UTF-8 text, see byte {exc.start}", where=name)
        except OSError as exc:
            yield name, DataError(f"cannot be read: {exc.strerror}", where=name)


def _given_rows(part: Part) -> Rows:
    yield from part.given


def open_parquet(file: Path | str) -> Any:
    parquet = require("pyarrow.parquet", extra="data", why="reading Parquet files")
    with _parquet_errors(file, "not a Parquet file"):
        return parquet.ParquetFile(file)


@contextmanager
def _parquet_errors(file: Path | str, what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as exc:  # pyarrow's own errors are among these
        line = str(exc).partition("\n")[0]
        raise DataError(f"{what}: {line}", where=str(file), fix="Copy or download it again") from exc


# ---- the Hub


def open_hub(name: str, options: Mapping[str, Any]) -> Any:
    import datasets

    with _hub_errors(name):
        return datasets.load_dataset(
            name, options["config"], split=options["split"], revision=options["revision"], streaming=True
        )


def pin_hub(name: str, revision: str | None) -> str:
    """The commit that a revision of a data set, or its newest, is now."""
    if revision is not None and re.fullmatch("[0-9a-f]{40}", revision):
        return revision
    from huggingface_hub import HfApi

    with _hub_errors(name):
        return str(HfApi().dataset_info(name, revision=revision).sha)


@contextmanager
def _hub_errors(name: str) -> Iterator[None]:
    import datasets
    from huggingface_hub.errors import HfHubHTTPError

    kinds = (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError)
    try:
        yield
    except (*kinds, *HfHubHTTPError.__bases__) as exc:  # the bases: whatever library speaks HTTP, its own error
        reason = str(exc).partition("\n")[0]
        fix = "Name local files where there is no network"
        raise DataError(f"no data set that can be read: {reason}", where=name, fix=fix) from exc


def _hub_rows(part: Part) -> Iterator[tuple[str, Any]]:
    options, name = dict(part.options), part.files[0]
    data = open_hub(name, options)
    if options["seed"] is not None:
        data = data.shuffle(seed=options["seed"], buffer_size=_HUB_BUFFER)
    if options["documents"] is not None:
        data = data.take(options["documents"])
    else:
        data = data.shard(num_shards=options["shards"], index=part.begin)
    prefix = f"{name}/{part.begin}" if options["shards"] > 1 else name
    numbered = enumerate(data, start=1)
    while True:
        with _hub_errors(name):
            number, row = next(numbered, (0, None))
        if not number:
            return
        yield locate(prefix, number), row


_READERS = {
    "jsonl": _jsonl_rows,
    "gzip": _gzip_rows,
    "parquet": _parquet_rows,
    "plain": _plain_rows,
    "given": _given_rows,
    "hub": _hub_rows,
}

# ---- rows


def _document(row: Any, where: str, text: Text) -> Document | DataError:
    if not isinstance(row, Mapping):
        return DataError(f"a row is an object, got {type(row).__name__}", where=where)
    content, place = row.get(text.text_field), f"{where}:{text.text_field}"
    if content is None and text.text_field in row:
        return DataError("is null, and should be text", where=place)
    if content is None:
        near = nearest(text.text_field, row) or next((name for name in ("text", "content") if name in row), None)
        fix = f"Its text may be in {near!r}: pass --text-field {near}" if near and near in row else None
        fields = ", ".join(list(row)[:10])
        return DataError(f"no such field; the row has {fields or 'none'}", where=place, fix=fix)
    if not isinstance(content, str):
        return DataError(f"expected a string, got {type(content).__name__}", where=place)
    try:
        content.encode()
    except UnicodeEncodeError:
        return DataError("half of a surrogate pair, which is no text", where=place)
    name = row.get(text.id_field)
    return Document(printable(where if name is None else str(name)), content, row, where)
