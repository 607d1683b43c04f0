"""Images through the torch backend, beside transformers' own forward."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from smolkit.data.images import ImageSource
from smolkit.errors import DataError, ModelError
from smolkit.extraction.template import Template
from smolkit.models import load_model
from smolkit.runtime import open_extractor
from smolkit.runtime.asking import Asked, answer_all, ask
from smolkit.runtime.extractor import Extractor, Request
from smolkit.runtime.pictures import read_picture
from smolkit.runtime.torch_backend import TorchBackend

TEMPLATE = Template.parse({"shop": "verbatim-string", "total": "number", "items": [""]})


def picture(seed: int, size: tuple[int, int] = (90, 40)) -> ImageSource:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return ImageSource(Image.fromarray(pixels), f"image {seed}")


@pytest.fixture(scope="module")
def backend(tiny_vlm: Path) -> TorchBackend:
    return TorchBackend.open(tiny_vlm, dtype="float32")


def test_logits_behind_images_are_those_of_transformers(backend: TorchBackend, tiny_vlm: Path) -> None:
    assert backend.images is not None
    shown = [
        read_picture(picture(seed, size), backend.images, backend.encode)
        for seed, size in enumerate([(90, 40), (32, 32), (20, 70)])
    ]
    texts = [backend.encode(text, special=True) for text in ("<|im_start|>user\n", "What?", "And this one, then?")]
    prompts = [
        texts[0] + shown[0].ids + texts[1],
        texts[0] + shown[1].ids + shown[2].ids + texts[2],
        texts[0] + texts[2],
    ]
    found = backend.prefill(prompts, [[shown[0]], [shown[1], shown[2]], []])
    model = load_model(tiny_vlm, dtype=torch.float32)
    for prompt, seen, logits in zip(prompts, ([shown[0]], shown[1:], []), found, strict=True):
        pixels = {}
        if seen:
            tiles = torch.from_numpy(np.concatenate([one.tiles for one in seen])).float()
            pixels = {"pixel_values": ((tiles / 255 - 0.5) / 0.5)[None]}
        with torch.inference_mode():
            wanted = model(input_ids=torch.tensor([prompt]), **pixels).logits[0, -1].numpy()
        np.testing.assert_allclose(logits, wanted, atol=2e-4)


def test_other_pixels_give_other_logits_though_the_prompt_is_the_same(backend: TorchBackend) -> None:
    assert backend.images is not None
    first, second = (read_picture(picture(seed), backend.images, backend.encode) for seed in (1, 2))
    assert first.ids == second.ids
    one = backend.prefill([first.ids], [[first]])
    other = backend.prefill([second.ids], [[second]])
    assert np.abs(one - other).max() > 1e-3
    both = backend.prefill([first.ids, second.ids], [[first], [second]])
    np.testing.assert_allclose(both, np.concatenate([one, other]), atol=1e-4)


def test_a_template_is_filled_from_an_image(backend: TorchBackend) -> None:
    extractor = Extractor(backend)
    requests = [
        Request("", TEMPLATE, picture(1)),
        Request("Shop A, total 3.", TEMPLATE),
        Request("", TEMPLATE, picture(2)),
    ]
    found = list(extractor.extract_many(requests, max_new_tokens=24))
    for extraction in found:
        assert extraction.output is not None
        assert list(extraction.output) == ["shop", "total", "items"]
    assert found[0].prompt_tokens > found[1].prompt_tokens
    alone = list(extractor.extract_many(requests[2:], max_new_tokens=24))
    assert alone[0].output == found[2].output


def test_questions_are_answered_one_by_one_as_side_by_side(backend: TorchBackend) -> None:
    questions = [Asked.of([picture(1)], "What is this?"), Asked.of([picture(2), picture(3)], "Which is larger?")]
    together = [said.text for said in answer_all(backend, questions, max_new_tokens=8)]
    *_, first = ask(backend, [picture(1)], "What is this?", max_new_tokens=8)
    *_, second = ask(backend, [picture(2), picture(3)], "Which is larger?", max_new_tokens=8)
    assert together == [first, second]


def test_a_text_model_says_that_it_cannot_see(tiny_model_dir: Path) -> None:
    with (
        open_extractor(tiny_model_dir, runtime="torch", dtype="float32") as extractor,
        pytest.raises(ModelError, match="reads text and no images"),
    ):
        list(extractor.extract_many([Request("", TEMPLATE, picture(1))]))


def test_a_broken_image_is_named(backend: TorchBackend, tmp_path: Path) -> None:
    broken = tmp_path / "receipt.jpg"
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(broken)
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(DataError, match="broken"):
        list(Extractor(backend).extract_many([Request("", TEMPLATE, ImageSource(broken, str(broken)))]))
