"""Educational value: learnt from annotated rows, measured on others, used by the tokenizing stage."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest

from smolkit.data.educational import features, load_educational, train_educational
from smolkit.data.encode import open_encoder
from smolkit.data.text import Educational, Filters, Text
from smolkit.data.tokenize import tokenize
from smolkit.errors import DataError, RowErrors
from smolkit.manifest import Manifest, read, write

LESSON = "Photosynthesis converts light into energy. A cell stores this energy as sugar. We explain each step."
ADVERT = "Buy now and save! Free shipping on all cheap shoes. Click here for the best deals, sale ends soon."


def text(share: float, rng: Random) -> str:
    """Words of a lesson in that share, of an advertisement in the rest."""
    return " ".join(rng.choice((LESSON if rng.random() < share else ADVERT).split()) for _ in range(60))


def annotated(path, count=200):
    rng = Random(1)
    scores = [rng.randint(0, 5) for _ in range(count)]
    path.write_text("".join(json.dumps({"text": text(s / 5, rng), "score": s}) + "\n" for s in scores))
    return path


@pytest.fixture(scope="module")
def trained(bundled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("educational")
    figures = train_educational(annotated(folder / "rows.jsonl"), folder / "model", model=str(bundled))
    return folder / "model", figures


def test_a_model_does_better_on_rows_not_seen_than_the_mean(trained):
    directory, figures = trained
    assert (figures.rows, figures.held_out) == (200, 40)
    assert figures.mean_absolute_error < 0.5 * figures.baseline_error
    assert figures.f1 > 0.8
    assert read(directory).scores == figures.figures()


def test_the_same_rows_and_seed_give_the_same_model(trained, bundled, tmp_path):
    directory, figures = trained
    rows = annotated(tmp_path / "rows.jsonl")
    assert train_educational(rows, tmp_path / "again", model=str(bundled)) == figures
    assert (tmp_path / "again" / "weights.npy").read_bytes() == (directory / "weights.npy").read_bytes()
    assert train_educational(rows, tmp_path / "other", model=str(bundled), seed=1) != figures


def test_scores_stay_in_the_range_of_the_annotations(trained, bundled):
    encoder = open_encoder(str(bundled), "none")
    model = load_educational(trained[0], tokenizer_sha256=encoder.tokenizer_sha256, tokenizer="bundled")
    lesson, advert, single = (model.score(ids) for ids in encoder.encode([LESSON, ADVERT, "a"]))
    assert 0 <= advert < 2 < 3 < lesson <= 5
    assert 0 <= single <= 5


def test_features_know_the_order_of_tokens_and_have_length_one():
    one, other = (features(np.array(ids, np.uint16)) for ids in ([5, 6, 7], [7, 6, 5]))
    assert set(one[0]) & set(other[0])
    assert set(one[0]) != set(other[0])
    assert np.linalg.norm(one[1]) == pytest.approx(1)


def test_tokenizing_drops_what_scores_low(trained, bundled, tmp_path):
    rng = Random(2)
    rows = [{"id": f"lesson{n}", "text": text(1, rng)} for n in range(5)]
    rows += [{"id": f"advert{n}", "text": text(0, rng)} for n in range(5)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    filters = Filters(educational=Educational(model=str(trained[0])))
    corpus = tokenize(Text(path=(str(tmp_path / "a.jsonl"),)), filters, tmp_path / "out", model=str(bundled), workers=1)
    shard = corpus.shards[0]
    assert [shard.document_name(index) for index in range(corpus.documents)] == [f"lesson{n}" for n in range(5)]
    assert corpus.details["dropped"]["educational value below 3"]["documents"] == 5


def test_a_model_of_another_tokenizer_or_none_at_all_is_refused(trained, tmp_path, word_level):
    other = word_level(tmp_path / "m", ["unk", "a"], "a")
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    filters = Filters(educational=Educational(model=str(trained[0])))
    with pytest.raises(DataError, match=r"trained with the tokenizer of .* Train it again: smolkit data educational"):
        tokenize(Text(path=(str(tmp_path / "a.jsonl"),)), filters, tmp_path / "out", model=other)
    write(tmp_path / "m", Manifest(kind="model"))
    with pytest.raises(DataError, match=r"holds a model, not a model of educational value"):
        load_educational(tmp_path / "m", tokenizer_sha256="", tokenizer="")


def test_bad_annotations_are_named_all_at_once(tmp_path):
    file = tmp_path / "rows.jsonl"
    rows = ["[]", '{"txt": "a", "score": 1}', '{"text": "a", "score": "3"}', '{"text": "a", "scor": 3}']
    rows += ['{"text": " ", "score": 3}', "{", '{"text": "a", "score": true}']
    file.write_text("\n".join(rows))
    with pytest.raises(RowErrors) as caught:
        train_educational(file, tmp_path / "out")
    lines = [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()]
    assert lines[:5] == [
        "1: a row is an object, got list.",
        "2:text: no text. Rename 'txt' to 'text'.",
        '3:score: expected a number, got "3".',
        "4:score: no score. Rename 'scor' to 'score'.",
        "5:text: the text is empty.",
    ]
    assert lines[5].startswith("6: not JSON")
    assert lines[6] == "7:score: expected a number, got true."


def test_rows_that_teach_nothing_are_refused(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "a", "score": 1}\n')
    with pytest.raises(DataError, match=r"1 rows are too few to learn from\. Hundreds are a beginning"):
        train_educational(file, tmp_path / "out")
    file.write_text('{"text": "a", "score": 1}\n' * 30)
    with pytest.raises(DataError, match=r"all rows have the score 1, so there is nothing to learn"):
        train_educational(file, tmp_path / "out")
    with pytest.raises(DataError, match=r"holdout is a share of the rows between 0 and 1, got 2"):
        train_educational(file, tmp_path / "out", holdout=2)


def test_a_holdout_that_leaves_too_few_rows_is_refused(tmp_path):
    file = annotated(tmp_path / "rows.jsonl", 24)
    with pytest.raises(DataError, match=r"holdout 0\.9 leaves 2 of 24 rows to learn from\. Hold out fewer"):
        train_educational(file, tmp_path / "out", holdout=0.9)
