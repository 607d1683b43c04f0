"""Messages to token ids by a model's own chat template, with the place of every assistant's turn.

The template is rendered twice: with marks in place of the contents, which shows what stands around them, and with the
contents, which proves that the parts put together are what `apply_chat_template` writes. What a user or a tool said is
encoded without special tokens, so that no content can leave its turn; an assistant's turn is encoded apart from what
precedes it, as a model that answers finds it. Training and `smolkit chat` share this.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from smolkit.data.messages import Conversation, Message
from smolkit.data.render import Encoder, Example
from smolkit.errors import DataError, ModelError

DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

CHATML = (
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}{% set turns = messages[1:] %}"
    "{% else %}{% set system = '" + DEFAULT_SYSTEM + "' %}{% set turns = messages %}{% endif %}"
    "{{ '<|im_start|>system\\n' + system }}"
    "{% if tools %}{{ '\\n\\nYou may call these functions, each call as JSON with name and arguments inside "
    "<tool_call></tool_call>:\\n<tools>' }}{% for tool in tools %}{{ '\\n' + (tool | tojson) }}{% endfor %}"
    "{{ '\\n</tools>' }}{% endif %}{{ '<|im_end|>\\n' }}"
    "{% for message in turns %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""SmolLM2's template, word for word for conversations without tools, with a place for tools in the system turn."""

_MARK = re.compile("\ue000(\\d+)\ue001")


@dataclass(frozen=True)
class ChatTemplate:
    """A template as a model's files hold it, and the tokens that it may name."""

    text: str
    tokens: Mapping[str, str | None]
    """bos_token and eos_token"""


@dataclass(frozen=True)
class ChatExample(Example):
    """A conversation as ids, up to the end of its last answer; there is loss on the assistant's turns alone."""

    turns: tuple[tuple[int, int], ...] = ()

    @property
    def answers(self) -> Sequence[tuple[int, int]]:
        return self.turns


@dataclass(frozen=True)
class Piece:
    """A part of a rendered conversation: what the template wrote, or the content of one message."""

    text: str
    message: int | None = None
    image: int | None = None
    """Which image of the conversation it stands for."""


class TemplateFormat(ABC):
    """How one model writes conversations. `tokens` are its bos_token and eos_token, which a template may name.

    Raises ModelError for a template that cannot be rendered, or that ends an assistant's turn with no special token:
    a model trained on it would never stop.
    """

    def __init__(self, template: str, encode: Encoder, tokens: Mapping[str, str | None] | None = None):
        self.template = template
        self.encode_text = encode
        self.tokens = {name: token for name, token in (tokens or {}).items() if token is not None}
        self.end_id = self._find_end()

    @abstractmethod
    def pieces(self, messages: Sequence[Any]) -> Sequence[Piece]:
        """The rendered conversation in parts, the last of them what stands behind the last content."""

    def render(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any] = (), *, open_turn: bool = False
    ) -> str:
        """What `apply_chat_template` writes; `open_turn` begins an assistant's turn at the end."""
        from jinja2 import TemplateError
        from transformers.utils.chat_template_utils import render_jinja_template

        try:
            rendered = render_jinja_template(
                [list(messages)],
                tools=list(tools) or None,
                chat_template=self.template,
                add_generation_prompt=open_turn,
                **self.tokens,
            )
        except (TemplateError, TypeError, KeyError) as exc:
            raise DataError(f"the model's chat template refuses this conversation ({exc})") from exc
        return str(rendered[0][0])

    def _encode(
        self, pieces: Sequence[Piece], roles: Sequence[str], pictures: Sequence[Sequence[int]] = ()
    ) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids, those of images given, and where the contents of the assistant's turns begin and end in them."""
        ids: list[int] = []
        turns = []
        waiting = ""  # text in which special tokens mean themselves, encoded in one go as every other program would
        for piece in pieces:
            learnt = piece.message is not None and roles[piece.message] == "assistant"
            apart = learnt or piece.image is not None or (piece.message is not None and not self._is_plain(piece.text))
            if not apart:
                waiting += piece.text
                continue
            ids += self.encode_text(waiting, special=True)
            waiting = ""
            start = len(ids)
            ids += self.encode_text(piece.text, special=False) if piece.image is None else pictures[piece.image]
            if learnt:
                turns.append((start, len(ids)))
        return ids + self.encode_text(waiting, special=True), turns

    def _is_plain(self, text: str) -> bool:
        """Whether no special token is spelt in a text."""
        return self.encode_text(text, special=True) == self.encode_text(text, special=False)

    def _find_end(self) -> int:
        probe = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
        try:
            ending = self.pieces(probe)[-1].text
        except DataError as exc:
            raise ModelError(f"{exc}") from exc
        ids = self.encode_text(ending, special=True)
        if not ids or ids[:1] == self.encode_text(ending, special=False)[:1]:
            raise ModelError(
                f"the model's chat template ends an assistant's turn with {ending[:20]!r}, which is no special token, "
                "so the model would never stop",
                fix="Set chat_template=chatml for a model that has its tokens",
            )
        return ids[0]


class ChatFormat(TemplateFormat):
    """Conversations of text."""

    @cached_property
    def takes_parts(self) -> bool:
        """Whether the template writes contents only where they are lists of parts, as SmolVLM's does."""
        probe = "\ue0000\ue001"

        def written(content: Any) -> bool:
            try:
                return probe in super(ChatFormat, self).render([{"role": "user", "content": content}])
            except DataError:
                return False

        return not written(probe) and written([{"type": "text", "text": probe}])

    def render(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any] = (), *, open_turn: bool = False
    ) -> str:
        if self.takes_parts:
            messages = [{**each, "content": [{"type": "text", "text": each["content"]}]} for each in messages]
        return super().render(messages, tools, open_turn=open_turn)

    def pieces(self, messages: Sequence[Message], tools: Sequence[Any] = (), *, open_turn: bool = False) -> list[Piece]:
        """The rendered conversation in parts, which joined are what `render` gives. Raises DataError where not."""
        marked = [{**message, "content": f"\ue000{at}\ue001"} for at, message in enumerate(messages)]
        parts = _MARK.split(self.render(marked, tools, open_turn=open_turn))
        if parts[1::2] != [str(at) for at in range(len(messages))]:
            raise DataError("the model's chat template does not write every message once, in order")
        whole = self.render(messages, tools, open_turn=open_turn)
        for contents in ([m["content"] for m in messages], [m["content"].strip() for m in messages]):
            between = zip(parts[2::2], contents, strict=True)
            pieces = [Piece(parts[0])]
            for at, (after, content) in enumerate(between):
                pieces += [Piece(content, at), Piece(after)]
            if "".join(piece.text for piece in pieces) == whole:
                return pieces
        raise DataError("the model's chat template changes the text of messages, so what is learnt cannot be told")

    def encode(
        self, messages: Sequence[Message], tools: Sequence[Any] = (), *, open_turn: bool = False
    ) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids, and where the contents of the assistant's turns begin and end in them."""
        pieces = self.pieces(messages, tools, open_turn=open_turn)
        return self._encode(pieces, [message["role"] for message in messages])

    def prompt(self, messages: Sequence[Message], tools: Sequence[Any] = ()) -> list[int]:
        """Token ids of a conversation up to where the assistant answers."""
        return self.encode(messages, tools, open_turn=True)[0]

    def answer(self, content: str) -> list[int]:
        """Token ids of an answer with its end."""
        return [*self.encode_text(content, special=False), self.end_id]

    def check_tools(self, messages: Sequence[Message], tools: Sequence[Any]) -> None:
        """Raise DataError where the template would leave tools out, or their text would end a turn."""
        if not tools:
            return
        if self.render(messages, tools) == self.render(messages):
            fix = "Set chat_template=chatml, which has one"
            raise DataError("the model's chat template has no place for tools", fix=fix)
        if not self._is_plain(json.dumps(list(tools), ensure_ascii=False)):
            raise DataError("the tools hold the text of a special token", fix="Write it otherwise")


def encode_conversation(chat: ChatFormat, row: Conversation, bos_id: int | None = None) -> ChatExample:
    """A conversation with loss on each of its answers and their ends. Raises DataError naming the row.

    What the template writes after the last answer's end is left out: nothing is learnt from it.
    """
    try:
        chat.check_tools(row.messages, row.tools)
        ids, contents = chat.encode(row.messages, row.tools)
    except DataError as exc:
        raise DataError(str(exc), where=row.where) from exc
    if bos_id is not None and ids[:2] == [bos_id, bos_id]:
        raise DataError("begins with two tokens of beginning", where=row.where)
    for start, end in contents:
        if ids[end : end + 1] != [chat.end_id] or chat.end_id in ids[start:end]:
            raise DataError("an assistant's turn does not end with its end token, once", where=row.where)
    turns = tuple((start, end + 1) for start, end in contents)
    # An array, not a list: a data set of a billion tokens is 4 GB instead of 36.
    return ChatExample(array("i", ids[: turns[-1][1]]), turns[0][0], row.where, turns)
