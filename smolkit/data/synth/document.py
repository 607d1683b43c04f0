"""From a record and a kind's phrases to the text of a document, remembering which fields it really says.

Values stand between two private marks until the noise has passed, so that noise never reaches inside an answer
unless the answer goes through it as well. Nothing here knows of templates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from smolkit.data.synth import pools
from smolkit.data.synth.phrases import ALTERNATIVES, OPTIONAL, PLACE, needs
from smolkit.data.synth.values import Draw, Item, Record, Value, items, scalars

OPEN_MARK, CLOSE_MARK = "\ue000", "\ue001"
LINE_STYLES = (
    "{label}: {value}",
    "{label}: {value}",
    "{label} : {value}",
    "- {label}: {value}",
    "* {label} - {value}",
    "{label} | {value}",
    "{label}\t{value}",
    "{label} = {value}",
    "**{label}:** {value}",
    "{label}:\n{value}",
)
ONE_LINE_JOINTS = ("; ", " | ", " / ", " · ")
LEFT_BLANK = 0.15  # of the labelled documents hold a label without a value


@dataclass
class Writer:
    """Writes one document; `said` holds, per field, the text that stands in it.

    `said[f]` is a string for a scalar, a list of strings for a list of scalars, and the set of item fields that the
    items mention for a list of objects.
    """

    draw: Draw
    record: Record
    present: set[str]
    said: dict[str, str | list[str] | frozenset[str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    """By field, the words that a label calls it."""

    def sayable(self, pattern: str) -> bool:
        """Whether a sentence's fields are all present and none of them was said already."""
        wanted = needs(pattern)
        return wanted <= self.present and not wanted & self.said.keys()

    def say(self, pattern: str) -> str:
        """A sentence with its places filled."""
        rng = self.draw.rng

        def optional(part: re.Match[str]) -> str:
            inner = part.group(1)
            keep = self.sayable(inner) and (rng.random() < 0.9 if needs(inner) else rng.random() < 0.5)
            return inner if keep else ""

        lines = ((line, OPTIONAL.sub(optional, line)) for line in pattern.split("\n"))
        pattern = "\n".join(kept.lstrip(" ,|").rstrip(" |") for line, kept in lines if kept.strip() or not line)
        pattern = ALTERNATIVES.sub(lambda part: rng.choice(part.group(1).split("|")), pattern)
        filled = PLACE.sub(lambda place: self._fill(place.group(1), place.group(2), pattern), pattern)
        return filled.replace(f".{CLOSE_MARK}.", f".{CLOSE_MARK}")  # "Inc." ends its sentence with one dot

    def choose(self, section: str) -> str | None:
        """One sayable sentence of a section, as a pattern."""
        found = [pattern for pattern in self.draw.phrases.of(section, self.draw.split) if self.sayable(pattern)]
        return self.draw.rng.choice(found) if found else None

    def value(self, name: str, *, label: bool = False, lines: bool = False) -> str:
        """The text of a field, which is thereby said."""
        value = self.record[name]
        if isinstance(value, Value):
            text = value.short if label and value.short else value.text
            self.said[name] = text
            return mark(text)
        if found := scalars(value):
            texts = [entry.text for entry in found]
            self.said[name] = texts
            return self._enumerate(texts, label)
        return self._items(name, items(value), lines)

    def label(self, name: str) -> str | None:
        names = self.draw.phrases.names.get(name)
        if not names:
            return None
        self.labels[name] = self.draw.rng.choice(names)
        return capitalised(self.labels[name])

    def _fill(self, fresh: str, name: str, pattern: str) -> str:
        if fresh:
            return self.draw.fresh(name)
        return self.value(name, lines=f"\n{{{name}}}" in f"\n{pattern}")

    def _enumerate(self, texts: Sequence[str], label: bool) -> str:
        marked = [mark(text) for text in texts]
        if label or len(marked) < 2 or self.draw.rng.random() < 0.3:
            return ", ".join(marked)
        return f"{', '.join(marked[:-1])} {pools.AND[self.draw.lang]} {marked[-1]}"

    def _items(self, name: str, found: Sequence[Item], lines: bool) -> str:
        pattern = self.draw.rng.choice(self.draw.phrases.sentences["item"])
        self.said[name] = needs(pattern)
        return ("\n" if lines else "; ").join(_item(pattern, item) for item in found)


def prose(writer: Writer) -> str:
    """An opening, sentences in any order that say the other fields, perhaps a distraction, perhaps a close."""
    rng = writer.draw.rng
    parts = [writer.say(pattern) for pattern in [writer.choose("open")] if pattern]
    body = body_sentences(writer)
    if rng.random() < 0.5:
        body += _sometimes(writer, "extra")
    rng.shuffle(body)
    parts += body
    if rng.random() < 0.4:
        parts += _sometimes(writer, "close")
    return rng.choice((" ", " ", " ", "\n")).join(parts).replace("\n ", "\n")


def body_sentences(writer: Writer) -> list[str]:
    patterns = list(writer.draw.phrases.of("body", writer.draw.split))
    writer.draw.rng.shuffle(patterns)
    return [writer.say(pattern) for pattern in patterns if needs(pattern) and writer.sayable(pattern)]


def lines(writer: Writer) -> str:
    """A heading perhaps, then a label and a value on each line."""
    rng = writer.draw.rng
    heading = writer.choose("title") if rng.random() < 0.7 else None
    head = [writer.say(heading)] if heading else []
    style = rng.choice(LINE_STYLES)
    body = labelled(writer, style)
    if rng.random() < 0.25:
        body += _sometimes(writer, "extra")
    return "\n".join(head + body)


def labelled(writer: Writer, style: str) -> list[str]:
    """Every present field not yet said, with its label; half of the documents keep the kind's own order."""
    rng = writer.draw.rng
    names = [name for name in writer.record if name in writer.present and name not in writer.said]
    if rng.random() < 0.5:
        rng.shuffle(names)
    found = []
    for name in names:
        label = writer.label(name)
        if label:
            found.append(style.format(label=label, value=writer.value(name, label=True)))
    if rng.random() < LEFT_BLANK:
        found.insert(rng.randint(0, len(found)), _blank_line(writer, style))
    return [line for line in found if line]


def _blank_line(writer: Writer, style: str) -> str:
    """The label of a field that nobody filled in."""
    missing = [name for name in writer.record if name not in writer.present]
    label = writer.label(writer.draw.rng.choice(missing)) if missing else None
    return style.format(label=label, value=writer.draw.rng.choice(("-", "n/a", "", "?", "---"))) if label else ""


def one_line(writer: Writer) -> str:
    """Labels and values after one another, as in an export or a short message."""
    rng = writer.draw.rng
    heading = writer.choose("title") if rng.random() < 0.3 else None
    head = writer.say(heading) + ": " if heading else ""
    return head + rng.choice(ONE_LINE_JOINTS).join(labelled(writer, "{label}: {value}"))


def mixed(writer: Writer) -> str:
    """A sentence that opens, then labelled lines for the rest."""
    opening = writer.choose("open")
    head = [writer.say(opening)] if opening else []
    return "\n".join(head + labelled(writer, writer.draw.rng.choice(LINE_STYLES[:4])))


def whole(writer: Writer) -> str:
    """One of the kind's complete documents; prose where none can be said."""
    pattern = writer.choose("whole")
    return writer.say(pattern) if pattern else prose(writer)


LAYOUTS: dict[str, Callable[[Writer], str]] = {
    "prose": prose,
    "lines": lines,
    "one_line": one_line,
    "mixed": mixed,
    "whole": whole,
}


def _item(pattern: str, item: Item) -> str:
    return PLACE.sub(lambda place: mark(item[place.group(2)].text), pattern)


def mark(text: str) -> str:
    return f"{OPEN_MARK}{text}{CLOSE_MARK}"


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sometimes(writer: Writer, section: str) -> list[str]:
    pattern = writer.choose(section)
    return [writer.say(pattern)] if pattern else []
