"""Questions about images, answered in a model's own chat template with the likeliest token each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from smolkit.data.images import ImageSource
from smolkit.data.vision_chat import VisionChatFormat
from smolkit.errors import DataError, ModelError
from smolkit.runtime.decoding import Answer, decode
from smolkit.runtime.pictures import SeeingBackend, layout_of, read_picture

MAX_NEW_TOKENS = 128
_BATCH = 8
"""Questions that are answered side by side; an image may take a thousand tokens."""


@dataclass(frozen=True)
class Asked:
    """A conversation about images up to where the assistant answers, contents as lists of parts."""

    images: Sequence[ImageSource]
    messages: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, images: Sequence[ImageSource], question: str) -> Asked:
        """A question that comes behind the images."""
        parts: list[dict[str, Any]] = [{"type": "image"} for _ in images]
        return cls(images, [{"role": "user", "content": [*parts, {"type": "text", "text": question}]}])


@dataclass(frozen=True)
class Said:
    """An answer, and what it took."""

    text: str
    truncated: bool
    prompt_tokens: int
    new_tokens: int


def ask(
    backend: SeeingBackend, images: Sequence[ImageSource], question: str, max_new_tokens: int = MAX_NEW_TOKENS
) -> Iterator[str]:
    """The answer to a question about images, whole after each step of the model; who stops iterating stops it."""
    for said in follow(backend, images, question, max_new_tokens):
        yield said.text


def follow(
    backend: SeeingBackend, images: Sequence[ImageSource], question: str, max_new_tokens: int = MAX_NEW_TOKENS
) -> Iterator[Said]:
    """As `ask`, with what the answer took so far."""
    answer = _begin(backend, Asked.of(images, question), max_new_tokens)
    for _ in decode(backend, [answer]):
        text = backend.decode(answer.tokens).rstrip("\ufffd").strip()
        yield Said(text, answer.truncated, len(answer.prompt), len(answer.tokens))


def answer_all(backend: SeeingBackend, asked: Sequence[Asked], max_new_tokens: int = MAX_NEW_TOKENS) -> Iterator[Said]:
    """The answers to many questions, in their order."""
    for start in range(0, len(asked), _BATCH):
        batch = [_begin(backend, one, max_new_tokens) for one in asked[start : start + _BATCH]]
        for _ in decode(backend, batch):
            pass
        for answer in batch:
            text = backend.decode(answer.tokens).strip()
            yield Said(text, answer.truncated, len(answer.prompt), len(answer.tokens))


def _begin(backend: SeeingBackend, asked: Asked, max_new_tokens: int) -> Answer:
    layout = layout_of(backend)
    source = backend.chat_template()
    if source is None:
        raise ModelError("this model has no chat template, so it answers no questions")
    chat = VisionChatFormat(source.text, backend.encode, source.tokens)
    pictures = [read_picture(image, layout, backend.encode) for image in asked.images]
    prompt = chat.prompt(asked.messages, [picture.ids for picture in pictures])
    if len(prompt) + max_new_tokens > backend.context_length:
        raise DataError(
            f"images and question take {len(prompt)} tokens of a context of {backend.context_length}",
            fix="Give fewer images, or lower the number of new tokens",
        )
    return Answer(prompt, None, max_new_tokens, pictures)
