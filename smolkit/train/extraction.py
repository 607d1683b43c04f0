"""The task of filling templates: rows of text, template and output, answers in one prompt format, F1 on dev rows."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from smolkit import __version__
from smolkit.data.batches import shuffled_passes
from smolkit.data.github import read_issues
from smolkit.data.redraw import redraw
from smolkit.data.render import Example, TokenizerEncoder, encode_example, encode_prompt
from smolkit.data.rows import Row, read_rows, validate_rows
from smolkit.data.synth import generate
from smolkit.data.synth.issues import generate_issues
from smolkit.errors import locate
from smolkit.extraction.metric import aggregate, score
from smolkit.extraction.prompt import PromptFormat, get_format, json_text
from smolkit.extraction.template import Template
from smolkit.models import load_tokenizer
from smolkit.recipe import Section, checked_by
from smolkit.train.prepare import Prepared, check_batches, choose_padding, keep_fitting, plan_run, sample
from smolkit.train.recipe import Count, Data, Dev, FinetuneRecipe, Samples, Source, Synthetic
from smolkit.train.samples import Prompt
from smolkit.train.tasks import Measure, Objective, Task

if TYPE_CHECKING:
    from rich.console import Console


class SyntheticTexts(Synthetic):
    of: Literal["documents", "issues"] = "documents"
    level: Literal["full", "plain"] = "full"
    """Of documents; issues have one level."""

    @model_validator(mode="after")
    def level_is_of_documents(self) -> Self:
        if self.of == "issues" and self.level != "full":
            raise ValueError(f"level {self.level} is of documents; leave it out for issues")
        return self

    def make(self) -> Iterator[dict[str, Any]]:
        if self.of == "issues":
            return generate_issues(self.rows, self.seed, self.split)
        return generate(self.rows, self.seed, self.split, self.level)


class DocumentSource(Source):
    synth: SyntheticTexts | None = None
    format: Literal["rows", "github"] = "rows"
    """What a path holds: annotated rows, or issues as `gh issue list --json title,body,labels` writes them."""

    @model_validator(mode="after")
    def format_is_of_a_path(self) -> Self:
        if self.synth and self.format != "rows":
            raise ValueError(f"format {self.format} is of a path; leave it out for synth")
        return self


class ExtractionData(Data):
    train: tuple[DocumentSource, ...] = Field(min_length=1)
    dev: tuple[DocumentSource, ...] = ()
    redraw: bool = False
    """Whether every pass over the rows after the first has other dates and figures in text and output alike."""


class SampleDocument(Section):
    """A text, and the template that is to be filled from it."""

    text: str = Field(min_length=1)
    template: Annotated[dict[str, Any], checked_by(Template.parse)]


class DocumentSamples(Samples):
    prompts: tuple[SampleDocument, ...] = Field(default=(), max_length=16)


class ExtractionDev(Dev):
    max_new_tokens: Count = 512


class ExtractionRecipe(FinetuneRecipe):
    task: Literal["extraction"] = "extraction"
    prompt_format: Annotated[str, checked_by(get_format)] = "smolkit-1"
    data: ExtractionData
    dev: ExtractionDev = ExtractionDev()
    samples: DocumentSamples = DocumentSamples()
    """Prompts are documents with their templates; answers are written without a grammar, as they were learnt."""


class ExtractionTask(Task):
    title: ClassVar[str] = "Extraction model"
    recipe: ClassVar[type[FinetuneRecipe]] = ExtractionRecipe
    best: ClassVar[tuple[str, bool]] = ("eval_f1", True)

    def prepare(self, recipe: ExtractionRecipe) -> Prepared:
        tokenizer = load_tokenizer(recipe.model)
        prompt_format = get_format(recipe.prompt_format)
        choose_padding(tokenizer, prompt_format)
        encode = TokenizerEncoder(tokenizer)
        sources = [(source, _read_source(source, recipe.seed)) for source in recipe.data.train]
        rendered = [
            (row, encode_example(row, prompt_format, encode, where=f"{locate(source.name, number)} (id {row.id})"))
            for source, rows in sources
            for number, row in enumerate(rows, start=1)
        ]
        rows, examples, skipped = keep_fitting(rendered, recipe.data)
        passes = shuffled_passes(len(examples), recipe.epochs, recipe.seed)
        if recipe.data.redraw:
            passes = _redrawn(passes, rows, examples, prompt_format, encode, recipe)
        prepared = Prepared(
            recipe=recipe,
            tokenizer=tokenizer,
            prompt_format=prompt_format.id,
            examples=examples,
            skipped=skipped,
            rows_by_source={source.name: len(rows) for source, rows in sources},
            dev=[row for source in recipe.data.dev for row in _read_source(source, recipe.seed)],
            steps=plan_run(passes, examples, recipe, share=True),
            redrawn=len(examples) - len(rows),
        )
        check_batches(prepared)
        return prepared

    def objective(self, prepared: Prepared, model: Any, run_dir: Path, console: Console) -> Objective:
        from smolkit.train.losses import AnswerObjective

        return AnswerObjective(prepared.examples, prepared.pad_id)

    def measure(self, prepared: Prepared, model: Any, run_dir: Path) -> Measure:
        """Micro F1 on the first dev rows, by constrained greedy decoding."""
        from smolkit.runtime.extractor import Extractor, Request
        from smolkit.runtime.torch_backend import TorchBackend

        recipe: Any = prepared.recipe
        rows: Sequence[Row] = prepared.dev[: recipe.dev.rows]
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        backend = TorchBackend(base, prepared.tokenizer, prompt_format=recipe.prompt_format)
        extractor = Extractor(backend)
        requests = [Request(row.text, row.template) for row in rows]

        def measure(step: int) -> dict[str, float]:
            base.eval()
            backend.forget()
            answers = extractor.extract_many(requests, max_new_tokens=recipe.dev.max_new_tokens)
            scores = [
                score(row.output, answer.output or {}, template=row.template, accepted=row.accepted, text=row.text)
                for row, answer in zip(rows, answers, strict=True)
            ]
            backend.forget()
            return {"eval_f1": aggregate(scores).micro.f1}

        return measure

    def prompts(self, prepared: Prepared) -> list[Prompt]:
        recipe: Any = prepared.recipe
        prompt_format, encode = get_format(recipe.prompt_format), TokenizerEncoder(prepared.tokenizer)
        return [
            Prompt(
                f"{json_text(given.template)}\n{given.text}",
                encode_prompt(prompt_format, Template.parse(given.template), given.text, encode),
            )
            for given in recipe.samples.prompts
        ]

    def card(self, recipe: ExtractionRecipe, scores: Sequence[str]) -> tuple[str, str]:
        about = f"""Fills a JSON template from a text. Fine-tuned ({recipe.method}) with smolkit {__version__}; its
prompt format is `{recipe.prompt_format}`, which smolkit reads from `smolkit.json` and follows by itself.

    smolkit extract --model DIRECTORY --template template.json document.txt
    smolkit export DIRECTORY --target gguf --out DIRECTORY-gguf"""
        if "dev_f1" not in scores:
            return about, ""
        rows = f"the first {recipe.dev.rows} of the recipe's dev rows"
        return (
            about,
            f"`dev_f1` is micro F1 Levenshtein on {rows}, or all where fewer, by constrained greedy decoding; ",
        )


def _read_source(source: DocumentSource, seed: int) -> list[Row]:
    """The rows of a source; a sample is drawn by the seed and keeps the order of the file."""
    if source.synth:
        return validate_rows(list(source.synth.make()), source.name)
    assert source.path is not None
    read = read_issues if source.format == "github" else read_rows
    return sample(read(source.path, config=source.config, split=source.split), source, seed)


def _redrawn(
    passes: Sequence[Sequence[int]],
    rows: Sequence[Row],
    examples: list[Example],
    prompt_format: PromptFormat,
    encode: TokenizerEncoder,
    recipe: ExtractionRecipe,
) -> list[list[int]]:
    """The passes, the later ones over redrawn rows, whose examples are added; what grew too long stays as it was."""

    def other(index: int, turn: int) -> int:
        row = redraw(rows[index], random.Random(f"{recipe.seed}:{turn}:{index}"))
        example = encode_example(row, prompt_format, encode, where=examples[index].row)
        if row is rows[index] or len(example.ids) > recipe.data.max_length:
            return index
        examples.append(example)
        return len(examples) - 1

    return [[other(index, turn) if turn else index for index in order] for turn, order in enumerate(passes)]
