"""Directories of results: what is found in them, and what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolkit.apps.results import f1_against_size, read_results
from smolkit.assets import asset
from smolkit.errors import DataError, ManyErrors

EXPORTS = {
    "data": "rows.jsonl",
    "sides": [
        {"runtime": "torch", "precision": "float32", "micro_f1": 0.8125, "size": 538e6, "memory": None},
        {"runtime": "onnx", "precision": "q4", "micro_f1": 0.75, "size": 123.4e6, "documents_per_second": 2},
    ],
}


def test_all_recorded_results_are_read_without_a_problem() -> None:
    results = read_results([asset("evals", "results")])
    assert results.problems == ()
    files = sorted(asset("evals", "results").glob("*.md"))
    assert [result.name for result in results.results] == [file.stem for file in files]
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
    with pytest.raises(DataError, match=r"no report\.json, exports\.json or results_\*\.json\. smolkit"):
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
