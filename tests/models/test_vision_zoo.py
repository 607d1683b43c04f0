"""The shapes of SmolVLM and SmolVLM2 add up to the published totals, and to what transformers builds."""

from __future__ import annotations

import pytest

from smolkit.errors import ModelError
from smolkit.models.vision_zoo import MODELS, TOWERS, VISION_ZOO, TowerShape
from smolkit.models.zoo import ZOO

TOTALS = {
    "smolvlm-256m-instruct": 256_484_928,
    "smolvlm-256m-base": 256_484_928,
    "smolvlm-500m-instruct": 507_482_304,
    "smolvlm-500m-base": 507_482_304,
    "smolvlm-instruct": 2_246_272_880,
    "smolvlm-base": 2_246_272_880,
    "smolvlm2-256m-video-instruct": 256_484_928,
    "smolvlm2-500m-video-instruct": 507_482_304,
    "smolvlm2-2.2b-instruct": 2_246_784_880,
}


@pytest.mark.parametrize("name", TOTALS)
def test_parameters_are_the_published_ones_and_those_that_transformers_builds(name: str) -> None:
    import torch
    from transformers import AutoModelForImageTextToText

    from smolkit.models.vision_weights import count

    spec = VISION_ZOO[name]
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(spec.config())
    assert type(model).__name__ == {
        "idefics3": "Idefics3ForConditionalGeneration", "smolvlm": "SmolVLMForConditionalGeneration",
    }[spec.model_type]  # fmt: skip
    assert spec.ledger().total == TOTALS[name] == sum(p.numel() for p in model.parameters())
    assert count(model) == spec.ledger()


def test_every_released_model_has_a_name_here_and_no_other_has() -> None:
    assert list(VISION_ZOO) == list(TOTALS)
    assert list(MODELS) == [*ZOO, *TOTALS]
    for name, spec in VISION_ZOO.items():
        assert spec.hub_id.lower() == f"huggingfacetb/{name}"


@pytest.mark.parametrize(
    ("name", "tokens", "image_token_id", "vocab", "theta", "longest_edge"),
    [
        ("smolvlm-256m-instruct", 64, 49_190, 49_280, 100_000, 2048),
        ("smolvlm2-500m-video-instruct", 64, 49_190, 49_280, 100_000, 2048),
        ("smolvlm-instruct", 81, 49_153, 49_155, 273_768, 1536),
        ("smolvlm2-2.2b-instruct", 81, 49_190, 49_280, 130_000, 1536),
    ],
)
def test_what_an_image_costs_and_where_it_stands(
    name: str, tokens: int, image_token_id: int, vocab: int, theta: float, longest_edge: int
) -> None:
    spec = VISION_ZOO[name]
    config = spec.config()
    assert (spec.tower.tokens, config.image_token_id, spec.longest_edge) == (tokens, image_token_id, longest_edge)
    assert config.text_config.vocab_size == vocab
    assert config.text_config.rope_parameters["rope_theta"] == theta
    assert config.tie_word_embeddings is False


def test_flops_of_a_tile_grow_with_every_patch() -> None:
    """SigLIP base reads 1,024 patches of a tile: 6 N of its 86M, 12 L d s of attention, and 64 features' projection."""
    flops = VISION_ZOO["smolvlm-256m-instruct"].flops_per_tile()
    assert flops == 1024 * (6 * 86_433_024 + 12 * 12 * 768 * 1024) + 64 * 6 * 768 * 16 * 576


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale_factor": 3}, r"16 patches a side do not divide by the scale factor, 3\. Take images of 240 pixels"),
        ({"heads": 5}, r"a width of 384 does not divide into 5 heads\. Take a width of 385"),
        ({"layers": 0}, "layers must be at least 1, got 0"),
        ({"image_size": -1}, "image size must be at least 1, got -1"),
    ],
)
def test_sizes_that_do_not_divide_are_one_line(change: dict[str, int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        TowerShape(**{**vars(TOWERS["small"]), **change})
