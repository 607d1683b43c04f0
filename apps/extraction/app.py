"""The page on which a JSON template is filled from a text, and the endpoint `/extract` that does the same.

It knows the page only: templates are checked and texts read by smolkit. The model is chosen by whoever starts the app,
by `SMOLKIT_MODEL` and `SMOLKIT_RUNTIME` or as an argument of `build`; nothing that a visitor sends names a model or a
path, and nothing that a visitor sends is kept.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr

from smolkit.apps import serving
from smolkit.apps.batch import MAX_BYTES, Document, Row, csv_table, json_lines, read_documents
from smolkit.apps.look import remark
from smolkit.apps.snippets import python_program, shell_program
from smolkit.apps.stopping import wire
from smolkit.apps.turns import Turns
from smolkit.errors import DataError, SmolkitError
from smolkit.extraction.leaf_types import LEAF_TYPES
from smolkit.extraction.schema import template_from_json_schema
from smolkit.extraction.spans import Span
from smolkit.extraction.template import Template
from smolkit.models import BUNDLED
from smolkit.runtime import open_extractor
from smolkit.runtime.extractor import Extraction, Extractor, Progress

HERE = Path(__file__).resolve().parent

MAX_TEXT = 20_000
"""Characters of a text; a limit of this page, not of smolkit."""
MAX_TEMPLATE = 5_000
"""Characters of a template."""


_SHOWN_EVERY = 0.2
"""Seconds between two looks at an answer that grows."""


class Preset(TypedDict):
    """An example: a template, a text that it fits, and the switch."""

    name: str
    template: dict[str, Any]
    text: str
    verbatim: bool


PRESETS: list[Preset] = json.loads((HERE / "examples.json").read_text(encoding="utf-8"))

Segment = tuple[str, str | None]
"""A piece of the text and the fields that it fills, as `gr.HighlightedText` wants them."""


# ---- what the page shows


def read_request(text: str, source: str) -> Template:
    """The template, once both inputs are known to be usable. Raises DataError or TemplateError in one line."""
    if not isinstance(text, str) or not isinstance(source, str):
        raise DataError("the text and the template are sent as strings, the template as JSON")
    check_text(text)
    return read_template(source)


def check_text(text: str) -> None:
    """Raise DataError in one line for a text that is empty, too long, or no Unicode."""
    if not text.strip():
        raise DataError("the text is empty", fix="Paste one, or choose an example")
    if len(text) > MAX_TEXT:
        raise DataError(f"the text has {len(text):,} characters; this page takes {MAX_TEXT:,}", fix="Send a part of it")
    if not _is_unicode(text):
        raise DataError("the text holds half a surrogate pair, which is no character")


def read_template(source: str) -> Template:
    """The template of the editor. Raises DataError or TemplateError in one line."""
    if len(source) > MAX_TEMPLATE:
        raise DataError(f"the template has {len(source):,} characters; this page takes {MAX_TEMPLATE:,}")
    return Template.parse_json(source)


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
        if len(schema) > MAX_TEMPLATE:
            raise DataError(f"the schema has {len(schema):,} characters; this page takes {MAX_TEMPLATE:,}")
        try:
            value = json.loads(schema)
        except (ValueError, RecursionError) as exc:
            raise DataError(f"the schema is no JSON ({exc})") from None
        if not isinstance(value, dict):
            raise DataError("a JSON Schema is an object")
        found, reports = template_from_json_schema(value)
    except SmolkitError as exc:
        return template, remark(str(exc), "bad")
    lines = [remark(f"not kept: {line}", "bad") for line in reports]
    return _pretty(found), "".join([remark("made the template"), *lines])


def read_upload(upload: str | None) -> list[Document]:
    """The documents of a file that a visitor sent, which is then deleted. Raises DataError in one line."""
    if upload is None:
        raise DataError("no file was chosen")
    file = Path(upload)
    try:
        return read_documents(file)
    finally:
        file.unlink(missing_ok=True)


def programs_for(text: str, template: str, verbatim: bool, request: gr.Request) -> tuple[gr.Code, gr.Code]:
    """What the page would send, as Python and as calls of curl; the address is where the visitor's browser is."""
    address = request.headers.get("origin") or "http://127.0.0.1:7860"
    arguments = (text, template, bool(verbatim))
    python = python_program(address, "/extract", arguments, "output, spans, figures")
    shell = shell_program(address, "/extract", arguments)
    return gr.Code(value=python, visible=True), gr.Code(value=shell, visible=True)


def _row(document: Document, template: Template, run: Callable[[str], Extraction]) -> Row:
    if document.error is not None:
        return Row(document.name, error=document.error)
    try:
        check_text(document.text)
        return Row(document.name, run(document.text).output or {})
    except SmolkitError as exc:
        return Row(document.name, error=str(exc))


def _table(rows: Sequence[Row]) -> list[list[str]]:
    return [[row.name, row.error or json.dumps(row.output, ensure_ascii=False)] for row in rows]


def _reading(step: Progress) -> str:
    if step.windows > 1:
        return f"reading part {min(step.read + 1, step.windows)} of {step.windows}"
    return "writing" if step.raw else "reading"


def segments(text: str, spans: Mapping[str, Span]) -> list[Segment]:
    """The whole text in pieces, each with the fields whose values cover it; fields of list items share one name."""
    cuts = sorted({0, len(text), *(edge for span in spans.values() for edge in span)})
    pieces = []
    for start, end in pairwise(cuts):
        covering = (_field(path) for path, span in spans.items() if span.start <= start and end <= span.end)
        pieces.append((text[start:end], ", ".join(dict.fromkeys(covering)) or None))
    return pieces


def statistics(extraction: Extraction) -> dict[str, Any]:
    """The figures of one answer; seconds are the model's, without the wait in the queue."""
    return {
        "seconds": round(extraction.seconds, 3),
        "prompt_tokens": extraction.prompt_tokens,
        "new_tokens": extraction.new_tokens,
        "forced_tokens": extraction.forced_tokens,
        "windows": extraction.windows,
        "truncated": extraction.truncated,
    }


def statistics_line(extraction: Extraction) -> str:
    """The same figures as a sentence of the page."""
    parts = [
        f"{extraction.seconds:.1f} s",
        f"{extraction.prompt_tokens:,} prompt tokens",
        f"{extraction.new_tokens:,} new tokens, {extraction.forced_tokens:,} of them forced by the template",
    ]
    if extraction.windows > 1:
        parts.append(f"read in {extraction.windows} windows")
    if extraction.truncated:
        parts.append("cut short: the answer reached its limit")
    return " · ".join(parts)


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


def _field(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


# ---- the page


def build(extractor: Extractor, model: str) -> gr.Blocks:
    """The page over an extractor that stays open as long as the page is served; `model` is the name that it shows."""
    turns = Turns()
    # One answer at a time: tabs and endpoints share the model.
    one_at_a_time: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}

    def follow(text: str, template: Template, verbatim: bool, visitor: str | None = None) -> Iterator[Progress]:
        return turns.run(lambda: extractor.follow(text, template, verbatim=bool(verbatim)), visitor)

    def run(text: str, template: Template, verbatim: bool, visitor: str | None = None) -> Extraction:
        *_, last = follow(text, template, verbatim, visitor)
        assert last.extraction is not None
        return last.extraction

    def extract(text: str, template: str, verbatim: bool = False) -> tuple[dict, dict, dict]:
        """Fill a template from a text.

        Takes the text, the template as JSON text, and whether the text fields of a blank template may only hold words
        of the text. Returns the filled template, for each value found in the text its [start, end] in characters
        under its path (such as `items[0].price`), and the figures of the run.
        """
        try:
            extraction = run(text, read_request(text, template), verbatim)
        except SmolkitError as exc:
            raise gr.Error(str(exc), print_exception=False) from None
        spans = {path: list(span) for path, span in extraction.spans.items()}
        return extraction.output or {}, spans, statistics(extraction)

    with gr.Blocks(title="Template to JSON", analytics_enabled=False) as page:
        gr.Markdown(_introduction(extractor, model))
        template, verbatim = _template_editor()
        with gr.Tab("One text"):
            _one_text(template, verbatim, follow, turns, one_at_a_time)
        with gr.Tab("Many texts"):
            _many_texts(template, verbatim, run, turns, one_at_a_time)
        gr.api(extract, api_name="extract", **one_at_a_time)
    return page


Follow = Callable[[str, Template, bool, str | None], Iterator[Progress]]
Run = Callable[[str, Template, bool, str | None], Extraction]

_QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def _template_editor() -> tuple[gr.Code, gr.Checkbox]:
    first = PRESETS[0]
    with gr.Row():
        with gr.Column():
            template = gr.Code(
                _pretty(first["template"]),
                language="json",
                label="Template",
                elem_id="template",
                max_lines=18,
                wrap_lines=True,
                buttons=[],
            )
            status = gr.HTML(template_remark(_pretty(first["template"])), elem_id="template-status")
        with gr.Column():
            verbatim = gr.Checkbox(
                first["verbatim"],
                label="Copy word for word",
                info='Fields written "" may then hold words of the text only, as verbatim-string fields always do.',
            )
            with gr.Accordion("What a template may hold", open=False):
                gr.Markdown(types_list(), elem_id="types")
            with gr.Accordion("Begin from a JSON Schema", open=False):
                schema = gr.Code(
                    language="json", label="JSON Schema", elem_id="schema", lines=4, max_lines=12, buttons=[]
                )
                convert = gr.Button("Make the template", size="sm")
                reports = gr.HTML(elem_id="schema-status")
    template.change(template_remark, template, status, **_QUIET)
    convert.click(template_of_schema, [schema, template], [template, reports], **_QUIET)
    return template, verbatim


def _one_text(
    template: gr.Code, verbatim: gr.Checkbox, follow: Follow, turns: Turns, one_at_a_time: dict[str, Any]
) -> None:
    def fill(text: str, source: str, verbatim: bool, request: gr.Request) -> Iterator[tuple[Any, Any, str, gr.Button]]:
        waiting = gr.Button(interactive=False)
        shown_at = 0.0
        try:
            for step in follow(text, read_request(text, source), verbatim, request.session_hash):
                if step.extraction is not None:
                    marked = segments(text, step.extraction.spans)
                    line = remark(statistics_line(step.extraction), "bad" if step.extraction.truncated else "good")
                    yield _code(_pretty(step.extraction.output)), _marked(marked), line, gr.Button(interactive=True)
                elif time.monotonic() - shown_at > _SHOWN_EVERY:
                    shown_at = time.monotonic()
                    yield _code(step.raw), gr.skip(), remark(_reading(step)), waiting
        except SmolkitError as exc:
            yield _code(""), _marked([]), remark(str(exc), "bad"), waiting

    first = PRESETS[0]
    with gr.Row():
        with gr.Column():
            preset = gr.Dropdown([entry["name"] for entry in PRESETS], value=first["name"], label="Example")
            text = gr.Textbox(first["text"], label="Text", lines=8, max_lines=16, elem_id="text")
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
            figures = gr.HTML(remark("The result will stand here."), elem_id="figures")
            download = gr.Button("Download JSON", interactive=False, size="sm", elem_id="download")
            marked = gr.HighlightedText(
                label="Where the values stand", elem_id="marked", combine_adjacent=False, visible=False
            )
    with gr.Accordion("Use it from a program", open=False):
        programs = gr.Button("Write the programs", size="sm")
        with gr.Row():
            python = gr.Code(language="python", label="Python", elem_id="python", buttons=["copy"], visible=False)
            shell = gr.Code(language="shell", label="curl", elem_id="shell", buttons=["copy"], visible=False)
    programs.click(programs_for, [text, template, verbatim], [python, shell], **_QUIET)
    outputs = [result, marked, figures, download]
    preset.input(_preset_values, preset, [template, text, verbatim], **_QUIET).then(
        lambda: (_code(""), _marked([]), "", gr.Button(interactive=False)), None, outputs, **_QUIET
    )
    wire(
        button,
        stop,
        fill,
        [text, template, verbatim],
        outputs,
        figures,
        turns,
        show_progress="minimal",
        **one_at_a_time,
    )
    download.click(None, result, js=_download("extraction.json", "application/json"))


# Gradio says of an empty component that it is one in a way that screen readers cannot take, so it is not there.


def _code(value: str) -> gr.Code:
    return gr.Code(value=value, visible=bool(value))


def _marked(pieces: list[Segment]) -> gr.HighlightedText:
    return gr.HighlightedText(value=pieces, visible=bool(pieces))


def _many_texts(
    template: gr.Code, verbatim: gr.Checkbox, run: Run, turns: Turns, one_at_a_time: dict[str, Any]
) -> None:
    def fill_all(
        upload: str | None, source: str, verbatim: bool, request: gr.Request
    ) -> Iterator[tuple[Any, str, str, str]]:
        try:
            chosen = read_template(source)
            documents = read_upload(upload)
        except SmolkitError as exc:
            yield [], "", "", remark(str(exc), "bad")
            return
        rows: list[Row] = []
        for document in documents:
            rows.append(_row(document, chosen, lambda text: run(text, chosen, verbatim, request.session_hash)))
            bad = sum(row.error is not None for row in rows)
            line = f"{len(rows)} of {len(documents)} documents" + (f", {bad} with an error" if bad else "")
            yield _table(rows), json_lines(rows), csv_table(rows, list(chosen.source)), remark(line)

    upload = gr.File(
        label="Texts: CSV with a column text, JSON Lines with a field text, or a ZIP of text files",
        file_count="single",
        elem_id="upload",
        height=140,
    )
    with gr.Row():
        button = gr.Button("Fill the template from each", variant="primary", elem_id="fill-all", min_width=120)
        stop = gr.Button("Stop", elem_id="stop-all", min_width=80, interactive=False)
    progress = gr.HTML(elem_id="batch-progress")
    table = gr.Dataframe(headers=["document", "result"], label="Results", elem_id="batch", interactive=False, wrap=True)
    lines, cells = gr.Textbox(visible="hidden"), gr.Textbox(visible="hidden")
    with gr.Row():
        as_lines = gr.Button("Download JSON Lines", size="sm", min_width=120)
        as_table = gr.Button("Download CSV", size="sm", min_width=120)
    wire(
        button,
        stop,
        fill_all,
        [upload, template, verbatim],
        [table, lines, cells, progress],
        progress,
        turns,
        show_progress="hidden",
        **one_at_a_time,
    )
    as_lines.click(None, lines, js=_download("extractions.jsonl", "application/jsonl"))
    as_table.click(None, cells, js=_download("extractions.csv", "text/csv"))


def serve(page: gr.Blocks, *, port: int | None = None) -> str:
    """Start serving in the background and return the page's address. Raises RuntimeUnavailable: the port is taken."""
    return serving.serve(page, port=port, css=_CSS, upload=f"{MAX_BYTES}b")


def answer_presets(address: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Send every example to the endpoint of a served page; yields its name and the figures of the answer."""
    from gradio_client import Client

    client = Client(address, verbose=False)
    for preset in PRESETS:
        arguments = (preset["text"], json.dumps(preset["template"]), preset["verbatim"])
        output, spans, figures = client.predict(*arguments, api_name="/extract")
        Template.parse(preset["template"]).conform(output)
        yield preset["name"], {**figures, "values_in_text": len(spans)}


def _introduction(extractor: Extractor, model: str) -> str:
    lines = [
        "# Template to JSON",
        "Write a template, paste a text, and the model fills one from the other.",
        f"Model: `{model}`, run by {extractor.runtime}.",
    ]
    if model == BUNDLED:
        lines.append("It was never trained to fill templates: expect the right form and poor content.")
    return "\n".join(lines)


def _preset_values(name: str) -> tuple[str, str, bool]:
    preset = next(entry for entry in PRESETS if entry["name"] == name)
    return _pretty(preset["template"]), preset["text"], preset["verbatim"]


def _download(name: str, kind: str) -> str:
    """JavaScript that makes a file of what the browser shows: nothing is written on this machine."""
    return f"""
(content) => {{
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], {{type: "{kind}"}}));
    link.download = "{name}";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}}
"""


# Gradio sets the marked text as a flex row, in capitals, and breaks words anywhere; here it flows as the text does.
_CSS = """
#template-status .html-container, #figures .html-container, #schema-status .html-container { padding: 0; }
#figures { min-height: 1.5em; }
#marked .textfield { display: block; line-height: 1.8; word-break: normal; overflow-wrap: anywhere; }
#marked .line-break { display: block; height: 0; }
#marked .line-break + .line-break { height: 0.9em; }
#marked .token.highlighted { margin: 0; padding: 2px 4px; box-decoration-break: clone; }
#types ul { columns: 26rem 2; }
#marked .label { text-transform: none; background-color: #334155 !important; }
"""


def main() -> None:
    """Serve the model that the environment names; without one that in the folder model/, else the bundled one."""
    model, runtime = serving.model_to_serve(HERE)
    page = build(open_extractor(model, runtime=runtime), Path(model).name)
    print(f"{model} answers at {serve(page)}")
    page.block_thread()


if __name__ == "__main__":
    main()
