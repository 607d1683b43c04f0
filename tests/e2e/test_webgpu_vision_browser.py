"""A SmolVLM for transformers.js in headless Chromium, on WebAssembly: features and greedy tokens are those of torch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from smolkit.errors import SmolkitError
from smolkit.export.image_probes import QUESTION, ImageProbe, chart, gradient, receipt
from smolkit.export.page import node_modules
from smolkit.export.source import open_source
from smolkit.export.vision_gate import image_case
from smolkit.serve import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

COUNT = 8
SCRIPT = """
async ({ files, messages, count }) => {
  const library = await import("/library/transformers.js");
  const { AutoModelForImageTextToText, AutoProcessor, RawImage, env } = library;
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = "/";
  env.useBrowserCache = false;
  const at = (name) => new URL(`/library/${name}`, location.href).href;
  const runtime = "ort-wasm-simd-threaded.asyncify";
  env.backends.onnx.wasm.wasmPaths = { mjs: at(`${runtime}.mjs`), wasm: at(`${runtime}.wasm`) };
  const model = await AutoModelForImageTextToText.from_pretrained("model", { dtype: "fp32", device: "wasm" });
  const processor = await AutoProcessor.from_pretrained("model");
  const answers = [];
  for (const file of files) {
    const text = processor.apply_chat_template(messages, { add_generation_prompt: true });
    const inputs = await processor(text, [await RawImage.read(`/${file}`)]);
    const { pixel_values, pixel_attention_mask, input_ids } = inputs;
    const features = await model.encode_image({ pixel_values, pixel_attention_mask });
    const output = await model.generate({ ...inputs, max_new_tokens: count, do_sample: false, eos_token_id: -1 });
    const tokens = output.tolist()[0].slice(input_ids.dims[1]).map(Number);
    answers.push({ features: Array.from(features.data), tokens });
  }
  return answers;
}
"""


@pytest.fixture(scope="module")
def site(vlm_export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export cut for images of one tile, which nobody resamples, beside the library and an empty page."""
    try:
        modules = node_modules()
    except SmolkitError as exc:
        pytest.skip(str(exc))
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(vlm_export, site / "model")
    (site / "library").mkdir()
    shutil.copy(modules / "@huggingface/transformers/dist/transformers.min.js", site / "library" / "transformers.js")
    for file in (modules / "onnxruntime-web" / "dist").glob("ort-wasm-simd-threaded.asyncify.*"):
        shutil.copy(file, site / "library")
    (site / "index.html").write_text("<!doctype html><title>images</title>")
    return site


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with serving(site) as address:
        yield address


def test_image_files_are_answered_as_in_torch(browser: Browser, address: str, site: Path, tiny_vlm: Path) -> None:
    source = open_source(tiny_vlm)
    assert source.vision
    tile = source.vision.images.tile
    layout = replace(source.vision.images, longest_edge=tile)
    layout.write(site / "model")
    images = {"receipt.png": receipt(tile, tile), "chart.png": chart(tile, tile), "gradient.png": gradient(tile, tile)}
    for name, image in images.items():
        image.save(site / name)
    content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
    given = {"files": list(images), "messages": [{"role": "user", "content": content}], "count": COUNT}
    page = browser.new_page()
    page.goto(address)
    answers = page.evaluate(SCRIPT, given)
    page.close()
    for answer, (name, image) in zip(answers, images.items(), strict=True):
        case = image_case(source.vision.model, ImageProbe(name, image, layout), source.tokenizer, None)
        assert np.abs(np.reshape(answer["features"], case.features.shape) - case.features).max() < 1e-4
        assert answer["tokens"] == case.continuation[:COUNT]
