"""Figures of rows about images: counts, sizes, tokens, images that stand twice or in another split."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from smolkit.data.check import Spread
from smolkit.data.images import ImageLayout
from smolkit.data.render import TokenizerEncoder
from smolkit.data.vision_chat import VISION_CHATML, VisionChatFormat
from smolkit.data.vision_check import check_vision_rows, find_vision_leakage, shown
from smolkit.data.vision_render import encode_vision_row
from smolkit.data.vision_rows import VisionRow, validate_vision_rows
from smolkit.errors import DataError
from smolkit.extraction.prompt import get_format

FORMAT = get_format("smolkit-1")
RED, BLUE = (Image.new("RGB", (40, 20), color) for color in ("red", "blue"))


def form(image: Any, name: str | None, **more: Any) -> dict[str, Any]:
    return {"image": image, "template": {"name": "", "colour": ""}, "output": {"name": name, "colour": "red"}, **more}


def talk(images: list[Any], question: str, answer: str) -> dict[str, Any]:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"images": images, "messages": turns}


@pytest.fixture(scope="module")
def chat(tokenizer: Any) -> VisionChatFormat:
    return VisionChatFormat(VISION_CHATML, TokenizerEncoder(tokenizer))


def test_rows_are_counted(chat):
    tall = Image.new("RGB", (10, 70))
    rows = validate_vision_rows(
        [form(RED, "pot", lang="en"), form(tall, None, kind="shop"), talk([RED, BLUE], "Which?", "Neither")]
    )
    layout = ImageLayout(tile=32, tokens=4, longest_edge=64, split=True)
    figures = check_vision_rows(rows, FORMAT, chat, layout)
    assert (figures.rows, figures.images, figures.templates, figures.absent_rate) == (3, 4, 2, 0.25)
    assert figures.languages == {"not given": 2, "en": 1}
    assert figures.kinds == {"not given": 2, "shop": 1}
    assert figures.sides == {"width": Spread(10, 40, 40, 40), "height": Spread(20, 20, 70, 70)}
    assert figures.tokens["image"] == Spread(12, 12, 12, 12)
    assert figures.figures()["tokens"]["image"] == {"min": 12, "median": 12, "p95": 12, "max": 12}
    examples = [shown(row, FORMAT, chat, []) for row in rows]
    assert figures.tokens["answer"].max == max(example.answer_length for example in examples)


def test_without_images_there_is_no_size_and_nothing_stands_twice(chat):
    rows = validate_vision_rows([talk([], "What?", "A pot"), talk([], "What?", "A pan"), talk([], "Who?", "I")])
    figures = check_vision_rows(rows, FORMAT, chat, ImageLayout(tile=32, tokens=4, longest_edge=64, split=True))
    assert (figures.images, figures.sides, set(figures.tokens)) == (0, {}, {"prompt", "answer"})
    assert (figures.equal_images, figures.contradictions) == ([], [(2, 1)])


def test_conversations_have_no_absent_values_and_a_text_model_cuts_no_images(chat):
    figures = check_vision_rows(validate_vision_rows([talk([RED], "What?", "A pot")]), FORMAT, chat)
    assert figures.absent_rate is None
    assert set(figures.tokens) == {"prompt", "answer"}


def test_equal_images_and_other_answers_to_them_are_found(chat, tmp_path):
    BLUE.save(tmp_path / "a.png")
    BLUE.save(tmp_path / "b.png")
    raw = [
        form("a.png", "pot"),
        form("b.png", "pot"),
        form(RED, "pot"),
        form("b.png", "vase"),
        talk([RED], "What?", "A pot"),
        talk([RED], "What?", "A vase"),
    ]
    figures = check_vision_rows(validate_vision_rows(raw, tmp_path / "rows.jsonl"), FORMAT, chat)
    assert figures.equal_images == [(2, 1), (4, 1), (5, 3), (6, 3)]
    assert figures.contradictions == [(4, 1), (6, 5)]


def test_images_and_keys_of_another_split_are_found(tmp_path):
    train = validate_vision_rows(
        [form(RED, "pot"), talk([BLUE, RED], "Which?", "No"), form(Image.new("L", (3, 3)), "x")]
    )
    test = validate_vision_rows([form(BLUE, "pot"), {**form(RED, "pot"), "template": {"name": ""}, "output": {}}])
    leakage = find_vision_leakage(train, test)
    assert leakage.equal_images == [(1, 2), (2, 1), (2, 2)]
    assert (leakage.keys, leakage.shared_keys) == (2, ["colour", "name"])


@pytest.mark.parametrize("raw", [form(RED, "pot"), talk([RED, BLUE], "<image> or <image>?", "The first")])
def test_an_example_is_what_is_learnt_of_a_row(raw, chat, tokenizer):
    (row,) = validate_vision_rows([raw], "f")
    example = shown(row, FORMAT, chat, file="f")
    learnt = [tokenizer.decode(example.ids[start:end]) for start, end in example.answers]
    assert learnt == ['{"name": "pot", "colour": "red"}<|im_end|>' if row.template else "The first<|im_end|>"]
    assert example.row == "f:1"
    assert tokenizer.decode(example.ids).count("<image>") == len(row.images)
    assert example.ids[-1] == chat.end_id


def test_a_row_without_an_answer_is_refused(chat):
    for row in validate_vision_rows(
        [
            {**form(RED, "pot"), "output": None},
            {**talk([RED], "a", "b"), "messages": [{"role": "user", "content": "a"}]},
        ],
        need_output=False,
    ):
        with pytest.raises(DataError, match=rf"^{row.id}: no answer to learn from"):
            encode_vision_row(row, [[1]], FORMAT, chat)


def test_pictures_stand_where_the_text_would(chat, tokenizer):
    row: VisionRow
    (row,) = validate_vision_rows([form(RED, "pot")])
    assert row.template is not None
    ids, turns = encode_vision_row(row, [[7, 7, 7]], FORMAT, chat)
    start = ids.index(7)
    assert ids[start : start + 3] == [7, 7, 7]
    assert tokenizer.decode(ids[:start]) == FORMAT.shared_prefix(row.template)
    assert tokenizer.decode(ids[start + 3 : turns[0][0]]) == FORMAT.closing
