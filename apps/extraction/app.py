"""The page on which a JSON template is filled from a text, and the endpoint `/extract` that does the same.

It knows the page only: templates are checked and texts read by smolkit. The model is chosen by whoever starts the app,
by `SMOLKIT_MODEL` and `SMOLKIT_RUNTIME` or as an argument of `build`; nothing that a visitor sends names a model or a
path, and nothing that a visitor sends is kept.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr

from smolkit.errors import DataError, RuntimeUnavailable, SmolkitError
from smolkit.extraction.leaf_types import LEAF_TYPES
from smolkit.extraction.spans import Span
from smolkit.extraction.template import Template
from smolkit.models import BUNDLED
from smolkit.runtime import open_extractor
from smolkit.runtime.extractor import Extraction, Extractor

HERE = Path(__file__).resolve().parent

MAX_TEXT = 20_000
"""Characters of a text; a limit of this page, not of smolkit."""
MAX_TEMPLATE = 5_000
"""Characters of a template."""
MAX_WAITING = 64
"""Visitors in the queue; the model serves one at a time."""


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
    if not text.strip():
        raise DataError("the text is empty", fix="Paste one, or choose an example")
    if len(text) > MAX_TEXT:
        raise DataError(f"the text has {len(text):,} characters; this page takes {MAX_TEXT:,}", fix="Send a part of it")
    if not _is_unicode(text):
        raise DataError("the text holds half a surrogate pair, which is no character")
    return read_template(source)


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


def remark(line: str, mood: str) -> str:
    """One line of the page as HTML, in which `line` is text whatever it holds."""
    return f'<p role="status" class="remark {mood}">{html.escape(line)}</p>'


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

    def extract(text: str, template: str, verbatim: bool = False) -> tuple[dict, dict, dict]:
        """Fill a template from a text.

        Takes the text, the template as JSON text, and whether the text fields of a blank template may only hold words
        of the text. Returns the filled template, for each value found in the text its [start, end] in characters
        under its path (such as `items[0].price`), and the figures of the run.
        """
        try:
            extraction = run(text, template, verbatim)
        except SmolkitError as exc:
            raise gr.Error(str(exc), print_exception=False) from None
        spans = {path: list(span) for path, span in extraction.spans.items()}
        return extraction.output or {}, spans, statistics(extraction)

    def fill(text: str, template: str, verbatim: bool) -> tuple[str, list[Segment], str, gr.Button]:
        try:
            extraction = run(text, template, verbatim)
        except SmolkitError as exc:
            return "", [], remark(str(exc), "bad"), gr.Button(interactive=False)
        shown = segments(text, extraction.spans)
        line = remark(statistics_line(extraction), "bad" if extraction.truncated else "good")
        return _pretty(extraction.output), shown, line, gr.Button(interactive=True)

    def run(text: str, template: str, verbatim: bool) -> Extraction:
        return extractor.extract(text, read_request(text, template), verbatim=bool(verbatim))

    # One answer at a time: page and endpoint share the model.
    one_at_a_time: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
    first = PRESETS[0]
    with gr.Blocks(title="Template to JSON", analytics_enabled=False) as page:
        gr.Markdown(_introduction(extractor, model))
        with gr.Row():
            with gr.Column():
                preset = gr.Dropdown([entry["name"] for entry in PRESETS], value=first["name"], label="Example")
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
                text = gr.Textbox(first["text"], label="Text", lines=8, max_lines=16, elem_id="text")
                verbatim = gr.Checkbox(
                    first["verbatim"],
                    label="Copy word for word",
                    info='Fields written "" may then hold words of the text only, as verbatim-string fields always do.',
                )
                button = gr.Button("Fill the template", variant="primary", elem_id="fill")
            with gr.Column():
                result = gr.Code(
                    language="json",
                    label="Result",
                    elem_id="result",
                    interactive=False,
                    lines=12,
                    wrap_lines=True,
                    buttons=["copy"],
                )
                figures = gr.HTML(elem_id="figures")
                download = gr.Button("Download JSON", interactive=False, size="sm", elem_id="download")
                marked = gr.HighlightedText(label="Where the values stand", elem_id="marked", combine_adjacent=False)
        with gr.Accordion("What a template may hold", open=False):
            gr.Markdown(types_list(), elem_id="types")

        quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        outputs = [result, marked, figures, download]
        template.change(template_remark, template, status, **quiet)
        preset.input(_preset_values, preset, [template, text, verbatim], **quiet).then(
            lambda: ("", [], "", gr.Button(interactive=False)), None, outputs, **quiet
        )
        button.click(fill, [text, template, verbatim], outputs, api_visibility="private", **one_at_a_time)
        download.click(None, result, js=_DOWNLOAD)
        gr.api(extract, api_name="extract", **one_at_a_time)
    return page


def serve(page: gr.Blocks, *, port: int | None = None) -> str:
    """Start serving in the background and return the page's address; `page.block_thread()` waits, `close()` ends it.

    Raises RuntimeUnavailable when the port is taken.
    """
    try:
        _, address, _ = page.queue(max_size=MAX_WAITING).launch(
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            theme=_THEME,
            css=_CSS,
            footer_links=["api", "settings"],
        )
    except OSError as exc:
        which = f"port {port} is taken" if port else "none of the ports that Gradio tries is free"
        raise RuntimeUnavailable(which, fix="Name another one with --port") from exc
    return address


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


# The browser makes the file from what it shows: nothing is written on this machine.
_DOWNLOAD = """
(result) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([result], {type: "application/json"}));
    link.download = "extraction.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
"""

_THEME = gr.themes.Default(
    primary_hue="teal",
    neutral_hue="slate",
    font=("system-ui", "sans-serif"),
    font_mono=("ui-monospace", "Menlo", "Consolas", "monospace"),
)

# Gradio sets the marked text as a flex row, in capitals, and breaks words anywhere; here it flows as the text does.
_CSS = """
.remark { margin: 0; padding: 0 2px; font-size: var(--text-sm); line-height: 1.5; overflow-wrap: anywhere; }
.remark.good { color: var(--body-text-color-subdued); }
.remark.bad { color: var(--error-text-color); font-weight: 600; }
#template-status .html-container, #figures .html-container { padding: 0; }
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
    beside = next((HERE / "model").glob("*"), BUNDLED)
    model = os.environ.get("SMOLKIT_MODEL") or beside
    page = build(open_extractor(model, runtime=os.environ.get("SMOLKIT_RUNTIME") or None), Path(model).name)
    print(f"{model} answers at {serve(page)}")
    page.block_thread()


if __name__ == "__main__":
    main()
