"""Finds recorded results and reads them: Markdown with tables, reports of `smolkit eval`, results of lm-eval.

A file that cannot be read is one problem and leaves the others as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from smolkit.apps.names import free_name
from smolkit.apps.results.lm_eval import RESULTS, is_lm_eval, read_lm_eval
from smolkit.apps.results.markdown import read_markdown
from smolkit.apps.results.reports import read_exports, read_report
from smolkit.apps.results.table import Result, Results
from smolkit.errors import DataError, ManyErrors, SmolkitError, printable

MAX_BYTES = 5_000_000
"""Of one file."""

REPORTS = ("report.json", "exports.json", RESULTS)
"""Searched for at any depth of a directory; Markdown lies directly in it."""


def read_results(paths: Sequence[Path]) -> Results:
    """Read files, and directories of them.

    A directory gives its Markdown (but README.md) and every `REPORTS` below it; Markdown beside a report of the same
    name says the same and is left out. Raises DataError for a path without results, and what is wrong with the files
    where not one of them can be read.
    """
    results: list[Result] = []
    problems: list[SmolkitError] = []
    taken: set[str] = set()
    for path in paths:
        for file, name, shown in _find(path):
            try:
                result, faults = read_file(file, name=free_name(name, taken), source=shown)
            except SmolkitError as exc:
                problems.append(exc)
                continue
            problems.extend(faults)
            if result.tables:
                taken.add(result.name)
                results.append(result)
            elif not faults:
                problems.append(DataError("no table in it", where=shown))
    if not results:
        if len(problems) > 1:
            raise ManyErrors(problems)
        raise problems[0] if problems else DataError("no results were named", fix="Give a directory with --results")
    return Results(tuple(results), tuple(problems))


def read_file(file: Path, *, name: str, source: str) -> tuple[Result, list[SmolkitError]]:
    """One file, and the tables of it that could not be read. Raises DataError where none of it can be."""
    text = _read_text(file, source)
    if file.suffix.lower() == ".md":
        return read_markdown(text, name=name, source=source)
    return read_json(text, name=name, source=source), []


def read_json(text: str, *, name: str, source: str) -> Result:
    """A report of `smolkit eval extraction`, or results of lm-eval. Raises DataError naming what is wrong in it."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as exc:
        place = f" (line {exc.lineno}, column {exc.colno})" if isinstance(exc, json.JSONDecodeError) else ""
        raise DataError(f"is not JSON, or was cut off{place}", where=source) from exc
    if isinstance(content, dict) and isinstance(content.get("sides"), list):
        return read_exports(content, name, source)
    if isinstance(content, dict) and isinstance(content.get("figures"), dict):
        return read_report(content, name, source)
    if isinstance(content, dict) and is_lm_eval(content):
        return read_lm_eval(content, name, source)
    fix = "smolkit eval extraction --out DIR writes one"
    raise DataError("is no report: it has neither figures nor sides nor results", where=source, fix=fix)


def _find(path: Path) -> Iterator[tuple[Path, str, str]]:
    """Each file with a name for it and the place to show, which is never more of the path than its last part."""
    if path.is_file():
        if path.suffix.lower() not in (".md", ".json"):
            raise DataError("results are Markdown (.md) or a report (.json)", where=str(path))
        yield path, path.parent.name if _is_named_by_folder(path) else path.stem, path.name
        return
    if not path.is_dir():
        raise DataError("no such file or directory", where=str(path))
    reports = sorted(file for name in REPORTS for file in path.rglob(name) if file.is_file())
    same = {file.with_suffix(".md") for file in reports}
    pages = [file for file in sorted(path.glob("*.md")) if file.name.lower() != "readme.md" and file not in same]
    if not pages and not reports:
        what = f"no results here: no Markdown and no {', '.join(REPORTS[:-1])} or {REPORTS[-1]}"
        raise DataError(what, where=str(path), fix="smolkit eval extraction --out DIR writes some")
    for file in [*pages, *reports]:
        inside = file.relative_to(path)
        name = inside.parent if _is_named_by_folder(file) else inside.with_suffix("")
        shown = path.resolve().name
        yield file, printable(name.as_posix() if name.parts else shown), printable(f"{shown}/{inside.as_posix()}")


def _is_named_by_folder(file: Path) -> bool:
    return file.name == "report.json" or file.match(RESULTS)


def _read_text(file: Path, source: str) -> str:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DataError(f"has more than {MAX_BYTES // 10**6} MB", where=source)
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise DataError(f"is not UTF-8: byte {exc.start:,}", where=source) from exc
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror}", where=source) from exc
