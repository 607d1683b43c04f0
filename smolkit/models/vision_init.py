"""A SmolVLM from a language model: markers for images in its vocabulary, a vision tower and a connector before it.

The language model keeps every weight. What comes out can be trained by any recipe for SmolVLMs, and has to be: a fresh
tower has not learned to see.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from smolkit import __version__
from smolkit.data.images import MARKERS, ImageLayout
from smolkit.data.vision_chat import VISION_CHATML
from smolkit.errors import ModelError
from smolkit.manifest import Manifest, Source, check_destination, read_optional, staged, write
from smolkit.models.initial import generator_of
from smolkit.models.load import load_config, load_model, load_tokenizer
from smolkit.models.resolve import resolve
from smolkit.models.save import save_model
from smolkit.models.vision import is_vision_directory
from smolkit.models.vision_weights import copy_vision, count, draw_vision
from smolkit.models.vision_zoo import TOWERS, TowerShape, VisionLedger, nearest_multiple

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

RESERVED = 88
"""Tokens without a meaning that SmolVLM adds after the markers, so that its vocabulary is a multiple of 128."""
ADDED = (*MARKERS, *(f"<|reserved_special_token_{number}|>" for number in range(RESERVED)), "<end_of_utterance>")
"""What SmolVLM's tokenizer has beyond SmolLM2's, in the order of the ids."""

_NOISE = 0.1
"""Of new embeddings around the mean of the old ones, in standard deviations of the old ones."""


@dataclass(frozen=True, kw_only=True)
class VisionModel:
    """What `make_vision_model` made, counted; `copied` tensors came from another SmolVLM."""

    ledger: VisionLedger
    images: ImageLayout
    image_token_id: int
    copied: int


def make_vision_model(
    language: str | Path,
    out: Path,
    shape: TowerShape,
    images: ImageLayout,
    *,
    tied: bool | None = None,
    seed: int = 0,
    tower_from: str | Path | None = None,
    dtype: torch.dtype = torch.float32,
    overwrite: bool = False,
) -> VisionModel:
    """Write a SmolVLM of a Llama into `out`: weights, tokenizer, processor files, card and manifest.

    Without `tied` its head is tied where the language model's is. Raises ModelError, before anything is written, for a
    language model that is no Llama or sees images already, and for sizes that cannot be built.
    """
    check_shape(shape)
    check_destination(out, overwrite=overwrite, inputs=[language, *([tower_from] if tower_from else [])])
    directory = resolve(language)
    if is_vision_directory(directory):
        raise ModelError("reads images already", where=str(language), fix="Name a text model, such as bundled")
    donor = load_model(_vision_directory(tower_from), dtype=torch.float32) if tower_from else None
    text, tokenizer = load_model(directory, dtype=torch.float32), load_tokenizer(directory)
    _check_text(text.config, tied, images, str(language))
    add_markers(text, tokenizer, seed)
    model: Any = assemble(text, shape, tokenizer.convert_tokens_to_ids(MARKERS[-1]), tied)
    draw_vision(model, seed)
    copied = copy_vision(donor, model, seed) if donor else 0
    result = VisionModel(ledger=count(model), images=images, image_token_id=model.config.image_token_id, copied=copied)
    with staged(out, overwrite=overwrite) as staging:
        save_model(model.to(dtype), tokenizer, staging, images)
        (staging / "README.md").write_text(_card(str(language), shape, result), encoding="utf-8")
        write(staging, _manifest(directory, tower_from, shape, result))
    return result


def layout_of(shape: TowerShape, *, longest_edge: int | None = None, split: bool = True) -> ImageLayout:
    """How a model with this tower cuts images; by default into four tiles a side at most, as SmolVLM does, or one."""
    if longest_edge is None:
        longest_edge = shape.image_size * (4 if split else 1)
    return ImageLayout(tile=shape.image_size, tokens=shape.tokens, longest_edge=longest_edge, split=split)


def check_shape(shape: TowerShape) -> None:
    """Raise ModelError for a tower that can be described and not be drawn."""
    released = {(tower.image_size, tower.patch_size) for tower in TOWERS.values()}  # SigLIP leaves 6 pixels of 384 out
    if shape.image_size % shape.patch_size and (shape.image_size, shape.patch_size) not in released:
        raise ModelError(
            f"an image of {shape.image_size} pixels does not divide into patches of {shape.patch_size}",
            fix=f"Take images of {nearest_multiple(shape.image_size, shape.patch_size)}",
        )
    if shape.hidden % 4:
        raise ModelError(
            f"a width of {shape.hidden} has no room for sines and cosines of two places",
            fix=f"Take {nearest_multiple(shape.hidden, 4)}",
        )


def shape_of_model(name: str | Path) -> TowerShape:
    """The shape of the tower and connector of a SmolVLM. Raises ModelError where the name is one of another kind."""
    config: Any = load_config(_vision_directory(name))
    vision = config.vision_config
    return TowerShape(
        hidden=vision.hidden_size,
        ffn=vision.intermediate_size,
        layers=vision.num_hidden_layers,
        heads=vision.num_attention_heads,
        image_size=vision.image_size,
        patch_size=vision.patch_size,
        scale_factor=config.scale_factor,
    )


def _vision_directory(name: str | Path) -> Path:
    directory = resolve(name)
    if not is_vision_directory(directory):
        raise ModelError("is no SmolVLM, so it has no vision tower", where=str(name))
    return directory


def _check_text(config: Any, tied: bool | None, images: ImageLayout, where: str) -> None:
    if config.model_type != "llama":
        fix = "Take a model of the Llama kind, such as SmolLM2"
        raise ModelError(f"is a {config.model_type}, and SmolVLMs are made of Llamas", where=where, fix=fix)
    if tied and not config.tie_word_embeddings:
        raise ModelError("its head and its embeddings are two matrices, and one would be lost", where=where)
    tokens, context = (
        images.tokens * images.count(images.longest_edge, images.longest_edge),
        config.max_position_embeddings,
    )
    if tokens >= context:
        fix = "Take a larger scale factor, a smaller longest edge, or --no-split"
        raise ModelError(
            f"a square image becomes {tokens} tokens, and this model reads {context}", where=where, fix=fix
        )


@torch.no_grad()
def add_markers(text: Any, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    """Give a language model and its tokenizer what SmolVLM adds, and the chat template whose contents hold images.

    A new row is the mean of the old ones and a little noise: its logit is about the mean of all logits, so that no new
    token is likely before it is learned and the others keep their probabilities; with rows near zero, or drawn as fresh
    ones are, new tokens would take probability from all of them (Hewitt, 2021, "Initializing New Word Embeddings").
    """
    known = len(tokenizer)
    tokenizer.add_tokens(list(ADDED), special_tokens=True)
    tokenizer.chat_template = VISION_CHATML
    rows = max(len(tokenizer), text.config.vocab_size)
    text.resize_token_embeddings(rows, mean_resizing=False)
    matrices = {"embed": text.get_input_embeddings().weight, "head": text.get_output_embeddings().weight}
    for name, matrix in matrices.items():
        if name == "head" and matrix is matrices["embed"]:
            continue
        old, new = matrix[:known], matrix[known:]
        noise = torch.empty_like(new).normal_(generator=generator_of(name, seed, new.device))
        new.copy_(old.mean(0) + _NOISE * old.std(0) * noise)


def assemble(text: Any, shape: TowerShape, image_token_id: int, tied: bool | None) -> Any:
    """A SmolVLM that takes over the weights of a Llama; its tower and connector are not filled yet."""
    from transformers import AutoModelForImageTextToText, SmolVLMConfig
    from transformers.initialization import no_init_weights

    tied = text.config.tie_word_embeddings if tied is None else tied
    fields = {name: value for name, value in text.config.to_dict().items() if name != "_name_or_path"}
    config = SmolVLMConfig(
        text_config=fields,
        vision_config=shape.config(),
        scale_factor=shape.scale_factor,
        image_token_id=image_token_id,
        tie_word_embeddings=tied,
    )
    with no_init_weights():
        model = AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    model.model.text_model.load_state_dict(text.model.state_dict())
    model.lm_head.load_state_dict(text.lm_head.state_dict())
    model.generation_config = text.generation_config
    if tied:
        model.tie_weights()
    return model.eval()


def _manifest(directory: Path, tower_from: str | Path | None, shape: TowerShape, made: VisionModel) -> Manifest:
    inside = read_optional(directory)
    donors = (Source.of("vision tower", resolve(tower_from)),) if tower_from else ()
    return Manifest(
        kind="model",
        prompt_format=(inside.prompt_format if inside else None) or "smolkit-1",
        sources=(Source.of("language model", directory), *donors),
        details={"tower": vars(shape), "parameters": vars(made.ledger), "copied_tensors": made.copied},
    )


def _card(language: str, shape: TowerShape, made: VisionModel) -> str:
    images, counts = made.images, made.ledger
    cut = f"brought to {images.longest_edge} pixels and cut" if images.split else "brought to one tile"
    drawn = (
        f"{made.copied} tensors of its vision tower and connector are those of another SmolVLM"
        if made.copied
        else "Its vision tower and connector are fresh, so it has not learned to see"
    )
    return f"""---
library_name: transformers
pipeline_tag: image-text-to-text
tags: [smolkit, vision]
---

# A SmolVLM from {language}

Made with smolkit {__version__} to be trained. {drawn}. The language model is {language}, with
tokens for images in its vocabulary.

    smolkit finetune --task vision --set model=DIRECTORY

Images are {cut}; a tile is {images.tile} pixels a side and becomes {images.tokens} tokens.

| part | parameters |
|---|---|
| embeddings and layers of the language model | {counts.language:,} |
| head | {counts.head:,} |
| connector, {shape.scale_factor} x {shape.scale_factor} patches to a feature | {counts.connector:,} |
| vision tower: {shape.layers} layers of {shape.hidden}, patches of {shape.patch_size} | {counts.vision:,} |
| all | {counts.total:,} |
"""
