"""The endpoints of the vision app, which are also the tools of its MCP server.

Gradio shows their docstrings to people and to models: what stands before the arguments, and a line for each of these.
An image comes as base64, so nothing that is sent names a file or an address.
"""

from __future__ import annotations

import gradio as gr

from smolkit.apps.extraction.endpoints import in_one_line, sendable
from smolkit.apps.extraction.inputs import read_template
from smolkit.apps.extraction.pieces import ONE_AT_A_TIME
from smolkit.apps.vision.answers import Answers, last_of
from smolkit.apps.vision.inputs import check_question, check_way, read_base64


def add_endpoints(answers: Answers) -> None:
    """Add `/fill`, `/ask`, `/read` and `/models` to the page that is being built."""

    def fill(image: str, template: str, way: str = "", model: str = "") -> tuple[dict, str, dict, dict]:
        """Fill a JSON template from an image: the answer has exactly the template's keys and types.

        Returns the filled template; the text that OCR read in the image, "" where a model saw it; the model's
        probability of each value, by its path such as items[0].price; and the figures of the run.

        Args:
            image: The bytes of a PNG, JPEG, WebP, GIF, BMP or TIFF file in base64.
            template: The template as JSON text, such as {"total": "number", "items": [{"name": "verbatim-string"}]}.
            way: "vision" has a model see the image, "ocr" has its text read and fills from that; "" is the first of
                the two that can be done here.
            model: A name that `models` lists for that way; "" is the first one.
        """
        chosen = check_way(way, can_see=answers.can_see)
        done = last_of(answers.fill(read_base64(image), read_template(template), chosen, model))
        assert done.extraction is not None
        assert done.figures is not None
        return sendable(done.extraction.output or {}), done.ocr, done.extraction.scores, done.figures

    def ask(image: str, question: str, model: str = "") -> tuple[str, dict]:
        """Ask a question about an image.

        Returns the answer, and the figures of the run.

        Args:
            image: The bytes of a PNG, JPEG, WebP, GIF, BMP or TIFF file in base64.
            question: The question, of at most 1,000 characters.
            model: A name that `models` lists under vision; "" is the first one.
        """
        done = last_of(answers.ask(read_base64(image), check_question(question), model))
        assert done.figures is not None
        return done.text, done.figures

    def read(image: str) -> str:
        """Read the text in an image by OCR, line by line; "" where there is none.

        Args:
            image: The bytes of a PNG, JPEG, WebP, GIF, BMP or TIFF file in base64.
        """
        return answers.read(read_base64(image))

    def models() -> dict[str, list[str]]:
        """The names of the models here, by way: those that see under vision, those that fill from text under ocr."""
        seeing = answers.readers.seeing
        return {"vision": seeing.names if seeing else [], "ocr": answers.readers.reading.names}

    for function in (fill, ask, read):
        gr.api(in_one_line(function), api_name=function.__name__, **ONE_AT_A_TIME)
    gr.api(models, api_name="models", queue=False)
