"""Reads what a system predicted, and finds the row that each prediction belongs to.

A prediction row is `{id, output}` with a JSON value, or `{id, raw}` with the text as the model wrote it; `output: null`
says that there is no answer. A row without an id, in either file, is called by its line number, from 1.
No score is known here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from smolkit.data.jsonl import json_rows
from smolkit.errors import DataError, RowErrors, SmolkitError, locate, nearest
from smolkit.extraction.answer import ParsedAnswer, loads, parse_answer

Row = Mapping[str, Any]

_HINTS = 3
"""How many unknown ids are looked up for their nearest name: with a wrong file all of them are unknown."""


def row_ids(rows: Iterable[Row], file: str | Path | None, problems: list[SmolkitError]) -> list[str]:
    """The id of every row, its line number where it has none; faults are added to `problems`."""
    ids: list[str] = []
    first_seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        where = locate(file, number, "id")
        given = row.get("id")
        if isinstance(given, bool) or not isinstance(given, str | int | None):
            problems.append(DataError(f"an id is a string or a whole number, got {json.dumps(given)}", where=where))
        row_id = str(number if given is None else given)
        if row_id in first_seen:
            problems.append(DataError(f"id {row_id!r} stands in row {first_seen[row_id]} already", where=where))
        first_seen.setdefault(row_id, number)
        ids.append(row_id)
    return ids


def match_answers(
    predictions: Sequence[Row], file: str | Path | None, known: set[str], own_ids: bool, problems: list[SmolkitError]
) -> dict[str, ParsedAnswer]:
    """The answers by id, those that are null left out; faults are added to `problems`.

    `known` are the ids of the rows; with `own_ids` they are not line numbers, and a prediction has to name one.
    """
    answers: dict[str, ParsedAnswer] = {}
    unknown = 0
    ids = row_ids(predictions, file, problems)
    for number, (row_id, row) in enumerate(zip(ids, predictions, strict=True), start=1):
        if own_ids and row.get("id") is None:
            fix = "Name the row that it belongs to"
            problems.append(DataError("a prediction without an id", where=locate(file, number, "id"), fix=fix))
        elif row_id not in known:
            unknown += 1
            near = nearest(row_id, known) if unknown <= _HINTS else None
            hint = f"Did you mean {near!r}?" if near else None
            problems.append(DataError(f"no row has the id {row_id!r}", where=locate(file, number, "id"), fix=hint))
        try:
            if (answer := _answer(row, locate(file, number))) is not None:
                answers[row_id] = answer
        except DataError as exc:
            problems.append(exc)
    return answers


def _answer(row: Row, where: str) -> ParsedAnswer | None:
    output, raw = row.get("output"), row.get("raw")
    if output is not None and raw is not None:
        raise DataError("both output and raw", where=where or None, fix="Keep the one that is to be scored")
    if raw is not None and not isinstance(raw, str):
        raise DataError(f"raw is not text but {type(raw).__name__}", where=locate(where, field="raw"))
    if isinstance(output, str):
        fix = "Put what the model wrote under raw"
        raise DataError("output is text, not a JSON value", where=locate(where, field="output"), fix=fix)
    if raw is not None:
        return parse_answer(raw)
    if output is not None:
        return ParsedAnswer("", output, duplicates=tuple(row.get("duplicate_keys", ())))
    if "output" in row or "raw" in row:
        return None
    fix = "Give the JSON value under output, or the text of the answer under raw"
    raise DataError("neither output nor raw", where=where or None, fix=fix)


def load_predictions(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a predictions file (JSON Lines), with `duplicate_keys` where an output has a key twice.

    Raises DataError where the file cannot be read, RowErrors with every line that is no JSON object.
    """
    return [_with_duplicates(row, duplicates) for row, duplicates in _json_lines(Path(path))]


def _with_duplicates(row: dict[str, Any], duplicates: tuple[str, ...]) -> dict[str, Any]:
    """Duplicate keys of the output are the model's and are reported; see `_json_lines` for those of the row itself."""
    inside = [
        path.removeprefix("output").removeprefix(".") for path in duplicates if path.startswith(("output.", "output["))
    ]
    return {**row, "duplicate_keys": inside} if inside else row


def load_references(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a .jsonl or .json file (also .gz) to score against, not checked any further.

    Raises as `load_predictions` does; a key that stands twice is an error here.
    """
    rows, problems = [], []
    for number, value in enumerate(json_rows(Path(path)), start=1):
        if isinstance(value, dict):
            rows.append(value)
        else:
            no_row = DataError("not a JSON row: a row is an object", where=locate(path, number))
            problems.append(value if isinstance(value, DataError) else no_row)
    if problems:
        raise RowErrors(problems)
    if not rows:
        raise DataError("holds no rows", where=str(path))
    return rows


def _json_lines(path: Path) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().split("\n")
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror}", where=str(path)) from exc
    except UnicodeDecodeError as exc:
        raise DataError(f"not UTF-8 text, see byte {exc.start}", where=str(path)) from exc
    if lines == [""]:
        raise DataError("holds no rows", where=str(path))
    rows, problems = [], []
    for number, line in enumerate(lines, start=1):
        try:
            row, duplicates = loads(line)
            if not isinstance(row, dict):
                raise ValueError("a row is an object")
            if twice := row.keys() & duplicates:
                raise ValueError(f"key {min(twice)!r} stands twice")
            rows.append((row, duplicates))
        except ValueError as exc:
            problems.append(DataError(f"not a JSON row: {exc}", where=locate(path, number)))
    if problems:
        raise RowErrors(problems)
    return rows
