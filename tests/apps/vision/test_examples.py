"""The examples: every one can be read, and is drawn the same each time."""

from __future__ import annotations

import pytest

pytest.importorskip("PIL", reason="draws images: pip install 'smolkit[vision]'")

from smolkit.apps.vision.examples import Example, read_examples
from smolkit.apps.vision.inputs import check_question
from smolkit.assets import asset
from smolkit.data.synth.pictures.paper import is_drawable
from smolkit.extraction.template import Template

EXAMPLES = read_examples(asset("apps", "vision", "examples.json"))


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_an_example_is_an_image_a_template_and_a_question(example: Example) -> None:
    assert list(Template.parse(example.template).leaves())
    assert check_question(example.question) == example.question
    assert bool(example.text) != bool(example.shapes)
    assert is_drawable(example.text)
    image = example.draw()
    assert image.mode == "RGB"
    assert min(image.size) >= 100
    assert image.tobytes() == example.draw().tobytes()


def test_examples_have_names_of_their_own_and_the_first_can_be_read_by_ocr_too() -> None:
    assert len({example.name for example in EXAMPLES}) == len(EXAMPLES)
    assert EXAMPLES[0].text
