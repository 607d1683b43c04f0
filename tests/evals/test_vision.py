"""Rows of images are scored by their kind, read by a model that sees or by OCR, each with what it took."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smolkit.data.vision_rows import read_vision_rows
from smolkit.errors import DataError, ModelError, RowErrors
from smolkit.evals.vision import read, score_rows, see
from smolkit.runtime import open_extractor

pytest.importorskip("PIL", reason="pip install 'smolkit[vision]'")

TEMPLATE = {"shop": "verbatim-string", "total": "number"}
LINES = [("Riverside Stationers", ""), ("Total", "13.50")]
FORM = {"id": "form", "image": "a.png", "template": TEMPLATE, "output": {"shop": "Riverside Stationers", "total": 13.5}}
QUESTION = {
    "id": "question",
    "images": ["a.png"],
    "answers": ["RM 13.50"],
    "messages": [{"role": "user", "content": "What is the total?"}, {"role": "assistant", "content": "13.50"}],
}


@pytest.fixture
def rows_of(draw_receipt: Callable[..., Any], tmp_path: Path):
    draw_receipt(LINES).save(tmp_path / "a.png")

    def write(*rows: dict[str, Any]):
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return read_vision_rows(tmp_path / "rows.jsonl")

    return write


def test_predictions_are_scored_by_the_kind_of_their_row(rows_of) -> None:
    predictions = [{"id": "question", "raw": "rm 13.50"}, {"id": "form", "output": FORM["output"]}]
    scores = score_rows(rows_of(FORM, QUESTION), predictions)
    assert scores.fields.corpus.micro.f1 == 1
    assert scores.answers.score.exact == 1
    assert set(scores.figures()) == {"fields", "answers"}


def test_one_kind_of_rows_has_its_figures_alone(rows_of) -> None:
    fields = score_rows(rows_of(FORM), [{"id": "form", "raw": '{"total": 13.5}'}])
    assert fields.answers is None
    assert fields.figures()["micro_f1"] == pytest.approx(2 / 3)
    answers = score_rows(rows_of(QUESTION), [])
    assert answers.fields is None
    assert answers.figures()["missing"] == 1


def test_every_fault_of_the_predictions_is_named_with_its_row(rows_of) -> None:
    predictions = [{"id": "form", "output": {}}, {"id": "question", "output": {"a": 1}}, {"id": "farm", "raw": ""}]
    with pytest.raises(RowErrors) as caught:
        score_rows(rows_of(FORM, QUESTION), predictions, predictions_file="p.jsonl")
    assert sorted(str(caught.value).splitlines()) == [
        "p.jsonl:2:output: the answer to a question is text, got a JSON value. Put what the model wrote under raw.",
        "p.jsonl:3:id: no row has the id 'farm'. Did you mean 'form'?",
    ]


def test_a_model_that_sees_fills_templates_and_answers_questions(rows_of, tiny_vlm: Path) -> None:
    done: list[int] = []
    with open_extractor(tiny_vlm, dtype="float32") as extractor:
        side = see(extractor, rows_of(FORM, QUESTION), model="tiny", max_new_tokens=12, on_done=done.append)
    assert sum(done) == 2
    figures = side.figures()
    assert (figures["read_by"], figures["model"], figures["images"]) == ("image", "tiny", 2)
    assert set(figures["seconds_by_stage"]) == {"prompts", "templates", "questions"}
    assert figures["documents_per_second"] > 0
    # 560 x 164 pixels make 3 tiles beside each other, and the overview: 4 tokens each.
    assert figures["image_tokens"] == 2 * 4 * 4 < figures["prompt_tokens"]
    assert figures["fields"]["failed"] == figures["answers"]["missing"] == 0


def test_ocr_and_a_text_model_fill_templates(rows_of, tiny_model_dir: Path) -> None:
    pytest.importorskip("rapidocr_onnxruntime", reason="pip install 'smolkit[vision]'")
    with open_extractor(tiny_model_dir, dtype="float32") as extractor:
        side = read(extractor, rows_of(FORM), max_new_tokens=24)
    figures = side.figures()
    assert set(figures["seconds_by_stage"]) == {"ocr", "prompts", "templates"}
    assert figures["image_tokens"] == 0
    # The field is held to the text, so whatever a random model writes there stands in what was read.
    assert figures["verbatim_rate"] in (1.0, None)
    assert side.scores.fields.documents[0].status == "answered"


def test_a_row_that_asks_is_nothing_for_ocr(rows_of) -> None:
    with pytest.raises(DataError, match=r"rows\.jsonl:2:messages: .* this row asks a question"):
        read(None, rows_of(FORM, QUESTION), file="rows.jsonl")


def test_a_model_of_texts_is_refused_with_the_way_out(rows_of, tiny_model_dir: Path) -> None:
    with open_extractor(tiny_model_dir) as extractor, pytest.raises(ModelError, match=r"no images.*--ocr"):
        see(extractor, rows_of(FORM))
