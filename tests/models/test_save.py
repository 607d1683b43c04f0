from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open

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
