from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from smolkit.data.images import ImageLayout, pixels
from smolkit.models import load_model, load_tokenizer, save_model


def test_a_saved_model_loads_with_its_ties_and_one_truth_about_the_end(tiny_model_dir: Path) -> None:
    model, tokenizer = load_model(tiny_model_dir, dtype=torch.float32), load_tokenizer(tiny_model_dir)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert model.config.eos_token_id == model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert (tiny_model_dir / "model.safetensors").stat().st_mode & 0o044 == 0o044


def test_a_tied_matrix_is_stored_once_and_the_rotary_base_twice(tiny_model_dir: Path) -> None:
    with safe_open(tiny_model_dir / "model.safetensors", "pt") as file:
        names = set(file.keys())
    assert "model.embed_tokens.weight" in names
    assert "lm_head.weight" not in names
    config = json.loads((tiny_model_dir / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 100_000.0
    assert config["tie_word_embeddings"] is True


def test_what_greedy_decoding_ignores_is_not_saved(tiny_model_dir: Path, tmp_path: Path) -> None:
    model, tokenizer = load_model(tiny_model_dir, dtype=torch.float32), load_tokenizer(tiny_model_dir)
    model.generation_config.temperature = 0.2
    save_model(model, tokenizer, tmp_path)
    assert "temperature" not in json.loads((tmp_path / "generation_config.json").read_text())


def test_every_config_of_a_vision_model_says_what_the_tokenizer_says(tiny_vlm: Path) -> None:
    tokenizer = load_tokenizer(tiny_vlm)
    config = json.loads((tiny_vlm / "config.json").read_text())
    generation = json.loads((tiny_vlm / "generation_config.json").read_text())
    for found in (config, config["text_config"], generation):
        assert (found["bos_token_id"], found["eos_token_id"], found["pad_token_id"]) == (1, tokenizer.eos_token_id, 2)
    assert config["rope_theta"] == config["text_config"]["rope_theta"] == 100_000.0
    assert config["image_token_id"] == tokenizer.convert_tokens_to_ids("<image>")
    model = load_model(tiny_vlm, dtype=torch.float32)
    assert model.config.text_config.rope_parameters["rope_theta"] == 100_000.0


@pytest.mark.parametrize("tied", [True, False])
def test_the_head_of_a_vision_model_stays_as_it_is(tiny_vlm: Path, tmp_path: Path, tied: bool) -> None:
    model, tokenizer = load_model(tiny_vlm, dtype=torch.float32), load_tokenizer(tiny_vlm)
    if not tied:
        model.config.tie_word_embeddings = False
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight + 1)
    save_model(model, tokenizer, tmp_path, ImageLayout.read(tiny_vlm))
    again = load_model(tmp_path, dtype=torch.float32)
    assert (again.lm_head.weight is again.get_input_embeddings().weight) is tied
    assert torch.equal(again.lm_head.weight, model.lm_head.weight)
    assert torch.equal(again.get_input_embeddings().weight, model.get_input_embeddings().weight)
    assert again.config.text_config.tie_word_embeddings is tied


def test_the_processor_of_transformers_cuts_and_writes_images_as_we_do(tiny_vlm: Path) -> None:
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(tiny_vlm, use_fast=False)  # its PIL backend, which videos do not have
    assert type(processor.image_processor).__name__ == "SmolVLMImageProcessorPil"
    layout, tokenizer = ImageLayout.read(tiny_vlm), load_tokenizer(tiny_vlm)
    drawn = np.random.default_rng(0).integers(0, 256, (50, 80, 3), dtype=np.uint8)
    image = Image.fromarray(drawn)
    parts = [{"type": "image"}, {"type": "text", "text": "What is this?"}]
    text = processor.apply_chat_template([{"role": "user", "content": parts}], add_generation_prompt=True)
    found = processor(text=text, images=[image], return_tensors="pt")
    assert text.endswith("<|im_start|>user\n<image>What is this?<|im_end|>\n<|im_start|>assistant\n")
    written = text.replace("<image>", layout.text(layout.grid(*image.size)))
    assert found["input_ids"][0].tolist() == tokenizer(written)["input_ids"]
    tiles = torch.from_numpy(pixels(layout.tiles(image)))
    assert tiles.shape == (7, 3, 32, 32)
    torch.testing.assert_close(found["pixel_values"][0], tiles)


def test_the_processor_and_the_model_of_transformers_answer_together(tiny_vlm: Path) -> None:
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(tiny_vlm, use_fast=False)
    parts = [{"type": "image", "image": Image.new("RGB", (40, 30), "red")}, {"type": "text", "text": "What is this?"}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": parts}],
        add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt",
    )  # fmt: skip
    with torch.inference_mode():
        answer = load_model(tiny_vlm, dtype=torch.float32).generate(**inputs, max_new_tokens=3, do_sample=False)
    assert answer.shape[1] <= inputs["input_ids"].shape[1] + 3
