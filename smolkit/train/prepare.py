"""From a recipe to what a run will do: rows read, rendered and checked, steps planned, the plan in figures.

Nothing here trains. Every fault that would make a model never stop, learn its prompts or lose its answers is found
before the first step, on the very batches that the run will use.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smolkit.data.batches import Step, collate, plan_steps, share_prompts, shuffled_passes
from smolkit.data.redraw import redraw
from smolkit.data.render import IGNORED, Example, TokenizerEncoder, encode_example
from smolkit.data.rows import Row, read_rows, validate_rows
from smolkit.data.synth import generate
from smolkit.errors import DataError, ModelError, RowErrors, locate
from smolkit.extraction.prompt import PromptFormat, get_format
from smolkit.models import load_tokenizer
from smolkit.recipe import Plan
from smolkit.train.recipe import FinetuneRecipe, Source

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_NAMED = 5
"""How many rows a message names before it counts the rest."""


@dataclass(frozen=True)
class Prepared:
    """Everything a run needs but the weights."""

    recipe: FinetuneRecipe
    tokenizer: PreTrainedTokenizerFast
    prompt_format: PromptFormat
    examples: list[Example]
    """Each row, then each redrawn row of later passes."""
    skipped: list[str]
    """Rows longer than `data.max_length`, as file:row."""
    rows_by_source: dict[str, int]
    dev: list[Row]
    steps: list[Step]
    redrawn: int = 0
    """How many of the examples are redrawn rows."""

    @property
    def lengths(self) -> list[int]:
        return [len(example.ids) for example in self.examples]

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
    tokenizer = load_tokenizer(recipe.model)
    prompt_format = get_format(recipe.prompt_format)
    choose_padding(tokenizer, prompt_format)
    sources = [(source, read_source(source, recipe.seed)) for source in recipe.data.train]
    rows, examples, skipped = _render(sources, prompt_format, tokenizer, recipe)
    passes = shuffled_passes(len(examples), recipe.epochs, recipe.seed)
    if recipe.data.redraw:
        passes = _redrawn(passes, rows, examples, prompt_format, tokenizer, recipe)
    steps = plan_steps(
        [index for turn in passes for index in turn],
        [len(example.ids) for example in examples],
        rows_per_step=recipe.batch.rows,
        micro_tokens=recipe.batch.micro_tokens,
        pad_to=recipe.batch.pad_to,
    )
    steps = share_prompts(steps, examples, recipe.batch.pad_to)
    if not steps:
        raise DataError(f"{recipe.epochs:g} epochs of {len(rows)} rows are less than half a row")
    prepared = Prepared(
        recipe=recipe,
        tokenizer=tokenizer,
        prompt_format=prompt_format,
        examples=examples,
        skipped=skipped,
        rows_by_source={source.name: len(rows) for source, rows in sources},
        dev=[row for source in recipe.data.dev for row in read_source(source, recipe.seed)],
        steps=steps,
        redrawn=len(examples) - len(rows),
    )
    check_batches(prepared)
    return prepared


def read_source(source: Source, seed: int) -> list[Row]:
    """The rows of a source; a sample is drawn by the seed and keeps the order of the file."""
    if source.synth:
        made = generate(source.synth.rows, source.synth.seed, source.synth.split, source.synth.level)
        return validate_rows(list(made), source.name)
    assert source.path is not None
    rows = read_rows(source.path)
    if source.rows is None:
        return rows
    if source.rows > len(rows):
        raise DataError(f"{source.rows} rows wanted, {len(rows)} there", where=source.path)
    chosen = random.Random(f"{seed}:{source.path}").sample(range(len(rows)), source.rows)
    return [rows[index] for index in sorted(chosen)]


def choose_padding(tokenizer: PreTrainedTokenizerFast, prompt_format: PromptFormat) -> int:
    """Make padding a token that ends nothing, and return the id of the format's end marker.

    A model whose padding is its end token learns from masked labels that answers never end.
    """
    vocabulary = tokenizer.get_vocab()
    end_id = vocabulary.get(prompt_format.end)
    if end_id is None:
        raise ModelError(
            f"the end marker {prompt_format.end!r} of prompt format {prompt_format.id} is no token of this model",
            fix="Take a format for chat models, such as smolkit-1",
        )
    tokenizer.eos_token = prompt_format.end
    candidates = [tokenizer.pad_token, "<|endoftext|>", "<pad>", "<|pad|>", tokenizer.unk_token]
    padding = next((token for token in candidates if token in vocabulary and vocabulary[token] != end_id), None)
    if padding is None:
        raise ModelError("no token of this model can serve as padding besides its end token")
    tokenizer.pad_token = padding
    return int(end_id)


def check_batches(prepared: Prepared) -> None:
    """Prove on every batch of the first step that the labels are the answers, whole, with their end, and no more.

    Raises DataError naming the first row where they are not.
    """
    tokenizer, prompt_format = prepared.tokenizer, prepared.prompt_format
    end_id, pad_id = tokenizer.convert_tokens_to_ids(prompt_format.end), tokenizer.pad_token_id
    if pad_id == end_id:
        raise DataError("padding and end of answer are one token, so the model would not learn to stop")
    for micro in prepared.steps[0]:
        batch = collate(micro, prepared.examples, pad_id)
        start = batch["shared"]
        if bool((batch["labels"][:start] != IGNORED).any()):
            raise DataError("the prompt carries labels", where=prepared.examples[micro.rows[0]].row)
        for row in micro.rows:
            example = prepared.examples[row]
            own = len(example.ids) - batch["shared"]
            here = slice(start, start + own)
            start = here.stop
            if batch["input_ids"][: batch["shared"]].tolist() != example.ids[: batch["shared"]]:
                raise DataError("the row does not begin with what its batch shares", where=example.row)
            labelled = batch["labels"][here] != IGNORED
            learnt = batch["input_ids"][here][labelled].tolist()
            if learnt != example.ids[example.prompt_length :] or learnt != batch["labels"][here][labelled].tolist():
                raise DataError("the labels of the batch are not the row's answer", where=example.row)
            if learnt[-1:] != [end_id] or end_id in learnt[:-1]:
                raise DataError("the answer does not end with its end token, once", where=example.row)
            if bool(labelled[: own - example.answer_length].any()):
                raise DataError("the prompt carries labels", where=example.row)


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
    plan.add("rows_too_long", len(prepared.skipped), _name_some(prepared.skipped))
    plan.add("dev_rows", len(prepared.dev), "no F1 while training" if not prepared.dev else "")
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
    config = model.config
    weights = sum(p.numel() for p in model.parameters()) * bytes_per_weight
    states = trainable * (16 if bytes_per_weight < 4 else 12)
    largest = max(micro.length for step in prepared.steps for micro in step)
    per_token = config.num_hidden_layers * (16 * config.hidden_size + 5 * config.intermediate_size) * bytes_per_weight
    share = sum(e.answer_length for e in prepared.examples) / sum(prepared.lengths)
    logits = largest * share * config.vocab_size * (bytes_per_weight + 8)
    return weights + states + largest * per_token + logits


def _render(
    sources: Sequence[tuple[Source, list[Row]]],
    prompt_format: PromptFormat,
    tokenizer: PreTrainedTokenizerFast,
    recipe: FinetuneRecipe,
) -> tuple[list[Row], list[Example], list[str]]:
    """The rows that fit with their examples, and where the others stand."""
    encode = TokenizerEncoder(tokenizer)
    kept: list[Row] = []
    examples: list[Example] = []
    long: list[Example] = []
    for source, rows in sources:
        for number, row in enumerate(rows, start=1):
            example = encode_example(row, prompt_format, encode, where=f"{locate(source.name, number)} (id {row.id})")
            if len(example.ids) > recipe.data.max_length:
                long.append(example)
            else:
                kept.append(row)
                examples.append(example)
    if long and recipe.data.too_long == "refuse":
        raise RowErrors(
            [
                DataError(
                    f"{len(example.ids)} tokens with its answer, over data.max_length = {recipe.data.max_length}",
                    where=example.row,
                    fix="Raise it, or set data.too_long=skip to train without such rows",
                )
                for example in long
            ]
        )
    if not examples:
        raise DataError(f"no row fits in data.max_length = {recipe.data.max_length} tokens")
    return kept, examples, [example.row for example in long]


def _redrawn(
    passes: Sequence[Sequence[int]],
    rows: Sequence[Row],
    examples: list[Example],
    prompt_format: PromptFormat,
    tokenizer: PreTrainedTokenizerFast,
    recipe: FinetuneRecipe,
) -> list[list[int]]:
    """The passes, the later ones over redrawn rows, whose examples are added; what grew too long stays as it was."""
    encode = TokenizerEncoder(tokenizer)

    def other(index: int, turn: int) -> int:
        row = redraw(rows[index], random.Random(f"{recipe.seed}:{turn}:{index}"))
        example = encode_example(row, prompt_format, encode, where=examples[index].row)
        if row is rows[index] or len(example.ids) > recipe.data.max_length:
            return index
        examples.append(example)
        return len(examples) - 1

    return [[other(index, turn) if turn else index for index in order] for turn, order in enumerate(passes)]


def _name_some(rows: Sequence[str]) -> str:
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return ", ".join(rows[:_NAMED]) + more
