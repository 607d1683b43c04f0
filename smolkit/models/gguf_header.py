"""The header of a GGUF file and its list of tensors, in a fraction of a second: the weights are not read.

The gguf package's reader makes NumPy views of every string of the vocabulary, which takes seconds for each file. The
layout is that of the GGUF specification (ggml, docs/gguf.md), versions 2 and 3.
"""

from __future__ import annotations

import math
import mmap
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolkit.errors import ModelError

# The types of a value, by number, as struct knows them; 8 is a string and 9 a list.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _LIST = 8, 9
_MAX_DEPTH = 4


MMPROJ = "mmproj"
"""How the names of files begin that a model sees with."""


def is_mmproj(file: Path) -> bool:
    """Whether a GGUF file is, by its name, what a model sees with, and no model."""
    return file.name.lower().startswith(MMPROJ)


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file."""

    shape: tuple[int, ...]
    """The length of a row first, as ggml counts."""
    type: str
    """ggml's name of its type, such as Q4_K."""
    offset: int
    """Where it begins, in bytes from the start of the file."""
    size: int
    """In bytes."""


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF file says of its weights."""

    fields: dict[str, Any]
    """Numbers, texts and lists of them by key."""
    tensors: dict[str, Tensor]


def read_header(path: Path) -> GgufHeader:
    """Read the header of one file.

    Raises ModelError for what is no GGUF file, is cut short or has tensors of a type that the gguf package lacks, and
    OSError where the file cannot be read at all.
    """
    with path.open("rb") as stream:
        if not stream.seek(0, os.SEEK_END):
            raise ModelError("not a readable GGUF file (it is empty)", where=str(path))
        try:
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _Reader(content).header()
        except (ValueError, KeyError, OverflowError, struct.error) as exc:
            reason = exc.args[0] if type(exc) is ValueError else "cut short or damaged"
            raise ModelError(f"not a readable GGUF file ({reason})", where=str(path)) from exc


class _Reader:
    """A position in the bytes of a file, and what stands there."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content, self.at = content, 0
        if content[:4] != b"GGUF":
            raise ValueError("it does not begin with GGUF")
        self.at = 4
        version = self.scalar("I")
        if version not in (2, 3):
            raise ValueError(f"version {version}, and 2 and 3 are known")

    def header(self) -> GgufHeader:
        tensor_count, field_count = self.scalar("Q"), self.scalar("Q")
        fields: dict[str, Any] = {}
        for _ in range(field_count):
            key = self.text()
            if key in fields:
                raise ValueError(f"two values of {key}")
            fields[key] = self.value(self.scalar("I"))
        found = [self.tensor() for _ in range(tensor_count)]
        alignment = fields.get("general.alignment", 32)
        if type(alignment) is not int or alignment < 1:
            raise ValueError(f"general.alignment is {alignment!r}")
        start = -(-self.at // alignment) * alignment
        return GgufHeader(fields, dict(self.placed(found, start)))

    def scalar(self, kind: str) -> Any:
        (value,) = struct.unpack_from(f"<{kind}", self.content, self.at)
        self.at += struct.calcsize(f"<{kind}")
        return value

    def text(self) -> str:
        length = self.scalar("Q")
        part = self.content[self.at : self.at + length]
        if len(part) != length:
            raise struct.error
        self.at += length
        return part.decode("utf-8", errors="replace")

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind == _STRING:
            return self.text()
        if kind != _LIST:
            return self.scalar(_SCALARS[kind])
        if depth == _MAX_DEPTH:
            raise ValueError("lists within lists within lists")
        inner, length = self.scalar("I"), self.scalar("Q")
        if inner in _SCALARS:  # all at once
            values = f"<{length}{_SCALARS[inner]}"
            found = list(struct.unpack_from(values, self.content, self.at))
            self.at += struct.calcsize(values)
            return found
        return [self.value(inner, depth + 1) for _ in range(length)]

    def tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name, dimensions = self.text(), self.scalar("I")
        shape = tuple(self.scalar("Q") for _ in range(dimensions))
        return name, shape, self.scalar("I"), self.scalar("Q")

    def placed(self, found: list[tuple[str, tuple[int, ...], int, int]], start: int) -> list[tuple[str, Tensor]]:
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

        tensors = []
        for name, shape, number, offset in found:
            kind = GGMLQuantizationType(number)
            block, block_bytes = GGML_QUANT_SIZES[kind]
            size = math.prod(shape) // block * block_bytes
            if start + offset + size > len(self.content):
                raise ValueError(f"it ends before the end of {name}")
            tensors.append((name, Tensor(shape, kind.name, start + offset, size)))
        return tensors
