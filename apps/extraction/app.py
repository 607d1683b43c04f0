"""The page on which a JSON template is filled from a text, and endpoints that do the same.

It puts the parts of `smolkit.apps.extraction` together. Whoever starts the app chooses the models, by `SMOLKIT_MODEL`
and `SMOLKIT_RUNTIME` or as an argument of `build`; a visitor picks one of them by its name. Nothing that a visitor
sends names a path, and nothing that a visitor sends is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from smolkit.apps import serving
from smolkit.apps.batch import MAX_BYTES
from smolkit.apps.extraction import compare, marks
from smolkit.apps.extraction.answers import Answers
from smolkit.apps.extraction.compare import compare_tab
from smolkit.apps.extraction.editor import proposal, template_editor
from smolkit.apps.extraction.endpoints import add_endpoints
from smolkit.apps.extraction.many_texts import many_texts
from smolkit.apps.extraction.one_text import Preset, one_text
from smolkit.apps.extraction.pieces import wire_jobs
from smolkit.apps.models import Models, read_models
from smolkit.extraction.template import Template
from smolkit.models import BUNDLED

HERE = Path(__file__).resolve().parent

PRESETS: list[Preset] = json.loads((HERE / "examples.json").read_text(encoding="utf-8"))


def build(models: Models, name: str) -> gr.Blocks:
    """The page over models that are open as long as the page is served; `name` is what it calls a single one."""
    answers = Answers(models)
    several = len(models.names) > 1
    with gr.Blocks(title="Template to JSON", analytics_enabled=False) as page:
        gr.Markdown(_introduction(models, name))
        model = gr.Dropdown(models.names, value=models.names[0], label="Model", elem_id="model", visible=several)
        editor = template_editor(PRESETS[0]["template"], PRESETS[0]["verbatim"])
        with gr.Tab("One text"):
            text, filling = one_text(PRESETS, editor, model, answers)
        with gr.Tab("Many texts"):
            jobs = [filling, proposal(editor, text, model, answers), many_texts(editor, model, answers)]
        if several:
            with gr.Tab("Compare"):
                jobs.append(compare_tab(editor, text, answers))
        wire_jobs(jobs, answers.turns)
        add_endpoints(answers)
    return page


def serve(page: gr.Blocks, *, port: int | None = None) -> str:
    """Start serving in the background and return the page's address. Raises RuntimeUnavailable: the port is taken."""
    return serving.serve(page, port=port, css=_CSS + marks.CSS + compare.CSS, upload=f"{MAX_BYTES}b", tools=True)


def answer_presets(address: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Send every example to the first model of a served page, and one to each other; yields name and figures."""
    from gradio_client import Client

    client = Client(address, verbose=False)
    for number, model in enumerate(client.predict(api_name="/models")):
        for preset in PRESETS if number == 0 else PRESETS[:1]:
            arguments = (preset["text"], json.dumps(preset["template"]), preset["verbatim"], model)
            output, spans, _, figures = client.predict(*arguments, api_name="/extract")
            Template.parse(preset["template"]).conform(output)
            shown = {
                name: figures[name] for name in ("model", "seconds", "tokens_per_second", "new_tokens", "truncated")
            }
            yield preset["name"], {**shown, "values_in_text": len(spans)}


def _introduction(models: Models, name: str) -> str:
    lines = ["# Template to JSON", "Write a template, paste a text, and the model fills one from the other."]
    if len(models.names) == 1:
        lines.append(f"Model: `{name}`, run by {models.computes(models.names[0])}.")
    if models.includes(BUNDLED):
        lines.append("The bundled model was never trained for this: expect the right form and poor content.")
    return "\n".join(lines)


_CSS = """
#template-status .html-container, #schema-status .html-container { padding: 0; }
#types ul { columns: 26rem 2; }
"""


def main() -> None:
    """Serve the models that the environment names; without one those in the folder model/, else the bundled one."""
    models = Models.of(read_models(*serving.models_to_serve(HERE)))
    page = build(models, ", ".join(models.names))
    print(f"{', '.join(models.names)}: {serve(page)}")
    page.block_thread()


if __name__ == "__main__":
    main()
