from __future__ import annotations

from pathlib import Path

import torch

from smolkit.models import load_model, load_tokenizer


def test_a_saved_model_loads_with_its_ties_and_one_truth_about_the_end(tiny_model_dir: Path) -> None:
    model, tokenizer = load_model(tiny_model_dir, dtype=torch.float32), load_tokenizer(tiny_model_dir)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert model.config.eos_token_id == model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert (tiny_model_dir / "model.safetensors").stat().st_mode & 0o044 == 0o044
