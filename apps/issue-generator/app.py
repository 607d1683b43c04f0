"""The page on which a text becomes an issue for GitHub, and the endpoint `/issue` that does the same.

It knows the page only: schemas are read and texts understood by smolkit. The model is chosen by whoever starts the app,
by `SMOLKIT_MODEL` and `SMOLKIT_RUNTIME` or as an argument of `build`; nothing that a visitor sends names a model or a
path, and nothing that a visitor sends is kept.
"""

from __future__ import annotations

import html
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr

from smolkit.apps import browser, issues, serving
from smolkit.apps.extraction.answers import Answers, Opening, Question
from smolkit.apps.extraction.figures import reading_line, statistics, statistics_line
from smolkit.apps.extraction.inputs import check_text
from smolkit.apps.extraction.pieces import ONE_AT_A_TIME, QUIET, SHOWN_EVERY, pretty
from smolkit.apps.look import remark
from smolkit.apps.models import Models, read_models
from smolkit.apps.stopping import wire
from smolkit.errors import DataError, SmolkitError, printable
from smolkit.extraction.answer import loads, repair
from smolkit.extraction.schema import template_from_json_schema
from smolkit.extraction.template import Template
from smolkit.models import BUNDLED
from smolkit.runtime.extractor import Extraction

HERE = Path(__file__).resolve().parent

MAX_TEXT = 10_000
"""Characters of a text; a limit of this page, not of smolkit."""
MAX_SCHEMA = 5_000
"""Characters of a schema."""


class Preset(TypedDict):
    """An example: a text that is about one issue."""

    name: str
    text: str


PRESETS: list[Preset] = json.loads((HERE / "examples.json").read_text(encoding="utf-8"))
ISSUE_CSS = (HERE / "page" / "issue.css").read_text(encoding="utf-8")
SCHEMA = (HERE / "schema.json").read_text(encoding="utf-8").strip()


# ---- what the page takes


def read_question(text: object, schema: object) -> Question:
    """What the model is asked. Raises DataError or TemplateError in one line."""
    return Question(check_text(text, MAX_TEXT), read_schema(schema)[0])


def read_schema(source: object) -> tuple[Template, list[str]]:
    """The template of a schema's JSON text, and what it cannot keep. Raises DataError or TemplateError in one line."""
    if not isinstance(source, str):
        raise DataError("the schema is sent as a string of JSON")
    if not source.strip():
        raise DataError("the schema is empty", fix="The button Standard schema brings the standard one")
    if len(source) > MAX_SCHEMA:
        raise DataError(f"the schema has {len(source):,} characters; this page takes {MAX_SCHEMA:,}")
    try:
        value, twice = loads(source)
    except ValueError as exc:
        raise DataError(f"the schema is not JSON: {exc}") from None
    if twice:
        raise DataError(f"the key {twice[0]} stands twice in one object of the schema")
    template, reports = template_from_json_schema(value)
    return Template.parse(template), reports


def schema_remark(source: str) -> str:
    """The lines under the editor, as HTML: what is wrong, or which fields there are and what gets lost."""
    try:
        template, reports = read_schema(source)
    except SmolkitError as exc:
        return remark(printable(str(exc)), "bad")
    fields = issues.fields_line([path for path, _ in template.leaves()])
    return remark(fields) + "".join(remark(f"not kept: {printable(line)}") for line in reports)


# ---- what the page shows


def source_block(text: str, label: str) -> str:
    """Markdown or JSON to look at, as HTML."""
    content = html.escape(text) or '<span class="empty">Nothing here yet.</span>'
    return f'<pre class="issue-source" tabindex="0" role="region" aria-label="{label}">{content}</pre>'


# ---- the page


def build(models: Models, name: str) -> gr.Blocks:
    """The page over a model, the first of `models`, that is open as long as the page is served; `name` is its title."""
    answers = Answers(models)
    with gr.Blocks(title="Issue generator", analytics_enabled=False) as page:
        gr.Markdown(_introduction(models, name))
        with gr.Row():
            with gr.Column():
                preset, text, schema, start, stop = _inputs()
            with gr.Column():
                outputs = _outputs()
        preset.input(lambda name: [_preset_text(name), *_shown({}, "")], preset, [text, *outputs], **QUIET)
        line = outputs[0]
        options = {"show_progress": "minimal", "show_progress_on": line, **ONE_AT_A_TIME}
        wire(start, stop, _generator(answers), [text, schema], outputs, line, answers.turns, **options)
        _add_endpoint(answers)
    return page


def _add_endpoint(answers: Answers) -> None:
    def issue(text: str, schema: str = SCHEMA) -> tuple[dict, str, dict]:
        """Write an issue for GitHub from a text such as a chat, a mail or a log.

        Args:
            text: The text to read, of at most 10,000 characters.
            schema: A JSON Schema of the issue as JSON text, of at most 5,000 characters.

        Returns:
            The issue, with exactly the fields of the schema; its body as Markdown; and the figures of the run.
        """
        try:
            question = read_question(text, schema)
            model = answers.models.names[0]
            found = answers.run(question, model)
        except SmolkitError as exc:
            raise gr.Error(printable(str(exc)), print_exception=False) from None
        figures = statistics(found, model, answers.models.computes(model))
        return found.output or {}, issues.markdown(found.output or {}), figures

    gr.api(issue, api_name="issue", **ONE_AT_A_TIME)


def _inputs() -> tuple[gr.Dropdown, gr.Textbox, gr.Textbox, gr.Button, gr.Button]:
    """What a visitor gives: an example or a text, and a schema, which is checked as it is written; the two buttons."""
    first = PRESETS[0]
    preset = gr.Dropdown([entry["name"] for entry in PRESETS], value=first["name"], label="Example")
    text = gr.Textbox(first["text"], label="Text", lines=12, max_lines=18, elem_id="text")
    with gr.Row():
        start = gr.Button("Generate the issue", variant="primary", elem_id="generate", scale=3, min_width=180)
        stop = gr.Button("Stop", elem_id="stop", scale=1, min_width=80, interactive=False)
    with gr.Accordion("JSON Schema of the issue", open=False):
        # Not gr.Code: what scrolls there cannot be reached with the keyboard alone.
        schema = gr.Textbox(SCHEMA, label="JSON Schema", lines=18, max_lines=18, elem_id="schema", autoscroll=False)
        standard = gr.Button("Standard schema", size="sm")
    status = gr.HTML(schema_remark(SCHEMA), elem_id="schema-status")
    standard.click(lambda: SCHEMA, None, schema, **QUIET)
    schema.change(schema_remark, schema, status, **QUIET)
    return preset, text, schema, start, stop


def _outputs() -> list[Any]:
    """What a visitor gets, in the order of `_shown`."""
    with gr.Tab("Issue"):
        card = gr.HTML(issues.card({}), elem_id="issue")
    with gr.Tab("Markdown"):
        body = gr.HTML(source_block("", "Markdown"), elem_id="markdown")
    with gr.Tab("JSON"):
        result = gr.HTML(source_block("", "JSON"), elem_id="json")
    line = gr.HTML(elem_id="figures")
    # What the buttons take: the browser holds it, nobody sees it.
    held = [gr.Textbox(visible="hidden") for _ in range(3)]
    with gr.Row(elem_id="actions"):
        actions = [
            gr.Button(name, size="sm", min_width=110, interactive=False)
            for name in ("Copy title", "Copy Markdown", "Copy JSON", "Download JSON")
        ]
    said = gr.HTML(elem_id="said")
    title, markdown, source = held
    for button, content, what in zip(actions, held, ("the title", "the Markdown", "the JSON"), strict=False):
        button.click(None, content, said, js=browser.copy(what))
    actions[-1].click(None, source, js=browser.download("issue.json", "application/json"))
    return [line, card, body, result, title, markdown, source, said, *actions]


def _generator(answers: Answers) -> Any:
    def generate(text: str, source: str, request: gr.Request) -> Iterator[list[Any]]:
        """Steps of the page, each with all outputs."""
        model = answers.models.names[0]
        shown_at = 0.0
        try:
            for step in answers.follow(read_question(text, source), model, request.session_hash):
                if not isinstance(step, Opening) and step.extraction is not None:
                    yield _finished(step.extraction, answers.models.computes(model))
                elif time.monotonic() - shown_at > SHOWN_EVERY:
                    shown_at = time.monotonic()
                    so_far = {} if isinstance(step, Opening) else repair(step.raw)
                    yield _shown(so_far, remark(reading_line(step)))
        except SmolkitError as exc:
            yield _shown({}, remark(printable(str(exc)), "bad"))

    return generate


def _finished(extraction: Extraction, computes: str) -> list[Any]:
    line = remark(statistics_line(extraction, computes), "bad" if extraction.truncated else "good")
    return _shown(extraction.output or {}, line, ready=True)


def _shown(issue: dict[str, Any], line: str, *, ready: bool = False) -> list[Any]:
    """All outputs; only an issue that is `ready` can be taken along."""
    title = next((part.value for part in issues.parts(issue) if part.kind == "title"), "")
    body, source = (issues.markdown(issue), pretty(issue)) if issue else ("", "")
    buttons = [gr.Button(interactive=ready and bool(held)) for held in (title, body, source, source)]
    blocks = [issues.card(issue), source_block(body, "Markdown"), source_block(source, "JSON")]
    return [line, *blocks, title, body, source, "", *buttons]


def _preset_text(name: str) -> str:
    return next(entry["text"] for entry in PRESETS if entry["name"] == name)


def _introduction(models: Models, name: str) -> str:
    lines = [
        "# Issue generator",
        "Paste a chat, a mail, a log: the model writes the issue, with the fields of a JSON Schema that is yours to "
        "change.",
        f"Model: `{name}`, run by {models.computes(models.names[0])}.",
    ]
    if name == BUNDLED:
        lines.append("It was never trained to write issues: expect the right form and poor content.")
    return "\n".join(lines)


# In Gradio's pages lists have margins of their own, and schemes are a class.
_CSS = """
body.dark .issue, body.dark .issue-source { color-scheme: dark; }
body:not(.dark) .issue, body:not(.dark) .issue-source { color-scheme: light; }
#issue .html-container, #markdown .html-container, #json .html-container { padding: 0; }
#figures .html-container, #schema-status .html-container, #said .html-container { padding: 0; }
#issue li { margin: 0; }
#schema textarea { font: 0.875rem/1.5 var(--font-mono); }
#figures, #said { min-height: 1.5em; }
"""


def serve(page: gr.Blocks, *, port: int | None = None) -> str:
    """Start serving in the background and return the page's address. Raises RuntimeUnavailable: the port is taken."""
    return serving.serve(page, port=port, css=ISSUE_CSS + _CSS)


def answer_presets(address: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Send every example to the endpoint of a served page; yields its name and the figures of the answer."""
    from gradio_client import Client

    client = Client(address, verbose=False)
    template, _ = read_schema(SCHEMA)
    for preset in PRESETS:
        issue, _, figures = client.predict(preset["text"], api_name="/issue")
        template.conform(issue)
        shown = {name: figures[name] for name in ("seconds", "tokens_per_second", "new_tokens", "truncated")}
        yield preset["name"], {**shown, "fields_filled": len(issues.parts(issue))}


def main() -> None:
    """Serve the model that the environment names; without one that in the folder model/, else the bundled one."""
    given = read_models(*serving.models_to_serve(HERE))[:1]
    page = build(Models.of(given), Path(given[0].model).name)
    print(f"{given[0]}: {serve(page)}")
    page.block_thread()


if __name__ == "__main__":
    main()
