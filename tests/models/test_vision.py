"""The parts of a SmolVLM compute what transformers computes with the whole, under both of its names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from smolkit.errors import ModelError
from smolkit.models.packed import Rows, hidden_states
from smolkit.models.vision import (
    TYPES,
    embed,
    image_features,
    is_vision,
    is_vision_directory,
    language_model,
    part_of,
)
from smolkit.models.vision_zoo import VISION_ZOO, TowerShape

IMAGE_ID = 290
TOWER = TowerShape(hidden=32, ffn=64, layers=2, heads=2, image_size=32, patch_size=8, scale_factor=2)


@pytest.fixture(params=TYPES)
def model(request: pytest.FixtureRequest) -> Any:
    """A random SmolVLM of either name over 300 ids; its weights are large enough for pixels to reach the logits."""
    from transformers import AutoModelForImageTextToText

    spec = next(spec for spec in VISION_ZOO.values() if spec.model_type == request.param)
    text = replace(spec.text, hidden=32, ffn=64, layers=2, heads=4, kv_heads=2, vocab=300)
    torch.manual_seed(0)
    found = AutoModelForImageTextToText.from_config(
        replace(spec, text=text, tower=TOWER, image_token_id=IMAGE_ID).config()
    )
    with torch.no_grad():
        for parameter in found.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, 0.2)
    return found.eval()


def test_without_images_the_language_model_answers_as_the_whole(model: Any) -> None:
    ids = torch.arange(40)[None]
    causal = language_model(model)
    with torch.inference_mode():
        torch.testing.assert_close(causal(ids).logits, model(input_ids=ids).logits)
    assert type(causal).__name__ == "LlamaForCausalLM"
    assert causal.lm_head.weight is model.lm_head.weight
    assert causal.model.embed_tokens.weight is model.get_input_embeddings().weight


def test_packed_rows_with_images_have_the_logits_of_transformers(model: Any) -> None:
    """Three rows in one sequence, with two tiles, one image of three, and none."""
    generator = torch.Generator().manual_seed(0)
    tiles_of_rows = [torch.randint(256, (count, 3, 32, 32), generator=generator, dtype=torch.uint8) for count in (2, 3)]
    image = [IMAGE_ID] * TOWER.tokens
    rows = [[1, *image, 5, 6, *image, 7], [1, 9, *image, *image, 8, *image, 4], [1, 2, 3]]
    with torch.inference_mode():
        expected = torch.cat(list(map(_logits_of_transformers, [model] * 3, rows, [*tiles_of_rows, None])))
        features = image_features(model, torch.cat(tiles_of_rows))
        ids = torch.tensor([token for row in rows for token in row])
        positions = torch.cat([torch.arange(len(row)) for row in rows])
        causal, packed = language_model(model), Rows([len(row) for row in rows])
        states = hidden_states(causal, ids, positions, packed, embedded=embed(model, ids, features))
        torch.testing.assert_close(causal.lm_head(states), expected, atol=1e-4, rtol=1e-4)
        turned = hidden_states(causal, ids, positions, packed, embedded=embed(model, ids, features.flip(0)))
        assert (causal.lm_head(turned) - expected).abs().max() > 0.1
    assert features.shape == (5, TOWER.tokens, 32)


def _logits_of_transformers(model: Any, row: list[int], tiles: torch.Tensor | None) -> torch.Tensor:
    pixels = None if tiles is None else ((tiles.float() / 255 - 0.5) / 0.5)[None]
    found: torch.Tensor = model(input_ids=torch.tensor([row]), pixel_values=pixels).logits[0]
    return found


def test_features_and_their_places_are_counted(model: Any) -> None:
    with pytest.raises(ModelError, match="2 image tokens, and 4 features to stand there"):
        embed(model, torch.tensor([1, IMAGE_ID, IMAGE_ID]), torch.zeros(1, TOWER.tokens, 32))


def test_every_parameter_belongs_to_one_part(model: Any) -> None:
    from peft import LoraConfig, get_peft_model

    def parts(names: Any) -> set[str]:
        return {part_of(name) for name, _ in names}

    assert parts(model.named_parameters()) == {"language", "connector", "vision"}
    assert part_of("lm_head.weight") == part_of("model.text_model.embed_tokens.weight") == "language"
    wrapped = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"]))
    assert parts(wrapped.named_parameters()) == {"language", "connector", "vision"}


def test_a_text_model_is_its_own_language_model(tiny_llama: Any) -> None:
    assert language_model(tiny_llama) is tiny_llama
    assert not is_vision(tiny_llama.config)


def test_a_language_model_of_another_kind_is_refused(model: Any) -> None:
    model.config.text_config.model_type = "mistral"
    with pytest.raises(ModelError, match="is a mistral, and only a Llama is known here"):
        language_model(model)


def test_a_directory_is_known_by_its_config(tiny_vlm: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    assert is_vision_directory(tiny_vlm)
    assert not is_vision_directory(tiny_model_dir)
    assert not is_vision_directory(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    assert not is_vision_directory(tmp_path)
