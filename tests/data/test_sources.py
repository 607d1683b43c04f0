"""Text in parts: every document once and in order, however it is cut; bad rows in their place."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from smolkit.data import sources
from smolkit.data.documents import Document, read_part
from smolkit.data.sources import find_files, find_parts
from smolkit.data.text import Text
from smolkit.errors import DataError


def rows(path: Path, count: int, *, ids=True, start=0) -> Path:
    lines = [{"text": f"document {n}"} | ({"id": f"n{n}"} if ids else {}) for n in range(start, start + count)]
    content = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return path


def everything(text: Text) -> list[Document | DataError]:
    return [document for part in find_parts(text)[0] for document in read_part(part, text)]


def names(text: Text) -> list[str]:
    return [document.name for document in everything(text) if isinstance(document, Document)]


@pytest.mark.parametrize("part_bytes", [1, 40, 100, 1 << 20])
@pytest.mark.parametrize("block", [7, 1 << 20])
def test_a_file_is_cut_between_rows_and_nothing_is_lost(tmp_path, monkeypatch, part_bytes, block):
    monkeypatch.setattr(sources, "PART_BYTES", part_bytes)
    monkeypatch.setattr(sources, "_BLOCK", block)
    for end in ("\n", ""):
        file = rows(tmp_path / "a.jsonl", 30, ids=False)
        file.write_text(file.read_text().rstrip() + end)
        text = Text(path=(str(file),))
        parts, _ = find_parts(text)
        assert sum(part.rows for part in parts) == 30
        assert names(text) == [f"{file}:{number}" for number in range(1, 31)]
        assert [one.text for one in everything(text)] == [f"document {n}" for n in range(30)]
        assert part_bytes > 1000 or len(parts) > 1


def test_directories_patterns_and_files_are_read_in_order(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    rows(tmp_path / "in" / "b.jsonl", 1)
    rows(tmp_path / "in" / "deep" / "a.jsonl.gz", 1, start=1)
    (tmp_path / "in" / "c.md").write_text("# plain")
    (tmp_path / "in" / "d.bin").write_bytes(b"\0")
    (tmp_path / "in" / ".hidden.txt").write_text("no")
    text = Text(path=(str(tmp_path / "in"),))
    assert [one.text for one in everything(text)] == ["document 0", "# plain", "document 1"]
    assert names(text) == ["n0", str(tmp_path / "in" / "c.md"), "n1"]
    assert find_files([str(tmp_path / "in" / "*.md"), str(tmp_path / "in" / "c.md")]) == [tmp_path / "in" / "c.md"]


def test_plain_files_keep_their_place_between_others(tmp_path):
    (tmp_path / "a.txt").write_text("first")
    rows(tmp_path / "b.jsonl", 1)
    (tmp_path / "c.txt").write_text("last")
    assert [one.text for one in everything(Text(path=(str(tmp_path),)))] == ["first", "document 0", "last"]


def test_parquet_files_are_read_by_their_groups(tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(sources, "PART_BYTES", 1)
    file = tmp_path / "a.parquet"
    table = pyarrow.table({"content": [f"t{n}" for n in range(10)], "id": list(range(10))})
    parquet.write_table(table, file, row_group_size=4)
    text = Text(path=(str(file),), text_field="content")
    assert len(find_parts(text)[0]) == 3
    assert names(text) == [str(n) for n in range(10)]
    assert [one.where for one in everything(text)][4] == f"{file}:5"
    file.write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match=r"a\.parquet: not a Parquet file"):
        find_parts(text)


def test_some_documents_are_the_first_or_with_a_seed_any(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PART_BYTES", 100)
    rows(tmp_path / "a.jsonl", 20)
    rows(tmp_path / "b.jsonl.gz", 20, start=20)
    path = (str(tmp_path),)
    assert names(Text(path=path, documents=25)) == [f"n{n}" for n in range(25)]
    chosen = names(Text(path=path, documents=12, seed=1))
    assert len(set(chosen)) == 12
    assert chosen == sorted(chosen, key=lambda name: int(name[1:]))
    assert chosen == names(Text(path=path, documents=12, seed=1)) != names(Text(path=path, documents=12, seed=2))
    assert len(names(Text(path=path, documents=99))) == 40


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", r"a\.jsonl:2: not JSON: "),
        (b"", r"a\.jsonl:2: an empty line"),
        (b"[1]", r"a\.jsonl:2: a row is an object, got list"),
        (b'"text"', r"a\.jsonl:2: a row is an object, got str"),
        (b'{"txt": "x"}', r"a\.jsonl:2:text: no such field; the row has txt\. .* pass --text-field txt"),
        (b'{"content": "x"}', r"a\.jsonl:2:text: no such field; the row has content\. .* pass --text-field content"),
        (b'{"text": null}', r"a\.jsonl:2:text: "),
        (b'{"text": 3}', r"a\.jsonl:2:text: expected a string, got int"),
        (b'{"text": "\\ud800"}', r"a\.jsonl:2:text: half of a surrogate pair"),
        (b'{"text": "\xff"}', r"a\.jsonl:2: not UTF-8 text, see byte 10"),
        (b"[" * 100_000, r"a\.jsonl:2: not JSON: nested too deeply"),
    ],
)
def test_bad_rows_come_in_their_place(tmp_path, line, message):
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "a"}\n' + line + b'\n{"text": "b"}\n')
    first, bad, last = everything(Text(path=(str(tmp_path),)))
    assert (first.text, last.text) == ("a", "b")
    with pytest.raises(DataError, match=message):
        raise bad


def test_empty_lines_at_the_end_of_a_file_are_nothing(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n\n{"text": "b"}\n \n\n')
    first, empty, last = everything(Text(path=(str(tmp_path),)))
    assert (first.text, str(empty), last.text) == ("a", f"{tmp_path / 'a.jsonl'}:2: an empty line.", "b")


def test_plain_text_that_is_none_is_a_bad_row(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    (bad,) = everything(Text(path=(str(tmp_path),)))
    assert str(bad) == f"{tmp_path / 'a.txt'}: not UTF-8 text, see byte 3."


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"")
    rows(tmp_path / "b.jsonl.gz", 9)
    (tmp_path / "b.jsonl.gz").write_bytes((tmp_path / "b.jsonl.gz").read_bytes()[:-9])
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match=r"a\.bin: what is in it, its name does not say\. Files that are read end in"):
        find_files([str(tmp_path / "a.bin")])
    with pytest.raises(DataError, match=r"b\.jsonl: no such file\. Did you mean 'b\.jsonl\.gz'\?"):
        find_files([str(tmp_path / "b.jsonl")])
    with pytest.raises(DataError, match=r"none: holds no text"):
        find_files([str(tmp_path / "none")])
    with pytest.raises(DataError, match=r"b\.jsonl\.gz: a damaged gzip file"):
        everything(Text(path=(str(tmp_path / "b.jsonl.gz"),)))


def test_a_data_set_that_cannot_be_opened_is_said_so():
    with pytest.raises(DataError, match=r"own/er: no data set that can be read: .* Name local files where there"):
        find_parts(Text(hub="own/er"))


def test_a_data_set_is_streamed_by_its_shards(tmp_path, monkeypatch):
    import datasets

    for shard in range(3):
        rows(tmp_path / f"{shard}.jsonl", 4, start=4 * shard)
    files = [str(tmp_path / f"{shard}.jsonl") for shard in range(3)]
    real = datasets.load_dataset("json", data_files={"train": files}, split="train", streaming=True)
    asked = []
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **options: asked.append(options["revision"]) or real)
    commit = "0123456789abcdef" * 2 + "01234567"
    known = SimpleNamespace(sha=commit)
    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", lambda api, name, revision: known)
    text = Text(hub="own/er", config="small", revision="main")
    parts, (source,) = find_parts(text)
    assert (len(parts), source.name) == (3, f"own/er/small@{commit}:train")
    assert all(commit in part.identity and dict(part.options)["revision"] == commit for part in parts)
    assert names(text) == [f"n{n}" for n in range(12)]
    assert names(Text(hub="own/er", documents=5)) == [f"n{n}" for n in range(5)]
    assert sorted(names(Text(hub="own/er", documents=5, seed=1))) != [f"n{n}" for n in range(5)]
    assert set(asked) == {commit}, "what is pushed meanwhile would be read"


def test_python_brings_text_with_it():
    library, topics = (everything(Text(python=part)) for part in ("library", "topics"))
    assert "json/decoder.py" in {document.name for document in library}
    assert all("site-packages" not in document.name and "/test" not in document.name for document in library)
    assert any(document.name == "assert" for document in topics)


def test_what_a_directory_holds_besides_is_counted_by_suffix(tmp_path):
    (tmp_path / ".git").mkdir()
    for name in ("a.txt", "b.pdf", "c.pdf", "LICENSE", ".hidden.pdf", ".git/d.pdf"):
        (tmp_path / name).write_text("text")
    passed_over: Counter[str] = Counter()
    assert find_files([str(tmp_path)], passed_over) == [tmp_path / "a.txt"]
    assert passed_over == {".pdf": 2, "": 1}


def test_a_folder_that_may_not_be_looked_into_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.txt").write_text("text")
    real = os.scandir

    def scan(folder):
        if Path(folder).name == "deep":
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(DataError, match=r"deep: cannot be read: Permission denied\.$"):
        find_files([str(tmp_path)])


def test_a_name_that_no_file_can_have_is_one_line():
    with pytest.raises(DataError, match=r"aaa: cannot be read: File name too long\.$"):
        find_files(["a" * 300])


def test_documents_of_files_whose_names_are_no_utf8_have_printable_names(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("text")
    _, (source,) = find_parts(Text(path=(str(tmp_path),)))
    assert source.name == str(tmp_path / r"caf\udce9.txt")
    assert names(Text(path=(str(tmp_path),))) == [source.name]


def _parquet(file: Path, **columns) -> Path:
    pyarrow, parquet = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
    parquet.write_table(pyarrow.table(columns), file, compression="none", use_dictionary=False)
    return file


def test_of_parquet_only_the_wanted_columns_are_read(tmp_path):
    text = Text(path=(str(_parquet(tmp_path / "a.parquet", text=["one"], score=[3], large=["x"])),))
    (part,), _ = find_parts(text)
    (document,) = read_part(part, text, ["score"])
    assert document.row == {"text": "one", "score": 3}


def test_damaged_pages_of_parquet_are_one_line(tmp_path):
    file = _parquet(tmp_path / "a.parquet", text=[f"text number {n}" for n in range(100)])
    content = bytearray(file.read_bytes())
    content[4:40] = b"\xff" * 36
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.parquet: damaged: .*\. Copy or download it again\.$"):
        everything(Text(path=(str(file),)))


def test_a_text_that_is_null_is_not_told_to_be_renamed_to_itself(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": null}\n')
    (problem,) = everything(Text(path=(str(tmp_path / "a.jsonl"),)))
    assert str(problem).endswith("a.jsonl:1:text: is null, and should be text.")
