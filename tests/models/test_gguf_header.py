"""The reader of GGUF headers beside the gguf package's, and what it says of damaged files."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smolkit.errors import ModelError
from smolkit.models import bundled_gguf
from smolkit.models.gguf_header import read_header

gguf = pytest.importorskip("gguf", reason="pip install 'smolkit[gguf]'")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A value of every kind, and two tensors."""
    path = tmp_path_factory.mktemp("gguf") / "kinds.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    for kind in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"):
        getattr(writer, f"add_{kind}")(f"a.{kind}", 7)
    writer.add_float32("a.float32", 0.5)
    writer.add_float64("a.float64", 0.1)
    writer.add_bool("a.bool", True)
    writer.add_string("a.text", "naïve 漢字")
    writer.add_array("a.texts", ["b", "", "ç"])
    writer.add_array("a.numbers", [1, -2, 3])
    writer.add_array("a.lists", [[1, 2], [3]])
    writer.add_custom_alignment(32)
    writer.add_tensor("matrix", np.arange(64, dtype=np.float16).reshape(2, 32))
    writer.add_tensor("codes", gguf.quantize(np.ones((2, 64), np.float32), gguf.GGMLQuantizationType.Q8_0),
                      raw_dtype=gguf.GGMLQuantizationType.Q8_0)  # fmt: skip
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_every_kind_of_value_comes_back(file: Path) -> None:
    fields = read_header(file).fields
    assert {key.removeprefix("a."): value for key, value in fields.items() if key.startswith("a.")} == {
        **dict.fromkeys(("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"), 7),
        "float32": 0.5,
        "float64": 0.1,
        "bool": True,
        "text": "naïve 漢字",
        "texts": ["b", "", "ç"],
        "numbers": [1, -2, 3],
        "lists": [[1, 2], [3]],
    }


def test_tensors_lie_where_it_says(file: Path) -> None:
    tensors = read_header(file).tensors
    assert [(name, tensor.shape, tensor.type, tensor.size) for name, tensor in tensors.items()] == [
        ("matrix", (32, 2), "F16", 128),
        ("codes", (64, 2), "Q8_0", 136),
    ]
    found = np.fromfile(file, np.float16, 64, offset=tensors["matrix"].offset)
    assert np.array_equal(found, np.arange(64))


def test_the_bundled_file_reads_as_the_gguf_package_reads_it() -> None:
    header, reader = read_header(bundled_gguf()), gguf.GGUFReader(bundled_gguf())
    theirs = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    assert header.fields == theirs
    assert {
        name: (tensor.shape, tensor.type, tensor.offset, tensor.size) for name, tensor in header.tensors.items()
    } == {
        tensor.name: (tuple(map(int, tensor.shape)), tensor.tensor_type.name, tensor.data_offset, tensor.n_bytes)
        for tensor in reader.tensors
    }


def _with_alignment(content: bytes, kind: int, value: int) -> bytes:
    key = b"general.alignment"
    at = content.index(key) + len(key)
    return content[:at] + struct.pack("<II", kind, value) + content[at + 8 :]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda content: b"", "it is empty"),
        (lambda content: b"PK\x03\x04" + content, "it does not begin with GGUF"),
        (lambda content: content[:4] + struct.pack("<I", 9) + content[8:], "version 9, and 2 and 3 are known"),
        (lambda content: content[:200], "cut short or damaged"),
        (lambda content: content[:-40], "it ends before the end of codes"),
        (lambda content: content[:16] + struct.pack("<Q", 1 << 60) + content[24:], "cut short or damaged"),
        (lambda content: content.replace(b"a.int8", b"a.bool"), "two values of a.bool"),
        (lambda content: _with_alignment(content, 4, 0), "general.alignment is 0"),
        (lambda content: _with_alignment(content, 6, 0), r"general.alignment is 0\.0"),
    ],
)
def test_a_damaged_file_is_one_line(file: Path, tmp_path: Path, change: Callable[[bytes], bytes], line: str) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(change(file.read_bytes()))
    with pytest.raises(ModelError, match=rf"{damaged}: not a readable GGUF file \(.*{line}"):
        read_header(damaged)


def test_every_file_cut_short_is_refused(file: Path, tmp_path: Path) -> None:
    content, damaged = file.read_bytes(), tmp_path / "damaged.gguf"
    last = max(tensor.offset + tensor.size for tensor in read_header(file).tensors.values())
    for length in range(0, last, 7):
        damaged.write_bytes(content[:length])
        with pytest.raises(ModelError, match="not a readable GGUF file"):
            read_header(damaged)
