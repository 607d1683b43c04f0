"""Rows about images to token ids, as `smolkit.data.render` does for texts. The ids of the images are the caller's."""

from __future__ import annotations

from collections.abc import Sequence

from smolkit.data.render import Encoder, encode_prompt
from smolkit.data.vision_chat import VisionChatFormat
from smolkit.data.vision_rows import VisionRow
from smolkit.errors import DataError
from smolkit.extraction.prompt import PromptFormat


def encode_vision_row(
    row: VisionRow, pictures: Sequence[Sequence[int]], prompt_format: PromptFormat, chat: VisionChatFormat
) -> tuple[list[int], list[tuple[int, int]]]:
    """Token ids up to the end of the last answer, and where what is learnt begins and ends in them, ends included.

    `pictures` are the ids that stand for each image. Raises DataError for a row without an answer.
    """
    if row.template is None:
        ids, turns = chat.encode(row.messages or (), pictures)
    else:
        ids, turns = _filled(row, pictures[0], prompt_format, chat.encode_text)
    if not turns:
        raise DataError("no answer to learn from", where=row.id)
    return ids[: turns[-1][1]], turns


def _filled(
    row: VisionRow, picture: Sequence[int], prompt_format: PromptFormat, encode: Encoder
) -> tuple[list[int], list[tuple[int, int]]]:
    assert row.template is not None
    ids = encode_prompt(prompt_format, row.template, picture, encode)
    start = len(ids)
    if row.output is None:
        return ids, []
    ids += encode(prompt_format.answer(row.template, row.output), special=False)
    ids += encode(prompt_format.end, special=True)
    return ids, [(start, len(ids))]
