"""Splitting: no group on both sides, the nearest share that groups allow, rows untouched."""

from __future__ import annotations

import json
from itertools import combinations
from random import Random

import pytest

from smolkit import manifest
from smolkit.data.check import words
from smolkit.data.rows import load_rows, validate_rows
from smolkit.data.split import choose, split_file, split_rows
from smolkit.data.vision_rows import validate_vision_rows
from smolkit.errors import DataError, ManifestError, RowErrors


def row(number, company, **more):
    return {"text": f"receipt {number}", "template": {"company": ""}, "output": {"company": company}, **more}


def rows_of(*companies):
    return [row(number, company) for number, company in enumerate(companies)]


def split(raw, **options):
    return split_rows(validate_rows(raw), **{"holdout": 0.5, "by": "output.company", **options})


def written(path, raw):
    path.write_text("".join(json.dumps(one) + "\n" for one in raw))
    return path


def test_no_group_stands_on_both_sides_whatever_its_spelling():
    raw = rows_of("ACME S/B", "acme  s b.", "Acme S-B", "Bolt", "BOLT", "Corn", "Dune", "Éclair", "E\u0301CLAIR", "Fir")
    for seed in range(20):
        parts = split(raw, holdout=0.4, seed=seed)
        assert sorted(parts.train.rows + parts.test.rows) == list(range(10))
        for group in ({0, 1, 2}, {3, 4}, {7, 8}):
            assert group <= set(parts.train.rows) or group <= set(parts.test.rows)
        assert len(parts.test.rows) == 4
        assert parts.train.groups + parts.test.groups == 6
        assert parts.train.rows == sorted(parts.train.rows)


def test_the_seed_alone_decides():
    raw = rows_of(*"abcdefghij")
    one, again, other = (split(raw, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    backwards = split(raw[::-1], seed=1)
    assert {9 - place for place in backwards.test.rows} == set(one.test.rows)


def test_every_group_is_held_out_by_some_seed():
    raw = rows_of(*"aaaabbcdefg")
    held_out = {place for seed in range(60) for place in split(raw, holdout=0.4, seed=seed).test.rows}
    assert held_out == set(range(11))


@pytest.mark.parametrize("wanted", [0.2, 3, 5.5, 9, 100])
def test_the_choice_is_as_near_to_the_wanted_sum_as_any(wanted):
    rng = Random(3)
    for _ in range(60):
        sizes = [rng.choice([1, 2, 5, 9, 20]) for _ in range(rng.randint(2, 7))]
        sums = {sum(some) for count in range(1, len(sizes)) for some in combinations(sizes, count)}
        chosen = choose(sizes, wanted)
        assert 0 < len(chosen) < len(sizes)
        assert abs(sum(sizes[index] for index in chosen) - wanted) == min(abs(one - wanted) for one in sums)


def test_the_first_groups_are_taken_where_they_fit():
    assert choose([1] * 10, 3) == {0, 1, 2}
    assert choose([4, 1, 1, 1, 1], 3) == {1, 2, 3}


def test_rows_are_grouped_by_their_text_where_no_field_is_named():
    raw = rows_of(*"abcdef")
    raw[4]["text"] = raw[0]["text"].upper() + "."
    for seed in range(10):
        parts = split(raw, by="text", holdout=0.3, seed=seed)
        assert ({0, 4} <= set(parts.test.rows)) or ({0, 4} <= set(parts.train.rows))
        assert parts.without_value == 0


def test_conversations_without_images_are_grouped_by_what_they_ask():
    asked = [f"question {number}" for number in range(8)] * 2
    turns = [[{"role": "user", "content": one}, {"role": "assistant", "content": "yes"}] for one in asked]
    rows = validate_vision_rows([{"images": [], "messages": one} for one in turns])
    test = set(split_rows(rows, holdout=0.25).test.rows)
    assert len(test) == 4
    assert {(number + 8) % 16 for number in test} == test


def test_rows_without_a_value_are_grouped_by_their_text():
    raw = [*rows_of("a", "b"), row(2, None), row(3, ""), row(4, None)]
    raw[4]["text"] = raw[2]["text"]
    parts = split(raw)
    assert parts.without_value == 3
    assert parts.train.groups + parts.test.groups == 4
    assert {2, 4} <= set(parts.test.rows) or {2, 4} <= set(parts.train.rows)


@pytest.mark.parametrize("by", ["kind", "seen", "page.number", 'page["a.b"]', "output.a.b"])
def test_any_field_with_one_value_a_row_can_group(by):
    raw = [
        {
            "text": f"text {number}",
            "template": {"a": {"b": ""}},
            "output": {"a": {"b": f"v{number % 2}"}},
            "kind": f"k{number % 2}",
            "seen": number % 2 == 0,
            "page": {"number": number % 2, "a.b": number % 2},
        }
        for number in range(6)
    ]
    parts = split(raw, by=by)
    assert [parts.train.rows, parts.test.rows] in ([[0, 2, 4], [1, 3, 5]], [[1, 3, 5], [0, 2, 4]])


@pytest.mark.parametrize(
    ("by", "line"),
    [
        (
            "output.compnay",
            "f.jsonl: no row has one value in a field 'output.compnay'. Did you mean 'output.company'?"
            " Known: id, output.company, text.",
        ),
        ("company", "Did you mean 'output.company'?"),
        ("template.company", "no row has one value in a field 'template.company'."),
    ],
)
def test_an_unknown_field_names_the_nearest(by, line):
    with pytest.raises(DataError) as caught:
        split(rows_of("a", "b"), by=by, file="f.jsonl")
    assert line in str(caught.value)


def test_a_list_is_no_field_to_group_by():
    raw = [{"text": "a", "template": {"tags": [], "name": ""}, "output": {"tags": ["x"]}}]
    with pytest.raises(DataError, match=r"one value in a field 'output.tags'\."):
        split(raw, by="output.tags")


def test_of_very_many_fields_only_the_nearest_is_named():
    raw = [{"text": "a", "template": {f"field{number}": "" for number in range(50)}, "output": {}}]
    with pytest.raises(DataError) as caught:
        split(raw, by="output.feild7")
    assert str(caught.value) == "no row has one value in a field 'output.feild7'. Did you mean 'output.field7'?"


def test_one_group_cannot_be_split():
    with pytest.raises(DataError) as caught:
        split(rows_of("a", "A", "a."), file="f.jsonl")
    assert str(caught.value) == (
        "f.jsonl: all rows are one group by output.company, so none can be held out. Name another --by."
    )


@pytest.mark.parametrize("holdout", [0, 1, -0.2, 20, float("nan")])
def test_a_share_is_between_0_and_1(holdout):
    with pytest.raises(DataError, match="between 0 and 1"):
        split(rows_of("a", "b"), holdout=holdout)


# ---- files


def test_both_files_hold_the_rows_as_they_were_and_the_directory_says_what_it_is(tmp_path):
    raw = [row(number, "abc"[number % 3], boxes=[[number, 2]], accepted=None) for number in range(9)]
    raw[3]["output"] = json.dumps(raw[3]["output"])
    source = written(tmp_path / "rows.jsonl", raw)
    parts = split_file(source, tmp_path / "out", holdout=1 / 3, by="output.company", seed=5)
    for name, side in (("train.jsonl", parts.train), ("test.jsonl", parts.test)):
        assert load_rows(tmp_path / "out" / name) == [raw[place] for place in side.rows]
    said = manifest.read(tmp_path / "out")
    assert said.kind == "rows"
    assert said.sources == (manifest.Source.of("rows", source),)
    assert said.files.keys() == {"train.jsonl", "test.jsonl"}
    assert said.details == {
        "by": "output.company", "holdout": 1 / 3, "seed": 5, "held_out": 1 / 3, "without_value": 0,
        "train": {"rows": 6, "groups": 2}, "test": {"rows": 3, "groups": 1},
    }  # fmt: skip


def test_bad_rows_are_all_named_and_nothing_is_written(tmp_path):
    source = written(tmp_path / "rows.jsonl", [*rows_of("a", "b"), {"text": "x"}, row(4, 5)])
    with pytest.raises(RowErrors) as caught:
        split_file(source, tmp_path / "out", holdout=0.5)
    assert [problem.where.removeprefix(f"{source}:") for problem in caught.value.problems] == [
        "3:template",
        "3:output",
        "4:output.company",
    ]
    assert not (tmp_path / "out").exists()


def test_a_directory_that_holds_the_rows_is_not_replaced(tmp_path):
    source = written(tmp_path / "rows.jsonl", rows_of(*"abcd"))
    split_file(source, tmp_path / "out", holdout=0.5)
    before = (tmp_path / "out" / "train.jsonl").read_bytes()
    with pytest.raises(DataError, match="which is to be written anew"):
        split_file(tmp_path / "out" / "train.jsonl", tmp_path / "out", holdout=0.5)
    assert (tmp_path / "out" / "train.jsonl").read_bytes() == before


def test_a_directory_of_others_is_replaced_only_when_asked(tmp_path):
    source = written(tmp_path / "rows.jsonl", rows_of(*"abcd"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(ManifestError, match="not ours to replace"):
        split_file(source, tmp_path / "out", holdout=0.5)
    split_file(source, tmp_path / "out", holdout=0.5, overwrite=True)
    assert not (tmp_path / "out" / "notes.txt").exists()


def test_real_receipts_are_split_by_company(data_dir, tmp_path):
    source = data_dir / "extraction" / "sroie" / "train.jsonl"
    parts = split_file(source, tmp_path / "out", holdout=0.2, by="output.company")
    assert abs(parts.share - 0.2) < 0.002
    train, test = (
        {" ".join(words(one["output"]["company"])) for one in load_rows(tmp_path / "out" / name)}
        for name in ("train.jsonl", "test.jsonl")
    )
    assert not train & test
    assert len(train) > len(test) > 10
