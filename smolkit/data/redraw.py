"""Rows with the dates and figures of their values drawn anew, in text and output alike.

What a small model sees twice it learns by heart: the total of a receipt, the year of a set. With other digits in every
pass over the rows only one rule is left to learn, that values are copied from the text.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

from smolkit.data.rows import Row
from smolkit.extraction.template import Leaf, ListOf, Node, Object

COPIED = ("blank", "verbatim-string")
"""Types of leaves whose values stand in the text as they are."""

_DATE_FORMATS = (
    *("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d-%m-%y", "%d.%m.%y"),
    *("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d %b %Y", "%d %b %y", "%d-%b-%Y", "%d/%b/%Y"),
)
_DATE = re.compile(r"(?<!\d)\d{1,4}([-/. ]?)(?:\d{1,2}|[A-Za-z]{3})\1\d{2,4}(?!\d)")
_FIRST, _LAST = datetime.date(2005, 1, 1), datetime.date(2030, 12, 31)
_WORD = re.compile(r'[^\W_](?:[^\s,;:()"]*[^\W_])?')


def redraw(row: Row, rng: Random) -> Row:
    """The row with another day, in another notation, for each date and with other digits in each figure.

    Touched are blank and verbatim values that stand in the text, everywhere they do. What another value of the row
    seems to be made of stays, since the two would no longer agree: a figure of a typed value, or the same two figures
    in a value written otherwise. The row comes back as it is where nothing can be redrawn.
    """
    if row.output is None:
        return row
    values = list(_leaves(row.template.root, row.output))
    copied = [value for value, type_ in values if type_ in COPIED and _stands_in(row.text, value)]
    others = [
        (_figures(value), type_ not in COPIED)
        for value, type_ in values
        if type_ not in COPIED or not _stands_in(row.text, value)
    ]
    changes: dict[str, str] = {}

    def note(old: str, new: str) -> None:
        figures = _figures(old)
        if not any(len(figures & other) >= (1 if typed else min(2, len(figures))) for other, typed in others):
            changes.setdefault(old, new)

    for value in copied:
        rest = value
        for date in filter(_is_date, (found.group() for found in _DATE.finditer(value))):
            note(date, _new_date(rng, upper=date.isupper()))
            rest = rest.replace(date, " ")
        for word in _WORD.findall(rest):
            if sum(map(str.isdigit, word)) > 1:
                note(word, _new_digits(rng, word))
    if not changes:
        return row
    pattern = re.compile("|".join(_whole(old) for old in sorted(changes, key=len, reverse=True)))

    def change(text: str) -> str:
        return pattern.sub(lambda found: changes[found.group()], text)

    text = change(row.text)
    if not all(_stands_in(text, change(value)) for value in copied):
        return row
    return replace(row, text=text, output=_map_copied(row.template.root, row.output, change), accepted=None)


def _whole(value: str) -> str:
    """A pattern of the value where it is no part of a longer number or word."""
    return rf"(?<![^\W_])(?<!\d[.,]){re.escape(value)}(?![^\W_])(?![.,]\d)"


def _stands_in(text: str, value: str) -> bool:
    return re.search(_whole(value), text) is not None


def _leaves(node: Node, value: Any) -> Iterator[tuple[str, str]]:
    """Every value that is there, as text, with the type of its leaf."""
    if isinstance(node, Object) and isinstance(value, dict):
        for key, child in value.items():
            yield from _leaves(node.fields[key], child)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(node.item if isinstance(node, ListOf) else node, item)
    elif value is not None and value != "":
        yield str(value), node.type if isinstance(node, Leaf) else "enum"


def _map_copied(node: Node, value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(node, Object) and isinstance(value, dict):
        return {key: _map_copied(node.fields[key], child, change) for key, child in value.items()}
    if isinstance(node, ListOf) and isinstance(value, list):
        return [_map_copied(node.item, item, change) for item in value]
    return change(value) if isinstance(node, Leaf) and node.type in COPIED and isinstance(value, str) else value


def _figures(text: str) -> set[str]:
    """Its numbers without the zeros at their ends, which another notation of them may not have."""
    return {figure.strip("0") for figure in re.findall(r"\d+", text)} - {""}


def _is_date(text: str) -> bool:
    for form in _DATE_FORMATS:
        try:
            datetime.datetime.strptime(text, form)
        except ValueError:
            continue
        return True
    return False


def _new_date(rng: Random, upper: bool) -> str:
    day = _FIRST + datetime.timedelta(days=rng.randrange((_LAST - _FIRST).days))
    written = day.strftime(rng.choice(_DATE_FORMATS))
    return written.upper() if upper or rng.random() < 0.5 else written


def _new_digits(rng: Random, word: str) -> str:
    """Other digits in the same places; zeros stay, so that a round sum is still one."""
    return "".join(str(rng.randint(1, 9)) if char in "123456789" else char for char in word)
