"""Faults that the user can mend: one family, one line each, exit code 2.

A command catches `SmolkitError` and nothing else, so a bug keeps its traceback. Library code raises; only the
command line exits. Errors of other libraries become ours in the one place that calls them, with `from exc`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path


class SmolkitError(Exception):
    """What is wrong, where, the nearest valid name and what to do, in one line.

    `where` is a place as `locate` writes it; `given` with `known` yields the nearest name and the list of
    valid ones; `fix` says what to do, as a sentence.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        given: str | None = None,
        known: Iterable[str] = (),
        fix: str | None = None,
    ):
        parts = [_sentence(what)]
        names = sorted(known)
        if names:
            near = nearest(given or "", names)
            if near:
                parts.append(f"Did you mean {near!r}?")
            parts.append(f"Known: {', '.join(names)}.")
        if fix:
            parts.append(_sentence(fix))
        line = " ".join(" ".join(parts).split())
        self.where = where
        super().__init__(f"{where}: {line}" if where else line)


class RecipeError(SmolkitError):
    """A recipe that cannot be read, or whose fields do not hold together."""


class TemplateError(SmolkitError):
    """A template, or a JSON Schema to convert, that this toolkit cannot follow."""


class DataError(SmolkitError):
    """Rows or documents that cannot be read; see `RowErrors` for many at once."""


class ModelError(SmolkitError):
    """A model that cannot be found, read or trusted."""


class ManifestError(SmolkitError):
    """A directory that does not say what it is, or no longer is what it says."""


class RuntimeUnavailable(SmolkitError):
    """A runtime that cannot serve the request, such as one that does not read this model's format."""


class MissingExtra(SmolkitError):
    """An optional library that is not installed; the line says which extra brings it."""


class GateError(SmolkitError):
    """An export that lost its numbers. Nothing was left in the destination; exit code 3."""

    exit_code = 3


class ManyErrors(SmolkitError):
    """Every fault of one file or directory at once, a line each: nothing is dropped silently.

    `problems` holds the single errors in the order in which they were found.
    """

    def __init__(self, problems: Sequence[SmolkitError]):
        self.problems = list(problems)
        self.where = None
        Exception.__init__(self, "\n".join(str(problem) for problem in self.problems))


class RowErrors(ManyErrors, DataError):
    """Every bad row of a file."""


class RecipeErrors(ManyErrors, RecipeError):
    """Every bad field of a recipe."""


class ManifestErrors(ManyErrors, ManifestError):
    """Every file of a directory that is not what its manifest says."""


def locate(file: str | Path | None = None, row: int | None = None, field: str | None = None) -> str:
    """A place as `file:row:field`, leaving out what is not known. Rows count from 1."""
    return ":".join(str(part) for part in (file, row, field) if part is not None and part != "")


def printable(text: str) -> str:
    """A text that UTF-8 can hold: halves of surrogate pairs, as in file names of other encodings, become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _sentence(text: str) -> str:
    return text if text.endswith("?") else text.rstrip(".") + "."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The valid name most like `name`, or None where nothing is close."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None
