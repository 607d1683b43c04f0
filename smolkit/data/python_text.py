"""Text that ships with Python itself: real text on every machine, for runs that have no other."""

from __future__ import annotations

import ast
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path


def python_texts(part: str) -> Iterator[tuple[str, str]]:
    """(name, text) of one of `smolkit.data.text.PYTHON_PARTS`, by name.

    Files that are no UTF-8 are there to test Python, not to be read.
    """
    if part == "topics":
        from pydoc_data.topics import topics  # the help texts of `help()`

        yield from sorted(topics.items())
        return
    home = Path(sysconfig.get_path("stdlib"))
    for file in sorted(home.rglob("*.py")):
        place = file.relative_to(home)
        if {"site-packages", "dist-packages"} & set(place.parts) or place.parts[0] == "pydoc_data":
            continue
        is_test = any(name in ("test", "tests", "idle_test") for name in place.parts[:-1])
        if is_test != (part == "tests"):
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        if part == "docstrings":
            text = _docstrings(text)
        if text.strip():
            yield place.as_posix(), text


def _docstrings(source: str) -> str:
    """What a module says of itself and of its parts, in order, without the code."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about escapes in old modules
            tree = ast.parse(source)
    except SyntaxError:  # there are such modules, as templates
        return ""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, documented)]
    nodes.sort(key=lambda node: getattr(node, "lineno", 0))
    return "\n\n".join(doc for node in nodes if (doc := ast.get_docstring(node)))
