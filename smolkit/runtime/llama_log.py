"""Keeps llama.cpp from writing on stderr, and remembers what it complained about.

llama.cpp logs through one callback per process, loading and quantising included. `quiet` puts ours in its place, before
the first model is loaded; `take_errors` then says in llama.cpp's words why a call failed.
"""

from __future__ import annotations

import ctypes
from collections import deque
from functools import cache
from typing import Any

from smolkit.registry import require

_ERROR = 4  # GGML_LOG_LEVEL_ERROR
_errors: deque[str] = deque(maxlen=3)


@cache
def quiet() -> Any:
    """Silence llama.cpp for the rest of the process; calling it again does nothing.

    Returns the callback, which must live as long as llama.cpp may call it: the cache sees to that.
    """
    llama_cpp = require("llama_cpp", extra="gguf", why="running a GGUF file")
    callback = llama_cpp.llama_log_callback(_keep_errors)
    llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
    return callback


@cache
def quiet_mtmd() -> Any:
    """libmtmd's functions, silenced as llama.cpp's are: it has a callback of its own."""
    callback = quiet()
    mtmd = require("llama_cpp.mtmd_cpp", extra="gguf", why="reading images with a GGUF file")
    mtmd.mtmd_log_set(callback, ctypes.c_void_p(0))
    mtmd.mtmd_helper_log_set(callback, ctypes.c_void_p(0))
    return mtmd


def take_errors() -> str:
    """The latest errors that llama.cpp logged, in one line, and forget them; empty when there were none."""
    line = "; ".join(_errors)
    _errors.clear()
    return line


def _keep_errors(level: int, text: bytes, user_data: object) -> None:
    if level == _ERROR and (line := text.decode(errors="replace").strip()):
        _errors.append(line)
