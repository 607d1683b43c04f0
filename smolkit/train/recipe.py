"""The recipe of a fine-tuning run: every choice, its bounds and its default. The defaults are for 135M parameters.

What is here means the same for every task. A task's own recipe, beside what it does, adds its fields; a field of
another task is thereby unknown, and refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from smolkit.optim.schedules import SCHEDULES, Schedule, wsd
from smolkit.recipe import Section

Fraction = Annotated[float, Field(ge=0, le=1)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Synthetic(Section):
    """Rows that the generator makes, instead of a file."""

    rows: Count
    seed: int = 0
    split: Literal["train", "dev", "test"] = "train"


class Source(Section):
    """Where rows come from: a JSONL file, a Hub data set or the generator; `rows` takes a seeded sample of them."""

    path: str | None = None
    config: str | None = None
    """Which configuration of a Hub data set."""
    split: str | None = None
    """Which split of a Hub data set; may be left out where it has one."""
    synth: Synthetic | None = None
    rows: Count | None = None

    @model_validator(mode="after")
    def one_origin(self) -> Self:
        if (self.path is None) == (self.synth is None):
            raise ValueError("give exactly one of path and synth")
        if self.synth and self.rows:
            raise ValueError("rows samples a path; a synth source has rows of its own")
        if self.synth and (self.config or self.split):
            raise ValueError("config and split are of a Hub data set; a synth source has a split of its own")
        return self

    @property
    def name(self) -> str:
        if self.synth:
            return f"synth({', '.join(f'{name}={value}' for name, value in self.synth)})"
        part = ", ".join(name for name in (self.config, self.split) if name)
        return f"{self.path}({part})" if part else str(self.path)


class Data(Section):
    train: tuple[Source, ...] = Field(min_length=1)
    dev: tuple[Source, ...] = ()
    max_length: Annotated[int, Field(ge=32)] = 2048
    """Longest prompt with answer, in tokens. Nothing is ever truncated."""
    too_long: Literal["refuse", "skip"] = "refuse"
    """Whether longer rows stop the run, or are left out, counted and named."""


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
    """How the dev rows are watched; without any, nothing is measured while training."""

    every: Count | None = None
    """Steps between two measurements; None measures at the end alone."""
    rows: Count = 48


class Checkpoint(Section):
    every: Count | None = None
    """Steps between two checkpoints; None keeps none, and a run that is cut off starts again."""
    keep: Count = 2


class Samples(Section):
    """What the model writes while it trains, the likeliest token each time: kept in samples.jsonl, step by step."""

    every: Count | None = None
    """Steps between two times; None writes none. The last step has some in any case."""
    prompts: tuple[Any, ...] = ()
    max_new_tokens: Annotated[int, Field(ge=1, le=512)] = 48

    @model_validator(mode="after")
    def has_prompts(self) -> Self:
        if self.every and not self.prompts:
            raise ValueError(f"every is {self.every}, and there are no prompts to continue")
        return self


class TextSamples(Samples):
    prompts: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), max_length=16)


class FinetuneRecipe(Section):
    """What the recipes of all tasks have in common."""

    task: str
    model: str = "bundled"
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
    samples: Samples = Samples()
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
