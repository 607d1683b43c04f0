"""Long documents: cut into overlapping windows, answers merged by rule, every value found again in the source.

Windows are read independently and merged in their order, so the same windows give the same result. This module
counts in the tokens of whoever calls it and in characters of the document; it runs no model.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from smolkit.errors import SmolkitError
from smolkit.extraction.answer import scalars
from smolkit.extraction.spans import Collapsed, Span, collapse, find_span, find_spans
from smolkit.extraction.template import Enum, ListOf, Node, Object, Template, field_path, is_empty, node_problems


class Window(NamedTuple):
    """One piece of a document: its text, and where that starts in the document (in characters)."""

    text: str
    start: int


class Merged(NamedTuple):
    """One output for the document, and for each filled leaf (path with indices) the window that it came from."""

    output: dict[str, Any]
    origins: dict[str, int]


# ---- cutting


def split_windows(text: str, offsets: Sequence[tuple[int, int]], size: int, overlap: int = 128) -> list[Window]:
    """Windows of at most `size` tokens, each starting at least `overlap` tokens before the last one's end.

    `offsets` are the (start, end) characters of the text's tokens. Cuts fall on white space where there is some in
    the last quarter of a window, else between any two characters. Together the windows hold the whole text.
    Raises SmolkitError where windows of this size would not advance.
    """
    if size < 2 * overlap or size < 1 or overlap < 0:
        raise SmolkitError(
            f"windows of {size} tokens cannot overlap by {overlap}", fix="Take a size of at least twice the overlap"
        )
    count, slack = len(offsets), size // 4
    windows: list[Window] = []
    first, start = 0, 0
    while count - first > size:
        last = _cut(text, offsets, first + size, lowest=first + size - slack)
        windows.append(Window(text[start : offsets[last][0]], start))
        # Back by the overlap and on to white space, but never to where this window began: it would be read for ever.
        first = _cut(text, offsets, max(last - overlap, first + 1), lowest=max(last - overlap - slack, first + 1))
        start = offsets[first][0]
    return [*windows, Window(text[start:], start)]


def _cut(text: str, offsets: Sequence[tuple[int, int]], at: int, lowest: int) -> int:
    """The last token from `at` down to `lowest` that begins a word; else the last that begins a character."""
    for token in range(at, lowest - 1, -1):
        start = offsets[token][0]
        if text[start : start + 1].isspace() or text[start - 1 : start].isspace():
            return token
    # Tokens of one character share its offsets; a window that began with the second would repeat the character.
    return next((token for token in range(at, lowest - 1, -1) if offsets[token][0] != offsets[token - 1][0]), at)


# ---- merging


def fitting(template: Template, output: object) -> dict[str, Any]:
    """`output` without the values that do not fit the template, such as an IBAN whose check digits are wrong."""
    return template.conform(_fitting(template.root, output))


def _fitting(node: Node, value: Any) -> Any:
    if isinstance(node, Object):
        fields = value if isinstance(value, Mapping) else {}
        return {key: _fitting(child, fields.get(key)) for key, child in node.fields.items()}
    if isinstance(node, ListOf):
        return [_fitting(node.item, item) for item in value] if isinstance(value, list) else []
    if isinstance(node, Enum) and node.many:
        items = [item for item in value if item in node.choices] if isinstance(value, list) else []
        return list(dict.fromkeys(items))  # each once, in the order given
    return None if any(node_problems(node, value, "")) else value


def merge(template: Template, outputs: Sequence[object]) -> Merged:
    """The outputs of a document's windows as one.

    A scalar is the value that most windows give, the earliest of those that tie; each field of a nested object is
    voted on by itself. A list is the union in order: an item that an earlier window gave is not repeated, but items
    that stand twice in one window stand twice. Values are equal when their conformed content is, white space apart.
    Raises TemplateError for an output that does not fit the template.
    """
    conformed = [template.conform(output) for output in outputs]
    origins: dict[str, int] = {}
    return Merged(_merge(template.root, list(enumerate(conformed)), "", origins), origins)


def _merge(node: Node, values: list[tuple[int, Any]], path: str, origins: dict[str, int]) -> Any:
    """`values` are (window, value) pairs in the order of the windows."""
    if isinstance(node, Object):
        return {
            key: _merge(child, [(at, value[key]) for at, value in values], field_path(path, key), origins)
            for key, child in node.fields.items()
        }
    if isinstance(node, ListOf) or (isinstance(node, Enum) and node.many):
        items = _union(values)
        for index, (window, item) in enumerate(items):
            origins.update(dict.fromkeys(_filled(item, f"{path}[{index}]"), window))
        return [item for _, item in items]
    given = [(window, value) for window, value in values if value is not None]
    if not given:
        return None
    votes = Counter(_key(value) for _, value in given)
    window, winner = max(given, key=lambda pair: votes[_key(pair[1])])  # max keeps the first of equals
    origins[path] = window
    return winner


def _union(values: list[tuple[int, list[Any]]]) -> list[tuple[int, Any]]:
    merged: list[tuple[int, Any]] = []
    held: Counter[str] = Counter()
    for window, items in values:
        here: Counter[str] = Counter()
        for item in items:
            key = _key(item)
            here[key] += 1
            if here[key] > held[key]:
                held[key] += 1
                merged.append((window, item))
    return merged


def _key(value: Any) -> str:
    """The same text for values that count as equal."""
    if isinstance(value, str):
        return json.dumps(" ".join(value.split()))
    if isinstance(value, list):
        return "[" + ",".join(map(_key, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_key(child)}" for key, child in value.items()) + "}"
    return json.dumps(value)


def _filled(value: Any, path: str) -> list[str]:
    return [leaf for leaf, child in scalars(value, path) if not is_empty(child)]


# ---- finding


def locate_values(
    template: Template, output: object, text: str, starts: Mapping[str, int] | None = None
) -> dict[str, Span]:
    """Where each value of `output` stands in `text`, by its path with indices; values that are not there are left out.

    A value that stands in several places: items of a list are sought one after the other, and the fields of an
    object near its longest one. `starts` may say, by path, from where on to look, as when a value came from a later
    window. Numbers are found where they are written as in JSON, true and false never.
    """
    finder = _Finder(collapse(text), starts or {})
    finder.place(template.root, template.conform(output), "", None)
    return finder.spans


@dataclass
class _Finder:
    collapsed: Collapsed
    starts: Mapping[str, int]

    def __post_init__(self) -> None:
        self.spans: dict[str, Span] = {}

    def place(self, node: Node, value: Any, path: str, anchor: Span | None) -> Span | None:
        """Record the spans of `value` and return one to go on from: of its longest leaf, or of its last item."""
        if isinstance(value, dict) and isinstance(node, Object):
            return self.place_object(node, value, path, anchor)
        if isinstance(value, list):
            item = node.item if isinstance(node, ListOf) else node
            last = anchor
            for index, child in enumerate(value):
                last = self.place(item, child, f"{path}[{index}]", last) or last
            return last
        span = self.find(value, path, anchor)
        if span:
            self.spans[path] = span
        return span

    def place_object(self, node: Object, value: dict[str, Any], path: str, anchor: Span | None) -> Span | None:
        scalars = [key for key, child in value.items() if not isinstance(child, dict | list) and child is not None]
        longest = max(scalars, key=lambda key: len(_written(value[key]))) if scalars and path else None
        if longest is not None:
            anchor = self.place(node.fields[longest], value[longest], field_path(path, longest), anchor) or anchor
        for key, child in value.items():
            here = field_path(path, key)
            if key in scalars and key != longest and anchor:
                if span := self.nearest(child, here, anchor):
                    self.spans[here] = span
            elif key != longest:
                self.place(node.fields[key], child, here, anchor)
        return anchor

    def find(self, value: Any, path: str, after: Span | None) -> Span | None:
        """The first place after the one before it, or else the first."""
        start = self.starts.get(path, 0)
        written = _written(value)
        found = find_span(self.collapsed, written, max(start, after.end if after else 0))
        return found or find_span(self.collapsed, written, start) or find_span(self.collapsed, written)

    def nearest(self, value: Any, path: str, anchor: Span) -> Span | None:
        places = find_spans(self.collapsed, _written(value), self.starts.get(path, 0))
        places = places or find_spans(self.collapsed, _written(value))
        return min(places, key=lambda span: max(span.start - anchor.end, anchor.start - span.end), default=None)


def _written(value: Any) -> str:
    """How a scalar would stand in a document; "" for what never does."""
    if isinstance(value, str):
        return value
    return "" if value is None or isinstance(value, bool) else json.dumps(value)
