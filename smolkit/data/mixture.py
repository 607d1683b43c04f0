"""Which source each training sequence comes from, and where in that source it begins: a pure function of its number.

A run is a list of stages, each with weights over sources. Sequences are numbered through the run, whatever the number
of processes, and the tokens of a source are used in order: so a resumed run, or one on another number of processes,
sees the same sequences, and nothing is replayed or left out. Numbers alone; knows no corpus and no torch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from random import Random

_CYCLE = 1 << 40
"""Places on the circle that the Weyl sequence walks; a weight is rounded to a multiple of 1 / _CYCLE."""
_GOLDEN = 679_891_637_639
"""The odd number nearest to _CYCLE / golden ratio: the step that covers the circle most evenly at every length."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Steps of a run with one mixture. `weights` are positive and add to 1; `sequence` is in tokens."""

    name: str
    steps: int
    sequence: int
    sequences_per_step: int
    weights: Mapping[str, float]

    @property
    def sequences(self) -> int:
        return self.steps * self.sequences_per_step

    @property
    def tokens(self) -> int:
        return self.sequences * self.sequence


@dataclass(frozen=True)
class Draw:
    """One sequence: `count` tokens of `source` from its token `start` on, counted over all passes through it."""

    source: str
    start: int
    count: int


@dataclass(frozen=True)
class Mixture:
    """The order of a whole run. `before` are tokens of each source that an earlier run has used already."""

    stages: tuple[Stage, ...]
    seed: int
    before: Mapping[str, int] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stages)

    def after(self, step: int, used: Mapping[str, int]) -> Mixture:
        """What is left from optimizer step `step` on, when so many tokens of each source were used before."""
        if not step:
            return replace(self, before=used)
        index, begin = self._locate(step)
        current = replace(self.stages[index], steps=self.stages[index].steps - (step - begin))
        return replace(self, stages=(current, *self.stages[index + 1 :]), before=used)

    def stage_of(self, step: int) -> Stage:
        """The stage of optimizer step `step`, counted from 0."""
        return self.stages[self._locate(step)[0]]

    def step(self, step: int) -> list[Draw]:
        """The sequences of optimizer step `step`, in order."""
        index, first_step = self._locate(step)
        stage, walk = self.stages[index], self._walk(index)
        used = self._used_before(index)
        first = (step - first_step) * stage.sequences_per_step
        counts = walk.counts(first)
        draws = []
        for number in range(first, first + stage.sequences_per_step):
            source = walk.source(number)
            draws.append(Draw(source, used.get(source, 0) + counts[source] * stage.sequence, stage.sequence))
            counts[source] += 1
        return draws

    def position(self, step: int) -> dict[str, int]:
        """Tokens of every source used before optimizer step `step`."""
        if step >= self.steps:
            return self._used_before(len(self.stages))
        index, first_step = self._locate(step)
        stage = self.stages[index]
        counts = self._walk(index).counts((step - first_step) * stage.sequences_per_step)
        return _added(self._used_before(index), {name: count * stage.sequence for name, count in counts.items()})

    def tokens(self) -> list[dict[str, int]]:
        """Tokens of each source in each stage."""
        return [
            {name: count * stage.sequence for name, count in self._walk(index).counts(stage.sequences).items()}
            for index, stage in enumerate(self.stages)
        ]

    def _locate(self, step: int) -> tuple[int, int]:
        """The index of the stage of a step, and the step with which that stage begins."""
        begins = [0, *accumulate(stage.steps for stage in self.stages)]
        if not 0 <= step < begins[-1]:
            raise IndexError(f"step {step} of {begins[-1]}")
        index = bisect_right(begins, step) - 1
        return index, begins[index]

    def _used_before(self, index: int) -> dict[str, int]:
        used = dict(self.before)
        for tokens in self.tokens()[:index]:
            used = _added(used, tokens)
        return used

    def _walk(self, index: int) -> _Walk:
        return _Walk(self.stages[index].weights, Random(f"{self.seed}:{self.stages[index].name}").randrange(_CYCLE))


class _Walk:
    """Sources drawn by a Weyl sequence: number n stands at `offset + n * _GOLDEN` on a circle cut by the weights.

    Every stretch of it holds every source nearly in proportion, without a memory: what was drawn before number n
    is a sum of floors, and takes as long for the billionth as for the first.
    """

    def __init__(self, weights: Mapping[str, float], offset: int):
        self.names = list(weights)
        self.offset = offset
        self.cuts = [round(cut * _CYCLE) for cut in accumulate(weights.values())]
        self.cuts[-1] = _CYCLE  # weights add to 1 but for rounding

    def source(self, number: int) -> str:
        return self.names[bisect_right(self.cuts, (self.offset + number * _GOLDEN) % _CYCLE)]

    def counts(self, numbers: int) -> dict[str, int]:
        """How many of the first `numbers` sequences come from each source."""
        below = [0, *(self._below(numbers, cut) for cut in self.cuts)]
        return {name: below[at + 1] - below[at] for at, name in enumerate(self.names)}

    def _below(self, numbers: int, cut: int) -> int:
        """How many of the first `numbers` places lie before `cut`.

        A place x = a i + c (mod m) lies before the cut t when floor((a i + c) / m) - floor((a i + c - t) / m) is 1.
        """
        shifted = self.offset - cut + _CYCLE  # not negative; the added cycle is taken off again
        before = _floor_sum(numbers, _CYCLE, _GOLDEN, self.offset)
        return before - (_floor_sum(numbers, _CYCLE, _GOLDEN, shifted) - numbers)


def _floor_sum(n: int, m: int, a: int, b: int) -> int:
    """Sum of floor((a i + b) / m) over i < n, in about log n steps, as Euclid's algorithm divides."""
    total = 0
    while n:
        total += (n - 1) * n // 2 * (a // m) + n * (b // m)
        a, b = a % m, b % m
        top = a * n + b
        n, b, m, a = top // m, top % m, a, m
    return total


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
