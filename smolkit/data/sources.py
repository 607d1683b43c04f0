"""Where the documents of a text lie, cut in parts so that processes can share them.

How text is cut depends on the text alone, never on how many processes there are, and every part carries the hashes of
what it is read from. Reading it is `smolkit.data.documents`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from glob import glob
from itertools import accumulate, groupby
from pathlib import Path
from random import Random

from smolkit.data.documents import Part, count_rows, open_hub, open_parquet, pin_hub
from smolkit.data.python_text import python_texts
from smolkit.data.text import Text
from smolkit.errors import DataError, nearest, printable
from smolkit.manifest import Source, sha256_file

PART_BYTES = 8 << 20
"""About what a part holds: some seconds of work."""

_BLOCK = 1 << 20
_ROWS = (".jsonl", ".jsonl.gz", ".parquet")
_PLAIN = (".txt", ".md", ".rst", ".py", ".tex", ".text", ".markdown", ".adoc", ".org")
SUFFIXES = (*_ROWS, *_PLAIN)


def find_parts(text: Text) -> tuple[list[Part], tuple[Source, ...]]:
    """All of the text in parts, and what the manifest says was read.

    Raises DataError where there is nothing to read.
    """
    if text.hub is not None:
        return _hub_parts(text)
    if text.python is not None:
        parts, sources = _python_parts(text.python)
    else:
        files = find_files(text.path or ())
        with ThreadPoolExecutor(8) as pool:  # hashing and reading let other threads run
            scans = list(pool.map(_scan, files))
        parts = [
            part
            for plain, some in groupby(scans, lambda scan: _is_plain(scan.file))
            for part in (_plain_parts(list(some)) if plain else _rows_parts(some))
        ]
        sources = tuple(Source(role="text", name=printable(str(scan.file)), sha256=scan.sha256) for scan in scans)
    return _choose(parts, text.documents, text.seed), sources


def find_files(paths: Iterable[str], passed_over: Counter[str] | None = None) -> list[Path]:
    """The files that paths, directories and patterns name, in their order, those of a directory by name.

    What directories hold besides is added to `passed_over` by suffix; hidden files are not. Raises DataError where
    there is nothing to read, or a folder cannot be looked into.
    """
    found: dict[Path, None] = {}
    for given in paths:
        try:
            found.update(dict.fromkeys(_files_of(given, Counter() if passed_over is None else passed_over)))
        except OSError as exc:
            raise DataError(f"cannot be read: {exc.strerror}", where=str(exc.filename or given)) from exc
    return list(found)


# ---- files


@dataclass(frozen=True)
class _Scanned:
    """One file, read once: its hash, and for JSON Lines where it can be cut."""

    file: Path
    sha256: str
    size: int
    cuts: tuple[tuple[int, int], ...] = ()
    """(byte, row from 0) at which parts begin, and at last the file's end."""


def _files_of(given: str, passed_over: Counter[str]) -> list[Path]:
    path = Path(given).expanduser()
    if path.is_dir():
        inside = list(_files_below(path))
        files = sorted(file for file in inside if file.name.endswith(SUFFIXES))
        passed_over.update(file.suffix for file in inside if not file.name.endswith(SUFFIXES))
        if not files:
            raise DataError("holds no text", where=given, fix=f"Files that are read end in {', '.join(SUFFIXES)}")
        return files
    if path.is_file():
        files = [path]
    else:
        files = sorted(Path(match) for match in glob(str(path), recursive=True) if Path(match).is_file())
    if not files:
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, siblings)
        raise DataError("no such file", where=given, fix=f"Did you mean {near!r}?" if near else None)
    for file in files:
        if not file.name.endswith(SUFFIXES):
            fix = f"Files that are read end in {', '.join(SUFFIXES)}"
            raise DataError("what is in it, its name does not say", where=str(file), fix=fix)
    return files


def _files_below(directory: Path) -> Iterator[Path]:
    """All files but hidden ones. `Path.rglob` would pass over folders that may not be read."""

    def refuse(exc: OSError) -> None:
        raise exc

    for folder, folders, names in os.walk(directory, onerror=refuse):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        files = (Path(folder, name) for name in names if not _is_hidden(name))
        yield from (file for file in files if file.is_file())


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def _is_plain(file: Path) -> bool:
    return not file.name.endswith(_ROWS)


def _scan(file: Path) -> _Scanned:
    try:
        size = file.stat().st_size
        if not file.name.endswith(".jsonl"):
            return _Scanned(file, sha256_file(file), size)
        digest, cuts, rows, at = hashlib.sha256(), [(0, 0)], 0, 0
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                wanted = cuts[-1][0] + PART_BYTES
                if at + len(block) > wanted and (line := block.find(b"\n", max(0, wanted - at))) >= 0:
                    cuts.append((at + line + 1, rows + block.count(b"\n", 0, line + 1)))
                rows += block.count(b"\n")
                at += len(block)
                last = block
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror}", where=str(file)) from exc
    if cuts[-1][0] < size:
        cuts.append((size, rows + (not last.endswith(b"\n"))))
    return _Scanned(file, digest.hexdigest(), size, tuple(cuts))


def _rows_parts(scans: Iterable[_Scanned]) -> Iterator[Part]:
    for scan in scans:
        files, identity = (str(scan.file),), f"{scan.file} {scan.sha256}"
        if scan.file.name.endswith(".jsonl"):
            for (begin, first), (end, stop) in zip(scan.cuts, scan.cuts[1:], strict=False):
                yield Part("jsonl", files, identity, begin, end, first + 1, stop - first, weight=end - begin)
        elif scan.file.name.endswith(".gz"):
            yield Part("gzip", files, identity, weight=3 * scan.size)
        elif scan.file.name.endswith(".parquet"):
            yield from _parquet_parts(scan, files, identity)


def _parquet_parts(scan: _Scanned, files: tuple[str, ...], identity: str) -> Iterator[Part]:
    described = open_parquet(scan.file).metadata
    groups = [described.row_group(index) for index in range(described.num_row_groups)]
    before = [0, *accumulate(group.num_rows for group in groups)]
    begin = 0
    while begin < len(groups):
        end, size = begin, 0
        while end < len(groups) and (end == begin or size + groups[end].total_byte_size <= PART_BYTES):
            size += groups[end].total_byte_size
            end += 1
        yield Part("parquet", files, identity, begin, end, before[begin] + 1, before[end] - before[begin], weight=size)
        begin = end


def _plain_parts(scans: Sequence[_Scanned]) -> Iterator[Part]:
    """Neighbouring files together, until they are enough for a part."""
    begin = 0
    while begin < len(scans):
        end, size = begin, 0
        while end < len(scans) and (end == begin or size + scans[end].size <= PART_BYTES):
            size += scans[end].size
            end += 1
        some = scans[begin:end]
        names = "\n".join(f"{scan.file} {scan.sha256}" for scan in some)  # documents are called by these paths
        identity = hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()
        yield Part("plain", tuple(str(scan.file) for scan in some), identity, rows=len(some), weight=size)
        begin = end


# ---- what ships with Python


def _python_parts(part: str) -> tuple[list[Part], tuple[Source, ...]]:
    made = list(python_texts(part))
    if not made:
        others = "python: library" if part != "library" else "path"
        raise DataError(f"this Python comes without its {part}", fix=f"Take text from {others}")
    parts = []
    for begin, end in _runs([len(text) for _, text in made]):
        given = tuple(made[begin:end])
        identity = hashlib.sha256(json.dumps(given).encode()).hexdigest()
        size = sum(len(text) for _, text in given)
        parts.append(Part("given", (f"python:{part}",), identity, begin, rows=len(given), given=given, weight=size))
    digest = hashlib.sha256("".join(part.identity for part in parts).encode()).hexdigest()
    return parts, (Source(role="text", name=f"python:{part}", sha256=digest),)


def _runs(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    begin = size = 0
    for end, one in enumerate(sizes):
        if end > begin and size + one > PART_BYTES:
            yield begin, end
            begin, size = end, 0
        size += one
    yield begin, len(sizes)


# ---- the Hub


def _hub_parts(text: Text) -> tuple[list[Part], tuple[Source, ...]]:
    """A part per shard of the data set; one for all where only some documents are taken, which have an order."""
    name = str(text.hub)
    revision = pin_hub(name, text.revision)  # once, or processes might read what was pushed in between
    options = (("config", text.config), ("split", text.split), ("revision", revision))
    data = open_hub(name, dict(options))
    shards = 1 if text.documents is not None else int(data.num_shards)
    limits = (("documents", text.documents), ("seed", text.seed), ("shards", shards))
    identity = json.dumps([name, *options, *limits])
    parts = [
        Part("hub", (name,), f"{identity} {shard}", shard, shard + 1, options=options + limits)
        for shard in range(shards)
    ]
    said = "@".join(filter(None, ("/".join(filter(None, (name, text.config))), revision)))
    return parts, (Source(role="text", name=f"{said}:{text.split}"),)


# ---- choosing


def _choose(parts: list[Part], documents: int | None, seed: int | None) -> list[Part]:
    """Only so many documents: the first or, with a seed, any of them, in their order."""
    if documents is None:
        return parts
    counted = [part if part.rows is not None else replace(part, rows=count_rows(part)) for part in parts]
    total = sum(part.rows or 0 for part in counted)
    if documents >= total:
        return parts
    taken = range(documents) if seed is None else sorted(Random(seed).sample(range(total), documents))
    chosen, before, position = [], 0, 0
    for part in counted:
        after, begin = before + (part.rows or 0), position
        while position < len(taken) and taken[position] < after:
            position += 1
        if position > begin:
            chosen.append(replace(part, chosen=tuple(place - before for place in taken[begin:position])))
        before = after
    return chosen
