"""What an evaluation harness measured of one model, by task and metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """One figure, mostly a share of 1, with its standard error, the examples in its prompt, and the documents."""

    value: float
    error: float | None
    shots: int | None
    documents: int | None


@dataclass(frozen=True)
class Measured:
    """The scores of a model under the name that people know it by."""

    model: str
    scores: Mapping[tuple[str, str], Score]
    """By task and metric, as the harness calls them: ("arc_easy", "acc_norm,none")."""
