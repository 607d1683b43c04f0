"""Rows about images: conversations and templates to fill, read and checked as `smolkit.data.rows` does for texts.

A row is `{images, messages, answers?}` or `{image, template, output, accepted?}`, with id, lang, kind and whatever
else it carries. A conversation says `images: []` if it has none, so that a mixture may hold some without. Images are
files, or what a Hub data set holds; they are opened by `check_images` or when they are read, not here. Every fault of
every row is reported at once, as file:row:field.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from smolkit.data.images import ImageSource
from smolkit.data.messages import RowFaults
from smolkit.data.row_checks import RowChecker
from smolkit.data.rows import is_hub_id, load_values
from smolkit.data.vision_messages import check_vision_messages
from smolkit.errors import DataError, RowErrors, locate, nearest
from smolkit.extraction.template import Template
from smolkit.registry import require

FIELDS = ("id", "image", "images", "messages", "answers", "template", "output", "accepted", "lang", "kind")
"""What a row may hold that means something here; other fields are kept as they are."""
_THREADS = 8


@dataclass(frozen=True)
class VisionRow:
    """One checked row: images with either messages or a template."""

    id: str
    """As given, or the row's number."""
    images: tuple[ImageSource, ...]
    messages: tuple[dict[str, Any], ...] | None = None
    """{role, content}, each content a list of parts, in which there are as many images as the row has."""
    template: Template | None = None
    output: dict[str, Any] | None = None
    """None for messages, and where rows without one were asked for."""
    accepted: dict[str, Any] | None = None
    """As of a `smolkit.data.rows.Row`."""
    further: tuple[str, ...] = ()
    """Right answers beside the assistant's last turn; `answers` in a file."""
    lang: str | None = None
    kind: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    line: int = 0
    """The row's number, from 1."""

    @property
    def question(self) -> tuple[dict[str, Any], ...]:
        """The messages up to where the assistant answers for the last time."""
        messages = self.messages or ()
        return messages[:-1] if messages and messages[-1]["role"] == "assistant" else messages

    @property
    def answers(self) -> tuple[str, ...]:
        """All right answers to the question."""
        said = [part["text"] for message in (self.messages or ())[len(self.question) :] for part in message["content"]]
        return (*said, *self.further)

    def as_dict(self) -> dict[str, Any]:
        """The row as it stands in a file, absent fields left out. Raises DataError for an image that is no file."""
        paths = [str(path_of(image)) for image in self.images]
        values = {
            "id": self.id,
            **({"image": paths[0]} if len(paths) == 1 else {"images": paths}),
            "messages": None if self.messages is None else [*self.messages],
            "answers": [*self.further] or None,
            "template": None if self.template is None else self.template.source,
            "output": self.output,
            "accepted": self.accepted,
            "lang": self.lang,
            "kind": self.kind,
        }
        return {**{name: value for name, value in values.items() if value is not None}, **self.extra}


def read_vision_rows(
    source: str | Path,
    *,
    root: str | Path | None = None,
    config: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    need_output: bool = True,
) -> list[VisionRow]:
    """The rows of a .jsonl or .json file (also .gz), or of a Hub data set named as owner/name; the first `limit`.

    Paths of images are relative to `root`, which they may not leave, or else to the folder of the file. A Hub data
    set brings its images, or is given the folder of them; no other file is read on its word.
    """
    values = load_values(source, config=config, split=split, limit=limit)
    return validate_vision_rows(values, source, root=root, need_output=need_output)


def validate_vision_rows(
    rows: Sequence[object],
    file: str | Path | None = None,
    *,
    root: str | Path | None = None,
    need_output: bool = True,
) -> list[VisionRow]:
    """The rows, checked. Without `need_output`, conversations may end with a question, and outputs may be missing.

    Raises RowErrors with every fault of every row, DataError where there are no rows.
    """
    if root is not None and not Path(root).is_dir():
        raise DataError("no such folder of images", where=str(root))
    return _Checker(file, None if root is None else Path(root), need_output).rows(rows)


def shows_images(rows: Sequence[object]) -> bool:
    """Whether rows are of the kind that is read here: with images, and none of them with a text."""
    given = [row for row in rows if isinstance(row, Mapping)]
    images = any(row.get(name) is not None for row in given for name in ("image", "images"))
    return images and all(row.get("text") is None for row in given)


def check_images(rows: Sequence[VisionRow], workers: int = _THREADS, decode: bool = True) -> None:
    """Open every image, to its last pixel or its header alone, in `workers` threads.

    Raises RowErrors with every image that is missing, broken or too large.
    """
    images = [image for row in rows for image in row.images]
    with ThreadPoolExecutor(workers) as threads:
        problems = [found for found in threads.map(partial(_problem, decode=decode), images) if found]
    if problems:
        raise RowErrors(problems)


def _problem(image: ImageSource, decode: bool) -> DataError | None:
    try:
        _ = image.load() if decode else image.size
    except DataError as exc:
        return exc
    return None


def path_of(image: ImageSource) -> Path:
    """The file of an image. Raises DataError for one that was given as bytes or pixels."""
    if not isinstance(image.content, Path):
        raise DataError("this image is no file that a row could name", where=image.where, fix="Save it as one first")
    return image.content


class _Checker(RowChecker[VisionRow]):
    own = FIELDS

    def __init__(self, file: str | Path | None, root: Path | None, need_output: bool):
        super().__init__(file, need_output)
        self.root = root
        self.of_hub = file is not None and is_hub_id(file)

    def read(self, number: int, row: Mapping[str, Any]) -> VisionRow | None:
        row_id = self.id(number, row)
        given = self.images(number, row)
        images = given or ()
        lang, kind = (self.text(number, row, name, needed=False) for name in ("lang", "kind"))
        extra = {key: value for key, value in row.items() if key not in FIELDS}
        found = VisionRow(row_id, images, lang=lang, kind=kind, extra=extra, line=number)
        ways = [name for name in ("messages", "template") if row.get(name) is not None]
        if len(ways) != 1:
            self.no_way(number, row, ways)
        elif ways == ["messages"]:
            return self.conversation(number, row, found, None if given is None else len(given))
        else:
            return self.form(number, row, found)
        return None

    def conversation(self, number: int, row: Mapping[str, Any], found: VisionRow, images: int | None) -> VisionRow:
        self.unmeant(number, row, ("output", "accepted"), "messages")
        faults = RowFaults(self.file, number)
        messages = check_vision_messages(faults, row["messages"], images, answered=self.need_output)
        self.problems += faults.problems
        return replace(found, messages=tuple(messages), further=self.further(number, row))

    def form(self, number: int, row: Mapping[str, Any], found: VisionRow) -> VisionRow:
        self.unmeant(number, row, ("answers",), "a template")
        if len(found.images) > 1:
            self.fault(number, "images", f"a template is filled from one image, got {len(found.images)}")
        template = self.template(number, row)
        output = self.output(number, row, template)
        self.accepted(number, row.get("accepted"), template, output)
        return replace(found, template=template, output=output, accepted=row.get("accepted"))

    def unmeant(self, number: int, row: Mapping[str, Any], names: Sequence[str], beside: str) -> None:
        for name in names:
            if row.get(name) is not None:
                self.fault(number, name, f"stands beside {beside}, where it means nothing", fix="Leave it out")

    def no_way(self, number: int, row: Mapping[str, Any], ways: Sequence[str]) -> None:
        if ways:
            fix = "Leave one of them out, or make two rows"
            self.fault(number, "template", "stands beside messages; a row has one of them", fix=fix)
            return
        others = [key for key in row if key not in FIELDS]
        near = {name: found for name in ("messages", "template") if (found := nearest(name, others))}
        fixes = [f"Rename {found!r} to {name!r}" for name, found in near.items()]
        self.fault(number, "", "neither messages nor a template", fix=fixes[0] if fixes else None)

    # ---- images

    def images(self, number: int, row: Mapping[str, Any]) -> tuple[ImageSource, ...] | None:
        """The images of a row; None where they have a fault."""
        one, many = row.get("image"), row.get("images")
        if one is None and many is None:
            self.no_images(number, row)
            return None
        if one is not None and many is not None:
            self.fault(number, "image", "stands beside images; a row has one of them", fix="Leave one of them out")
            return None
        if many == [] and row.get("template") is None:
            return ()
        if one is not None:
            sources = [self.image(number, "image", one)]
        elif isinstance(many, list) and many:
            sources = [self.image(number, f"images[{at}]", value) for at, value in enumerate(many)]
        else:
            what = "the list is empty" if many == [] else f"expected a list of images, got {type(many).__name__}"
            self.fault(number, "images", what)
            return None
        return None if None in sources else tuple(source for source in sources if source)

    def no_images(self, number: int, row: Mapping[str, Any]) -> None:
        name = "image" if row.get("template") is not None else "images"
        if "text" in row or not nearest(name, [key for key in row if key not in FIELDS]):
            texts = "Texts alone are for the tasks extraction and chat"
            none = "images: [] says that a conversation has none"
            self.fault(number, name, f"no {name}", fix=texts if row.get("messages") is None else none)
        else:
            self.missing(number, row, name)

    def image(self, number: int, place: str, value: object) -> ImageSource | None:
        where = locate(self.file, number, place)
        held = value.get("bytes") if isinstance(value, Mapping) else None
        if isinstance(held, bytes):
            return ImageSource(held, where)
        given = value.get("path") if isinstance(value, Mapping) else value
        if isinstance(given, str) and given:
            path = self.path(number, place, given)
            return None if path is None else ImageSource(path, where)
        if isinstance(given, require("PIL.Image", extra="vision", why="reading images").Image):
            return ImageSource(given, where)
        got = "an empty text" if given == "" else type(value).__name__
        self.fault(number, place, f"expected the path of an image, got {got}")
        return None

    def path(self, number: int, place: str, given: str) -> Path | None:
        """Where an image lies, or None with a fault: rows of others name no files outside of the folder of images."""
        path = Path(given)
        if "://" in given or given.startswith("data:"):
            fix = "Save it as a file, and name that"
            self.fault(number, place, "is an address, and images are read from files", fix=fix)
        elif self.root is not None and (path.is_absolute() or Path(os.path.normpath(path)).parts[:1] == ("..",)):
            what = "is absolute" if path.is_absolute() else "leads elsewhere"
            fix = "Write the path as it is in that folder"
            self.fault(number, place, f"{what}, and images are looked for in {self.root}", fix=fix)
        elif self.root is not None:
            return self.root / path
        elif not self.of_hub:
            return path if self.file is None else Path(self.file).parent / path
        elif _in_cache(path):
            return path
        else:
            fix = "Give the folder that the images are in"
            self.fault(number, place, "names a file, and a Hub data set should bring its images", fix=fix)
        return None

    def further(self, number: int, row: Mapping[str, Any]) -> tuple[str, ...]:
        given = row.get("answers")
        if given is None:
            return ()
        if not isinstance(given, list):
            self.fault(number, "answers", f"expected a list of strings, got {type(given).__name__}")
            return ()
        texts = [
            self.text(number, {f"answers[{at}]": one}, f"answers[{at}]", needed=True) for at, one in enumerate(given)
        ]
        return tuple(text for text in texts if text)


def _in_cache(path: Path) -> bool:
    """Whether a file lies where data sets are downloaded to."""
    import datasets

    return path.is_absolute() and path.resolve().is_relative_to(Path(datasets.config.HF_CACHE_HOME).resolve())
