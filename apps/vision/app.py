"""The page on which a JSON template is filled from an image, or a question about one answered, and its endpoints.

It puts the parts of `smolkit.apps.vision` together. Whoever starts the app chooses the models, by `SMOLKIT_MODEL`,
`SMOLKIT_OCR_MODEL` and `SMOLKIT_RUNTIME` or as an argument of `build`; a visitor picks one of them by its name. Nothing
that a visitor sends names a path, and an image is deleted once its page can have no more use for it.
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from smolkit.apps import serving
from smolkit.apps.extraction import marks
from smolkit.apps.extraction.pieces import QUIET, Job, pretty, wire_jobs
from smolkit.apps.models import read_models
from smolkit.apps.vision import ask
from smolkit.apps.vision.answers import Answers
from smolkit.apps.vision.ask import ask_tab, no_answer
from smolkit.apps.vision.endpoints import add_endpoints
from smolkit.apps.vision.examples import Example, read_examples
from smolkit.apps.vision.fill import fill_tab, no_result
from smolkit.apps.vision.image import AS_SENT, image_input
from smolkit.apps.vision.inputs import MAX_BYTES
from smolkit.apps.vision.models import Readers, choose, default_models
from smolkit.extraction.template import Template
from smolkit.models import BUNDLED

HERE = Path(__file__).resolve().parent

EXAMPLES = read_examples(HERE / "examples.json")
KEPT_MINUTES = 30
"""How long an uploaded image stays on this machine, where its page may ask about it again."""

Tab = tuple[Job, Callable[[], Any]]
"""What its button starts, and its outputs without an answer."""


def build(readers: Readers, name: str) -> gr.Blocks:
    """The page over models that are open as long as the page is served; `name` is what it calls a single one."""
    answers = Answers(readers)
    examples = _examples(can_see=answers.can_see)
    with gr.Blocks(title="Image to JSON", analytics_enabled=False, delete_cache=(60, 60 * KEPT_MINUTES)) as page:
        gr.Markdown(_introduction(readers, name))
        with gr.Row():
            with gr.Column():
                chosen, image = image_input(examples)
            with gr.Column():
                with gr.Tab("Fill a template"):
                    template, filling = fill_tab(image, examples[0].template, answers)
                inputs: list[Any] = [image, template]
                tabs: list[Tab] = [(filling, no_result)]
                if answers.can_see:
                    with gr.Tab("Ask a question"):
                        question, asking = ask_tab(image, examples[0].question, answers)
                    inputs.append(question)
                    tabs.append((asking, no_answer))
        wire_jobs([job for job, _ in tabs], answers.turns, **AS_SENT)
        _wire_examples(chosen, examples, inputs, tabs)
        add_endpoints(answers)
    return page


def serve(page: gr.Blocks, *, port: int | None = None) -> str:
    """Start serving in the background and return the page's address. Raises RuntimeUnavailable: the port is taken."""
    return serving.serve(page, port=port, css=marks.CSS + ask.CSS + _CSS, upload=f"{MAX_BYTES}b", tools=True)


def answer_presets(address: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Send every example to the first model of each way, and one to each other; yields name and figures."""
    from gradio_client import Client

    client = Client(address, verbose=False)
    for way, models in client.predict(api_name="/models").items():
        for number, model in enumerate(models):
            for example in _examples(can_see=way == "vision")[: None if number == 0 else 1]:
                arguments = (_base64(example), json.dumps(example.template), way, model)
                output, _, _, figures = client.predict(*arguments, api_name="/fill")
                Template.parse(example.template).conform(output)
                yield f"{example.name}, {way}", _shown(figures)
                if way == "vision":
                    _, figures = client.predict(arguments[0], example.question, model, api_name="/ask")
                    yield f"{example.name}, question", _shown(figures)


def _shown(figures: dict[str, Any]) -> dict[str, Any]:
    names = ("model", "seconds", "seconds_to_first_token", "tokens_per_second", "new_tokens", "truncated")
    return {name: figures[name] for name in names}


def _base64(example: Example) -> str:
    file = io.BytesIO()
    example.draw().save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _examples(*, can_see: bool) -> list[Example]:
    """Those with something to read."""
    return [example for example in EXAMPLES if can_see or example.text]


def _wire_examples(chosen: gr.Dropdown, examples: list[Example], inputs: list[Any], tabs: list[Tab]) -> None:
    """Have the choice of an example replace the inputs, and take the last answers away."""
    by_name = {example.name: example for example in examples}

    def values(name: str) -> list[Any]:
        example = by_name[name]
        return [example.draw(), pretty(example.template), example.question][: len(inputs)]

    shown = chosen.input(values, chosen, inputs, **QUIET)
    for job, nothing in tabs:
        shown.then(nothing, None, list(job.outputs), **QUIET)


def _introduction(readers: Readers, name: str) -> str:
    lines = ["# Image to JSON"]
    if readers.seeing is None:
        lines += [
            "Write a template and give an image: its text is read (OCR), and a model fills the template from that.",
            "No model here sees an image; `smolkit demo vision --model` opens one that does, such as a SmolVLM.",
        ]
    else:
        lines.append("Give an image: a model fills your template from it, or answers a question about it.")
    if len(readers.names) == 1:
        lines.append(f"Model: `{name}`, run by {readers.reading.computes(readers.reading.names[0])}.")
    elif readers.seeing is not None and len(readers.seeing.names) == 1:
        seeing = readers.seeing
        lines.append(f"What sees: `{seeing.names[0]}`, run by {seeing.computes(seeing.names[0])}.")
    if readers.reading.includes(BUNDLED):
        lines.append("The bundled model was never trained to fill templates: expect the right form and poor content.")
    return "\n".join(lines)


_CSS = """
#template-status .html-container, #image-status .html-container { padding: 0; }
#types ul { columns: 26rem 2; }
"""


def main() -> None:
    """Serve the models that the environment names; without one those in the folder model/, else `default_models`."""
    runtime = os.environ.get("SMOLKIT_RUNTIME") or None
    readers = [name for name in os.environ.get("SMOLKIT_OCR_MODEL", "").split(os.pathsep) if name]
    named = serving.named_models(HERE) or default_models()
    opened = Readers.of(choose(read_models(named, runtime), read_models(readers, runtime)))
    page = build(opened, ", ".join(opened.names))
    print(f"{', '.join(opened.names)}: {serve(page)}")
    page.block_thread()


if __name__ == "__main__":
    main()
