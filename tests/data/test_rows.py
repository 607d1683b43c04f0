"""Rows: every fault of every row at once, nothing dropped, and the real sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smolkit.data.rows import Row, hub_rows, load_rows, read_rows, validate_rows, write_rows
from smolkit.errors import DataError, RowErrors
from smolkit.extraction.template import Template

GOOD = {"text": "A pot for 3 EUR", "template": {"name": "", "price": "number"}, "output": {"name": "pot", "price": 3}}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def faults(*rows: Any, **options: Any) -> list[str]:
    with pytest.raises(RowErrors) as caught:
        validate_rows(rows, "f.jsonl", **options)
    return str(caught.value).split("\n")


def test_a_row_keeps_what_it_carries(tmp_path):
    file = write(tmp_path / "rows.jsonl", GOOD, {**GOOD, "id": 7, "lang": "en", "kind": "shop", "boxes": [[1, 2]]})
    first, second = read_rows(file)
    assert first == Row("1", GOOD["text"], Template.parse(GOOD["template"]), GOOD["output"], line=1)
    assert (second.id, second.lang, second.kind, second.line) == ("7", "en", "shop", 2)
    assert second.extra == {"boxes": [[1, 2]]}


def test_template_and_output_may_be_json_text():
    texts = {**GOOD, "template": json.dumps(GOOD["template"]), "output": json.dumps(GOOD["output"])}
    [row] = validate_rows([texts])
    assert row.template == Template.parse(GOOD["template"])
    assert row.output == GOOD["output"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"text": None}, "f.jsonl:1:text: no text."),
        ({"text": 5}, "f.jsonl:1:text: expected a string, got int."),
        ({"text": " \n"}, "f.jsonl:1:text: the text is empty."),
        ({"text": "half \ud83d"}, "f.jsonl:1:text: half of a surrogate pair, which is no text."),
        ({"template": None}, "f.jsonl:1:template: no template."),
        (
            {"template": {"name": "", "price": "numbr"}},
            "f.jsonl:1:template:price: unknown type 'numbr'. Did you mean 'number'?",
        ),
        ({"template": '{"name": "", "name": ""}'}, "f.jsonl:1:template: key 'name' stands twice in one object."),
        ({"output": None}, "f.jsonl:1:output: no output."),
        ({"output": None, "outptu": {}}, "f.jsonl:1:output: no output. Rename 'outptu' to 'output'."),
        ({"output": "pot"}, "f.jsonl:1:output: is text, but not JSON"),
        ({"output": []}, "f.jsonl:1:output: expected an object, got a list."),
        ({"output": {"price": "3"}}, "f.jsonl:1:output.price: expected a number, got '3'."),
        ({"output": {"nmae": "pot"}}, "f.jsonl:1:output.nmae: not a key of the template (did you mean 'name'?)."),
        ({"id": 1.5}, "f.jsonl:1:id: expected a string or a whole number, got float."),
        ({"lang": ["en"]}, "f.jsonl:1:lang: expected a string, got list."),
        ({"accepted": ["pot"]}, "f.jsonl:1:accepted: expected an object, as in the output."),
        ({"accepted": {"name": "Pot"}}, "f.jsonl:1:accepted.name: expected a list of accepted values."),
        ({"accepted": {"price": [3, "3"]}}, "f.jsonl:1:accepted.price[1]: expected a number, got '3'."),
        ({"accepted": {"nam": ["Pot"]}}, "f.jsonl:1:accepted.nam: not a key of the template (did you mean 'name'?)."),
        (
            {"accepted": {"name": ["Pot"]}, "output": {"price": 3}},
            "f.jsonl:1:accepted.name: accepted values, but the output has none here.",
        ),
    ],
)
def test_a_bad_field_gets_its_line(change, line):
    row = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    [found] = faults(row)
    assert found.startswith(line)


def test_every_fault_of_every_row_is_reported_in_order():
    rows = [GOOD, 3, {"id": "a"}, {**GOOD, "id": "b"}, {**GOOD, "id": "b", "output": {"price": "x", "size": 1}}, GOOD]
    assert [line.split(" ")[0] for line in faults(*rows)] == [
        "f.jsonl:2:",
        "f.jsonl:3:text:",
        "f.jsonl:3:template:",
        "f.jsonl:3:output:",
        "f.jsonl:5:id:",
        "f.jsonl:5:output.price:",
        "f.jsonl:5:output.size:",
    ]
    assert faults({**GOOD, "id": 2}, GOOD) == ["f.jsonl:2:id: '2' is the id of row 1 already."]


def test_accepted_values_follow_the_output_by_key_and_position():
    template = {"tags": [], "lines": [{"name": ""}], "kinds": [["x", "y"]]}
    output = {"tags": ["a", "b"], "lines": [{"name": "pot"}], "kinds": ["x"]}
    fine = {"tags": [None, ["B", "bb"]], "lines": [{"name": ["Pot"]}], "kinds": [["y"]]}
    row = {"text": "t", "template": template, "output": output}
    [checked] = validate_rows([{**row, "accepted": fine}])
    assert checked.accepted == fine
    assert faults({**row, "accepted": {"tags": [["A"], ["B"], ["C"]], "lines": [{"name": [3]}], "kinds": [["z"]]}}) == [
        "f.jsonl:1:accepted.tags: accepted values for 3 items, the output has 2.",
        'f.jsonl:1:accepted.lines[0].name[0]: expected a string, got the number 3. Write it as "3".',
        "f.jsonl:1:accepted.kinds[0][0]: 'z' is not a choice. Choices: x, y.",
    ]


def test_rows_without_output_are_fine_where_none_is_needed():
    bare = {"text": "", "template": {"a": ""}}
    [row] = validate_rows([bare], need_output=False)
    assert row.output is None
    assert faults({**bare, "output": {"b": 1}}, need_output=False)[0].startswith("f.jsonl:1:output.b: not a key")
    assert len(faults(bare)) == 2


def test_unreadable_lines_are_reported_together_with_the_faults_of_the_others(tmp_path):
    file = write(tmp_path / "rows.jsonl", GOOD, "{'text': 1}", {**GOOD, "text": 1}, "[1]")
    with pytest.raises(RowErrors) as caught:
        load_rows(file)
    places = [str(problem).removeprefix(str(file)).split(" ")[0] for problem in caught.value.problems]
    assert places == [":2:", ":3:text:", ":4:"]


def test_the_first_rows_are_read_alone(tmp_path):
    file = write(tmp_path / "rows.jsonl", GOOD, GOOD, "broken")
    assert load_rows(file, limit=2) == [GOOD, GOOD]


def test_no_rows_are_an_error(tmp_path):
    with pytest.raises(DataError, match=r"rows\.jsonl: holds no rows"):
        load_rows(write(tmp_path / "rows.jsonl"))
    with pytest.raises(DataError, match=r"^f\.jsonl: holds no rows"):
        validate_rows([], "f.jsonl")


def test_a_missing_file_is_not_taken_for_a_data_set(tmp_path, monkeypatch):
    write(tmp_path / "train.jsonl", GOOD)
    monkeypatch.chdir(tmp_path.parent)
    for name in (f"{tmp_path.name}/trian.jsonl", f"{tmp_path.name}/train", "rows.jsonl"):
        with pytest.raises(DataError, match="no such file"):
            load_rows(name)
    with pytest.raises(DataError, match="a file has no splits"):
        load_rows(tmp_path / "train.jsonl", split="train")
    with pytest.raises(DataError, match="a file has no configs"):
        load_rows(tmp_path / "train.jsonl", config="all")


def test_a_data_set_that_cannot_be_reached_is_one_line():
    with pytest.raises(DataError) as caught:
        load_rows("some-owner/some-rows")
    assert str(caught.value).startswith("some-owner/some-rows: neither a file nor a data set that can be loaded")
    assert str(caught.value).endswith("Name a local .jsonl file where there is no network.")
    assert "\n" not in str(caught.value)


def test_a_split_of_a_data_set_is_chosen_by_name():
    from datasets import Dataset, DatasetDict

    texts = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in GOOD.items()}
    one = DatasetDict({"train": Dataset.from_list([texts, texts])})
    assert len(validate_rows(hub_rows(one, "o/n", None, None), "o/n")) == 2
    assert hub_rows(one, "o/n", "train", 1) == [texts]
    two = DatasetDict({**one, "test": Dataset.from_list([texts])})
    with pytest.raises(DataError, match=r"^o/n: which split\? Known: test, train"):
        hub_rows(two, "o/n", None, None)
    with pytest.raises(DataError, match=r"no split 'tset'. Did you mean 'test'"):
        hub_rows(two, "o/n", "tset", None)


def test_written_rows_read_back_as_they_were(tmp_path):
    rows = validate_rows([{**GOOD, "id": "a", "lang": "fr", "boxes": [1], "accepted": {"name": ["Pot"]}}, GOOD])
    assert write_rows(tmp_path / "out" / "rows.jsonl", rows) == 2
    assert read_rows(tmp_path / "out" / "rows.jsonl") == rows
    assert write_rows(tmp_path / "out" / "rows.jsonl", [GOOD]) == 1
    assert load_rows(tmp_path / "out" / "rows.jsonl") == [GOOD]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("e2e_restaurants/dev", 4672),
        ("kleister_nda/train", 254),
        ("muc4/dev", 200),
        ("muc4/train", 1300),
        ("popcorn_fr/train", 400),
        ("product_attributes_oa_mine/train", 1452),
        ("sgd_dialogues/dev", 500),
        ("sgd_dialogues/train", 3000),
        ("snips/train", 13784),
        ("sroie/train", 490),
    ],
)
def test_the_real_sets_have_no_faults(data_dir, name, count):
    rows = read_rows(data_dir / "extraction" / f"{name}.jsonl")
    assert len(rows) == count
    for row in rows:
        assert list(row.template.conform(row.output)) == list(row.template.source)
