"""One visitor at a time on one model, also where one leaves in the middle of an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

StepT = TypeVar("StepT")


class Turns:
    """Runs the steps of one answer after the other.

    Gradio lets the next visitor in as soon as one cancels, while a thread may still be in a step of the model. A turn
    therefore begins when that step is over, and the turn before it goes on no more.
    """

    def __init__(self) -> None:
        # Re-entrant, as the garbage collector may end a turn in a thread that is in a step of another.
        self._lock = threading.RLock()
        self._turn: object = None
        self._visitors: list[str | None] = []

    def has(self, visitor: str | None) -> bool:
        """Whether an answer for this visitor has begun and is not closed yet."""
        return visitor in self._visitors

    def run(self, begin: Callable[[], Iterator[StepT]], visitor: str | None = None) -> Generator[StepT]:
        """The steps that `begin` gives, as long as nobody's turn comes after this one; closing it ends the turn."""
        turn = object()
        self._visitors.append(visitor)
        with self._lock:
            self._turn = turn
            steps = begin()
        try:
            while True:
                with self._lock:
                    if self._turn is not turn:
                        return
                    try:
                        step = next(steps)
                    except StopIteration:
                        return
                yield step
        finally:
            with self._lock:
                if isinstance(steps, Generator):
                    steps.close()
            self._visitors.remove(visitor)
