"""What the extraction app takes, and what it refuses in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smolkit.apps.extraction.inputs import (
    MAX_TEMPLATE,
    MAX_TEXT,
    check_text,
    read_reference,
    read_request,
    read_schema,
    read_upload,
)
from smolkit.errors import DataError, SmolkitError, TemplateError
from smolkit.extraction.template import Template

TEMPLATE = json.dumps({"place": "verbatim-string", "kilos": "integer", "picker": {"name": "verbatim-string"}})


@pytest.mark.parametrize(
    ("text", "template", "error", "line"),
    [
        (" \n", TEMPLATE, DataError, "the text is empty. Paste one, or choose an example."),
        (
            "x" * 20_001,
            TEMPLATE,
            DataError,
            "the text has 20,001 characters; this page takes 20,000. Send a part of it.",
        ),
        ("a\ud800b", TEMPLATE, DataError, "the text holds half a surrogate pair, which is no character."),
        (["a"], TEMPLATE, DataError, "the text and the template are sent as strings, the template as JSON."),
        ("a", {"x": ""}, DataError, "the text and the template are sent as strings, the template as JSON."),
        ("a", " " * 5_001, DataError, "the template has 5,001 characters; this page takes 5,000."),
        ("a", '{"x": "strng"}', TemplateError, "x: unknown type 'strng'. Did you mean 'string'?"),
        ("a", '{"x": ', TemplateError, "the template is not JSON: "),
    ],
)
def test_an_unusable_request_is_refused_in_one_line(
    text: Any, template: Any, error: type[SmolkitError], line: str
) -> None:
    with pytest.raises(error) as caught:
        read_request(text, template)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_texts_and_templates_at_the_limit_are_taken() -> None:
    assert read_request("x" * MAX_TEXT, TEMPLATE.ljust(MAX_TEMPLATE)).style == "typed"


def test_a_text_alone_is_refused_as_one_with_a_template_is() -> None:
    with pytest.raises(DataError, match="the text is sent as a string"):
        check_text(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        ("{", "the schema is no JSON"),
        ("[" * 2000, "the schema is no JSON"),
        ("[]", "a JSON Schema is an object"),
        ('{"a": "' + "x" * MAX_TEMPLATE + '"}', "the schema has 5,009 characters; this page takes 5,000"),
    ],
)
def test_a_schema_that_is_none_is_refused_in_one_line(schema: str, line: str) -> None:
    with pytest.raises(DataError, match=line) as caught:
        read_schema(schema)
    assert "\n" not in str(caught.value)


def test_a_reference_answer_has_the_template_s_keys_and_no_answer_is_none() -> None:
    template = Template.parse_json(TEMPLATE)
    assert read_reference(" ", template) is None
    found = read_reference('{"kilos": 3}', template)
    assert found == {"place": None, "kilos": 3, "picker": {"name": None}}


@pytest.mark.parametrize(
    ("reference", "line"),
    [
        ("{", "the reference answer is no JSON"),
        ("[]", "the reference answer does not fit the template: expected an object, got a list"),
        ('{"kilos": "three"}', "the reference answer does not fit the template: kilos: expected an integer"),
        ('{"weight": 3}', "the reference answer does not fit the template: weight: not a key of the template"),
        ('{"kilos": 3, "kilos": 4}', "key 'kilos' of the reference answer stands twice in one object"),
        (" " * MAX_TEXT + "{}{}", "the reference answer has 20,004 characters; this page takes 20,000"),
        (5, "the reference answer is sent as a string of JSON"),
    ],
)
def test_a_reference_answer_that_does_not_fit_is_refused_in_one_line(reference: Any, line: str) -> None:
    with pytest.raises(DataError) as caught:
        read_reference(reference, Template.parse_json(TEMPLATE))
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_an_upload_is_read_and_deleted_also_where_it_is_refused(tmp_path: Path) -> None:
    for content, documents in (("text\none\n", 1), ("a\n1\n", 0)):
        file = tmp_path / "upload.csv"
        file.write_text(content)
        if documents:
            assert len(read_upload(str(file))) == documents
        else:
            with pytest.raises(DataError, match=r"upload\.csv: is no ZIP"):
                read_upload(str(file))
        assert not file.exists()
    with pytest.raises(DataError, match="no file was chosen"):
        read_upload(None)
