"""Templates: both styles parsed, outputs checked, errors that name their path."""

from __future__ import annotations

import pytest

from smolkit.errors import TemplateError
from smolkit.extraction.template import MAX_DEPTH, Enum, Leaf, ListOf, Object, Template, field_of, is_empty

TYPED = Template.parse(
    {
        "name": "verbatim-string",
        "count": "integer",
        "price": "number",
        "open": "boolean",
        "since": "date",
        "kind": ["new", "used"],
        "tags": [["red", "green", "blue"]],
        "parts": [{"label": "string", "sizes": ["number"]}],
        "seller": {"mail": "email-address"},
    }
)


def test_both_styles_parse_into_the_same_kinds_of_node():
    blank = Template.parse({"name": "", "tags": [], "people": [{"first": "", "roles": [""]}]})
    assert blank.style == "blank"
    assert blank.root == Object(
        {
            "name": Leaf("blank"),
            "tags": ListOf(Leaf("blank")),
            "people": ListOf(Object({"first": Leaf("blank"), "roles": ListOf(Leaf("blank"))})),
        }
    )
    assert TYPED.style == "typed"
    assert TYPED.root.fields["kind"] == Enum(("new", "used"), many=False)
    assert TYPED.root.fields["tags"] == Enum(("red", "green", "blue"), many=True)
    assert Template.parse({"a": [["string"]]}).root.fields["a"] == ListOf(ListOf(Leaf("string")))


def test_a_template_with_one_type_is_typed_and_keeps_its_blanks():
    mixed = Template.parse({"name": "", "total": "number"})
    assert mixed.style == "typed"
    assert mixed.root.fields["name"] == Leaf("blank")
    assert Template.parse({"a": "", "b": ["x", "y"]}).style == "typed"


def test_leaves_come_in_order_with_paths_that_cannot_be_mixed_up():
    assert [path for path, _ in TYPED.leaves()] == [
        "name", "count", "price", "open", "since", "kind", "tags", "parts[].label", "parts[].sizes[]", "seller.mail",
    ]  # fmt: skip
    dotted = Template.parse({"a.b": "", "a": {"b": "", "customer rating": "", 'say "hi"': ""}})
    assert [path for path, _ in dotted.leaves()] == ['["a.b"]', "a.b", "a.customer rating", 'a["say \\"hi\\""]']


def test_the_source_is_a_copy_of_what_was_given():
    given = {"a": [{"b": ""}]}
    template = Template.parse(given)
    given["a"][0]["b"] = "number"
    assert template.source == {"a": [{"b": ""}]}


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ({}, "the template is empty"),
        ([], "a template is an object, got a list"),
        ('{"a": ""}', "Read text with Template.parse_json"),
        ({"items": [{"prise": "intger"}]}, "items[].prise: unknown type 'intger'. Did you mean 'integer'? Known: bic,"),
        ({"mail": "Email"}, "mail: unknown type 'Email'. Did you mean 'email-address'?"),
        ({"a": ["colour"]}, "a[]: unknown type 'colour'"),
        ({"a": ["intger"]}, "Did you mean 'integer'?"),
        ({"a": ["colour"]}, "An enum needs two choices or more."),
        ({"a": [["colour"]]}, "a[][]: unknown type 'colour'"),
        ({"a": ["string", "integer"]}, "a: the choices of this enum are type names (string, integer)"),
        ({"a": ["null", "date"]}, 'write "date", or change a choice'),
        ({"a": [["string", "number"]]}, "are type names"),
        ({"a": ["x", "x"]}, "enum choice 'x' stands twice"),
        ({"a": ["x", ""]}, "an enum choice is printable text, got ''"),
        ({"a": ["x", 1]}, "a: a list of 2 elements"),
        ({"a": [{"b": ""}, {"c": ""}]}, "A list holds one element"),
        ({"a": None}, "a: expected a type name"),
        ({"a": 12}, "got the number 12"),
        ({"a": {}}, "a: an object without fields"),
        ({"a": {"": ""}}, "a: a key is a printable string, got ''"),
        ({"a": {7: ""}}, "a: a key is a printable string, got the number 7"),
        ({"a\x00": ""}, "a key is a printable string"),
    ],
)
def test_a_bad_template_gets_one_line_with_its_path(source, line):
    with pytest.raises(TemplateError) as caught:
        Template.parse(source, "t.json")
    assert str(caught.value).startswith("t.json")
    assert "\n" not in str(caught.value)
    assert line in str(caught.value)


def test_deep_nesting_is_refused_and_the_limit_itself_is_not():
    def nested(levels: int) -> dict:
        return {"a": nested(levels - 1) if levels > 1 else ""}

    Template.parse(nested(MAX_DEPTH - 1))
    with pytest.raises(TemplateError, match="nested deeper than 32 levels"):
        Template.parse(nested(MAX_DEPTH + 1))
    with pytest.raises(TemplateError, match="nested deeper"):
        Template.parse_json('{"a":' * 100_000 + '""' + "}" * 100_000)


def test_json_text_may_not_say_a_key_twice():
    assert Template.parse_json('{"a": ""}').root == Object({"a": Leaf("blank")})
    with pytest.raises(TemplateError, match=r"^f\.jsonl:3:template: key 'b' stands twice in one object"):
        Template.parse_json('{"a": {"b": "", "c": "", "b": ""}}', "f.jsonl:3:template")
    with pytest.raises(TemplateError, match="the template is not JSON"):
        Template.parse_json("{'a': ''}")


@pytest.mark.parametrize(
    ("type_name", "value", "fine"),
    [
        ("integer", 0, True), ("integer", -4, True), ("integer", 3.0, False), ("integer", True, False),
        ("integer", "3", False), ("number", 3, True), ("number", 3.25, True), ("number", 1e-7, True),
        ("number", 1e22, True), ("number", -0.0, True), ("number", float("nan"), False),
        ("number", float("inf"), False),
        ("number", "12,50 EUR", False), ("number", False, False), ("boolean", False, True), ("boolean", 0, False),
        ("boolean", "true", False), ("string", "line\nbreak", True), ("string", "bell\x07", False),
        ("string", "half \ud83d", False), ("string", 5, False), ("verbatim-string", ["a"], False),
        ("", "text", True), ("", 12.5, False), ("", {"a": "b"}, False),
    ],
)  # fmt: skip
def test_kinds_of_json_are_not_mixed(type_name, value, fine):
    assert (Template.parse({"a": type_name}).problems({"a": value}) == []) is fine


def test_every_problem_of_an_output_is_named_with_its_path():
    output = {
        "name": 7,
        "count": "3",
        "kind": "usd",
        "tags": ["red", "pink", "red"],
        "parts": [{"label": "a", "sizes": [1, "2"]}, "b", {"labl": "c"}],
        "seller": [1],
        "colour": "red",
    }
    problems = dict(TYPED.problems(output))
    assert list(problems) == [
        "name", "count", "kind", "tags[1]", "tags[2]", "parts[0].sizes[1]", "parts[1]", "parts[2].labl", "seller",
        "colour",
    ]  # fmt: skip
    assert problems["name"] == 'expected a verbatim-string, got the number 7. Write it as "7"'
    assert problems["count"] == "expected an integer, got '3'"
    assert problems["kind"] == "'usd' is not a choice. Did you mean 'used'? Choices: new, used"
    assert problems["tags[2]"] == "'red' stands twice"
    assert problems["parts[1]"] == "expected an object, got 'b'"
    assert problems["parts[2].labl"] == "not a key of the template (did you mean 'label'?)"
    assert TYPED.problems(None) == [("", "expected an object, got null")]


@pytest.mark.parametrize("missing", [None, "", "  ", [], {}])
def test_a_missing_value_may_stand_anywhere(missing):
    everywhere = dict.fromkeys(TYPED.source, missing)
    assert TYPED.problems(everywhere) == []
    assert TYPED.conform(everywhere) == TYPED.conform({})


def test_conform_gives_the_templates_keys_in_its_order():
    output = {
        "tags": ["blue", None],
        "parts": [{"sizes": [1, None]}, {}, {"label": "  ", "sizes": []}, {"label": "b"}],
        "price": 0,
        "name": "Ann",
    }
    conformed = TYPED.conform(output)
    assert list(conformed) == list(TYPED.source)
    assert conformed == {
        "name": "Ann",
        "count": None,
        "price": 0,
        "open": None,
        "since": None,
        "kind": None,
        "tags": ["blue"],
        "parts": [{"label": None, "sizes": [1]}, {"label": "b", "sizes": []}],
        "seller": {"mail": None},
    }
    assert TYPED.problems(conformed) == []
    assert TYPED.conform(conformed) == conformed


def test_conform_refuses_what_does_not_fit():
    with pytest.raises(TemplateError, match=r"^count: expected an integer, got 'three'"):
        TYPED.conform({"count": "three"})


def test_emptiness_looks_inside_lists_and_objects_but_zero_and_false_are_content():
    assert is_empty({"a": None, "b": ["", {"c": []}]})
    assert not is_empty(0)
    assert not is_empty(False)
    assert not is_empty([{"a": ["", "x"]}])


@pytest.mark.parametrize(
    ("path", "field"),
    [("a", "a"), ("items[0].price", "items[].price"), ("a[12][3]", "a[][]"), ('a[1]["x[0]"].b', 'a[]["x[0]"].b')],
)
def test_the_field_of_a_path_has_no_indices(path, field):
    assert field_of(path) == field
