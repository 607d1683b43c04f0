"""The tab that fills the template from one text, and shows where the values stand in it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

import gradio as gr

from smolkit.apps.browser import download
from smolkit.apps.extraction.answers import Answers, Opening, Question
from smolkit.apps.extraction.editor import Editor
from smolkit.apps.extraction.figures import reading_line, statistics_line
from smolkit.apps.extraction.inputs import read_request
from smolkit.apps.extraction.marks import marked_text
from smolkit.apps.extraction.pieces import QUIET, SHOWN_EVERY, Job, code, page_html, pretty
from smolkit.apps.look import remark
from smolkit.apps.snippets import python_program, shell_program
from smolkit.errors import SmolkitError

RESULTS = "output, spans, scores, figures"
"""What `/extract` returns, as names."""


class Preset(TypedDict):
    """An example: a template, a text that it fits, and the switch."""

    name: str
    template: dict[str, Any]
    text: str
    verbatim: bool


def one_text(presets: Sequence[Preset], editor: Editor, model: gr.Dropdown, answers: Answers) -> tuple[gr.Textbox, Job]:
    """The contents of the tab: the text box, which other parts of the page read too, and what its button starts."""
    with gr.Row():
        with gr.Column():
            names = [entry["name"] for entry in presets]
            preset = gr.Dropdown(names, value=names[0], label="Example")
            text = gr.Textbox(presets[0]["text"], label="Text", lines=8, max_lines=16, elem_id="text")
            with gr.Row():
                button = gr.Button("Fill the template", variant="primary", elem_id="fill", min_width=120)
                stop = gr.Button("Stop", elem_id="stop", min_width=80, interactive=False)
        with gr.Column():
            result = gr.Code(
                language="json",
                label="Result",
                elem_id="result",
                interactive=False,
                lines=12,
                wrap_lines=True,
                buttons=["copy"],
                visible=False,
            )
            figures = gr.HTML(remark("The result will stand here."), elem_id="figures", elem_classes="line")
            save = gr.Button("Download JSON", interactive=False, size="sm", elem_id="download")
            marked = gr.HTML(elem_id="marked", js_on_load=None, visible=False)
    _programs([text, editor.template, editor.verbatim, model])
    outputs = [result, marked, figures, save]
    preset.input(lambda name: _values(presets, name), preset, [editor.template, text, editor.verbatim], **QUIET).then(
        lambda: (code(""), page_html(""), "", gr.Button(interactive=False)), None, outputs, **QUIET
    )
    save.click(None, result, js=download("extraction.json", "application/json"))
    inputs = [text, editor.template, editor.verbatim, model]
    return text, Job(button, stop, _filler(answers), inputs, outputs, figures)


def _filler(answers: Answers) -> Any:
    def fill(text: str, source: str, verbatim: bool, name: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        waiting = gr.Button(interactive=False)
        shown_at = 0.0
        try:
            model = answers.models.find(name)
            question = Question(text, read_request(text, source), bool(verbatim))
            for step in answers.follow(question, model, request.session_hash):
                if isinstance(step, Opening):
                    yield gr.skip(), gr.skip(), remark(reading_line(step)), waiting
                elif step.extraction is not None:
                    found = step.extraction
                    line = statistics_line(found, answers.models.computes(model))
                    mood = "bad" if found.truncated else "good"
                    yield (
                        code(pretty(found.output)),
                        page_html(marked_text(text, found)),
                        remark(line, mood),
                        gr.Button(interactive=True),
                    )
                elif time.monotonic() - shown_at > SHOWN_EVERY:
                    shown_at = time.monotonic()
                    yield code(step.raw), gr.skip(), remark(reading_line(step)), waiting
        except SmolkitError as exc:
            yield code(""), page_html(""), remark(str(exc), "bad"), waiting

    return fill


def _programs(inputs: list[Any]) -> None:
    with gr.Accordion("Use it from a program", open=False):
        write = gr.Button("Write the programs", size="sm")
        with gr.Row():
            python = gr.Code(language="python", label="Python", elem_id="python", buttons=["copy"], visible=False)
            shell = gr.Code(language="shell", label="curl", elem_id="shell", buttons=["copy"], visible=False)
    write.click(programs_for, inputs, [python, shell], **QUIET)


def programs_for(text: str, template: str, verbatim: bool, model: str, request: gr.Request) -> tuple[gr.Code, gr.Code]:
    """What the page would send, as Python and as calls of curl; the address is where the visitor's browser is."""
    address = request.headers.get("origin") or "http://127.0.0.1:7860"
    arguments = (text, template, bool(verbatim), model)
    python = python_program(address, "/extract", arguments, RESULTS)
    return code(python), code(shell_program(address, "/extract", arguments))


def _values(presets: Sequence[Preset], name: str) -> tuple[str, str, bool]:
    preset = next(entry for entry in presets if entry["name"] == name)
    return pretty(preset["template"]), preset["text"], preset["verbatim"]
