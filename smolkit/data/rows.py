"""Annotated rows from files and Hub data sets: read, checked against their templates, written.

A row is `{text, template, output, id?, accepted?, lang?, kind?}` and whatever else it carries. Every fault of every
row is reported at once, as file:row:field; no row is dropped. Rows are counted from 1, a row a line. This module
knows no prompt and no tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from smolkit.data.jsonl import SUFFIXES, json_rows, write_jsonl
from smolkit.errors import DataError, RowErrors, SmolkitError, TemplateError, locate, nearest
from smolkit.extraction.answer import loads
from smolkit.extraction.template import Enum, ListOf, Node, Object, Template, field_path, is_empty, node_problems

FIELDS = ("id", "text", "template", "output", "accepted", "lang", "kind")
"""What a row may hold that means something here; other fields are kept as they are."""

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Row:
    """One checked row. `output` is as it was written; `template.conform` completes it."""

    id: str
    """As given, or the row's number."""
    text: str
    template: Template
    output: dict[str, Any] | None
    """None only where rows without one were asked for."""
    accepted: dict[str, Any] | None = None
    """Beside leaves of the output, lists of values that count as right too: objects by key, lists by position."""
    lang: str | None = None
    kind: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    line: int = 0
    """The row's number, from 1."""

    def as_dict(self) -> dict[str, Any]:
        """The row as it stands in a file, absent fields left out."""
        values = {
            "id": self.id,
            "text": self.text,
            "template": self.template.source,
            "output": self.output,
            "accepted": self.accepted,
            "lang": self.lang,
            "kind": self.kind,
        }
        return {**{name: value for name, value in values.items() if value is not None}, **self.extra}


def read_rows(
    source: str | Path,
    *,
    config: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    need_output: bool = True,
) -> list[Row]:
    """`load_rows` and `validate_rows` in one."""
    rows = load_rows(source, config=config, split=split, limit=limit, need_output=need_output)
    return validate_rows(rows, source, need_output=need_output)


# ---- reading and writing


def load_rows(
    source: str | Path,
    *,
    config: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    need_output: bool = True,
) -> list[dict[str, Any]]:
    """The rows of a .jsonl or .json file (also .gz), or of a Hub data set named as owner/name; the first `limit`.

    Raises DataError where there is nothing to read. Where a line is no JSON object, raises RowErrors with those lines
    and with every fault that `validate_rows` finds in the others.
    """
    values = load_values(source, config=config, split=split, limit=limit)
    rows = [value for value in values if isinstance(value, dict)]
    if len(rows) < len(values):
        raise RowErrors(_faults(values, source, need_output))
    return rows


def load_values(
    source: str | Path, *, config: str | None = None, split: str | None = None, limit: int | None = None
) -> list[object]:
    """What `load_rows` reads, whatever its rows mean: the value of each, or the DataError of a line that has none."""
    if _is_hub_id(source):
        return [*_load_hub(str(source), config, split, limit)]
    path = Path(source)
    for what, given in (("configs", config), ("splits", split)):
        if given is not None:
            fix = f"Leave the {what[:-1]} out, or name the {what[:-1]}'s file"
            raise DataError(f"a file has no {what}", where=str(path), fix=fix)
    values = list(islice(json_rows(path), limit))
    if not values:
        raise DataError("holds no rows", where=str(path))
    return values


def _is_hub_id(source: str | Path) -> bool:
    """owner/name that is no path: no file of that name, no directory of that owner, none of our suffixes."""
    if not isinstance(source, str) or not _HUB_ID.fullmatch(source) or source.endswith(SUFFIXES):
        return False
    return not Path(source).exists() and not Path(source).parent.is_dir()


def _load_hub(name: str, config: str | None, split: str | None, limit: int | None) -> list[dict[str, Any]]:
    import datasets

    try:
        found = datasets.load_dataset(name, config)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as exc:
        reason = str(exc).partition("\n")[0]
        fix = "Name a local .jsonl file where there is no network"
        raise DataError(f"neither a file nor a data set that can be loaded: {reason}", where=name, fix=fix) from exc
    return hub_rows(found, name, split, limit)


def hub_rows(splits: Mapping[str, Any], name: str, split: str | None, limit: int | None) -> list[dict[str, Any]]:
    """The rows of one split of a loaded data set; without a name, of its only one."""
    if split is None and len(splits) == 1:
        split = next(iter(splits))
    if split is None or split not in splits:
        what = "which split?" if split is None else f"no split {split!r}"
        raise DataError(what, where=name, given=split, known=list(splits))
    rows = [dict(row) for row in islice(splits[split], limit)]
    if not rows:
        raise DataError(f"split {split} holds no rows", where=name)
    return rows


def write_rows(path: str | Path, rows: Iterable[Row | Mapping[str, Any]]) -> int:
    """Write rows as JSON Lines, all or none, and return how many. Missing directories are made."""
    return write_jsonl(path, (row.as_dict() if isinstance(row, Row) else row for row in rows))


# ---- checking


def validate_rows(rows: Sequence[object], file: str | Path | None = None, *, need_output: bool = True) -> list[Row]:
    """The rows, checked. `template` and `output` may be JSON text; `file` is named in the errors.

    Raises RowErrors with every fault of every row, DataError where there are no rows.
    """
    if not rows:
        raise DataError("holds no rows", where=locate(file) or "rows")
    checker = _Checker(file, need_output)
    checked = [checker.row(number, row) for number, row in enumerate(rows, start=1)]
    if checker.problems:
        raise RowErrors(checker.problems)
    return [row for row in checked if row is not None]


def _faults(values: Sequence[object], file: str | Path, need_output: bool) -> list[SmolkitError]:
    checker = _Checker(file, need_output)
    for number, value in enumerate(values, start=1):
        checker.row(number, value)
    return checker.problems


class _Checker:
    """Collects the problems of all rows; templates that many rows share are parsed once."""

    def __init__(self, file: str | Path | None, need_output: bool):
        self.file = file
        self.need_output = need_output
        self.problems: list[SmolkitError] = []
        self.templates: dict[str, Template] = {}
        self.first_row: dict[str, int] = {}

    def fault(self, number: int, name: str, what: str, **more: Any) -> None:
        self.problems.append(DataError(what, where=locate(self.file, number, name), **more))

    def row(self, number: int, row: object) -> Row | None:
        """The row, or None where it has faults, which are noted."""
        if isinstance(row, SmolkitError):
            self.problems.append(row)
            return None
        if not isinstance(row, Mapping):
            self.fault(number, "", f"a row is an object, got {type(row).__name__}")
            return None
        before = len(self.problems)
        row_id = self.id(number, row)
        text = self.text(number, row, "text", needed=True)
        template = self.template(number, row)
        output = self.output(number, row, template)
        if template is not None and output is not None:
            self.accepted(number, row.get("accepted"), template, output)
        lang, kind = (self.text(number, row, name, needed=False) for name in ("lang", "kind"))
        if len(self.problems) > before or template is None or text is None:
            return None
        extra = {key: value for key, value in row.items() if key not in FIELDS}
        return Row(row_id, text, template, output, row.get("accepted"), lang, kind, extra, number)

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
        near = nearest(name, [key for key in row if key not in FIELDS])
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

    def accepted(self, number: int, accepted: object, template: Template, output: dict[str, Any]) -> None:
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
