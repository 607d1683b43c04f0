"""Schemas to templates and back: nothing lost unseen."""

from __future__ import annotations

import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from smolkit.errors import TemplateError
from smolkit.extraction.schema import json_schema, template_from_json_schema, template_from_pydantic
from smolkit.extraction.template import LEAF_TYPES, Template


def convert(**properties: Any) -> tuple[dict[str, Any], list[str]]:
    return template_from_json_schema({"type": "object", "properties": properties})


def test_a_nested_schema_becomes_a_nested_template():
    source, reports = template_from_json_schema(
        {
            "title": "Invoice",
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "number": {"type": "string", "description": "as printed"},
                "date": {"type": ["string", "null"], "format": "date"},
                "paid": {"type": "boolean", "default": False},
                "seller": {"$ref": "#/$defs/Party"},
                "buyer": {"anyOf": [{"$ref": "#/$defs/Party"}, {"type": "null"}]},
                "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
                "state": {"enum": ["open", "closed", None]},
                "marks": {"type": "array", "items": {"type": "string", "enum": ["new", "gift"]}, "uniqueItems": True},
            },
            "$defs": {
                "Party": {"type": "object", "properties": {"mail": {"type": "string", "format": "email"}}},
                "Line": {
                    "type": "object",
                    "properties": {"count": {"type": "integer"}, "price": {"type": ["integer", "number"]}},
                },
            },
        }
    )
    assert source == {
        "number": "string",
        "date": "date",
        "paid": "boolean",
        "seller": {"mail": "email-address"},
        "buyer": {"mail": "email-address"},
        "lines": [{"count": "integer", "price": "number"}],
        "state": ["open", "closed"],
        "marks": [["new", "gift"]],
    }
    assert reports == []


@pytest.mark.parametrize(
    ("schema", "leaf", "report"),
    [
        ({"type": "string", "pattern": "^A"}, "string", 'a: pattern "^A" cannot be expressed'),
        ({"type": "string", "minLength": 3}, "string", "a: minLength 3 cannot be expressed"),
        ({"type": "string", "format": "uuid"}, "string", 'a: format "uuid" cannot be expressed'),
        ({"type": "integer", "minimum": 0}, "integer", "a: minimum 0 cannot be expressed"),
        ({"type": "number", "multipleOf": 0.5}, "number", "a: multipleOf 0.5 cannot be expressed"),
        ({"type": ["string", "integer"]}, "string", "a: a union of string, integer; taken as the first"),
        ({"oneOf": [{"type": "number"}, {"type": "string"}]}, "number", "a: a union of number, string; taken as the"),
        ({}, "string", "a: any value is allowed; taken as a string"),
        (True, "string", "a: any value is allowed"),
        ({"description": "what"}, "string", "a: no type is given; taken as a string"),
        ({"const": "x"}, "string", "a: the choice of 'x' cannot be expressed; taken as string"),
        ({"enum": [1, 2]}, "integer", "a: the choice of the number 1, the number 2 cannot be expressed"),
        ({"enum": ["x", 2]}, "string", "cannot be expressed; taken as string"),
        ({"enum": ["date", "time"]}, "string", "a: these choices cannot stand in a template"),
        ({"enum": ["x", ""]}, "string", "a: these choices cannot stand in a template"),
        ({"type": "array"}, ["string"], "a[]: any value is allowed"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 3}, ["string"], "a: maxItems 3 cannot be"),
        ({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, ["string"], "a: uniqueItems true cannot"),
        ({"type": "array", "prefixItems": [{"type": "integer"}, True]}, ["integer"], "a: each position has its own"),
        (
            {"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": {"type": "string"}},
            {"b": "string"},
            'a: additionalProperties {"type": "string"} cannot be expressed',
        ),
        (
            {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
            {"b": "string"},
            "a: required b: any field of a template may be missing",
        ),
        (
            {"properties": {"b": {"type": "string"}}, "if": {}, "then": {}},
            {"b": "string"},
            "a: if {} cannot be expressed",
        ),
    ],
)
def test_what_a_template_cannot_express_is_reported_with_its_path(schema, leaf, report):
    source, reports = convert(a=schema)
    assert source == {"a": leaf}
    assert any(line.startswith(report) or report in line for line in reports), reports


def test_a_field_that_no_template_has_is_left_out_and_named():
    source, reports = convert(
        name={"type": "string"},
        any={"type": "object"},
        never=False,
        maps={"type": "array", "items": {"type": "object"}},
    )
    assert source == {"name": "string"}
    assert reports == [
        "any: an object without named fields; left out",
        "never: no value is allowed; left out",
        "maps[]: an object without named fields; left out",
    ]


def test_recursion_is_cut_where_it_comes_back():
    source, reports = template_from_json_schema(
        {
            "$ref": "#/$defs/Node",
            "$defs": {
                "Node": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                    },
                }
            },
        }
    )
    assert source == {"name": "string"}
    assert reports == ["children[]: refers to itself; a template cannot, so it is left out"]


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_recursion_through_a_combination_is_cut_too(keyword: str) -> None:
    """As pydantic writes a field that may be another of its kind."""
    node = {"type": "object", "properties": {"name": {"type": "string"}, "next": {keyword: [{"$ref": "#/$defs/Node"}]}}}
    for root in ({"$ref": "#/$defs/Node"}, {keyword: [{"$ref": "#/$defs/Node"}]}):
        source, reports = template_from_json_schema({**root, "$defs": {"Node": node}})
        assert source == {"name": "string"}
        assert reports == ["next: refers to itself; a template cannot, so it is left out"]


def test_parts_of_all_of_are_joined_and_contradictions_named():
    source, reports = template_from_json_schema(
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}},
                {"$ref": "#/$defs/More"},
            ],
            "$defs": {"More": {"properties": {"b": {"type": "string", "allOf": [{"type": "integer"}]}}}},
        }
    )
    assert source == {"a": "string", "b": "string"}
    assert reports == ["b: allOf gives type twice; the last one is taken"]


def test_unions_of_choices_are_one_enum():
    source, reports = convert(a={"anyOf": [{"const": "x"}, {"enum": ["y", "z"]}, {"type": "null"}]})
    assert source == {"a": ["x", "y", "z"]}
    assert reports == []


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "string"}, "does not describe an object"),
        ({"type": "object"}, "does not describe an object"),
        ({"properties": {"a": {"$ref": "#/$defs/No"}}}, r"^a: reference '#/\$defs/No' points to nothing"),
        ({"properties": {"a": {"$ref": "http://x.org/y"}}}, r"^a: reference 'http://x.org/y' leaves the schema"),
        ({"properties": {"a": {"type": "strin"}}}, r"^a: unknown JSON Schema type 'strin'. Did you mean 'string'"),
        ({"properties": {"a": "string"}}, r"^a: a schema is an object or a boolean, got 'string'"),
        ({"properties": []}, "^properties cannot be a list"),
        ({"properties": {"a": {"anyOf": ["string"]}}}, "^a: a schema is an object or a boolean"),
        ({"properties": {"a": {"type": 3}}}, "^a: type cannot be the number 3"),
        ([], "a schema is an object or a boolean, got a list"),
        ({"properties": {"": {"type": "string"}}}, "a key is a printable string"),
        ({"type": [["object"]]}, "^unknown JSON Schema type a list"),
        ({"properties": {"a": {"type": "object", "properties": [], "required": ["b"]}}, "required": ["a"]}, "^a: prop"),
        ({"properties": {"a": {"anyOf": [{"enum": 5}]}}}, "^a: enum cannot be the number 5"),
    ],
)
def test_a_schema_without_a_template_is_refused(schema, message):
    with pytest.raises(TemplateError, match=message):
        template_from_json_schema(schema)


@pytest.mark.parametrize("keyword", ["allOf", "properties"])
def test_references_that_multiply_are_refused(keyword: str) -> None:
    """A few lines that stand for 2 to the power of 40 schemas."""
    definitions: dict[str, Any] = {"40": {"properties": {"a": {"type": "string"}}}}
    for depth in range(40):
        twice = [{"$ref": f"#/$defs/{depth + 1}"}] * 2
        definitions[str(depth)] = {keyword: twice if keyword == "allOf" else dict(zip("ab", twice, strict=True))}
    with pytest.raises(TemplateError, match=r"the schema unfolds to over 10,000 parts. Refer to fewer definitions."):
        template_from_json_schema({"$ref": "#/$defs/0", "$defs": definitions})


def test_a_key_that_is_required_many_times_over_is_asked_once() -> None:
    schema: dict[str, Any] = {"type": ["string", "null"]}
    for _ in range(40):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"] * 10}
    with pytest.raises(TemplateError, match="nested deeper than 32 levels"):
        template_from_json_schema(schema)


values = st.recursive(
    st.sampled_from(
        [None, True, False, 0, 1, -2.5, "", "a", "string", "object", "null", "date", "#/properties/a", "\0"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["$ref", "a", "allOf", "anyOf", "const", "enum", "format", "items", "minItems", "oneOf", "pattern",
                 "prefixItems", "properties", "required", "type", "uniqueItems"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "c.d", ""]), values, max_size=3), values)
def test_any_json_has_a_template_or_one_line_of_why_not(properties: dict[str, Any], more: Any) -> None:
    schema = {"properties": properties, **(more if isinstance(more, dict) else {"required": more})}
    try:
        source, _ = template_from_json_schema(schema)
    except TemplateError as exc:
        line = str(exc)
    else:
        line = Template.parse(source).style
    assert line.isprintable()


# ---- pydantic


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    label: str
    length: float | None = None


class Product(BaseModel):
    name: str = Field(min_length=1)
    made: datetime.date | None = None
    price: Decimal | None = None
    colour: Colour | None = None
    size: Literal["s", "m", "l"] | None = None
    parts: list[Part] = []
    notes: Annotated[str | None, Field(alias="remarks")] = None
    extra: dict[str, int] = {}


def test_a_pydantic_model_becomes_a_template():
    source, reports = template_from_pydantic(Product)
    assert source == {
        "name": "string",
        "made": "date",
        "price": "number",
        "colour": ["red", "blue"],
        "size": ["s", "m", "l"],
        "parts": [{"label": "string", "length": "number"}],
        "remarks": "string",
    }
    assert reports[0] == "required name: any field of a template may be missing"
    assert "name: minLength 1 cannot be expressed" in reports
    assert "price: a union of number, string; taken as the first" in reports
    assert "parts[]: required label: any field of a template may be missing" in reports
    assert "extra: an object without named fields; left out" in reports


def test_what_pydantic_cannot_describe_is_one_line():
    class Odd(BaseModel):
        model_config = {"arbitrary_types_allowed": True}
        thing: Decimal.__class__

    with pytest.raises(TemplateError, match="pydantic has no JSON Schema"):
        template_from_pydantic(Odd)


# ---- and back

names = st.sampled_from(["a", "b", "total", "prix HT", "a.b", "é"])
choices = st.lists(st.sampled_from(["new", "used", "lost", "élan"]), min_size=2, unique=True)
typed = st.recursive(
    st.one_of(st.sampled_from(sorted(LEAF_TYPES)), choices, choices.map(lambda words: [words])),
    lambda inner: (
        st.dictionaries(names, inner, min_size=1, max_size=3)
        | inner.filter(lambda node: not isinstance(node, list)).map(lambda node: [node])
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(names, typed, min_size=1, max_size=4))
def test_a_typed_template_survives_the_way_to_a_schema_and_back(source):
    schema = json_schema(Template.parse(source))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert template_from_json_schema(schema) == (source, [])


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(names, typed, min_size=1, max_size=4))
def test_a_conformed_output_is_valid_under_the_schema(source):
    template = Template.parse(source)
    jsonschema.validate(template.conform({}), json_schema(template))


def test_blank_leaves_come_back_as_strings():
    schema = json_schema(Template.parse({"a": "", "b": [], "c": [{"d": ""}]}))
    assert template_from_json_schema(schema) == ({"a": "string", "b": ["string"], "c": [{"d": "string"}]}, [])


def test_the_schema_refuses_what_the_template_refuses():
    template = Template.parse({"day": "date", "state": ["new", "used"], "tags": [["a", "b"]], "n": "integer"})
    check = jsonschema.Draft202012Validator(json_schema(template)).is_valid
    good = {"day": "2024-01", "state": "new", "tags": ["b"], "n": 3}
    assert check(good)
    for key, wrong in {"day": "01/2024", "state": "lost", "tags": ["a", "a"], "n": 3.5, "colour": "red"}.items():
        assert not check({**good, key: wrong})
        assert template.problems({**good, key: wrong})
