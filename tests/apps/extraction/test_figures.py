"""The figures of an answer, for programs and for people."""

from __future__ import annotations

from dataclasses import replace

from smolkit.apps.extraction.answers import Opening
from smolkit.apps.extraction.figures import reading_line, statistics, statistics_line, tokens_per_second
from smolkit.runtime.extractor import Extraction, Progress

EXTRACTION = Extraction(
    output={},
    raw="{}",
    spans={},
    scores={},
    truncated=False,
    prompt_tokens=1312,
    new_tokens=96,
    forced_tokens=61,
    seconds=1.24,
    windows=1,
)


def test_the_figures_say_which_model_took_how_long_and_what_ran_it() -> None:
    figures = statistics(EXTRACTION, "receipts", "torch, bfloat16")
    assert (figures["model"], figures["computes"]) == ("receipts", "torch, bfloat16")
    assert (figures["seconds"], figures["tokens_per_second"], figures["new_tokens"]) == (1.24, 77.4, 96)


def test_the_figures_of_an_answer_are_one_line() -> None:
    line = statistics_line(EXTRACTION, "llama.cpp, a.gguf")
    assert line.startswith("1.2 s · ")
    assert line.endswith(" · 77 tokens/s · llama.cpp, a.gguf")


def test_an_answer_that_took_no_time_has_no_speed() -> None:
    assert tokens_per_second(replace(EXTRACTION, seconds=0.0)) == 0.0


def test_an_answer_that_grows_says_how_far_it_is() -> None:
    assert reading_line(Opening("receipts")) == "opening receipts"
    assert reading_line(Progress("", 0, 1)) == "reading"
    assert reading_line(Progress("{", 0, 1)) == "writing"
    assert reading_line(Progress("", 2, 4)) == "reading part 3 of 4"
    assert reading_line(Progress("", 4, 4)) == "reading part 4 of 4"
