"""Images through llama.cpp, beside torch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from smolkit.data.images import ImageSource
from smolkit.errors import ModelError
from smolkit.extraction.template import Template
from smolkit.models import load_model, load_tokenizer, resolve
from smolkit.models.vision import is_vision, language_model
from smolkit.runtime import mtmd, open_backend
from smolkit.runtime.decoding import Answer, decode
from smolkit.runtime.extractor import Extractor, Request
from smolkit.runtime.llamacpp import LlamaCppBackend, gguf_file
from smolkit.runtime.pictures import Picture, layout_of, read_picture
from smolkit.runtime.torch_backend import TorchBackend

pytest.importorskip("llama_cpp")


def write_files(model_dir: Path, directory: Path, quant: str) -> Path:
    """A SmolVLM for llama.cpp, as an export has it; the language model's file."""
    from smolkit.data.images import ImageLayout
    from smolkit.export.gguf_file import Header, write_plain
    from smolkit.export.gguf_tokenizer import read_vocabulary
    from smolkit.export.mmproj import write_mmproj

    model, tokenizer = load_model(model_dir, dtype=torch.float32), load_tokenizer(model_dir)
    assert is_vision(model.config)
    text = language_model(model)
    header = Header("eyed", text.config, read_vocabulary(tokenizer, size=text.config.vocab_size))
    (file,) = write_plain(text, header, quant, directory / f"eyed-{quant}.gguf")
    write_mmproj(model, ImageLayout.read(model_dir), quant, directory, name="eyed")
    return file


def picture(seed: int, size: tuple[int, int] = (90, 40)) -> ImageSource:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return ImageSource(Image.fromarray(pixels), f"image {seed}")


@pytest.fixture(scope="module")
def directory(tiny_vlm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("gguf")
    write_files(tiny_vlm, directory, "f32")
    return directory


@pytest.fixture(scope="module")
def backend(directory: Path) -> Iterator[LlamaCppBackend]:
    backend = LlamaCppBackend.open(directory, threads=1)
    yield backend
    backend.close()


def shown(backend: LlamaCppBackend, seed: int, size: tuple[int, int] = (90, 40)) -> Picture:
    assert backend.images is not None
    return read_picture(picture(seed, size), backend.images, backend.encode)


def test_a_mmproj_file_beside_a_model_makes_it_see(backend: LlamaCppBackend, tiny_vlm: Path) -> None:
    assert backend.images == TorchBackend.open(tiny_vlm).images


def test_logits_behind_images_are_those_of_torch(backend: LlamaCppBackend, tiny_vlm: Path) -> None:
    """Several prompts at once, with one image, two and none."""
    seen = [shown(backend, seed, size) for seed, size in enumerate([(90, 40), (32, 32), (20, 70)])]
    texts = [backend.encode(text, special=True) for text in ("<|im_start|>user\n", "What?", "And this one, then?")]
    prompts = [texts[0] + seen[0].ids + texts[1], texts[0] + seen[1].ids + seen[2].ids + texts[2], texts[0] + texts[2]]
    pictures = [[seen[0]], [seen[1], seen[2]], []]
    other = TorchBackend.open(tiny_vlm, dtype="float32")
    wanted, found = other.prefill(prompts, pictures), backend.prefill(prompts, pictures)
    np.testing.assert_allclose(found, wanted, atol=0.02)
    following = [texts[1], texts[2], texts[1]]
    np.testing.assert_allclose(backend.append(following), other.append(following), atol=0.02)
    assert wanted.std() > 0.1


def test_other_pixels_give_other_logits_though_the_prompt_is_the_same(backend: LlamaCppBackend) -> None:
    first, second = shown(backend, 1), shown(backend, 2)
    assert first.ids == second.ids
    one, again = (backend.prefill([first.ids], [[first]]) for _ in range(2))
    other = backend.prefill([second.ids], [[second]])
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1e-3
    both = backend.prefill([first.ids, second.ids], [[first], [second]])
    np.testing.assert_allclose(both, np.concatenate([one, other]), atol=1e-3)


def test_an_image_longer_than_a_batch_is_read_in_several(
    backend: LlamaCppBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = shown(backend, 3)
    whole = backend.prefill([seen.ids], [[seen]])
    monkeypatch.setattr(backend, "batch_tokens", 3)
    np.testing.assert_allclose(backend.prefill([seen.ids], [[seen]]), whole, atol=1e-3)


def test_too_few_features_are_refused(backend: LlamaCppBackend) -> None:
    seen = shown(backend, 1)
    with pytest.raises(ModelError, match="56 image tokens, and 28 features to stand there"):
        backend.prefill([seen.ids * 2], [[seen]])


def test_a_template_is_filled_from_images_and_texts_side_by_side(directory: Path) -> None:
    template = Template.parse({"shop": "verbatim-string", "total": "number", "items": [""]})
    requests = [
        Request("", template, picture(1)),
        Request("Shop A, total 3.", template),
        Request("", template, picture(2)),
    ]
    with Extractor(open_backend(directory)) as extractor:
        for extraction in extractor.extract_many(requests, max_new_tokens=24):
            assert extraction.output is not None
            assert list(extraction.output) == ["shop", "total", "items"]


def test_a_model_alone_reads_text(directory: Path, tmp_path: Path) -> None:
    shutil.copy(directory / "eyed-f32.gguf", tmp_path)
    backend = LlamaCppBackend.open(tmp_path, threads=1)
    assert backend.images is None
    assert backend.prefill([backend.encode("Hello", special=True)]).shape == (1, backend.vocab_size)
    with pytest.raises(ModelError, match="reads text and no images"):
        layout_of(backend)
    backend.close()


def test_what_a_model_sees_with_is_no_model(directory: Path, tmp_path: Path) -> None:
    eyes = directory / "mmproj-eyed-f32.gguf"
    assert gguf_file(directory).name == "eyed-f32.gguf"
    for opened in (open_backend, resolve):
        with pytest.raises(ModelError, match=r"mmproj-eyed-f32\.gguf: is what a model sees with, and no model"):
            opened(eyes)
    shutil.copy(eyes, tmp_path)
    with pytest.raises(ModelError, match="no GGUF file of a language model here"):
        gguf_file(tmp_path)


def test_eyes_belong_to_the_models_of_their_name(tmp_path: Path) -> None:
    def found(*files: str, of: str) -> str | None:
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
        for length, name in enumerate([*files, of], start=1):
            (tmp_path / name).write_bytes(bytes(length))
        eyes = mtmd.find_mmproj(tmp_path / of)
        return eyes.name if eyes else None

    both = ("mmproj-a-q8_0.gguf", "mmproj-a-f16.gguf")
    assert found(*both, of="a-Q8_0.gguf") == "mmproj-a-q8_0.gguf"
    assert found(*both, of="a-q4_k_m.gguf") == "mmproj-a-f16.gguf"
    assert found("mmproj-A-Q8_0.gguf", of="a-q4_k_m.gguf") == "mmproj-A-Q8_0.gguf"
    assert found("mmproj-a-b-f16.gguf", of="a-b-f16-00001-of-00002.gguf") == "mmproj-a-b-f16.gguf"
    assert found("mmproj-b-f16.gguf", of="a-f16.gguf") is None
    assert found(of="a-f16.gguf") is None


def test_a_projector_of_another_kind_leaves_a_model_to_text(directory: Path, tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(tmp_path / "mmproj-eyed-f16.gguf", "clip")
    writer.add_clip_projector_type("mlp")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    shutil.copy(directory / "eyed-f32.gguf", tmp_path)
    backend = LlamaCppBackend.open(tmp_path, threads=1)
    assert backend.images is None
    backend.close()


def greedy(backend: LlamaCppBackend | TorchBackend, prompt: list[int], seen: Picture, count: int) -> list[int]:
    answer = Answer(prompt, None, count, pictures=(seen,))
    for _ in decode(backend, [answer]):
        pass
    return answer.tokens


@pytest.mark.slow
def test_a_real_language_model_answers_about_images_as_in_torch(bundled: Path, tmp_path: Path) -> None:
    """A fresh tower before SmolLM2: it has not learned to see, but what it makes of an image moves every logit."""
    from smolkit.models.vision_init import layout_of, make_vision_model
    from smolkit.models.vision_zoo import TOWERS

    shape = TOWERS["small"]
    make_vision_model(bundled, tmp_path / "vlm", shape, layout_of(shape, longest_edge=512))
    write_files(tmp_path / "vlm", tmp_path, "f16")
    seeing, other = LlamaCppBackend.open(tmp_path), TorchBackend.open(tmp_path / "vlm", dtype="float32")
    assert seeing.images is not None
    before, after = (seeing.encode(text, special=True) for text in ("<|im_start|>user\n", "What is it?<|im_end|>\n"))
    alike = total = 0
    for seed, size in enumerate([(256, 256), (512, 300), (200, 512), (640, 480), (64, 64)]):
        seen = read_picture(picture(seed, size), seeing.images, seeing.encode)
        prompt = before + seen.ids + after + seeing.encode("<|im_start|>assistant\n", special=True)
        wanted, found = (greedy(one, prompt, seen, 16) for one in (other, seeing))
        alike += sum(one == two for one, two in zip(wanted, found, strict=False))
        total += max(len(wanted), len(found))
    assert total > 40
    assert alike / total >= 0.96
    seeing.close()
