"""The lines of a file that grows: new bytes alone are read, and a file that was replaced is known as another."""

from __future__ import annotations

import json
import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

_HEAD = 512
"""Bytes by which a file is known again."""


class Line(NamedTuple):
    """A whole line of a file: its number, from 1, its place in bytes, and what it holds."""

    number: int
    offset: int
    content: bytes


class Tail:
    """The lines of a file that grows; what was read is not read again, unless the file was replaced or cut."""

    def __init__(self) -> None:
        self.file: tuple[Path, int] | None = None
        """Path and inode."""
        self.head = b""
        """How the file began, as a new file may get the inode of one that was removed."""
        self.offset = 0
        self.number = 0
        self.modified = 0.0

    def read(self, path: Path) -> tuple[bool, list[Line]]:
        """Whether this is another file than before, and the lines that are new; one without its end waits for it.

        Raises OSError where the file cannot be read.
        """
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            file = (path, status.st_ino)
            is_other = file != self.file or status.st_size < self.offset or stream.read(len(self.head)) != self.head
            if is_other:
                self.file, self.offset, self.number = file, 0, 0
                stream.seek(0)
                self.head = stream.read(_HEAD)
            self.modified = status.st_mtime
            stream.seek(self.offset)
            new = stream.read(status.st_size - self.offset)
        lines = []
        for content in new.split(b"\n")[:-1]:
            self.number += 1
            lines.append(Line(self.number, self.offset, content))
            self.offset += len(content) + 1
        return is_other, lines


class Objects:
    """The last objects of a JSON Lines file that grows and need not be there; what is damaged is left out."""

    def __init__(self, most: int):
        self.tail = Tail()
        self.found: deque[dict[str, Any]] = deque(maxlen=most)

    def read(self, path: Path) -> bool:
        """Take in what is new; whether anything was, or is gone."""
        try:
            is_other, lines = self.tail.read(path)
        except OSError:
            is_other, lines = self.tail.file is not None, []
            self.tail = Tail()
        if is_other:
            self.found.clear()
        for line in lines:
            with suppress(ValueError):
                self.found.append(parse_object(line.content))
        return is_other or bool(lines)


def parse_object(content: bytes) -> dict[str, Any]:
    """A line as JSON. Raises ValueError where it is none, or no object."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("a damaged line") from None
    if not isinstance(value, dict):
        raise ValueError("a damaged line, which is no object")
    return value
