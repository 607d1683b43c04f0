from __future__ import annotations

import gzip
import json

import pytest

from smolkit.errors import DataError, RowErrors
from smolkit.evals.predictions import load_predictions, load_references


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(text.encode(encoding))
    return path


def test_rows_are_read_line_by_line(tmp_path):
    path = written(tmp_path, '{"id": "a", "output": {"x": "\u2028é"}}\r\n{"id": 2, "raw": "{}"}\n\n')
    assert load_predictions(path) == [{"id": "a", "output": {"x": "\u2028é"}}, {"id": 2, "raw": "{}"}]


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path):
    assert load_references(written(tmp_path, '{"output": {}}\n', "utf-8-sig")) == [{"output": {}}]


def test_a_key_that_stands_twice_in_an_output_is_kept_as_a_finding(tmp_path):
    path = written(
        tmp_path, '{"id": "a", "output": {"x": 1, "x": 2, "y": [{"z": 1, "z": 1}]}}\n{"id": "b", "output": {}}'
    )
    first, second = load_predictions(path)
    assert first["duplicate_keys"] == ["x", "y[0].z"]
    assert "duplicate_keys" not in second


def test_every_line_that_is_no_row_is_named(tmp_path):
    lines = [
        '{"id": 1, "output": {}}',
        '{"id": 2',
        "[1]",
        "",
        '{"id": 4, "id": 5, "raw": ""}',
        '{"id": 6, "output": NaN}',
    ]
    path = written(tmp_path, "\n".join(lines))
    with pytest.raises(RowErrors) as caught:
        load_predictions(path)
    found = [str(problem) for problem in caught.value.problems]
    assert [line.removeprefix(f"{path}:").partition(":")[0] for line in found] == ["2", "3", "4", "5", "6"]
    assert found[1] == f"{path}:3: not a JSON row: a row is an object."
    assert found[3] == f"{path}:5: not a JSON row: key 'id' stands twice."
    assert found[4] == f"{path}:6: not a JSON row: NaN is no JSON value."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe{}", "not UTF-8 text, see byte 0"),
        (b"\n \n", "holds no rows"),
    ],
)
def test_a_file_that_cannot_be_read_says_so(tmp_path, content, message):
    path = tmp_path / "predictions.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_predictions(path)


def test_references_come_from_a_list_and_from_gzip_too(tmp_path):
    rows = [{"id": 1, "output": {"x": "é"}}, {"id": 2, "output": {}}]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    assert load_references(tmp_path / "rows.json") == load_references(tmp_path / "rows.jsonl.gz") == rows


def test_every_line_that_is_no_reference_is_named(tmp_path):
    path = written(tmp_path, '{"output": {"x": 1, "x": 2}}\n[1]\n{"output": {}}\n{"output"')
    with pytest.raises(RowErrors) as caught:
        load_references(path)
    found = [str(problem) for problem in caught.value.problems]
    assert found[:2] == [f"{path}:1: key 'output.x' stands twice.", f"{path}:2: not a JSON row: a row is an object."]
    assert found[2].startswith(f"{path}:4: not JSON: ")


def test_an_empty_file_of_references_says_so(tmp_path):
    with pytest.raises(DataError, match="holds no rows"):
        load_references(written(tmp_path, "\n \n"))


def test_what_was_dumped_is_what_is_loaded(tmp_path):
    rows = [{"id": str(index), "output": {"a": ["x", None, 1.5, True], "b": {"c": "ü"}}} for index in range(5)]
    path = written(tmp_path, "".join(json.dumps(row) + "\n" for row in rows))
    assert load_predictions(path) == load_references(path) == rows
