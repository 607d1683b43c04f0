"""Reads YAML into plain data and remembers where every value was written, so that a later fault can name the place.

Plain scalars mean what they mean in JSON, not in YAML 1.1: `1e-4` is a number, `no` and `2024-01-01` are strings.
This module knows nothing of schemas; `smolkit.recipe` checks what is read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from smolkit.errors import RecipeError, RecipeErrors, locate

Keys = tuple[str | int, ...]
"""The way from the top of the data to a value: ("data", 0, "rows") for `data[0].rows`."""


@dataclass
class Document:
    """Plain data from one file, with overrides, and the line of each value."""

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Keys, int | None] = field(default_factory=lambda: {(): 1})
    """Line of each value; None for one that `--set` gave."""
    problems: list[RecipeError] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> Document:
        """The document in `file`. Raises RecipeError, or RecipeErrors with a line per repeated key and the like."""
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise RecipeError(f"cannot be read: {exc}", where=str(file)) from exc
        document = cls(str(file))
        data = document._value(_compose(text, str(file)), ())
        document._raise_problems()
        if data is not None and not isinstance(data, dict):
            raise RecipeError("a recipe is a mapping of fields to values", where=locate(file, 1))
        document.data = data or {}
        return document

    def override(self, text: str) -> None:
        """Set one value from `a.b=value` or `a[0].b=value`, the value being YAML. Parents are made as needed."""
        name, equals, value = text.partition("=")
        path = _parse_path(name.strip())
        if not equals or path is None:
            raise RecipeError("not a field and a value", where=f"--set {text}", fix="Write --set a.b=value")
        where = f"--set {name.strip()}"
        parent = self._parent_of(path, where)
        self.lines = {known: line for known, line in self.lines.items() if known[: len(path)] != path}
        parent[path[-1]] = self._value(_compose(value, where, numbered=False), path)
        self._raise_problems()
        self.lines |= {known: None for known in self.lines if known[: len(path)] == path} | {path: None}

    def line(self, path: Keys) -> int | None:
        """Line of the innermost part of `path` that was written down; None when `--set` gave it."""
        return next(self.lines[path[:size]] for size in range(len(path), -1, -1) if path[:size] in self.lines)

    def where(self, path: Keys) -> str:
        """`file:line:a.b`, or `--set a.b` for a value that came from there."""
        line = self.line(path)
        return f"--set {dotted(path)}" if line is None else locate(self.file, line, dotted(path))

    def _value(self, node: yaml.Node | None, path: Keys) -> Any:
        """The plain value of a YAML node; notes lines and faults on the way."""
        if node is None:
            return None
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        if node.tag != "tag:yaml.org,2002:str":
            self.problems.append(RecipeError(f"the tag {node.tag!r} is not supported", where=self.where(path)))
        return _plain(node.value) if node.style is None else node.value

    def _mapping(self, node: yaml.MappingNode, path: Keys) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(RecipeError("a field's name is a string", where=locate(self.file, line)))
                continue
            inner = (*path, key.value)
            if key.value in mapping:
                what = f"given twice, first in line {self.lines[inner]}"
                self.problems.append(RecipeError(what, where=locate(self.file, line, dotted(inner))))
                continue
            self.lines[inner] = line
            mapping[key.value] = self._value(value, inner)
        return mapping

    def _parent_of(self, path: Keys, where: str) -> Any:
        """The mapping or list that holds the last key of `path`; mappings on the way are made where absent."""
        holder: Any = self.data
        for depth, key in enumerate(path):
            fits = isinstance(holder, dict) if isinstance(key, str) else isinstance(holder, list) and key < len(holder)
            if not fits:
                raise RecipeError(f"{dotted(path[:depth]) or 'the recipe'} has no entry {key!r}", where=where)
            if depth == len(path) - 1:
                break
            if isinstance(holder, dict) and holder.get(key) is None:
                holder[key] = {}
            holder = holder[key]
        return holder

    def _raise_problems(self) -> None:
        if self.problems:
            raise RecipeErrors(self.problems)


def dotted(path: Keys) -> str:
    """`data[0].rows` for ("data", 0, "rows")."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def _parse_path(text: str) -> Keys | None:
    if not re.fullmatch(r"[^.\[\]=\s]+(\[\d+\])*(\.[^.\[\]=\s]+(\[\d+\])*)*", text):
        return None
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", text)
    return tuple(int(index) if index else name for index, name in parts)


class _Loader(yaml.SafeLoader):
    """Leaves plain scalars as they are written; `_plain` reads them."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases are not supported, write the value out", problem_mark=mark)
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {}

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?\d+(_\d+)*", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.\d+|\d+(_\d+)*(\.\d*)?)([eE][-+]?\d+)?", re.ASCII)


def _plain(text: str) -> str | int | float | bool | None:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _compose(text: str, where: str, *, numbered: bool = True) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if numbered and exc.problem_mark else None
        raise RecipeError(f"not valid YAML: {exc.problem}", where=locate(where, line)) from exc
    except yaml.YAMLError as exc:
        raise RecipeError(f"not valid YAML: {exc}", where=where) from exc
