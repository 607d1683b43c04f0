"""Small things that the tabs of the extraction app are made of, and the jobs that their buttons start."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from smolkit.apps.stopping import wire
from smolkit.apps.turns import Turns

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""Of an event that is over at once, and no endpoint."""

ONE_AT_A_TIME: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
"""Of every event that runs a model: tabs and endpoints share one queue."""

SHOWN_EVERY = 0.2
"""Seconds between two looks at an answer that grows."""


@dataclass(frozen=True)
class Job:
    """What a button starts: a generator function over components, which `stop` ends; `line` says how far it is."""

    start: gr.Button
    stop: gr.Button
    function: Callable[..., Iterator[Any]]
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    line: gr.HTML


def wire_jobs(jobs: Sequence[Job], turns: Turns, **options: Any) -> None:
    """Wire the jobs of one page, of which one runs at a time; `options` are those of their events."""
    for job in jobs:
        wire(
            job.start,
            job.stop,
            job.function,
            job.inputs,
            job.outputs,
            job.line,
            turns,
            others=[other.start for other in jobs if other is not job],
            show_progress="minimal",
            show_progress_on=job.line,
            **ONE_AT_A_TIME,
            **options,
        )


def pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


# Gradio says of an empty component that it is one in a way that screen readers cannot take, so it is not there.


def code(value: str) -> gr.Code:
    return gr.Code(value=value, visible=bool(value))


def page_html(value: str) -> gr.HTML:
    return gr.HTML(value=value, visible=bool(value))
