"""Gradio's MCP server, through which other programs' models call an app's named endpoints as tools."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any


def has_mcp() -> bool:
    """Whether the library is installed that speaks the protocol; the extra `apps` brings it."""
    return find_spec("mcp") is not None


def answer_in_json(server: Any) -> None:
    """Have a `GradioMCPServer` send what an endpoint returns as JSON; of several values that is a list.

    Gradio itself sends what Python prints for it, which no program can read.
    """
    from mcp.types import TextContent

    def contents(data: list[Any], root_url: str) -> list[TextContent]:
        value = data[0] if len(data) == 1 else data
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return [TextContent(type="text", text=text)]

    server.postprocess_output_data = contents
