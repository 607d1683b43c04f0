"""A SmolVLM for transformers.js, in Node and unmodified: features and greedy tokens beside torch float32."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from smolkit.data.images import ImageLayout, pixels
from smolkit.export.image_probes import QUESTION, ImageProbe, chart, gradient, receipt
from smolkit.export.onnx_candidate import VisionOnnxCandidate
from smolkit.export.source import Source, open_source
from smolkit.export.vision_gate import ImageCase, image_case

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="no node here: install Node.js 20 or newer")

SCRIPT = Path(__file__).with_name("vision_transformers_js.mjs")

Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Sends one task to Node and returns the answer."""
    from smolkit.errors import SmolkitError
    from smolkit.export.page import node_modules

    try:
        library = node_modules() / "@huggingface" / "transformers" / "dist" / "transformers.node.mjs"
    except SmolkitError as exc:
        pytest.skip(str(exc))

    def ask(task: str, directory: Path, **request: Any) -> Any:
        given = {"task": task, "directory": str(directory), "name": directory.name, "library": str(library)}
        done = subprocess.run(
            ["node", str(SCRIPT)],
            input=json.dumps(given | {"count": 8} | request),
            capture_output=True,
            text=True,
            timeout=900,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


@pytest.fixture(scope="module")
def source(tiny_vlm: Path) -> Source:
    return open_source(tiny_vlm)


def probes(layout: ImageLayout) -> list[ImageProbe]:
    """Five images: of one tile, wide, tall, square, and small."""
    tile, longest = layout.tile, layout.longest_edge
    whole = replace(layout, longest_edge=tile)
    return [
        ImageProbe("receipt", receipt(tile, tile), whole),
        ImageProbe("chart", chart(2 * longest, longest // 2), layout),
        ImageProbe("gradient", gradient(longest // 2, longest), layout),
        ImageProbe("square", receipt(longest, longest), layout),
        ImageProbe("small", chart(tile // 2, tile // 3), whole),
    ]


def cases_of(source: Source, images: list[ImageProbe], prompt_format: str | None = None) -> list[ImageCase]:
    """What torch answers, to the prompt of the model's chat template where no format is named."""
    assert source.vision
    return [image_case(source.vision.model, image, source.tokenizer, prompt_format) for image in images]


def sent(cases: list[ImageCase]) -> list[dict[str, Any]]:
    return [
        {
            "prompt": case.prompt,
            "tiles": base64.b64encode(case.tiles.tobytes()).decode(),
            "dims": list(case.tiles.shape),
        }
        for case in cases
    ]


def floats(answer: dict[str, Any], name: str, shape: str) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(answer[name]), np.float32).reshape(answer[shape])


def check_features_and_tokens(answers: list[dict[str, Any]], cases: list[ImageCase]) -> None:
    for answer, case in zip(answers, cases, strict=True):
        assert np.abs(floats(answer, "features", "shape") - case.features).max() < 1e-4
        assert answer["tokens"] == case.continuation[: len(answer["tokens"])]


def test_features_and_greedy_tokens_are_those_of_torch(vlm_export: Path, source: Source, ask: Ask) -> None:
    assert source.vision
    cases = cases_of(source, probes(source.vision.images), "smolkit-1")
    assert {len(case.tiles) for case in cases} >= {1, 10}
    check_features_and_tokens(ask("tiles", vlm_export, dtype="fp32", cases=sent(cases)), cases)


def test_eight_bits_answer_as_in_pythons_runtime(vlm_export: Path, source: Source, ask: Ask) -> None:
    cases = source.image_cases
    answers = ask("tiles", vlm_export, dtype="q8", cases=sent(cases))
    candidate = VisionOnnxCandidate(vlm_export / "onnx" / "decoder_model_merged_quantized.onnx", vlm_export)
    for answer, case in zip(answers, cases, strict=True):
        assert np.abs(floats(answer, "features", "shape") - candidate.look(case.tiles)).max() < 1e-4
        assert answer["tokens"] == candidate.greedy(case.prompt, 8)


def test_prompts_without_an_image_work_too(vlm_export: Path, source: Source, ask: Ask) -> None:
    cases = source.reference.cases
    answers = ask("texts", vlm_export, dtype="fp32", prompts=[case.prompt for case in cases])
    assert answers == [case.continuation[:8] for case in cases]


def asked(file: Path) -> dict[str, Any]:
    content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
    return {"file": str(file), "messages": [{"role": "user", "content": content}]}


def test_a_file_of_one_tile_answers_as_in_torch(vlm_export: Path, source: Source, ask: Ask, tmp_path: Path) -> None:
    assert source.vision
    layout = replace(source.vision.images, longest_edge=source.vision.images.tile)
    one_tile = shutil.copytree(vlm_export, tmp_path / "one-tile")
    layout.write(one_tile)
    tile = layout.tile
    images = [receipt(tile, tile), chart(tile, tile), gradient(tile, tile)]
    for number, image in enumerate(images):
        image.save(tmp_path / f"{number}.png")
    cases = cases_of(source, [ImageProbe(str(number), image, layout) for number, image in enumerate(images)])
    files = [asked(tmp_path / f"{number}.png") for number in range(len(images))]
    answers = ask("files", one_tile, dtype="fp32", cases=files)
    assert [answer["prompt"] for answer in answers] == [case.prompt for case in cases]
    check_features_and_tokens(answers, cases)


def test_only_the_overview_is_resampled_otherwise(vlm_export: Path, source: Source, ask: Ask, tmp_path: Path) -> None:
    """transformers.js reduces it bilinearly, in steps of a pixel, and transformers by Lanczos."""
    assert source.vision
    layout = source.vision.images
    image = gradient(layout.longest_edge, layout.longest_edge)
    image.save(tmp_path / "image.png")
    [case] = cases_of(source, [ImageProbe("image", image, layout)])
    [answer] = ask("files", vlm_export, dtype="fp32", cases=[asked(tmp_path / "image.png")])
    apart = np.abs(floats(answer, "pixels", "dims")[0] - pixels(case.tiles)).max(axis=(1, 2, 3))
    assert answer["prompt"] == case.prompt
    assert apart[:-1].max() < 1e-6
    assert 0.01 < apart[-1] < 0.5


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_smolvlm_of_the_bundled_model_answers_as_in_torch(bundled: Path, ask: Ask, tmp_path: Path) -> None:
    """Through the gate as it is; five images of up to five tiles of 256 pixels."""
    from smolkit.export.run import export
    from smolkit.models.vision_init import layout_of, make_vision_model
    from smolkit.models.vision_zoo import TOWERS

    shape = replace(TOWERS["small"], image_size=256)
    made = tmp_path / "made"
    make_vision_model(bundled, made, shape, layout_of(shape, longest_edge=512))
    export(made, tmp_path / "exported", ["webgpu"], quants=["fp32"])
    source = open_source(made)
    assert source.vision
    cases = cases_of(source, probes(source.vision.images))
    check_features_and_tokens(ask("tiles", tmp_path / "exported", dtype="fp32", cases=sent(cases)), cases)
