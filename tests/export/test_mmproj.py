"""A vision tower as a mmproj file: what libmtmd makes of it beside torch, and what must not be written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from smolkit.data.images import ImageLayout
from smolkit.errors import ModelError
from smolkit.export import mmproj
from smolkit.export.gguf_file import Header, read_layout, write_plain
from smolkit.export.gguf_tokenizer import read_vocabulary
from smolkit.export.mmproj import write_mmproj
from smolkit.export.vision_gate import IMAGE_LIMITS
from smolkit.models import load_model, load_tokenizer
from smolkit.models.gguf_header import read_header
from smolkit.models.vision import image_features, language_model
from smolkit.runtime import mtmd
from smolkit.runtime.llama_log import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


@pytest.fixture(scope="module")
def vlm(tiny_vlm: Path) -> Any:
    return load_model(tiny_vlm, dtype=torch.float32)


@pytest.fixture(scope="module")
def layout(tiny_vlm: Path) -> ImageLayout:
    return ImageLayout.read(tiny_vlm)


@pytest.fixture(scope="module")
def language(vlm: Any, tiny_vlm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """llama.cpp's pointer to the language model."""
    import llama_cpp

    quiet()
    text, tokenizer = language_model(vlm), load_tokenizer(tiny_vlm)
    header = Header("tiny", text.config, read_vocabulary(tokenizer, size=text.config.vocab_size))
    (file,) = write_plain(text, header, "f32", tmp_path_factory.mktemp("text") / "tiny-f32.gguf")
    model = llama_cpp.llama_model_load_from_file(str(file).encode(), llama_cpp.llama_model_default_params())
    yield model
    llama_cpp.llama_model_free(model)


def tiles_of(layout: ImageLayout, count: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 3, layout.tile, layout.tile), np.uint8)


def error(file: Path, vlm: Any, layout: ImageLayout, language: Any) -> float:
    """How far libmtmd's features are from torch's, as the gate counts."""
    tiles = tiles_of(layout)
    with torch.inference_mode():
        wanted = image_features(vlm, torch.from_numpy(tiles)).numpy()
    tower = mtmd.Tower(file, language, layout, threads=1, exact=True)
    found = tower.features(tiles)
    tower.close()
    assert found.shape == wanted.shape
    return float(np.sqrt(((found - wanted) ** 2).mean() / (wanted**2).mean()))


@pytest.mark.parametrize("quant", mmproj.MMPROJ_QUANTS)
def test_features_are_those_of_torch(quant: str, vlm: Any, layout: ImageLayout, language: Any, tmp_path: Path) -> None:
    file = write_mmproj(vlm, layout, quant, tmp_path, name="tiny")
    assert file.name == f"mmproj-tiny-{quant}.gguf"
    assert error(file, vlm, layout, language) < IMAGE_LIMITS[quant].error


def test_vectors_patches_and_positions_are_float32_and_matrices_as_asked(
    vlm: Any, layout: ImageLayout, tmp_path: Path
) -> None:
    header = read_header(write_mmproj(vlm, layout, "f16", tmp_path, name="tiny", license="mit"))
    for name, tensor in header.tensors.items():
        matrix = len(tensor.shape) == 2 and name != mmproj.POSITIONS
        assert tensor.type == ("F16" if matrix else "F32"), name
    assert header.fields["general.license"] == "mit"
    assert read_layout([write_mmproj(vlm, layout, "q8_0", tmp_path, name="tiny")]).tensor_types["Q8_0"] == 13


def test_the_file_says_how_images_are_cut(vlm: Any, layout: ImageLayout, tmp_path: Path) -> None:
    for given in (layout, replace(layout, split=False)):
        file = write_mmproj(vlm, given, "f16", tmp_path, name="tiny")
        assert mtmd.read_layout(file) == given


@pytest.fixture(scope="module", params=["SmolVLM", "Idefics3"])
def tower_of_25(request: pytest.FixtureRequest) -> tuple[Any, ImageLayout]:
    """25 patches a side of 14 pixels, and ten pixels that nobody reads; features as wide as those of `vlm`."""
    import transformers

    torch.manual_seed(0)
    text = {
        "model_type": "llama", "vocab_size": 8, "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 8, "pad_token_id": 0,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": 360, "patch_size": 14,
    }  # fmt: skip
    kind = getattr(transformers, f"{request.param}Config")
    config = kind(text_config=text, vision_config=vision, scale_factor=5, image_token_id=5, pad_token_id=0)
    model = getattr(transformers, f"{request.param}ForConditionalGeneration")(config).eval()
    torch.nn.init.normal_(model.model.vision_model.embeddings.position_embedding.weight)
    return model, ImageLayout(tile=360, tokens=25, longest_edge=1440, split=True)


def test_a_tower_of_25_patches_a_side_needs_its_positions_moved(
    tower_of_25: tuple[Any, ImageLayout], language: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers puts some of them into the row before; llama.cpp reads them in order."""
    model, layout = tower_of_25
    moved = mmproj.tile_positions(model.model.vision_model.embeddings, layout.tile)
    assert moved.shape == (625,)
    assert not torch.equal(moved, torch.arange(625))
    file = write_mmproj(model, layout, "f16", tmp_path, name="tower")
    assert error(file, model, layout, language) < IMAGE_LIMITS["f16"].error
    monkeypatch.setattr(mmproj, "tile_positions", lambda embeddings, tile: torch.arange(625))
    file = write_mmproj(model, layout, "f16", tmp_path, name="tower")
    assert error(file, model, layout, language) > 5 * IMAGE_LIMITS["f16"].error


@pytest.mark.parametrize(
    ("part", "changes", "line"),
    [
        ("vision_config", {"hidden_act": "gelu"}, r"the activation 'gelu', and gelu_pytorch_tanh is what"),
        ("vision_config", {"num_channels": 1}, "1 colours, and llama.cpp reads 3"),
        ("vision_config", {"intermediate_size": 32}, r"as wide as the rest \(32\)"),
        (None, {"scale_factor": 1}, "a scale factor of 1"),
        (None, {"scale_factor": 3}, "4 patches a side, which are no whole squares of 3"),
    ],
)
def test_a_tower_that_llama_cpp_does_not_compute_is_refused(
    vlm: Any, layout: ImageLayout, part: str | None, changes: dict[str, Any], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = getattr(vlm.config, part) if part else vlm.config
    for name, value in changes.items():
        monkeypatch.setattr(config, name, value)
    with pytest.raises(ModelError, match=line):
        mmproj.check_tower(vlm.config, layout)


@pytest.mark.parametrize("size", [(90, 40), (40, 90), (32, 32), (400, 20), (96, 64), (7, 300)])
def test_llama_cpp_itself_cuts_an_image_into_the_same_tokens(
    size: tuple[int, int], vlm: Any, layout: ImageLayout, language: Any, tiny_vlm: Path, tmp_path: Path
) -> None:
    tokenizer = load_tokenizer(tiny_vlm)
    image_token = vlm.config.image_token_id
    context = mtmd.open_context(write_mmproj(vlm, layout, "f16", tmp_path, name="tiny"), language)
    pixels = np.random.default_rng(0).integers(0, 256, (3, size[1], size[0]), np.uint8)
    with mtmd.tokenized(context, pixels) as chunks:
        found = [
            token
            for chunk in chunks
            for token in ([image_token] * layout.tokens if mtmd.is_image(chunk) else mtmd.text_ids(chunk))
        ]
    mtmd.quiet_mtmd().mtmd_free(context)
    assert found == tokenizer(layout.text(layout.grid(*size)), add_special_tokens=False)["input_ids"]
