from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from smolkit.errors import DataError, ModelError, RowErrors
from smolkit.extraction.prompt import get_format
from smolkit.train.prepare import check_batches, choose_padding, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

    from tests.train.conftest import MakeRecipe


def test_padding_is_no_token_that_ends_an_answer(make_recipe: MakeRecipe) -> None:
    tokenizer = prepare(make_recipe()).tokenizer
    assert tokenizer.pad_token == "<|endoftext|>"
    assert tokenizer.eos_token == "<|im_end|>"


def test_a_format_whose_end_is_no_token_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(ModelError, match=r"'<\|end-output\|>' of prompt format nuextract-1\.5 is no token"):
        choose_padding(tokenizer, get_format("nuextract-1.5"))


def test_rows_that_are_too_long_are_named_and_refused_or_skipped(make_recipe: MakeRecipe) -> None:
    data = {"train": [{"synth": {"rows": 12, "level": "plain"}}], "max_length": 170}
    with pytest.raises(RowErrors, match=r"over data\.max_length = 170") as caught:
        prepare(make_recipe(data=data))
    prepared = prepare(make_recipe(data={**data, "too_long": "skip"}))
    assert len(prepared.skipped) == len(caught.value.problems) > 0
    assert len(prepared.examples) + len(prepared.skipped) == 12
    assert max(prepared.lengths) <= 170


def test_made_issues_and_those_of_github_train_side_by_side(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    file = tmp_path / "issues.json"
    file.write_text(json.dumps([{"title": "Export hangs", "body": "The export hangs.", "labels": [{"name": "bug"}]}]))
    sources = [{"synth": {"of": "issues", "rows": 5}}, {"path": str(file), "format": "github"}]
    prepared = prepare(make_recipe(data={"train": sources}))
    assert prepared.rows_by_source == {
        "synth(rows=5, seed=0, split=train, of=issues, level=full)": 5,
        str(file): 1,
    }
    assert len(prepared.examples) == 6


def test_later_passes_are_redrawn_where_the_recipe_says_so(make_recipe: MakeRecipe) -> None:
    data = {"train": [{"synth": {"rows": 12, "level": "plain"}}]}
    plain = prepare(make_recipe(data=data, epochs=1.5))
    assert (len(plain.examples), plain.redrawn) == (12, 0)
    redrawn = prepare(make_recipe(data={**data, "redraw": True}, epochs=1.5))
    assert redrawn.examples[:12] == plain.examples
    assert 0 < redrawn.redrawn <= 6
    used = [row for step in redrawn.steps for micro in step for row in micro.rows]
    assert {*range(12, len(redrawn.examples))} < {*used}
    originals = {tuple(example.ids) for example in plain.examples}
    assert not any(tuple(example.ids) in originals for example in redrawn.examples[12:])
    assert prepare(make_recipe(data={**data, "redraw": True}, epochs=1.5)).examples == redrawn.examples


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("prompt labelled", "not the row's answer"),
        ("end missing", "end token, once"),
        ("end twice", "end token, once"),
        ("another beginning", "does not begin with what its batch shares"),
    ],
)
def test_labels_that_are_not_the_answer_are_refused(make_recipe: MakeRecipe, fault: str, message: str) -> None:
    prepared = prepare(make_recipe())
    row = prepared.steps[0][0].rows[1]
    example = prepared.examples[row]
    end = prepared.tokenizer.eos_token_id
    prepared.examples[row] = {
        "prompt labelled": dataclasses.replace(example, prompt_length=3),
        "end missing": dataclasses.replace(example, ids=example.ids[:-1]),
        "end twice": dataclasses.replace(example, ids=[*example.ids, end]),
        "another beginning": dataclasses.replace(example, ids=[end, *example.ids[1:]]),
    }[fault]
    with pytest.raises(DataError, match=message):
        check_batches(prepared)


def test_steps_count_real_tokens_and_compute_what_prompts_share_once(make_recipe: MakeRecipe) -> None:
    prepared = prepare(make_recipe(epochs=2))
    assert sum(prepared.step_tokens) == 2 * sum(prepared.lengths)
    micro_batches = [micro for step in prepared.steps for micro in step]
    saved = sum((len(micro.rows) - 1) * micro.shared for micro in micro_batches)
    padding = prepared.computed_tokens - (sum(prepared.step_tokens) - saved)
    assert saved > 0
    assert 0 <= padding < len(micro_batches) * prepared.recipe.batch.pad_to
