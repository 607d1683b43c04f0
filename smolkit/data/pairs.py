"""Two answers to one prompt, packed so that the prompt is computed once.

A pair stands in a packed sequence as three rows: the prompt without its last token, then each answer led by that
token, from which its first token is predicted. Both answers go on from the prompt's row (`packed.Rows.after`).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from smolkit.data.batches import MicroBatch
from smolkit.data.chat import ChatFormat
from smolkit.data.messages import Preference
from smolkit.errors import DataError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Pair:
    """One preference as ids; both answers end with the end token."""

    prompt: Sequence[int]
    chosen: Sequence[int]
    rejected: Sequence[int]
    row: str

    @property
    def ids(self) -> list[int]:
        """The prompt with its chosen answer."""
        return [*self.prompt, *self.chosen]

    @property
    def longest(self) -> int:
        """Tokens of the prompt with the longer answer."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected))

    @property
    def length(self) -> int:
        """Tokens that run through the model."""
        return len(self.prompt) + 1 + self.answer_length

    @property
    def answer_length(self) -> int:
        return len(self.chosen) + len(self.rejected)

    @property
    def identity(self) -> list[Any]:
        return [[*self.prompt], [*self.chosen], [*self.rejected]]


class PackedPairs(TypedDict):
    """A micro-batch of pairs as tensors; filler after the last row belongs to none."""

    input_ids: torch.Tensor
    """int64 [tokens]"""
    position_ids: torch.Tensor
    """int64 [tokens]: each answer goes on where its prompt ends."""
    lengths: tuple[int, ...]
    """Tokens of each row: prompt, chosen, rejected, prompt, ..."""
    after: tuple[int, ...]
    """The row that each goes on from, -1 for prompts."""
    at: torch.Tensor
    """int64 [targets]: the positions that predict the answers' tokens."""
    targets: torch.Tensor
    """int64 [targets]: the answers' tokens."""
    answer_lengths: tuple[int, ...]
    """Targets of each answer: chosen, rejected, chosen, ..."""


def encode_pair(chat: ChatFormat, row: Preference) -> Pair:
    """A preference as ids, proven to be what the template writes for both conversations. Raises DataError."""
    try:
        prompt = chat.prompt(row.prompt, row.tools)
        chat.check_tools(row.prompt, row.tools)
        answers = [_answer(chat, row, content, prompt) for content in (row.chosen, row.rejected)]
    except DataError as exc:
        raise DataError(str(exc), where=row.where) from exc
    if answers[0] == answers[1]:
        raise DataError("both answers are the same tokens, so nothing is preferred", where=row.where)
    return Pair(array("i", prompt), array("i", answers[0]), array("i", answers[1]), row.where)


def _answer(chat: ChatFormat, row: Preference, content: str, prompt: list[int]) -> list[int]:
    ids, turns = chat.encode([*row.prompt, {"role": "assistant", "content": content}], row.tools)
    start, end = turns[-1]
    if ids[:start] != prompt:
        raise DataError("the chat template writes the prompt otherwise once it is answered")
    if ids[end : end + 1] != [chat.end_id] or chat.end_id in ids[start:end]:
        raise DataError("an assistant's turn does not end with its end token, once")
    return ids[start : end + 1]


def collate_pairs(micro: MicroBatch, pairs: Sequence[Pair], pad_id: int) -> PackedPairs:
    """The pairs of a micro-batch, one after the other."""
    import torch

    ids: list[int] = []
    positions: list[int] = []
    at: list[int] = []
    targets: list[int] = []
    lengths: list[int] = []
    after: list[int] = []
    for pair in (pairs[row] for row in micro.rows):
        before = len(pair.prompt) - 1
        prompt_row = len(lengths)
        ids += pair.prompt[:before]
        positions += range(before)
        lengths.append(before)
        after.append(-1)
        for answer in (pair.chosen, pair.rejected):
            at += range(len(ids), len(ids) + len(answer))
            targets += answer
            ids += [pair.prompt[before], *answer]
            positions += range(before, before + len(answer) + 1)
            lengths.append(len(answer) + 1)
            after.append(prompt_row)
    filler = micro.length - len(ids)
    return {
        "input_ids": torch.tensor(ids + [pad_id] * filler),
        "position_ids": torch.tensor(positions + [0] * filler),
        "lengths": tuple(lengths),
        "after": tuple(after),
        "at": torch.tensor(at),
        "targets": torch.tensor(targets),
        "answer_lengths": tuple(
            len(answer) for row in micro.rows for answer in (pairs[row].chosen, pairs[row].rejected)
        ),
    }
