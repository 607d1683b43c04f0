"""What a recipe says of text: every field is checked, switches take defaults, faults say where and what."""

from __future__ import annotations

import json

import pytest

from smolkit.data.text import Filters, MinHash, Repetition, Text
from smolkit.errors import RecipeErrors
from smolkit.recipe import Section, load_recipe, resolved


class Recipe(Section):
    text: Text
    filters: Filters = Filters()


def read(tmp_path, content):
    (tmp_path / "r.yaml").write_text(content)
    return load_recipe(Recipe, tmp_path / "r.yaml")


def test_text_comes_from_files_the_hub_or_python(tmp_path):
    assert read(tmp_path, "text: {path: a.jsonl}").text.path == ("a.jsonl",)
    assert read(tmp_path, "text: {path: [a, b]}").text.path == ("a", "b")
    assert read(tmp_path, "text: {hub: own/er, config: small, documents: 5, seed: 1}").text.config == "small"
    assert read(tmp_path, "text: {python: topics}").text.python == "topics"


def test_switches_take_defaults_or_figures_of_their_own(tmp_path):
    assert read(tmp_path, "text: {python: tests}").filters == Filters()
    on = read(tmp_path, "text: {python: tests}\nfilters: {repetition: true, minhash: {buckets: 9}}").filters
    assert on.repetition == Repetition()
    assert on.minhash == MinHash(buckets=9)
    own = read(tmp_path, "text: {python: tests}\nfilters: {repetition: {top_ngrams: {2: 0.5}}, minhash: false}").filters
    assert own.repetition == Repetition(top_ngrams={2: 0.5})
    assert own.minhash is None


def test_what_a_manifest_keeps_is_read_again():
    filters = Filters(repetition=Repetition(), minhash=MinHash(), min_chars=3)
    assert Filters.model_validate_json(json.dumps(resolved(filters))) == filters


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text: {}", "text comes from path, hub or python, exactly one of them; given: none"),
        ("text: {path: a, python: tests}", "given: path and python"),
        ("text: {path: []}", "r.yaml:1:text.path: "),
        ("text: {path: a, config: b}", "config belongs to hub, and the text comes from path"),
        ("text: {python: topics, split: test}", "split belongs to hub, and the text comes from python"),
        ("text: {path: a, documents: 1, seed: -1}", "greater than or equal to 0"),
        ("text: {python: tests, seed: 3}", "a seed chooses documents, and all are taken"),
        ("text: {python: test}", "text.python: must be 'library', 'tests', 'topics' or 'docstrings', got \"test\""),
        ("text: {pth: a}", "text.pth: no such field. Did you mean 'path'?"),
        ("text: {path: a, documents: 0}", "text.documents: must be greater than or equal to 1, got 0"),
        ("text: {path: a}\nfilters: {min_chars: 9, max_chars: 3}", "min_chars is 9 and max_chars 3: nothing is let"),
        ("text: {path: a}\nfilters: {repetition: {duplicate_lines: 2}}", "duplicate_lines: must be less than or equal"),
        ("text: {path: a}\nfilters: {repetition: {top_ngrams: {99: 0.1}}}", "between 1 and 20 words in a row, got 99"),
        ("text: {path: a}\nfilters: {educational: {}}", "a field of the rows or from a model: give one of the two"),
        ("text: {path: a}\nfilters: {educational: {field: a, model: b}}", "give one of the two"),
    ],
)
def test_faults_are_explained(tmp_path, content, message):
    with pytest.raises(RecipeErrors) as caught:
        read(tmp_path, content)
    assert message in str(caught.value)
