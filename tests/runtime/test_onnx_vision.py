"""Images through the ONNX runtime, beside the torch backend on the model that was exported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smolkit.data.images import ImageSource
from smolkit.errors import ModelError
from smolkit.extraction.template import Template
from smolkit.runtime import open_backend, open_extractor
from smolkit.runtime.extractor import Request
from smolkit.runtime.onnx_backend import OnnxBackend
from smolkit.runtime.onnx_files import onnx_file
from smolkit.runtime.pictures import Picture, read_picture
from smolkit.runtime.torch_backend import TorchBackend

TEMPLATE = Template.parse({"shop": "verbatim-string", "total": "number", "items": [""]})


def drawn(seed: int, size: tuple[int, int] = (90, 40)) -> ImageSource:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return ImageSource(Image.fromarray(pixels), f"image {seed}")


@pytest.fixture(scope="module")
def torch_backend(tiny_vlm: Path) -> TorchBackend:
    return TorchBackend.open(tiny_vlm, dtype="float32")


@pytest.fixture(scope="module")
def backend(vlm_export: Path) -> Iterator[OnnxBackend]:
    opened = OnnxBackend.open(vlm_export / "onnx" / "decoder_model_merged.onnx", threads=1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shown(torch_backend: TorchBackend) -> list[Picture]:
    layout = torch_backend.images
    assert layout is not None
    sizes = [(90, 40), (32, 32), (20, 70)]
    return [read_picture(drawn(seed, size), layout, torch_backend.encode) for seed, size in enumerate(sizes)]


def prompts_of(backend: TorchBackend, shown: list[Picture]) -> tuple[list[list[int]], list[list[Picture]]]:
    opening, question = (
        backend.encode(text, special=True) for text in ("<|im_start|>user\n", "What is this, and why?")
    )
    prompts = [
        [*opening, *shown[0].ids, *question],
        [*opening, *shown[1].ids, *shown[2].ids, *question],
        [*opening, *question],
    ]
    return prompts, [[shown[0]], [shown[1], shown[2]], []]


def test_logits_and_what_follows_are_those_of_torch(
    backend: OnnxBackend, torch_backend: TorchBackend, shown: list[Picture]
) -> None:
    prompts, pictures = prompts_of(torch_backend, shown)
    wanted, found = (one.prefill(prompts, pictures) for one in (torch_backend, backend))
    np.testing.assert_allclose(found, wanted, atol=2e-4)
    for _ in range(3):
        tokens = [[int(row.argmax())] for row in wanted]
        wanted, found = (one.append(tokens) for one in (torch_backend, backend))
        np.testing.assert_allclose(found, wanted, atol=2e-4)


def test_an_image_is_not_taken_for_the_one_before_it(backend: OnnxBackend, torch_backend: TorchBackend) -> None:
    assert backend.images is not None
    pictures = [read_picture(drawn(seed), backend.images, backend.encode) for seed in (1, 2)]
    for picture in [*pictures, pictures[0]]:
        found, wanted = (one.prefill([picture.ids], [[picture]]) for one in (backend, torch_backend))
        np.testing.assert_allclose(found, wanted, atol=2e-4)


def test_prompts_without_images_are_read_as_text(backend: OnnxBackend, torch_backend: TorchBackend) -> None:
    prompts = [torch_backend.encode(text, special=False) for text in ("One and two and three", "One and two make")]
    found, wanted = (one.prefill(prompts) for one in (backend, torch_backend))
    np.testing.assert_allclose(found, wanted, atol=2e-4)


def test_another_number_of_features_is_refused(backend: OnnxBackend, shown: list[Picture]) -> None:
    with pytest.raises(ModelError, match="28 image tokens, and 40 features"):
        backend.prefill([shown[0].ids], [[shown[1]]])


def test_a_template_is_filled_from_an_image_by_the_smallest_file(vlm_export: Path) -> None:
    assert onnx_file(vlm_export).name == "decoder_model_merged_quantized.onnx"
    with open_extractor(vlm_export, threads=1) as extractor:
        assert extractor.backend.name == "onnx"
        requests = [Request("", TEMPLATE, drawn(1)), Request("Shop A, total 3.", TEMPLATE)]
        found = list(extractor.extract_many(requests, max_new_tokens=24))
    assert [list(one.output or {}) for one in found] == [["shop", "total", "items"]] * 2


@pytest.mark.parametrize(
    ("file", "line"),
    [("onnx/vision_encoder.onnx", "no vision_encoder.onnx beside this graph"), ("config.json", "image_token_id")],
)
def test_what_is_missing_is_named(vlm_export: Path, tmp_path: Path, file: str, line: str) -> None:
    copy = shutil.copytree(vlm_export, tmp_path / "copy")
    if file == "config.json":
        config = json.loads((copy / file).read_text())
        del config["image_token_id"]
        (copy / file).write_text(json.dumps(config))
    else:
        (copy / file).unlink()
    with pytest.raises(ModelError, match=line):
        OnnxBackend.open(copy / "onnx" / "decoder_model_merged.onnx")


def test_a_model_that_was_not_exported_says_what_to_do(tiny_vlm: Path) -> None:
    with pytest.raises(ModelError, match=r"from an export only.*--target webgpu"):
        open_backend(tiny_vlm, runtime="onnx")
