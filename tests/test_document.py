from __future__ import annotations

from pathlib import Path

import pytest

from smolkit.document import Document, dotted
from smolkit.errors import RecipeError, RecipeErrors


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("d.yaml")


def test_every_value_knows_its_line(file: Path) -> None:
    file.write_text("a: 1\nb:\n  # a comment\n  - c: x\n    d: {e: 2}\n")
    document = Document.read(file)
    assert document.data == {"a": 1, "b": [{"c": "x", "d": {"e": 2}}]}
    assert document.where(("b", 0, "d", "e")) == "d.yaml:5:b[0].d.e"
    assert document.where(("b", 0, "missing")) == "d.yaml:4:b[0].missing"
    assert document.line(()) == 1


def test_an_override_hides_the_lines_of_what_it_replaced(file: Path) -> None:
    file.write_text("a:\n  b: 1\n  c: 2\n")
    document = Document.read(file)
    document.override("a={b: 3, d: 4}")
    assert document.data == {"a": {"b": 3, "d": 4}}
    assert document.where(("a", "b")) == "--set a.b"
    assert document.where(("a", "c")) == "--set a.c"


def test_repeated_keys_are_all_reported_with_both_lines(file: Path) -> None:
    file.write_text("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n")
    with pytest.raises(RecipeErrors) as caught:
        Document.read(file)
    assert str(caught.value).splitlines() == [
        "d.yaml:2:a: given twice, first in line 1.",
        "d.yaml:5:b.c: given twice, first in line 4.",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: &x 1\nb: *x\n", "d.yaml:2: not valid YAML: aliases are not supported, write the value out."),
        ("a: 1\n b: 2\n", "d.yaml:2: not valid YAML: mapping values are not allowed here."),
        ("a: 1\n---\nb: 2\n", "d.yaml:2: not valid YAML: but found another document."),
        ("a: !!python/name:x y\n", "d.yaml:1:a: the tag 'tag:yaml.org,2002:python/name:x' is not supported."),
        ("- a\n", "d.yaml:1: a recipe is a mapping of fields to values."),
        ("[a]: 1\n", "d.yaml:1: a field's name is a string."),
        ("a: 'x\n", "d.yaml:2: not valid YAML: found unexpected end of stream."),
    ],
)
def test_what_cannot_be_read_is_one_line_with_its_place(file: Path, text: str, line: str) -> None:
    file.write_text(text)
    with pytest.raises(RecipeError) as caught:
        Document.read(file)
    assert str(caught.value) == line


def test_bytes_that_are_no_text_are_refused(file: Path) -> None:
    file.write_bytes(b"a: \xff\xfe")
    with pytest.raises(RecipeError, match=r"^d\.yaml: cannot be read: 'utf-8' codec"):
        Document.read(file)


def test_a_control_character_is_refused(file: Path) -> None:
    file.write_bytes(b"a: \x00")
    with pytest.raises(RecipeError, match=r"^d\.yaml: not valid YAML: "):
        Document.read(file)


def test_a_path_is_written_with_dots_and_brackets() -> None:
    assert dotted(("a", 0, "b", "c")) == "a[0].b.c"
    assert dotted(()) == ""
