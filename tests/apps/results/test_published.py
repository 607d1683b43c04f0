"""Published tables alone, and with what lm-eval measured beside them, task by task."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from smolkit.apps.results import Results, Table
from smolkit.apps.results.files import read_json
from smolkit.apps.results.published import BASE, Published, Task, read_published, with_published
from smolkit.apps.results.scores import Measured, Score
from smolkit.apps.results.table import Result
from smolkit.errors import RecipeErrors

SMALL = """
tasks:
  ARC (average): {lm_eval: [arc_easy, arc_challenge], metric: "acc_norm,none"}
  GSM8K: {lm_eval: [gsm8k], metric: "exact_match,strict-match"}
  CommonsenseQA: {}
tables:
  - title: Small models
    source: {title: A card, url: "https://example.org/card"}
    harness: lighteval
    about: Zero-shot.
    shots: {GSM8K: 5}
    rows:
      small: {ARC (average): 20.0, GSM8K: 1.5, CommonsenseQA: 30.25}
      large: {ARC (average): 40.0, CommonsenseQA: 45.0}
"""


@pytest.fixture
def published(tmp_path: Path) -> Published:
    file = tmp_path / "base.yaml"
    file.write_text(SMALL)
    return read_published(file)


def results(*measured: dict[str, Any]) -> Results:
    return Results(tuple(read_json(json.dumps(one), name="out", source="r.json") for one in measured))


def tables(found: Results, published: Published) -> dict[str, Table]:
    added = with_published(found, published).results[-1]
    assert added.name == BASE
    return {table.title: table for table in added.tables}


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_without_measurements_the_published_table_stands_alone(published: Published) -> None:
    found = tables(Results((Result("a", "a", "a.md", ()),)), published)
    (table,) = found.values()
    assert table.title == "Small models, published"
    assert [column.name for column in table.columns] == [
        "model", "by", "ARC (average)", "GSM8K, 5 shots", "CommonsenseQA",
    ]  # fmt: skip
    assert texts(table) == [
        ["small", "lighteval", "20.00", "1.50", "30.25"],
        ["large", "lighteval", "40.00", "", "45.00"],
    ]
    assert table.prose == "[A card](https://example.org/card), measured there by lighteval. Zero-shot."


def test_measured_rows_stand_beside_the_published_ones(published: Published, lm_eval_results: dict[str, Any]) -> None:
    found = tables(results(lm_eval_results), published)
    assert list(found) == ["Small models, published", "out/base beside Small models"]
    error = 100 * math.hypot(0.060843430844447564, 0.06405126152203486) / 2
    assert texts(found["Small models, published"])[0] == [
        "out/base", "lm-eval, here", f"18.8 ± {error:.1f}", "100.0", "",
    ]  # fmt: skip
    arc = found["Small models, published"].rows[0][2]
    assert arc.value == pytest.approx(18.75)
    assert arc.interval == pytest.approx((18.75 - error, 18.75 + error))
    assert texts(found["out/base beside Small models"]) == [
        ["ARC (average)", "small", "20.00", "18.8", "-1.2", "4.4", "0", "80"],
        ["ARC (average)", "large", "40.00", "18.8", "-21.2", "4.4", "0", "80"],
        ["GSM8K", "small", "1.50", "100.0", "+98.5", "", "5", "1"],
    ]


def test_other_numbers_of_shots_have_no_difference(published: Published, lm_eval_results: dict[str, Any]) -> None:
    lm_eval_results["n-shot"]["gsm8k"] = 0
    found = tables(results(lm_eval_results), published)
    assert texts(found["out/base beside Small models"])[-1] == [
        "GSM8K", "small", "1.50", "100.0", "", "", "0, published 5", "1",
    ]  # fmt: skip
    assert texts(found["Small models, published"])[0][3] == ""


def test_a_mean_needs_all_of_its_tasks_in_the_same_number_of_shots() -> None:
    task = Task(lm_eval=("a", "b"), metric="acc,none")

    def mean(**scores: Score) -> Score | None:
        return task.of(Measured("m", {(name, "acc,none"): score for name, score in scores.items()}))

    one, other = Score(0.25, 0.03, 0, 10), Score(0.75, 0.04, 0, 30)
    assert mean(a=one, b=other) == Score(0.5, pytest.approx(0.025), 0, 40)
    assert mean(a=one) is None
    assert mean(a=one, b=Score(0.75, 0.04, 5, 30)) is None
    assert mean(a=one, b=Score(0.75, None, 0, 30)) == Score(0.5, None, 0, 40)
    assert Task().of(Measured("m", {})) is None


def test_a_model_without_a_task_of_a_table_is_not_beside_it(
    published: Published, lm_eval_results: dict[str, Any]
) -> None:
    lm_eval_results["results"] = {"hellaswag": lm_eval_results["results"]["arc_easy"]}
    assert list(tables(results(lm_eval_results), published)) == ["Small models, published"]


def test_the_tables_that_ship_name_their_sources_and_plausible_figures() -> None:
    shipped = read_published()
    assert len(shipped.tables) >= 4
    for table in shipped.tables:
        assert table.source.url.startswith("https://")
        assert all(row for row in table.rows.values())
    smollm2 = {
        model: row for table in shipped.tables for model, row in table.rows.items() if model.startswith("SmolLM2")
    }
    assert {name: row["HellaSwag"] for name, row in smollm2.items()} == {
        "SmolLM2-135M": 42.1, "SmolLM2-360M": 54.5, "SmolLM2-1.7B": 68.7,
    }  # fmt: skip
    (page,) = with_published(Results(()), shipped).results
    assert [table.title for table in page.tables] == [f"{table.title}, published" for table in shipped.tables]
    assert all(column.kind == "number" for table in page.tables for column in table.columns[2:])


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("GSM8K: 1.5,", "GSM8: 1.5,", r"has the task 'GSM8', which is not under tasks\. Did you mean 'GSM8K'\?"),
        ("shots: {GSM8K: 5}", "shots: {Other: 5}", "has the task 'Other', which is not under tasks"),
        ("GSM8K: 1.5,", "GSM8K: 150,", "less than or equal to 100"),
        ("harness:", "harnes:", r"base\.yaml:9:.*harnes: no such field\. Did you mean 'harness'\?"),
    ],
)
def test_a_table_that_does_not_hold_together_is_refused(tmp_path: Path, old: str, new: str, line: str) -> None:
    file = tmp_path / "base.yaml"
    assert old in SMALL
    file.write_text(SMALL.replace(old, new))
    with pytest.raises(RecipeErrors, match=line):
        read_published(file)
