"""The tab that fills the template from each text of a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from smolkit.apps.batch import Document, Row, csv_table, json_lines
from smolkit.apps.browser import download
from smolkit.apps.extraction.answers import Answers, Question
from smolkit.apps.extraction.editor import Editor
from smolkit.apps.extraction.inputs import check_text, read_template, read_upload
from smolkit.apps.extraction.pieces import Job
from smolkit.apps.look import remark
from smolkit.errors import SmolkitError
from smolkit.extraction.template import Template


def many_texts(editor: Editor, model: gr.Dropdown, answers: Answers) -> Job:
    """The contents of the tab; what its button starts."""
    upload = gr.File(
        label="Texts: CSV with a column text, JSON Lines with a field text, or a ZIP of text files",
        file_count="single",
        elem_id="upload",
        height=140,
    )
    with gr.Row():
        button = gr.Button("Fill the template from each", variant="primary", elem_id="fill-all", min_width=120)
        stop = gr.Button("Stop", elem_id="stop-all", min_width=80, interactive=False)
    progress = gr.HTML(elem_id="batch-progress", elem_classes="line")
    table = gr.Dataframe(headers=["document", "result"], label="Results", elem_id="batch", interactive=False, wrap=True)
    lines, cells = gr.Textbox(visible="hidden"), gr.Textbox(visible="hidden")
    with gr.Row():
        as_lines = gr.Button("Download JSON Lines", size="sm", min_width=120)
        as_table = gr.Button("Download CSV", size="sm", min_width=120)
    as_lines.click(None, lines, js=download("extractions.jsonl", "application/jsonl"))
    as_table.click(None, cells, js=download("extractions.csv", "text/csv"))
    inputs = [upload, editor.template, editor.verbatim, model]
    return Job(button, stop, _filler(answers), inputs, [table, lines, cells, progress], progress)


def _filler(answers: Answers) -> Any:
    def fill_all(
        upload: str | None, source: str, verbatim: bool, name: str, request: gr.Request
    ) -> Iterator[tuple[Any, str, str, str]]:
        try:
            model = answers.models.find(name)
            template = read_template(source)
            documents = read_upload(upload)
        except SmolkitError as exc:
            yield [], "", "", remark(str(exc), "bad")
            return
        rows: list[Row] = []
        for document in documents:
            rows.append(_row(document, template, bool(verbatim), answers, model, request.session_hash))
            bad = sum(row.error is not None for row in rows)
            line = f"{len(rows)} of {len(documents)} documents" + (f", {bad} with an error" if bad else "")
            yield _table(rows), json_lines(rows), csv_table(rows, list(template.source)), remark(line)

    return fill_all


def _row(
    document: Document, template: Template, verbatim: bool, answers: Answers, model: str, visitor: str | None
) -> Row:
    if document.error is not None:
        return Row(document.name, error=document.error)
    try:
        check_text(document.text)
        found = answers.run(Question(document.text, template, verbatim), model, visitor)
        return Row(document.name, found.output or {})
    except SmolkitError as exc:
        return Row(document.name, error=str(exc))


def _table(rows: Sequence[Row]) -> list[list[str]]:
    return [[row.name, row.error or json.dumps(row.output, ensure_ascii=False)] for row in rows]
