"""The scoreboard: what it shows, as pure functions, and its endpoints over the recorded results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolkit.apps.results import Table, make_table, parse_cell, read_results, with_best
from smolkit.assets import asset
from smolkit.errors import DataError, SmolkitError

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from smolkit.cli.demo import load_app, served

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


# ---- what the page shows


@pytest.mark.parametrize(
    ("query", "rows"), [("", [0, 1, 2, 3]), ("Q4", [2, 3]), ("onnx q4", [2]), ("1,154", [1]), ("0.95", [1]), ("zz", [])]
)
def test_a_search_finds_rows_by_the_words_that_are_shown(query: str, rows: list[int]) -> None:
    assert APP.matching(MODELS, query) == rows


def test_a_search_that_is_too_long_is_refused_in_one_line() -> None:
    assert APP.matching(MODELS, "x" * 200) == []
    with pytest.raises(DataError, match=r"^the search has 201 characters; this page takes 200\.$"):
        APP.matching(MODELS, "x" * 201)
    with pytest.raises(DataError, match=r"^a search is text\.$"):
        APP.matching(MODELS, None)


@pytest.mark.parametrize(
    ("by", "descending", "rows"),
    [
        ("", False, [0, 1, 2, 3]),
        ("MB", False, [3, 0, 1, 2]),
        ("MB", True, [1, 0, 3, 2]),
        ("F1", True, [1, 0, 2, 3]),
        ("runtime", False, [3, 1, 2, 0]),
    ],
)
def test_rows_sort_by_numbers_or_words_with_blanks_last(by: str, descending: bool, rows: list[int]) -> None:
    assert APP.in_order(MODELS, range(4), by, descending) == rows


def test_a_cell_is_shown_as_it_was_written_and_sorts_by_its_number() -> None:
    grid = APP.grid(MODELS, [1, 2])
    assert grid["data"] == [["onnx", "q8", 1154, 0.9], ["onnx", "q4", None, 0.8]]
    assert grid["metadata"]["display_value"][0] == ["onnx", "q8", "1,154", "0.9 (0.8 to 0.95)"]


def test_the_page_opens_on_extraction_f1_against_size() -> None:
    result, number = APP.first_choice(with_best(read_results([asset("evals", "results")])))
    assert (result.name, APP.first_axes(result.table(number))) == ("exports", ("MB", "F1"))


def test_a_table_with_one_column_of_numbers_has_no_plot() -> None:
    single = table("file|MB", "a|1", "b|2")
    assert APP.first_axes(single) is None
    assert "fewer than two columns of numbers" in APP._plotted(single, [0, 1], None)


# ---- the plot


def drawing(html: str) -> ElementTree.Element:
    """The wide drawing of a plot, which has to be well-formed."""
    return ElementTree.fromstring(html.split('<div class="wide">')[1].split("</div>")[0])


def test_points_are_the_rows_with_one_number_in_both_columns() -> None:
    points = APP.points_of(MODELS, range(4), "MB", "F1")
    assert [(point.label, point.group, point.full) for point in points] == [
        ("fp32", "torch", "torch, fp32"),
        ("q8", "onnx", "onnx, q8"),
    ]
    with pytest.raises(DataError, match=r"^the column 'file' has no numbers to plot\. Known: F1, MB\.$"):
        APP.points_of(MODELS, range(4), "file", "F1")
    with pytest.raises(DataError, match=r"^no column 'f1'\. Did you mean 'F1'\?"):
        APP.points_of(MODELS, range(4), "MB", "f1")


def test_the_summary_says_what_the_plot_shows_and_leaves_out() -> None:
    points = APP.points_of(MODELS, range(4), "MB", "F1")
    assert APP.summary_line(points, 4, "MB", "F1") == (
        "F1 against MB, 2 points. F1: 0.85 (torch, fp32) to 0.9 (0.8 to 0.95) (onnx, q8). "
        "MB: 538 (torch, fp32) to 1,154 (onnx, q8). Left out: 2 rows without one number in both columns."
    )
    assert "logarithmic axis" in APP.summary_line(
        APP.points_of(table("x|y", "1|1", "5|2"), [0, 1], "x", "y"), 2, "x", "y"
    )


def test_the_plot_has_a_point_for_each_row_a_tooltip_and_the_labels() -> None:
    drawn = drawing(APP.plot_html(APP.points_of(MODELS, range(4), "MB", "F1"), 4, "MB", "F1"))
    assert drawn.get("aria-label") == "Plot of F1 against MB"
    assert [title.text for title in drawn.iter("title")] == [
        "torch, fp32: MB 538, F1 0.85", "onnx, q8: MB 1,154, F1 0.9 (0.8 to 0.95)",
    ]  # fmt: skip
    labels = [text.text for text in drawn.iter("text") if text.get("class") == "label"]
    assert labels == ["fp32", "q8"]


def test_a_higher_number_is_drawn_higher_and_further_right() -> None:
    points = APP.points_of(table("n|x|y", "a|1|5", "b|10|50", "c|100|500"), range(3), "x", "y")
    drawn = drawing(APP.plot_html(points, 3, "x", "y"))
    places = re.findall(r"translate\(([\d.]+) ([\d.]+)\)", ElementTree.tostring(drawn, encoding="unicode"))
    (x1, y1), (x2, y2), (x3, y3) = [(float(x), float(y)) for x, y in places]
    assert x1 < x2 < x3
    assert y1 > y2 > y3
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2), "a decade is as wide as the next"


def test_html_in_a_result_is_text_in_the_plot_and_the_prose() -> None:
    hostile = '<img src=x onerror="a">'
    rows = [[parse_cell(cell) for cell in row] for row in ((hostile, hostile, "1", "2"), ("b", "c", "2", "3"))]
    bad = make_table("t", ["m", "n", "x", hostile], rows, prose=hostile)
    shown = APP.plot_html(APP.points_of(bad, [0, 1], "x", hostile), 2, "x", hostile) + APP.about_html(bad, hostile)
    assert "<img" not in shown
    assert shown.count("&lt;img src=x") > 5
    drawing(shown)


NUMBERS = st.floats(-1e99, 1e99).filter(lambda number: number == 0 or abs(number) > 1e-99)


@given(st.lists(NUMBERS, min_size=1, max_size=12))
def test_an_axis_holds_all_its_numbers_and_has_few_round_ticks(numbers: list[float]) -> None:
    axis = APP.Axis.over(numbers, 40.0, 400.0)
    places = [axis.at(number) for number in numbers]
    assert all(40 <= place <= 400 for place in places)
    ticks = axis.ticks()
    assert len(ticks) <= 10
    assert all(40 - 1e-6 <= axis.at(tick) <= 400 + 1e-6 for tick, _ in ticks)
    assert len({written for _, written in ticks}) == len(ticks) or max(map(abs, numbers)) > 1e6 * (axis.high - axis.low)


def test_labels_cover_neither_points_nor_each_other() -> None:
    points = APP.points_of(read_results([asset("evals", "results")]).result("exports").table(1), range(12), "MB", "F1")
    for width in APP._WIDTHS.values():
        drawn = ElementTree.fromstring(APP._svg(points, "MB", "F1", width))
        boxes = [
            (float(one.get("x", 0)), float(one.get("y", 0)) - 10, len(one.text or "") * APP._LETTER)
            for one in drawn.iter("text") if one.get("class") == "label"
        ]  # fmt: skip
        assert len(boxes) >= 6
        as_boxes = [(x, y, x + length, y + APP._LINE) for x, y, length in boxes]
        assert not any(APP._meet(one, other) for i, one in enumerate(as_boxes) for other in as_boxes[:i])


# ---- the page and the endpoints


def test_the_endpoints_list_and_read_every_table(client: Any) -> None:
    results, problems = client.predict(api_name="/results")
    assert problems == []
    assert [result["name"] for result in results][1:] == [
        path.stem for path in sorted(asset("evals", "results").glob("*.md"))
    ]
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
    assert set(answers) == {"best F1", *(path.stem for path in asset("evals", "results").glob("*.md"))}


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
    assert [result["name"] for result in results] == ["good"]


def test_a_directory_without_results_opens_no_page(tmp_path: Path) -> None:
    with pytest.raises(SmolkitError, match="no results here"):
        APP.build([tmp_path], "empty")
