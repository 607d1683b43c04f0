"""From a recipe to what a run will do: rows read, rendered and checked, steps planned, the plan in figures.

Nothing here trains, and nothing here knows a task: each brings its rows and uses what is here. Every fault that would
make a model never stop, learn its prompts or lose its answers is found before the first step, on the very batches
that the run will use.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from smolkit.data.batches import Step, collate, plan_steps, share_prompts
from smolkit.data.render import IGNORED
from smolkit.errors import DataError, ModelError, RowErrors
from smolkit.extraction.prompt import PromptFormat
from smolkit.recipe import Plan
from smolkit.train.recipe import Data, FinetuneRecipe, Source
from smolkit.train.tasks import task_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from smolkit.data.images import ImageLayout

_NAMED = 5
"""How many rows a message names before it counts the rest."""

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Prepared:
    """Everything a run needs but the weights."""

    recipe: FinetuneRecipe
    tokenizer: PreTrainedTokenizerFast
    examples: list[Any]
    """Each row as ids (`Example`, or `Pair` where answers are compared), then each redrawn row of later passes."""
    skipped: list[str]
    """Rows longer than `data.max_length`, as file:row."""
    rows_by_source: dict[str, int]
    dev: Sequence[Any]
    """Rows to measure on, as the task's `measure` wants them."""
    steps: list[Step]
    redrawn: int = 0
    """How many of the examples are redrawn rows."""
    prompt_format: str | None = None
    """Id of the prompt format, for the manifest, where the task has one."""
    images: ImageLayout | None = None
    """How images are cut, where the task has some."""
    bad_rows: list[str] = field(default_factory=list)
    """Rows with faults that were left out because the recipe says so, as file:row."""

    @property
    def pad_id(self) -> int:
        return int(self.tokenizer.pad_token_id)

    @property
    def lengths(self) -> list[int]:
        return [example.length for example in self.examples]

    @property
    def step_tokens(self) -> list[int]:
        """Real tokens of each step, padding not counted."""
        lengths = self.lengths
        return [sum(lengths[row] for micro in step for row in micro.rows) for step in self.steps]

    @property
    def computed_tokens(self) -> int:
        """Tokens that run through the model: with padding, and shared prompts once."""
        return sum(micro.length for step in self.steps for micro in step)


def prepare(recipe: FinetuneRecipe) -> Prepared:
    """Read, render and check all rows and plan all steps. Raises SmolkitError for what cannot be trained on."""
    return task_of(recipe).prepare(recipe)


def sample(rows: list[RowT], source: Source, seed: int) -> list[RowT]:
    """As many rows as the source asks for, drawn by the seed, in the order of the file."""
    if source.rows is None:
        return rows
    if source.rows > len(rows):
        raise DataError(f"{source.rows} rows wanted, {len(rows)} there", where=source.path)
    chosen = random.Random(f"{seed}:{source.path}").sample(range(len(rows)), source.rows)
    return [rows[index] for index in sorted(chosen)]


def keep_fitting(
    rendered: Iterable[tuple[RowT, Any]],
    data: Data,
    tokens: Callable[[Any], int] = lambda example: len(example.ids),
    remedy: Callable[[Any], str] = lambda example: "Raise it",
) -> tuple[list[RowT], list[Any], list[str]]:
    """The rows that fit in `data.max_length` with their examples, and where the others stand.

    Raises RowErrors naming them all where the recipe does not let them be skipped, with the `remedy` for each.
    """
    kept: list[RowT] = []
    examples: list[Any] = []
    long: list[Any] = []
    for row, example in rendered:
        if tokens(example) > data.max_length:
            long.append(example)
        else:
            kept.append(row)
            examples.append(example)
    if long and data.too_long == "refuse":
        raise RowErrors(
            [
                DataError(
                    f"{tokens(example)} tokens with its answer, over data.max_length = {data.max_length}",
                    where=example.row,
                    fix=f"{remedy(example)}, or set data.too_long=skip to train without such rows",
                )
                for example in long
            ]
        )
    if not examples:
        shortest = min(long, key=tokens)
        raise DataError(
            f"no row fits in data.max_length = {data.max_length} tokens: the shortest has {tokens(shortest)}",
            where=shortest.row,
            fix=remedy(shortest),
        )
    return kept, examples, [example.row for example in long]


def plan_run(
    passes: Sequence[Sequence[int]], examples: Sequence[Any], recipe: FinetuneRecipe, *, share: bool
) -> list[Step]:
    """All steps of a run over the passes; `share` puts what the prompts of a micro-batch have in common there once."""
    batch = recipe.batch
    steps = plan_steps(
        [index for turn in passes for index in turn],
        [example.length for example in examples],
        rows_per_step=batch.rows,
        micro_tokens=batch.micro_tokens,
        pad_to=batch.pad_to,
    )
    if not steps:
        raise DataError(f"{recipe.epochs:g} epochs of {len(examples)} rows are less than half a row")
    return share_prompts(steps, examples, batch.pad_to) if share else steps


def choose_padding(tokenizer: PreTrainedTokenizerFast, prompt_format: PromptFormat) -> int:
    """`end_with` the end marker of a prompt format, whose id is returned. Raises ModelError where it is no token."""
    end_id = tokenizer.get_vocab().get(prompt_format.end)
    if end_id is None:
        raise ModelError(
            f"the end marker {prompt_format.end!r} of prompt format {prompt_format.id} is no token of this model",
            fix="Take a format for chat models, such as smolkit-1",
        )
    end_with(tokenizer, prompt_format.end)
    return int(end_id)


def end_with(tokenizer: PreTrainedTokenizerFast, end: str) -> None:
    """Make the token `end` the one that ends answers, and padding one that ends nothing.

    A model whose padding is its end token learns from masked labels that answers never end.
    """
    vocabulary = tokenizer.get_vocab()
    tokenizer.eos_token = end
    candidates = [tokenizer.pad_token, "<|endoftext|>", "<pad>", "<|pad|>", tokenizer.unk_token]
    padding = next((token for token in candidates if token in vocabulary and token != end), None)
    if padding is None:
        raise ModelError("no token of this model can serve as padding besides its end token")
    tokenizer.pad_token = padding


def check_batches(prepared: Prepared) -> None:
    """Prove on every batch of the first step that the labels are the answers, whole, with their ends, and no more.

    Raises DataError naming the first row where they are not.
    """
    end_id, pad_id = prepared.tokenizer.eos_token_id, prepared.pad_id
    if pad_id == end_id:
        raise DataError("padding and end of answer are one token, so the model would not learn to stop")
    for micro in prepared.steps[0]:
        batch = collate(micro, prepared.examples, pad_id)
        start = shared = batch["shared"]
        if bool((batch["labels"][:start] != IGNORED).any()):
            raise DataError("the prompt carries labels", where=prepared.examples[micro.rows[0]].row)
        for row in micro.rows:
            example = prepared.examples[row]
            here = slice(start, start + len(example.ids) - shared)
            start = here.stop
            if batch["input_ids"][:shared].tolist() != list(example.ids[:shared]):
                raise DataError("the row does not begin with what its batch shares", where=example.row)
            labelled = (batch["labels"][here] != IGNORED).nonzero().flatten().tolist()
            learnt = batch["input_ids"][here][labelled].tolist()
            if learnt != _answers(example) or learnt != batch["labels"][here][labelled].tolist():
                raise DataError("the labels of the batch are not the row's answer", where=example.row)
            for begin, end in example.answers:
                if list(example.ids[begin:end]).count(end_id) != 1 or example.ids[end - 1] != end_id:
                    raise DataError("the answer does not end with its end token, once", where=example.row)
            if [at + shared for at in labelled] != [at for span in example.answers for at in range(*span)]:
                raise DataError("the prompt carries labels", where=example.row)


def _answers(example: Any) -> list[int]:
    return [token for start, end in example.answers for token in example.ids[start:end]]


def make_plan(prepared: Prepared, model: PreTrainedModel, trainable: int, bytes_per_weight: int) -> Plan:
    """The run in figures, before it starts."""
    recipe, lengths = prepared.recipe, prepared.lengths
    total, tokens = sum(p.numel() for p in model.parameters()), sum(prepared.step_tokens)
    answer_tokens = sum(example.answer_length for example in prepared.examples)
    plan = Plan(f"Fine-tuning {recipe.model} on {recipe.task} ({recipe.method})")
    plan.add("parameters", total, "tied matrices counted once")
    plan.add("trainable_parameters", trainable)
    for name, rows in prepared.rows_by_source.items():
        plan.add("rows", rows, f"{name}, {recipe.epochs:g} epochs")
    if prepared.redrawn:
        plan.add("rows_redrawn", prepared.redrawn, "other dates and figures in later passes")
    plan.add("rows_too_long", len(prepared.skipped), name_some(prepared.skipped))
    if prepared.bad_rows:
        plan.add("bad_rows", len(prepared.bad_rows), name_some(prepared.bad_rows))
    plan.add("dev_rows", len(prepared.dev), "nothing is measured while training" if not prepared.dev else "")
    plan.add("longest_row_tokens", max(lengths), f"mean {sum(lengths) / len(lengths):.0f}")
    plan.add("answer_tokens_share", round(answer_tokens / sum(lengths), 3), "the only ones with loss")
    plan.add("steps", len(prepared.steps), f"{recipe.batch.rows} rows each")
    saved = 1 - prepared.computed_tokens / tokens
    plan.add("tokens", tokens, f"shared prompts save {saved:.1%}" if saved > 0 else f"padding adds {-saved:.1%}")
    flops = float(6 * total * prepared.computed_tokens)
    plan.add("training_flops", flops, "6 N per computed token, attention not counted")
    plan.add("learning_rate", recipe.optimizer.lr, f"{recipe.schedule.kind}, warmup {recipe.schedule.warmup:g}")
    plan.add("dtype", str(model.dtype).removeprefix("torch."), "float32 masters and gradients")
    plan.add("memory_estimate_gib", round(memory_estimate(prepared, model, trainable, bytes_per_weight) / 2**30, 1))
    return plan


def memory_estimate(prepared: Prepared, model: Any, trainable: int, bytes_per_weight: int) -> float:
    """Bytes at the peak: weights, masters, gradients and moments, activations and logits of the largest micro-batch.

    Activations: about 16 hidden-sized and 5 ffn-sized tensors per layer and token are kept for the backward pass.
    """
    from smolkit.models.vision import language_config

    config = language_config(model.config)
    weights = sum(p.numel() for p in model.parameters()) * bytes_per_weight
    states = trainable * (16 if bytes_per_weight < 4 else 12)
    largest = max(micro.length for step in prepared.steps for micro in step)
    per_token = config.num_hidden_layers * (16 * config.hidden_size + 5 * config.intermediate_size) * bytes_per_weight
    share = sum(e.answer_length for e in prepared.examples) / sum(prepared.lengths)
    logits = largest * share * config.vocab_size * (bytes_per_weight + 8)
    return weights + states + largest * per_token + logits


def name_some(rows: Sequence[str]) -> str:
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return ", ".join(rows[:_NAMED]) + more
