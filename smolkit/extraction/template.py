"""The template that an extraction fills: its two styles, parsed into a tree, and outputs checked against it.

The blank style (NuExtract 1.x) writes a field as `""`; the typed style (2.0) names its type. A template with one
type in it is typed; its `""` leaves stay free text. A list of two or more strings is an enum, and a list around
such a list an enum of many; any other list holds one element, the pattern of its items, and `[]` stands for `[""]`.
A list of type names (or of "null") alone is refused, for it was hardly meant as an enum.

A missing value is null, "", [] or {}, and may stand anywhere. This module knows no prompt and no document.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from smolkit.errors import TemplateError, locate, nearest
from smolkit.extraction.leaf_types import BLANK, LEAF_TYPES, LeafType

MAX_DEPTH = 32
"""Objects and lists inside one another; deeper templates are refused."""

# What people write for a type of another vocabulary, for the sake of the hint.
_OTHER_WORDS = {
    "array": "string",
    "bool": "boolean",
    "datetime": "date-time",
    "decimal": "number",
    "double": "number",
    "email": "email-address",
    "float": "number",
    "int": "integer",
    "phone": "phone-number",
    "str": "string",
    "text": "string",
    "uri": "url",
    "verbatim": "verbatim-string",
}

# JSON text may carry these only escaped; no document has a use for them, and UTF-8 has no lone surrogates.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_INDEX = re.compile(r'("(?:[^"\\]|\\.)*")|\[\d+\]')
_PLAIN_KEY = re.compile(r'[^.\[\]"]+')


@dataclass(frozen=True)
class Leaf:
    """One value. `type` is "blank" or a name of `LEAF_TYPES`."""

    type: str

    @property
    def spec(self) -> LeafType:
        """What the type means: its row of the table."""
        return LEAF_TYPES.get(self.type, BLANK)


@dataclass(frozen=True)
class Enum:
    """One of the choices or, with `many`, a list of some of them without repeats."""

    choices: tuple[str, ...]
    many: bool


@dataclass(frozen=True)
class ListOf:
    """Any number of items of one pattern."""

    item: Node


@dataclass(frozen=True)
class Object:
    """Named fields, in their order."""

    fields: dict[str, Node]


Node: TypeAlias = Leaf | Enum | ListOf | Object


@dataclass(frozen=True)
class Template:
    """A parsed template; `source` is what was given, and what a prompt shows."""

    root: Object
    source: dict[str, Any]
    style: Literal["blank", "typed"]

    @classmethod
    def parse(cls, source: object, where: str | None = None) -> Template:
        """Read a template from JSON values. Raises TemplateError with the path of the fault; `where` precedes it."""
        if not isinstance(source, Mapping):
            fix = "Read text with Template.parse_json" if isinstance(source, str) else None
            raise TemplateError(f"a template is an object, got {describe(source)}", where=where, fix=fix)
        if not source:
            raise TemplateError("the template is empty", where=where, fix='Write at least one field, {"name": ""}')
        root = _Parser(where).read_object(source, "", 1)
        blank = all(isinstance(leaf, Leaf) and leaf.type == "blank" for _, leaf in _leaves(root, ""))
        return cls(root, copy.deepcopy(dict(source)), "blank" if blank else "typed")

    @classmethod
    def parse_json(cls, text: str, where: str | None = None) -> Template:
        """Read a template from JSON text; a key that stands twice in one object is a TemplateError too."""

        def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            fields = dict(pairs)
            if len(fields) < len(pairs):
                keys = [key for key, _ in pairs]
                twice = next(key for key in keys if keys.count(key) > 1)
                raise TemplateError(f"key {twice!r} stands twice in one object", where=where)
            return fields

        try:
            source = json.loads(text, object_pairs_hook=unique)
        except RecursionError:
            raise TemplateError(f"nested deeper than {MAX_DEPTH} levels", where=where) from None
        except ValueError as exc:
            raise TemplateError(f"the template is not JSON: {exc}", where=where) from exc
        return cls.parse(source, where)

    def problems(self, output: object) -> list[tuple[str, str]]:
        """What keeps `output` from being an answer to this template, as (path, message); [] where nothing does."""
        if not isinstance(output, Mapping):
            return [("", f"expected an object, got {describe(output)}")]
        return list(node_problems(self.root, output, ""))

    def conform(self, output: object) -> dict[str, Any]:
        """The same content under exactly the template's keys, in its order.

        Missing scalars become null, missing lists [], missing objects are filled with nulls; items without content
        are left out of lists. Raises TemplateError with the first of `problems`.
        """
        for path, message in self.problems(output):
            raise TemplateError(message, where=path or None)
        return _conform(self.root, output)

    def leaves(self) -> Iterator[tuple[str, Leaf | Enum]]:
        """Every leaf with its path, such as `items[].price`, in the template's order."""
        return _leaves(self.root, "")


def is_empty(value: object) -> bool:
    """No content: null, white space, or a list or object all of whose children are empty."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, Mapping):
        return all(is_empty(child) for child in value.values())
    if isinstance(value, list):
        return all(is_empty(child) for child in value)
    return value is None


def field_path(path: str, key: str) -> str:
    """The path of `key` inside the object at `path`; a key with dots, brackets or quotes stands as `["a.b"]`."""
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def field_of(path: str) -> str:
    """The field that a path with indices is of, as `leaves` names it: `items[].price` of `items[0].price`."""
    return _INDEX.sub(lambda found: found[1] or "[]", path)


def describe(value: object) -> str:
    """A JSON value in an error message: its kind and, where short, itself."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, int | float):
        return f"the number {value}"
    return f"a Python {type(value).__name__}"


@dataclass(frozen=True)
class _Parser:
    where: str | None

    def fault(self, what: str, path: str, **more: Any) -> TemplateError:
        return TemplateError(what, where=locate(self.where, field=path) or None, **more)

    def read_node(self, source: object, path: str, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.fault(f"nested deeper than {MAX_DEPTH} levels", path)
        if isinstance(source, str):
            return self.read_leaf(source, path)
        if isinstance(source, Mapping):
            return self.read_object(source, path, depth)
        if isinstance(source, list):
            return self.read_list(source, path, depth)
        raise self.fault(f'expected a type name, "", a list or an object, got {describe(source)}', path)

    def read_leaf(self, name: str, path: str, fix: str | None = None) -> Leaf:
        if name == "":
            return Leaf("blank")
        if name not in LEAF_TYPES:
            given = _OTHER_WORDS.get(name.casefold(), name)
            raise self.fault(f"unknown type {name!r}", path, given=given, known=LEAF_TYPES, fix=fix)
        return Leaf(name)

    def read_object(self, source: Mapping[Any, Any], path: str, depth: int) -> Object:
        if not source:
            raise self.fault("an object without fields", path, fix='Write at least one field, {"name": ""}')
        for key in source:
            if not isinstance(key, str) or not key.strip() or _UNPRINTABLE.search(key):
                raise self.fault(f"a key is a printable string, got {describe(key)}", path)
        return Object({key: self.read_node(child, field_path(path, key), depth + 1) for key, child in source.items()})

    def read_list(self, source: list[Any], path: str, depth: int) -> ListOf | Enum:
        if not source:
            return ListOf(Leaf("blank"))
        if len(source) == 1:
            item = source[0]
            if isinstance(item, list) and len(item) > 1 and all(isinstance(choice, str) for choice in item):
                return self.read_enum(item, path, many=True)
            if isinstance(item, str):
                return ListOf(self.read_leaf(item, path + "[]", fix="An enum needs two choices or more"))
            return ListOf(self.read_node(item, path + "[]", depth + 1))
        if all(isinstance(choice, str) for choice in source):
            return self.read_enum(source, path, many=False)
        raise self.fault(
            f"a list of {len(source)} elements",
            path,
            fix="A list holds one element, the pattern of its items; an enum holds strings only",
        )

    def read_enum(self, choices: list[str], path: str, many: bool) -> Enum:
        for choice in choices:
            if not choice.strip() or _UNPRINTABLE.search(choice):
                raise self.fault(
                    f"an enum choice is printable text, got {choice!r}", path, fix="A missing value needs none"
                )
            if choices.count(choice) > 1:
                raise self.fault(f"enum choice {choice!r} stands twice", path)
        if all(choice in LEAF_TYPES or choice == "null" for choice in choices):
            one = next((choice for choice in choices if choice != "null"), "string")
            raise self.fault(
                f"the choices of this enum are type names ({', '.join(choices)})",
                path,
                fix=f"A field has one type and may always be missing: write {json.dumps(one)}, or change a choice",
            )
        return Enum(tuple(choices), many)


def _leaves(node: Node, path: str) -> Iterator[tuple[str, Leaf | Enum]]:
    if isinstance(node, Object):
        for key, child in node.fields.items():
            yield from _leaves(child, field_path(path, key))
    elif isinstance(node, ListOf):
        yield from _leaves(node.item, path + "[]")
    else:
        yield path, node


def node_problems(node: Node, value: Any, path: str) -> Iterator[tuple[str, str]]:
    """The problems of a value in the place of `node`; `path` is its own."""
    if value is None or value in ([], {}) or (isinstance(value, str) and not value.strip()):
        return
    if isinstance(node, Object):
        yield from _object_problems(node, value, path)
    elif isinstance(node, ListOf) or (isinstance(node, Enum) and node.many):
        if not isinstance(value, list):
            yield path, f"expected a list, got {describe(value)}"
            return
        item = node.item if isinstance(node, ListOf) else Enum(node.choices, many=False)
        for index, child in enumerate(value):
            yield from node_problems(item, child, f"{path}[{index}]")
            if isinstance(node, Enum) and isinstance(child, str) and child.strip() and child in value[:index]:
                yield f"{path}[{index}]", f"{describe(child)} stands twice"
    else:
        message = _enum_problem(node, value) if isinstance(node, Enum) else _leaf_problem(node, value)
        if message:
            yield path, message


def _object_problems(node: Object, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield path, f"expected an object, got {describe(value)}"
        return
    for key, child in value.items():
        if key in node.fields:
            yield from node_problems(node.fields[key], child, field_path(path, key))
            continue
        near = nearest(str(key), node.fields)
        hint = f"did you mean {near!r}?" if near else f"it has {', '.join(node.fields)}"
        yield field_path(path, str(key)), f"not a key of the template ({hint})"


def _enum_problem(node: Enum, value: Any) -> str | None:
    if isinstance(value, str) and value in node.choices:
        return None
    near = nearest(value, node.choices) if isinstance(value, str) else None
    hint = f"Did you mean {near!r}? " if near else ""
    return f"{describe(value)} is not a choice. {hint}Choices: {', '.join(node.choices)}"


def _leaf_problem(leaf: Leaf, value: Any) -> str | None:
    spec = leaf.spec
    if spec.kind == "string":
        fits = isinstance(value, str)
    elif spec.kind == "boolean":
        fits = isinstance(value, bool)
    else:
        fits = isinstance(value, int if spec.kind == "integer" else int | float) and not isinstance(value, bool)
    name = f"{'an' if leaf.type[0] in 'aeiou' else 'a'} {'string' if leaf.type == 'blank' else leaf.type}"
    if not fits:
        hint = f". Write it as {json.dumps(str(value))}" if isinstance(value, int | float) and not spec.regex else ""
        return f"expected {name}, got {describe(value)}{hint}"
    if isinstance(value, str) and (found := _UNPRINTABLE.search(value)):
        return f"holds the control character U+{ord(found[0]):04X}"
    complaint = spec.complaint(value if isinstance(value, str) else json.dumps(value))
    return f"expected {name}, got {describe(value)}: {complaint}" if complaint else None


def _conform(node: Node, value: Any) -> Any:
    if isinstance(node, Object):
        fields = value if isinstance(value, Mapping) else {}
        return {key: _conform(child, fields.get(key)) for key, child in node.fields.items()}
    if isinstance(node, ListOf):
        return [_conform(node.item, item) for item in value or [] if not is_empty(item)]
    if isinstance(node, Enum) and node.many:
        return [item for item in value or [] if not is_empty(item)]
    return None if is_empty(value) else value
