"""Rows cut in two, train and test, so that rows which belong together stay on one side.

A group is the rows with one value in a field (all receipts of a company), case, white space and punctuation apart. The
seed alone decides which groups are held out, among the choices that come nearest to the wanted share of rows.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolkit.data.check import words
from smolkit.data.rows import Row, load_values, validate_rows, write_rows
from smolkit.data.vision_rows import VisionRow, check_images, path_of, shows_images, validate_vision_rows
from smolkit.errors import DataError, nearest
from smolkit.extraction.template import field_path
from smolkit.manifest import Manifest, Source, staged, write

TRAIN, TEST = "train.jsonl", "test.jsonl"

_LISTED = 20
"""Known fields that an error lists; rows whose templates differ may have thousands."""


@dataclass(frozen=True)
class Side:
    """One side of a split: the places of its rows in the file, from 0 and in order, and how many groups they are."""

    rows: list[int]
    groups: int


@dataclass(frozen=True)
class Split:
    """Two sides that share no group."""

    train: Side
    test: Side
    without_value: int
    """Rows that have no value in the field; they are grouped by their document."""
    by: str
    document: str
    """What a row is about: its text, or its image."""

    @property
    def share(self) -> float:
        """The part of the rows that is held out."""
        return len(self.test.rows) / (len(self.train.rows) + len(self.test.rows))

    def figures(self) -> dict[str, Any]:
        sides = {"train": self.train, "test": self.test}
        return {
            **{name: {"rows": len(side.rows), "groups": side.groups} for name, side in sides.items()},
            "held_out": self.share,
            "without_value": self.without_value,
        }


def split_file(
    source: str | Path,
    out: Path,
    *,
    holdout: float,
    by: str | None = None,
    seed: int = 0,
    overwrite: bool = False,
    images: Path | None = None,
) -> Split:
    """Write both sides of `source` into the directory `out`, with a manifest; rows stay as they are, in their order.

    Rows about images are opened first, their paths relative to `images` or to the file; what is written names them
    relative to `out`. Raises RowErrors for bad rows, DataError where there is nothing to split.
    """
    if Path(source).resolve().is_relative_to(out.resolve()):
        raise DataError(f"lies in {out}, which is to be written anew", where=str(source), fix="Name another directory")
    raw, rows = _read(source, images, out)
    split = split_rows(rows, holdout=holdout, by=by, seed=seed, file=source)
    read = Source.of("rows", Path(source)) if Path(source).exists() else Source(role="rows", name=str(source))
    with staged(out, overwrite=overwrite) as directory:
        for name, side in ((TRAIN, split.train), (TEST, split.test)):
            write_rows(directory / name, (raw[place] for place in side.rows))
        details = {"by": split.by, "holdout": holdout, "seed": seed, **split.figures()}
        write(directory, Manifest(kind="rows", sources=(read,), details=details))
    return split


def _read(
    source: str | Path, images: Path | None, out: Path
) -> tuple[Sequence[Mapping[str, Any]], Sequence[Row | VisionRow]]:
    """The rows as they are written to `out`, and as they are read."""
    values: list[Any] = load_values(source)
    if shows_images(values):
        seen = validate_vision_rows(values, source, root=images)
        check_images(seen, decode=False)
        return [_moved(raw, row, out) for raw, row in zip(values, seen, strict=True)], seen
    if images is not None:
        raise DataError("the rows show no images", where=str(source), fix="Leave the folder of images out")
    return values, validate_rows(values, source)


def _moved(raw: Mapping[str, Any], row: VisionRow, out: Path) -> dict[str, Any]:
    """The row for a file in `out`."""
    files = [path_of(image) for image in row.images]
    paths = [os.path.relpath(file.parent.resolve() / file.name, out.resolve()) for file in files]
    return {**raw, **({"images": paths} if raw.get("image") is None else {"image": paths[0]})}


def split_rows(
    rows: Sequence[Row | VisionRow],
    *,
    holdout: float,
    by: str | None = None,
    seed: int = 0,
    file: str | Path | None = None,
) -> Split:
    """Hold out groups of rows with about `holdout` (between 0 and 1) of all rows, at least one group on each side.

    `by` is a field with one value a row: of the row itself or, as `output.company`, inside its output or another
    object. By default it is text or image, so that rows about one document stay together. `file` is named in errors.
    """
    document = "text" if isinstance(rows[0], Row) else "image"
    by = by or document
    where = str(file) if file is not None else None
    if not 0 < holdout < 1:
        raise DataError(f"holdout is a share of the rows between 0 and 1, got {holdout:g}", fix="A fifth is 0.2")
    keys, without_value = _group_keys(rows, by, where)
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        groups[key].append(place)
    if len(groups) == 1:
        raise DataError(
            f"all rows are one group by {by}, so none can be held out", where=where, fix="Name another --by"
        )
    shuffled = sorted(groups, key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).digest())
    chosen = choose([len(groups[key]) for key in shuffled], holdout * len(rows))
    test = sorted(place for index in chosen for place in groups[shuffled[index]])
    train = sorted(set(range(len(rows))).difference(test))
    return Split(
        Side(train, len(groups) - len(chosen)), Side(test, len(chosen)), without_value, by=by, document=document
    )


def choose(sizes: Sequence[int], wanted: float) -> set[int]:
    """Indices of some groups, neither none nor all, whose sizes add up as near to `wanted` as any do.

    Of such choices it is one among as few of the first groups as possible: shuffled groups make it a random choice.
    """
    total = sum(sizes)
    target = min(max(round(wanted), 1), total - 1)
    reachable = 1  # bit s: some of the groups so far add up to s
    last: dict[int, int] = {}  # for each reachable sum, the group whose turn made it so: the last one in it
    for index, size in enumerate(sizes):
        new = (reachable << size) & ~reachable
        reachable |= new
        while new:
            last[new.bit_length() - 1] = index
            new ^= 1 << (new.bit_length() - 1)
        if target in last:
            break
    rest = min((reached for reached in last if reached < total), key=lambda reached: abs(reached - wanted))
    chosen = set()
    while rest:
        chosen.add(last[rest])
        rest -= sizes[last[rest]]
    return chosen


def _group_keys(rows: Sequence[Row | VisionRow], by: str, where: str | None) -> tuple[list[str], int]:
    """The group of each row, and how many rows have no value in the field."""
    values = [dict(_fields(row)) for row in rows]
    if not any(by in fields for fields in values):
        known = {name for fields in values for name in fields}
        near = nearest(by, known)
        fix = f"Did you mean {near!r}?" if near and len(known) > _LISTED else None
        listed = known if len(known) <= _LISTED else ()
        raise DataError(f"no row has one value in a field {by!r}", where=where, given=by, known=listed, fix=fix)
    given = [_fold(fields.get(by)) for fields in values]
    keys = [
        f"value/{value}" if value else f"text/{_fold(_document(row))}" for value, row in zip(given, rows, strict=True)
    ]
    return keys, given.count("")


def _document(row: Row | VisionRow) -> str:
    """What a row is about: its text, the paths of its images, or what is said without any."""
    if isinstance(row, Row):
        return row.text
    return " ".join(str(path_of(image)) for image in row.images) or json.dumps(row.question)


def _fields(row: Row | VisionRow) -> Iterator[tuple[str, Any]]:
    """Every field that has one value, by its path; what the template asks for is there, though it be null."""
    content = row.as_dict()
    if row.template is not None:
        content["output"] = row.template.conform(row.output)
    if isinstance(row, VisionRow):
        content["image"] = _document(row)
    for name in content.keys() - {"template", "accepted"}:
        yield from _scalars(content[name], field_path("", name))


def _scalars(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _scalars(child, field_path(path, key))
    elif not isinstance(value, list):
        yield path, value


def _fold(value: Any) -> str:
    """What equal values have in common; "" for none."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value)
    return " ".join(words(value)) or value.strip()
