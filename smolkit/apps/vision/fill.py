"""The tab that fills a template from the image."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from smolkit.apps.browser import download
from smolkit.apps.extraction.editor import template_code, template_help
from smolkit.apps.extraction.inputs import read_template
from smolkit.apps.extraction.marks import marked_text, plain_text
from smolkit.apps.extraction.pieces import SHOWN_EVERY, Job, code, page_html, pretty
from smolkit.apps.look import remark
from smolkit.apps.models import Models
from smolkit.apps.vision.answers import Answers, Step
from smolkit.apps.vision.figures import figures_line
from smolkit.apps.vision.inputs import OCR, VISION, read_upload
from smolkit.errors import SmolkitError

_WAYS = [("by the vision model", VISION), ("its text, by OCR; the template is filled from that", OCR)]


def fill_tab(image: gr.Image, template: dict[str, Any], answers: Answers) -> tuple[gr.Code, Job]:
    """The contents of the tab: the template, and what its button starts."""
    way = gr.Radio(
        _WAYS, value=VISION if answers.can_see else OCR, label="Read", elem_id="way", visible=answers.can_see
    )
    seeing = model_choice(answers.readers.seeing, "Vision model", "fill-model")
    reading = model_choice(answers.readers.reading, "Text model, after OCR", "text-model")
    source = template_code(template, max_lines=24)
    with gr.Row():
        button = gr.Button("Fill the template", variant="primary", elem_id="fill", min_width=120)
        stop = gr.Button("Stop", elem_id="stop", min_width=80, interactive=False)
    line = gr.HTML(remark("The result will stand here."), elem_id="figures", elem_classes="line")
    result = gr.Code(
        language="json",
        label="Result",
        elem_id="result",
        interactive=False,
        wrap_lines=True,
        buttons=["copy"],
        visible=False,
    )
    text = gr.HTML(elem_id="read", js_on_load=None, visible=False)
    save = gr.Button("Download JSON", interactive=False, size="sm", elem_id="download")
    save.click(None, result, js=download("extraction.json", "application/json"))
    template_help(source)
    inputs = [image, source, way, seeing, reading]
    return source, Job(button, stop, _filler(answers), inputs, [result, text, line, save], line)


def model_choice(models: Models | None, label: str, elem_id: str) -> gr.Dropdown:
    """The choice of a model, which is there where there is one."""
    names = models.names if models else []
    return gr.Dropdown(names, value=names[0] if names else None, label=label, elem_id=elem_id, visible=len(names) > 1)


def _filler(answers: Answers) -> Any:
    def run(
        upload: Mapping[str, Any] | None,
        source: str,
        way: str,
        seeing: str | None,
        reading: str | None,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        shown_at = 0.0
        try:
            image, template = read_upload(upload), read_template(source)
            model = (seeing if way == VISION else reading) or ""
            for step in answers.fill(image, template, way, model, request.session_hash):
                if step.figures is not None or time.monotonic() - shown_at > SHOWN_EVERY:
                    shown_at = time.monotonic()
                    yield _shown(step)
        except SmolkitError as exc:
            yield no_result(remark(str(exc), "bad"))

    return run


def no_result(line: str = "") -> tuple[Any, ...]:
    """The outputs of the tab without a result, with a line in its place."""
    return code(""), page_html(""), line, gr.Button(interactive=False)


def _shown(step: Step) -> tuple[Any, ...]:
    found = step.extraction
    if found is None or step.figures is None:
        text = page_html(plain_text(step.ocr) if step.ocr else "")
        return code(step.text), text, remark(step.stage), gr.Button(interactive=False)
    return (
        code(pretty(found.output)),
        page_html(marked_text(step.ocr, found) if step.ocr else ""),
        remark(figures_line(step.figures), "bad" if found.truncated else "good"),
        gr.Button(interactive=True),
    )
