"""The made issues: the same everywhere, apart between the splits, as their template wants, and true to their text."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from itertools import islice
from random import Random
from typing import Any

import pytest

from smolkit.data.synth.issues import KINDS, generate_issues
from smolkit.data.synth.issues.draw import Draw, gerund, listed, past, sentence
from smolkit.data.synth.issues.features import COMPONENTS, FEATURES
from smolkit.data.synth.issues.pools import EXPECTED, SYMPTOMS, WISHES
from smolkit.data.synth.issues.templates import STANDARD
from smolkit.errors import DataError
from smolkit.extraction.template import Template

ROWS = 2000
SPLITS = ("train", "dev", "test")
Rows = list[dict[str, Any]]

# Words that an issue may have without the text: they come with its form, or the text says their like ("each", "which").
OF_THE_FORM = """
    the a an of in on to for and is it its with by whether possible how document documentation does not no say asks
    reporter expected should have has happens error message helps help did let add after since update version user users
    being at be are do been was before done every very that as when without instead
"""
IRREGULAR = {"choose": "chose", "go": "went", "hold": "held", "leave": "left", "pay": "paid", "run": "ran"} | {
    "send": "sent", "write": "wrote", "do": "did"
}  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> dict[str, Rows]:
    return {split: list(generate_issues(ROWS if split == "train" else 600, 3, split)) for split in SPLITS}


def standard(rows: Rows) -> Rows:
    return [row for row in rows if row["template"] == STANDARD]


def test_two_processes_make_the_same_bytes() -> None:
    code = (
        "import hashlib, json; from smolkit.data.synth.issues import generate_issues\n"
        "print(hashlib.sha256(json.dumps(list(generate_issues(60, 11, 'test'))).encode()).hexdigest())"
    )
    found = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(found) == 1


def test_a_longer_set_begins_with_the_shorter_one() -> None:
    assert list(islice(generate_issues(500, 5), 20)) == list(generate_issues(20, 5))


def test_seeds_differ() -> None:
    assert not {row["text"] for row in generate_issues(60, 1)} & {row["text"] for row in generate_issues(60, 2)}


def test_rows_have_their_columns_and_pass_through_json(rows: dict[str, Rows]) -> None:
    train = rows["train"]
    assert set(train[0]) == {"id", "kind", "seen", "lang", "text", "template", "output"}
    assert len({row["id"] for row in train}) == len(train)
    assert json.loads(json.dumps(train)) == train


@pytest.mark.parametrize("split", SPLITS)
def test_every_answer_conforms_to_its_template(split: str, rows: dict[str, Rows]) -> None:
    for row in rows[split]:
        template = Template.parse(row["template"])
        assert template.problems(row["output"]) == [], row
        assert list(template.conform(row["output"]).items()) == list(row["output"].items()), row


@pytest.mark.parametrize("split", SPLITS)
def test_no_answer_says_what_the_text_does_not(split: str, rows: dict[str, Rows]) -> None:
    for row in rows[split]:
        text = re.sub(r"[^\w.]+", " ", row["text"].lower())
        for key, value in row["output"].items():
            if isinstance(row["template"][key], list) and row["template"][key] not in (["string"], [""]):
                continue  # a choice is no word of the text
            for word in re.findall(r"[^\W_][\w.]*\w|\w", " ".join(value) if isinstance(value, list) else value or ""):
                assert word_of(word.lower(), text), (word, row)


def word_of(word: str, text: str) -> bool:
    """Whether the text has the word in some form of it; its first three letters survive every typing error."""
    if word in OF_THE_FORM.split():
        return True
    start = word if any(char.isdigit() for char in word) else word[:3]
    return any(found.startswith(start) for found in text.split()) or IRREGULAR.get(word, "\0") in text


@pytest.mark.parametrize("split", SPLITS)
def test_versions_errors_and_steps_stand_in_the_text(split: str, rows: dict[str, Rows]) -> None:
    for row in standard(rows[split]):
        text = row["text"].lower()
        told = " ".join([row["output"]["title"], row["output"]["description"], *row["output"]["steps"]]).lower()
        for name in re.findall(r"v?\d[\d.]*\d|\"[^\"]+\"", told):
            assert name.strip('"') in text, (name, row)
        for step in row["output"]["steps"]:
            _, _, rest = step[:-1].lower().partition(" ")
            assert rest in re.sub(r" & ", " and ", text) or typing_error(rest, text), (step, row)


def typing_error(phrase: str, text: str) -> bool:
    return all(word[:3] in text for word in phrase.split())


def test_splits_share_no_text(rows: dict[str, Rows]) -> None:
    texts = {split: {row["text"] for row in rows[split]} for split in SPLITS}
    assert not texts["train"] & texts["dev"]
    assert not texts["train"] & texts["test"]
    assert not texts["dev"] & texts["test"]


def test_half_of_the_test_rows_are_about_what_training_never_sees(rows: dict[str, Rows]) -> None:
    held_out = [feature.name.removeprefix("the ").lower() for feature in FEATURES[5::6]]
    for split in SPLITS:
        for row in rows[split]:
            assert row["seen"] is (split != "test" or int(row["id"].rpartition("-")[2]) % 2 == 0)
            if row["seen"]:
                assert not any(f"{name} " in row["text"].lower() for name in held_out), row
    unseen = standard([row for row in rows["test"] if not row["seen"]])
    assert all(any(name in row["output"]["title"].lower() for name in held_out) for row in unseen)


def test_the_two_halves_of_the_test_split_are_the_whole_of_it() -> None:
    whole = list(generate_issues(12, 4, "test"))
    assert list(generate_issues(6, 4, "test", unseen=False)) == whole[::2]
    assert list(generate_issues(6, 4, "test", unseen=True)) == whole[1::2]


def test_texts_are_short(rows: dict[str, Rows]) -> None:
    lengths = sorted(len(row["text"]) for row in rows["train"])
    assert lengths[-1] <= 900
    assert 150 <= lengths[len(lengths) // 2] <= 400
    assert not any(char in "{}^~" for row in rows["train"] + rows["test"] for char in row["text"])


def test_rows_with_their_prompts_are_short(rows: dict[str, Rows], bundled: object) -> None:
    from smolkit.data.render import TokenizerEncoder, encode_example
    from smolkit.data.rows import validate_rows
    from smolkit.extraction.prompt import get_format
    from smolkit.models import load_tokenizer

    encode, layout = TokenizerEncoder(load_tokenizer("bundled")), get_format("smolkit-1")
    assert all(encode_example(row, layout, encode).length <= 640 for row in validate_rows(rows["train"][:400]))


def test_short_sets_hold_every_kind() -> None:
    assert Counter(row["kind"] for row in generate_issues(sum(KINDS.values()), 0)) == KINDS


def test_labels_and_levels_are_spread(rows: dict[str, Rows]) -> None:
    answers = [row["output"] for row in standard(rows["train"])]
    assert 0.45 <= len(answers) / ROWS <= 0.55
    labels = Counter(label for answer in answers for label in answer["labels"])
    assert min(labels.values()) > 0.08 * len(answers)
    assert labels["bug"] < 0.5 * len(answers)
    assert 0.2 <= sum(len(answer["labels"]) == 2 for answer in answers) / len(answers) <= 0.4
    levels = Counter(answer["priority"] for answer in answers)
    assert set(levels) == {None, "low", "medium", "high", "critical"}
    assert min(levels.values()) > 0.04 * len(answers)
    assert levels[None] < 0.55 * len(answers)
    assert 0.3 <= sum(bool(answer["steps"]) for answer in answers) / len(answers) <= 0.7


def test_descriptions_have_one_to_three_sentences(rows: dict[str, Rows]) -> None:
    descriptions = [row["output"]["description"] for row in standard(rows["train"])]
    counts = Counter(len(re.findall(r"\.(?= [A-Z\d]|$)", text)) for text in descriptions)
    assert set(counts) <= {1, 2, 3}
    assert min(counts.values()) > 50


def test_few_texts_or_titles_are_made_twice(rows: dict[str, Rows]) -> None:
    train = rows["train"]
    assert len({row["text"] for row in train}) >= 0.99 * len(train)
    titles = Counter(row["output"]["title"] for row in standard(train))
    assert len(titles) >= 0.9 * titles.total()
    assert max(titles.values()) <= 0.005 * ROWS


def test_templates_are_many_and_some_keys_stand_in_the_test_split_only(rows: dict[str, Rows]) -> None:
    keys = {split: {key for row in rows[split] for key in row["template"]} for split in SPLITS}
    assert len(keys["train"]) > 60
    assert len(keys["test"] - keys["train"]) > 10
    assert len({json.dumps(row["template"]) for row in rows["train"]}) > 800


def test_every_feature_has_what_can_go_wrong_with_it() -> None:
    assert len(FEATURES) >= 96
    for feature in FEATURES:
        assert feature.name.startswith("the ")
        assert 2 <= len(feature.steps) <= 4, feature
        assert feature.kind in SYMPTOMS.keys() & WISHES.keys() & EXPECTED.keys(), feature
    assert len(COMPONENTS) >= 12


def test_a_step_is_told_in_every_form_of_its_verb() -> None:
    steps = ["press Export", "choose {month}", "drag a file", "copy the link", "go back", "scan a code"]
    assert [past(step).split()[0] for step in steps] == ["pressed", "chose", "dragged", "copied", "went", "scanned"]
    assert [gerund(step).split()[0] for step in steps] == [
        "pressing",
        "choosing",
        "dragging",
        "copying",
        "going",
        "scanning",
    ]
    assert (sentence("press Export"), sentence("iCal fails"), listed(["a", "b", "c"])) == (
        "Press Export.",
        "iCal fails.",
        "a, b and c",
    )


def test_a_slot_has_one_value_in_an_entry() -> None:
    told, said = Draw(Random(0)).halves("stops at {10-99}% ~ gets to {10-99}% and stops")
    assert re.findall(r"\d+", told) == re.findall(r"\d+", said)


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(DataError, match=r"no such split: 'tset'\. Did you mean 'test'"):
        next(generate_issues(1, 0, "tset"))
