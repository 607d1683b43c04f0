"""The recipe of a pretraining run: model, data by stages, batch, optimizer, schedule. Counts are of optimizer steps."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from smolkit.data.mixture import Mixture, Stage
from smolkit.data.text import Filters, Text
from smolkit.errors import nearest
from smolkit.models.vision_zoo import VISION_ZOO
from smolkit.models.zoo import ZOO, ModelSpec
from smolkit.optim.schedules import SCHEDULES, Schedule, wsd
from smolkit.recipe import Section
from smolkit.train.recipe import Beta, Count, TextSamples

_TOLERANCE = 1e-6
"""How far weights may be from adding to 1."""


class Shape(Section):
    """The sizes of a Llama, in scalars; the published ones have names (`smolkit models list`)."""

    hidden: Count
    ffn: Count
    layers: Count
    heads: Count
    kv_heads: Count
    vocab: Count = 49_152
    tied: bool = True
    rms_norm_eps: Annotated[float, Field(gt=0)] = 1e-5

    @model_validator(mode="after")
    def heads_fit(self) -> Self:
        if self.hidden % self.heads or self.heads % self.kv_heads:
            raise ValueError(
                f"hidden {self.hidden} must be a multiple of heads {self.heads}, and heads of kv_heads {self.kv_heads}"
            )
        if self.hidden // self.heads % 2:
            raise ValueError(f"a head has {self.hidden // self.heads} scalars, and rotary positions need pairs")
        return self


class Initialization(Section):
    """Where the weights come from: normal draws by the seed, or `weights`, a model to go on from."""

    std: Annotated[float, Field(gt=0)] | None = None
    """None takes 1 / sqrt(hidden)."""
    scale_residuals: bool = True
    """Whether matrices that add to the residual stream are smaller by sqrt(2 layers) (GPT-2)."""
    weights: str | None = None


class SourceText(Section):
    """A tokenised corpus, and the text that it is made of."""

    corpus: str | None = None
    """Directory of the corpus; None takes `out/corpora/NAME`."""
    text: Text | None = None
    filters: Filters = Filters()
    passes: Annotated[float, Field(gt=0)] = 1.0
    """How often the run may go through it; more is refused, not done silently."""


class StageSection(Section):
    """Part of a run with one mixture of sources."""

    name: str
    until: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of all steps at which it ends."""
    mixture: dict[str, Annotated[float, Field(gt=0)]] = Field(min_length=1)
    normalize: bool = False
    """Whether weights that do not add to 1 are scaled to."""
    sequence: Count | None = None
    rope_theta: Annotated[float, Field(gt=0)] | None = None
    """Base of the rotary positions from here on; None keeps what holds before."""

    @model_validator(mode="after")
    def weights_add_up(self) -> Self:
        total = math.fsum(self.mixture.values())
        if abs(total - 1) > _TOLERANCE and not self.normalize:
            raise ValueError(f"the weights of stage {self.name} add to {total:g}, not 1; or set normalize: true")
        return self

    @property
    def weights(self) -> dict[str, float]:
        total = math.fsum(self.mixture.values())
        return {name: weight / total for name, weight in self.mixture.items()}


class BatchSection(Section):
    tokens: Count = 2**19
    """Tokens per optimizer step, over all processes."""
    micro_tokens: Count = 2**14
    """Tokens that run through the model at once, in whole sequences; more need more memory and change nothing else."""


class PretrainOptimizer(Section):
    """AdamW with decoupled weight decay (arXiv:1711.05101) over float32 masters."""

    lr: Annotated[float, Field(gt=0, le=1)] = 3e-3
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    eps: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    decay_embeddings: bool = False
    decay_norms: bool = False
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    """Largest L2 norm of all gradients together."""
    z_loss: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Weight of the squared log-partition (PaLM, arXiv:2204.02311, section 5: 1e-4)."""


class PretrainSchedule(Section):
    kind: Literal["wsd", "cosine", "linear"] = "wsd"
    warmup_steps: Annotated[int, Field(ge=0)] = 2000
    decay_steps: Annotated[int, Field(ge=0)] = 0
    """The last steps, over which wsd falls to zero; 0 stays at the peak, to be branched from."""
    shape: Literal["linear", "1-sqrt"] = "linear"

    def build(self, steps: int) -> Schedule:
        """The multiplier of the peak rate at each of `steps` optimizer steps."""
        if self.kind == "wsd":
            return wsd(steps, self.warmup_steps, self.decay_steps, self.shape)
        schedule: Schedule = SCHEDULES.load(self.kind)(steps, self.warmup_steps)
        return schedule


class Parallel(Section):
    """How torchrun's processes share the work; a single process needs none of it."""

    kind: Literal["ddp", "fsdp"] = "ddp"
    """ddp keeps everything in every process; fsdp shares out weights, gradients and moments (fully_shard)."""
    shard: Count | None = None
    """With fsdp, so many processes share one copy, such as those of one machine; None shares it over all."""

    @model_validator(mode="after")
    def shards_belong_to_fsdp(self) -> Self:
        if self.shard and self.kind != "fsdp":
            raise ValueError(f"parallel.shard is for fsdp, and kind is {self.kind}")
        return self

    def shards(self, processes: int) -> int:
        """Into how many parts each tensor is cut."""
        return (self.shard or processes) if self.kind == "fsdp" else 1


class Validation(Section):
    """The loss on documents that are never trained on: the last ones of every source."""

    every: Count | None = None
    """Steps between two measurements; None measures nothing and holds nothing back."""
    tokens: Count = 16_384
    """Tokens of each source."""


class PretrainCheckpoint(Section):
    every: Count | None = None
    """Steps between two checkpoints; None keeps none, and a run that is cut off starts again."""
    keep: Count = 2
    """The last so many stay; besides them the best by validation loss, and those of `keep_every`."""
    keep_every: Count | None = None
    """Checkpoints of every so many steps stay for good, to branch from."""
    wait: bool = False
    """Whether training waits while one is written."""


class Hardware(Section):
    """What the estimates of time and cost assume; the run itself does not read it."""

    peak_tflops: Annotated[float, Field(gt=0)] | None = None
    """Of one device; None takes this machine's."""
    devices: Count | None = None
    """None takes the processes that the run has."""
    mfu: Annotated[float, Field(gt=0, le=1)] = 0.4
    price_per_hour: Annotated[float, Field(ge=0)] | None = None
    """Of one device, in any currency."""


class PretrainRecipe(Section):
    model: str | Shape
    tokenizer: str = "bundled"
    initialization: Initialization = Initialization()
    sources: dict[str, SourceText] = Field(min_length=1)
    stages: tuple[StageSection, ...] = Field(min_length=1)
    steps: Count
    sequence: Count = 2048
    """Tokens of a training sequence, where a stage does not say otherwise."""
    rope_theta: Annotated[float, Field(gt=0)] = 10_000.0
    isolate_documents: bool = True
    """Whether documents in one sequence do not see each other."""
    batch: BatchSection = BatchSection()
    optimizer: PretrainOptimizer = PretrainOptimizer()
    schedule: PretrainSchedule = PretrainSchedule()
    parallel: Parallel = Parallel()
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """auto takes bfloat16 where the processor multiplies it in hardware, else float32."""
    activation_checkpointing: bool = False
    """Whether layers are computed again for the backward pass: a third more work for a fraction of the memory."""
    compile: bool = True
    """torch.compile of the layers on a GPU; on a CPU never, where kernels would be made anew for every batch."""
    validation: Validation = Validation()
    samples: TextSamples = TextSamples()
    """Prompts are texts that the model goes on with."""
    checkpoint: PretrainCheckpoint = PretrainCheckpoint()
    hardware: Hardware = Hardware()
    seed: int = 0
    track: Literal["none", "trackio"] = "none"

    @model_validator(mode="after")
    def holds_together(self) -> Self:
        if isinstance(self.model, str):
            self._check_name(self.model)
        self._check_schedule()
        self._check_stages()
        self._check_checkpoints()
        return self

    @staticmethod
    def _check_name(model: str) -> None:
        if model in VISION_ZOO:
            fix = "Name the language model, and give what comes out a tower: smolkit vision init --lm DIRECTORY"
            raise ValueError(f"{model!r} reads images, and pretraining makes models of text. {fix}")
        if model not in ZOO:
            near = nearest(model, ZOO)
            hint = f" Did you mean {near!r}?" if near else f" Known: {', '.join(ZOO)}."
            raise ValueError(f"no model {model!r} in the zoo, and not a shape.{hint}")

    def _check_checkpoints(self) -> None:
        every, kept, measured = self.checkpoint.every, self.checkpoint.keep_every, self.validation.every
        if kept and (not every or kept % every):
            raise ValueError(f"checkpoint.keep_every {kept} must be a multiple of checkpoint.every, {every}")
        if every and measured and every % measured and measured % every:
            raise ValueError(
                f"checkpoint.every {every} and validation.every {measured}: one must be a multiple of the other, "
                "so that the best measured model has a checkpoint"
            )

    def _check_schedule(self) -> None:
        parts = self.schedule.warmup_steps + (self.schedule.decay_steps if self.schedule.kind == "wsd" else 0)
        if parts > self.steps:
            raise ValueError(
                f"warmup_steps {self.schedule.warmup_steps} and decay_steps {self.schedule.decay_steps} "
                f"are more than the {self.steps} steps of the run"
            )
        if self.schedule.kind != "wsd" and self.schedule.decay_steps:
            raise ValueError(f"schedule.decay_steps is for wsd; {self.schedule.kind} falls from the warmup to the end")

    def _check_stages(self) -> None:
        ends = [stage.until for stage in self.stages]
        if ends[-1] != 1.0 or any(after <= before for before, after in pairwise(ends)):
            raise ValueError(f"stages end at {ends} of the steps; they must rise and the last must be 1")
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"two stages have one name: {', '.join(names)}")
        for stage in self.stages:
            for name in stage.mixture:
                if name not in self.sources:
                    near = nearest(name, self.sources)
                    raise ValueError(
                        f"stage {stage.name} mixes {name!r}, which is no source."
                        + (f" Did you mean {near!r}?" if near else f" Known: {', '.join(self.sources)}.")
                    )
            sequence = stage.sequence or self.sequence
            if self.batch.tokens % sequence:
                raise ValueError(f"batch.tokens {self.batch.tokens} is no multiple of the sequence, {sequence}")
            if self.batch.micro_tokens < sequence:
                raise ValueError(f"batch.micro_tokens {self.batch.micro_tokens} has no room for a sequence, {sequence}")
        lengths = self._stage_steps()
        if min(lengths) < 1:
            raise ValueError(f"{self.steps} steps leave stages without any: {lengths}")
        idle = sorted(set(self.sources) - {name for stage in self.stages for name in stage.mixture})
        if idle:
            raise ValueError(f"no stage mixes the source {idle[0]!r}; leave it out")

    def _stage_steps(self) -> list[int]:
        ends = [round(stage.until * self.steps) for stage in self.stages]
        return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]

    def mixture(self, before: dict[str, int] | None = None) -> Mixture:
        """The order of all sequences of the run."""
        return Mixture(
            tuple(
                Stage(
                    name=stage.name,
                    steps=steps,
                    sequence=stage.sequence or self.sequence,
                    sequences_per_step=self.batch.tokens // (stage.sequence or self.sequence),
                    weights=stage.weights,
                )
                for stage, steps in zip(self.stages, self._stage_steps(), strict=True)
            ),
            self.seed,
            before or {},
        )

    def thetas(self) -> list[float]:
        """The rotary base of every stage."""
        found = [self.rope_theta]
        for stage in self.stages:
            found.append(stage.rope_theta or found[-1])
        return found[1:]

    @property
    def longest(self) -> int:
        return max(stage.sequence or self.sequence for stage in self.stages)

    def spec(self) -> ModelSpec:
        """The model's sizes, with the context and the rotary base that it has in the end."""
        theta, context = self.thetas()[-1], self.longest
        if isinstance(self.model, str):
            named = ZOO[self.model]
            sizes = {name: getattr(named, name) for name in Shape.model_fields}
        else:
            sizes = dict(self.model)
        return ModelSpec(name="base", hub_id="", rope_theta=theta, context=context, **sizes)

    def corpus_of(self, name: str) -> Path:
        """Where the corpus of a source lies, or is to be made."""
        return Path(self.sources[name].corpus or Path("out") / "corpora" / name)
