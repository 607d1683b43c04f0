"""The endpoints of the extraction app, which are also the tools of its MCP server.

Gradio shows their docstrings to people and to models: what stands before the arguments, and a line for each of these.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from smolkit.apps.extraction.answers import Answers, Opening, Question
from smolkit.apps.extraction.comparison import compare as compare_models
from smolkit.apps.extraction.comparison import pick_models, results
from smolkit.apps.extraction.figures import statistics
from smolkit.apps.extraction.inputs import check_text, read_reference, read_request
from smolkit.apps.extraction.pieces import ONE_AT_A_TIME
from smolkit.errors import SmolkitError

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


def add_endpoints(answers: Answers) -> None:
    """Add `/extract`, `/propose`, `/compare` and `/models` to the page that is being built."""

    def extract(text: str, template: str, verbatim: bool = False, model: str = "") -> tuple[dict, dict, dict, dict]:
        """Fill a JSON template from a text: the answer has exactly the template's keys and types.

        Returns the filled template; the [start, end] of each value in the text, by its path such as items[0].price;
        the model's probability of each value, by path; and the figures of the run.

        Args:
            text: The text to read, of at most 20,000 characters.
            template: The template as JSON text, such as {"total": "number", "items": [{"name": "verbatim-string"}]}.
            verbatim: Whether fields written "" may only hold words of the text.
            model: A name that `models` lists; "" is the first one.
        """
        name = answers.models.find(model)
        found = answers.run(Question(text, read_request(text, template), bool(verbatim)), name)
        spans = {path: list(span) for path, span in found.spans.items()}
        return sendable(found.output or {}), spans, found.scores, statistics(found, name, answers.models.computes(name))

    def propose(text: str, model: str = "") -> str:
        """Propose a template for texts like this one, to be read and changed before it is used.

        Returns it as JSON text.

        Args:
            text: The text to read, of at most 20,000 characters; its beginning counts.
            model: A name that `models` lists; "" is the first one.
        """
        check_text(text)
        *_, last = answers.propose(text, answers.models.find(model))
        assert not isinstance(last, Opening)
        return last

    def compare(
        text: str, template: str, verbatim: bool = False, models: list[str] | None = None, reference: str = ""
    ) -> list[dict]:
        """Fill one template from one text with several models, and say where their answers differ.

        Returns an object for each model: its output, its scores, the fields that differ from the first model's,
        figures, and with a reference F1 Levenshtein and the fields that are wrong.

        Args:
            text: The text to read, of at most 20,000 characters.
            template: The template as JSON text.
            verbatim: Whether fields written "" may only hold words of the text.
            models: From 2 to 4 names that `models` lists; all where it is left out.
            reference: The right answer as JSON text, if it is known; each model is then scored.
        """
        question = Question(text, read_request(text, template), bool(verbatim))
        right = read_reference(reference, question.template)
        *_, sides = compare_models(question, pick_models(models, answers), answers, None)
        return sendable(results(question, sides, right))

    def models() -> list[str]:
        """The names of the models here; the first is the one that answers where none is named."""
        return answers.models.names

    for function in (extract, propose, compare):
        gr.api(in_one_line(function), api_name=function.__name__, **ONE_AT_A_TIME)
    gr.api(models, api_name="models", queue=False)


def sendable(value: Any) -> Any:
    """The value, null in place of integers of more than 64 bits, which Gradio cannot send.

    A model that writes the same digit over and over makes such a number.
    """
    if isinstance(value, dict):
        return {key: sendable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [sendable(item) for item in value]
    return None if isinstance(value, int) and value.bit_length() > 63 else value


def in_one_line(function: Callable[P, ResultT]) -> Callable[P, ResultT]:
    """The function, with what the caller can mend as Gradio's error, without a traceback."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> ResultT:
        try:
            return function(*args, **kwargs)
        except SmolkitError as exc:
            raise gr.Error(str(exc), print_exception=False) from None

    return run
