"""The notation in which a kind's wording is written, one block of text per language.

    names                     how a field is called, as a label in documents and as a key in templates
      price: price|unit price
      items.name: article         a field of the objects in a list
      supplier: supplier          a group of fields, nested in some templates
      supplier.company: name      what a field is called inside its group
    enum condition            the choices of an enum, each with the wordings that mean it
      new: brand new|unused
    pool roles                words that only this kind draws
      nurse|welder
    open, body, close, extra  sentences; `body` ones are shuffled, `extra` ones only distract
      {brand} {title}[ in {color}] <costs|sells for> {price}.
    title                     headings of labelled lines
    item                      one object of a list of objects
    whole                     complete documents

In a sentence `{price}` is the value of a field, `{#money}` a value of no field, `[..]` a part that stands only if its
fields do, `<a|b>` one of several wordings, and \\n an empty line. A deeper line goes on with the sentence on a new
line, which vanishes if all of it was optional and is not said. Which values there are is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
ALTERNATIVES = re.compile(r"<([^<>]*)>")
PLACE = re.compile(r"\{(#?)([\w.]+)\}")
SENTENCES = ("open", "body", "close", "extra", "whole", "title", "item")
HELD_OUT_FROM = 5  # the last sentence of a section this long is not used in training


@dataclass(frozen=True)
class Phrases:
    """The wording of one kind in one language."""

    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    enums: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    pools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sentences: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, section: str, split: str) -> tuple[str, ...]:
        """The sentences of a section; training does not see the last one of a long section."""
        found = self.sentences.get(section, ())
        return found[:-1] if split == "train" and len(found) >= HELD_OUT_FROM else found


def parse(block: str) -> Phrases:
    """Read a block; a malformed one is a fault in this package and raises ValueError."""
    tables: dict[str, dict[str, tuple[str, ...]]] = {}
    words: dict[str, list[str]] = {}
    for section, line in _entries(block):
        what, _, name = section.partition(" ")
        if what in ("names", "enum"):
            key, colon, choices = line.partition(":")
            if not colon:
                raise ValueError(f"{section}: {line!r} has no colon")
            tables.setdefault(section, {})[key.strip()] = _split(choices)
        elif what == "pool":
            words.setdefault(section, []).extend(_split(line))
        elif what in SENTENCES and not name:
            words.setdefault(section, []).append(line.replace("\\n", "\n"))
        else:
            raise ValueError(f"no such section: {section!r}")
    return Phrases(
        names=tables.get("names", {}),
        enums={section[5:]: table for section, table in tables.items() if section.startswith("enum ")},
        pools={section[5:]: tuple(found) for section, found in words.items() if section.startswith("pool ")},
        sentences={section: tuple(found) for section, found in words.items() if section in SENTENCES},
    )


@cache
def needs(pattern: str) -> frozenset[str]:
    """The fields without which a sentence cannot be said."""
    return frozenset(name for mark, name in PLACE.findall(OPTIONAL.sub("", pattern)) if not mark)


def _entries(block: str) -> Iterator[tuple[str, str]]:
    section = section_of_entry = entry = ""
    for line in block.splitlines():
        if line.strip() and not line.startswith(" "):
            section = line.strip()
        elif line.strip() and not line.startswith("   "):
            if entry:
                yield section_of_entry, entry
            section_of_entry, entry = section, line.strip()
        elif line.strip():
            entry += "\n" + line.strip()
    if entry:
        yield section_of_entry, entry


def _split(choices: str) -> tuple[str, ...]:
    return tuple(choice.strip() for choice in choices.split("|") if choice.strip())
