"""The tab that asks a model about the image."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from smolkit.apps.extraction.pieces import SHOWN_EVERY, Job, page_html
from smolkit.apps.look import remark
from smolkit.apps.vision.answers import Answers
from smolkit.apps.vision.figures import figures_line
from smolkit.apps.vision.fill import model_choice
from smolkit.apps.vision.inputs import MAX_QUESTION, check_question, read_upload
from smolkit.errors import SmolkitError

_ENTER = "() => document.getElementById('ask').click()"
"""As the button does, which cannot be pressed while an answer is written."""


def ask_tab(image: gr.Image, question: str, answers: Answers) -> tuple[gr.Textbox, Job]:
    """The contents of the tab: the question, and what its button starts."""
    model = model_choice(answers.readers.seeing, "Vision model", "ask-model")
    asked = gr.Textbox(question, label="Question", elem_id="question", lines=1, max_lines=4, max_length=MAX_QUESTION)
    with gr.Row():
        button = gr.Button("Ask", variant="primary", elem_id="ask", min_width=120)
        stop = gr.Button("Stop", elem_id="stop-ask", min_width=80, interactive=False)
    line = gr.HTML(remark("The answer will stand here."), elem_id="ask-figures", elem_classes="line")
    answer = gr.HTML(elem_id="answer", js_on_load=None, visible=False)
    asked.submit(None, None, None, js=_ENTER)
    return asked, Job(button, stop, _asker(answers), [image, asked, model], [answer, line], line)


def _asker(answers: Answers) -> Any:
    def run(
        upload: Mapping[str, Any] | None, question: str, model: str | None, request: gr.Request
    ) -> Iterator[tuple[Any, str]]:
        shown_at = 0.0
        try:
            image, checked = read_upload(upload), check_question(question)
            for step in answers.ask(image, checked, model or "", request.session_hash):
                if step.figures is not None:
                    line = remark(figures_line(step.figures), "bad" if step.figures["truncated"] else "good")
                    yield _answer(step.text or "(The model said nothing.)"), line
                elif time.monotonic() - shown_at > SHOWN_EVERY:
                    shown_at = time.monotonic()
                    yield _answer(step.text), remark(step.stage)
        except SmolkitError as exc:
            yield no_answer(remark(str(exc), "bad"))

    return run


def no_answer(line: str = "") -> tuple[Any, str]:
    """The outputs of the tab without an answer, with a line in its place."""
    return _answer(""), line


def _answer(text: str) -> gr.HTML:
    shown = f'<section class="answer" aria-label="Answer">{html.escape(text)}</section>'
    return page_html(shown if text else "")


CSS = """
.answer { padding: 10px; border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.6;
  border: 1px solid var(--border-color-primary); }
"""
