"""The template editor: its remark, what it makes of a JSON Schema, and the types that it explains."""

from __future__ import annotations

import json
import re

import pytest

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from smolkit.apps.extraction.editor import template_of_schema, template_remark, types_list
from smolkit.extraction.leaf_types import LEAF_TYPES
from smolkit.extraction.template import Template


def test_the_remark_under_the_editor_counts_fields_or_names_the_fault() -> None:
    template = json.dumps({"place": "verbatim-string", "kilos": "integer", "picker": {"name": "verbatim-string"}})
    assert template_remark(template) == '<p role="status" class="remark good">3 fields, ready</p>'
    assert ">1 field, ready<" in template_remark('{"a": ""}')
    assert 'class="remark bad">the template is empty' in template_remark("{}")


def test_html_in_a_template_is_text_in_the_remark() -> None:
    shown = template_remark('{"a": "<img src=x onerror=alert(1)>"}')
    assert "<img" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown


def test_a_schema_becomes_a_template_and_what_it_cannot_say_is_told_as_text() -> None:
    schema = {
        "type": "object",
        "properties": {"born": {"type": "string", "format": "date"}, "<b>": {"type": "integer", "minimum": 3}},
    }
    template, said = template_of_schema(json.dumps(schema), "{}")
    assert json.loads(template) == {"born": "date", "<b>": "integer"}
    assert "made the template" in said
    assert "&lt;b&gt;" in said
    assert "minimum" in said
    assert "<b>" not in said


@pytest.mark.parametrize(
    ("schema", "line"), [("{", "the schema is no JSON"), ('{"type": "string"}', "does not describe an object")]
)
def test_a_schema_that_is_none_leaves_the_template(schema: str, line: str) -> None:
    template, said = template_of_schema(schema, "as it was")
    assert template == "as it was"
    assert line in said
    assert "bad" in said


def test_the_list_of_types_explains_every_type_and_shape_by_a_template_that_parses() -> None:
    heads = re.findall(r"^- (`.+?`): ", types_list(), re.M)
    written = [json.loads(code) for head in heads for code in head.strip("`").split("`, `")]
    assert {code for code in written if isinstance(code, str)} == {"", *LEAF_TYPES}
    assert {type(code) for code in written} == {str, list, dict}
    for code in written:
        assert Template.parse({"field": code})
