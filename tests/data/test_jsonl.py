"""Files of JSON rows: every way in which a file can be unreadable, and writing all or nothing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from smolkit.data.jsonl import json_rows, write_jsonl
from smolkit.errors import DataError


def test_rows_come_from_lines_lists_and_gzip(tmp_path):
    rows = [{"a": 1}, {"a": "é\u2028"}]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n"
    (tmp_path / "a.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "b.jsonl").write_bytes(b"\xef\xbb\xbf" + lines.replace("\n", "\r\n").encode())
    (tmp_path / "c.json").write_text(json.dumps(rows))
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "e.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))
    for file in sorted(tmp_path.iterdir()):
        assert list(json_rows(file)) == rows, file.name


def test_bad_lines_are_named_and_the_others_still_come(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"a": 1}\n{"a": 1,}\n\n{"a": NaN}\n{"a": {"b": 1, "b": 2}}\n[]\n')
    values = list(json_rows(file))
    assert values[0] == {"a": 1}
    assert values[5] == []
    lines = [str(value) for value in values[1:5]]
    assert lines[0].startswith(f"{file}:2: not JSON")
    assert lines[1] == f"{file}:3: an empty line."
    assert lines[2].startswith(f"{file}:4: not JSON")
    assert lines[3] == f"{file}:5: key 'a.b' stands twice."


def test_an_empty_file_has_no_rows(tmp_path):
    (tmp_path / "a.jsonl").write_text(" \n\n")
    assert list(json_rows(tmp_path / "a.jsonl")) == []


def test_a_file_that_cannot_be_read_gets_one_line(tmp_path):
    def line(name: str) -> str:
        with pytest.raises(DataError) as caught:
            list(json_rows(tmp_path / name))
        return str(caught.value)

    (tmp_path / "train.jsonl").write_bytes(b'{"text": "caf\xe9"}')
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n' * 100)[:-12])
    (tmp_path / "plain.jsonl.gz").write_bytes(b'{"a": 1}\n')
    (tmp_path / "one.json").write_text('{"a": 1}')
    (tmp_path / "bad.json").write_text('[{"a": 1}\n{"a": 2}]')
    (tmp_path / "twice.json").write_text('[{"a": 1, "a": 2}]')
    assert line("trian.jsonl") == f"{tmp_path / 'trian.jsonl'}: no such file. Did you mean 'train.jsonl'?"
    assert line("no/such.jsonl").endswith("no such file.")
    assert line("train.jsonl").endswith("not UTF-8 text, see byte 13.")
    assert "a damaged gzip file" in line("cut.jsonl.gz")
    assert "a damaged gzip file" in line("plain.jsonl.gz")
    assert "holds no list of rows. Name a file of one row a line .jsonl." in line("one.json")
    assert "not JSON" in line("bad.json")
    assert "key '[0].a' stands twice" in line("twice.json")
    assert "is a directory. Name a file in it: bad.json, cut.jsonl.gz" in line(".")


def test_writing_makes_directories_and_leaves_the_old_file_when_it_fails(tmp_path):
    file = tmp_path / "new" / "a.jsonl"
    assert write_jsonl(file, iter([{"a": "é"}, {"b": [1]}])) == 2
    assert file.read_text(encoding="utf-8") == '{"a": "é"}\n{"b": [1]}\n'
    with pytest.raises(ValueError, match="JSON"):
        write_jsonl(file, [{"a": 1}, {"a": float("nan")}])
    assert list(json_rows(file)) == [{"a": "é"}, {"b": [1]}]
    assert [entry.name for entry in file.parent.iterdir()] == ["a.jsonl"]


def test_a_name_that_no_file_can_have_is_one_line():
    with pytest.raises(DataError, match=r"cannot be read: File name too long\.$"):
        list(json_rows(Path("a" * 300)))
