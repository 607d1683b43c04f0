"""A button that starts an answer of the model and one that stops it, wired so that neither is lost to the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from smolkit.apps.look import remark
from smolkit.apps.turns import Turns

_PAUSE = 0.05
_MOST_SECONDS = 60.0
"""How long Stop waits for the model, which stops between two steps."""

_QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def wire(
    start: gr.Button,
    stop: gr.Button,
    function: Callable[..., Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    line: gr.HTML,
    turns: Turns,
    others: Sequence[gr.Button] = (),
    **options: Any,
) -> None:
    """Have `start` run a generator function over `turns`, and `stop` end it and say so in `line`.

    While an answer is written only `stop` can be pressed, and none of the `others` that start one. After it, they come
    back when Gradio has closed the answer: an event that is sent while Gradio cancels another of the same page is lost.
    """

    def wait(request: gr.Request) -> None:
        deadline = time.monotonic() + _MOST_SECONDS
        while turns.has(request.session_hash) and time.monotonic() < deadline:
            time.sleep(_PAUSE)

    def set_buttons(*, busy: bool) -> list[gr.Button]:
        return [gr.Button(interactive=busy if button is stop else not busy) for button in buttons]

    buttons = [stop, start, *others]
    start.click(lambda: set_buttons(busy=True), None, buttons, **_QUIET)
    running = start.click(function, inputs, outputs, api_visibility="private", **options)
    running.then(lambda: set_buttons(busy=False), None, buttons, **_QUIET)
    stop.click(None, None, None, cancels=[running])
    stop.click(lambda: remark("stopping"), None, line, **_QUIET)
    stop.click(wait, None, None, **_QUIET).then(
        lambda: (remark("stopped", "bad"), *set_buttons(busy=False)), None, [line, *buttons], **_QUIET
    )
