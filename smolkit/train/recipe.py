"""The recipe of a fine-tuning run: every choice, its bounds and its default. The defaults are for 135M parameters."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from smolkit.extraction.prompt import get_format
from smolkit.optim.schedules import SCHEDULES, Schedule, wsd
from smolkit.recipe import Section, checked_by

Fraction = Annotated[float, Field(ge=0, le=1)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Synthetic(Section):
    """Rows that the generator makes, instead of a file."""

    rows: Count
    seed: int = 0
    split: Literal["train", "dev", "test"] = "train"
    level: Literal["full", "plain"] = "full"


class Source(Section):
    """Where rows come from: a JSONL file, a Hub data set or the generator; `rows` takes a seeded sample of them."""

    path: str | None = None
    synth: Synthetic | None = None
    rows: Count | None = None

    @model_validator(mode="after")
    def one_origin(self) -> Self:
        if (self.path is None) == (self.synth is None):
            raise ValueError("give exactly one of path and synth")
        if self.synth and self.rows:
            raise ValueError("rows samples a path; a synth source has rows of its own")
        return self

    @property
    def name(self) -> str:
        if self.synth:
            return f"synth({', '.join(f'{name}={value}' for name, value in self.synth)})"
        return str(self.path)


class Data(Section):
    train: tuple[Source, ...] = Field(min_length=1)
    dev: tuple[Source, ...] = ()
    max_length: Annotated[int, Field(ge=32)] = 2048
    """Longest prompt with answer, in tokens. Nothing is ever truncated."""
    too_long: Literal["refuse", "skip"] = "refuse"
    """Whether longer rows stop the run, or are left out, counted and named."""
    redraw: bool = False
    """Whether every pass over the rows after the first has other dates and figures in text and output alike."""


class Lora(Section):
    """Low-rank adapters (arXiv:2106.09685); used when `method` is lora."""

    r: Count = 16
    alpha: Annotated[float, Field(gt=0)] = 32.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"


class Optimizer(Section):
    """AdamW with decoupled weight decay (arXiv:1711.05101) over float32 masters."""

    lr: Annotated[float, Field(gt=0, le=1)] = 2e-4
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    eps: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    clip: Annotated[float, Field(gt=0)] = 1.0
    """Largest L2 norm of all gradients together."""


class ScheduleSection(Section):
    kind: Literal["wsd", "cosine", "linear"] = "wsd"
    warmup: Fraction = 0.05
    """Share of the steps over which the rate rises."""
    decay: Fraction = 0.4
    """Share of the steps over which wsd falls to zero."""
    shape: Literal["linear", "1-sqrt"] = "linear"

    @model_validator(mode="after")
    def parts_fit(self) -> Self:
        if self.kind == "wsd" and self.warmup + self.decay > 1:
            raise ValueError(f"warmup {self.warmup} and decay {self.decay} add up to more than the whole run")
        return self

    def build(self, steps: int) -> Schedule:
        """The multiplier of the peak rate at each of `steps` optimizer steps."""
        warmup = round(self.warmup * steps)
        if self.kind == "wsd":
            return wsd(steps, warmup, round(self.decay * steps), self.shape)
        schedule: Schedule = SCHEDULES.load(self.kind)(steps, warmup)
        return schedule


class Batch(Section):
    rows: Count = 16
    """Rows per optimizer step."""
    micro_tokens: Count = 2048
    """Tokens that run through the model at once; more need more memory and change nothing else."""
    pad_to: Count = 64
    """A micro-batch is filled up to a multiple of so many tokens, to keep shapes few."""


class Dev(Section):
    """How the F1 on the dev rows is watched; without dev rows nothing is measured while training."""

    every: Count | None = None
    """Steps between two measurements; None measures at the end alone."""
    rows: Count = 48
    max_new_tokens: Count = 512


class Checkpoint(Section):
    every: Count | None = None
    """Steps between two checkpoints; None keeps none, and a run that is cut off starts again."""
    keep: Count = 2


class FinetuneRecipe(Section):
    task: Literal["extraction"] = "extraction"
    model: str = "bundled"
    prompt_format: Annotated[str, checked_by(get_format)] = "smolkit-1"
    data: Data
    method: Literal["full", "lora"] = "full"
    lora: Lora = Lora()
    optimizer: Optimizer = Optimizer()
    schedule: ScheduleSection = ScheduleSection()
    batch: Batch = Batch()
    epochs: Annotated[float, Field(gt=0)] = 1.0
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """auto takes bfloat16 where the processor multiplies it in hardware, else float32."""
    dev: Dev = Dev()
    checkpoint: Checkpoint = Checkpoint()
    seed: int = 0
    track: Literal["none", "trackio"] = "none"

    @model_validator(mode="after")
    def holds_together(self) -> Self:
        if self.checkpoint.every and self.dev.every and self.checkpoint.every != self.dev.every:
            raise ValueError(
                f"checkpoint.every ({self.checkpoint.every}) must be the same as dev.every ({self.dev.every}), "
                "so that the best measured model has a checkpoint"
            )
        return self
