"""What a model wrote, read as JSON - strictly, for that is what a score counts - and the labelled repair beside it.

This module knows no template: a value of any shape is an answer. The end-of-turn token is not part of an answer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NoReturn

from smolkit.extraction.spans import Span
from smolkit.extraction.template import field_path

MAX_DEPTH = 100
"""Objects and lists inside one another; a deeper answer counts as one that does not parse (templates end at 32)."""

# A string, its closing quote (group 1) missing where the text ends inside; or a bracket or comma outside of strings.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*("?)|[{}\[\],]', re.DOTALL)
_CLOSING = {"{": "}", "[": "]"}
_SPACE = re.compile(r"[ \t\n\r]*")
_MAX_CUTS = 16


@dataclass(frozen=True)
class ParsedAnswer:
    """A raw answer as read. `value` is None where `error` says why it does not parse.

    `duplicates` are the paths of keys that stand twice in one object; the last one's value is kept, as JSON readers do.
    """

    raw: str
    value: Any
    error: str | None = None
    duplicates: tuple[str, ...] = ()

    @property
    def invalid(self) -> bool:
        return self.error is not None

    @property
    def scored(self) -> Any:
        """What the metric sees: an answer that does not parse is {}."""
        return {} if self.invalid else self.value

    @cached_property
    def repaired(self) -> Any:
        """What the metric sees in the repaired column: the value itself, or what `repair` makes of the text, or {}."""
        return repair(self.raw) if self.invalid else self.value


def parse_answer(raw: str) -> ParsedAnswer:
    """Read an answer as RFC 8259 JSON, white space around it allowed, and nothing else: no fence, no NaN, no repair."""
    try:
        value, duplicates = loads(raw)
    except ValueError as exc:
        return ParsedAnswer(raw, None, str(exc))
    return ParsedAnswer(raw, value, None, duplicates)


def loads(text: str) -> tuple[Any, tuple[str, ...]]:
    """The JSON value and the paths of its duplicate keys. Raises ValueError for what is not JSON or nested too deep."""
    doubled: list[tuple[dict[str, Any], list[str]]] = []

    def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            keys = [key for key, _ in pairs]
            doubled.append((value, [key for key in value if keys.count(key) > 1]))
        return value

    if _depth(text) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    value = json.loads(text, object_pairs_hook=fields, parse_float=_finite, parse_constant=_no_constant)
    paths = (
        field_path(path, key)
        for path, found in (_objects(value) if doubled else ())
        for owner, keys in doubled
        if owner is found
        for key in keys
    )
    return value, tuple(paths)


def scalars(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar inside a JSON value, null among them, with its path such as `items[0].price`."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from scalars(child, field_path(path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from scalars(child, f"{path}[{index}]")
    else:
        yield path, value


def scalar_places(text: str) -> list[tuple[str, Any, Span]]:
    """Every scalar of a JSON text: its path, its value, and the characters that it takes, quotes among them.

    `text` is one that `loads` reads.
    """
    found: list[tuple[str, Any, Span]] = []
    _find_scalars(text, _after_space(text, 0), "", found)
    return found


def _find_scalars(text: str, at: int, path: str, found: list[tuple[str, Any, Span]]) -> int:
    """Add the scalars of the value that begins at `at`; where the value ends."""
    closing = _CLOSING.get(text[at])
    if closing is None:
        value, end = _DECODER.raw_decode(text, at)
        found.append((path, value, Span(at, end)))
        return end
    at = _after_space(text, at + 1)
    index = 0
    while text[at] != closing:
        child = f"{path}[{index}]"
        if closing == "}":
            key, at = _DECODER.raw_decode(text, at)
            child = field_path(path, key)
            at = _after_space(text, _after_space(text, at) + 1)  # the colon
        at = _after_space(text, _find_scalars(text, at, child, found))
        if text[at] == ",":
            at = _after_space(text, at + 1)
        index += 1
    return at + 1


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def repair(text: str) -> Any:
    """A small repair, for the column that says so: the first object in the text, or {} where there is none.

    What stands before its first brace (a fence, a greeting) and after its last is dropped. An object cut short has its
    open brackets closed; where it still does not parse, it is cut back to the last comma or bracket before the fault.
    """
    start = text.find("{")
    if start < 0 or _depth(text) > MAX_DEPTH:
        return {}
    text = text[start:].rstrip().removesuffix("```")
    for _ in range(_MAX_CUTS):
        cuts, tail = _scan(text)
        try:
            return _DECODER.raw_decode(text + tail)[0]
        except json.JSONDecodeError as exc:
            kept = [cut for cut in cuts if cut < exc.pos or (cut == exc.pos and text[cut] == ",")]
            if not kept:
                break
            text = text[: kept[-1] + (text[kept[-1]] != ",")]  # a comma goes, an opening bracket stays to be closed
        except ValueError:
            break
    return {}


def _scan(text: str) -> tuple[list[int], str]:
    """Where commas and opening brackets stand outside of strings, and the text that closes what the end leaves open."""
    cuts, closing, quote = [], [], ""
    for token in _TOKEN.finditer(text):
        char = text[token.start()]
        if char in "{[,":
            cuts.append(token.start())
        if char in _CLOSING:
            closing.append(_CLOSING[char])
        elif char in "}]":
            del closing[-1:]
        elif char == '"' and not token[1]:
            quote = '"'
    return cuts, quote + "".join(reversed(closing))


def _depth(text: str) -> int:
    """How many brackets are open at the deepest place; 0, without looking, where it cannot be beyond the limit."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return 0
    steps = (1 if token[0] in _CLOSING else -1 for token in _TOKEN.finditer(text) if token[0] in ("{", "[", "}", "]"))
    return max(accumulate(steps), default=0)


def _objects(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield path, value
        for key, child in value.items():
            yield from _objects(child, field_path(path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _objects(child, f"{path}[{index}]")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{number} is beyond any float")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)
