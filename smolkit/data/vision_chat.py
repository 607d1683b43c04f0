"""Conversations about images to token ids by a model's own chat template, as `smolkit.data.chat` does for text.

Contents are lists of parts, `{"type": "image"}` or `{"type": "text", "text": ...}`. A template writes `<image>` where
an image is; the ids that stand for the image take its place. What somebody wrote is text, though it spell `<image>`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import count
from typing import Any

from smolkit.data.chat import CHATML, Piece, TemplateFormat
from smolkit.data.images import IMAGE
from smolkit.data.vision_messages import Turn
from smolkit.errors import DataError


def _parts_of(name: str) -> str:
    """Jinja that writes the content `name`, a text or parts."""
    return (
        f"{{% if {name} is string %}}{{{{ {name} }}}}{{% else %}}{{% for part in {name} %}}"
        f"{{% if part['type'] == 'image' %}}{{{{ '{IMAGE}' }}}}{{% else %}}{{{{ part['text'] }}}}{{% endif %}}"
        "{% endfor %}{% endif %}"
    )


VISION_CHATML = CHATML.replace(
    "{{ '<|im_start|>system\\n' + system }}", "{{ '<|im_start|>system\\n' }}" + _parts_of("system")
).replace(
    " + message['content'] + '<|im_end|>\\n' }}",
    " }}" + _parts_of("message['content']") + "{{ '<|im_end|>\\n' }}",
)
"""`CHATML` whose contents may be lists of parts; the template of SmolVLMs made here."""

_PLACE = re.compile(f"(\ue000\\d+\ue001|{IMAGE})")


class VisionChatFormat(TemplateFormat):
    """Conversations of text and images, whose template takes contents as lists of parts."""

    @cached_property
    def opening(self) -> str:
        """What begins an assistant's turn for a model to go on.

        A template may write more before an answer that it has, as SmolVLM's does a space. A model has to write that
        itself, so it belongs to what is learnt.
        """
        asked = [{"role": "user", "content": [{"type": "text", "text": "a"}]}]
        return self.render(asked, open_turn=True).removeprefix(self.render(asked))

    def pieces(self, messages: Sequence[Turn], *, open_turn: bool = False) -> list[Piece]:
        """The rendered conversation in parts, which joined are what `render` gives. Raises DataError where not.

        Parts of one message between which the template writes nothing are one, images apart.
        """
        messages = [_with_parts(message) for message in messages]
        between = self._between(messages, open_turn)
        whole = self.render(messages, open_turn=open_turn)
        for trim in (False, True):
            pieces = _interleaved(messages, between, trim)
            if "".join(piece.text for piece in pieces) == whole:
                return self._with_leads(_joined(pieces), messages)
        raise DataError("the model's chat template changes the text of messages, so what is learnt cannot be told")

    def encode(
        self, messages: Sequence[Turn], pictures: Sequence[Sequence[int]], *, open_turn: bool = False
    ) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids, and where the assistant's turns begin and end in them, end tokens included.

        `pictures` are the ids of each image, in the order of the image parts. Raises DataError where they are not as
        many, or a turn does not end with its end token.
        """
        pieces = self.pieces(messages, open_turn=open_turn)
        images = sum(piece.image is not None for piece in pieces)
        if images != len(pictures):
            raise DataError(f"the messages show {images} images, and there are {len(pictures)}")
        ids, contents = self._encode(pieces, [message["role"] for message in messages], pictures)
        for start, end in contents:
            if ids[end : end + 1] != [self.end_id] or self.end_id in ids[start:end]:
                raise DataError("an assistant's turn does not end with its end token, once")
        return ids, [(start, end + 1) for start, end in contents]

    def prompt(self, messages: Sequence[Turn], pictures: Sequence[Sequence[int]]) -> list[int]:
        """Token ids of a conversation up to where the assistant answers."""
        return self.encode(messages, pictures, open_turn=True)[0]

    def _between(self, messages: Sequence[Turn], open_turn: bool) -> list[str]:
        """What the template writes before, between and after the parts of all messages."""
        places: list[str] = []
        marked = []
        for message in messages:
            content = []
            for part in message["content"]:
                shown = part["type"] == "image"
                places.append(IMAGE if shown else f"\ue000{len(places)}\ue001")
                content.append(part if shown else {**part, "text": places[-1]})
            marked.append({**message, "content": content})
        found = _PLACE.split(self.render(marked, open_turn=open_turn))
        if found[1::2] != places:
            raise DataError("the model's chat template does not write every text and image once, in order")
        return found[::2]

    def _with_leads(self, pieces: Sequence[Piece], messages: Sequence[Turn]) -> list[Piece]:
        """The same, with what stands between the opening of an assistant's turn and its content in the content."""
        found: list[Piece] = []
        for piece in pieces:
            answers = piece.message is not None and messages[piece.message]["role"] == "assistant"
            if answers and found and found[-1].message is None:
                before = found.pop().text
                if self.opening not in before:
                    raise DataError("the model's chat template begins an answer otherwise than it asks for one")
                at = before.rindex(self.opening) + len(self.opening)
                found.append(Piece(before[:at]))
                piece = replace(piece, text=before[at:] + piece.text)
            found.append(piece)
        return found


def _with_parts(message: Turn) -> dict[str, Any]:
    """The message with its content as parts. Raises DataError for an assistant's that shows an image."""
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    if message["role"] == "assistant" and any(part["type"] == "image" for part in parts):
        raise DataError("an assistant's turn shows an image, and a model answers with text")
    return {**message, "content": parts}


def _interleaved(messages: Sequence[Turn], between: Sequence[str], trim: bool) -> list[Piece]:
    """What the template wrote around the parts of all messages, and the parts."""
    parts = [(at, part) for at, message in enumerate(messages) for part in message["content"]]
    images = count()
    pieces = [Piece(between[0])]
    for (at, part), after in zip(parts, between[1:], strict=True):
        if part["type"] == "image":
            pieces.append(Piece(IMAGE, at, next(images)))
        else:
            pieces.append(Piece(part["text"].strip() if trim else part["text"], at))
        pieces.append(Piece(after))
    return pieces


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """The same without empty pieces, and with adjacent texts of one message as one."""
    found: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        if found and piece.image is None and (found[-1].message, found[-1].image) == (piece.message, None):
            piece = replace(piece, text=found.pop().text + piece.text)
        found.append(piece)
    return found
