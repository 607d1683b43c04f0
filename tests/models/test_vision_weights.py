"""Weights of a tower: every tensor is filled, and places are told apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from smolkit.models.vision_weights import copy_vision, count, draw_connector, draw_vision
from smolkit.models.vision_zoo import VISION_ZOO, TowerShape


@pytest.fixture
def model() -> Any:
    """A small SmolVLM that holds nothing but nan."""
    from transformers import AutoModelForImageTextToText

    spec = VISION_ZOO["smolvlm2-256m-video-instruct"]
    tower = TowerShape(hidden=32, ffn=64, layers=2, heads=2, image_size=32, patch_size=8, scale_factor=2)
    text = replace(spec.text, hidden=32, ffn=64, layers=1, heads=2, kv_heads=1, vocab=300)
    found = AutoModelForImageTextToText.from_config(replace(spec, text=text, tower=tower).config())
    with torch.no_grad():
        for name, parameter in found.named_parameters():
            parameter.fill_(torch.nan if "text_model" not in name else 0.5)
    return found


def test_every_tensor_of_tower_and_connector_is_filled_and_none_of_the_language_model(model: Any) -> None:
    draw_vision(model, 0)
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter).all() != (name == "lm_head.weight"), name
    assert (model.get_input_embeddings().weight == 0.5).all()


def test_places_differ_and_white_paper_is_nothing_but_its_place(model: Any) -> None:
    draw_vision(model, 0)
    embeddings = model.model.vision_model.embeddings
    places = embeddings.position_embedding.weight
    distances = torch.cdist(places, places) + torch.eye(len(places)) * 9
    assert distances.min() > 0.1
    torch.testing.assert_close(places.mean(0), torch.zeros(32), atol=1e-6, rtol=0)
    white = embeddings(torch.ones(1, 3, 32, 32), torch.ones(1, 4, 4, dtype=torch.bool))
    torch.testing.assert_close(white[0], places, atol=1e-4, rtol=0)


def test_neighbours_are_nearer_than_the_far_corner(model: Any) -> None:
    draw_vision(model, 0)
    places = model.model.vision_model.embeddings.position_embedding.weight.detach()
    right, below, corner = (float((places[0] - places[other]).norm()) for other in (1, 4, 15))
    assert right == pytest.approx(below, rel=1e-4)
    assert right < corner


@torch.no_grad()
def test_the_connector_is_drawn_to_the_size_of_the_embeddings(model: Any) -> None:
    draw_vision(model, 0)
    projection = model.model.connector.modality_projection.proj.weight
    normed = torch.randn(4000, projection.shape[1], generator=torch.Generator().manual_seed(0))
    assert (normed @ projection.T).square().mean().sqrt() == pytest.approx(0.5, rel=0.1)
    model.model.vision_model.post_layernorm.weight.fill_(3.0)
    draw_connector(model, 0)
    assert (3 * normed @ projection.T).square().mean().sqrt() == pytest.approx(0.5, rel=0.1)


def test_what_is_copied_is_counted_and_parts_are_too(model: Any) -> None:
    from copy import deepcopy

    draw_vision(model, 0)
    other = deepcopy(model)
    draw_vision(other, 1)
    fitting = [name for name, _ in model.named_parameters() if "vision_model" in name or "connector" in name]
    assert copy_vision(model, other, 0) == len(fitting)
    assert all(torch.equal(model.get_parameter(name), other.get_parameter(name)) for name in fitting)
    assert count(model).total == sum(parameter.numel() for parameter in model.parameters())
    assert count(model).head == 300 * 32
