"""The issue generator: what it takes and shows, and its endpoint over the real bundled model in llama.cpp."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from smolkit.errors import SmolkitError
from smolkit.extraction.answer import repair
from smolkit.extraction.schema import json_schema
from smolkit.extraction.template import Template

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from smolkit.apps.hosting import load_app, served
from smolkit.apps.issues import card, markdown

APP = load_app("issue-generator")
PRESETS = APP.PRESETS
SCHEMA = json.loads(APP.SCHEMA)
TEMPLATE = {
    "title": "string",
    "labels": [["bug", "feature", "documentation", "question", "performance", "security", "usability"]],
    "priority": ["low", "medium", "high", "critical"],
    "description": "string",
    "steps": ["string"],
}

TEXT = "The CSV export of version 3.4.1 crashes with a date filter. Filter by date, press Export, pick CSV."
FEW = json.dumps({"type": "object", "properties": {"version": {"type": "string"}, "crash": {"type": "boolean"}}})


@pytest.fixture(scope="module")
def address(bundled_file: Path, files: Path) -> Iterator[str]:
    from smolkit.apps.models import Models, read_models

    with (
        Models.of(read_models(["bundled"], "llama.cpp")) as models,
        served("issue-generator", lambda: nullcontext(models), "bundled") as (_, _, address),
    ):
        yield address


# ---- what the page takes


def test_the_standard_schema_is_that_of_the_template_that_models_are_trained_on() -> None:
    template, reports = APP.read_schema(APP.SCHEMA)
    assert (template.source, reports) == (TEMPLATE, [])
    assert list(template.source) == list(TEMPLATE)
    assert without_annotations(SCHEMA) == without_annotations(json_schema(Template.parse(TEMPLATE)))


def without_annotations(schema: Any) -> Any:
    if isinstance(schema, list):
        return [without_annotations(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: without_annotations(child) for key, child in schema.items() if not isinstance(child, str)}
    return kept | {key: schema[key] for key in ("type", "$schema") if key in schema}


@pytest.mark.parametrize("preset", PRESETS, ids=[preset["name"] for preset in PRESETS])
def test_a_preset_is_a_text_that_the_page_takes(preset: dict[str, Any]) -> None:
    APP.read_question(preset["text"], APP.SCHEMA)
    assert 100 <= len(preset["text"]) <= 1_200


def test_presets_are_of_many_registers_and_have_names_of_their_own() -> None:
    names = [preset["name"] for preset in PRESETS]
    assert len(set(names)) == len(names) >= 6
    assert len({name.split(":")[0] for name in names}) == len(names)


@pytest.mark.parametrize(
    ("text", "schema", "line"),
    [
        (" \n", APP.SCHEMA, "the text is empty. Paste one, or choose an example."),
        ("z" * 10_001, APP.SCHEMA, "the text has 10,001 characters; this page takes 10,000. Send a part of it."),
        (["a"], APP.SCHEMA, "the text is sent as a string."),
        ("a\ud800", APP.SCHEMA, "the text holds half a surrogate pair, which is no character."),
        (TEXT, " ", "the schema is empty. The button Standard schema brings the standard one."),
        (TEXT, "z" * 5_001, "the schema has 5,001 characters; this page takes 5,000."),
        (TEXT, {"type": "object"}, "the schema is sent as a string of JSON."),
        (TEXT, "{", "the schema is not JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        (TEXT, '{"a": NaN}', "the schema is not JSON: NaN is no JSON value."),
        (TEXT, "[" * 2_000, "the schema is not JSON: nested deeper than 100 levels."),
        (TEXT, '{"type": "object", "type": "array"}', "the key type stands twice in one object of the schema."),
        (TEXT, "[]", "a schema is an object or a boolean, got a list."),
        (TEXT, '{"type": "string"}', "the schema does not describe an object with named fields; a template does."),
        (TEXT, FEW.replace("boolean", "bolean"), "crash: unknown JSON Schema type 'bolean'. Did you mean 'boolean'?"),
        (TEXT, FEW.replace("version", "\\ud800"), "a key is a printable string, got '\\ud800'."),
    ],
)
def test_an_unusable_request_is_refused_in_one_line(text: Any, schema: Any, line: str) -> None:
    with pytest.raises(SmolkitError) as caught:
        APP.read_question(text, schema)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_a_request_at_the_limits_is_taken() -> None:
    schema = FEW.ljust(5_000)
    assert APP.read_question("x" * 10_000, schema).template.source == {"version": "string", "crash": "boolean"}


def test_the_line_under_the_editor_says_what_there_is_and_what_gets_lost() -> None:
    assert "5 fields: title, labels, priority, description, steps" in APP.schema_remark(APP.SCHEMA)
    line = APP.schema_remark('{"properties": {"a": {"type": "string", "pattern": "<b>\\ud800"}}}')
    assert "1 field: a<" in line
    assert "not kept: a: pattern &quot;&lt;b&gt;\\ud800&quot; cannot be expressed" in line
    assert 'class="remark bad"' in APP.schema_remark("{")


# ---- what the page shows


def test_an_issue_is_shown_with_its_chips_and_its_steps_in_order() -> None:
    shown = card(
        {
            "title": "Export crashes",
            "labels": ["bug", "usability"],
            "priority": "high",
            "description": "It crashes.",
            "steps": ["Press Export", "Pick CSV"],
            "affected_version": "3.4.1",
            "environment": {"os": "Linux"},
        }
    )
    assert "<h2>Export crashes</h2>" in shown
    assert '<li data-label="bug">bug</li><li data-label="usability">usability</li>' in shown
    assert '<li class="priority" data-level="high">Priority: high</li>' in shown
    assert "<p>It crashes.</p><h3>Steps</h3><ol><li>Press Export</li><li>Pick CSV</li></ol>" in shown
    assert "<h3>Affected version</h3><p>3.4.1</p>" in shown
    assert "<h3>Environment</h3><pre>{\n  &quot;os&quot;: &quot;Linux&quot;\n}</pre>" in shown
    assert "The issue will stand here." in card({"title": None, "steps": []})


def test_html_in_any_value_or_name_is_text() -> None:
    hostile = '"><img src=x onerror="hit()">'
    issue = {
        "title": hostile,
        "labels": [hostile],
        "priority": hostile,
        "description": hostile,
        "steps": [hostile],
        hostile: hostile,
        "json": {hostile: hostile},
    }
    assert "<img" not in card(issue)
    assert "<img" not in APP.source_block(markdown(issue), "Markdown")
    assert "<img" not in APP.schema_remark(json.dumps({"properties": {hostile: {"type": "string", "x": hostile}}}))


def test_every_beginning_of_an_answer_can_be_shown() -> None:
    answer = '{"title": "A \\"quoted\\" one", "labels": ["bug"], "priority": null, "steps": ["{x", "y"]}'
    cards = [card(repair(answer[:end])) for end in range(len(answer) + 1)]
    assert "A &quot;quoted&quot; one" in cards[-1]
    assert any("<h2>A</h2>" in shown for shown in cards)


# ---- the endpoint


def test_the_endpoint_writes_an_issue_that_the_schema_takes(client: Any) -> None:
    issue, body, figures = client.predict(TEXT, api_name="/issue")
    jsonschema.validate(issue, SCHEMA)
    assert list(issue) == list(TEMPLATE)
    assert body == markdown(issue)
    assert figures["new_tokens"] > 0
    assert figures["windows"] == 1
    assert figures["seconds"] > 0


def test_another_schema_asks_for_other_fields(client: Any) -> None:
    issue, body, _ = client.predict(TEXT, FEW, api_name="/issue")
    assert list(issue) == ["version", "crash"]
    assert issue["crash"] in (True, False, None)
    assert body == markdown(issue)


def test_the_endpoint_is_the_only_one_and_says_what_it_takes(client: Any) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert list(endpoints) == ["/issue"]
    text, schema = endpoints["/issue"]["parameters"]
    assert (text["parameter_name"], schema["parameter_name"]) == ("text", "schema")
    assert schema["parameter_default"] == APP.SCHEMA


@pytest.mark.parametrize(
    ("text", "schema", "line"),
    [
        ("", APP.SCHEMA, "the text is empty. Paste one, or choose an example."),
        (TEXT, '{"type": "string"}', "the schema does not describe an object with named fields; a template does."),
        (
            TEXT,
            json.dumps({"properties": {f"{n}": {"enum": [f"{n}{m}" * 20 for m in "ab"]} for n in range(40, 72)}}),
            "the template takes",
        ),
    ],
)
def test_the_endpoint_refuses_in_one_line(client: Any, text: str, schema: str, line: str) -> None:
    with pytest.raises(Exception, match=line) as caught:
        client.predict(text, schema, api_name="/issue")
    assert "Traceback" not in str(caught.value)


def test_nothing_that_was_sent_is_kept(client: Any, files: Path) -> None:
    client.predict(TEXT, FEW, api_name="/issue")
    assert [path for path in files.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_every_example_is_answered(address: str) -> None:
    rows = list(APP.answer_presets(address))
    assert [name for name, _ in rows] == [preset["name"] for preset in PRESETS]
    assert all(figures["new_tokens"] > 0 for _, figures in rows)


def test_the_readme_says_the_limits() -> None:
    body = (Path(APP.__file__).parent / "README.md").read_text()
    assert f"{APP.MAX_TEXT:,}" in body
    assert f"{APP.MAX_SCHEMA:,}" in body
