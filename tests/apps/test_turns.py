"""Turns on one model: steps never overlap, and who has left takes no more of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from smolkit.apps.turns import Turns


class Model:
    """Counts how many threads are in it at once."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.closed: list[str] = []
        self.entered = threading.Event()

    def answer(self, name: str, steps: int, seconds: float = 0.0) -> Iterator[str]:
        try:
            for number in range(steps):
                self.inside += 1
                self.most = max(self.most, self.inside)
                self.entered.set()
                time.sleep(seconds)
                self.inside -= 1
                yield f"{name}{number}"
        finally:
            self.closed.append(name)


def test_a_turn_gives_all_its_steps_and_is_closed() -> None:
    model, turns = Model(), Turns()
    assert list(turns.run(lambda: model.answer("a", 3))) == ["a0", "a1", "a2"]
    assert model.closed == ["a"]


def test_who_comes_after_a_visitor_that_left_waits_for_the_step_and_not_for_the_answer() -> None:
    model, turns = Model(), Turns()
    with ThreadPoolExecutor(1) as pool:
        left = turns.run(lambda: model.answer("a", 1000, 0.05))
        running = pool.submit(next, left)
        model.entered.wait()
        assert list(turns.run(lambda: model.answer("b", 2))) == ["b0", "b1"]
        assert running.result() == "a0"
    assert model.most == 1
    assert list(left) == []
    assert model.closed == ["b", "a"]


def test_a_visitor_that_leaves_stops_the_model() -> None:
    model, turns = Model(), Turns()
    turn = turns.run(lambda: model.answer("a", 1000))
    assert next(turn) == "a0"
    turn.close()
    assert model.closed == ["a"]


def test_an_error_is_the_visitors_own() -> None:
    turns = Turns()

    def fail() -> Iterator[str]:
        raise ValueError("mine")
        yield ""

    with pytest.raises(ValueError, match="mine"):
        list(turns.run(fail))
    assert list(turns.run(lambda: Model().answer("b", 1))) == ["b0"]


def test_a_visitor_is_there_until_the_answer_is_closed() -> None:
    turns = Turns()
    turn = turns.run(lambda: Model().answer("a", 9), "ann")
    assert not turns.has("ann")
    next(turn)
    assert turns.has("ann")
    assert not turns.has("ben")
    turn.close()
    assert not turns.has("ann")
