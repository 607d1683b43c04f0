"""Filled templates as issues: what is shown, and what Markdown says."""

from __future__ import annotations

from typing import Any

import pytest

from smolkit.apps.issues import fields_line, heading, markdown, parts

ISSUE: dict[str, Any] = {
    "title": "Export crashes",
    "labels": ["bug", "usability"],
    "priority": "high",
    "description": "It crashes.\n\nIt should not.",
    "steps": ["Press Export", "Pick\nCSV"],
    "affected_version": "3.4.1",
    "people": ["mira", None],
    "environment": {"os": "Linux", "browser": None},
}


def test_every_field_that_holds_something_is_a_part() -> None:
    assert [(part.kind, part.value) for part in parts(ISSUE)] == [
        ("title", "Export crashes"),
        ("labels", ["bug", "usability"]),
        ("priority", "high"),
        ("description", "It crashes.\n\nIt should not."),
        ("steps", ["Press Export", "Pick\nCSV"]),
        ("text", "3.4.1"),
        ("list", ["mira"]),
        ("json", {"os": "Linux", "browser": None}),
    ]
    assert parts({"title": None, "labels": [], "steps": [""], "environment": {"os": None}}) == []


def test_markdown_is_the_body_without_the_title() -> None:
    assert markdown(ISSUE) == (
        "**Labels:** bug, usability · **Priority:** high\n\n"
        "It crashes.\n\nIt should not.\n\n"
        "### Steps\n\n1. Press Export\n2. Pick CSV\n\n"
        "### Affected version\n\n3.4.1\n\n"
        "### People\n\n- mira\n\n"
        '### Environment\n\n```json\n{\n  "os": "Linux",\n  "browser": null\n}\n```'
    )
    assert markdown({}) == markdown({"title": "Export crashes"}) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("press <b>Export</b>", "press &lt;b>Export&lt;/b>"),
        ("a < b && c", "a < b && c"),
        ("&lt;b&gt; and <!-- x -->", "&amp;lt;b&amp;gt; and &lt;!-- x -->"),
        ("`<b>` is <b>", "`<b>` is &lt;b>"),
        ("`` a ` <b> `` <b>", "`` a ` <b> `` &lt;b>"),
        ("`<b>", "`&lt;b>"),
        ("C:\\<dir>", "C:\\&lt;dir>"),
    ],
)
def test_html_in_a_value_stays_text_and_code_is_left_alone(text: str, shown: str) -> None:
    assert markdown({"description": text}) == shown
    assert markdown({"steps": [text]}) == f"### Steps\n\n1. {shown}"


def test_a_value_cannot_close_the_block_that_it_stands_in() -> None:
    assert markdown({"parts": [{"note": "```` \n# x"}]}).splitlines()[2] == "`````json"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("affected_version", "Affected version"), ("is-regression", "Is regression"), ("steps", "Steps"), ("_", "")],
)
def test_a_name_becomes_a_heading(name: str, shown: str) -> None:
    assert heading(name) == shown


def test_the_line_of_fields_names_some_and_counts_the_others() -> None:
    assert fields_line(["title"]) == "1 field: title"
    assert fields_line(["labels", "steps[]", "people[].name"]) == "3 fields: labels, steps, people[].name"
    assert fields_line([f"f{n}" for n in range(14)]).endswith("f10, f11 and 2 more")
