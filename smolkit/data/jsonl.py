"""Files of JSON rows, a row a line: read with every bad line named, written all or not at all.

A `.json` file that holds one list is read too, and either gzipped. What a row means is not known here.
"""

from __future__ import annotations

import gzip
import json
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from smolkit.errors import DataError, locate, nearest
from smolkit.extraction.answer import loads
from smolkit.manifest import check_directory

SUFFIXES = (".jsonl", ".json", ".jsonl.gz", ".json.gz")


def json_rows(path: Path) -> Iterator[object]:
    """Each row's JSON value, or the DataError of a line that has none; a row is known by its place, from 1.

    Raises DataError where the file itself cannot be read. An empty file has no rows.
    """
    text = _read_text(path)
    if not text.strip():
        return
    if path.name.removesuffix(".gz").endswith(".json"):
        yield from _json_list(path, text)
        return
    for number, line in enumerate(text.rstrip().split("\n"), start=1):
        where = locate(path, number)
        try:
            value, duplicates = loads(line)
        except ValueError as exc:
            yield DataError(f"not JSON: {exc}" if line.strip() else "an empty line", where=where)
            continue
        yield DataError(f"key {duplicates[0]!r} stands twice", where=where) if duplicates else value


def _json_list(path: Path, text: str) -> list[object]:
    fix = "Name a file of one row a line .jsonl"
    try:
        values, duplicates = loads(text)
    except ValueError as exc:
        raise DataError(f"not JSON: {exc}", where=str(path), fix=fix) from exc
    if duplicates:
        raise DataError(f"key {duplicates[0]!r} stands twice", where=str(path))
    if not isinstance(values, list):
        raise DataError("holds no list of rows", where=str(path), fix=fix)
    return values


def _read_text(path: Path) -> str:
    try:
        _check_file(path)
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise DataError(f"not UTF-8 text, see byte {exc.start}", where=str(path)) from exc
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise DataError(f"a damaged gzip file: {exc}", where=str(path), fix="Copy or download it again") from exc
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror}", where=str(path)) from exc


def _check_file(path: Path) -> None:
    if path.is_dir():
        files = sorted(file.name for file in path.iterdir() if file.name.endswith(SUFFIXES))
        raise DataError(
            "is a directory", where=str(path), fix=f"Name a file in it: {', '.join(files) or 'it has none'}"
        )
    if not path.exists():
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, siblings)
        fix = f"Did you mean {near!r}?" if near else None
        raise DataError("no such file", where=str(path), fix=fix)


def write_jsonl(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows beside `path` and rename them into place; returns how many. Missing directories are made."""
    path = Path(path)
    check_directory(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    count = 0
    try:
        with aside.open("w", encoding="utf-8", newline="\n") as file:
            for row in rows:
                file.write(json.dumps(dict(row), ensure_ascii=False, allow_nan=False) + "\n")
                count += 1
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return count
