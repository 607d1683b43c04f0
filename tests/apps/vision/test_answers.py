"""Answers about images: step by step, within their time, and OCR in place of eyes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from PIL import Image

from smolkit.apps.models import Choice, Given, Models
from smolkit.apps.vision import answers as module
from smolkit.apps.vision.answers import Answers, last_of
from smolkit.apps.vision.inputs import OCR, VISION
from smolkit.apps.vision.models import Readers
from smolkit.data.images import ImageSource
from smolkit.data.synth.pictures.paper import draw_page
from smolkit.errors import DataError, ModelError, RuntimeUnavailable
from smolkit.extraction.template import Template

TEMPLATE = Template.parse({"shop": "verbatim-string"})
IMAGE = ImageSource(Image.new("RGB", (90, 60), "white"), "the image")


@pytest.fixture(scope="module")
def answers(tiny_vlm: Path, tiny_model_dir: Path) -> Iterator[Answers]:
    eyes = Models([Choice(name, Given(str(tiny_vlm), "torch", "float32")) for name in ("one", "two")])
    text = Models([Choice("text", Given(str(tiny_model_dir), "torch", "float32"))])
    with Readers(eyes, text) as readers:
        yield Answers(readers)


def test_a_template_grows_from_an_image_after_its_model_is_open(answers: Answers) -> None:
    first, looking, *growing, last = answers.fill(IMAGE, TEMPLATE, VISION, "two")
    assert first.stage == "opening two"
    assert looking.stage == "looking at the image"
    assert {step.stage for step in growing} == {"writing"}
    assert all(after.text.startswith(before.text) for before, after in pairwise(growing))
    assert last.extraction is not None
    assert list(last.extraction.output or {}) == ["shop"]
    assert last.figures is not None
    assert (last.figures["model"], last.figures["tiles"], last.figures["image_tokens"]) == ("two", 7, 28)
    assert 0 < last.figures["seconds_to_first_token"] <= last.figures["seconds"]


def test_an_answer_to_a_question_is_what_the_runtime_says(answers: Answers) -> None:
    from smolkit.runtime.asking import ask

    done = last_of(answers.ask(IMAGE, "What is it?", ""))
    assert answers.readers.seeing is not None
    *_, said = ask(answers.readers.seeing.get("one").backend, [IMAGE], "What is it?")  # type: ignore[arg-type]
    assert done.text == said
    assert done.figures is not None
    assert done.figures["new_tokens"] > 0
    assert done.figures["prompt_tokens"] > done.figures["image_tokens"] == 28


def test_an_answer_that_takes_too_long_is_stopped_with_advice(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", -1.0)
    for steps in (answers.fill(IMAGE, TEMPLATE, VISION, "one"), answers.ask(IMAGE, "What?", "one")):
        with pytest.raises(RuntimeUnavailable, match=r"took more than -1 s and was stopped\. Send a smaller image"):
            list(steps)
    monkeypatch.undo()
    assert last_of(answers.fill(IMAGE, TEMPLATE, VISION, "one")).figures is not None


def test_a_caller_that_stops_iterating_lets_the_next_one_in(answers: Answers) -> None:
    steps = answers.ask(IMAGE, "What?", "one", "visitor")
    next(steps)
    assert answers.turns.has("visitor")
    steps.close()  # type: ignore[attr-defined]
    assert not answers.turns.has("visitor")


def test_where_no_model_sees_questions_are_refused_with_advice(answers: Answers) -> None:
    blind = Answers(Readers(None, answers.readers.reading))
    assert not blind.can_see
    for steps in (lambda: blind.ask(IMAGE, "What?", ""), lambda: blind.fill(IMAGE, TEMPLATE, VISION, "")):
        with pytest.raises(ModelError, match=r"no model here sees an image\. Have its text read \(OCR\), or serve a"):
            steps()


def test_a_model_that_reads_text_alone_and_was_named_to_see_says_so(answers: Answers, tiny_model_dir: Path) -> None:
    with Models([Choice("blind", Given(str(tiny_model_dir), "torch"))]) as blind:
        steps = Answers(Readers(blind, answers.readers.reading)).fill(IMAGE, TEMPLATE, VISION, "")
        with pytest.raises(ModelError, match="this model reads text and no images"):
            list(steps)


def test_a_name_is_one_of_those_that_can_do_it(answers: Answers) -> None:
    with pytest.raises(DataError, match="no model named 'text' here"):
        answers.ask(IMAGE, "What?", "text")
    with pytest.raises(DataError, match="no model named 'one' here"):
        answers.fill(IMAGE, TEMPLATE, OCR, "one")


@pytest.mark.slow
def test_ocr_reads_the_text_from_which_the_template_is_filled(answers: Answers) -> None:
    pytest.importorskip("rapidocr_onnxruntime", reason="reads the text: pip install 'smolkit[vision]'")
    page = ImageSource(draw_page("HARROW GROCERS\nMill Lane\nTotal  13.00", seed=1, narrow=True), "the image")
    first, *steps, last = answers.fill(page, TEMPLATE, OCR, "")
    assert first.stage == "reading the text in the image"
    assert {"HARROW", "GROCERS", "13.00"} <= set(last.ocr.split())
    assert all(step.ocr == last.ocr for step in steps)
    assert last.figures is not None
    assert last.figures["characters"] == len(last.ocr)
    assert last.figures["ocr_seconds"] > 0
    assert last.extraction is not None
    value = (last.extraction.output or {})["shop"]
    assert value is None or value in last.ocr
    assert answers.read(page) == last.ocr


@pytest.mark.slow
def test_an_image_without_text_is_refused_on_the_way_by_ocr(answers: Answers) -> None:
    pytest.importorskip("rapidocr_onnxruntime", reason="reads the text: pip install 'smolkit[vision]'")
    with pytest.raises(DataError, match=r"there is no text in this image that OCR could read\. Send a sharper"):
        list(answers.fill(IMAGE, TEMPLATE, OCR, ""))
    assert answers.read(IMAGE) == ""
