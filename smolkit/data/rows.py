"""Annotated rows from files and Hub data sets: read, checked against their templates, written.

A row is `{text, template, output, id?, accepted?, lang?, kind?}` and whatever else it carries. Every fault of every
row is reported at once, as file:row:field; no row is dropped. Rows are counted from 1, a row a line. This module
knows no prompt and no tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from smolkit.data.jsonl import SUFFIXES, json_rows, write_jsonl
from smolkit.data.row_checks import RowChecker
from smolkit.errors import DataError
from smolkit.extraction.template import Template

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
        validate_rows(values, source, need_output=need_output)  # raises, as these are faults too
    return rows


def load_values(
    source: str | Path, *, config: str | None = None, split: str | None = None, limit: int | None = None
) -> list[object]:
    """What `load_rows` reads, whatever its rows mean: the value of each, or the DataError of a line that has none."""
    if is_hub_id(source):
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


def is_hub_id(source: str | Path) -> bool:
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
    rows = [dict(row) for row in islice(_stored(splits[split]), limit)]
    if not rows:
        raise DataError(f"split {split} holds no rows", where=name)
    return rows


def _stored(rows: Any) -> Iterable[Mapping[str, Any]]:
    """The rows of a data set, images as the {bytes, path} they are stored as: decoded, few would fit in memory."""
    if not any(_holds_images(feature) for feature in rows.features.values()):
        return rows
    return (row for table in rows.with_format("arrow") for row in table.to_pylist())


def _holds_images(feature: Any) -> bool:
    import datasets

    if isinstance(feature, dict | list):
        return any(_holds_images(inner) for inner in (feature.values() if isinstance(feature, dict) else feature))
    return isinstance(feature, datasets.Image) or _holds_images(getattr(feature, "feature", ()) or [])


def write_rows(path: str | Path, rows: Iterable[Row | Mapping[str, Any]]) -> int:
    """Write rows as JSON Lines, all or none, and return how many. Missing directories are made."""
    return write_jsonl(path, (row.as_dict() if isinstance(row, Row) else row for row in rows))


# ---- checking


def validate_rows(rows: Sequence[object], file: str | Path | None = None, *, need_output: bool = True) -> list[Row]:
    """The rows, checked. `template` and `output` may be JSON text; `file` is named in the errors.

    Raises RowErrors with every fault of every row, DataError where there are no rows.
    """
    return _Checker(file, need_output).rows(rows)


class _Checker(RowChecker[Row]):
    own = FIELDS

    def missing(self, number: int, row: Mapping[str, Any], name: str) -> None:
        if name == "text" and (row.get("image") or row.get("images")):
            fix = "Rows of images are a file of their own, for finetune --task vision and eval vision"
            self.fault(number, name, "no text, but an image", fix=fix)
        else:
            super().missing(number, row, name)

    def read(self, number: int, row: Mapping[str, Any]) -> Row | None:
        row_id = self.id(number, row)
        text = self.text(number, row, "text", needed=True)
        template = self.template(number, row)
        output = self.output(number, row, template)
        self.accepted(number, row.get("accepted"), template, output)
        lang, kind = (self.text(number, row, name, needed=False) for name in ("lang", "kind"))
        if template is None or text is None:
            return None
        extra = {key: value for key, value in row.items() if key not in FIELDS}
        return Row(row_id, text, template, output, row.get("accepted"), lang, kind, extra, number)
