from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

import pytest

from smolkit.data.synth import KINDS, generate
from smolkit.data.synth.document import Writer, mark
from smolkit.data.synth.formats import strip_accents
from smolkit.data.synth.kinds import REGISTRY, UNSEEN, load
from smolkit.data.synth.noise import Noise, choose
from smolkit.data.synth.phrases import PLACE, parse
from smolkit.data.synth.pools import LANGS, POOLS
from smolkit.data.synth.values import Draw, Value, share
from smolkit.errors import DataError
from smolkit.extraction.template import Enum, Template

ROWS = 2000
VERBATIM = {"blank", "verbatim-string", "string"}


@pytest.fixture(scope="module")
def train() -> list[dict[str, Any]]:
    return list(generate(ROWS, seed=3))


@pytest.fixture(scope="module")
def test() -> list[dict[str, Any]]:
    return list(generate(400, seed=3, split="test"))


@pytest.fixture(scope="module")
def dev() -> list[dict[str, Any]]:
    return list(generate(200, seed=3, split="dev"))


def leaves(node: Any, output: Any) -> Iterator[tuple[str, Any]]:
    """Each leaf's type with its value; an enum is "enum", one of many "multi-enum" with its list."""
    if isinstance(node, str):
        yield node or "blank", output
    elif isinstance(node, dict):
        for key, child in node.items():
            yield from leaves(child, output[key])
    elif node and all(isinstance(choice, str) for choice in node) and len(node) > 1:
        yield "enum", output
    elif node and isinstance(node[0], list):
        yield "multi-enum", output
    else:
        for value in output or [None]:
            yield from leaves(node[0] if node else "", value) if value is not None else iter([("list", None)])


def every_leaf(rows: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [leaf for row in rows for leaf in leaves(row["template"], row["output"])]


def keys(node: Any) -> Iterator[str]:
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from keys(child)
    if isinstance(node, dict):
        yield from node


def digest_in_a_new_process(split: str) -> str:
    code = (
        "import hashlib, json; from smolkit.data.synth import generate\n"
        f"rows = json.dumps(list(generate(60, 11, {split!r})), ensure_ascii=False)\n"
        "print(hashlib.sha256(rows.encode()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("split", ["train", "test"])
def test_two_processes_make_the_same_bytes(split: str) -> None:
    first = digest_in_a_new_process(split)
    assert len(first) == 65
    assert digest_in_a_new_process(split) == first


def test_a_longer_set_begins_with_the_shorter_one() -> None:
    assert list(islice(generate(500, 5), 20)) == list(generate(20, 5))


def test_seeds_differ() -> None:
    assert not {row["text"] for row in generate(60, 1)} & {row["text"] for row in generate(60, 2)}


def test_rows_have_their_columns_and_pass_through_json(train: list[dict[str, Any]]) -> None:
    assert set(train[0]) == {"id", "kind", "seen", "lang", "text", "template", "output"}
    assert len({row["id"] for row in train}) == len(train)
    assert json.loads(json.dumps(train)) == train


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_every_answer_conforms_to_its_template(split: str, request: pytest.FixtureRequest) -> None:
    for row in request.getfixturevalue(split):
        template = Template.parse(row["template"])
        assert template.problems(row["output"]) == [], row
        assert list(template.conform(row["output"])) == list(row["output"])


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_verbatim_value_stands_in_the_text(split: str, request: pytest.FixtureRequest) -> None:
    for row in request.getfixturevalue(split):
        text = " ".join(row["text"].split())
        for kind, value in leaves(row["template"], row["output"]):
            if kind in VERBATIM and value:
                assert value in text, row


def test_most_values_are_copied(train: list[dict[str, Any]]) -> None:
    texts = [(row, leaf) for row in train for leaf in leaves(row["template"], row["output"]) if leaf[1]]
    copied = sum(isinstance(value, str) and value in " ".join(row["text"].split()) for row, (_, value) in texts)
    assert copied / len(texts) >= 0.75


def test_some_fields_are_absent_but_not_too_many(train: list[dict[str, Any]]) -> None:
    found = every_leaf(train)
    absent = sum(value in (None, "", []) for _, value in found)
    assert 0.10 <= absent / len(found) <= 0.25


def test_texts_are_short_and_never_end_in_marks(train: list[dict[str, Any]]) -> None:
    lengths = sorted(len(row["text"]) for row in train)
    assert lengths[-1] <= 900
    assert 150 <= lengths[len(lengths) // 2] <= 320
    assert not any("\ue000" <= char <= "\ue002" or char in "{}" for row in train for char in row["text"])


def test_every_row_has_something_to_find(train: list[dict[str, Any]], test: list[dict[str, Any]]) -> None:
    for row in train + test:
        assert len(row["text"]) > 10, row
        assert any(value not in (None, "", []) for _, value in leaves(row["template"], row["output"])), row


def test_all_seen_kinds_languages_and_leaf_types_occur(train: list[dict[str, Any]]) -> None:
    assert {row["kind"] for row in train} == {name for name, seen in KINDS.items() if seen}
    langs = Counter(row["lang"] for row in train)
    assert set(langs) == set(LANGS)
    assert 0.42 <= langs["en"] / len(train) <= 0.58
    types = Counter(
        ("multi-enum" if leaf.many else "enum") if isinstance(leaf, Enum) else leaf.type
        for row in train
        for _, leaf in Template.parse(row["template"]).leaves()
    )
    expected = (
        "blank verbatim-string string integer number boolean date time date-time duration url email-address "
        "phone-number currency country language iban enum multi-enum"
    )
    assert set(types) == set(expected.split())


def test_templates_nest_and_list(train: list[dict[str, Any]]) -> None:
    nodes = [node for row in train for node in row["template"].values()]
    assert sum(isinstance(node, dict) for node in nodes) > 100
    assert sum(isinstance(node, list) and len(node) == 1 and isinstance(node[0], dict) for node in nodes) > 100
    assert sum(node in ([], [""]) for node in nodes) > 50
    styles = Counter(Template.parse(row["template"]).style for row in train)
    assert 0.4 <= styles["blank"] / len(train) <= 0.6


def test_short_sets_hold_every_kind() -> None:
    seen = sum(KINDS.values())
    assert len({row["kind"] for row in generate(seen, 0)}) == seen
    assert len({row["kind"] for row in generate(2 * seen, 0, "test")}) == len(KINDS)


def test_splits_share_no_text(
    train: list[dict[str, Any]], dev: list[dict[str, Any]], test: list[dict[str, Any]]
) -> None:
    texts = [{row["text"] for row in rows} for rows in (train, dev, test)]
    assert not texts[0] & texts[1]
    assert not texts[0] & texts[2]
    assert not texts[1] & texts[2]


def test_some_kinds_stand_in_the_test_split_only(dev: list[dict[str, Any]], test: list[dict[str, Any]]) -> None:
    assert len(UNSEEN) >= 4
    assert all(row["seen"] for row in dev)
    assert {row["kind"] for row in test if not row["seen"]} == set(UNSEEN)
    assert sum(row["seen"] for row in test) == len(test) // 2


def test_some_keys_stand_in_the_test_split_only(train: list[dict[str, Any]], test: list[dict[str, Any]]) -> None:
    known = {key for row in train for key in keys(row["template"])}
    new = {key for row in test if row["seen"] for key in keys(row["template"])} - known
    assert len(new) > 30


def test_open_pools_are_parted_between_the_splits() -> None:
    for pool, by_lang in POOLS.items():
        for lang, words in by_lang.items():
            parts = [set(share(words.split("|"), split)) for split in ("train", "dev", "test")]
            assert all(parts), (pool, lang)
            assert not parts[0] & parts[1], (pool, lang)
            assert not parts[0] & parts[2], (pool, lang)
            assert not parts[1] & parts[2], (pool, lang)


def test_few_texts_are_made_twice(train: list[dict[str, Any]]) -> None:
    assert len({row["text"] for row in train}) >= 0.995 * len(train)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_a_kind_says_the_same_things_in_all_its_languages(name: str) -> None:
    kind = load(name)
    english = kind.phrases["en"]
    assert set(kind.phrases) == set(LANGS)
    for lang, phrases in kind.phrases.items():
        assert set(phrases.names) <= set(english.names), lang
        for enum, table in english.enums.items():
            assert list(phrases.enums[enum]) == list(table), (lang, enum)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_field_that_a_sentence_names_is_drawn_and_has_a_name(name: str) -> None:
    for lang, phrases in load(name).phrases.items():
        records = [load(name).draw(Draw(Random(seed), lang, "test", phrases)) for seed in range(60)]
        drawn = {field for record in records for field in record}
        parts = {part for record in records for value in record.values() for part in item_parts(value)}
        for section, sentences in phrases.sentences.items():
            named = {field for sentence in sentences for mark, field in PLACE.findall(sentence) if not mark}
            assert named <= (parts if section == "item" else drawn), (lang, section)
        assert drawn <= set(phrases.names), lang


def item_parts(value: Any) -> set[str]:
    return set(value[0]) if isinstance(value, list) and isinstance(value[0], dict) else set()


def writer(block: str, **values: str) -> Writer:
    record = {name: Value(text) for name, text in values.items()}
    return Writer(Draw(Random(0), "en", "train", parse(block)), record, set(record))


def test_a_line_that_is_optional_and_not_said_leaves_no_gap() -> None:
    found = writer("whole\n  Shop {a}\n    [Tel. {b}]\n    Total {c}", a="X", c="9")
    assert plain(found.say(found.choose("whole") or "")) == "Shop X\nTotal 9"
    assert found.said == {"a": "X", "c": "9"}


def test_a_sentence_is_not_said_without_its_fields() -> None:
    assert writer("open\n  {a} costs {b}.", a="X").choose("open") is None


@pytest.mark.parametrize("block", ["names\n  price price", "prose\n  {a}", "open sky\n  {a}"])
def test_a_malformed_block_is_refused(block: str) -> None:
    with pytest.raises(ValueError, match=r"no colon|no such section"):
        parse(block)


def test_noise_changes_values_as_it_changes_the_text() -> None:
    marked = f"Ecole {mark('Élodie Noël')} a paye"
    for seed in range(200):
        noise = choose(Random(seed), marked, share=1.0)
        assert noise.value("Élodie Noël") in noise.text(marked)


def plain(marked: str) -> str:
    return Noise().text(marked)


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(DataError, match=r"no such split: 'tset'\. Did you mean 'test'"):
        next(generate(1, 0, "tset"))


def test_plain_rows_are_short_flat_and_to_be_copied() -> None:
    rows = list(generate(200, 0, "test", "plain", unseen=True))
    assert len(rows) == 200
    assert not any(row["seen"] for row in rows)
    for row in rows:
        assert row["lang"] in ("en", "fr")
        assert len(row["text"]) <= 220
        text = " ".join(row["text"].split())
        for field, value in zip(row["template"].values(), row["output"].values(), strict=True):
            assert field in ("", [], [""])
            assert all(found in text for found in (value if isinstance(value, list) else [value]))


def test_half_of_the_plain_keys_repeat_their_label_where_they_could() -> None:
    def plainly(text: str) -> str:
        return strip_accents(text).casefold().replace("_", " ")

    rows = [row for row in generate(400, 0, level="plain") if row["lang"] == "en"]
    repeated = [plainly(key) in plainly(row["text"]) for row in rows for key in row["template"]]
    assert 0.4 < sum(repeated) / len(repeated) < 0.75


def test_a_misspelt_level_gets_the_nearest() -> None:
    with pytest.raises(DataError, match="Did you mean 'plain'"):
        next(generate(1, 0, level="plian"))
