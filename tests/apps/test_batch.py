"""Uploads of many documents: known by their content, refused in one line, and never more than may be sent."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from smolkit.apps import batch
from smolkit.apps.batch import Document, Row, csv_table, json_lines, read_documents
from smolkit.errors import DataError


def upload(folder: Path, content: bytes | str, name: str = "upload.bin") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def fault(folder: Path, content: bytes | str) -> str:
    with pytest.raises(DataError) as caught:
        read_documents(upload(folder, content))
    return str(caught.value)


def test_csv_with_any_separator_and_line_breaks_in_cells(tmp_path: Path) -> None:
    content = '\ufeffid;text;more\r\na;"one; two\nthree";x\r\nb;Grüße;\r\n'
    assert read_documents(upload(tmp_path, content)) == [Document("a", "one; two\nthree"), Document("b", "Grüße")]


def test_json_lines_and_what_is_wrong_with_some(tmp_path: Path) -> None:
    content = '{"name": "x", "text": "one"}\n\n{"text": 3}\n{"text"\n[1]\n{"text": "two"}\n'
    found = read_documents(upload(tmp_path, content))
    assert [(document.name, document.text, document.error) for document in found] == [
        ("x", "one", None),
        ("3", "", 'has no field "text" of text'),
        ("4", "", "is no JSON"),
        ("5", "", 'has no field "text" of text'),
        ("6", "two", None),
    ]


def test_a_zip_of_text_files_is_read_whatever_its_names_are(tmp_path: Path) -> None:
    content = zipped({"../../a.txt": b"one", "__MACOSX/a.txt": b"no", "folder/b.txt": "zwei ß".encode(), "c": b"\xff"})
    assert read_documents(upload(tmp_path, content)) == [
        Document("../../a.txt", "one"), Document("folder/b.txt", "zwei ß"), Document("c", error="is no UTF-8 text"),
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["upload.bin"]


def test_what_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    assert fault(tmp_path, b"\xff\xfe\x00") == (
        "upload.bin: is no UTF-8 text and no ZIP. Send UTF-8 text: CSV, JSON Lines, or a ZIP of text files."
    )
    assert fault(tmp_path, "a,b\n1,2\n") == (
        'upload.bin: is no ZIP, no JSON Lines, and CSV without a column "text". Name that column text.'
    )
    for nothing in ("", "text", zipped({})):
        assert fault(tmp_path, nothing) == "upload.bin: holds no document."
    assert "is a ZIP that cannot be unpacked" in fault(tmp_path, b"PK\x03\x04 and no more")
    assert "is no CSV" in fault(tmp_path, 'text\n"open')


def test_limits_hold_for_bytes_rows_and_what_a_zip_unpacks_to(tmp_path: Path) -> None:
    assert "may be sent at once. Send it in parts." in fault(tmp_path, b"a" * (batch.MAX_BYTES + 1))
    assert f"has {batch.MAX_ROWS + 1} documents" in fault(tmp_path, "text\n" + "a\n" * (batch.MAX_ROWS + 1))
    assert f"has {batch.MAX_ROWS + 1} documents" in fault(
        tmp_path, zipped({str(number): b"a" for number in range(batch.MAX_ROWS + 9)})
    )
    bomb = zipped({"a": b"\0" * (batch.MAX_BYTES + 1)})
    assert len(bomb) < batch.MAX_BYTES / 100
    assert "unpacks to more than" in fault(tmp_path, bomb)


def test_a_zip_that_lies_about_its_size_is_not_believed(tmp_path: Path) -> None:
    content = zipped({"a.txt": b"\0" * (batch.MAX_BYTES + 10)})
    true = (batch.MAX_BYTES + 10).to_bytes(4, "little")
    lying = content.replace(true, (9).to_bytes(4, "little"))
    assert lying != content
    assert "is a ZIP that cannot be unpacked (Bad CRC-32" in fault(tmp_path, lying)


def test_results_as_json_lines_and_as_a_table_without_formulas() -> None:
    rows = [Row("a", {"sum": "=1+1", "n": -3, "items": [{"x": None}]}), Row("@b", error="the text is empty")]
    assert [json.loads(line) for line in json_lines(rows).splitlines()] == [
        {"name": "a", "output": {"sum": "=1+1", "n": -3, "items": [{"x": None}]}},
        {"name": "@b", "error": "the text is empty"},
    ]
    assert list(csv.reader(io.StringIO(csv_table(rows, ["sum", "n", "items"])))) == [
        ["name", "sum", "n", "items", "error"],
        ["a", "'=1+1", "-3", '[{"x": null}]', ""],
        ["'@b", "", "", "", "the text is empty"],
    ]
