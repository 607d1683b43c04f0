"""What visitors send to the extraction app, checked: texts, templates, schemas, files, reference answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from smolkit.apps.batch import Document, read_documents
from smolkit.errors import DataError
from smolkit.extraction.answer import loads
from smolkit.extraction.template import Template

MAX_TEXT = 20_000
"""Characters of a text; a limit of this app, not of smolkit. A reference answer may have as many."""
MAX_TEMPLATE = 5_000
"""Characters of a template, or of a JSON Schema."""


def read_request(text: str, source: str) -> Template:
    """The template, once both inputs are known to be usable. Raises DataError or TemplateError in one line."""
    if not isinstance(text, str) or not isinstance(source, str):
        raise DataError("the text and the template are sent as strings, the template as JSON")
    check_text(text)
    return read_template(source)


def check_text(text: object, most: int = MAX_TEXT) -> str:
    """The text, of up to `most` characters. Raises DataError in one line."""
    if not isinstance(text, str):
        raise DataError("the text is sent as a string")
    if not text.strip():
        raise DataError("the text is empty", fix="Paste one, or choose an example")
    if len(text) > most:
        raise DataError(f"the text has {len(text):,} characters; this page takes {most:,}", fix="Send a part of it")
    if re.search("[\ud800-\udfff]", text):
        raise DataError("the text holds half a surrogate pair, which is no character")
    return text


def read_template(source: str) -> Template:
    """The template of the editor. Raises DataError or TemplateError in one line."""
    _check_length("template", source, MAX_TEMPLATE)
    return Template.parse_json(source)


def read_schema(schema: str) -> dict[str, Any]:
    """A JSON Schema as it was pasted. Raises DataError in one line."""
    _check_length("schema", schema, MAX_TEMPLATE)
    try:
        value = json.loads(schema)
    except (ValueError, RecursionError) as exc:
        raise DataError(f"the schema is no JSON ({exc})") from None
    if not isinstance(value, dict):
        raise DataError("a JSON Schema is an object")
    return value


def read_reference(source: str, template: Template) -> dict[str, Any] | None:
    """The answer that is known to be right, or None for none. Raises DataError or TemplateError in one line."""
    if not isinstance(source, str):
        raise DataError("the reference answer is sent as a string of JSON")
    if not source.strip():
        return None
    _check_length("reference answer", source, MAX_TEXT)
    try:
        value, doubled = loads(source)
    except ValueError as exc:
        raise DataError(f"the reference answer is no JSON ({exc})") from None
    if doubled:
        raise DataError(f"key {doubled[0]!r} of the reference answer stands twice in one object")
    for path, message in template.problems(value):
        raise DataError(f"the reference answer does not fit the template: {path + ': ' if path else ''}{message}")
    return template.conform(value)


def read_upload(upload: str | None) -> list[Document]:
    """The documents of a file that a visitor sent, which is then deleted. Raises DataError in one line."""
    if upload is None:
        raise DataError("no file was chosen")
    file = Path(upload)
    try:
        return read_documents(file)
    finally:
        file.unlink(missing_ok=True)


def _check_length(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise DataError(f"the {what} has {len(text):,} characters; this page takes {most:,}")
