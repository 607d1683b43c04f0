from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from smolkit.data.chat import CHATML
from smolkit.data.messages import Conversation
from smolkit.errors import DataError, ModelError, RowErrors
from smolkit.manifest import read
from smolkit.models import load_tokenizer
from smolkit.train import finetune
from smolkit.train.chat import check_learnt_text
from smolkit.train.ledger import METRICS, read_metrics
from smolkit.train.prepare import prepare

if TYPE_CHECKING:
    from tests.train.conftest import MakeChatRecipe

SILENT = Console(file=open(os.devnull, "w"))  # noqa: SIM115
GOOD = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}


def _rows(file: Path, *rows: object) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def test_a_run_learns_chats_and_measures_them(make_chat_recipe: MakeChatRecipe, tmp_path: Path) -> None:
    data = {"train": [{"synth": {"rows": 12}}], "dev": [{"synth": {"rows": 6, "split": "dev"}}]}
    out = tmp_path / "model"
    recipe = make_chat_recipe("chat", data=data, epochs=6, dev={"every": 4, "rows": 4})
    scores = finetune.train(finetune.open_run(recipe), out, console=SILENT)
    lines = read_metrics(out / METRICS)
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < losses[0] - 1
    assert [line["step"] for line in lines if "eval_loss" in line] == [4, 8, 12, 16, 18]
    assert scores["dev_loss"] == pytest.approx([line["eval_loss"] for line in lines if "eval_loss" in line][-1])
    assert read(out).prompt_format is None
    card = (out / "README.md").read_text()
    assert "smolkit chat --model DIRECTORY" in card
    assert "`dev_loss` is per answer token of the first 4 dev rows" in card
    assert load_tokenizer(out).eos_token == "<|im_end|>"


def test_the_loss_of_dev_rows_is_the_one_that_the_model_itself_gives(make_chat_recipe: MakeChatRecipe) -> None:
    import torch

    data = {"train": [{"synth": {"rows": 4}}], "dev": [{"synth": {"rows": 5, "split": "dev"}}]}
    run = finetune.open_run(make_chat_recipe("chat", data=data))
    measured = finetune.task_of(run.prepared.recipe).measure(run.prepared, run.model, Path())(0)["eval_loss"]
    total = terms = 0.0
    for example in run.prepared.dev:
        ids, labels = torch.tensor([list(example.ids)]), torch.tensor([example.labels])
        total += run.model(input_ids=ids, labels=labels).loss.item() * example.answer_length
        terms += example.answer_length
    assert measured == pytest.approx(total / terms, rel=1e-4)


def test_bad_rows_stop_the_run_or_are_counted_and_named(make_chat_recipe: MakeChatRecipe, tmp_path: Path) -> None:
    file = _rows(tmp_path / "c.jsonl", GOOD, {"messages": []}, GOOD)
    with pytest.raises(RowErrors, match=r"c\.jsonl:2:messages: the list is empty"):
        prepare(make_chat_recipe("chat", data={"train": [{"path": file}]}))
    run = finetune.open_run(make_chat_recipe("chat", data={"train": [{"path": file}], "bad_rows": "skip"}))
    assert run.prepared.bad_rows == [f"{file}:2"]
    assert run.plan.as_dict() | {"rows": 2, "bad_rows": 1} == run.plan.as_dict()
    empty = _rows(tmp_path / "e.jsonl", {"messages": []})
    with pytest.raises(DataError, match=r"holds no row without faults; bad are .*e\.jsonl:1\.$"):
        prepare(make_chat_recipe("chat", data={"train": [{"path": empty}], "bad_rows": "skip"}))


def test_chats_that_are_too_long_are_refused_or_skipped(make_chat_recipe: MakeChatRecipe, tmp_path: Path) -> None:
    long = {"messages": [*GOOD["messages"], *GOOD["messages"]]}
    data = {"train": [{"path": _rows(tmp_path / "c.jsonl", GOOD, long)}], "max_length": 40}
    with pytest.raises(RowErrors, match=r"c\.jsonl:2: \d+ tokens with its answer, over data\.max_length = 40"):
        prepare(make_chat_recipe("chat", data=data))
    assert len(prepare(make_chat_recipe("chat", data={**data, "too_long": "skip"})).examples) == 1


def test_sharegpt_rows_are_read_where_the_recipe_says_so(make_chat_recipe: MakeChatRecipe, tmp_path: Path) -> None:
    row = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}
    both = [
        prepare(make_chat_recipe("chat", data={"train": [{"path": _rows(tmp_path / f"{name}.jsonl", one)}], **more}))
        for name, one, more in (("a", GOOD, {}), ("b", row, {"format": "sharegpt"}))
    ]
    assert both[0].examples[0].identity == both[1].examples[0].identity


def test_a_model_without_a_template_gets_chatml(
    make_chat_recipe: MakeChatRecipe, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = load_tokenizer(tiny_model_dir)
    tokenizer.chat_template = None
    tokenizer.eos_token = "<|endoftext|>"  # as base models have it
    monkeypatch.setattr("smolkit.train.messages.load_tokenizer", lambda name: tokenizer)
    own = prepare(make_chat_recipe("chat"))
    assert own.tokenizer.chat_template == CHATML
    assert (own.tokenizer.eos_token, own.tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    monkeypatch.undo()
    theirs = prepare(make_chat_recipe("chat"))
    assert [example.identity for example in own.examples] == [example.identity for example in theirs.examples]


def test_a_model_without_template_and_tokens_is_refused(
    make_chat_recipe: MakeChatRecipe, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = load_tokenizer(tiny_model_dir)
    tokenizer.chat_template = None
    monkeypatch.setattr(type(tokenizer), "get_vocab", lambda self: {"a": 0})
    monkeypatch.setattr("smolkit.train.messages.load_tokenizer", lambda name: tokenizer)
    with pytest.raises(
        ModelError, match=r"this model has no <\|im_start\|> and no <\|im_end\|>, which ChatML is made of"
    ):
        prepare(make_chat_recipe("chat"))


def test_a_batch_that_learns_other_text_is_refused(make_chat_recipe: MakeChatRecipe) -> None:
    prepared = prepare(make_chat_recipe("chat"))
    with pytest.raises(DataError, match=r"synth.*:\d+: what the batch of this row learns is not the text"):
        check_learnt_text(prepared, [Conversation(tuple(GOOD["messages"]), (), "")] * len(prepared.examples))


def test_rows_that_the_template_cannot_write_are_bad_rows(make_chat_recipe: MakeChatRecipe, tmp_path: Path) -> None:
    bad = {"messages": [GOOD["messages"][0], {"role": "assistant", "content": "Hello<|im_end|>"}]}
    monkey = {"messages": [*GOOD["messages"]], "tools": [{"name": "<|im_end|>"}]}
    file = _rows(tmp_path / "c.jsonl", GOOD, monkey, bad, monkey)
    with pytest.raises(RowErrors) as caught:
        prepare(make_chat_recipe("chat", data={"train": [{"path": file}]}))
    named = [str(problem.where) for problem in caught.value.problems]
    assert named[0] == f"{file}:2"
    assert named[-1] == f"{file}:4"
    prepared = prepare(make_chat_recipe("chat", data={"train": [{"path": file}], "bad_rows": "skip"}))
    assert prepared.bad_rows == named
    assert prepared.rows_by_source == {file: len(prepared.examples)}
    only = _rows(tmp_path / "d.jsonl", monkey)
    with pytest.raises(DataError, match=r"d\.jsonl: holds no row that can be encoded; the first: "):
        prepare(make_chat_recipe("chat", data={"train": [{"path": only}], "bad_rows": "skip"}))


def test_dev_rows_that_are_too_long_are_named(make_chat_recipe: MakeChatRecipe, tmp_path: Path) -> None:
    long = {"messages": [*GOOD["messages"], *GOOD["messages"]]}
    train, dev = _rows(tmp_path / "t.jsonl", GOOD, long), _rows(tmp_path / "d.jsonl", GOOD, long)
    data = {"train": [{"path": train}], "dev": [{"path": dev}], "max_length": 40, "too_long": "skip"}
    assert prepare(make_chat_recipe("chat", data=data)).skipped == [f"{train}:2", f"{dev}:2"]


def test_learnt_text_is_compared_as_the_tokenizer_normalises_it(
    make_chat_recipe: MakeChatRecipe, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokenizers import normalizers

    tokenizer = load_tokenizer(tiny_model_dir)
    tokenizer.backend_tokenizer.normalizer = normalizers.NFC()
    monkeypatch.setattr("smolkit.train.messages.load_tokenizer", lambda name: tokenizer)
    row = {"messages": [GOOD["messages"][0], {"role": "assistant", "content": "cafe\u0301"}]}
    file = _rows(tmp_path / "c.jsonl", row, GOOD)
    assert len(prepare(make_chat_recipe("chat", data={"train": [{"path": file}]})).examples) == 2


@pytest.mark.slow
def test_the_smoke_recipe_teaches_the_bundled_model(bundled: Path, tmp_path: Path) -> None:
    from smolkit.train.tasks import load_task_recipe

    out = tmp_path / "model"
    scores = finetune.train(finetune.open_run(load_task_recipe("smoke/chat", None)), out, console=SILENT)
    assert scores["dev_loss"] < 0.6  # 1.33 before
    assert scores["final_loss"] < 0.5
