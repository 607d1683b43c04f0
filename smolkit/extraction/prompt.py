"""Prompt formats: what stands before the answer, and how the answer is written. Versioned data, one builder.

A format never changes once a model was trained with it; a change is a new id. The template is shown as it was given.
Document text, templates and examples are data: a marker such as `<|im_end|>` inside them must stay plain text, so
`pieces` says which strings may hold special tokens, and whoever tokenises encodes the others without. This module
knows no tokenizer and no grammar.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from smolkit.errors import SmolkitError, TemplateError
from smolkit.extraction.template import Template

JsonStyle = Literal["single-line", "indent-4"]


def json_text(value: Any, style: JsonStyle = "single-line") -> str:
    """JSON as every prompt and answer here writes it: UTF-8 unescaped, `", "` and `": "`, or four spaces a level."""
    return json.dumps(value, ensure_ascii=False, indent=4 if style == "indent-4" else None)


@dataclass(frozen=True, kw_only=True)
class PromptFormat:
    """One layout: opening, template, optional examples and current answer, text, closing; then answer and `end`."""

    id: str
    opening: str
    """Markers and instructions before the template."""
    template: str
    example: str | None = None
    """One example, of `{text}` and `{output}`; None where the format has no place for examples."""
    examples_heading: str = ""
    current: str | None = None
    """What earlier windows found, as `{output}`; None where the format has no place for it."""
    text_heading: str
    closing: str
    """From the end of the text to where the answer starts."""
    end: str
    """The marker that ends an answer."""
    missing: Literal[""] | None
    """How the answer writes a scalar that the text does not have; a missing list is always []."""
    json_style: JsonStyle

    def prompt(self, template: Template, text: str, examples: Sequence[tuple[str, dict[str, Any]]] = ()) -> str:
        """The whole prompt, up to where the answer starts. Examples are (text, output) pairs."""
        return "".join(piece for piece, _ in self.pieces(template, text, examples))

    def pieces(
        self,
        template: Template,
        text: str,
        examples: Sequence[tuple[str, dict[str, Any]]] = (),
        current: dict[str, Any] | None = None,
    ) -> list[tuple[str, bool]]:
        """The prompt in parts, as (string, whether its markers are special tokens).

        Encode each part alone and concatenate: then the tokens of all parts before the text are the same for
        every document. Raises TemplateError for an example that does not fit the template, SmolkitError where
        the format has no place for what is given.
        """
        fixed = self._fixed_parts(template, examples, current)
        return [*fixed, (text, False), (self.closing, True)]

    def shared_prefix(self, template: Template, examples: Sequence[tuple[str, dict[str, Any]]] = ()) -> str:
        """What all prompts of this template begin with: the parts of `pieces` before the text, joined."""
        return "".join(piece for piece, _ in self._fixed_parts(template, examples, None))

    def answer(self, template: Template, output: object) -> str:
        """The one way to write `output`, without the end marker. Raises TemplateError where it does not fit."""
        return json_text(_fill(template.conform(output), self.missing), self.json_style)

    def _fixed_parts(
        self, template: Template, examples: Sequence[tuple[str, dict[str, Any]]], current: dict[str, Any] | None
    ) -> list[tuple[str, bool]]:
        plain = [self.template.format(template=json_text(template.source, self.json_style))]
        if examples:
            plain.append(self.examples_heading)
        for number, (text, output) in enumerate(examples, start=1):
            if self.example is None:
                raise SmolkitError(f"prompt format {self.id} has no place for examples", fix="Leave them out")
            try:
                plain.append(self.example.format(text=text, output=self.answer(template, output)))
            except TemplateError as exc:
                raise TemplateError(str(exc), where=f"example {number}") from exc
        if current is not None:
            if self.current is None:
                raise SmolkitError(f"prompt format {self.id} has no place for a current answer", fix="Leave it out")
            plain.append(self.current.format(output=self.answer(template, current)))
        return [(self.opening, True), ("".join(plain) + self.text_heading, False)]


def _fill(value: Any, missing: str | None) -> Any:
    if isinstance(value, dict):
        return {key: _fill(child, missing) for key, child in value.items()}
    if isinstance(value, list):
        return [_fill(child, missing) for child in value]
    return missing if value is None else value


FORMATS: dict[str, PromptFormat] = {
    layout.id: layout
    for layout in (
        PromptFormat(
            id="nuextract-1.0",
            opening="<|input|>\n",
            template="### Template:\n{template}\n",
            example="### Example:\n{output}\n",
            text_heading="### Text:\n",
            closing="\n<|output|>\n",
            end="<|end-output|>",
            missing="",
            json_style="indent-4",
        ),
        PromptFormat(
            id="nuextract-1.5",
            opening="<|input|>\n",
            template="### Template:\n{template}\n",
            current="### Current:\n{output}\n",
            text_heading="### Text:\n",
            closing="\n\n<|output|>",
            end="<|end-output|>",
            missing="",
            json_style="indent-4",
        ),
        PromptFormat(
            id="nuextract-2.0",
            opening="<|im_start|>user\n",
            template="# Template:\n{template}\n",
            examples_heading="# Examples:\n",
            example="## Input:\n{text}\n## Output:\n{output}\n",
            text_heading="# Context:\n",
            closing="<|im_end|>\n<|im_start|>assistant\n",
            end="<|im_end|>",
            missing=None,
            json_style="single-line",
        ),
        # Ours, for SmolLM2-Instruct. Every token costs time on a CPU, so it says no more than it must.
        PromptFormat(
            id="smolkit-1",
            opening=(
                "<|im_start|>system\n"
                "Fill the JSON template with values copied from the text. Use null where the text has none.<|im_end|>\n"
                "<|im_start|>user\n"
            ),
            template="# Template:\n{template}\n",
            example="# Example:\n{text}\n# Answer:\n{output}\n",
            text_heading="# Text:\n",
            closing="<|im_end|>\n<|im_start|>assistant\n",
            end="<|im_end|>",
            missing=None,
            json_style="single-line",
        ),
        # For SmolVLM as released, whose chat template writes turns so; what follows is an image, or a text.
        PromptFormat(
            id="smolvlm-1",
            opening="<|im_start|>User: ",
            template=(
                "Fill this JSON template with values from what follows. Use null where it has none.\n{template}\n"
            ),
            text_heading="",
            closing="<end_of_utterance>\nAssistant: ",
            end="<end_of_utterance>",
            missing=None,
            json_style="single-line",
        ),
    )
}


def get_format(format_id: str) -> PromptFormat:
    """The format of this id. Raises SmolkitError with the nearest one."""
    if format_id not in FORMATS:
        raise SmolkitError(f"unknown prompt format {format_id!r}", given=format_id, known=FORMATS)
    return FORMATS[format_id]


def guess_format(encode: Callable[..., Sequence[int]]) -> str:
    """The format of a model that names none: by the end marker that its vocabulary has, else ours.

    `encode` is an encoder as `smolkit.data.render` has it.
    """
    by_end = {"<|end-output|>": "nuextract-1.5", "<end_of_utterance>": "smolvlm-1"}
    return next((known for end, known in by_end.items() if len(encode(end, special=True)) == 1), "smolkit-1")
