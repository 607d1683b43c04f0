"""The tab that puts the answers of several models side by side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from smolkit.apps.extraction.answers import Answers, Question
from smolkit.apps.extraction.comparison import MOST_COMPARED, compare, pick_models, table
from smolkit.apps.extraction.editor import Editor
from smolkit.apps.extraction.inputs import read_reference, read_request
from smolkit.apps.extraction.pieces import SHOWN_EVERY, Job, page_html
from smolkit.apps.look import remark
from smolkit.errors import DataError, SmolkitError


def compare_tab(editor: Editor, text: gr.Textbox, answers: Answers) -> Job:
    """The contents of the tab; what its button starts."""
    gr.Markdown(
        "Fill the present template from the present text with several models. "
        "With the right answer beside them, each is scored."
    )
    names = answers.models.names
    with gr.Row():
        with gr.Column():
            chosen = gr.CheckboxGroup(
                names, value=names[:2], label=f"Models, {MOST_COMPARED} at most", elem_id="compared"
            )
            with gr.Row():
                button = gr.Button("Compare", variant="primary", elem_id="compare", min_width=120)
                stop = gr.Button("Stop", elem_id="stop-compare", min_width=80, interactive=False)
        with gr.Column():
            reference = gr.Code(
                language="json",
                label="The right answer, if you know it",
                elem_id="reference",
                lines=4,
                max_lines=12,
                wrap_lines=True,
                buttons=[],
            )
    line = gr.HTML(elem_id="compare-status", elem_classes="line")
    sides = gr.HTML(elem_id="sides", js_on_load=None, visible=False)
    inputs = [text, editor.template, editor.verbatim, chosen, reference]
    return Job(button, stop, _comparer(answers), inputs, [sides, line], line)


def _comparer(answers: Answers) -> Any:
    def run(
        text: str, source: str, verbatim: bool, names: list[str], reference: str | None, request: gr.Request
    ) -> Iterator[tuple[Any, str]]:
        shown_at = 0.0
        try:
            if not names:
                raise DataError("no model is chosen")
            models = pick_models(names, answers)
            question = Question(text, read_request(text, source), bool(verbatim))
            right = read_reference(reference or "", question.template)
            sides = []
            for sides in compare(question, models, answers, request.session_hash):
                if time.monotonic() - shown_at > SHOWN_EVERY:
                    shown_at = time.monotonic()
                    yield page_html(table(question, sides, right)), remark(_progress(sides))
            yield page_html(table(question, sides, right)), remark(_progress(sides))
        except SmolkitError as exc:
            yield page_html(""), remark(str(exc), "bad")

    return run


def _progress(sides: list[Any]) -> str:
    done = sum(side.extraction is not None or side.error is not None for side in sides)
    return f"{done} of {len(sides)} models"


# Gradio gives tables in HTML the look of running text.
CSS = """
.comparison { overflow-x: auto; }
.comparison table { border: 0 !important; border-collapse: collapse; width: 100%; font-size: var(--text-sm); }
.comparison :is(th, td) { border: 0 !important; padding: 6px 10px 6px 0 !important; min-width: 7rem; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
.comparison tr { border: 0 !important; border-bottom: 1px solid var(--border-color-primary) !important; }
.comparison th { font-weight: 600; }
.comparison td span { display: inline-block; padding: 0 6px; border-radius: 4px; font-weight: 700; }
.comparison .differs { color: #0f172a; background: #fde68a; }
.comparison .right { color: #14532d; background: #bbf7d0; }
.comparison .wrong { color: #7f1d1d; background: #fecaca; }
"""
