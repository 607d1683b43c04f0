"""The model to export, opened once for all targets: its weights in float32, and all that its files will say about it.

What takes long is computed when it is first asked for and kept: the gate's reference, the calibration rows, the
four-bit codes. Knows no target.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.data.images import ImageLayout
from smolkit.errors import ModelError
from smolkit.export.chat import CHAT_END, plain_template
from smolkit.export.gate import Reference, TaskScore, TaskScorer, make_reference
from smolkit.export.vision_gate import ImageCase, make_image_cases
from smolkit.extraction.prompt import get_format
from smolkit.manifest import read_optional, sha256_directory
from smolkit.models import BUNDLED, MODELS, bundled_gguf, load_model, load_tokenizer, resolve
from smolkit.models.adapter import is_adapter, merged

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_QUANT_SUFFIX = re.compile(r"[.-](?:i?q\d\w*|b?f16|f32)$", re.IGNORECASE)


@dataclass
class VisionSource:
    """What a SmolVLM has beside its language model: the whole of it, in float32, and the way it cuts images."""

    model: PreTrainedModel
    images: ImageLayout


@dataclass
class Source:
    """One model, whatever it is exported to."""

    given: str
    """What the user called it."""
    name: str
    """What its files are called."""
    directory: Path
    sha256: str
    """Of the directory, before anything was written anywhere."""
    model: PreTrainedModel
    """The language model; of a SmolVLM, a Llama that shares its weights."""
    tokenizer: PreTrainedTokenizerFast
    prompt_format: str | None
    license: str | None
    end_ids: frozenset[int]
    """Every token that ends an answer."""
    vision: VisionSource | None = None
    """None where the model reads text only."""
    score_task: TaskScorer | None = None
    progress: Callable[[str], None] = field(default=lambda line: None)

    @property
    def config(self) -> Any:
        return self.model.config

    @cached_property
    def reference(self) -> Reference:
        """What the model answers to the gate, in torch float32."""
        self.progress("torch float32: prompts and their greedy continuations")
        return make_reference(self.model, self.tokenizer, prompt_format=self.prompt_format, end_ids=self.end_ids)

    @cached_property
    def image_cases(self) -> list[ImageCase]:
        """What a SmolVLM answers to the gate's images, in torch float32; none of a text model."""
        if self.vision is None:
            return []
        self.progress("torch float32: images and their greedy continuations")
        model, images = self.vision.model, self.vision.images
        return make_image_cases(model, images, self.tokenizer, prompt_format=self.prompt_format)

    @cached_property
    def score(self) -> TaskScore | None:
        """The task's F1 in torch float32, where rows are given; measured when the first file is ready for it."""
        return self.score_task(self.directory, self.prompt_format) if self.score_task else None

    @cached_property
    def chat_template(self) -> str | None:
        return plain_template(self.tokenizer)


def open_source(
    model: str | Path,
    *,
    name: str | None = None,
    prompt_format: str | None = None,
    adapter: str | Path | None = None,
    score_task: TaskScorer | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Source:
    """Load `model` by any name that `smolkit.models.resolve` takes, or a LoRA adapter with its base, in float32.

    `prompt_format` is read from the model's manifest where none is given. Raises ModelError for what cannot be read or
    contradicts itself.
    """
    import torch

    from smolkit.models.vision import is_vision, language_model

    if adapter is not None:
        directory = merged(adapter, model)
    elif is_adapter(model):
        directory = merged(model)
    else:
        directory = resolve(model)
    manifest = read_optional(directory)
    layout = prompt_format or (manifest.prompt_format if manifest else None)
    loaded, tokenizer = load_model(directory, dtype=torch.float32), load_tokenizer(directory)
    check_finite(loaded)
    vision = VisionSource(loaded, ImageLayout.read(directory)) if is_vision(loaded.config) else None
    language = language_model(loaded)
    check_vocabulary(language, tokenizer)
    return Source(
        given=str(model) if adapter is None else f"{model} with {adapter}",
        name=re.sub(r"[^\w.-]+", "-", name or model_name(adapter or model)),
        directory=directory,
        sha256=sha256_directory(directory),
        model=language,
        tokenizer=tokenizer,
        prompt_format=layout,
        license=read_license(model, directory),
        end_ids=_end_ids(language, tokenizer, get_format(layout).end if layout else None),
        vision=vision,
        score_task=score_task,
        progress=progress,
    )


def model_name(model: str | Path) -> str:
    """What to call the files of a model: the last part of its name without a quantisation."""
    text = str(model)
    if text == BUNDLED:
        found = bundled_gguf().stem
    elif text in MODELS:
        found = MODELS[text].hub_id.rpartition("/")[2]
    else:
        path = Path(text).expanduser().absolute()
        found = path.stem if path.suffix == ".gguf" else path.name
    return _QUANT_SUFFIX.sub("", found) or "model"


def check_finite(model: PreTrainedModel) -> None:
    """Raise ModelError for weights that are not numbers, naming the first: no export of them could answer."""
    for name, tensor in model.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise ModelError(
                f"the weights of {name!r} are not all numbers (NaN or infinite)",
                fix="The training that made them diverged, or the file is damaged: take an earlier checkpoint",
            )


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Raise ModelError for a tokenizer that has ids for which the embedding has no row."""
    largest, rows = max(tokenizer.get_vocab().values()), model.get_input_embeddings().weight.shape[0]
    if largest >= rows:
        raise ModelError(
            f"the tokenizer has an id {largest}, the embedding only {rows} rows",
            fix="The tokenizer belongs to another model, or the embedding was not resized for added tokens",
        )


def read_license(model: str | Path, directory: Path) -> str | None:
    """The licence that the source names, in the card of a directory or the header of a GGUF file."""
    from smolkit.models.gguf_header import read_header

    if str(model) == BUNDLED or Path(model).suffix == ".gguf":
        file = bundled_gguf() if str(model) == BUNDLED else Path(model).expanduser()
        found = read_header(file).fields.get("general.license")
        return str(found) if found else None
    readme = directory / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    front = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    named = re.search(r"^license: *([\w.-]+) *$", front[1], re.MULTILINE) if front else None
    return named[1] if named else None


def _end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, end: str | None) -> frozenset[int]:
    """The model's own end tokens, the tokenizer's, and the marker that ends an answer in the prompt format or a chat.

    Raises ModelError where model and tokenizer contradict each other.
    """
    configured = model.generation_config.eos_token_id
    if configured is None:
        configured = model.config.eos_token_id
    ids = _ids(configured)
    own = tokenizer.eos_token_id
    if own is None:
        raise ModelError("the tokenizer names no end token (eos_token), so no answer would end")
    if ids and own not in ids:
        raise ModelError(
            f"the model ends an answer with token {sorted(ids)}, its tokenizer with {own}",
            fix="Make eos_token_id of generation_config.json and the tokenizer's eos_token the same",
        )
    vocab = tokenizer.get_vocab()
    if end is not None and end not in vocab:
        raise ModelError(f"the prompt format ends an answer with {end!r}, which is no token of this tokenizer")
    return frozenset({*ids, own, vocab.get(end or CHAT_END, own)})


def _ids(configured: int | Sequence[int] | None) -> set[int]:
    return {configured} if isinstance(configured, int) else set(configured or ())
