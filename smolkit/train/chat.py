"""The task of conversing: rows of messages in the model's chat template, loss on every assistant's turn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from smolkit import __version__
from smolkit.data.batches import collate
from smolkit.data.chat import ChatFormat, encode_conversation
from smolkit.data.messages import Conversation, check_conversations
from smolkit.data.render import IGNORED
from smolkit.data.synth.chats import generate_chats
from smolkit.errors import DataError
from smolkit.train.messages import (
    Loaded,
    MessageData,
    MessageRecipe,
    load_examples,
    mean_loss,
    open_chat,
    prepare_rows,
    steps_in_order,
    user_prompts,
)
from smolkit.train.prepare import Prepared, check_batches
from smolkit.train.recipe import FinetuneRecipe, Source
from smolkit.train.samples import Prompt
from smolkit.train.tasks import Measure, Objective, Task

if TYPE_CHECKING:
    from rich.console import Console


class ChatData(MessageData):
    format: Literal["messages", "sharegpt"] = "messages"
    """{role, content} in `messages`, or {from, value} in `conversations`."""


class ChatRecipe(MessageRecipe):
    task: Literal["chat"]
    data: ChatData


class ChatTask(Task):
    title: ClassVar[str] = "Chat model"
    recipe: ClassVar[type[FinetuneRecipe]] = ChatRecipe
    best: ClassVar[tuple[str, bool]] = ("eval_loss", False)

    def prepare(self, recipe: ChatRecipe) -> Prepared:
        tokenizer, chat = open_chat(recipe)
        train, dev = (
            _load(sources, recipe, chat, tokenizer.bos_token_id) for sources in (recipe.data.train, recipe.data.dev)
        )
        prepared = prepare_rows(recipe, tokenizer, train, dev, share=True)
        check_batches(prepared)
        check_learnt_text(prepared, train.rows)
        return prepared

    def objective(self, prepared: Prepared, model: Any, run_dir: Path, console: Console) -> Objective:
        from smolkit.train.losses import AnswerObjective

        return AnswerObjective(prepared.examples, prepared.pad_id)

    def measure(self, prepared: Prepared, model: Any, run_dir: Path) -> Measure:
        """The loss per answer token of the first dev rows."""
        from smolkit.train.losses import AnswerObjective

        steps = steps_in_order(prepared.dev, prepared.recipe)
        return mean_loss(AnswerObjective(prepared.dev, prepared.pad_id), steps, model)

    def prompts(self, prepared: Prepared) -> list[Prompt]:
        return user_prompts(prepared)

    def card(self, recipe: ChatRecipe, scores: Sequence[str]) -> tuple[str, str]:
        about = f"""Converses. Fine-tuned ({recipe.method}) with smolkit {__version__} on the assistant's turns of
chats, in the chat template that lies beside the weights.

    smolkit chat --model DIRECTORY
    smolkit export DIRECTORY --target gguf --out DIRECTORY-gguf"""
        explained = f"`dev_loss` is per answer token of the first {recipe.dev.rows} dev rows, or all where fewer; "
        return about, explained if "dev_loss" in scores else ""


def _load(sources: Sequence[Source], recipe: ChatRecipe, chat: ChatFormat, bos_id: int | None) -> Loaded[Conversation]:
    return load_examples(
        sources,
        recipe,
        check=lambda source, values: check_conversations(values, source.name, recipe.data.format),
        encode=lambda row: encode_conversation(chat, row, bos_id),
        generate=generate_chats,
    )


def check_learnt_text(prepared: Prepared, rows: Sequence[Conversation]) -> None:
    """Prove on the batches of the first step that what is learnt reads as what assistants said, each with its end.

    A tokenizer may normalise: then what is read is compared with what it makes of the text.
    """
    tokenizer = prepared.tokenizer
    normalizer = tokenizer.backend_tokenizer.normalizer
    normal = normalizer.normalize_str if normalizer is not None else str
    for micro in prepared.steps[0]:
        batch = collate(micro, prepared.examples, prepared.pad_id)
        learnt = batch["input_ids"][batch["labels"] != IGNORED].tolist()
        begin = 0
        for row in micro.rows:
            example = prepared.examples[row]
            answers = learnt[begin : begin + example.answer_length]
            begin += example.answer_length
            text = normal(tokenizer.decode(answers, clean_up_tokenization_spaces=False))
            said = [turn["content"] for turn in rows[row].messages if turn["role"] == "assistant"]
            trimmed = [content.strip() for content in said]  # as some templates do
            ended = ("".join(f"{content}{tokenizer.eos_token}" for content in some) for some in (said, trimmed))
            if text not in map(normal, ended):
                raise DataError(
                    "what the batch of this row learns is not the text of its assistants", where=example.row
                )
