"""llama.cpp writes nothing on stderr, and its complaints can be asked for."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from smolkit.models import bundled_gguf
from smolkit.runtime.llama_log import quiet, take_errors

llama_cpp = pytest.importorskip("llama_cpp", reason="pip install 'smolkit[gguf]'")


def test_loading_a_model_writes_nothing(bundled: Path) -> None:
    script = textwrap.dedent("""
        import sys
        import llama_cpp
        from smolkit.runtime.llama_log import quiet
        if sys.argv[2] == "quiet":
            quiet()
        else:
            llama_cpp.llama_log_set(llama_cpp.llama_log_callback(), None)  # what llama.cpp does by itself
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        assert llama_cpp.llama_model_load_from_file(sys.argv[1].encode(), params)
    """)
    errors = {
        mode: subprocess.run(
            [sys.executable, "-c", script, str(bundled_gguf()), mode], capture_output=True, text=True, check=True
        ).stderr
        for mode in ("quiet", "loud")
    }
    assert errors["quiet"] == ""
    assert "llama_model_loader" in errors["loud"]  # or this test would see nothing at all


def test_the_errors_of_a_failed_load_are_kept_until_taken(tmp_path: Path) -> None:
    quiet()
    take_errors()
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(20))
    assert not llama_cpp.llama_model_load_from_file(str(broken).encode(), llama_cpp.llama_model_default_params())
    line = take_errors()
    assert "error loading model" in line
    assert "\n" not in line
    assert take_errors() == ""


def test_silence_is_set_once() -> None:
    assert quiet() is quiet()
