"""Conversations about images: the places of the images, and contents as lists of parts.

A content is a text in which `<image>` marks each image's place, or a list of `{"type": "image"}` and
`{"type": "text", "text": ...}`, in which text is text, whatever it spells. Roles and their order are checked as in
every conversation. This module knows no files and no tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from smolkit.data.images import IMAGE
from smolkit.data.messages import Message, RowFaults, check_messages

Part = dict[str, str]
"""{type: image}, or {type: text, text}"""
Turn = Mapping[str, Any]
"""{role, content}; the content is a list of parts, or a text."""
_SHOWN: Part = {"type": "image"}


def check_vision_messages(
    faults: RowFaults, given: object, images: int | None, *, answered: bool
) -> list[dict[str, Any]]:
    """The messages of a row that has so many images, contents as lists of parts; faults are noted.

    Where no message marks a place, all images are shown at the start of the first user's turn. Without a number,
    as where a row's images have faults, places are not counted. `answered` as of `check_messages`.
    """
    listed = given if isinstance(given, list) else []
    contents = [_content(faults, f"messages[{at}].content", turn) for at, turn in enumerate(listed)]
    flat = [
        turn if parts is None else {**turn, "content": _flat(parts)}
        for turn, parts in zip(listed, contents, strict=True)
    ]
    turns = check_messages(faults, flat or given, answered=answered)
    if faults.problems:
        return []
    messages = [_message(faults, at, turn, parts) for at, (turn, parts) in enumerate(zip(turns, contents, strict=True))]
    _place(faults, messages, images)
    return messages


def _message(faults: RowFaults, at: int, turn: Message, parts: list[Part] | None) -> dict[str, Any]:
    if turn["role"] != "assistant":
        return {"role": turn["role"], "content": _split(turn["content"]) if parts is None else parts}
    if parts and _SHOWN in parts:
        faults.fault(f"messages[{at}].content", "shows an image, and an assistant answers with text")
    return {"role": "assistant", "content": [{"type": "text", "text": turn["content"]}]}


def _place(faults: RowFaults, messages: Sequence[dict[str, Any]], images: int | None) -> None:
    marks = sum(part == _SHOWN for message in messages for part in message["content"])
    if not marks:
        first = next(message for message in messages if message["role"] == "user")
        first["content"] = [*(dict(_SHOWN) for _ in range(images or 0)), *first["content"]]
    elif images is not None and marks != images:
        what = f"{marks} place{'s' if marks > 1 else ''} for images, and the row has {images or 'none'}"
        fix = f"Mark each once or none; text that spells {IMAGE} goes into a content of parts"
        faults.fault("messages", what, fix=fix)


def _content(faults: RowFaults, place: str, turn: object) -> list[Part] | None:
    """The parts of a turn; None for one whose content is no list. A part that has a fault stands as an image."""
    given = turn.get("content") if isinstance(turn, Mapping) else None
    if not isinstance(given, list):
        return None
    parts = [_part(faults, f"{place}[{at}]", value) for at, value in enumerate(given)]
    return [part for part in parts if part.get("text") != ""]


def _part(faults: RowFaults, place: str, value: object) -> Part:
    given = value if isinstance(value, Mapping) else {}
    kind, text = given.get("type"), given.get("text")
    if kind not in ("image", "text"):
        faults.fault(place, "a part has a type", given=str(kind), known=("image", "text"))
    elif kind == "text" and isinstance(text, str):
        return {"type": "text", "text": text}
    elif kind == "text":
        faults.fault(f"{place}.text", f"expected a string, got {type(text).__name__}")
    elif any(given.get(name) is not None for name in ("image", "path", "url", "image_url")):
        fix = "Name it among the row's images; a part marks the place"
        faults.fault(place, "brings an image of its own", fix=fix)
    return dict(_SHOWN)


def _flat(parts: Sequence[Part]) -> str:
    return "".join(part.get("text", IMAGE) for part in parts)


def _split(content: str) -> list[Part]:
    """A text in which `IMAGE` marks each image's place, as parts."""
    first, *others = content.split(IMAGE)
    shown = ([dict(_SHOWN), {"type": "text", "text": text}] for text in others)
    parts = [{"type": "text", "text": first}, *chain.from_iterable(shown)]
    return [part for part in parts if part.get("text") != ""]
