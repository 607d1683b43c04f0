"""Reads recorded results: Markdown with tables, and the JSON that `smolkit eval extraction` writes.

What is read becomes tables whose cells keep their text and know the number in it. This module knows no page. A file
that cannot be read is one problem and leaves the others as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

from smolkit.errors import DataError, ManyErrors, SmolkitError, locate, printable

MAX_BYTES = 5_000_000
"""Of one file."""

REPORTS = ("report.json", "exports.json")
"""Searched for at any depth of a directory; Markdown lies directly in it."""

BEST = "best F1"
"""The name of the result that `with_best` derives."""


@dataclass(frozen=True)
class Cell:
    """One cell: what is shown, and what it sorts by.

    `value` is the one number that stands in it; a range or a list of numbers has none, and sorts by its first.
    """

    text: str
    order: float | None = None
    value: float | None = None
    interval: tuple[float, float] | None = None
    unit: str = ""


@dataclass(frozen=True)
class Column:
    """`unit` is set where every cell that is not blank carries the same one. Numbers sort as numbers."""

    name: str
    kind: Literal["number", "text"]
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under named columns, with the prose around them (Markdown) and the commands in it."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    prose: str = ""
    commands: tuple[str, ...] = ()

    def column(self, name: str) -> int:
        """The index of a column. Raises DataError naming the nearest one."""
        names = [column.name for column in self.columns]
        if name not in names:
            raise DataError(f"no column {_brief(name)}", given=str(name), known=names)
        return names.index(name)

    def measured(self) -> list[str]:
        """Columns that can be plotted: two cells or more with one number each."""
        return [
            column.name
            for index, column in enumerate(self.columns)
            if column.kind == "number" and sum(row[index].value is not None for row in self.rows) > 1
        ]

    def labels(self) -> list[int]:
        """The leading columns of text, which say what a row is."""
        first = next((i for i, column in enumerate(self.columns) if column.kind == "number"), len(self.columns))
        return list(range(first))

    def label(self, row: int) -> str:
        """What a row is, in words."""
        texts = [self.rows[row][index].text for index in self.labels()[:3]]
        return ", ".join(text for text in texts if text) or f"row {row + 1}"


@dataclass(frozen=True)
class Result:
    """One file that was read. `source` names it for people, relative to where it was found."""

    name: str
    title: str
    source: str
    tables: tuple[Table, ...]
    figures: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Of a report.json: its context and its figures; else nothing."""

    def table(self, number: int) -> Table:
        """A table by its number, from 1. Raises DataError."""
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= len(self.tables):
            raise DataError(
                f"{self.name} has no table {_brief(number)}", fix=f"They count from 1 to {len(self.tables)}"
            )
        return self.tables[number - 1]


@dataclass(frozen=True)
class Results:
    """What could be read, in order, and a line for each thing that could not."""

    results: tuple[Result, ...]
    problems: tuple[SmolkitError, ...] = ()

    def result(self, name: str) -> Result:
        """A result by its name. Raises DataError naming the nearest one."""
        found = next((result for result in self.results if result.name == name), None)
        if found is None:
            known = [result.name for result in self.results]
            raise DataError(f"no result named {_brief(name)}", given=str(name)[:80], known=known)
        return found


# ---- files


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
                result, faults = read_file(file, name=_unique(name, taken), source=shown)
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
    return read_report(text, name=name, source=source), []


def _find(path: Path) -> Iterator[tuple[Path, str, str]]:
    """Each file with a name for it and the place to show, which is never more of the path than its last part."""
    if path.is_file():
        if path.suffix.lower() not in (".md", ".json"):
            raise DataError("results are Markdown (.md) or a report (.json)", where=str(path))
        yield path, path.parent.name if path.name == "report.json" else path.stem, path.name
        return
    if not path.is_dir():
        raise DataError("no such file or directory", where=str(path))
    reports = sorted(file for name in REPORTS for file in path.rglob(name) if file.is_file())
    same = {file.with_suffix(".md") for file in reports}
    pages = [file for file in sorted(path.glob("*.md")) if file.name.lower() != "readme.md" and file not in same]
    if not pages and not reports:
        fix = "smolkit eval extraction --out DIR writes some"
        raise DataError("no results here: no Markdown and no report.json or exports.json", where=str(path), fix=fix)
    for file in [*pages, *reports]:
        inside = file.relative_to(path)
        name = inside.parent if file.name == "report.json" else inside.with_suffix("")
        shown = path.resolve().name
        yield file, printable(name.as_posix() if name.parts else shown), printable(f"{shown}/{inside.as_posix()}")


def _unique(name: str, taken: set[str]) -> str:
    names = (name, *(f"{name} ({count})" for count in range(2, len(taken) + 3)))
    return next(one for one in names if one not in taken)


def _read_text(file: Path, source: str) -> str:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DataError(f"has more than {MAX_BYTES // 10**6} MB", where=source)
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise DataError(f"is not UTF-8: byte {exc.start:,}", where=source) from exc
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror}", where=source) from exc


# ---- cells

_NUMBER = r"[+\-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+\-−]?\d+)?"
_SCALES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_AMOUNT = rf"({_NUMBER})([kKMBT]?)(?![\w.])(?:\s?(%|[^\W\d_][\w/²³-]{{0,15}}))?|({_NUMBER})(%|[^\W\d_][\w/²³-]{{0,15}})"
_QUANTITY = re.compile(_AMOUNT)
_INTERVAL = re.compile(
    rf"\s*[(\[]\s*(?:95\s?%\s*(?:interval|CI)?:?\s*)?({_NUMBER})\s?%?\s*(?:to|–|,|;)\s*({_NUMBER})\s?%?\s*[)\]]"
)
_MARGIN = re.compile(rf"\s*(?:±|\+/-)\s*({_NUMBER})\s?%?")
_RANGE = re.compile(r"\s*(?:to\b|–)\s*")
_DURATION = re.compile(r"(?:(\d+) h)?\s?(?:(\d+) min)?\s?(?:(\d+(?:\.\d+)?) s)?")
_BLANK = {"", "-", "–", "—", "n/a"}


def parse_cell(text: str) -> Cell:
    """What stands in a cell as text; one that is not a number through and through stays text.

    `12,345`, `98.3 %`, `1.5e-6`, `9.83M`, `1 min 30 s`, `0.913 (0.873 to 0.947)` and `0.9 ± 0.1` have a value;
    `0.769 to 0.809`, `6.65, 7.13` and `< 0.01` only sort by the first number in them.
    """
    text = " ".join(text.split())
    if text.casefold() in _BLANK:
        return Cell("")
    duration = _DURATION.fullmatch(text)
    if duration and sum(part is not None for part in duration.groups()) > 1:
        hours, minutes, seconds = (float(part or 0) for part in duration.groups())
        return _cell(text, hours * 3600 + minutes * 60 + seconds, unit="s")
    if text[0] in "<>≤≥~≈":
        inner = parse_cell(text[1:])
        return Cell(text, order=inner.value, unit=inner.unit)
    if (several := re.split(r"[,;]\s", text)) and len(several) > 1 and "(" not in text and "[" not in text:
        cells = [parse_cell(part) for part in several]
        alike = all(cell.value is not None and cell.unit == cells[0].unit for cell in cells)
        return Cell(text, order=cells[0].value, unit=cells[0].unit) if alike else Cell(text)
    return _quantity(text)


def _quantity(text: str) -> Cell:
    match = _QUANTITY.match(text)
    if match is None:
        return Cell(text)
    value, unit = _value(match)
    rest = text[match.end() :]
    if not rest:
        return _cell(text, value, unit=unit)
    if interval := _INTERVAL.fullmatch(rest):
        return _cell(text, value, unit=unit, interval=(_float(interval[1]), _float(interval[2])))
    if margin := _MARGIN.fullmatch(rest):
        return _cell(text, value, unit=unit, interval=(value - _float(margin[1]), value + _float(margin[1])))
    # "0.7 to 0.8" parses its first number with the unit "to".
    if between := _RANGE.match(rest) or (unit == "to" and re.match(r"\s*", rest)):
        second = _QUANTITY.fullmatch(rest[between.end() :])
        if second:
            high, unit = _value(second)
            return Cell(text, order=value, unit=unit, interval=(value, high)) if _usable(value, high) else Cell(text)
    return Cell(text)


def _value(match: re.Match[str]) -> tuple[float, str]:
    plain, scale, unit, tight, tight_unit = match.groups()
    if plain is not None:
        return _float(plain) * _SCALES[scale], unit or ""
    return _float(tight), tight_unit


def _float(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def _usable(*numbers: float) -> bool:
    """Finite, and neither so large nor so small that their differences and ratios are not."""
    return all(number == 0 or 1e-100 < abs(number) < 1e100 for number in numbers)


def _cell(text: str, value: float, *, unit: str = "", interval: tuple[float, float] | None = None) -> Cell:
    if not _usable(value, *(interval or ())):
        return Cell(text)
    return Cell(text, order=value, value=value, interval=interval, unit=unit)


def make_table(
    title: str,
    names: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    prose: str = "",
    commands: Sequence[str] = (),
) -> Table:
    """A table whose columns have names of their own, and are numbers where every cell that is not blank is one."""
    columns = []
    taken: set[str] = set()
    for index, name in enumerate(names):
        unique = _unique(name or f"column {index + 1}", taken)
        taken.add(unique)
        columns.append(_column(unique, [row[index] for row in rows]))
    return Table(title, tuple(columns), tuple(tuple(row) for row in rows), prose, tuple(commands))


def _column(name: str, cells: Sequence[Cell]) -> Column:
    filled = [cell for cell in cells if cell.text]
    units = {cell.unit for cell in filled}
    if filled and len(units) == 1 and all(cell.order is not None for cell in filled):
        return Column(name, "number", units.pop())
    return Column(name, "text")


# ---- Markdown

_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")


def to_html(markdown: str) -> str:
    """Markdown as HTML, in which HTML is text, an image is its description, and links lead to the web alone."""
    tokens = _PARSER.parse(markdown)
    for token in tokens:
        token.children = list(_shown_inline(token.children or [])) if token.children is not None else None
    html: str = _PARSER.renderer.render(tokens, _PARSER.options, {})
    return html


def _shown_inline(tokens: Iterable[Token]) -> Iterator[Token]:
    """Without images, and without links to files beside the result, which a page does not have."""
    open_links: list[bool] = []
    for token in tokens:
        if token.type == "image":
            token = Token("text", "", 0, content=token.content)
        if token.type == "link_open":
            open_links.append(bool(re.match(r"https?://", str(token.attrs.get("href", "")))))
            token.attrs |= {"rel": "noopener noreferrer", "target": "_blank"}
        keep = open_links[-1] if token.type.startswith("link_") else True
        if token.type == "link_close":
            open_links.pop()
        if keep:
            yield token


@dataclass
class _Section:
    """What stands under one heading, in order: source text, or the index of a table."""

    heading: str
    blocks: list[str | int] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


@dataclass
class _Draft:
    """A table before its title and prose are known."""

    section: _Section
    names: list[str]
    rows: list[list[Cell]]


def read_markdown(text: str, *, name: str, source: str) -> tuple[Result, list[SmolkitError]]:
    """The tables of a Markdown text, and the ones that are damaged, a line each."""
    lines = re.split(r"\r\n|\r|\n", text)  # as the parser counts them
    try:
        blocks = list(_blocks(_PARSER.parse(text)))
    except RecursionError as exc:
        raise DataError("is nested too deeply", where=source) from exc
    sections = [_Section("")]
    drafts: list[_Draft] = []
    problems: list[SmolkitError] = []
    for block in blocks:
        first, last = block[0].map or (0, 0)
        if block[0].type == "heading_open":
            sections.append(_Section(_plain(block[1])))
            continue
        try:
            if block[0].type == "table_open":
                drafts.append(_Draft(sections[-1], *_grid(block, lines, source)))
                sections[-1].blocks.append(len(drafts))
                continue
            _check_no_table(block, lines, source)
        except SmolkitError as exc:
            problems.append(exc)
            continue
        sections[-1].blocks.append("\n".join(lines[first:last]).strip("\n"))
        sections[-1].commands.extend(_commands(block))
    intro = next((section for section in sections if section.heading), sections[0])
    tables = [_finish(number, draft, intro, drafts) for number, draft in enumerate(drafts, 1)]
    return Result(name, intro.heading or name, source, tuple(tables)), problems


def _blocks(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """The tokens of each block of the outermost level."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


def _plain(token: Token) -> str:
    """An inline token as text: code, links and emphasis become their words."""
    parts = (" " if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or [])
    return " ".join("".join(parts).split())


def _grid(block: Sequence[Token], lines: Sequence[str], source: str) -> tuple[list[str], list[list[Cell]]]:
    """Names and rows. Raises DataError for a row that has not as many cells as there are columns."""
    rows: list[list[str]] = []
    for token in block:
        if token.type == "tr_open":
            rows.append([])
            line = token.map[0] if token.map else 0
        elif token.type == "inline":
            rows[-1].append(_plain(token))
        elif token.type == "tr_close" and (written := _count_cells(lines[line])) != len(rows[0]):
            count = f"{written} cell{'s' if written != 1 else ''} under {len(rows[0])} columns"
            raise DataError(f"a table row of {count}", where=locate(source, line + 1))
    if not rows[1:]:
        raise DataError("a table without rows", where=locate(source, (block[0].map or [0])[0] + 1))
    return rows[0], [[parse_cell(text) for text in row] for row in rows[1:]]


def _count_cells(line: str) -> int:
    line = line.strip().removeprefix("|")
    return len(re.findall(r"(?<!\\)\|", re.sub(r"(?<!\\)\|$", "", line))) + 1


def _check_no_table(block: Sequence[Token], lines: Sequence[str], source: str) -> None:
    """Raises DataError for a paragraph that was meant to be a table: the parser takes a damaged one as prose."""
    if block[0].type != "paragraph_open" or block[0].map is None:
        return
    first, last = block[0].map
    for number in range(first, last):
        if re.fullmatch(r"\|.*\|", lines[number].strip()):
            what = "looks like a table, but the line under its header does not have a --- for each column"
            raise DataError(what, where=locate(source, number + 1))


def _commands(block: Sequence[Token]) -> Iterator[str]:
    """Code blocks, and code in a sentence that starts as a command does."""
    for token in block:
        if token.type in ("code_block", "fence"):
            yield token.content.strip("\n")
        for child in token.children or []:
            if child.type == "code_inline" and re.match(r"(smolkit|python3?|make) \S", child.content):
                yield child.content


def _finish(number: int, draft: _Draft, intro: _Section, drafts: Sequence[_Draft]) -> Table:
    title = draft.section.heading or intro.heading or "Table"
    first = draft.names[0] or "the first column"
    if sum(other.section is draft.section for other in drafts) > 1:
        title = f"{title}, by {first}"
    sections = [draft.section] if draft.section is intro else [intro, draft.section]
    blocks = [block for section in sections for block in section.blocks]
    places = ("*(this table)*" if block == number else f"*(table {block})*" for block in blocks)
    prose = "\n\n".join(block if isinstance(block, str) else place for block, place in zip(blocks, places, strict=True))
    commands = draft.section.commands or intro.commands
    return make_table(title, draft.names, draft.rows, prose=prose, commands=list(dict.fromkeys(commands)))


# ---- reports


def read_report(text: str, *, name: str, source: str) -> Result:
    """A report.json or exports.json of `smolkit eval extraction`. Raises DataError naming what is wrong in it."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as exc:
        place = f" (line {exc.lineno}, column {exc.colno})" if isinstance(exc, json.JSONDecodeError) else ""
        raise DataError(f"is not JSON, or was cut off{place}", where=source) from exc
    if isinstance(content, dict) and isinstance(content.get("sides"), list):
        return _exports(content, name, source)
    if isinstance(content, dict) and isinstance(content.get("figures"), dict):
        return _report(content, name, source)
    fix = "smolkit eval extraction --out DIR writes one"
    raise DataError("is no report: it has neither figures nor sides", where=source, fix=fix)


_Read = Callable[[Mapping[str, Any]], Cell]


def _share(key: str, ci95: str | None = None, *, where: str, optional: bool = True) -> _Read:
    """Reads a share of 1, with its interval where there is one."""

    def read(figures: Mapping[str, Any]) -> Cell:
        value = _number(figures, key, where, optional)
        if value is None:
            return Cell("")
        bounds = figures.get(ci95) if ci95 else None
        if bounds is None:
            return _cell(f"{value:.3f}", value)
        if not (isinstance(bounds, list) and len(bounds) == 2):
            raise DataError(f"{ci95}: expected two numbers, got {_brief(bounds)}", where=where)
        low, high = (_number({str(ci95): bound}, str(ci95), where, optional=False) or 0.0 for bound in bounds)
        return _cell(f"{value:.3f} ({low:.3f} to {high:.3f})", value, interval=(low, high))

    return read


def _amount(key: str, pattern: str = ",.0f", scale: float = 1.0, *, where: str, optional: bool = True) -> _Read:
    """Reads a count or an amount, of which `scale` make one of the unit in the header."""

    def read(figures: Mapping[str, Any]) -> Cell:
        value = _number(figures, key, where, optional)
        return Cell("") if value is None else _cell(f"{value / scale:{pattern}}", value / scale)

    return read


def _text(key: str, *, where: str) -> _Read:
    def read(figures: Mapping[str, Any]) -> Cell:
        value = figures.get(key)
        if not isinstance(value, str):
            raise DataError(f"{key}: expected text, got {_brief(value)}", where=where)
        return Cell(" ".join(printable(value).split()))

    return read


def _number(figures: Mapping[str, Any], key: str, where: str, optional: bool) -> float | None:
    value = figures.get(key)
    if value is None and optional:
        return None
    # JSON of Python may hold NaN, and whole numbers that are no float.
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e100 and _usable(value):
        return float(value)
    raise DataError(f"{key}: expected a number, got {_brief(value)}", where=where)


def _exports(content: Mapping[str, Any], name: str, source: str) -> Result:
    rows = []
    for index, side in enumerate(content["sides"]):
        where = f"{source}:sides[{index}]"
        if not isinstance(side, dict):
            raise DataError(f"expected an object, got {_brief(side)}", where=where)
        readers = {
            "runtime": _text("runtime", where=where),
            "precision": _text("precision", where=where),
            "F1": _share("micro_f1", where=where, optional=False),
            "size in MB": _amount("size", scale=1e6, where=where, optional=False),
            "documents/s": _amount("documents_per_second", ".2f", where=where),
            "new tokens/s": _amount("tokens_per_second", where=where),
            "memory in MB": _amount("memory", scale=1e6, where=where),
        }
        rows.append([read(side) for read in readers.values()])
    if not rows:
        raise DataError("no side was measured", where=source)
    data = printable(str(content.get("data", "")))
    prose = f"`smolkit eval extraction --all-exports` on {_code(data)}: every exported file, one after the other."
    title = f"Exports on {data}" if data else "Exports"
    return Result(name, title, source, (make_table(title, list(readers), rows, prose=prose),))


def _report(content: Mapping[str, Any], name: str, source: str) -> Result:
    figures, context = content["figures"], content.get("context", {})
    if not isinstance(context, dict):
        raise DataError(f"context: expected an object, got {_brief(context)}", where=source)
    title = " ".join(printable(str(content.get("title", name))).split())
    prose = "\n".join(f"- {_code(str(key))}: {_code(str(value))}" for key, value in context.items())
    where = f"{source}:figures"
    _number(figures, "micro_f1", where, optional=False)
    overall = [
        ("micro F1", _share("micro_f1", "micro_f1_ci95", where=where)),
        ("precision", _share("micro_precision", where=where)),
        ("recall", _share("micro_recall", where=where)),
        ("mean F1", _share("macro_f1", where=where)),
        ("exact F1", _share("exact_f1", where=where)),
        ("indel F1", _share("indel_f1", where=where)),
        ("thresholded F1", _share("thresholded_f1", where=where)),
        ("repaired F1", _share("repaired_micro_f1", where=where)),
        ("invalid JSON", _share("invalid_json_rate", where=where)),
        ("empty accuracy", _share("empty_accuracy", where=where)),
        ("verbatim rate", _share("verbatim_rate", where=where)),
        ("documents", _amount("documents", where=where)),
    ]
    rows = [[Cell(figure), read(figures)] for figure, read in overall]
    tables = [make_table("All documents", ["figure", "value"], rows, prose=prose)]
    for heading, key, first, readers in (
        ("By kind", "by_kind", "kind", _group_readers),
        ("By language", "by_lang", "language", _group_readers),
        ("By field", "by_field", "field", _field_readers),
    ):
        if groups := _group(figures, key, where):
            place = f"{where}.{key}"
            body = [
                [
                    Cell(printable(group) or "(root)"),
                    *(read(own) for read in readers(f"{place}[{_brief(group)}]").values()),
                ]
                for group, own in groups.items()
            ]
            tables.append(make_table(heading, [first, *readers(place)], body, prose=prose))
    return Result(name, title, source, tuple(tables), {"context": context, "figures": figures})


def _group(figures: Mapping[str, Any], key: str, where: str) -> dict[str, dict[str, Any]]:
    groups = figures.get(key, {})
    if not isinstance(groups, dict) or not all(isinstance(own, dict) for own in groups.values()):
        raise DataError(f"{key}: expected an object of objects, got {_brief(groups)}", where=where)
    return groups


def _group_readers(where: str) -> dict[str, _Read]:
    return {
        "documents": _amount("documents", where=where),
        "F1": _share("micro_f1", "micro_f1_ci95", where=where),
        "precision": _share("micro_precision", where=where),
        "recall": _share("micro_recall", where=where),
        "exact F1": _share("exact_f1", where=where),
        "mean F1": _share("macro_f1", where=where),
        "not JSON": _share("invalid_json_rate", where=where),
    }


def _field_readers(where: str) -> dict[str, _Read]:
    return {
        "F1": _share("f1", "f1_ci95", where=where),
        "precision": _share("precision", where=where),
        "recall": _share("recall", where=where),
        "exact F1": _share("exact_f1", where=where),
        "in reference": _amount("n_ref", where=where),
        "predicted": _amount("n_pred", where=where),
        "empty accuracy": _share("empty_accuracy", where=where),
    }


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _code(text: str) -> str:
    """Any text as code of Markdown, in which nothing has a meaning."""
    text = " ".join(printable(text).split())
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if text else "(not named)"


# ---- extraction F1

_F1 = ("f1", "micro f1", "f1 levenshtein", "micro f1 levenshtein")
_SIZE = ("mb", "size in mb", "size (mb)", "size, mb")
_WAYS = ("side", "file", "runtime", "runtime and weights", "model", "precision")


def f1_against_size(table: Table) -> tuple[str, str] | None:
    """The columns of size and of extraction F1, where a table has both."""
    size, f1 = _named(table, _SIZE), _named(table, _F1)
    return (size, f1) if size and f1 else None


def _named(table: Table, names: Sequence[str]) -> str | None:
    return next((name for name in table.measured() if name.casefold() in names), None)


def with_best(results: Results) -> Results:
    """The results, and first the best extraction F1 of each table in which ways to run a model stand side by side.

    Tables by field or by data set have no best row, and different tables were measured on different documents, so
    each has a row of its own. Reports of the same data count as one table.
    """
    rows = [*_best_of_tables(results.results), *_best_of_reports(results.results)]
    if not rows:
        return results
    prose = (
        "The row with the highest extraction F1 of every table that compares ways to run a model, and the highest "
        "report of each data set. Different tables were measured on different documents: their rows do not rank "
        "against each other."
    )
    table = make_table("Best F1 of each table", ["measured in", "best", "F1", "of"], rows, prose=prose)
    best = Result(_unique(BEST, {result.name for result in results.results}), "Best F1 so far", "derived", (table,))
    return Results((best, *results.results), results.problems)


def _best_of_tables(results: Iterable[Result]) -> Iterator[list[Cell]]:
    for result in results:
        for number, table in enumerate(result.tables, 1):
            name = _named(table, _F1)
            if name is None or table.columns[0].name.casefold() not in _WAYS:
                continue
            index = table.column(name)
            scored = [(row[index], table.label(at)) for at, row in enumerate(table.rows)]
            scored = [(cell, label) for cell, label in scored if cell.value is not None]
            yield _best_row(f"{result.name}, table {number}: {table.title}", scored)


def _best_of_reports(results: Iterable[Result]) -> Iterator[list[Cell]]:
    groups: dict[str, list[tuple[Cell, str]]] = {}
    for result in results:
        if not result.figures:
            continue
        context, figures = result.figures["context"], result.figures["figures"]
        documents = str(figures.get("documents", ""))
        # A report that does not name its data is compared with nothing.
        named = isinstance(context.get("data"), str)
        key = f"{printable(context['data'])}, {documents} documents" if named else f"report {result.name}"
        cell = next(row[1] for row in result.tables[0].rows if row[0].text == "micro F1")
        groups.setdefault(key, []).append((cell, result.title))
    for key, scored in groups.items():
        yield _best_row(key, scored)


def _best_row(where: str, scored: Sequence[tuple[Cell, str]]) -> list[Cell]:
    best = max(cell.value for cell, _ in scored if cell.value is not None)
    first, *others = [(cell, label) for cell, label in scored if cell.value == best]
    label = first[1] + (f", and {len(others)} more" if others else "")
    return [Cell(where), Cell(label), first[0], parse_cell(str(len(scored)))]
