"""The endpoints as tools of an MCP server, called by the protocol's own client over a tiny model."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")
pytest.importorskip("mcp", reason="the protocol: pip install 'smolkit[apps]'")

from PIL import Image

from smolkit.apps.hosting import load_app
from smolkit.apps.models import Choice, Given, Models
from smolkit.apps.vision.models import Readers

Ask = Callable[[Callable[[Any], Awaitable[Any]]], Any]


@pytest.fixture(scope="module")
def ask(tiny_vlm: Path, files: Path) -> Iterator[Ask]:
    """Runs a coroutine function over a session with the tools of a served page."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    app = load_app("vision")
    eyes = Models([Choice("tiny", Given(str(tiny_vlm), "torch", "float32"))])
    with Readers(eyes, Models([Choice("bundled", Given("bundled"))])) as readers:
        eyes.get("tiny")
        page = app.build(readers, "tiny")
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
    assert list(tools) == ["fill", "ask", "read", "models"]
    for tool in tools.values():
        assert tool.description
        for name, argument in tool.inputSchema["properties"].items():
            assert argument.get("description"), f"{tool.name}: {name}"


def test_a_tool_fills_a_template_from_an_image_and_answers_in_json(ask: Ask) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (90, 60), "teal").save(stream, "PNG")
    image = base64.b64encode(stream.getvalue()).decode()
    given = {"image": image, "template": '{"shop": "verbatim-string"}'}
    answer = ask(lambda session: session.call_tool("fill", given))
    output, text, _, figures = json.loads(answer.content[0].text)
    assert list(output) == ["shop"]
    assert text == ""
    assert figures["model"] == "tiny"
