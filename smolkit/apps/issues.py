"""A filled template as an issue: its parts in their order, the Markdown that code hosts take, and the HTML of a page.

The fields that the standard schema names have a place of their own; any other field stands under its name. This module
knows no page: `apps/issue-generator/page/issue.js` is its twin in the browser.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from smolkit.apps.figures import counted
from smolkit.extraction.template import is_empty

Kind = Literal["title", "labels", "priority", "description", "text", "list", "steps", "json"]

MAX_NAMED = 12
"""Fields that `fields_line` names; the others are counted."""

_PLACES: dict[str, Kind] = {"title": "title", "priority": "priority", "description": "description"}
_SPACE = " \t\r\n"
_CODE_SPAN = re.compile(r"((?<!`)(`+)(?!`).+?(?<!`)\2(?!`))")


@dataclass(frozen=True)
class Part:
    """One field of an issue that holds something."""

    kind: Kind
    name: str
    value: Any
    """Text; a list of texts for labels, list and steps; any JSON value for json."""


def parts(issue: Mapping[str, Any]) -> list[Part]:
    """What there is to show, in the order of the fields."""
    return [_part(name, value) for name, value in issue.items() if not is_empty(value)]


def heading(name: str) -> str:
    """The name of a field as a heading: `affected_version` is "Affected version"."""
    words = re.sub(f"[_{_SPACE}-]+", " ", name).strip()
    return words[:1].upper() + words[1:]


def markdown(issue: Mapping[str, Any]) -> str:
    """The body of an issue as GitHub takes it; the title has a field of its own there. HTML in a value stays text."""
    found = parts(issue)
    facts = [f"**{heading(part.name)}:** {_fact(part)}" for part in found if part.kind in ("labels", "priority")]
    sections = [_section(part) for part in found if part.kind not in ("title", "labels", "priority")]
    return "\n\n".join([*([" · ".join(facts)] if facts else []), *sections])


def card(issue: Mapping[str, Any]) -> str:
    """An issue as HTML, in which every value is text whatever it holds."""
    found = parts(issue)
    if not found:
        return '<div class="issue empty">The issue will stand here.</div>'
    title = next((part.value for part in found if part.kind == "title"), "")
    head = f"<h2>{html.escape(title)}</h2>" if title else ""
    chips = "".join(_chips(part) for part in found)
    chips = f'<ul class="chips" aria-label="Labels and priority">{chips}</ul>' if chips else ""
    content = head + chips + "".join(_shown(part) for part in found)
    return f'<article class="issue" aria-label="Issue">{content}</article>'


def fields_line(paths: Sequence[str]) -> str:
    """What a schema asks for, in a line: how many fields, and which."""
    more = len(paths) - MAX_NAMED
    named = ", ".join(re.sub(r"(\[\])+$", "", path) for path in paths[:MAX_NAMED])
    return f"{counted(len(paths), 'field')}: {named}" + (f" and {more} more" if more > 0 else "")


def _part(name: str, value: Any) -> Part:
    if isinstance(value, Mapping):
        return Part("json", name, value)
    if not isinstance(value, list):
        return Part(_PLACES.get(name, "text"), name, _text(value))
    items = [item for item in value if not is_empty(item)]
    if any(isinstance(item, Mapping | list) for item in items):
        return Part("json", name, items)
    kind: Kind = "labels" if name == "labels" else "steps" if name == "steps" else "list"
    return Part(kind, name, [_text(item) for item in items])


def _text(value: Any) -> str:
    return value.strip(_SPACE) if isinstance(value, str) else json.dumps(value)


def _fact(part: Part) -> str:
    return ", ".join(map(_line, part.value)) if part.kind == "labels" else _line(part.value)


def _section(part: Part) -> str:
    if part.kind == "description":
        return _without_html(part.value)
    return f"### {_line(heading(part.name))}\n\n" + "\n".join(_lines(part))


def _lines(part: Part) -> Iterator[str]:
    if part.kind == "text":
        yield _without_html(part.value)
    elif part.kind == "json":
        text = _pretty(part.value)
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        yield f"{fence}json\n{text}\n{fence}"
    else:
        for number, item in enumerate(part.value, start=1):
            yield f"{f'{number}.' if part.kind == 'steps' else '-'} {_line(item)}"


def _line(text: str) -> str:
    return _without_html(re.sub(f"[{_SPACE}]+", " ", text))


def _without_html(text: str) -> str:
    """Text whose tags and entities Markdown shows as they are; code between backticks does so by itself."""
    pieces = _CODE_SPAN.split(text)  # text, span, its ticks, text, ...
    return "".join(piece if at % 3 == 1 else _escaped(piece) for at, piece in enumerate(pieces) if at % 3 != 2)


def _escaped(text: str) -> str:
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", re.sub(r"&(?=[#A-Za-z0-9])", "&amp;", text))


def _chips(part: Part) -> str:
    if part.kind == "labels":
        return "".join(f'<li data-label="{html.escape(one)}">{html.escape(one)}</li>' for one in part.value)
    if part.kind == "priority":
        value = html.escape(part.value)
        return f'<li class="priority" data-level="{value}">{html.escape(heading(part.name))}: {value}</li>'
    return ""


def _shown(part: Part) -> str:
    if part.kind in ("title", "labels", "priority"):
        return ""
    above = "" if part.kind == "description" else f"<h3>{html.escape(heading(part.name))}</h3>"
    return above + _value(part)


def _value(part: Part) -> str:
    if part.kind == "json":
        return f"<pre>{html.escape(_pretty(part.value))}</pre>"
    if part.kind in ("list", "steps"):
        tag = "ol" if part.kind == "steps" else "ul"
        return f"<{tag}>{''.join(f'<li>{html.escape(item)}</li>' for item in part.value)}</{tag}>"
    return f"<p>{html.escape(part.value)}</p>"


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
