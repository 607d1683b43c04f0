"""The endpoints as tools of an MCP server, called by the protocol's own client over the real bundled model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")
pytest.importorskip("mcp", reason="the protocol: pip install 'smolkit[apps]'")

from smolkit.apps.extraction.endpoints import sendable
from smolkit.apps.hosting import load_app
from smolkit.apps.models import Choice, Given, Models

TEXT = "Fresh lemons from Menton, 2.40 EUR the kilo, picked on 3 March 2025 by Odile Ferrand."
TEMPLATE = json.dumps({"place": "verbatim-string", "picker": {"name": "verbatim-string"}})

Ask = Callable[[Callable[[Any], Awaitable[Any]]], Any]


@pytest.fixture(scope="module")
def ask(bundled_file: Path, files: Path) -> Iterator[Ask]:
    """Runs a coroutine function over a session with the tools of a served page."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    app = load_app("extraction")
    with Models([Choice("bundled", Given("bundled", "llama.cpp")), Choice("twin", Given(str(bundled_file)))]) as models:
        models.get("bundled")
        page = app.build(models, "bundled")
        address = app.serve(page)

        async def run(use: Callable[[Any], Awaitable[Any]]) -> Any:
            async with (
                streamable_http_client(f"{address}gradio_api/mcp/") as (read, write, _),
                ClientSession(read, write) as session,
            ):
                await session.initialize()
                return await use(session)

        yield lambda use: asyncio.run(run(use))
        page.close(verbose=False)


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
