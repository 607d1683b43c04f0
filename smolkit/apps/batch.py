"""Files of many documents, as visitors upload them, and tables of what was found in them.

A file is known by its content and not by its name: a ZIP of text files, JSON Lines with a field `text`, or CSV with a
column `text`. Nothing is unpacked to disk, and names inside a ZIP are only shown.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolkit.errors import DataError

MAX_ROWS = 200
"""Documents of one file."""
MAX_BYTES = 2 << 20
"""Bytes of a file, and of all that a ZIP unpacks to."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Document:
    """One document of a file; with an `error` in place of its text where that cannot be read."""

    name: str
    text: str = ""
    error: str | None = None


@dataclass(frozen=True)
class Row:
    """What was found in a document, or why nothing was."""

    name: str
    output: Mapping[str, Any] | None = None
    error: str | None = None


def read_documents(file: Path, *, shown: str | None = None) -> list[Document]:
    """The documents of an uploaded file, those that cannot be read with their error, in order.

    Raises DataError in one line where the whole file cannot be used; `shown` is the name that it stands under.
    """
    name = shown or file.name
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise DataError(f"has {size:,} bytes; {MAX_BYTES:,} may be sent at once", where=name, fix="Send it in parts")
    content = file.read_bytes()
    if content.startswith(b"PK"):
        documents = list(_of_zip(content, name))
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            fix = "Send UTF-8 text: CSV, JSON Lines, or a ZIP of text files"
            raise DataError("is no UTF-8 text and no ZIP", where=name, fix=fix) from exc
        documents = list(_of_json_lines(text) if text.lstrip().startswith("{") else _of_csv(text, name))
    if not documents:
        raise DataError("holds no document", where=name)
    if len(documents) > MAX_ROWS:
        raise DataError(
            f"has {len(documents):,} documents; {MAX_ROWS} may be sent at once", where=name, fix="Send it in parts"
        )
    return documents


def _of_zip(content: bytes, name: str) -> Iterator[Document]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            entries = [entry for entry in entries if not entry.filename.startswith("__MACOSX/")]
            if sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise DataError(f"unpacks to more than {MAX_BYTES:,} bytes", where=name, fix="Send it in parts")
            for entry in entries[: MAX_ROWS + 1]:
                with archive.open(entry) as stream:
                    # What an entry says of its own size may be a lie.
                    yield _text_file(entry.filename, stream.read(MAX_BYTES + 1))
    # zipfile raises NotImplementedError for a compression that it does not know, RuntimeError for a password.
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as exc:
        raise DataError(f"is a ZIP that cannot be unpacked ({exc})", where=name) from exc


def _text_file(name: str, content: bytes) -> Document:
    if len(content) > MAX_BYTES:
        return Document(name, error=f"unpacks to more than {MAX_BYTES:,} bytes")
    try:
        return Document(name, content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Document(name, error="is no UTF-8 text")


def _of_json_lines(text: str) -> Iterator[Document]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name = str(number)
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            yield Document(name, error="is no JSON")
            continue
        if not isinstance(value, dict) or not isinstance(value.get("text"), str):
            yield Document(name, error='has no field "text" of text')
            continue
        yield Document(_name(value, name), value["text"])


def _of_csv(text: str, name: str) -> Iterator[Document]:
    try:
        # By hand, as csv.Sniffer takes letters of the prose for separators.
        head = text.partition("\n")[0]
        separator = max(",;\t", key=head.count)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        rows, columns = list(reader), reader.fieldnames or ()
    except csv.Error as exc:
        raise DataError(f"is no CSV ({exc})", where=name) from exc
    if text.strip() and "text" not in columns:
        raise DataError(
            'is no ZIP, no JSON Lines, and CSV without a column "text"', where=name, fix="Name that column text"
        )
    for number, row in enumerate(rows, start=1):
        if not row["text"]:
            yield Document(str(number), error="the text is empty")
        else:
            yield Document(_name(row, str(number)), row["text"])


def _name(row: Mapping[str, Any], number: str) -> str:
    given = row.get("name") or row.get("id")
    return str(given) if isinstance(given, str | int) else number


def json_lines(rows: Sequence[Row]) -> str:
    """One object a line: `name` with `output`, or with `error`."""
    lines = [
        {"name": row.name, "error": row.error} if row.error else {"name": row.name, "output": row.output}
        for row in rows
    ]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def csv_table(rows: Sequence[Row], fields: Sequence[str]) -> str:
    """CSV with a column for each of the template's `fields`, lists and objects as JSON; no cell is a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(map(_cell, ["name", *fields, "error"]))
    for row in rows:
        values = [(row.output or {}).get(field) for field in fields]
        writer.writerow(map(_cell, [row.name, *values, row.error]))
    return out.getvalue()


def _cell(value: object) -> str:
    """Text that a spreadsheet does not compute: formulas in a document are somebody else's."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
