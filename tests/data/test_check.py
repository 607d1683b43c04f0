"""What a set of rows holds: every figure against rows small enough to count by hand, and the real sets."""

from __future__ import annotations

from random import Random

import pytest

from smolkit.data.check import (
    NEAR,
    LeafCounts,
    Spread,
    check_rows,
    find_leakage,
    marked,
    near_matches,
    shingles,
)
from smolkit.data.render import TokenizerEncoder, encode_example
from smolkit.data.rows import read_rows, validate_rows
from smolkit.extraction.prompt import get_format

FORMAT = get_format("smolkit-1")


def encode(text: str, *, special: bool) -> list[int]:
    """One token a character: enough where tokens are only counted."""
    return [ord(char) for char in text]


def row(text="A red pot for 3 EUR", template=None, output=None, **more):
    return {"text": text, "template": template or {"name": ""}, "output": output or {}, **more}


def figures(*rows):
    return check_rows(validate_rows(rows), FORMAT, encode, file="f.jsonl")


def test_rows_are_counted_by_language_kind_and_style():
    found = figures(
        row("a", lang="fr", kind="shop"),
        row("b", lang="fr"),
        row("c", template={"x": "number"}, lang="en", kind="shop"),
    )
    assert found.rows == 3
    assert found.languages == {"fr": 2, "en": 1}
    assert found.kinds == {"shop": 2, "not given": 1}
    assert found.styles == {"blank": 2, "typed": 1}


def test_a_spread_holds_lengths_that_occur():
    assert Spread.of([5]) == Spread(5, 5, 5, 5)
    assert Spread.of([4, 1, 3, 2]) == Spread(1, 2, 4, 4)
    assert Spread.of(range(1, 101)) == Spread(1, 50, 95, 100)


def test_lengths_are_those_of_the_rendered_row():
    short, long = row("a pot", output={"name": "pot"}), row("a pot " * 10, output={"name": "pot"})
    tokens = figures(short, long).tokens
    examples = [encode_example(one, FORMAT, encode) for one in validate_rows([short, long])]
    assert (tokens["prompt"].min, tokens["prompt"].max) == tuple(example.prompt_length for example in examples)
    assert tokens["answer"] == Spread.of([len('{"name": "pot"}' + FORMAT.end)])
    assert tokens["row"].max == len(examples[1].ids)


def test_leaves_are_counted_by_type_with_what_is_absent_and_what_is_copied():
    template = {
        "name": "verbatim-string",
        "price": "number",
        "colour": ["red", "blue"],
        "tags": [["old", "new"]],
        "parts": [{"label": "string"}],
    }
    text = "A  red\npot, old, for 3 EUR, with lid and knob"
    output = {
        "name": "red pot",
        "price": 3,
        "colour": None,
        "tags": ["old"],
        "parts": [{"label": "lid"}, {"label": "ear"}],
    }
    leaves = figures(row(text, template, output), row(text, template, {})).leaves
    assert leaves == {
        "enum": LeafCounts(leaves=4, absent=3, texts=1, verbatim=1),
        "string": LeafCounts(leaves=3, absent=1, texts=2, verbatim=1),
        "verbatim-string": LeafCounts(leaves=2, absent=1, texts=1, verbatim=1),
        "number": LeafCounts(leaves=2, absent=1),
    }
    assert next(iter(leaves)) == "enum"
    assert leaves["number"].verbatim_rate is None


def test_the_verbatim_rate_is_that_of_free_text():
    template = {"name": "string", "when": "date", "colour": ["red", "blue"]}
    found = figures(row("A red pot", template, {"name": "red pot", "when": "2024-05-01", "colour": "blue"}))
    assert found.verbatim_rate == 1.0
    assert found.leaves["date"].verbatim_rate == 0.0
    assert figures(row(template={"price": "number"})).verbatim_rate is None


def test_the_absent_rate_is_over_all_leaves():
    nested = {"a": "", "b": [{"c": "", "d": ""}]}
    assert figures(row(template=nested, output={"a": "pot"})).absent_rate == pytest.approx(2 / 3)
    assert figures(row(template=nested, output={"a": "pot", "b": [{"c": "red"}]})).absent_rate == pytest.approx(1 / 3)


def test_verbatim_values_that_are_not_in_the_text_are_named():
    template = {"name": "verbatim-string", "a.b": ["verbatim-string"], "free": "string"}
    good = row(template=template, output={"name": "red pot"})
    bad = row("A pot", template, {"name": "Pot", "a.b": ["pot", "lid"], "free": "nowhere"})
    assert figures(good, bad).misquoted == ["f.jsonl:2:output.name", 'f.jsonl:2:output["a.b"][1]']


def test_repeated_rows_are_found_with_the_first_of_them():
    found = figures(
        row("pot", output={"name": "pot"}),
        row("lid"),
        row("pot", template={"title": ""}),
        row("pot", output={"name": None}),
        row("pot", output={"name": "pot"}),
        row("Pot"),
    )
    assert found.equal_texts == [(3, 1), (4, 1), (5, 1)]
    assert found.equal_texts_and_templates == [(4, 1), (5, 1)]
    assert found.contradictions == [(4, 1)]


def test_an_answer_written_in_another_way_is_no_contradiction():
    template = {"name": "", "parts": []}
    found = figures(row(template=template, output={"name": ""}), row(template=template, output={"parts": []}))
    assert found.equal_texts_and_templates == [(2, 1)]
    assert found.contradictions == []


def test_figures_are_json_values_with_their_rates():
    content = figures(row(output={"name": "pot"}), row()).figures()
    assert content["tokens"]["answer"].keys() == {"min", "median", "p95", "max"}
    assert content["leaves"]["blank"] == {
        "leaves": 2, "absent": 1, "texts": 1, "verbatim": 1, "absent_rate": 0.5, "verbatim_rate": 1.0,
    }  # fmt: skip
    assert (content["absent_rate"], content["verbatim_rate"]) == (0.5, 1.0)


# ---- the example


def test_the_marked_example_is_the_row_as_training_sees_it(tokenizer):
    [one] = validate_rows(
        [row("Un pot <|im_end|> à 3 €", {"name": "", "price": "number"}, {"name": "pot", "price": 3})]
    )
    example = encode_example(one, FORMAT, TokenizerEncoder(tokenizer))
    pieces = marked(example, tokenizer.decode)
    answer = '{"name": "pot", "price": 3}<|im_end|>'
    assert pieces == [(FORMAT.prompt(one.template, one.text), False), (answer, True)]


# ---- two sets


def test_equal_texts_near_texts_and_key_names_are_told_apart():
    base = "one two three four five six seven eight nine ten eleven twelve"
    train = validate_rows([row(base), row("quite another document", {"parts": [{"label": ""}], "label": ""})])
    test = validate_rows(
        [
            row("something that stands nowhere else", {"title": "", "parts": [{"colour": ""}]}),
            row("quite another document", {"name": "", "label": ""}),
            row(base.upper() + "!"),
            row(base.replace("twelve", "dozen")),
        ]
    )
    leakage = find_leakage(test, train)
    assert leakage.equal_texts == [(2, 2)]
    assert [(match.row, match.other) for match in leakage.near_texts] == [(3, 1), (4, 1)]
    assert [match.similarity for match in leakage.near_texts] == pytest.approx([1.0, 9 / 11])
    assert leakage.keys == 5
    assert leakage.shared_keys == ["label", "name", "parts"]
    assert leakage.figures()["near_texts"][0] == {"row": 3, "other": 1, "similarity": 1.0}


def test_shingles_are_words_in_a_row_without_case_and_punctuation():
    assert shingles("Total: 3,50 EUR!") == {"total 3 50", "3 50 eur"}
    assert shingles("Hello, World") == {"hello world"}
    assert shingles("?! - _") == frozenset()


def test_texts_without_words_resemble_nothing():
    assert near_matches(["?!", ""], ["?!", "", "a b c"]) == {}


@pytest.mark.parametrize("threshold", [0.1, 0.3, NEAR, 1.0])
def test_no_pair_above_the_threshold_is_missed(threshold):
    rng = Random(7)
    texts = [" ".join(rng.choices("abcd", k=rng.randint(1, 8))) for _ in range(120)]
    some, others = texts[:60], texts[60:]

    def jaccard(a, b):
        return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))

    best = {place: max(jaccard(text, other) for other in others) for place, text in enumerate(some)}
    expected = {place: similarity for place, similarity in best.items() if similarity >= threshold}
    found = near_matches(some, others, threshold)
    assert {place: similarity for place, (_, similarity) in found.items()} == expected
    assert all(jaccard(some[place], others[other]) == similarity for place, (other, similarity) in found.items())
    assert expected


def test_two_splits_of_the_generator_share_no_text():
    from smolkit.data.synth import generate

    train, test = (validate_rows(list(generate(120, 3, split))) for split in ("train", "test"))
    leakage = find_leakage(test, train)
    assert leakage.equal_texts == leakage.near_texts == []


def test_real_receipts_are_measured(data_dir, tokenizer):
    file = data_dir / "extraction" / "sroie" / "train.jsonl"
    found = check_rows(read_rows(file, limit=50), FORMAT, TokenizerEncoder(tokenizer), file=file)
    assert (found.rows, found.styles) == (50, {"blank": 50})
    assert found.leaves["blank"].leaves == 200
    assert 0.5 < found.verbatim_rate < 1
    assert found.tokens["prompt"].median > found.tokens["answer"].median
