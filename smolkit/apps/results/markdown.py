"""Results in Markdown: its tables, with the prose around them and the commands in it; and Markdown as safe HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from smolkit.apps.results.cells import Cell, parse_cell
from smolkit.apps.results.table import Result, Table, make_table
from smolkit.errors import DataError, SmolkitError, locate, printable

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


def as_code(text: str) -> str:
    """Any text as code of Markdown, in which nothing has a meaning."""
    text = " ".join(printable(text).split())
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if text else "(not named)"
