"""Issues that GitHub exported become rows; what is no issue is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smolkit.data.github import read_issues
from smolkit.errors import RowErrors

HANG = {"title": "Export hangs", "body": "It hangs.\r\nFor ever.\n", "labels": [{"name": "bug", "color": "f00"}]}
WISH = {"title": "Add a dark theme", "body": "Please.", "labels": [{"name": "idea"}, {"name": "bug"}]}


def written(path: Path, issues: list[Any]) -> Path:
    path.write_text(json.dumps(issues))
    return path


def test_body_is_text_and_title_and_labels_are_the_answer(tmp_path: Path) -> None:
    first, second = read_issues(written(tmp_path / "issues.json", [HANG, WISH]))
    assert first.text == "It hangs.\nFor ever."
    assert first.template.source == second.template.source == {"title": "string", "labels": [["bug", "idea"]]}
    assert first.output == {"title": "Export hangs", "labels": ["bug"]}
    assert second.output == {"title": "Add a dark theme", "labels": ["idea", "bug"]}


def test_a_single_label_is_no_choice(tmp_path: Path) -> None:
    (row,) = read_issues(written(tmp_path / "issues.json", [HANG]))
    assert (row.template.source, row.output) == ({"title": "string"}, {"title": "Export hangs"})


def test_every_fault_of_every_issue_is_named(tmp_path: Path) -> None:
    broken = [
        {"body": "x", "labels": []},
        {**HANG, "body": " "},
        {**HANG, "labels": ["bug"]},
        {**HANG, "labels": "bug"},
        {**HANG, "title": 3},
        "x",
    ]
    file = written(tmp_path / "issues.json", [HANG, *broken])
    with pytest.raises(RowErrors) as caught:
        read_issues(file)
    assert [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems] == [
        "2:title: no title. Export it: gh issue list --json title,body,labels.",
        "3:body: the body is empty. "
        "Leave it out: gh issue list --json title,body,labels --jq 'map(select(.body != \"\"))'.",
        "4:labels[0]: expected an object with a name, got 'bug'.",
        "5:labels: expected a list, got 'bug'.",
        "6:title: expected a string, got the number 3.",
        "7: an issue is an object, got 'x'.",
    ]


def test_a_label_given_twice_is_named_by_the_check_of_rows(tmp_path: Path) -> None:
    file = written(tmp_path / "issues.json", [WISH, {**HANG, "labels": [{"name": "bug"}, {"name": "bug"}]}])
    with pytest.raises(RowErrors, match=r"issues\.json:2:output\.labels\[1\]: 'bug' stands twice"):
        read_issues(file)
