"""Results of lm-eval as its writer leaves them (lm-eval 0.4.13), and damaged ones in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smolkit.apps.results import read_results
from smolkit.apps.results.files import read_json
from smolkit.apps.results.scores import Score
from smolkit.errors import DataError

Written = dict[str, Any]


def test_the_results_that_lm_eval_writes_are_read_with_their_errors(tmp_path: Path, lm_eval_results: Written) -> None:
    folder = tmp_path / "out__base"
    folder.mkdir()
    (folder / "results_2026-11-28T02-55-07.669702.json").write_text(json.dumps(lm_eval_results, indent=2))
    (folder / "samples_arc_easy_2026-11-28T02-55-07.669702.jsonl").write_text("{}\n")
    (result,) = read_results([tmp_path]).results
    assert (result.name, result.title) == ("out__base", "out/base, by lm-eval")
    assert result.source == f"{tmp_path.name}/out__base/results_2026-11-28T02-55-07.669702.json"
    (table,) = result.tables
    assert [column.name for column in table.columns] == [
        "task", "metric", "value", "standard error", "shots", "documents",
    ]  # fmt: skip
    rows = [[cell.text for cell in row] for row in table.rows]
    assert rows == [
        ["ai2_arc", "acc_norm", "0.1875", "0.044", "0", "80"],
        ["arc_challenge", "acc", "0.275", "0.071", "0", "40"],
        ["arc_challenge", "acc_norm", "0.2", "0.064", "0", "40"],
        ["arc_easy", "acc", "0.175", "0.061", "0", "40"],
        ["arc_easy", "acc_norm", "0.175", "0.061", "0", "40"],
        ["gsm8k", "exact_match, flexible-extract", "0", "", "5", "1"],
        ["gsm8k", "exact_match, strict-match", "1", "", "5", "1"],
    ]
    assert "lm-eval 0.4.13" in table.prose
    assert result.measured is not None
    assert result.measured.scores["arc_easy", "acc_norm,none"] == Score(0.175, 0.060843430844447564, 0, 40)
    assert result.measured.scores["gsm8k", "exact_match,strict-match"] == Score(1.0, None, 5, 1)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M"),
        ("out/base", "out/base"),
        ("/home/someone/models/base/", "base"),
        ("../models/base", "base"),
        ("C:\\models\\base", "base"),
        ("", "r"),
        (None, "r"),
    ],
)
def test_a_model_is_called_by_its_id_or_the_last_part_of_its_path(
    lm_eval_results: Written, given: object, shown: str
) -> None:
    lm_eval_results["model_name"] = given
    measured = read_json(json.dumps(lm_eval_results), name="r", source="r.json").measured
    assert measured is not None
    assert measured.model == shown


@pytest.mark.parametrize(
    ("figures", "line"),
    [
        ({"arc_easy": 3}, "r.json:results['arc_easy']: expected an object, got 3."),
        ({"arc_easy": {"acc,none": "x"}}, "r.json:results['arc_easy']: acc,none: expected a number, got 'x'."),
        (
            {"arc_easy": {"acc,none": 0.5, "acc_stderr,none": []}},
            "r.json:results['arc_easy']: acc_stderr,none: expected a number, got [].",
        ),
        ({"arc_easy": {"alias": "arc_easy"}}, "r.json: no task has a figure in it."),
        ({}, "r.json: no task has a figure in it."),
    ],
)
def test_damaged_results_are_one_line_with_the_place(lm_eval_results: Written, figures: object, line: str) -> None:
    with pytest.raises(DataError) as caught:
        read_json(json.dumps({**lm_eval_results, "results": figures}), name="r", source="r.json")
    assert str(caught.value) == line
