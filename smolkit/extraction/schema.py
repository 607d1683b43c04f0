"""JSON Schema and pydantic models to templates, and templates to JSON Schema.

A template says which fields there are and of which type; a schema can say more. Whatever a template cannot express
comes back as a line `path: message` beside it, so that nothing is lost unseen; titles, descriptions, examples and
defaults are no constraints and are left out. References are followed inside the schema only: nothing is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smolkit.errors import TemplateError
from smolkit.extraction.leaf_types import LEAF_TYPES
from smolkit.extraction.template import Enum, Leaf, ListOf, Node, Object, Template, describe, field_path

Schema = Mapping[str, Any]

MAX_PARTS = 10_000
"""Schemas inside a schema, counted each time that a reference leads to one: a few lines can refer to millions."""

# Keywords that bind no value.
_IDENTITY = {"$anchor", "$comment", "$defs", "$id", "$schema", "definitions"}
_ANNOTATIONS = _IDENTITY | {
    *("default", "deprecated", "description", "example", "examples", "nullable", "readOnly", "title", "writeOnly")
}
# What a keyword holds, where this module looks into it.
_SHAPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(["allOf", "anyOf", "enum", "oneOf", "prefixItems", "required"], (list,)),
    **dict.fromkeys(["$ref", "format"], (str,)),
    "properties": (Mapping,),
    "type": (str, list),
}
_SCALARS = ("boolean", "integer", "number", "string")
_FORMATS = {
    **{name: name for name in LEAF_TYPES},
    **{spec.json_format: name for name, spec in LEAF_TYPES.items() if spec.json_format},
    "idn-email": "email-address",
    "iri": "url",
    "url": "url",
}


def template_from_json_schema(schema: Schema) -> tuple[dict[str, Any], list[str]]:
    """The typed template of an object schema, and what it cannot express, as `path: message` lines.

    Raises TemplateError where no template is left: a schema of something else than an object, or a broken reference.
    """
    converter = _Converter(schema)
    source = converter.node(schema, "", frozenset())
    if not isinstance(source, dict):
        raise TemplateError("the schema does not describe an object with named fields; a template does")
    Template.parse(source)
    return source, converter.reports


def template_from_pydantic(model: Any) -> tuple[dict[str, Any], list[str]]:
    """The same from a pydantic model, or anything that pydantic can describe, such as a dataclass or a TypedDict."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        schema = TypeAdapter(model).json_schema()
    except PydanticUserError as exc:
        raise TemplateError(f"pydantic has no JSON Schema for {model!r}: {exc.message}") from exc
    return template_from_json_schema(schema)


def json_schema(template: Template) -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) of this template's conformed outputs: every key there, scalars nullable.

    `format` carries the leaf's type and `pattern` what it allows, which is more than some standard formats do:
    a date may be "2024-01". A typed template comes back from `template_from_json_schema` as it was; blank leaves
    come back as "string".
    """
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_schema(template.root, nullable=False)}


def _schema(node: Node, nullable: bool = True) -> dict[str, Any]:
    if isinstance(node, Object):
        return {
            "type": "object",
            "properties": {key: _schema(child) for key, child in node.fields.items()},
            "required": list(node.fields),
            "additionalProperties": False,
        }
    if isinstance(node, ListOf):
        return {"type": "array", "items": _schema(node.item, nullable=False)}
    if isinstance(node, Enum) and node.many:
        return {"type": "array", "items": {"type": "string", "enum": list(node.choices)}, "uniqueItems": True}
    kind = node.spec.kind if isinstance(node, Leaf) else "string"
    schema: dict[str, Any] = {"type": [kind, "null"] if nullable else kind}
    if isinstance(node, Enum):
        return {**schema, "enum": [*node.choices, *([None] if nullable else [])]}
    if kind == "string" and node.type not in ("blank", "string"):
        schema["format"] = node.spec.json_format or node.type
        if node.spec.regex:
            schema["pattern"] = _pattern(node.type)
    return schema


def _pattern(leaf_type: str) -> str:
    return f"^(?:{LEAF_TYPES[leaf_type].regex})$"


@dataclass
class _Converter:
    root: Schema
    reports: list[str] = field(default_factory=list)
    parts: int = 0

    def report(self, path: str, message: str) -> None:
        self.reports.append(f"{path}: {message}" if path else message)

    def node(self, schema: object, path: str, refs: frozenset[str]) -> Any:
        """The template of one schema, or None where the field has to be left out. `refs` are those being followed."""
        if schema is False:
            self.report(path, "no value is allowed; left out")
            return None
        if schema is True or schema == {}:
            self.report(path, "any value is allowed; taken as a string")
            return "string"
        flat, refs = self.flatten(schema, path, refs)
        if flat is None:
            self.report(path, "refers to itself; a template cannot, so it is left out")
            return None
        return self.flat(flat, path, refs)

    def flat(self, schema: Schema, path: str, refs: frozenset[str]) -> Any:
        if "enum" in schema or "const" in schema:
            return self.from_enum(schema, path)
        kind = self.kind(schema, path)
        if kind == "object":
            return self.from_object(schema, path, refs)
        if kind == "array":
            return self.from_array(schema, path, refs)
        leaf = _FORMATS.get(schema.get("format", ""), kind) if kind == "string" else kind
        handled = {"type"} if leaf == kind else {"type", "format"}
        own_pattern = LEAF_TYPES[leaf].regex is not None and schema.get("pattern") == _pattern(leaf)
        self.report_rest(schema, path, handled | ({"pattern"} if own_pattern else set()))
        return leaf

    # ---- references and combinations

    def flatten(self, schema: Any, path: str, refs: frozenset[str]) -> tuple[Schema | None, frozenset[str]]:
        """The schema with references, unions and `allOf` resolved; None where a reference comes back to itself."""
        while True:
            self.count_part()
            schema = self.checked({} if schema is True else schema, path)
            rest = dict(schema)
            if "$ref" in rest:
                ref = rest.pop("$ref")
                if ref in refs:
                    return None, refs
                refs |= {ref}
                schema = {**self.lookup(ref, path), **rest}
            elif "allOf" in rest:
                merged, refs = self.merge([*rest.pop("allOf"), rest], path, refs)
                if merged is None:
                    return None, refs
                schema = merged
            elif "anyOf" in rest or "oneOf" in rest:
                options = rest.pop("anyOf" if "anyOf" in rest else "oneOf")
                chosen, refs = self.choose(options, path, refs)
                if chosen is None:
                    return None, refs
                schema = {**rest, **chosen}
            else:
                return schema, refs

    def count_part(self) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise TemplateError(f"the schema unfolds to over {MAX_PARTS:,} parts", fix="Refer to fewer definitions")

    def checked(self, schema: object, path: str) -> Schema:
        if not isinstance(schema, Mapping):
            raise TemplateError(f"a schema is an object or a boolean, got {describe(schema)}", where=path or None)
        for keyword, shape in _SHAPES.items():
            if keyword in schema and not isinstance(schema[keyword], shape):
                raise TemplateError(f"{keyword} cannot be {describe(schema[keyword])}", where=path or None)
        return schema

    def lookup(self, ref: str, path: str) -> Schema:
        if not ref.startswith("#"):
            raise TemplateError(f"reference {ref!r} leaves the schema", where=path or None, fix="Put it into $defs")
        found: Any = self.root
        for step in ref[1:].split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or step not in found:
                raise TemplateError(f"reference {ref!r} points to nothing", where=path or None)
            found = found[step]
        if not isinstance(found, Mapping):
            raise TemplateError(f"reference {ref!r} points to {describe(found)}", where=path or None)
        return found

    def merge(self, parts: list[Schema], path: str, refs: frozenset[str]) -> tuple[Schema | None, frozenset[str]]:
        """All parts of an `allOf` as one schema: properties joined, the later part winning where both speak.

        The references that one part follows count for the fields of all. None where a part refers to itself.
        """
        merged: dict[str, Any] = {}
        followed = refs
        for part in parts:
            flat, its_refs = self.flatten(part, path, refs)
            if flat is None:
                return None, refs
            followed |= its_refs
            for keyword, value in flat.items():
                if keyword == "properties":
                    value = {**merged.get(keyword, {}), **value}
                elif keyword == "required":
                    value = [*merged.get(keyword, []), *value]
                elif not _same(merged.get(keyword, value), value) and keyword not in _ANNOTATIONS:
                    self.report(path, f"allOf gives {keyword} twice; the last one is taken")
                merged[keyword] = value
        return merged, followed

    def choose(self, options: list[Schema], path: str, refs: frozenset[str]) -> tuple[Schema | None, frozenset[str]]:
        """One option of a union, and the references it follows; None where each refers to itself.

        Null is no option of its own: every value may be missing.
        """
        possible = [option for option in options if option is not False and not _is_null(option)]
        flat = [self.flatten(option, path, refs) for option in possible]
        known = [(option, its_refs) for option, its_refs in flat if option is not None]
        if flat and not known:
            return None, refs
        if len(known) < len(flat) or not known:
            self.report(path, "an option of the union refers to itself or is no option; it is left out")
        if len(known) < 2:
            return known[0] if known else ({"type": "string"}, refs)
        if all(_choices(option) for option, _ in known):
            return {"enum": [choice for option, _ in known for choice in _choices(option)]}, refs
        kinds = [_kind_words(option.get("type", "value")) for option, _ in known]
        if set(kinds) <= {"integer", "number"} and all(len(option) == 1 for option, _ in known):
            return {"type": "number"}, refs
        self.report(path, f"a union of {', '.join(kinds)}; taken as the first")
        return known[0]

    # ---- the kinds of node

    def kind(self, schema: Schema, path: str) -> str:
        given = schema.get("type")
        kinds = [given] if isinstance(given, str) else list(given or [])
        kinds = [kind for kind in kinds if kind != "null"]
        if not kinds:
            kinds = [kind for keyword, kind in (("properties", "object"), ("items", "array")) if keyword in schema]
        if not kinds:
            self.report(path, f"{'no type' if given is None else 'null alone'} is given; taken as a string")
            return "string"
        for unknown in (kind for kind in kinds if kind not in (*_SCALARS, "object", "array")):
            given = unknown if isinstance(unknown, str) else ""
            known = (*_SCALARS, "object", "array", "null")
            raise TemplateError(
                f"unknown JSON Schema type {describe(unknown)}", where=path or None, given=given, known=known
            )
        if set(kinds) == {"integer", "number"}:
            return "number"
        if len(kinds) > 1:
            self.report(path, f"a union of {', '.join(kinds)}; taken as the first")
        return str(kinds[0])

    def from_enum(self, schema: Schema, path: str) -> Any:
        self.report_rest(schema, path, {"type", "enum", "const"})
        choices = [choice for choice in _values(schema) if choice is not None]
        if len(choices) > 1 and all(isinstance(choice, str) for choice in choices):
            try:
                Template.parse({"enum": choices})
                return choices
            except TemplateError as exc:
                self.report(path, f"these choices cannot stand in a template, so it is a string ({exc})")
                return "string"
        leaf = next((name for name, test in _PYTHON_KINDS.items() if choices and all(map(test, choices))), "string")
        words = ", ".join(map(describe, choices)) or "null"
        self.report(path, f"the choice of {words} cannot be expressed; taken as {leaf}")
        return leaf

    def from_object(self, schema: Schema, path: str, refs: frozenset[str]) -> Any:
        properties = schema.get("properties", {})
        required = [key for key in _names(schema.get("required")) if key in properties]
        if binding := [key for key in required if not self.is_nullable(properties[key], field_path(path, key))]:
            self.report(path, f"required {', '.join(binding)}: any field of a template may be missing")
        closed = {"additionalProperties"} if schema.get("additionalProperties") is False else set()
        self.report_rest(schema, path, {"type", "properties", "required", *closed})
        fields = {key: self.node(child, field_path(path, key), refs) for key, child in properties.items()}
        fields = {key: child for key, child in fields.items() if child is not None}
        if not fields:
            self.report(path, "an object without named fields; left out")
            return None
        return fields

    def from_array(self, schema: Schema, path: str, refs: frozenset[str]) -> Any:
        items = schema.get("items", schema.get("prefixItems", True))
        if isinstance(items, list):
            self.report(path, "each position has its own type; all are taken as the first")
            items = items[0] if items else True
        item = self.node(items, path + "[]", refs)
        if item is None:
            return None
        # A list around an enum is an enum of many, which has no repeats anyway.
        distinct = {"uniqueItems"} if isinstance(item, list) and len(item) > 1 else set()
        self.report_rest(schema, path, {"type", "items", "prefixItems", *distinct})
        return [item]

    def is_nullable(self, schema: object, path: str) -> bool:
        """Whether null, or an empty list or object, is among the values, so that `required` asks for nothing."""
        if not isinstance(schema, Mapping):
            return schema is True
        schema = self.checked(schema, path)
        if _is_null(schema) or None in schema.get("enum", []) or "null" in _as_list(schema.get("type")):
            return True
        if schema.get("type") == "array":
            return not schema.get("minItems")
        if schema.get("type") == "object":
            fields = schema.get("properties", {})
            return all(
                self.is_nullable(fields.get(key), field_path(path, key)) for key in _names(schema.get("required"))
            )
        return any(_is_null(option) for key in ("anyOf", "oneOf") for option in schema.get(key, []))

    def report_rest(self, schema: Schema, path: str, handled: set[str]) -> None:
        for keyword, value in schema.items():
            if keyword not in _ANNOTATIONS and keyword not in handled:
                self.report(path, f"{keyword} {_short(value)} cannot be expressed")


_PYTHON_KINDS = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def _same(one: object, other: object) -> bool:
    """Whether two JSON values are equal, which 1 and true are not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 60 else text[:57] + "..."


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _names(required: Any) -> list[str]:
    """The keys that are required, each once."""
    return list(dict.fromkeys(key for key in required or [] if isinstance(key, str)))


def _kind_words(given: Any) -> str:
    kinds = [kind if isinstance(kind, str) else describe(kind) for kind in _as_list(given) if kind != "null"]
    return " or ".join(kinds) or "value"


def _values(schema: Schema) -> list[Any]:
    return _as_list(schema["enum"]) if "enum" in schema else [schema["const"]]


def _is_null(schema: object) -> bool:
    if not isinstance(schema, Mapping):
        return False
    if "enum" in schema or "const" in schema:
        return all(value is None for value in _values(schema))
    return schema.get("type") in ("null", ["null"])


def _choices(schema: Schema) -> list[str]:
    """The strings that the schema allows, or [] where it allows others or says more."""
    if not {"enum", "const"} & set(schema) or set(schema) - _ANNOTATIONS - {"enum", "const", "type"}:
        return []
    values = _values(schema)
    return values if all(isinstance(value, str) for value in values) else []
