"""The task of preferring: pairs of answers, and the DPO loss against the weights that the run started from.

What the initial weights think of each answer is computed once, before the first step, and kept in the run directory:
a resumed run reads it, since the weights that it would ask are no longer there to be asked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from smolkit import __version__
from smolkit.data.chat import ChatFormat
from smolkit.data.messages import Preference, check_preferences
from smolkit.data.pairs import Pair, collate_pairs, encode_pair
from smolkit.data.synth.chats import generate_pairs
from smolkit.errors import DataError
from smolkit.manifest import staged_file
from smolkit.recipe import Section
from smolkit.train.messages import (
    Loaded,
    MessageRecipe,
    load_examples,
    mean_loss,
    open_chat,
    prepare_rows,
    steps_in_order,
    to_device,
    user_prompts,
)
from smolkit.train.prepare import Prepared
from smolkit.train.recipe import FinetuneRecipe, Source
from smolkit.train.samples import Prompt
from smolkit.train.tasks import Measure, Objective, Task

if TYPE_CHECKING:
    from rich.console import Console

REFERENCE = "reference.json"

LogProbs = list[tuple[float, float]]
"""Of each pair's chosen and rejected answer."""


class Dpo(Section):
    """Direct preference optimisation (arXiv:2305.18290)."""

    beta: Annotated[float, Field(gt=0)] = 0.1
    """How dear it is to move away from the initial weights."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """The share of preferences that are taken to be the wrong way round."""


class DpoRecipe(MessageRecipe):
    task: Literal["dpo"]
    dpo: Dpo = Dpo()
    dtype: Literal["auto", "bfloat16", "float32"] = "float32"
    """bfloat16 keeps a weight to 8 bits, and at the rates of DPO nearly all stay where they are: in twenty steps at
    2e-6 the margin on the smoke recipe's dev pairs came to 0.4, and in float32 to 5.5."""


class DpoTask(Task):
    title: ClassVar[str] = "Chat model, by preferences,"
    recipe: ClassVar[type[FinetuneRecipe]] = DpoRecipe
    best: ClassVar[tuple[str, bool]] = ("eval_loss", False)

    def prepare(self, recipe: DpoRecipe) -> Prepared:
        tokenizer, chat = open_chat(recipe)
        train, dev = (_load(sources, recipe, chat) for sources in (recipe.data.train, recipe.data.dev))
        prepared = prepare_rows(recipe, tokenizer, train, dev, share=False)
        check_pairs(prepared)
        return prepared

    def objective(self, prepared: Prepared, model: Any, run_dir: Path, console: Console) -> Objective:
        from smolkit.train.losses import PreferenceObjective

        recipe: Any = prepared.recipe
        known = reference_log_probs(prepared, model, run_dir / REFERENCE, console)["train"]
        return PreferenceObjective(prepared.examples, known, prepared.pad_id, recipe.dpo)

    def measure(self, prepared: Prepared, model: Any, run_dir: Path) -> Measure:
        """Loss, rewards and accuracy on the first dev rows."""
        from smolkit.train.losses import PreferenceObjective

        recipe: Any = prepared.recipe
        known: LogProbs = json.loads((run_dir / REFERENCE).read_text(encoding="utf-8"))["dev"]
        dev = PreferenceObjective(prepared.dev, known, prepared.pad_id, recipe.dpo)
        return mean_loss(dev, steps_in_order(prepared.dev, recipe), model)

    def prompts(self, prepared: Prepared) -> list[Prompt]:
        return user_prompts(prepared)

    def card(self, recipe: DpoRecipe, scores: Sequence[str]) -> tuple[str, str]:
        about = f"""Converses, and was taught what to prefer: DPO ({recipe.method}, beta {recipe.dpo.beta:g}) with
smolkit {__version__}, against the weights of {recipe.model}, in the chat template that lies beside the weights.

    smolkit chat --model DIRECTORY
    smolkit export DIRECTORY --target gguf --out DIRECTORY-gguf"""
        if "dev_loss" not in scores:
            return about, ""
        rows = f"the first {recipe.dev.rows} dev pairs, or all where fewer"
        return about, f"`dev_reward_accuracy` is the share of {rows}, whose chosen answer gained more; "


def _load(sources: Sequence[Source], recipe: DpoRecipe, chat: ChatFormat) -> Loaded[Preference]:
    return load_examples(
        sources,
        recipe,
        check=lambda source, values: check_preferences(values, source.name),
        encode=lambda row: encode_pair(chat, row),
        generate=generate_pairs,
        tokens=lambda pair: pair.longest,
    )


def reference_log_probs(prepared: Prepared, model: Any, file: Path, console: Console) -> dict[str, LogProbs]:
    """What the model as it is thinks of the answers of train and dev pairs; read from `file` where it is there."""
    if file.is_file():
        found: dict[str, LogProbs] = json.loads(file.read_text(encoding="utf-8"))
        return found
    console.print(f"asking the initial weights about {len(prepared.examples) + len(prepared.dev):,} pairs")
    found = {
        part: _log_probs(pairs, prepared, model)
        for part, pairs in (("train", prepared.examples), ("dev", prepared.dev))
    }
    with staged_file(file) as aside:
        aside.write_text(json.dumps(found), encoding="utf-8")
    return found


def _log_probs(pairs: Sequence[Pair], prepared: Prepared, model: Any) -> LogProbs:
    import torch

    from smolkit.train.losses import answer_log_probs

    found: dict[int, tuple[float, float]] = {}
    model.eval()
    with torch.no_grad():
        for micro in (micro for step in steps_in_order(pairs, prepared.recipe) for micro in step):
            batch = to_device(collate_pairs(micro, pairs, prepared.pad_id), model.device)
            for row, (chosen, rejected) in zip(micro.rows, answer_log_probs(model, batch).tolist(), strict=True):
                found[row] = (chosen, rejected)
    return [found[row] for row in range(len(pairs))]


def check_pairs(prepared: Prepared) -> None:
    """Prove on the first step's batches that what is compared are the answers, each with its end, after one prompt.

    Raises DataError naming the row where it is not so.
    """
    end_id = prepared.tokenizer.eos_token_id
    if prepared.pad_id == end_id:
        raise DataError("padding and end of answer are one token, so the model would not learn to stop")
    for micro in prepared.steps[0]:
        batch = collate_pairs(micro, prepared.examples, prepared.pad_id)
        rows = batch["input_ids"].split([*batch["lengths"], micro.length - sum(batch["lengths"])])
        targets = batch["targets"].split(batch["answer_lengths"])
        for number, pair in enumerate(prepared.examples[row] for row in micro.rows):
            prompt, *answers = (part.tolist() for part in rows[3 * number : 3 * number + 3])
            compared = [part.tolist() for part in targets[2 * number : 2 * number + 2]]
            if [[*prompt, *answer] for answer in answers] != [
                [*pair.prompt, *pair.chosen],
                [*pair.prompt, *pair.rejected],
            ]:
                raise DataError("the batch does not hold the pair's prompt with its answers", where=pair.row)
            if compared != [list(pair.chosen), list(pair.rejected)]:
                raise DataError("the batch does not compare the pair's answers", where=pair.row)
            if any(answer[-1:] != [end_id] or answer.count(end_id) != 1 for answer in compared):
                raise DataError("the answer does not end with its end token, once", where=pair.row)
