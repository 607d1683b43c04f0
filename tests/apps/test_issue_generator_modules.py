"""The issue generator's modules in Node, against what Python makes of the same schemas and issues."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smolkit.apps import issues
from smolkit.assets import asset
from smolkit.errors import TemplateError
from smolkit.export.page import copy_modules, leaf_types
from smolkit.extraction.schema import json_schema, template_from_json_schema
from smolkit.extraction.template import Template

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="no node here: install Node.js 20 or newer")

SCRIPT = Path(__file__).with_name("issue_generator.mjs")
STANDARD = json.loads(asset("apps", "issue-generator", "schema.json").read_text())

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Sends one task to Node and returns the answer."""
    folder = tmp_path_factory.mktemp("modules")
    copy_modules(folder)
    shutil.copytree(asset("apps", "issue-generator", "page"), folder / "page", dirs_exist_ok=True)

    def ask(task: str, **request: Any) -> Any:
        done = subprocess.run(
            ["node", str(SCRIPT)],
            input=json.dumps({"task": task, "page": str(folder / "page"), "leaf_types": leaf_types(), **request}),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


# ---- schemas


def by_python(schema: Any) -> list[Any]:
    try:
        source, reports = template_from_json_schema(schema)
    except TemplateError as exc:
        return [None, [str(exc)]]
    return [json.dumps(source, ensure_ascii=False), reports]


def check(ask: Ask, schemas: list[Any]) -> None:
    answers = ask("templates", schemas=[json.dumps(schema) for schema in schemas])
    for schema, answer in zip(schemas, answers, strict=True):
        assert answer == by_python(schema), json.dumps(schema)


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


NODE = {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/Node"}}}
SCHEMAS: list[Any] = [
    STANDARD,
    of(a={"type": "string", "pattern": "^A"}, b={"type": "integer", "minimum": 0}, c={"format": "date"}),
    of(mail={"type": "string", "format": "email"}, site={"type": "string", "format": "iri"}, id={"format": "uuid"}),
    of(a=True, b={}, c=False, d={"type": "object"}, e={"description": "what"}),
    of(a={"const": "x"}, b={"enum": [1, 2]}, c={"enum": ["x", 2, None]}, d={"enum": [True, False]}, e={"enum": []}),
    of(a={"enum": ["date", "time"]}, b={"enum": ["x", ""]}, c={"enum": ["x", "x"]}, d={"enum": ["it's", 'so "a"']}),
    of(a={"enum": ["x\t", "y", 5]}, b={"const": "tab\there, \x7f, \xa0 and \u200b"}, c={"const": "'"}),
    of(
        a={"type": ["string", "integer"]}, b={"type": ["number", "integer", "null"]}, c={"type": "null"}, d={"type": []}
    ),
    of(a={"oneOf": [{"type": "number"}, {"type": "string"}]}, b={"anyOf": [{"type": "null"}]}, c={"anyOf": []}),
    of(a={"anyOf": [{"const": "x"}, {"enum": ["y", "z"]}, {"type": "null"}]}, b={"anyOf": [{"type": "integer"}] * 2}),
    of(a={"anyOf": [{"type": ["string", "null"]}, {"type": ["integer", "number"]}, {"format": "date"}]}),
    of(a={"type": "array"}, b={"type": "array", "items": {"type": "string"}, "maxItems": 3, "uniqueItems": True}),
    of(a={"type": "array", "prefixItems": [{"type": "integer"}, True]}, b={"items": {"enum": ["p", "q"]}}),
    of(a={"type": "array", "items": [], "contains": {}}, b={"type": "array", "items": {"type": "array"}}),
    {**of(a={"type": "string"}, b=of(c={"type": "string"})), "required": ["a", "b", "a", "z", 3]},
    {**of(a={"type": "array", "minItems": 1}, b={"type": ["string", "null"]}), "required": ["a", "b"]},
    {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
    *(
        {
            keyword: [{"$ref": "#/$defs/Node"}, {}],
            "$defs": {"Node": of(a=True, b={keyword: [{"$ref": "#/$defs/Node"}]})},
        }
        for keyword in ("allOf", "anyOf", "oneOf")
    ),
    {**of(a={"$ref": "#/$defs/a~1b~0"}), "$defs": {"a/b~": {"type": "string", "format": "time"}}},
    {"allOf": [of(a={"type": "string"}), {"properties": {"b": {"type": "string", "allOf": [{"type": "integer"}]}}}]},
    {"properties": {"a.b": {"type": "string"}, "c[]": of(d={"minLength": 3, "type": "string"})}, "if": {}},
    of(a={"type": "string", "x": "é" * 70, "y": {"b": [1, {"c": None}]}}),
    # What has no template.
    {"type": "string"},
    {"type": "object"},
    [],
    "object",
    None,
    of(a={"$ref": "#/$defs/No"}),
    of(a={"$ref": "http://x.org/y"}),
    {**of(a={"$ref": "#/$defs/No"}), "$defs": {"No": 7}},
    of(a={"type": "strin"}),
    of(a={"type": "bolean"}),
    of(a={"type": "text"}),
    of(a={"type": [["x"], "string"]}),
    of(a="string"),
    {"properties": []},
    of(a={"anyOf": ["string"]}),
    of(a={"type": 3}),
    of(a={"enum": 5}, b={"$ref": 1}),
    {**of(a={"type": "object", "properties": []}), "required": ["a"]},
    {"properties": {"": {"type": "string"}}},
    of(a={"properties": {"b\u0000": {"type": "string"}}}),
    {"$ref": "#"},
    {"$defs": {str(at): {"allOf": [{"$ref": f"#/$defs/{at + 1}"}] * 2} for at in range(30)}, "$ref": "#/$defs/0"},
]


def test_schemas_become_the_same_templates_with_the_same_words(ask: Ask) -> None:
    check(ask, SCHEMAS)


def test_the_standard_schema_is_the_template_that_models_are_trained_on(ask: Ask) -> None:
    template = {
        "title": "string",
        "labels": [["bug", "feature", "documentation", "question", "performance", "security", "usability"]],
        "priority": ["low", "medium", "high", "critical"],
        "description": "string",
        "steps": ["string"],
    }
    assert ask("templates", schemas=[json.dumps(STANDARD)]) == [[json.dumps(template), []]]


def test_every_type_comes_back_from_the_schema_that_python_writes(ask: Ask) -> None:
    template = Template.parse(
        {name: name for name in leaf_types()} | {"choices": [["a", "b"]], "list": [{"x": "date"}]}
    )
    answer = ask("templates", schemas=[json.dumps(json_schema(template))])
    assert answer == [[json.dumps(template.source), []]]


def test_a_schema_nested_too_deep_is_refused_alike(ask: Ask) -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(34):
        deep = of(a=deep)
    check(ask, [deep, of(a={"type": "array", "items": deep})])


def test_schemas_at_random_become_the_same(ask: Ask) -> None:
    dice = random.Random(5)
    schemas = [of(**{key: made_up(dice, 3) for key in ("a", "b.c", "d")}) for _ in range(600)]
    check(ask, [schema | {"required": ["a", "d"], "$defs": {"x": made_up(dice, 2)}} for schema in schemas])


def made_up(dice: random.Random, depth: int) -> Any:
    """A schema, or what somebody might take for one."""
    if dice.random() < 0.1:
        return dice.choice([True, False, {}, None, "string", 3, ["string"]])
    schema: dict[str, Any] = {}
    for keyword in dice.sample(list(PIECES), dice.randint(1, 3)):
        schema[keyword] = PIECES[keyword](dice, depth - 1)
    return schema


def some(dice: random.Random, depth: int) -> list[Any]:
    return [made_up(dice, depth) for _ in range(dice.randint(0, 3 if depth > 0 else 0))]


TYPES = [
    *("string", "integer", "number", "boolean", "object", "array", "null", "strng", 1),
    *(["string", "null"], ["integer", "number"], ["array", "string"], ["null"]),
]
PIECES: dict[str, Callable[[random.Random, int], Any]] = {
    "type": lambda dice, _: dice.choice(TYPES),
    "enum": lambda dice, _: dice.choice([["a", "b"], ["a"], [1, 2.5], [None], ["date", "null"], ["a", None, "b"], "a"]),
    "const": lambda dice, _: dice.choice(["a", 1, None, True, [], {"a": 1}]),
    "format": lambda dice, _: dice.choice(["date", "email", "uri", "uuid", "iban", 4]),
    "pattern": lambda dice, _: dice.choice(["^a", "[a-z]{3}", "^(?:[a-z]{3})$"]),
    "items": lambda dice, depth: dice.choice([made_up(dice, depth), some(dice, depth)]) if depth > 0 else True,
    "properties": lambda dice, depth: {key: made_up(dice, depth) for key in dice.sample("abc", 2)} if depth > 0 else {},
    "required": lambda dice, _: dice.choice([["a"], ["a", "b", "a"], [], ["a", 1], "a"]),
    "anyOf": some,
    "oneOf": some,
    "allOf": some,
    "$ref": lambda dice, _: dice.choice(["#", "#/$defs/x", "#/$defs/y", "#/properties/a", "x.json"]),
    "minItems": lambda dice, _: dice.choice([0, 1]),
    "uniqueItems": lambda dice, _: True,
    "additionalProperties": lambda dice, _: dice.choice([True, False]),
    "description": lambda dice, _: "what",
}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": 1', "the schema is not JSON: line 1, column 8: the { of line 1 is not closed."),
        ('{"a": {}, "a": {}}', 'the schema is not JSON: line 1, column 11: the key "a" stands twice in one object.'),
        ("", "the schema is not JSON: it is empty."),
    ],
)
def test_a_schema_that_is_no_json_says_where(ask: Ask, text: str, line: str) -> None:
    assert ask("templates", schemas=[text]) == [[None, [line]]]


# ---- issues

ISSUES: list[dict[str, Any]] = [
    {},
    {"title": None, "labels": [], "priority": None, "description": " \n", "steps": []},
    {
        "title": "Export crashes",
        "labels": ["bug", "usability"],
        "priority": "high",
        "description": "It crashes.\n\nIt should not.",
        "steps": ["Press Export", "Pick\nCSV"],
    },
    {"steps": ["one"], "priority": "low", "title": "  Steps first "},
    {"affected_version": "3.4.1", "is-regression": True, "count": 3, "ratio": -2.5, "zero": 0, "no": False},
    {"people": ["mira", None, "", "jo"], "sizes": [1, 2], "mixed": [True, "a"], "environment": {"os": "é", "n": None}},
    {"labels": "bug", "priority": ["low", "high"], "title": ["a"], "description": ["x"], "steps": "none"},
    {"parts": [{"name": "door", "notes": ["a ``` b ```` c"]}, {"name": None}], "nothing": {"a": None, "b": [""]}},
    {"description": "Write <b>bold</b>, a < b, <!-- c --> &amp; &#60; & `<i>` ``a ` <u>`` `<open", "x": "</p>\n# y"},
    {"labels": ["<b>", "a, b"], "steps": ["<i> & &lt;", "  two   spaces\t\nand lines "], "<h1>": "x", "": "no name"},
    {"ünïcode_näme": "ß", "ßharp": "x", "_": "y", "__a-b c": "z"},
]


def test_issues_have_the_same_parts_and_markdown(ask: Ask) -> None:
    answers = ask("issues", texts=[json.dumps(issue) for issue in ISSUES])
    for issue, (parts, markdown) in zip(ISSUES, answers, strict=True):
        expected = [
            [part.kind, issues.heading(part.name), json.dumps(part.value, ensure_ascii=False)]
            for part in issues.parts(issue)
        ]
        assert parts == expected, issue
        assert markdown == issues.markdown(issue), issue


def test_the_line_of_fields_is_the_same(ask: Ask) -> None:
    lists = [["a"], ["a", "steps[]"], ["people[].names[]", 'x["a[]"]'], [f"f{n}" for n in range(30)]]
    assert ask("fields", lists=lists) == [issues.fields_line(paths) for paths in lists]


def test_an_answer_that_grows_shows_whole_values_and_never_less_than_before(ask: Ask) -> None:
    answer = (
        '{"title": "A \\"quoted\\" [x] \\\\", "labels": ["bug", "é"], "n": -1.5, "o": {"p": null}, "steps": ["{a"]}'
    )
    grown = [json.loads(text) for text in ask("growing", text=answer)]
    assert grown[0] == {}
    assert grown[-1] == json.loads(answer)
    filled = [len(issues.parts(issue)) for issue in grown]
    assert filled == sorted(filled)
    assert {"title": 'A "quoted'} in grown
    assert all(key in json.loads(answer) for issue in grown for key in issue)
