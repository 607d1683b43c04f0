"""Recorded results as they are read: cells, Markdown, reports, directories, and the best of each table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolkit.apps.results import (
    BEST,
    Cell,
    Result,
    Table,
    f1_against_size,
    make_table,
    parse_cell,
    read_markdown,
    read_report,
    read_results,
    to_html,
    with_best,
)
from smolkit.assets import asset
from smolkit.errors import DataError, ManyErrors, SmolkitError
from smolkit.evals.exports import Scored, Side
from smolkit.evals.exports import write_report as write_exports
from smolkit.evals.extraction import load_predictions, load_references, score_predictions
from smolkit.evals.report import write_report

EXPORTS = {
    "data": "rows.jsonl",
    "sides": [
        {"runtime": "torch", "precision": "float32", "micro_f1": 0.8125, "size": 538e6, "memory": None},
        {"runtime": "onnx", "precision": "q4", "micro_f1": 0.75, "size": 123.4e6, "documents_per_second": 2},
    ],
}


def read(text: str) -> Result:
    result, problems = read_markdown(text, name="page", source="results/page.md")
    assert problems == []
    return result


def only(text: str) -> Table:
    (table,) = read(text).tables
    return table


# ---- cells


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("12,345", 12345, ""),
        ("0.846", 0.846, ""),
        ("1.5e-6", 1.5e-6, ""),
        ("2e-11", 2e-11, ""),
        ("-3.5", -3.5, ""),
        ("−3", -3, ""),
        ("98.3 %", 98.3, "%"),
        ("31%", 31, "%"),
        ("731 tokens/s", 731, "tokens/s"),
        ("270MB", 270, "MB"),
        ("1.6x", 1.6, "x"),
        ("9.83M", 9.83e6, ""),
        ("1.7B", 1.7e9, ""),
        ("9 min 17 s", 557, "s"),
        ("1 h 2 min", 3720, "s"),
    ],
)
def test_a_number_keeps_its_text_and_unit(text: str, value: float, unit: str) -> None:
    cell = parse_cell(text)
    assert (cell.text, cell.unit) == (text, unit)
    assert cell.value == cell.order == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "value", "interval"),
    [
        ("0.913 (0.873 to 0.947)", 0.913, (0.873, 0.947)),
        ("0.844 (95 % interval 0.822 to 0.866)", 0.844, (0.822, 0.866)),
        ("0.9 [0.8, 1.0]", 0.9, (0.8, 1.0)),
        ("0.75 ± 0.25", 0.75, (0.5, 1.0)),
        ("98 % (97 % to 99 %)", 98, (97, 99)),
    ],
)
def test_an_interval_stands_beside_its_value(text: str, value: float, interval: tuple[float, float]) -> None:
    assert (parse_cell(text).value, parse_cell(text).interval) == (value, interval)
    assert parse_cell(text).text == text


@pytest.mark.parametrize(
    ("text", "order"),
    [("0.769 to 0.809", 0.769), ("11.3 to 6.78", 11.3), ("0.8–0.9", 0.8), ("6.65, 7.13", 6.65), ("< 0.01", 0.01)],
)
def test_what_is_not_one_number_sorts_by_its_first_and_has_no_value(text: str, order: float) -> None:
    assert (parse_cell(text).order, parse_cell(text).value) == (order, None)


@pytest.mark.parametrize(
    "text",
    ["q4_0", "4 x 512", "3 of 5", "0.5.13", "12,50", "1,90,000", "198 s, 731 tokens/s", "anls_star 12,729",
     "24 November 2026", "1e999", "392 receipts, 1.8 passes", "2026-11-27", "nan", "inf"],
)  # fmt: skip
def test_text_stays_text(text: str) -> None:
    assert parse_cell(text) == Cell(text)


@pytest.mark.parametrize("text", ["", " ", "–", "—", "-", "n/a"])
def test_a_dash_is_a_blank(text: str) -> None:
    assert parse_cell(text) == Cell("")


@given(st.text(max_size=40))
def test_any_text_is_a_cell_with_its_words(text: str) -> None:
    cell = parse_cell(text)
    assert cell.text in ("", " ".join(text.split()))


@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15).filter(lambda x: abs(x) > 1e-9)
)
def test_a_number_that_python_writes_is_read_back(number: float) -> None:
    assert parse_cell(repr(number)).value == number
    assert parse_cell(f"{number:,.3f}").value == float(f"{number:.3f}")


# ---- Markdown

PAGE = """# Speed, 1 May

Two cores. Run by `make bench`.

## First

Before, see [the paper](https://example.org/a) and [notes](../notes.md).

    python -m benchmarks.first --rows 5
    python -m benchmarks.second

| side | MB | F1 | note | MB |
| --- | ---: | ---: | --- | ---: |
| `a` \\| [b](x.md) | 1,000 | 0.9 | **fast** | |
| c | 200 | | 3 | 7 |

After.

## Second

| x | y |
|---|---|
| 1 % | 5 MB |
| 2 % | 6 GB |

Between.

| z |
|---|
| 1 |
"""


def test_cells_become_text_and_columns_have_kinds_units_and_names_of_their_own() -> None:
    table = read(PAGE).tables[0]
    columns = [(column.name, column.kind, column.unit) for column in table.columns]
    kinds = {"side": "text", "MB": "number", "F1": "number", "note": "text", "MB (2)": "number"}
    assert columns == [(name, kind, "") for name, kind in kinds.items()]
    assert [cell.text for cell in table.rows[0]] == ["a | b", "1,000", "0.9", "fast", ""]
    assert [cell.value for cell in table.rows[1]] == [None, 200, None, 3, 7]
    units = [(column.kind, column.unit) for column in read(PAGE).tables[1].columns]
    assert units == [("number", "%"), ("text", "")], "MB and GB do not sort as numbers"


def test_a_table_knows_its_title_prose_and_commands() -> None:
    page = read(PAGE)
    first, second, third = page.tables
    assert page.title == "Speed, 1 May"
    assert [table.title for table in page.tables] == ["First", "Second, by x", "Second, by z"]
    assert first.commands == ("python -m benchmarks.first --rows 5\npython -m benchmarks.second",)
    assert second.commands == ("make bench",), "the file's, where the section has none"
    assert first.prose.startswith("Two cores. Run by `make bench`.\n\nBefore,")
    assert first.prose.endswith("*(this table)*\n\nAfter.")
    assert third.prose.endswith("*(table 2)*\n\nBetween.\n\n*(this table)*")


def test_html_of_a_file_is_text_and_links_lead_to_the_web_alone() -> None:
    shown = to_html(
        "<img src=x onerror=alert(1)> ![a](http://x/y.png) [b](javascript:alert(1)) [c](../c.md) [d](https://d.org)"
    )
    assert "<img" not in shown
    assert "&lt;img" in shown
    assert shown.count("<a ") == 1
    assert 'href="https://d.org"' in shown
    assert ">d</a>" in shown
    assert " c " in shown
    assert "&gt; a [b]" in shown


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("| a | b |\n| --- | --- |\n| 1 | 2 |\n| 1 |\n", "results/page.md:4: a table row of 1 cell under 2 columns."),
        ("x\n\n| a | b |\n|---|---|\n| 1 | 2 | 3 |\n", "results/page.md:5: a table row of 3 cells under 2 columns."),
        (
            "| a | b |\n| --- |\n| 1 | 2 |\n",
            "results/page.md:1: looks like a table, but the line under its header does not have a --- for each column.",
        ),
        ("# T\n\n| a | b |\n|---|---|\n", "results/page.md:3: a table without rows."),
    ],
)
def test_a_damaged_table_is_one_line_and_leaves_the_others(text: str, line: str) -> None:
    result, problems = read_markdown(text + "\n| ok |\n|---|\n| 1 |\n", name="page", source="results/page.md")
    assert [str(problem) for problem in problems] == [line]
    assert [table.columns[0].name for table in result.tables] == ["ok"]


@given(st.text(alphabet="|-:\n #`a1\\*[]()<>\u2028\r\x00", max_size=60))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        result, problems = read_markdown(text, name="page", source="page.md")
    except SmolkitError as exc:
        problems, result = [exc], Result("", "", "", ())
    assert all("\n" not in str(problem) for problem in problems)
    for table in result.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
        to_html(table.prose)


# ---- the reports


def test_the_report_that_the_evaluation_writes_is_read_with_its_intervals(tmp_path: Path) -> None:
    rows, answers = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    template = {"city": "verbatim-string"}
    pairs = [("Paris", "Paris"), ("Rome", "Roma"), ("Oslo", "Oslo"), ("Bern", "Lima")]
    for index, (gold, answer) in enumerate(pairs):
        row = {"id": str(index), "text": gold, "template": template, "output": {"city": gold}}
        with rows.open("a") as gold_file, answers.open("a") as answer_file:
            gold_file.write(json.dumps(row) + "\n")
            answer_file.write(json.dumps({"id": str(index), "output": {"city": answer}}) + "\n")
    scored = score_predictions(
        load_references(str(rows)), load_predictions(answers), rows_file=str(rows), predictions_file=answers
    )
    write_report(scored, tmp_path / "run", title="Cities", context={"data": "rows.jsonl"})
    results = read_results([tmp_path / "run"])
    assert results.problems == ()
    (result,) = results.results  # report.md says the same and is left out
    assert (result.name, result.title, result.source) == ("run", "Cities", "run/report.json")
    figures = {row[0].text: row[1] for row in result.tables[0].rows}
    assert figures["micro F1"].value == scored.corpus.micro.f1
    assert figures["micro F1"].interval == scored.corpus.f1_ci95
    assert figures["documents"].value == 4
    by_field = next(table for table in result.tables if table.title == "By field")
    assert [row[0].text for row in by_field.rows] == ["city"]
    assert by_field.rows[0][by_field.column("in reference")].value == 4


def test_the_exports_that_the_evaluation_writes_are_read_in_the_units_of_their_headers(tmp_path: Path) -> None:
    scored = [
        Scored(Side("torch", "float32", "model", 538_000_000), 0.84621, 7.848, 346.9, 1_903_181_824),
        Scored(Side("llama.cpp", "q4_k_m", "model.gguf", 109_767_104), 0.84, 5.1, 227.1, 660_992_000),
    ]
    write_exports(scored, tmp_path, data="rows.jsonl")
    (result,) = read_results([tmp_path]).results
    (table,) = result.tables
    assert f1_against_size(table) == ("size in MB", "F1")
    last = {column.name: cell for column, cell in zip(table.columns, table.rows[1], strict=True)}
    assert (last["size in MB"].text, last["size in MB"].value) == ("110", 109.767104)
    assert table.rows[0][table.column("F1")].value == 0.84621
    assert table.rows[0][table.column("memory in MB")].text == "1,903"


def _without(path: str, value: Any) -> str:
    content = json.loads(json.dumps(EXPORTS))
    content["sides"][1][path] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"figures": {', "r.json: is not JSON, or was cut off (line 1, column 14)."),
        ("[" * 100_000, "r.json: is not JSON, or was cut off."),
        ("[]", "r.json: is no report: it has neither figures nor sides. smolkit eval extraction --out DIR writes one."),
        ('{"figures": {}}', "r.json:figures: micro_f1: expected a number, got None."),
        ('{"figures": {"micro_f1": NaN}}', "r.json:figures: micro_f1: expected a number, got nan."),
        ('{"figures": {"micro_f1": 1, "micro_f1_ci95": [1]}}',
         "r.json:figures: micro_f1_ci95: expected two numbers, got [1]."),
        ('{"figures": {"micro_f1": 1, "by_kind": 3}}',
         "r.json:figures: by_kind: expected an object of objects, got 3."),
        ('{"figures": {"micro_f1": 1, "by_kind": {"a": {"micro_f1": "x"}}}}',
         "r.json:figures.by_kind['a']: micro_f1: expected a number, got 'x'."),
        ('{"sides": []}', "r.json: no side was measured."),
        (_without("size", 10**400), "r.json:sides[1]: size: expected a number, got 1000"),
        (_without("micro_f1", True), "r.json:sides[1]: micro_f1: expected a number, got True."),
        (_without("runtime", None), "r.json:sides[1]: runtime: expected text, got None."),
    ],
)  # fmt: skip
def test_a_damaged_report_is_one_line_with_the_place(text: str, line: str) -> None:
    with pytest.raises(DataError) as caught:
        read_report(text, name="r", source="r.json")
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_half_a_surrogate_pair_in_a_report_can_be_shown() -> None:
    result = read_report(_without("precision", "q\ud800"), name="r", source="r.json")
    assert result.tables[0].rows[1][1].text.encode() == b"q\\ud800"


# ---- directories


def test_all_recorded_results_are_read_without_a_problem() -> None:
    results = read_results([asset("evals", "results")])
    assert results.problems == ()
    files = sorted(path.stem for path in asset("evals", "results").glob("*.md"))
    assert [result.name for result in results.results] == files
    exports = results.result("exports").tables[0]
    size, f1 = f1_against_size(exports) or ("", "")
    assert (size, f1) == ("MB", "F1")
    assert all(row[exports.column(f1)].value for row in exports.rows)


def test_a_directory_gives_its_markdown_and_reports_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("| x |\n|---|\n| 1 |\n")
    (tmp_path / "README.md").write_text("about")
    deep = tmp_path / "runs" / "one"
    deep.mkdir(parents=True)
    (deep / "exports.json").write_text(json.dumps(EXPORTS))
    (deep / "exports.md").write_text("not read")
    (deep / "notes.md").write_text("not read")
    (deep / "report.json").write_text('{"figures": {"micro_f1": 0.5}}')
    results = read_results([tmp_path, tmp_path / "a.md"])
    assert [result.name for result in results.results] == ["a", "runs/one/exports", "runs/one", "a (2)"]
    assert results.problems == ()


def test_one_bad_file_of_many_is_a_line_without_the_path_to_it(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("| x |\n|---|\n| 1 |\n")
    (tmp_path / "b.md").write_bytes(b"\xff\xfe")
    (tmp_path / "c.md").write_text("only prose")
    (tmp_path / "report.json").write_text("{")
    results = read_results([tmp_path])
    assert [result.name for result in results.results] == ["a"]
    name = tmp_path.name
    assert [str(problem) for problem in results.problems] == [
        f"{name}/b.md: is not UTF-8: byte 0.",
        f"{name}/c.md: no table in it.",
        f"{name}/report.json: is not JSON, or was cut off (line 1, column 2).",
    ]


def test_a_path_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no results here: no Markdown and no report\.json or exports\.json\. smolkit"):
        read_results([tmp_path])
    with pytest.raises(DataError, match=r"nowhere: no such file or directory\."):
        read_results([tmp_path / "nowhere"])
    (tmp_path / "x.csv").write_text("a,b")
    with pytest.raises(DataError, match=r"x\.csv: results are Markdown \(\.md\) or a report \(\.json\)\."):
        read_results([tmp_path / "x.csv"])
    with pytest.raises(DataError, match=r"no results were named\. Give a directory with --results\."):
        read_results([])


def test_where_nothing_can_be_read_every_reason_is_given(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(DataError, match=r"report\.json: is not JSON"):
        read_results([tmp_path])
    (tmp_path / "a.md").write_text("prose")
    with pytest.raises(ManyErrors, match=r"a\.md: no table in it\.\n.*report\.json: is not JSON"):
        read_results([tmp_path])


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x" * 5_000_001)
    with pytest.raises(DataError, match=r"a\.md: has more than 5 MB\."):
        read_results([tmp_path])


def test_unknown_names_and_numbers_are_refused_with_the_nearest() -> None:
    results = read_results([asset("evals", "results")])
    with pytest.raises(DataError, match=r"no result named 'export'\. Did you mean 'exports'\?"):
        results.result("export")
    with pytest.raises(DataError, match=r"no column 'f1'\. Did you mean 'F1'\?"):
        results.result("exports").tables[0].column("f1")
    for number in (0, 5, True, "1", None):
        with pytest.raises(DataError, match=r"exports has no table .*\. They count from 1 to 4\."):
            results.result("exports").table(number)  # type: ignore[arg-type]


# ---- the best


def best_rows(*paths: Path) -> list[list[str]]:
    results = with_best(read_results(paths)).results
    assert results[0].name == BEST
    return [[cell.text for cell in row] for row in results[0].tables[0].rows]


def test_the_best_of_a_table_is_its_highest_and_a_tie_is_said(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "| side | F1 |\n|---|---|\n| a | 0.5 |\n| b | 0.75 (0.7 to 0.8) |\n| c | 0.75 |\n| d | |\n\n"
        "| field | F1 |\n|---|---|\n| total | 0.9 |\n| date | 0.8 |\n\n"
        "| file | MB |\n|---|---|\n| a | 5 |\n| b | 6 |\n"
    )
    assert best_rows(page) == [["page, table 1: Table, by side", "b, and 1 more", "0.75 (0.7 to 0.8)", "3"]]


def test_reports_rank_against_those_of_the_same_data_alone(tmp_path: Path) -> None:
    for name, data, f1 in (("a", "x.jsonl", 0.5), ("b", "x.jsonl", 0.75), ("c", "y.jsonl", 0.9), ("d", None, 0.25)):
        (tmp_path / name).mkdir()
        content = {"title": f"model {name}", "context": {"data": data}, "figures": {"micro_f1": f1, "documents": 8}}
        (tmp_path / name / "report.json").write_text(json.dumps(content))
    assert best_rows(tmp_path) == [
        ["x.jsonl, 8 documents", "model b", "0.750", "2"],
        ["y.jsonl, 8 documents", "model c", "0.900", "1"],
        ["report d", "model d", "0.250", "1"],
    ]


def test_without_extraction_f1_there_is_no_best(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("| side | MB |\n|---|---|\n| a | 1 |\n| b | 2 |\n")
    assert [result.name for result in with_best(read_results([tmp_path])).results] == ["a"]


def test_a_row_without_words_is_called_by_its_number() -> None:
    table = make_table("t", ["x"], [[parse_cell("1")], [parse_cell("2")]])
    assert table.label(1) == "row 2"
