"""The endpoints as tools of an MCP server, called by the protocol's own client over a tiny model."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from PIL import Image

from smolkit.apps.hosting import served
from smolkit.apps.models import Choice, Given, Models
from smolkit.apps.vision.models import Readers

if TYPE_CHECKING:
    from tests.apps.conftest import Ask


@pytest.fixture(scope="module")
def address(tiny_vlm: Path, files: Path) -> Iterator[str]:
    eyes = Models([Choice("tiny", Given(str(tiny_vlm), "torch", "float32"))])
    eyes.get("tiny")
    readers = Readers(eyes, Models([Choice("bundled", Given("bundled"))]))
    with served("vision", lambda: readers, "tiny") as (_, _, address):
        yield address


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
