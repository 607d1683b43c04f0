"""How sure a model was of each value that it wrote, from the probabilities of the tokens that it chose.

A score is no probability of being right: that takes a model whose probabilities are calibrated. It ranks values, so
that the doubtful ones can be looked at first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from smolkit.extraction.answer import loads, scalar_places, scalars
from smolkit.extraction.template import field_of

if TYPE_CHECKING:
    from smolkit.runtime.decoding import Answer, Backend

_DIGITS = 4


class ScoredValue(NamedTuple):
    """A scalar of an answer. `field` is its path with `[]` for every index, as it stands in `Template.leaves`."""

    field: str
    value: Any
    score: float


def scored_values(answer: Answer, backend: Backend) -> list[ScoredValue]:
    """The scalars of an answer, in order, that the model had a choice about; [] for an answer that does not parse.

    The score is the geometric mean of the probabilities of the tokens chosen in it, quotes among them, in [0, 1].
    """
    pieces = [backend.ll_tokenizer.decode_bytes([token]) for token in answer.tokens]
    text = b"".join(pieces).decode(errors="replace")
    try:
        loads(text)
    except ValueError:
        return []
    ends = list(accumulate(map(len, pieces)))
    found = []
    for path, value, (start, end) in scalar_places(text):
        first, last = (len(text[:at].encode()) for at in (start, end))
        chosen = [
            logprob
            for index, logprob in answer.chosen.items()
            if ends[index] > first and ends[index] - len(pieces[index]) < last
        ]
        if chosen:
            found.append(ScoredValue(field_of(path), value, round(math.exp(sum(chosen) / len(chosen)), _DIGITS)))
    return found


def scores_by_path(
    output: dict[str, Any], windows: Sequence[Sequence[ScoredValue]], origins: Mapping[str, int]
) -> dict[str, float]:
    """The score of each scalar of an output by its path, taken from the window that its value came from.

    `origins` names that window; a path without one is of the only window, or has no score.
    """
    left = [list(values) for values in windows]
    scores: dict[str, float] = {}
    for path, value in scalars(output):
        window = origins.get(path, 0 if len(windows) == 1 else None)
        if window is None:
            continue
        field = field_of(path)
        found = next((one for one in left[window] if one.field == field and _same(one.value, value)), None)
        if found:
            left[window].remove(found)
            scores[path] = found.score
    return scores


def _same(written: Any, value: Any) -> bool:
    """Whether a value of an output is what was written: "" is a way to write null."""
    return (type(written) is type(value) and written == value) or (written == "" and value is None)
