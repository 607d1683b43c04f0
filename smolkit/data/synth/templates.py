"""Template shapes: which fields a row asks for, under which keys, how nested, in which style; and the answer.

The answer holds what the document says and nothing else: a field that was not said is "", null or [].
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from smolkit.data.synth.document import Writer, capitalised
from smolkit.data.synth.formats import strip_accents
from smolkit.data.synth.level import Level
from smolkit.data.synth.noise import Noise
from smolkit.data.synth.phrases import Phrases
from smolkit.data.synth.values import Item, Value, items, scalars

VERBATIM = ("verbatim-string", "string")
TYPES = {  # leaf types that may ask for a family of values, as often as they stand here
    "text": ("verbatim-string", "verbatim-string", "string"),
    "date": ("date", "date", "verbatim-string"),
    "time": ("time", "verbatim-string"),
    "moment": ("date-time",),
    "money": ("verbatim-string", "number", "string"),
    "duration": ("verbatim-string", "duration"),
    "measure": ("verbatim-string", "number"),
    "integer": ("integer", "integer", "number", "verbatim-string"),
    "flag": ("boolean",),
    "phone": ("phone-number", "verbatim-string"),
    "email": ("email-address", "verbatim-string"),
    "url": ("url", "verbatim-string"),
    "country": ("country", "verbatim-string"),
    "language": ("language", "verbatim-string"),
    "currency": ("currency",),
    "iban": ("iban", "verbatim-string"),
    "enum": ("enum", "enum", "verbatim-string"),
    "sense": ("enum",),
}
KEY_HELD_OUT_FROM = 4  # the last of so many names of a field is a key in test rows only
FLATTENED = 0.12  # of the lists of objects are asked for as a list of their first field
NOT_A_KEY = re.compile(r"[^\w\s'-]")

CASES: dict[str, Callable[[list[str]], str]] = {
    "snake": lambda words: "_".join(words).lower(),
    "camel": lambda words: words[0].lower() + "".join(capitalised(word) for word in words[1:]),
    "pascal": lambda words: "".join(capitalised(word) for word in words),
    "title": lambda words: " ".join(capitalised(word) for word in words),
    "sentence": lambda words: capitalised(" ".join(words)),
    "spaces": lambda words: " ".join(words),
    "upper": lambda words: "_".join(words).upper(),
}


@dataclass
class Shape:
    """One row's template in the making."""

    kind: str
    writer: Writer
    text: str
    noise: Noise
    names: Phrases
    groups: dict[str, tuple[str, ...]]
    level: Level
    blank: bool = field(init=False)
    case: str = field(init=False)
    bare: bool = field(init=False)

    def __post_init__(self) -> None:
        rng = self.writer.draw.rng
        self.blank = rng.random() < self.level.blank
        self.case = rng.choices(list(self.level.cases), list(self.level.cases.values()))[0]
        self.bare = rng.random() < 0.4  # keys without accents

    def build(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The template and the answer."""
        template: dict[str, Any] = {}
        output: dict[str, Any] = {}
        for group, names in self._grouped(self._asked()):
            key = self._key(group, template) if group else None
            inside, answers = ({}, {}) if key else (template, output)
            if key:
                template[key], output[key] = inside, answers
            for name in names:
                self._put(name, f"{group}.{name}" if key else name, inside, answers)
        return self._wrapped(template, output)

    def _put(self, name: str, path: str, template: dict[str, Any], output: dict[str, Any]) -> None:
        """Ask for a field; inside a group it may have a name of its own (`supplier.name`)."""
        key = self._key(path if path in self.names.names else name, template)
        if key is not None:
            template[key], output[key] = self._node(name)

    def _wrapped(self, template: dict[str, Any], output: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Now and then the whole record stands under one key, as an object or as a list of one."""
        rng = self.writer.draw.rng
        if rng.random() > self.level.wrapped or not template:
            return template, output
        listed = rng.random() < 0.5
        key = CASES[self.case]([f"{self.kind}s" if listed else self.kind])
        return ({key: [template]}, {key: [output]}) if listed else ({key: template}, {key: output})

    def _asked(self) -> list[str]:
        """Some of the fields that are said, and now and then one that is not."""
        rng, said = self.writer.draw.rng, self._said()
        known = [name for name in self.writer.record if name in self.names.names and self._askable(name)]
        there = [name for name in known if name in said]
        absent = [name for name in known if name not in said and not self._hinted(name)]
        picked = rng.sample(there, min(len(there), rng.randint(2, self.level.most_said)))
        missing = sum(rng.random() < self.level.asked_in_vain for _ in picked)
        picked += rng.sample(absent, min(len(absent), missing))
        rng.shuffle(picked)
        return picked

    def _said(self) -> set[str]:
        said = set(self.writer.said)
        implied = {
            name
            for name, value in self.writer.record.items()
            if isinstance(value, Value) and value.within and (value.within == "*" or value.within in said)
        }
        return said | implied

    def _askable(self, name: str) -> bool:
        """A leaf that copies cannot ask for what only a type can express."""
        value = self.writer.record[name]
        if not isinstance(value, Value):
            return not self.level.copied or bool(scalars(value))
        if not self.blank and not self.level.copied:
            return True
        if value.family == "flag":
            return self.writer.said.get(name) == value.short
        return value.family not in ("sense", "currency")

    def _hinted(self, name: str) -> bool:
        """Whether the text holds an absent field's value by chance, or says it in another field's words."""
        value = self.writer.record[name]
        return isinstance(value, Value) and bool(value.text) and self.noise.value(value.text) in self.text

    def _grouped(self, asked: Sequence[str]) -> list[tuple[str, list[str]]]:
        """Fields in order, those of a group together under its name where the row nests."""
        nested = self.writer.draw.rng.random() < self.level.nested
        found: dict[str, list[str]] = {}
        for name in asked:
            group = next((group for group, members in self.groups.items() if nested and name in members), "")
            found.setdefault(group or f"-{name}", []).append(name)
        return [(group, names) if group[0] != "-" and len(names) > 1 else ("", names) for group, names in found.items()]

    def _node(self, name: str) -> tuple[Any, Any]:
        value = self.writer.record[name]
        if isinstance(value, Value):
            return self._leaf(value, name in self._said(), self.writer.said.get(name, value.text))
        found = scalars(value)
        return self._scalars(name, found) if found else self._objects(name, items(value))

    def _leaf(self, value: Value, said: bool, text: object, kind: str | None = None) -> tuple[Any, Any]:
        if self.blank:
            return "", self.noise.value(str(text)) if said else ""
        kind = kind or self._type(value)
        node: Any = self._choices(value) if kind == "enum" else kind
        if not said:
            return node, None
        return node, self.noise.value(str(text)) if kind in VERBATIM else value.typed

    def _type(self, value: Value) -> str:
        return self.writer.draw.rng.choice(TYPES["text" if self.level.copied else value.family])

    def _choices(self, value: Value) -> list[str]:
        return self.writer.draw.rng.sample(value.choices, len(value.choices))

    def _scalars(self, name: str, values: list[Value]) -> tuple[Any, Any]:
        rng, said = self.writer.draw.rng, name in self.writer.said
        if self.blank:
            return rng.choice(([], [""])), [self.noise.value(value.text) for value in values] if said else []
        kind = self._type(values[0])
        if kind == "enum":
            return [self._choices(values[0])], [value.typed for value in values] if said else []
        return [kind], [self._leaf(value, True, value.text, kind)[1] for value in values] if said else []

    def _objects(self, name: str, found: list[Item]) -> tuple[Any, Any]:
        """A list of objects, or a list of one of their fields."""
        rng = self.writer.draw.rng
        said: Any = self.writer.said.get(name, frozenset())
        first = next(iter(found[0]))
        if rng.random() < FLATTENED and (first in said or not said):
            return self._scalars(name, [item[first] for item in found])
        known = [part for part in found[0] if f"{name}.{part}" in self.names.names]
        parts = [part for part in known if (part in said or not said)] or known
        parts = rng.sample(parts, rng.randint(min(2, len(parts)), len(parts)))
        template: dict[str, Any] = {}
        answers: list[dict[str, Any]] = [{} for _ in found]
        for part in parts:
            key = self._key(f"{name}.{part}", template)
            if key is None:
                continue
            kind = None if self.blank else self._type(found[0][part])
            for item, answer in zip(found, answers, strict=True):
                template[key], answer[key] = self._leaf(item[part], part in said, item[part].text, kind)
        return [template], answers if said else []

    def _key(self, name: str, taken: dict[str, Any]) -> str | None:
        """A key for a field that this object does not hold yet."""
        rng = self.writer.draw.rng
        found = keys_of(self.names, name, self.writer.draw.split)
        label = self.writer.labels.get(name)
        again = [label] if label in found and rng.random() < self.level.same_words else []
        for words in [*again, *rng.sample(found, len(found))]:
            key = CASES[self.case](re.split(r"[\s'-]+", strip_accents(words) if self.bare else words))
            if key not in taken:
                return key
        return None


def keys_of(phrases: Phrases, name: str, split: str) -> list[str]:
    """The names of a field that can be keys in a split; a name with signs in it ("No.") is only a label."""
    found = [words for words in phrases.names[name] if not NOT_A_KEY.search(words)]
    return found[:-1] if split != "test" and len(found) >= KEY_HELD_OUT_FROM else found
