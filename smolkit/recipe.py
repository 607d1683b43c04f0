"""Recipes: YAML read into strict pydantic models, with every fault of a file reported at once.

A stage declares its recipe as subclasses of `Section`; `load_recipe` finds, reads, overrides and checks. This module
knows no stage's fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from smolkit.assets import asset, list_assets
from smolkit.errors import RecipeError, RecipeErrors, locate, nearest

if TYPE_CHECKING:
    from rich.console import Console


class Section(BaseModel):
    """A recipe or a part of one: unknown keys are refused, values are neither guessed nor changed later.

    Types are strict as in JSON: "3" is no number and 1.0 no integer, but 1 is a float. Defaults are checked as well.
    A limit that is off is None, never infinite.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True, allow_inf_nan=False)


SectionT = TypeVar("SectionT", bound=Section)
Key = str | int
Keys = tuple[Key, ...]


def load_recipe(model: type[SectionT], path_or_name: str | Path, overrides: Sequence[str] = ()) -> SectionT:
    """The recipe at a path, or the shipped one of that name (`smoke/extraction-demo`), with `a.b=value` overrides.

    Raises RecipeErrors with a line per fault, each with `file:line:field` or `--set field`.
    """
    file = find_recipe(path_or_name)
    document = _read(file)
    for override in overrides:
        document.override(override)
    try:
        # Through JSON, whose strict mode knows that a list may be meant as a tuple and a string as a path.
        return model.model_validate_json(json.dumps(document.data))
    except ValidationError as exc:
        raise RecipeErrors([document.explain(model, dict(error)) for error in exc.errors()]) from exc


def find_recipe(path_or_name: str | Path) -> Path:
    """The file that is meant by a path or by the name of a shipped recipe, with or without `recipes/` and `.yaml`."""
    given = str(path_or_name)
    if Path(given).is_file():
        return Path(given)
    name = given.removeprefix("recipes/").removesuffix(".yaml")
    shipped = [entry.removesuffix(".yaml") for entry in list_assets("recipes") if entry.endswith(".yaml")]
    if name not in shipped:
        raise RecipeError(f"no recipe file {given!r}, and none shipped under that name", given=name, known=shipped)
    return asset("recipes", f"{name}.yaml")


def resolved(recipe: Section) -> dict[str, Any]:
    """Every field with its value, defaults included, as JSON can hold it: for manifests and reports."""
    return recipe.model_dump(mode="json")


# Reading YAML


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
    """What an unquoted scalar means, by YAML 1.2: `1e-4` is a number; `no`, `1:30` and `2024-01-01` are strings."""
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


def _read(file: Path) -> _Document:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise RecipeError(f"cannot be read: {exc}", where=str(file)) from exc
    document = _Document(str(file))
    node = _compose(text, str(file))
    data = document.build(node, ()) if node else {}
    if not isinstance(data, dict):
        raise RecipeError("a recipe is a mapping of fields to values", where=locate(file, 1))
    if document.problems:
        raise RecipeErrors(document.problems)
    document.data = data
    return document


@dataclass
class _Document:
    """Plain data with the place where each value was written, so that a later fault can name it."""

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Keys, int | None] = field(default_factory=dict)
    """Line of each value by its path; None for one that `--set` gave."""
    problems: list[RecipeError] = field(default_factory=list)

    def build(self, node: yaml.Node, path: Keys) -> Any:
        """The plain value of a YAML node; notes lines and repeated keys on the way."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._build_mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        if node.tag != "tag:yaml.org,2002:str":
            self.problems.append(RecipeError(f"the tag {node.tag!r} is not supported", where=self.where(path)))
        return _plain(node.value) if node.style is None else node.value

    def _build_mapping(self, node: yaml.MappingNode, path: Keys) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(RecipeError("a field's name is a string", where=locate(self.file, line)))
                continue
            inner = (*path, key_node.value)
            if key_node.value in mapping:
                first = self.lines[inner]
                what = f"given twice, first in line {first}"
                self.problems.append(RecipeError(what, where=locate(self.file, line, _dotted(inner))))
                continue
            self.lines[inner] = line
            mapping[key_node.value] = self.build(value_node, inner)
        return mapping

    def override(self, text: str) -> None:
        """Set one value from `a.b=value` or `a[0].b=value`, the value being YAML. Parents are made as needed."""
        name, equals, value = text.partition("=")
        path = _parse_path(name.strip())
        where = f"--set {name.strip()}"
        if not equals or path is None:
            raise RecipeError("not a field and a value", where=f"--set {text}", fix="Write --set a.b=value")
        parent: Any = self.data
        for depth, (key, following) in enumerate(zip(path, [*path[1:], None], strict=True)):
            fits = isinstance(parent, dict) if isinstance(key, str) else isinstance(parent, list) and key < len(parent)
            if not fits:
                what = f"{_dotted(path[:depth]) or 'the recipe'} has no entry {key!r}"
                raise RecipeError(what, where=where)
            if following is not None:
                if isinstance(parent, dict) and parent.get(key) is None:
                    parent[key] = {}
                parent = parent[key]
        node = _compose(value, where, numbered=False)
        self.lines = {known: line for known, line in self.lines.items() if known[: len(path)] != path}
        parent[path[-1]] = self.build(node, path) if node else None
        if self.problems:
            raise RecipeErrors(self.problems)
        self.lines |= {known: None for known in self.lines if known[: len(path)] == path} | {path: None}

    def where(self, path: Keys) -> str:
        """`file:line:a.b`, or `--set a.b` for a value that came from there."""
        known = next(path[:size] for size in range(len(path), -1, -1) if path[:size] in self.lines or size == 0)
        line = self.lines.get(known)
        if line is None and known:
            return f"--set {_dotted(path)}"
        return locate(self.file, line, _dotted(path))

    def explain(self, model: type[Section], error: dict[str, Any]) -> RecipeError:
        """One of pydantic's errors, in our words: where it is, the nearest name or the value given."""
        path, sections = self._follow(model, error["loc"])
        where = self.where(path)
        if error["type"] == "extra_forbidden":
            known = {name for section in sections for name in section.model_fields}
            near = nearest(str(path[-1]), known)
            hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(sorted(known))}"
            return RecipeError("no such field", where=where, fix=hint.rstrip("."))
        return RecipeError(_describe(error), where=where)

    def _follow(self, model: type[Section], loc: Keys) -> tuple[Keys, list[type[Section]]]:
        """The path in the data that pydantic's `loc` means, and the sections that may hold its last key.

        `loc` also holds the name of the branch that pydantic took in a union; those are no keys of the data.
        """
        path: list[Key] = []
        data: Any = self.data
        sections: list[type[Section]] = [model]
        holders = sections
        for key in loc:
            fields = [section.model_fields[key] for section in sections if key in section.model_fields]
            present = key in data if isinstance(data, dict) else isinstance(key, int) and isinstance(data, list)
            if not present and not fields:
                sections = [section for section in sections if _is_branch(section, str(key))] or sections
                continue
            path.append(key)
            data = data[key] if present else None
            holders = sections
            if not isinstance(key, int):
                sections = [inner for info in fields for inner in _sections_in(info.annotation)] or sections
        return tuple(path), holders


def _describe(error: dict[str, Any]) -> str:
    given, context = error["input"], error.get("ctx", {})
    if error["type"] == "missing":
        return "must be given"
    if "error" in context:  # raised by a validator of the recipe's own, which says it best
        return str(context["error"])
    if error["type"] == "union_tag_invalid":
        given, message = context["tag"], f"{context['discriminator']} must be one of {context['expected_tags']}"
    else:
        message = re.sub(r"^Input should be", "must be", error["msg"])
    names = re.findall(r"'([^']+)'", message)
    near = nearest(given, names) if isinstance(given, str) else None
    return f"{message}, got {_kind(given)}" + (f". Did you mean {near!r}?" if near else "")


def _kind(value: object) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return json.dumps(value, ensure_ascii=False)


def _is_branch(section: type[Section], tag: str) -> bool:
    literals = (choice for info in section.model_fields.values() for choice in get_args(info.annotation))
    return tag == section.__name__ or tag in literals


def _sections_in(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for argument in get_args(annotation) for section in _sections_in(argument)]


def _dotted(path: Keys) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def _parse_path(text: str) -> Keys | None:
    if not re.fullmatch(r"[^.\[\]=\s]+(\[\d+\])*(\.[^.\[\]=\s]+(\[\d+\])*)*", text):
        return None
    return tuple(int(key) if key.isdecimal() else key for key in re.findall(r"[^.\[\]]+", text))


# The printed plan


@dataclass(frozen=True)
class PlanLine:
    """One figure of a plan: a name in snake_case with its unit, the plain value, and a note for the reader."""

    name: str
    value: object
    note: str = ""


@dataclass
class Plan:
    """What a command is about to do, in figures: printed before it starts, as a table or as JSON."""

    title: str
    lines: list[PlanLine] = field(default_factory=list)

    def add(self, name: str, value: object, note: str = "") -> None:
        """Append a line. `value` is shown with thousands separators when it is an integer."""
        self.lines.append(PlanLine(name, value, note))

    def as_dict(self) -> dict[str, object]:
        """The plain values by name, for `--json`."""
        return {line.name: line.value for line in self.lines}

    def print(self, console: Console) -> None:
        """Show the plan as a table."""
        from rich.table import Table

        table = Table(title=self.title, title_justify="left", show_header=False, box=None, pad_edge=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(justify="right")
        table.add_column(style="dim")
        for line in self.lines:
            table.add_row(line.name.replace("_", " "), _shown(line.value), line.note)
        console.print(table)


def _shown(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
