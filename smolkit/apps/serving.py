"""Serving a page in the background, with the limits that all apps have."""

from __future__ import annotations

import os
from pathlib import Path

import gradio as gr

from smolkit.apps.look import CSS, THEME
from smolkit.errors import RuntimeUnavailable
from smolkit.models import BUNDLED

MAX_WAITING = 64
"""Visitors in the queue; a model serves one at a time."""


def model_to_serve(folder: Path) -> tuple[str, str | None]:
    """The model and the runtime of an app that was started by itself, in its folder.

    The environment's `SMOLKIT_MODEL` and `SMOLKIT_RUNTIME`; without the first what lies in `folder`/model/, else the
    bundled model.
    """
    beside = next((folder / "model").glob("*"), BUNDLED)
    return os.environ.get("SMOLKIT_MODEL") or str(beside), os.environ.get("SMOLKIT_RUNTIME") or None


def serve(page: gr.Blocks, *, port: int | None = None, css: str = "", upload: str | None = None) -> str:
    """Start serving in the background and return the page's address; `page.block_thread()` waits, `close()` ends it.

    `css` is added to the style of all apps; uploads may have at most `upload`, such as "2mb". Raises
    RuntimeUnavailable when the port is taken.
    """
    try:
        _, address, _ = page.queue(max_size=MAX_WAITING).launch(
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            theme=THEME,
            css=CSS + css,
            max_file_size=upload,
            footer_links=["api", "settings"],
        )
    except OSError as exc:
        which = f"port {port} is taken" if port else "none of the ports that Gradio tries is free"
        raise RuntimeUnavailable(which, fix="Name another one with --port") from exc
    assert isinstance(address, str)
    return address
