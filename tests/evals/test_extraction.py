from __future__ import annotations

import json

import pytest

from smolkit.errors import DataError, RowErrors
from smolkit.evals.extraction import score_predictions

ROWS = [
    {"id": "a", "output": {"name": "Ann", "city": "Lille"}, "kind": "card", "lang": "en"},
    {"id": "b", "output": {"name": "Bob", "city": None}, "kind": "card", "lang": "fr"},
    {"id": "c", "output": {"items": [{"n": "pen"}, {"n": "cup"}]}, "kind": "receipt", "lang": "fr"},
]
PERFECT = [{"id": row["id"], "output": row["output"]} for row in ROWS]


def problems(rows, predictions):
    with pytest.raises(RowErrors) as caught:
        score_predictions(rows, predictions, rows_file="rows.jsonl", predictions_file="pred.jsonl")
    return [str(problem) for problem in caught.value.problems]


def test_perfect_predictions_score_one_in_any_order():
    result = score_predictions(ROWS, PERFECT[::-1])
    assert result.corpus.micro.f1 == result.corpus.macro_f1 == 1
    assert result.failed == 0
    assert result.worst() == []


def test_the_figures_are_those_of_the_definition():
    predictions = [
        {"id": "a", "output": {"name": "Anne", "city": "Lille"}},
        {"id": "b", "raw": '{"name": "Bob", "city": "Rome"}'},
        {"id": "c", "output": {"items": [{"n": "cup"}]}},
    ]
    figures = score_predictions(ROWS, predictions).figures()
    assert figures["micro_f1"] == pytest.approx(2 * (0.75 + 1 + 1 + 1) / (5 + 5))
    assert figures["micro_precision"] == figures["micro_recall"] == pytest.approx(3.75 / 5)
    assert figures["macro_f1"] == pytest.approx((1.75 / 2 + 2 / 3 + 2 / 3) / 3)
    assert figures["exact_f1"] == pytest.approx(2 * 3 / 10)
    assert figures["indel_f1"] == pytest.approx(2 * (6 / 7 + 3) / 10)
    assert figures["thresholded_f1"] == figures["micro_f1"]
    assert figures["empty_accuracy"] == 0
    assert figures["verbatim_rate"] is None
    assert (figures["documents"], figures["failed"], figures["duplicate_key_documents"]) == (3, 0, 0)
    low, high = figures["micro_f1_ci95"]
    assert low <= figures["micro_f1"] <= high
    assert figures["by_kind"]["card"]["micro_f1"] == pytest.approx(2 * 2.75 / 7)
    assert figures["by_kind"]["receipt"]["documents"] == 1
    assert figures["by_lang"]["fr"]["documents"] == 2
    assert figures["by_field"]["name"]["f1"] == pytest.approx(1.75 / 2)
    assert figures["by_field"]["items[].n"] | {"f1": 0} == {
        "f1": 0, "f1_ci95": [pytest.approx(2 / 3)] * 2, "precision": 1, "recall": 0.5, "exact_f1": pytest.approx(2 / 3),
        "indel_f1": pytest.approx(2 / 3), "thresholded_f1": pytest.approx(2 / 3), "empty_accuracy": None,
        "verbatim_rate": None, "n_ref": 2, "n_pred": 1,
    }  # fmt: skip


def test_the_figures_are_plain_json():
    predictions = [{"id": "a", "raw": "no"}, {"id": "b", "output": None}, {"id": "c", "output": []}]
    figures = score_predictions(ROWS, predictions).figures()
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_a_missing_prediction_is_scored_as_empty_and_counted_as_failed():
    result = score_predictions(ROWS, [PERFECT[0], {"id": "b", "output": None}])
    assert result.missing == ["b", "c"]
    assert result.failed == 2
    assert result.corpus.documents == 3
    assert result.corpus.micro.f1 == pytest.approx(2 * 2 / (5 + 2))
    assert result.corpus.invalid_json_rate == 0


def test_an_answer_that_does_not_parse_is_scored_as_empty_and_repaired_only_in_its_own_column():
    predictions = [{"id": "a", "raw": '```json\n{"name": "Ann", "city": "Lille"}\n```'}, *PERFECT[1:]]
    result = score_predictions(ROWS, predictions)
    figures = result.figures()
    assert figures["micro_f1"] == pytest.approx(2 * 3 / (5 + 3))
    assert figures["repaired_micro_f1"] == 1
    assert figures["invalid_json_rate"] == pytest.approx(1 / 3)
    assert (figures["failed"], result.missing) == (1, [])
    assert result.documents[0].pred == {}
    assert figures["by_kind"]["card"]["invalid_json_rate"] == 0.5


def test_json_that_is_no_object_is_an_answer_that_earns_nothing():
    predictions = [{"id": "a", "raw": '["Ann"]'}, {"id": "b", "raw": "null"}, {"id": "c", "output": ["pen"]}]
    result = score_predictions(ROWS, predictions)
    assert (result.failed, result.corpus.micro.tp, result.corpus.micro.n_pred) == (0, 0, 2)


def test_keys_that_stand_twice_are_counted_by_document():
    predictions = [
        {"id": "a", "raw": '{"name": "Ann", "name": "Ann", "city": "Lille", "city": "Lille"}'},
        {"id": "b", "output": {"name": "Bob"}, "duplicate_keys": ["name"]},
        PERFECT[2],
    ]
    result = score_predictions(ROWS, predictions)
    assert result.duplicate_key_documents == 2
    assert result.documents[0].duplicates == ("name", "city")
    assert result.corpus.micro.f1 == 1


def test_template_text_and_accepted_values_of_a_row_are_used():
    row = {
        "id": 7,
        "template": {"date": "date", "name": "string", "note": "string"},
        "text": "Seen by Dr. Ann on 15 Jan",
        "output": {"date": "2024-01-15", "name": "Ann"},
        "accepted": {"name": ["Dr. Ann"]},
    }
    result = score_predictions([row], [{"id": "7", "output": {"date": "20240115", "name": "Dr. Ann"}}])
    figures = result.figures()
    assert figures["micro_f1"] == figures["empty_accuracy"] == figures["verbatim_rate"] == 1
    assert result.by_kind == result.by_lang == {}


def test_rows_without_ids_are_called_by_their_line():
    rows = [{"output": {"a": "x"}}, {"output": {"a": "y"}}]
    predictions = [{"id": 2, "output": {"a": "y"}}, {"id": "1", "output": {"a": "x"}}]
    assert score_predictions(rows, predictions).corpus.micro.f1 == 1
    assert score_predictions(rows, [{"output": {"a": "x"}}, {"raw": '{"a": "y"}'}]).corpus.micro.f1 == 1


def test_rows_without_a_kind_stand_together_where_others_have_one():
    rows = [{"output": {"a": "x"}, "kind": "card"}, {"output": {"a": "y"}}]
    assert list(score_predictions(rows, []).by_kind) == ["(none)", "card"]


def test_the_worst_documents_come_first_and_the_fuller_ones_before_others():
    rows = [{"id": name, "output": {"a": ["x"] * size}} for name, size in [("s", 1), ("l", 5), ("half", 2), ("ok", 1)]]
    predictions = [{"id": "half", "output": {"a": ["x"]}}, {"id": "ok", "output": {"a": ["x"]}}]
    result = score_predictions(rows, predictions)
    assert [document.id for document in result.worst()] == ["l", "s", "half"]
    assert [document.id for document in result.worst(1)] == ["l"]


def test_a_field_interval_is_over_the_documents_that_have_the_field():
    rows = [{"output": {"a": "x", "rare": "y" if index == 0 else None}} for index in range(50)]
    predictions = [{"output": {"a": "x" if index % 2 else "z"}} for index in range(50)]
    result = score_predictions(rows, predictions)
    assert result.field_ci95["rare"] == (0, 0)
    low, high = result.field_ci95["a"]
    assert 0.3 < low < 0.5 < high < 0.7


def test_the_seed_decides_the_interval_and_nothing_else():
    predictions = [{"id": "a", "output": {"name": "Bo", "city": "Lille"}}, *PERFECT[1:]]
    one, same, other = (score_predictions(ROWS, predictions, seed=seed).figures() for seed in (0, 0, 5))
    assert one == same
    assert one["micro_f1"] == other["micro_f1"]


@pytest.mark.parametrize(
    ("rows", "predictions", "expected"),
    [
        (ROWS, [{"id": "aa", "output": {}}], ["pred.jsonl:1:id: no row has the id 'aa'. Did you mean 'a'?"]),
        (ROWS, [PERFECT[0], PERFECT[0]], ["pred.jsonl:2:id: id 'a' stands in row 1 already."]),
        (
            ROWS,
            [{"id": "a"}],
            ["pred.jsonl:1: neither output nor raw. Give the JSON value under output, or the text"],
        ),
        (ROWS, [PERFECT[0] | {"raw": "{}"}], ["pred.jsonl:1: both output and raw. Keep the one that is to be scored."]),
        (
            ROWS,
            [{"id": "a", "output": "{}"}],
            ["pred.jsonl:1:output: output is text, not a JSON value. Put what the model wrote under raw."],
        ),
        (ROWS, [{"id": "a", "raw": {}}], ["pred.jsonl:1:raw: raw is not text but dict."]),
        (ROWS, [{"output": {}}], ["pred.jsonl:1:id: a prediction without an id. Name the row that it belongs to."]),
        (ROWS, [{"id": True, "raw": ""}], ["pred.jsonl:1:id: an id is a string or a whole number, got true.",
                                           "pred.jsonl:1:id: no row has the id 'True'."]),
        ([*ROWS, ROWS[0]], PERFECT, ["rows.jsonl:4:id: id 'a' stands in row 1 already."]),
        ([{"id": "a"}], [], ["rows.jsonl:1:output: a reference row needs its output."]),
        ([{"output": {}, "text": 5}], [], ["rows.jsonl:1:text: text is not a string but int."]),
        (
            [{"output": {}, "template": {"a": "dat"}}],
            [],
            ["rows.jsonl:1:template:a: unknown type 'dat'. Did you mean 'date'?"],
        ),
        (
            [{"output": {"a": "x"}, "accepted": {"a": "y"}}],
            [],
            ["rows.jsonl:1:accepted.a: expected a list of accepted values, got 'y'. Write [value]."],
        ),
    ],
    ids=lambda value: value[0][:60] if isinstance(value, list) and value and isinstance(value[0], str) else "",
)  # fmt: skip
def test_every_fault_is_named_with_its_place(rows, predictions, expected):
    found = problems(rows, predictions)
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


def test_all_faults_of_both_files_are_told_at_once():
    found = problems([{"id": "a"}, *ROWS], [{"id": "zzz", "raw": "{}"}, {"id": "b"}])
    assert [line.rpartition("jsonl:")[2].split(":")[0] for line in found] == ["2", "1", "2", "1"]


def test_no_rows_are_an_error():
    with pytest.raises(DataError, match=r"^rows.jsonl: no rows to score against\.$"):
        score_predictions([], PERFECT, rows_file="rows.jsonl")


def test_real_references_against_themselves_score_one(data_dir):
    for name in ("sroie/train", "muc4/dev", "popcorn_fr/train", "snips/train"):
        with (data_dir / "extraction" / f"{name}.jsonl").open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line, _ in zip(lines, range(60), strict=False)]
        result = score_predictions(rows, [{"id": row["id"], "raw": json.dumps(row["output"])} for row in rows])
        figures = result.figures()
        assert figures["micro_f1"] == pytest.approx(1)
        assert figures["exact_f1"] == pytest.approx(1)
        assert figures["empty_accuracy"] in (1, None)
        assert figures["failed"] == 0
