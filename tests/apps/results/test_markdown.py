"""Results in Markdown: tables with their titles, prose and commands; damaged ones; safe HTML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolkit.apps.results import Result, to_html
from smolkit.apps.results.markdown import read_markdown
from smolkit.errors import SmolkitError

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


def read(text: str) -> Result:
    result, problems = read_markdown(text, name="page", source="results/page.md")
    assert problems == []
    return result


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
