"""The recipe of reading images: rates for each part of a SmolVLM, how images are cut, the tower that an LM gets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from smolkit.errors import ModelError, RecipeError
from smolkit.extraction.prompt import get_format
from smolkit.models.vision_zoo import TOWERS, TowerShape
from smolkit.recipe import Section, checked_by
from smolkit.train.recipe import (
    Count,
    Data,
    Dev,
    FinetuneRecipe,
    Fraction,
    Lora,
    Optimizer,
    Samples,
    Source,
    Synthetic,
)

if TYPE_CHECKING:
    from smolkit.data.images import ImageLayout

Rate = Annotated[float, Field(ge=0, le=1)]


class SyntheticPictures(Synthetic):
    of: Literal["pages", "shapes"] = "shapes"


class PictureSource(Source):
    synth: SyntheticPictures | None = None
    images: str | None = None
    """The folder that the images of a path are named from; its own folder where None."""

    @model_validator(mode="after")
    def images_are_of_a_path(self) -> Self:
        if self.synth and self.images:
            raise ValueError("images is of a path; leave it out for synth")
        return self


class PictureData(Data):
    train: tuple[PictureSource, ...] = Field(min_length=1)
    dev: tuple[PictureSource, ...] = ()
    max_length: Annotated[int, Field(ge=32)] = 2048
    """Longest prompt with answer, in tokens, those of its images among them."""


class Images(Section):
    """How images are cut; what is None is as the model's processor has it."""

    split: bool | None = None
    """Whether an image becomes many tiles and an overview, or one tile."""
    longest_edge: Count | None = None
    """To what the longer side is brought before it is split, in pixels."""
    check: Literal["decode", "header"] = "decode"
    """Whether every image is read whole before the first step, or its first bytes alone."""
    threads: Count = 2
    """Threads that cut images beside the training."""

    def applied(self, layout: ImageLayout) -> ImageLayout:
        """That layout with what is given here. Raises RecipeError for sizes that do not go with its tiles."""
        given = self.model_dump(include={"split", "longest_edge"}, exclude_none=True)
        try:
            return replace(layout, **given)
        except ModelError as exc:
            raise RecipeError(str(exc), where="images.longest_edge") from exc


class PartRates(Optimizer):
    """AdamW with a rate for each part; 0 leaves a part as it is. The defaults are SmolVLM's own."""

    lr: Rate = 2e-5
    """Of the language model."""
    connector_lr: Rate = 1e-4
    vision_lr: Rate = 5e-6
    language_after: Fraction = 0.0
    """Share of the steps that pass before the language model learns, too."""

    def of(self, part: str) -> float:
        return {"language": self.lr, "connector": self.connector_lr, "vision": self.vision_lr}[part]


class PartLora(Lora):
    """Adapters for the language model and the connector."""

    r: Count = 8
    alpha: Annotated[float, Field(gt=0)] = 8.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    vision: bool = False
    """Whether the vision tower has adapters as well."""


class SampleImage(Section):
    """An image with a question about it, or with the template that it fills."""

    image: str = Field(min_length=1)
    question: str | None = None
    template: dict[str, Any] | None = None

    @model_validator(mode="after")
    def asks_one_thing(self) -> Self:
        if (self.question is None) == (self.template is None):
            raise ValueError("give exactly one of question and template")
        return self


class ImageSamples(Samples):
    prompts: tuple[SampleImage, ...] = Field(default=(), max_length=16)


class VisionDev(Dev):
    max_new_tokens: Count = 256


def tower_of(name: str) -> TowerShape:
    """The tower of that name. Raises ModelError with the nearest one."""
    if name not in TOWERS:
        raise ModelError(f"unknown tower {name!r}", given=name, known=TOWERS)
    return TOWERS[name]


class Init(Section):
    """The vision tower that a language model gets; what is None is as `tower` has it."""

    tower: Annotated[str, checked_by(tower_of)] = "small"
    hidden: Count | None = None
    ffn: Count | None = None
    layers: Count | None = None
    heads: Count | None = None
    image_size: Count | None = None
    patch_size: Count | None = None
    scale_factor: Count | None = None
    tower_from: str | None = None
    """Another SmolVLM, whose tower and connector are taken where they fit."""
    seed: int = 0

    @property
    def shape(self) -> TowerShape:
        given = {name: value for name in _SIZES if (value := getattr(self, name)) is not None}
        return replace(tower_of(self.tower), **given)

    @model_validator(mode="after")
    def can_be_built(self) -> Self:
        from smolkit.models.vision_init import check_shape

        try:
            check_shape(self.shape)
        except ModelError as exc:
            raise ValueError(str(exc)) from exc
        return self


_SIZES = ("hidden", "ffn", "layers", "heads", "image_size", "patch_size", "scale_factor")


class VisionRecipe(FinetuneRecipe):
    task: Literal["vision"]
    model: str = "smolvlm2-256m-video-instruct"
    """A SmolVLM; or with `init` the language model that one is made of."""
    init: Init | None = None
    """The tower that a language model gets."""
    prompt_format: Annotated[str, checked_by(get_format)] | None = None
    """Of rows with templates; what the model was trained with where None."""
    data: PictureData
    images: Images = Images()
    lora: PartLora = PartLora()
    optimizer: PartRates = PartRates()
    dev: VisionDev = VisionDev()
    samples: ImageSamples = ImageSamples()

    @model_validator(mode="after")
    def something_learns(self) -> Self:
        if not any(map(self.optimizer.of, ("language", "connector", "vision"))):
            raise ValueError("all rates of optimizer are 0, so nothing would learn")
        return self
