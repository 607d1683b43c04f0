"""The template editor: checked while it is written, begun from a JSON Schema or from what the model proposes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from smolkit.apps.extraction.answers import Answers, Opening
from smolkit.apps.extraction.figures import reading_line
from smolkit.apps.extraction.inputs import check_text, read_schema, read_template
from smolkit.apps.extraction.pieces import QUIET, SHOWN_EVERY, Job, pretty
from smolkit.apps.look import remark
from smolkit.errors import SmolkitError
from smolkit.extraction.leaf_types import LEAF_TYPES
from smolkit.extraction.schema import template_from_json_schema


@dataclass(frozen=True)
class Editor:
    """What the tabs read of the editor, and its own button that runs the model."""

    template: gr.Code
    verbatim: gr.Checkbox
    propose: gr.Button
    stop: gr.Button
    line: gr.HTML


def template_remark(source: str) -> str:
    """The line under the editor, as HTML: what is wrong, or how many fields there are."""
    try:
        count = sum(1 for _ in read_template(source).leaves())
    except SmolkitError as exc:
        return remark(str(exc), "bad")
    return remark(f"{count} field{'s' if count > 1 else ''}, ready", "good")


def template_of_schema(schema: str, template: str) -> tuple[str, str]:
    """The template of a JSON Schema, and what it cannot say as HTML; the template as it was where there is a fault."""
    try:
        found, reports = template_from_json_schema(read_schema(schema))
    except SmolkitError as exc:
        return template, remark(str(exc), "bad")
    lines = [remark(f"not kept: {line}", "bad") for line in reports]
    return pretty(found), "".join([remark("made the template"), *lines])


def types_list() -> str:
    """What may stand in a template, as Markdown."""
    typed = [f"`{json.dumps(name)}`: {leaf.description}, as `{leaf.example}`" for name, leaf in LEAF_TYPES.items()]
    others = [
        '`""`: any text; a template of such fields only is one of the blank style',
        '`["a", "b"]`: one of the choices',
        '`[["a", "b"]]`: any of the choices',
        '`["date"]`, `[{"name": "string"}]`: a list',
        '`{"name": "string"}`: an object',
    ]
    return "\n".join(f"- {line}" for line in typed + others)


def template_editor(template: dict[str, Any], verbatim: bool) -> Editor:
    """The editor with a template in it; `proposal` is what its button starts."""
    with gr.Row():
        with gr.Column():
            source = template_code(template)
            with gr.Row():
                propose = gr.Button("Make a template from this text", size="sm", elem_id="propose", min_width=200)
                stop = gr.Button("Stop", size="sm", elem_id="stop-propose", min_width=80, interactive=False)
            line = gr.HTML(elem_id="propose-status", elem_classes="line")
        with gr.Column():
            switch = gr.Checkbox(
                verbatim,
                label="Copy word for word",
                info='Fields written "" may then hold words of the text only, as verbatim-string fields always do.',
            )
            template_help(source)
    return Editor(source, switch, propose, stop, line)


def template_code(template: dict[str, Any], max_lines: int = 18) -> gr.Code:
    """A template to be changed, with the remark under it; of more than so many lines it scrolls."""
    source = gr.Code(
        pretty(template),
        language="json",
        label="Template",
        elem_id="template",
        max_lines=max_lines,
        wrap_lines=True,
        buttons=[],
    )
    status = gr.HTML(template_remark(pretty(template)), elem_id="template-status")
    source.change(template_remark, source, status, **QUIET)
    return source


def template_help(template: gr.Code) -> None:
    """What a template may hold, and where one can come from, to be unfolded."""
    with gr.Accordion("What a template may hold", open=False):
        gr.Markdown(types_list(), elem_id="types")
    with gr.Accordion("Begin from a JSON Schema", open=False):
        schema = gr.Code(language="json", label="JSON Schema", elem_id="schema", lines=4, max_lines=12, buttons=[])
        convert = gr.Button("Make the template", size="sm")
        reports = gr.HTML(elem_id="schema-status")
    convert.click(template_of_schema, [schema, template], [template, reports], **QUIET)


def proposal(editor: Editor, text: gr.Textbox, model: gr.Dropdown, answers: Answers) -> Job:
    """The editor's button writes what the model proposes for `text` into the editor, field by field."""

    def write(text: str, name: str, before: str, request: gr.Request) -> Iterator[tuple[Any, str]]:
        shown_at, proposed = 0.0, before
        try:
            check_text(text)
            for step in answers.propose(text, answers.models.find(name), request.session_hash):
                if isinstance(step, Opening):
                    yield gr.skip(), remark(reading_line(step))
                    continue
                proposed = step
                if time.monotonic() - shown_at > SHOWN_EVERY:
                    shown_at = time.monotonic()
                    yield step if json.loads(step) else gr.skip(), remark("the model looks for fields")
            yield proposed, remark("The model's proposal: change what does not fit.")
        except SmolkitError as exc:
            yield before, remark(str(exc), "bad")

    inputs = [text, model, editor.template]
    return Job(editor.propose, editor.stop, write, inputs, [editor.template, editor.line], editor.line)
