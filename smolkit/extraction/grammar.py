"""A llguidance grammar for the answers to one template about one document: what a decoder may write, and no more.

The language is the canonical answers of a prompt format: the template's keys in order, its white space, its way of
writing a missing value, every type and enum respected. Keys and punctuation are single literals, which llguidance
forces without running the model. Values to be copied are runs of whole words of the document, white space collapsed,
by one suffix automaton that all fields share; an escape such as `\\"` is one step of it, so no value ends within one.

What a grammar cannot say is left to `Template.problems`: check digits, and repeats in an enum of over 64 choices.
This module writes text; it imports neither llguidance nor a tokenizer.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Literal

from smolkit.extraction.prompt import JsonStyle
from smolkit.extraction.spans import collapse
from smolkit.extraction.template import Enum, Leaf, ListOf, Node, Object, Template

# Characters as json.dumps(ensure_ascii=False) writes them; other control characters are no part of a value.
_CHAR = r'(?:[^"\\\x00-\x1f]|\\["\\nrt])'
# A copied value neither starts nor ends with a space, and no control character stands in it.
_COPIED = r"[^ \x00-\x1f](?:[^\x00-\x1f]*[^ \x00-\x1f])?"
_UNWRITABLE = re.compile(r"[\x00-\x1f\ud800-\udfff]")
# Thai to Burmese, Khmer, kana, Han and Hangul: words are not set apart by spaces, or carry their particles.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"\d+|(?:(?![\d_{_UNSPACED}])\w)+|.", re.DOTALL)
_MAX_DISTINCT = 64
"""llguidance's parametric rules remember which choices were taken in 64 bits."""

_Part = tuple[Literal["text", "symbol"], str]


def compile_grammar(
    template: Template,
    *,
    text: str | None,
    verbatim: bool = False,
    json_style: JsonStyle = "single-line",
    missing: Literal[""] | None = None,
    max_items: int = 64,
    max_string: int = 1000,
) -> str:
    """The grammar in llguidance's Lark syntax, for `LLMatcher.grammar_from_lark`.

    `verbatim-string` leaves, and with `verbatim` blank ones too, are copied from `text`; without a text they are free.
    `json_style` and `missing` are those of the prompt format. `max_items` bounds every list, `max_string` the
    characters of a free string.
    """
    chunks = None if text is None else _chunks(text)
    compiler = _Compiler(chunks, verbatim, json_style, "null" if missing is None else '""', max_items, max_string)
    compiler.define("start", compiler.sequence(compiler.node(template.root, depth=0)))
    return "".join(f"{name}: {body}\n" for name, body in compiler.rules.items())


def _chunks(text: str) -> list[str]:
    """One chunk a word, a number or another character, escaped for JSON; [] where there is nothing to copy.

    Values begin and end where a word or number does: a small model that starts within one copies half of it. What no
    value may hold becomes NUL, which `_COPIED` excludes.
    """
    plain = _UNWRITABLE.sub("\0", collapse(text).text)
    if not plain.strip("\0 "):
        return []
    return [word if word not in '"\\' else "\\" + word for word in _WORD.findall(plain)]


@dataclass
class _Compiler:
    chunks: list[str] | None
    verbatim: bool
    json_style: JsonStyle
    missing: str
    max_items: int
    max_string: int
    rules: dict[str, str] = field(default_factory=dict)

    def define(self, name: str, body: str) -> str:
        self.rules.setdefault(name, body)
        return name

    def sequence(self, parts: list[_Part]) -> str:
        """The parts one after the other, neighbouring texts joined into one literal."""
        words: list[str] = []
        text = ""
        for kind, part in [*parts, ("symbol", "")]:
            if kind == "text":
                text += part
                continue
            if text:
                words.append(_literal(text))
            text = ""
            words.append(part)
        return " ".join(words).rstrip()

    def line_break(self, depth: int) -> str:
        return "\n" + " " * 4 * depth if self.json_style == "indent-4" else ""

    def comma(self, depth: int) -> str:
        return "," + (self.line_break(depth) or " ")

    def node(self, node: Node, depth: int, optional: bool = True) -> list[_Part]:
        """The grammar of one value; `depth` is that of the container it stands in. List items are not `optional`."""
        if isinstance(node, Object):
            return self.object(node, depth)
        if isinstance(node, ListOf):
            return [("symbol", self.list_of(node, depth))]
        if isinstance(node, Enum):
            return [("symbol", self.distinct(node, depth) if node.many else self.choice(node, optional))]
        return [("symbol", self.leaf(node, optional))]

    def object(self, node: Object, depth: int) -> list[_Part]:
        parts: list[_Part] = []
        before = "{" + self.line_break(depth + 1)
        for key, child in node.fields.items():
            parts.append(("text", f"{before}{json.dumps(key, ensure_ascii=False)}: "))
            parts.extend(self.node(child, depth + 1))
            before = self.comma(depth + 1)
        return [*parts, ("text", self.line_break(depth) + "}")]

    def list_of(self, node: ListOf, depth: int) -> str:
        if self.chunks == [] and isinstance(node.item, Leaf) and self.is_copied(node.item):
            return self.define("NOTHING_TO_COPY", '"[]"')
        item = self.sequence(self.node(node.item, depth + 1, optional=False))
        first, between, last = self.brackets(depth)
        rest = f"({between} {item}){{0,{self.max_items - 1}}} " if self.max_items > 1 else ""
        return self.define(f"list_{len(self.rules)}", f'"[]" | {first} {item} {rest}{last}')

    def brackets(self, depth: int) -> tuple[str, str, str]:
        """The literals before, between and after the items of a list that stands at `depth`."""
        first, last = "[" + self.line_break(depth + 1), self.line_break(depth) + "]"
        return _literal(first), _literal(self.comma(depth + 1)), _literal(last)

    def choice(self, node: Enum, optional: bool) -> str:
        choices = [json.dumps(choice, ensure_ascii=False) for choice in node.choices]
        words = [self.missing, *choices] if optional else choices
        return self.define(f"ENUM_{len(self.rules)}", " | ".join(map(_literal, words)))

    def distinct(self, node: Enum, depth: int) -> str:
        """A list of choices, each at most once: bit k of the rule's parameter says that choice k was taken."""
        if len(node.choices) > _MAX_DISTINCT:
            return self.list_of(ListOf(Enum(node.choices, many=False)), depth)
        first, between, last = self.brackets(depth)
        name = f"distinct_{len(self.rules)}"
        takes = [
            f"{_literal(json.dumps(choice, ensure_ascii=False))} {name}_rest::set_bit({bit}) %if bit_clear({bit})"
            for bit, choice in enumerate(node.choices)
        ]
        more = f"{between} {name}_item::_ %if not(is_ones([0:{len(node.choices)}]))"
        self.define(name, f'"[]" | {first} {name}_item::0x0')
        self.define(f"{name}_item::_", " | ".join(takes))
        self.define(f"{name}_rest::_", f"{last} | {more}")
        return name

    def leaf(self, leaf: Leaf, optional: bool) -> str:
        if self.is_copied(leaf):
            return self.copied(optional)
        name = leaf.type.upper().replace("-", "_")
        spec = leaf.spec
        value = spec.regex or f"{_CHAR}{{1,{self.max_string}}}"
        if spec.kind == "string":
            value = f'"{value}"'
        if optional:
            return self.define(f"{name}_OR_MISSING", _regex(f"{self.missing}|{value}"))
        return self.define(name, _regex(value))

    def is_copied(self, leaf: Leaf) -> bool:
        wanted = leaf.type == "verbatim-string" or (leaf.type == "blank" and self.verbatim)
        return wanted and self.chunks is not None

    def copied(self, optional: bool) -> str:
        """Three lexemes, not one: derivatives of a concatenation with the automaton would not be shared."""
        words = [_literal(self.missing)] if optional else []
        if self.chunks:
            substring = json.dumps({"substring_chunks": self.chunks}, ensure_ascii=False)
            self.define("SUBSTRING", f"%regex {substring}")
            self.define("COPIED", f"SUBSTRING & {_regex(_COPIED)}")
            words.append(r'"\"" COPIED "\""')
        return self.define("copied_or_missing" if optional else "copied", " | ".join(words))


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _regex(pattern: str) -> str:
    return "/" + pattern.replace("/", r"\/") + "/"
