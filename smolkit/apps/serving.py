"""Serving a page in the background, with the limits that all apps have."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

import gradio as gr

from smolkit.apps.look import CSS, THEME
from smolkit.apps.tools import answer_in_json, has_mcp
from smolkit.errors import RuntimeUnavailable
from smolkit.manifest import read_optional
from smolkit.models import BUNDLED

MODELS = "models"
"""Where the manifest of a Space lists its models, in order, each as `smolkit.apps.models` reads it."""

MAX_WAITING = 64
"""Visitors in the queue; a model serves one at a time."""


def model_to_serve(folder: Path) -> tuple[str, str | None]:
    """The model and the runtime of an app that was started by itself: the first of `models_to_serve`."""
    models, runtime = models_to_serve(folder)
    return models[0], runtime


def models_to_serve(folder: Path) -> tuple[list[str], str | None]:
    """The models of an app that was started by itself, in its folder, and the runtime of those that name none.

    Those that are named for it; else the bundled model.
    """
    return named_models(folder) or [BUNDLED], os.environ.get("SMOLKIT_RUNTIME") or None


def named_models(folder: Path) -> list[str]:
    """The environment's `SMOLKIT_MODEL`, several parted as paths are.

    Without it those that the manifest of a Space lists, or what lies in `folder`/model/.
    """
    named = os.environ.get("SMOLKIT_MODEL", "").split(os.pathsep)
    return [name for name in named if name] or _beside(folder)


def _beside(folder: Path) -> list[str]:
    manifest = read_optional(folder, verify=False)
    listed = manifest.details.get(MODELS, []) if manifest else []
    return [
        name.replace("model/", f"{folder}/model/", 1) if name.startswith("model/") else name for name in listed
    ] or [str(path) for path in sorted((folder / "model").glob("*"))]


def serve(
    page: gr.Blocks, *, port: int | None = None, css: str = "", upload: str | None = None, tools: bool = False
) -> str:
    """Start serving in the background and return the page's address; `page.block_thread()` waits, `close()` ends it.

    `css` is added to the style of all apps; uploads may have at most `upload`, such as "2mb"; `tools` offers the named
    endpoints as an MCP server, too, where the library for it is installed. Raises RuntimeUnavailable when the port is
    taken.
    """
    try:
        with redirect_stdout(sys.stderr):  # Gradio tells of its MCP server there, between our figures
            _, address, _ = page.queue(max_size=MAX_WAITING).launch(
                server_port=port,
                prevent_thread_lock=True,
                quiet=True,
                theme=THEME,
                css=CSS + css,
                max_file_size=upload,
                mcp_server=tools and has_mcp(),
                footer_links=["api", "settings"],
            )
    except OSError as exc:
        which = f"port {port} is taken" if port else "none of the ports that Gradio tries is free"
        raise RuntimeUnavailable(which, fix="Name another one with --port") from exc
    if page.mcp_server_obj:
        answer_in_json(page.mcp_server_obj)
    assert isinstance(address, str)
    return address
