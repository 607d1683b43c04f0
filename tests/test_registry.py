from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from smolkit.errors import MissingExtra, SmolkitError
from smolkit.registry import Registry, require


def test_an_entry_is_imported_when_it_is_loaded_and_not_before() -> None:
    sys.modules.pop("this", None)
    table = Registry("codec", {"json": "json:dumps", "zen": "this:s"})
    assert list(table) == ["json", "zen"]
    assert len(table) == 2
    assert table.load("json") is json.dumps
    assert "this" not in sys.modules


def test_an_unknown_entry_names_the_kind_and_the_nearest() -> None:
    table = Registry("export target", {"gguf": "a:b", "webgpu": "c:d"})
    with pytest.raises(SmolkitError) as caught:
        table.load("wegbpu")
    assert str(caught.value) == ("unknown export target 'wegbpu'. Did you mean 'webgpu'? Known: gguf, webgpu.")


def test_asking_whether_an_entry_is_there_is_no_error() -> None:
    table = Registry("export target", {"gguf": "a:b"})
    assert "gguf" in table
    assert "webgpu" not in table
    assert None not in table


def test_an_optional_library_that_is_there_is_returned() -> None:
    assert require("json", extra="dev", why="a test") is json


def test_an_absent_library_names_the_extra_that_brings_it() -> None:
    with pytest.raises(MissingExtra) as caught:
        require("no_such_library.part", extra="gguf", why="writing GGUF files")
    assert str(caught.value) == (
        "writing GGUF files needs no_such_library.part, which is not installed. Run: pip install 'smolkit[gguf]'."
    )


def test_a_library_that_is_broken_is_not_called_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_library.py").write_text("import a_dependency_that_is_gone\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_dependency_that_is_gone"):
        require("broken_library", extra="gguf", why="a test")
