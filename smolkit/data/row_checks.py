"""What all annotated rows have in common, checked: ids, texts, templates, outputs and further accepted values.

Every fault of every row is noted, as file:row:field; nothing is repaired.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from smolkit.errors import DataError, RowErrors, SmolkitError, TemplateError, locate, nearest
from smolkit.extraction.answer import loads
from smolkit.extraction.template import Enum, ListOf, Node, Object, Template, field_path, is_empty, node_problems

RowT = TypeVar("RowT")


class RowChecker(ABC, Generic[RowT]):
    """Collects the problems of all rows; templates that many rows share are parsed once.

    A kind of rows is a subclass, whose `read` is given each row that is an object.
    """

    own: tuple[str, ...] = ()
    """Fields that mean something; a row without one of them may have it under a name much like it."""

    def __init__(self, file: str | Path | None, need_output: bool):
        self.file = file
        self.need_output = need_output
        self.problems: list[SmolkitError] = []
        self.templates: dict[str, Template] = {}
        self.first_row: dict[str, int] = {}

    def fault(self, number: int, name: str, what: str, **more: Any) -> None:
        self.problems.append(DataError(what, where=locate(self.file, number, name), **more))

    def rows(self, values: Sequence[object]) -> list[RowT]:
        """The rows, checked. Raises RowErrors with every fault of every row, DataError where there are no rows."""
        if not values:
            raise DataError("holds no rows", where=locate(self.file) or "rows")
        checked = [self.row(number, value) for number, value in enumerate(values, start=1)]
        if self.problems:
            raise RowErrors(self.problems)
        return [row for row in checked if row is not None]

    def row(self, number: int, row: object) -> RowT | None:
        """The row, or None where it has faults, which are noted."""
        if isinstance(row, SmolkitError):
            self.problems.append(row)
            return None
        if not isinstance(row, Mapping):
            self.fault(number, "", f"a row is an object, got {type(row).__name__}")
            return None
        before = len(self.problems)
        read = self.read(number, row)
        return read if len(self.problems) == before else None

    @abstractmethod
    def read(self, number: int, row: Mapping[str, Any]) -> RowT | None:
        """The row; what its faults leave of it is not looked at."""

    def id(self, number: int, row: Mapping[str, Any]) -> str:
        given = row.get("id")
        if given is not None and (isinstance(given, bool) or not isinstance(given, str | int)):
            self.fault(number, "id", f"expected a string or a whole number, got {type(given).__name__}")
            return ""
        row_id = str(number if given is None else given)
        if row_id in self.first_row:
            self.fault(number, "id", f"{row_id!r} is the id of row {self.first_row[row_id]} already")
        self.first_row.setdefault(row_id, number)
        return row_id

    def missing(self, number: int, row: Mapping[str, Any], name: str) -> None:
        near = nearest(name, [key for key in row if key not in self.own])
        self.fault(number, name, f"no {name}", fix=f"Rename {near!r} to {name!r}" if near else None)

    def text(self, number: int, row: Mapping[str, Any], name: str, needed: bool) -> str | None:
        value = row.get(name)
        if value is None:
            if needed:
                self.missing(number, row, name)
            return None
        if not isinstance(value, str):
            self.fault(number, name, f"expected a string, got {type(value).__name__}")
            return None
        if needed and self.need_output and not value.strip():
            self.fault(number, name, "the text is empty")
        if not value.isascii() and re.search("[\ud800-\udfff]", value):
            self.fault(number, name, "half of a surrogate pair, which is no text")
        return value

    def template(self, number: int, row: Mapping[str, Any]) -> Template | None:
        source = row.get("template")
        if source is None:
            self.missing(number, row, "template")
            return None
        key = source if isinstance(source, str) else json.dumps(source, default=repr)
        if key not in self.templates:
            where = locate(self.file, number, "template")
            parse = Template.parse_json if isinstance(source, str) else Template.parse
            try:
                self.templates[key] = parse(source, where)
            except TemplateError as exc:
                self.problems.append(exc)
                return None
        return self.templates[key]

    def output(self, number: int, row: Mapping[str, Any], template: Template | None) -> dict[str, Any] | None:
        output = row.get("output")
        if output is None:
            if self.need_output:
                self.missing(number, row, "output")
            return None
        if isinstance(output, str):
            try:
                output, _ = loads(output)
            except ValueError as exc:
                self.fault(number, "output", f"is text, but not JSON: {exc}")
                return None
        for path, message in template.problems(output) if template else ():
            self.fault(number, _under("output", path), message)
        return output if isinstance(output, dict) else None

    def accepted(self, number: int, accepted: object, template: Template | None, output: dict[str, Any] | None) -> None:
        if template is None or output is None:
            return
        for path, message in accepted_problems(template.root, output, accepted, ""):
            self.fault(number, _under("accepted", path), message)


def _under(name: str, path: str) -> str:
    return name + path if path.startswith("[") or not path else f"{name}.{path}"


def accepted_problems(node: Node, output: Any, accepted: Any, path: str) -> Iterator[tuple[str, str]]:
    """What keeps `accepted` from standing beside `output`, as (path, message).

    Objects correspond by key, lists by position, and a leaf has the list of its further values, each of its type.
    """
    if is_empty(accepted):
        return
    if isinstance(node, Object):
        if not isinstance(accepted, Mapping):
            yield path, "expected an object, as in the output"
            return
        for key, child in accepted.items():
            here = field_path(path, key)
            if key in node.fields:
                yield from accepted_problems(node.fields[key], (output or {}).get(key), child, here)
            else:
                near = nearest(key, node.fields)
                yield here, "not a key of the template" + (f" (did you mean {near!r}?)" if near else "")
        return
    if not isinstance(accepted, list):
        yield path, "expected a list of accepted values"
    elif is_empty(output):
        yield path, "accepted values, but the output has none here"
    elif isinstance(node, ListOf) or (isinstance(node, Enum) and node.many):
        item = node.item if isinstance(node, ListOf) else Enum(node.choices, many=False)
        if len(accepted) > len(output):
            yield path, f"accepted values for {len(accepted)} items, the output has {len(output)}"
        for index, (given, child) in enumerate(zip(output, accepted, strict=False)):
            yield from accepted_problems(item, given, child, f"{path}[{index}]")
    else:
        for index, value in enumerate(accepted):
            yield from node_problems(node, value, f"{path}[{index}]")
