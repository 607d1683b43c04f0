"""Rows to token ids: one rendering of prompt and answer, shared by training and by every torch runtime.

User text is encoded with special tokens disabled, so that a document which contains `<|im_end|>` cannot leave its
turn. Pieces are encoded one by one; what precedes the document is therefore the same ids for every document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from smolkit.errors import DataError
from smolkit.extraction.prompt import PromptFormat
from smolkit.extraction.template import Template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from smolkit.data.rows import Row

IGNORED = -100
"""The label of a position that carries no loss."""


class Encoder(Protocol):
    """Text to token ids; `special` says whether the strings of special tokens mean those tokens."""

    def __call__(self, text: str, *, special: bool) -> list[int]: ...


class TokenizerEncoder:
    """The encoder of a Hugging Face fast tokenizer; adds no token of its own."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast):
        self.tokenizer = tokenizer

    def __call__(self, text: str, *, special: bool) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, split_special_tokens=not special)["input_ids"])


@dataclass(frozen=True)
class Example:
    """One row as ids: the prompt, then the answer with its end marker, on which alone there is loss."""

    ids: Sequence[int]
    prompt_length: int
    row: str
    """Where the row came from, as file:row."""

    @property
    def answers(self) -> Sequence[tuple[int, int]]:
        """Where what is learnt begins and ends, end markers included."""
        return ((self.prompt_length, len(self.ids)),)

    @property
    def labels(self) -> list[int]:
        labels = [IGNORED] * len(self.ids)
        for start, end in self.answers:
            labels[start:end] = self.ids[start:end]
        return labels

    @property
    def length(self) -> int:
        return len(self.ids)

    @property
    def answer_length(self) -> int:
        return sum(end - start for start, end in self.answers)

    @property
    def identity(self) -> list[Any]:
        """What training sees of it, as JSON."""
        return [[*self.ids], [*self.answers]]


def encode_prompt(
    prompt_format: PromptFormat,
    template: Template,
    document: str | Sequence[int],
    encode: Encoder,
    examples: Sequence[tuple[str, dict[str, Any]]] = (),
) -> list[int]:
    """Token ids of a prompt, up to where the answer starts. `document` is a text, or the ids of an image."""
    *before, _, (closing, _) = prompt_format.pieces(template, "", examples)
    ids: list[int] = []
    for piece, special in before:
        ids += encode(piece, special=special)
    ids += encode(document, special=False) if isinstance(document, str) else document
    return ids + encode(closing, special=True)


def encode_example(row: Row, prompt_format: PromptFormat, encode: Encoder, *, where: str = "") -> Example:
    """A row with its canonical answer; raises DataError for a row that has no output."""
    if row.output is None:
        raise DataError("no output to learn from", where=where or row.id)
    prompt = encode_prompt(prompt_format, row.template, row.text, encode)
    answer = encode(prompt_format.answer(row.template, row.output), special=False)
    return Example(prompt + answer + encode(prompt_format.end, special=True), len(prompt), where or row.id)
