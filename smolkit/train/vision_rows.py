"""Rows about images as the ids that a SmolVLM learns: each feature of an image has a token, and none is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolkit.data.images import ImageLayout, ImageSource
from smolkit.data.render import Example, TokenizerEncoder, encode_prompt
from smolkit.data.synth.pictures import generate_pictures
from smolkit.data.vision_chat import VisionChatFormat
from smolkit.data.vision_render import encode_vision_row
from smolkit.data.vision_rows import VisionRow, check_images, read_vision_rows, validate_vision_rows
from smolkit.errors import DataError, ModelError, locate
from smolkit.extraction.prompt import PromptFormat, get_format, guess_format
from smolkit.extraction.template import Template
from smolkit.manifest import read_optional
from smolkit.models import load_tokenizer
from smolkit.models.vision import is_vision_directory
from smolkit.runtime.pictures import read_picture
from smolkit.train.prepare import Prepared, choose_padding, sample
from smolkit.train.samples import Prompt
from smolkit.train.vision_recipe import PictureSource, SampleImage, VisionRecipe


@dataclass(frozen=True)
class VisionExample(Example):
    """One row as ids, in which every feature of its images has an image token."""

    turns: tuple[tuple[int, int], ...] = ()
    images: tuple[ImageSource, ...] = ()
    tiles: int = 0
    """Of all its images."""

    @property
    def answers(self) -> Sequence[tuple[int, int]]:
        return self.turns

    @property
    def identity(self) -> list[Any]:
        return [*super().identity, [image.where for image in self.images]]


@dataclass(frozen=True)
class DevRow:
    """A row to measure on, and the example that it is."""

    row: VisionRow
    example: VisionExample

    @property
    def identity(self) -> list[Any]:
        return self.example.identity


@dataclass(frozen=True)
class Reader:
    """Turns rows into ids for one model."""

    tokenizer: Any
    layout: ImageLayout
    prompt_format: PromptFormat
    chat: VisionChatFormat

    @classmethod
    def open(cls, recipe: VisionRecipe, base: Path) -> Reader:
        if not is_vision_directory(base):
            raise ModelError(
                f"{recipe.model} reads text alone",
                fix="Take a SmolVLM, or give `init` to make one of this model",
            )
        tokenizer = load_tokenizer(base)
        encode = TokenizerEncoder(tokenizer)
        manifest = read_optional(base)
        named = recipe.prompt_format or (manifest.prompt_format if manifest else None) or guess_format(encode)
        choose_padding(tokenizer, get_format(named))
        return cls.of_parts(tokenizer, recipe.images.applied(ImageLayout.read(base)), get_format(named))

    @classmethod
    def of(cls, prepared: Prepared) -> Reader:
        assert prepared.images is not None
        assert prepared.prompt_format is not None
        return cls.of_parts(prepared.tokenizer, prepared.images, get_format(prepared.prompt_format))

    @classmethod
    def of_parts(cls, tokenizer: Any, layout: ImageLayout, prompt_format: PromptFormat) -> Reader:
        template = tokenizer.chat_template
        if not isinstance(template, str):
            raise ModelError("this model has no chat template, so nothing can be asked about images")
        tokens = {"bos_token": tokenizer.bos_token, "eos_token": tokenizer.eos_token}
        chat = VisionChatFormat(template, TokenizerEncoder(tokenizer), tokens)
        return cls(tokenizer, layout, prompt_format, chat)

    def example(self, row: VisionRow, file: str) -> VisionExample:
        """A row as ids. Raises DataError for one whose answers would not end as this model's do."""
        where = locate(file, row.line)
        ids, turns = encode_vision_row(row, [*map(self.picture_ids, row.images)], self.prompt_format, self.chat)
        if any(ids[end - 1] != self.tokenizer.eos_token_id for _, end in turns):
            raise DataError(
                f"the chat template ends turns otherwise than prompt format {self.prompt_format.id} ends answers",
                where=where,
                fix="Set prompt_format to the one that goes with the model's template",
            )
        tiles = sum(self.layout.count(*image.size) for image in row.images)
        return VisionExample(ids, turns[0][0], where, tuple(turns), row.images, tiles)

    def dev(self, row: VisionRow, file: str) -> DevRow:
        return DevRow(row, self.example(row, file))

    def sample(self, given: SampleImage, where: str) -> Prompt:
        encode = TokenizerEncoder(self.tokenizer)
        picture = read_picture(ImageSource(Path(given.image), f"{where}.image: {given.image}"), self.layout, encode)
        if given.template is not None:
            ids = encode_prompt(self.prompt_format, Template.parse(given.template, where), picture.ids, encode)
        else:
            content = [{"type": "image"}, {"type": "text", "text": given.question}]
            ids = self.chat.prompt([{"role": "user", "content": content}], [picture.ids])
        return Prompt(f"{given.image}\n{given.question or given.template}", ids, (picture,))

    def picture_ids(self, image: ImageSource) -> list[int]:
        return TokenizerEncoder(self.tokenizer)(self.layout.text(self.layout.grid(*image.size)), special=True)


def read_source(source: PictureSource, recipe: VisionRecipe) -> list[VisionRow]:
    """The rows of a source, their images looked at; a sample is drawn by the seed."""
    if source.synth:
        made_up = list(generate_pictures(source.synth.rows, source.synth.seed, source.synth.split, source.synth.of))
        return validate_vision_rows(made_up, source.name)
    assert source.path is not None
    rows = sample(
        read_vision_rows(source.path, root=source.images, config=source.config, split=source.split),
        source,
        recipe.seed,
    )
    check_images(rows, decode=recipe.images.check == "decode")
    return rows
