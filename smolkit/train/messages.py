"""What the tasks over messages share: fields of their recipes, the chat template, rows to examples, dev losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from smolkit.data.batches import Step, plan_steps, shuffled_passes
from smolkit.data.chat import CHATML, ChatFormat
from smolkit.data.messages import Checked
from smolkit.data.render import TokenizerEncoder
from smolkit.data.rows import load_values
from smolkit.errors import DataError, ModelError, RowErrors, SmolkitError
from smolkit.models import load_tokenizer
from smolkit.train.prepare import Prepared, end_with, keep_fitting, name_some, plan_run, sample
from smolkit.train.recipe import Data, FinetuneRecipe, Source, TextSamples
from smolkit.train.samples import Prompt
from smolkit.train.tasks import Measure, Objective

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

RowT = TypeVar("RowT")


class MessageData(Data):
    bad_rows: Literal["refuse", "skip"] = "refuse"
    """Whether rows with faults stop the run, or are left out, counted and named."""


class MessageRecipe(FinetuneRecipe):
    data: MessageData
    samples: TextSamples = TextSamples()
    """Prompts are what a user says first."""
    chat_template: Literal["own", "chatml"] = "own"
    """The model's, or where it has none SmolLM2's ChatML; chatml takes that in any case. It is saved with the model."""


def open_chat(recipe: MessageRecipe) -> tuple[PreTrainedTokenizerFast, ChatFormat]:
    """The tokenizer with its chat template, and with the token that ends a turn as its end; and the format it speaks.

    Raises ModelError where the model has no such template and not the tokens of ChatML either.
    """
    tokenizer = load_tokenizer(recipe.model)
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    if recipe.chat_template == "chatml" or not template:
        vocabulary = tokenizer.get_vocab()
        lacking = [token for token in ("<|im_start|>", "<|im_end|>") if token not in vocabulary]
        if lacking:
            raise ModelError(
                f"this model has no {' and no '.join(lacking)}, which ChatML is made of",
                where=recipe.model,
                fix="Take a model that has a chat template",
            )
        template = CHATML
    tokenizer.chat_template = template
    chat = _format_of(tokenizer)
    end_with(tokenizer, tokenizer.convert_ids_to_tokens(chat.end_id))
    return tokenizer, chat


def _format_of(tokenizer: PreTrainedTokenizerFast) -> ChatFormat:
    tokens = {"bos_token": tokenizer.bos_token, "eos_token": tokenizer.eos_token}
    return ChatFormat(tokenizer.chat_template, TokenizerEncoder(tokenizer), tokens)


def user_prompts(prepared: Prepared) -> list[Prompt]:
    """The prompts of the recipe's samples, each the first turn of a conversation that the assistant goes on with."""
    chat = _format_of(prepared.tokenizer)
    return [Prompt(text, chat.prompt([{"role": "user", "content": text}])) for text in prepared.recipe.samples.prompts]


@dataclass
class Loaded(Generic[RowT]):
    """The rows of some sources that are good and fit, with their examples, and where the others stand."""

    rows: list[RowT] = field(default_factory=list)
    examples: list[Any] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    bad_rows: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """Good rows, by source."""


def prepare_rows(
    recipe: MessageRecipe, tokenizer: PreTrainedTokenizerFast, train: Loaded[RowT], dev: Loaded[RowT], *, share: bool
) -> Prepared:
    """What a run needs, of loaded rows; with `share` rows that begin alike may run their beginning once."""
    passes = shuffled_passes(len(train.examples), recipe.epochs, recipe.seed)
    return Prepared(
        recipe=recipe,
        tokenizer=tokenizer,
        examples=train.examples,
        skipped=train.skipped + dev.skipped,
        rows_by_source=train.counts,
        dev=dev.examples[: recipe.dev.rows],
        steps=plan_run(passes, train.examples, recipe, share=share),
        bad_rows=train.bad_rows + dev.bad_rows,
    )


def load_examples(
    sources: Sequence[Source],
    recipe: MessageRecipe,
    check: Callable[[Source, Sequence[object]], Checked[RowT]],
    encode: Callable[[RowT], Any],
    generate: Callable[[int, int, str], Iterator[dict[str, Any]]],
    tokens: Callable[[Any], int] = lambda example: len(example.ids),
) -> Loaded[RowT]:
    """Read, check and encode all rows of the sources; `tokens` is what `data.max_length` limits.

    Raises RowErrors with every fault of a source, or with every row that is too long, where none may be skipped.
    """
    loaded: Loaded[RowT] = Loaded()

    def rendered() -> Iterator[tuple[RowT, Any]]:
        for source in sources:
            rows = _good_rows(check(source, _values(source, generate)), source, recipe, loaded.bad_rows)
            loaded.counts[source.name] = len(rows)
            problems: list[SmolkitError] = []
            for row in rows:
                try:
                    example = encode(row)
                except DataError as exc:
                    problems.append(exc)
                else:
                    yield row, example
            _take_out(problems, source, recipe, loaded)

    if sources:
        loaded.rows, loaded.examples, loaded.skipped = keep_fitting(rendered(), recipe.data, tokens)
    return loaded


def _values(source: Source, generate: Callable[[int, int, str], Iterator[dict[str, Any]]]) -> Sequence[object]:
    if source.synth:
        return list(generate(source.synth.rows, source.synth.seed, source.synth.split))
    assert source.path is not None
    return load_values(source.path, config=source.config, split=source.split)


def _good_rows(checked: Checked[RowT], source: Source, recipe: MessageRecipe, bad_rows: list[str]) -> list[RowT]:
    if checked.problems and recipe.data.bad_rows == "refuse":
        raise RowErrors(checked.problems)
    bad_rows += checked.bad_rows
    if not checked.rows:
        none = DataError(f"holds no row without faults; bad are {name_some(checked.bad_rows)}", where=source.name)
        raise RowErrors([*checked.problems, none])  # with nothing left there is nothing to skip for
    return sample(checked.rows, source, recipe.seed)


def _take_out(problems: Sequence[SmolkitError], source: Source, recipe: MessageRecipe, loaded: Loaded[RowT]) -> None:
    """Treat rows that the chat template cannot write as other bad rows."""
    if not problems:
        return
    if recipe.data.bad_rows == "refuse":
        raise RowErrors(problems)
    loaded.bad_rows += [str(problem.where) for problem in problems]
    loaded.counts[source.name] -= len(problems)
    if not loaded.counts[source.name]:
        raise DataError(f"holds no row that can be encoded; the first: {problems[0]}", where=source.name)


def steps_in_order(examples: Sequence[Any], recipe: FinetuneRecipe) -> list[Step]:
    """Steps over all examples once, as they stand, to measure them."""
    batch = recipe.batch
    lengths = [example.length for example in examples]
    return plan_steps(
        range(len(examples)), lengths, rows_per_step=batch.rows, micro_tokens=batch.micro_tokens, pad_to=batch.pad_to
    )


def mean_loss(objective: Objective, steps: Sequence[Step], model: Any) -> Measure:
    """A function that gives the objective's mean loss and figures over planned steps, as `eval_...`."""
    import torch

    def measure(step: int) -> dict[str, float]:
        model.eval()
        total, terms = 0.0, 0
        with torch.no_grad():
            for micro in (micro for step in steps for micro in step):
                batch = to_device(objective.collate(micro), model.device)
                total += float(objective.loss(model, batch))
                terms += objective.weight(batch)
        figures = {"loss": total / terms, **objective.figures()}
        return {f"eval_{name}": round(value, 5) for name, value in figures.items()}

    return measure


def to_device(batch: Any, device: Any) -> Any:
    """A batch whose tensors lie on a device; everything else stays as it is."""
    if isinstance(batch, dict):
        return {name: to_device(value, device) for name, value in batch.items()}
    return batch.to(device) if hasattr(batch, "to") else batch
