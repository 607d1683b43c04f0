"""The figures of an answer about an image, for programs and as a sentence."""

from __future__ import annotations

import pytest

pytest.importorskip("PIL", reason="reads images: pip install 'smolkit[vision]'")

from PIL import Image

from smolkit.apps.vision.figures import Seen, Text, Timing, figures_line, figures_of
from smolkit.data.images import ImageLayout, ImageSource
from smolkit.runtime.asking import Said
from smolkit.runtime.extractor import Extraction

LAYOUT = ImageLayout(tile=32, tokens=4, longest_edge=96, split=True)


def extraction(**changes: object) -> Extraction:
    values = {
        "output": {}, "raw": "{}", "spans": {}, "scores": {}, "truncated": False, "prompt_tokens": 1200,
        "new_tokens": 60, "forced_tokens": 20, "seconds": 9.9, "windows": 1, **changes,
    }  # fmt: skip
    return Extraction(**values)  # type: ignore[arg-type]


def test_an_image_is_as_many_tokens_as_the_model_reads_of_it() -> None:
    image = ImageSource(Image.new("RGB", (90, 60)), "a")
    assert Seen.of(image, LAYOUT) == Seen(7, 28)
    assert LAYOUT.text(LAYOUT.grid(*image.size)).count("<image>") == 28


def test_tokens_per_second_are_those_after_the_first_step() -> None:
    timing = Timing(4.0, 1.5, 10)
    found = figures_of(extraction(), Seen(7, 28), timing, "mine", "torch, bfloat16")
    assert found["seconds_to_first_token"] == 1.5
    assert found["tokens_per_second"] == (60 - 10) / (4.0 - 1.5)
    assert (found["tiles"], found["image_tokens"], found["forced_tokens"]) == (7, 28, 20)
    assert figures_line(found) == (
        "4.0 s, the first token after 1.5 s · 28 image tokens of 7 tiles · 1,200 prompt tokens · 60 new tokens · "
        "20 tokens/s · torch, bfloat16"
    )


def test_an_answer_of_one_step_has_no_speed() -> None:
    assert Timing(2.0, 2.0, 5).figures(5)["tokens_per_second"] == 0


def test_the_line_of_ocr_says_what_was_read_and_a_cut_answer_that_it_was_cut() -> None:
    read = figures_of(extraction(windows=2, truncated=True), Text(412, 1.24), Timing(3.0, None, 0), "mine", "llama.cpp")
    assert figures_line(read) == (
        "3.0 s · 412 characters read in 1.2 s · 1,200 prompt tokens · 60 new tokens · read in 2 windows · "
        "cut short: the answer reached its limit · 20 tokens/s · llama.cpp"
    )
    said = figures_of(Said("A star.", False, 80, 4), Seen(1, 4), Timing(1.0, 0.5, 1), "mine", "torch")
    assert "forced_tokens" not in said
    assert figures_line(said).startswith("1.0 s, the first token after 0.5 s · 4 image tokens of 1 tile · 80 prompt")
