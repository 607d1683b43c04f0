"""The scoreboard: what it shows, and its endpoints over the recorded results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from smolkit.apps.results import Table, make_table, parse_cell
from smolkit.assets import asset
from smolkit.errors import SmolkitError

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from smolkit.apps.hosting import load_app, served

APP = load_app("scoreboard")


def table(names: str, *rows: str) -> Table:
    return make_table("t", names.split("|"), [[parse_cell(cell) for cell in row.split("|")] for row in rows])


MODELS = table(
    "runtime|file|MB|F1", "torch|fp32|538|0.85", "onnx|q8|1,154|0.9 (0.8 to 0.95)", "onnx|q4||0.8", "gguf|q4|99|–"
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served("scoreboard", lambda: nullcontext([asset("evals", "results")]), "results") as (_, _, address):
        yield address


def test_a_cell_is_shown_as_it_was_written_and_sorts_by_its_number() -> None:
    grid = APP.grid(MODELS, [1, 2])
    assert grid["data"] == [["onnx", "q8", 1154, 0.9], ["onnx", "q4", None, 0.8]]
    assert grid["metadata"]["display_value"][0] == ["onnx", "q8", "1,154", "0.9 (0.8 to 0.95)"]


def test_a_table_with_one_column_of_numbers_has_no_plot() -> None:
    single = table("file|MB", "a|1", "b|2")
    assert "fewer than two columns of numbers" in APP.plotted(single, [0, 1], APP.first_axes(single))


def test_rows_without_two_numbers_have_no_plot() -> None:
    assert "No row shown here has a number in both MB and F1." in APP.plotted(MODELS, [2, 3], ("MB", "F1"))
    assert "Left out: 1 row without one number" in APP.plotted(MODELS, [0, 1, 3], ("MB", "F1"))


def test_html_in_a_result_is_text_in_the_plot_and_the_prose() -> None:
    hostile = '<img src=x onerror="a">'
    rows = [[parse_cell(cell) for cell in row] for row in ((hostile, hostile, "1", "2"), ("b", "c", "2", "3"))]
    bad = make_table("t", ["m", "n", "x", hostile], rows, prose=hostile)
    shown = APP.plotted(bad, [0, 1], ("x", hostile)) + APP.about_html(bad, hostile)
    assert "<img" not in shown
    assert shown.count("&lt;img src=x") > 5


def test_the_endpoints_list_and_read_every_table(client: Any) -> None:
    results, problems = client.predict(api_name="/results")
    assert problems == []
    recorded = [path.stem for path in sorted(asset("evals", "results").glob("*.md"))]
    assert [result["name"] for result in results] == ["best F1", *recorded, "base models"]
    records, texts, about = client.predict("exports", 4, api_name="/table")
    assert records[0]["runtime"] == "torch"
    assert records[0]["memory in MB"] == 1903
    assert texts[0]["memory in MB"] == "1,903"
    assert records[3]["documents/s"] == texts[3]["documents/s"] == "6.65, 7.13"
    assert "smolkit eval extraction --all-exports" in about["commands"]
    assert client.predict("exports", api_name="/table")[0][0]["decoding, tokens/s"] is None


def test_the_presets_are_all_results(address: str) -> None:
    answers = dict(APP.answer_presets(address))
    assert answers["mix"] == {"tables": 1, "rows": 8, "columns": 6}
    recorded = {path.stem for path in asset("evals", "results").glob("*.md")}
    assert set(answers) == {"best F1", *recorded, "base models"}


def test_the_endpoints_are_the_only_ones_and_take_no_path(client: Any) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert list(endpoints) == ["/results", "/table"]
    assert endpoints["/results"]["parameters"] == []
    assert [one["parameter_name"] for one in endpoints["/table"]["parameters"]] == ["result", "table"]


@pytest.mark.parametrize(
    ("result", "number", "line"),
    [
        ("export", 1, "no result named 'export'. Did you mean 'exports'?"),
        ("../../README", 1, "no result named '../../README'."),
        ("exports", 9, "exports has no table 9. They count from 1 to 4."),
        ("exports", "1", "exports has no table '1'. They count from 1 to 4."),
        (["exports"], 1, "no result named ['exports']."),
        ("x" * 100_000, 1, "no result named 'xxx"),
    ],
)
def test_an_unknown_table_is_refused_in_one_line_without_a_traceback(
    client: Any, result: Any, number: Any, line: str
) -> None:
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as caught:
        client.predict(result, number, api_name="/table")
    assert line in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_bad_file_is_named_by_the_page_and_the_endpoint_and_the_others_stay(tmp_path: Path) -> None:
    from gradio_client import Client

    (tmp_path / "good.md").write_text("# <b>Good</b>\n\n| x | y |\n|---|---|\n| 1 | 2 |\n")
    (tmp_path / "report.json").write_text("{")
    line = f"{tmp_path.name}/report.json: is not JSON, or was cut off (line 1, column 2)."
    with served("scoreboard", lambda: nullcontext([tmp_path]), "mine") as (_, page, address):
        shown = json.dumps(page.get_config_file())
        assert line in shown
        assert "mine: 1 result, 1 table<" in shown
        results, problems = Client(address, verbose=False).predict(api_name="/results")
    assert problems == [line]
    assert [result["name"] for result in results] == ["good", "base models"]


def test_a_directory_without_results_opens_no_page(tmp_path: Path) -> None:
    with pytest.raises(SmolkitError, match="no results here"):
        APP.build([tmp_path], "empty")
