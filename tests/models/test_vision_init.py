"""A language model becomes one that sees: its own weights stay, and what is new starts harmless."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from smolkit.data.images import MARKERS, ImageLayout
from smolkit.errors import ManifestError, ModelError
from smolkit.manifest import read
from smolkit.models import load_model, load_tokenizer, save_model
from smolkit.models.vision import image_features, language_model
from smolkit.models.vision_init import add_markers, check_shape, layout_of, make_vision_model, shape_of_model
from smolkit.models.vision_zoo import TOWERS, TowerShape

TOWER = TowerShape(hidden=32, ffn=64, layers=2, heads=2, image_size=32, patch_size=8, scale_factor=2)
LAYOUT = layout_of(TOWER, longest_edge=96)


def weights(directory: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(directory, dtype=torch.float32).named_parameters())


def untied(directory: Path, target: Path) -> Path:
    """A copy of a text model whose head is a matrix of its own."""
    model, tokenizer = load_model(directory, dtype=torch.float32), load_tokenizer(directory)
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight * 2)
    target.mkdir()
    save_model(model, tokenizer, target)
    return target


def test_the_vocabulary_is_smollm2s_with_the_ids_of_smolvlm(tiny_vlm: Path, tokenizer: Any) -> None:
    found = load_tokenizer(tiny_vlm)
    assert len(found) == 49_280
    assert found.convert_tokens_to_ids(list(MARKERS)) == list(range(49_152, 49_191))
    assert found.convert_tokens_to_ids(["<global-img>", "<row_6_col_6>", "<image>"]) == [49_152, 49_188, 49_190]
    assert found.convert_tokens_to_ids("<|reserved_special_token_0|>") == 49_191
    assert found.convert_tokens_to_ids("<end_of_utterance>") == 49_279
    text = "Total: 12.50 <b>EUR</b>"
    assert found(text)["input_ids"] == tokenizer(text)["input_ids"]


def test_the_language_model_keeps_every_weight_and_answers_as_before(tiny_vlm: Path, tiny_model_dir: Path) -> None:
    before = load_model(tiny_model_dir, dtype=torch.float32)
    after = language_model(load_model(tiny_vlm, dtype=torch.float32))
    ids = torch.arange(100, 140)[None]
    with torch.inference_mode():
        wanted, found = before(ids).logits, after(ids).logits
    torch.testing.assert_close(found[..., :49_152], wanted)


def test_a_new_token_is_not_likely_and_takes_nothing_from_the_others(bundled: Path) -> None:
    causal: Any = load_model(bundled, dtype=torch.float32)
    tokenizer = load_tokenizer(bundled)
    ids = tokenizer("The capital of France is Paris, and it lies on the", return_tensors="pt").input_ids
    add_markers(causal, tokenizer, 0)
    with torch.inference_mode():
        likely = causal(ids).logits[0].softmax(-1)[:, 49_152:]
    assert likely.shape[1] == 128
    assert likely.sum(-1).max() < 1e-3
    rows = causal.model.embed_tokens.weight[49_152:]
    assert len(torch.unique(rows, dim=0)) == len(rows)


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_features_are_as_large_as_embeddings_and_tell_places_and_images_apart(
    tiny_model_dir: Path, tmp_path: Path, name: str
) -> None:
    shape = TOWERS[name]
    make_vision_model(tiny_model_dir, tmp_path / "out", shape, layout_of(shape, split=False))
    model: Any = load_model(tmp_path / "out", dtype=torch.float32)
    page = torch.full((2, 3, shape.image_size, shape.image_size), 255, dtype=torch.uint8)
    page[1, :, 20:40, 20:100] = 0
    with torch.inference_mode():
        features = image_features(model, page)
        wanted = model.get_input_embeddings().weight.square().mean().sqrt()
    assert features.shape == (2, shape.tokens, 64)
    assert features.square().mean().sqrt() == pytest.approx(float(wanted), rel=0.15)
    assert features[0].std(0).mean() > 0.5 * wanted
    assert (features[1] - features[0]).abs().amax(-1).max() > 0.5 * wanted


def test_the_same_seed_draws_the_same_weights_and_another_others(
    tiny_vlm: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    make_vision_model(tiny_model_dir, tmp_path / "same", TOWER, LAYOUT)
    make_vision_model(tiny_model_dir, tmp_path / "other", TOWER, LAYOUT, seed=1)
    first, same, other = (weights(path) for path in (tiny_vlm, tmp_path / "same", tmp_path / "other"))
    assert all(torch.equal(first[name], same[name]) for name in first)
    changed = [name for name in first if first[name].ndim > 1 and not torch.equal(first[name], other[name])]
    drawn = [name for name in first if first[name].ndim > 1 and ("vision" in name or "connector" in name)]
    assert set(changed) == {*drawn, "model.text_model.embed_tokens.weight"} - {
        "model.vision_model.embeddings.position_embedding.weight"
    }


def test_the_directory_says_what_it_is(tiny_vlm: Path, tiny_model_dir: Path) -> None:
    manifest = read(tiny_vlm)
    assert (manifest.kind, manifest.prompt_format) == ("model", "smolkit-1")
    assert [source.role for source in manifest.sources] == ["language model"]
    assert manifest.details["tower"]["patch_size"] == 8
    assert sum(manifest.details["parameters"].values()) == sum(tensor.numel() for tensor in weights(tiny_vlm).values())
    assert ImageLayout.read(tiny_vlm) == LAYOUT
    assert shape_of_model(tiny_vlm) == TOWER
    card = (tiny_vlm / "README.md").read_text()
    assert "pipeline_tag: image-text-to-text" in card
    assert "it has not learned to see" in card
    assert "becomes 4 tokens" in card


@pytest.mark.parametrize(("tied", "is_tied"), [(None, True), (True, True), (False, False)])
def test_the_head_is_tied_as_asked_or_as_in_the_language_model(
    tiny_model_dir: Path, tmp_path: Path, tied: bool | None, is_tied: bool
) -> None:
    make_vision_model(tiny_model_dir, tmp_path / "out", TOWER, LAYOUT, tied=tied)
    model = load_model(tmp_path / "out", dtype=torch.float32)
    assert (model.lm_head.weight is model.get_input_embeddings().weight) is is_tied
    assert torch.equal(model.lm_head.weight, model.get_input_embeddings().weight)


def test_a_head_of_its_own_stays_and_cannot_be_tied(tiny_model_dir: Path, tmp_path: Path) -> None:
    text = untied(tiny_model_dir, tmp_path / "text")
    make_vision_model(text, tmp_path / "out", TOWER, LAYOUT)
    found = weights(tmp_path / "out")
    embeddings, head = found["model.text_model.embed_tokens.weight"], found["lm_head.weight"]
    assert torch.equal(head[:49_152], embeddings[:49_152] * 2)
    assert torch.isfinite(head).all()
    with pytest.raises(ModelError, match="its head and its embeddings are two matrices, and one would be lost"):
        make_vision_model(text, tmp_path / "tied", TOWER, LAYOUT, tied=True)
    assert not (tmp_path / "tied").exists()


def test_a_tower_is_taken_over_from_another_where_shapes_fit(
    tiny_vlm: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    longer = replace(TOWER, layers=3, image_size=64)
    made = make_vision_model(
        tiny_model_dir, tmp_path / "out", longer, layout_of(longer, split=False), seed=5, tower_from=tiny_vlm
    )
    donor, found = weights(tiny_vlm), weights(tmp_path / "out")
    shared = [name for name in donor if "vision" in name and "position" not in name]
    assert all(torch.equal(donor[name], found[name]) for name in shared)
    assert made.copied == len(shared) + 1  # the connector has the same shape as well
    assert not torch.equal(donor["model.text_model.embed_tokens.weight"], found["model.text_model.embed_tokens.weight"])
    assert [source.role for source in read(tmp_path / "out").sources] == ["language model", "vision tower"]
    assert "those of another SmolVLM" in (tmp_path / "out" / "README.md").read_text()


def test_a_new_connector_fits_a_tower_that_was_taken_over(tiny_vlm: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    """A trained tower's last norm is not 1, and the connector before the language model makes up for it."""
    donor = Path(shutil.copytree(tiny_vlm, tmp_path / "donor"))
    model, tokenizer = load_model(donor, dtype=torch.float32), load_tokenizer(donor)
    with torch.no_grad():
        model.model.vision_model.post_layernorm.weight.fill_(20.0)
    save_model(model, tokenizer, donor, ImageLayout.read(donor))
    (donor / "smolkit.json").unlink()
    shape = replace(TOWER, scale_factor=4)
    make_vision_model(tiny_model_dir, tmp_path / "out", shape, layout_of(shape), tower_from=donor)
    made: Any = load_model(tmp_path / "out", dtype=torch.float32)
    tiles = torch.randint(256, (8, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    with torch.inference_mode():
        size = image_features(made, tiles).square().mean().sqrt()
        wanted = made.get_input_embeddings().weight.square().mean().sqrt()
    assert size == pytest.approx(float(wanted), rel=0.2)


def test_what_no_tower_comes_from_is_told(tiny_vlm: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no SmolVLM, so it has no vision tower"):
        make_vision_model(tiny_model_dir, tmp_path / "out", TOWER, LAYOUT, tower_from=tiny_model_dir)
    other = replace(TOWER, hidden=48, ffn=80)
    with pytest.raises(ModelError, match="no tensor of this SmolVLM's tower fits the new one"):
        make_vision_model(tiny_model_dir, tmp_path / "out", other, LAYOUT, tower_from=tiny_vlm)
    assert list(tmp_path.iterdir()) == []


def test_a_released_tower_may_leave_pixels_at_the_edge_unread() -> None:
    check_shape(replace(TOWERS["siglip-so400m"], layers=2))
    assert TOWERS["siglip-so400m"].patches_per_side * 14 == 378


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_size": 36}, r"an image of 36 pixels does not divide into patches of 8\. Take images of 32"),
        ({"hidden": 34}, r"a width of 34 has no room for sines and cosines of two places\. Take 32"),
    ],
)
def test_a_tower_that_cannot_be_drawn_is_one_line(
    tiny_model_dir: Path, tmp_path: Path, change: dict[str, int], message: str
) -> None:
    shape = replace(TOWER, **change)
    with pytest.raises(ModelError, match=message):
        make_vision_model(tiny_model_dir, tmp_path / "out", shape, LAYOUT)


def test_a_language_model_that_cannot_see_with_this_tower_is_refused(
    tiny_vlm: Path, tiny_model_dir: Path, tokenizer: Any, tmp_path: Path
) -> None:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    with pytest.raises(ModelError, match="reads images already"):
        make_vision_model(tiny_vlm, tmp_path / "out", TOWER, LAYOUT)
    fine = replace(TOWER, image_size=256, patch_size=4)
    with pytest.raises(ModelError, match="a square image becomes 17408 tokens, and this model reads 2048"):
        make_vision_model(tiny_model_dir, tmp_path / "out", fine, layout_of(fine))
    config = Qwen2Config(
        vocab_size=49_152, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1,
    )  # fmt: skip
    (tmp_path / "qwen").mkdir()
    save_model(Qwen2ForCausalLM(config), tokenizer, tmp_path / "qwen")
    with pytest.raises(ModelError, match="is a qwen2, and SmolVLMs are made of Llamas"):
        make_vision_model(tmp_path / "qwen", tmp_path / "out", TOWER, LAYOUT)
    assert not (tmp_path / "out").exists()


def test_a_directory_of_somebody_else_is_left_alone(tiny_model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(ManifestError, match="not ours to replace"):
        make_vision_model(tiny_model_dir, tmp_path, TOWER, LAYOUT)
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]
