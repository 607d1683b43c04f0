"""Tables of names to `module:attribute`, loaded on use, so that a listing imports nothing heavy.

A new optimizer, target, runtime, prompt format or task is one file and one line in such a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from smolkit.errors import MissingExtra, SmolkitError


class Registry(Mapping[str, str]):
    """What one kind of thing is called, and where each of them lives."""

    def __init__(self, kind: str, entries: Mapping[str, str]):
        self.kind = kind
        self.entries = dict(entries)

    def __getitem__(self, name: str) -> str:
        try:
            return self.entries[name]
        except KeyError:
            raise SmolkitError(f"unknown {self.kind} {name!r}", given=name, known=self.entries) from None

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def load(self, name: str) -> Any:
        """The object itself; its module is imported now. Raises SmolkitError naming the nearest entry."""
        module, _, attribute = self[name].partition(":")
        return getattr(import_module(module), attribute)


def require(module: str, *, extra: str, why: str) -> Any:
    """Import an optional library, or say which extra brings it.

    A library that is there but fails to import keeps its own error: a broken install is not an absent one.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingExtra(
            f"{why} needs {module}, which is not installed", fix=f"Run: pip install 'smolkit[{extra}]'"
        ) from exc
