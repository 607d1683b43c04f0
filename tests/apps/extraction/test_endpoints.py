"""The endpoints as tools of an MCP server, called by the protocol's own client over the real bundled model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from smolkit.apps.extraction.endpoints import sendable
from smolkit.apps.hosting import served
from smolkit.apps.models import Choice, Given, Models

if TYPE_CHECKING:
    from tests.apps.conftest import Ask

TEXT = "Fresh lemons from Menton, 2.40 EUR the kilo, picked on 3 March 2025 by Odile Ferrand."
TEMPLATE = json.dumps({"place": "verbatim-string", "picker": {"name": "verbatim-string"}})


@pytest.fixture(scope="module")
def address(bundled_file: Path, files: Path) -> Iterator[str]:
    models = Models([Choice("bundled", Given("bundled", "llama.cpp")), Choice("twin", Given(str(bundled_file)))])
    models.get("bundled")
    with served("extraction", lambda: models, "bundled") as (_, _, address):
        yield address


def test_every_endpoint_is_a_tool_with_a_line_for_each_argument(ask: Ask) -> None:
    tools = {tool.name: tool for tool in ask(lambda session: session.list_tools()).tools}
    assert list(tools) == ["extract", "propose", "compare", "models"]
    for tool in tools.values():
        assert len(tool.description) > 40
    assert "Returns the filled template" in tools["extract"].description
    for tool in tools.values():
        for argument in tool.inputSchema.get("properties", {}).values():
            assert len(argument["description"]) > 20
    assert set(tools["extract"].inputSchema["properties"]) == {"text", "template", "verbatim", "model"}


def test_a_tool_fills_a_template(ask: Ask) -> None:
    arguments = {"text": TEXT, "template": TEMPLATE, "model": "twin"}
    found = ask(lambda session: session.call_tool("extract", arguments))
    assert not found.isError
    output, spans, scores, figures = json.loads(found.content[0].text)
    assert list(output) == ["place", "picker"]
    for path, (start, end) in spans.items():
        assert TEXT[start:end] == (output["picker"]["name"] if path == "picker.name" else output[path])
    assert set(spans) <= set(scores)
    assert figures["model"] == "twin"


def test_a_tool_answers_in_json_whatever_it_returns(ask: Ask) -> None:
    found = ask(lambda session: session.call_tool("models", {}))
    assert json.loads(found.content[0].text) == ["bundled", "twin"]


def test_what_a_tool_cannot_do_is_one_line(ask: Ask) -> None:
    arguments = {"text": TEXT, "template": '{"total": "nmber"}'}
    found = ask(lambda session: session.call_tool("extract", arguments))
    assert found.isError
    assert "total: unknown type 'nmber'. Did you mean 'number'?" in found.content[0].text
    assert "Traceback" not in found.content[0].text


def test_what_gradio_cannot_send_is_null() -> None:
    most = 2**63 - 1
    assert sendable({"a": [most, most + 1, -most, -(10**500)], "b": {"c": True, "d": 1.5, "e": "9" * 99}}) == {
        "a": [most, None, -most, None],
        "b": {"c": True, "d": 1.5, "e": "9" * 99},
    }
