"""A template for a text, proposed by the model that is to fill it.

The model fills the template of each of several kinds of documents, and the kind whose values it is surest of is taken:
what it found there becomes the proposal. What the text labels itself ("Weight: 540 g") and the model did not find is
added under its label. So a proposal holds what this model can find, and needs no model that was taught to write one.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from smolkit.errors import DataError
from smolkit.extraction.spans import Span
from smolkit.extraction.template import Template, field_of
from smolkit.runtime.extractor import Extraction, Extractor, Request

KINDS: dict[str, dict[str, Any]] = {
    "product": {
        "product": "verbatim-string",
        "brand": "verbatim-string",
        "price": "verbatim-string",
        "colours": ["verbatim-string"],
        "size": "verbatim-string",
        "weight": "verbatim-string",
        "material": "verbatim-string",
        "warranty": "verbatim-string",
    },
    "receipt": {
        "shop": "verbatim-string",
        "address": "verbatim-string",
        "date": "date",
        "time": "time",
        "items": [{"name": "verbatim-string", "quantity": "integer", "price": "verbatim-string"}],
        "subtotal": "verbatim-string",
        "tax": "verbatim-string",
        "total": "verbatim-string",
    },
    "invoice": {
        "seller": "verbatim-string",
        "customer": "verbatim-string",
        "invoice_number": "verbatim-string",
        "invoice_date": "date",
        "due_date": "date",
        "net_amount": "verbatim-string",
        "tax": "verbatim-string",
        "total": "verbatim-string",
        "iban": "verbatim-string",
    },
    "job": {
        "job_title": "verbatim-string",
        "employer": "verbatim-string",
        "city": "verbatim-string",
        "contract": "verbatim-string",
        "salary": "verbatim-string",
        "skills": ["verbatim-string"],
        "apply_to": "email-address",
        "deadline": "date",
    },
    "mail": {
        "sender": "verbatim-string",
        "recipients": ["verbatim-string"],
        "subject": "verbatim-string",
        "meeting_date": "date",
        "meeting_time": "time",
        "meeting_place": "verbatim-string",
        "phone": "phone-number",
    },
    "event": {
        "event": "verbatim-string",
        "organiser": "verbatim-string",
        "date": "date",
        "start": "time",
        "venue": "verbatim-string",
        "address": "verbatim-string",
        "ticket_price": "verbatim-string",
        "performers": ["verbatim-string"],
    },
    "flat": {
        "street": "verbatim-string",
        "city": "verbatim-string",
        "rent": "verbatim-string",
        "deposit": "verbatim-string",
        "area": "verbatim-string",
        "rooms": "verbatim-string",
        "available_from": "date",
        "contact": "verbatim-string",
        "phone": "phone-number",
    },
    "booking": {
        "guest": "verbatim-string",
        "hotel": "verbatim-string",
        "booking_number": "verbatim-string",
        "arrival": "date",
        "departure": "date",
        "nights": "integer",
        "room": "verbatim-string",
        "price": "verbatim-string",
    },
}
"""What is asked of a text, once as each kind of document; the types are those of a proposal."""
MAX_TEXT = 4000
"""Characters of a text that are read: what kind it is shows at its beginning."""
_MAX_NEW_TOKENS = 192
_SURE = 0.35
"""Least score of a value whose field is proposed."""
_FEWEST = 3
"""Values in different places that a text of some kind has at least."""

_LABEL = re.compile(r"^[ \t]*([^\W\d_][\w '/().-]{1,30}?)[ \t]*[:：][ \t]+(\S[^\n]*?)[ \t]*$", re.MULTILINE)
_MOST_WORDS = 4
"""Of a label; what is longer is a sentence."""
_MARKED_TYPES = {
    "date": re.compile(r"[0-9]{4}([./-])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([./-])[0-9]{1,2}\2[0-9]{2}(?:[0-9]{2})?"),
    "time": re.compile(r"[0-2]?[0-9]:[0-5][0-9]"),
    "email-address": re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+"),
    "url": re.compile(r"https?://\S+"),
    "integer": re.compile(r"0|[1-9][0-9]{0,5}"),
    "number": re.compile(r"-?[0-9]{1,9}\.[0-9]{1,6}"),
}
"""Types that a value shows by its form alone."""


class _Found(NamedTuple):
    """A field of a proposal: where its first value stands in the text, and how sure the model is of its values."""

    field: str
    span: Span
    score: float


def propose_template(extractor: Extractor, text: str) -> Iterator[str]:
    """Templates as JSON text, each of them valid; the last one is the proposal.

    Until that is there, what the text labels itself comes after each step of the model, so that a caller can stop at
    any. Raises DataError for a text in which nothing is found.
    """
    text = text[:MAX_TEXT]
    labels = _written({key: type_of(value) for _, key, value in labelled(text)})
    requests = [Request(text, Template.parse(_blank(fields))) for fields in KINDS.values()]
    found = None
    for found in extractor.side_by_side(requests, verbatim=True, max_new_tokens=_MAX_NEW_TOKENS):
        if found is None:
            yield labels
    assert found is not None
    kind, extraction = max(zip(KINDS, found, strict=True), key=lambda pair: _fit(pair[1]))
    source = _proposal(text, KINDS[kind], extraction)
    if not source:
        raise DataError("the model found nothing to extract in this text", fix="Write the template by hand")
    yield _written(source)


def _fit(extraction: Extraction) -> tuple[bool, float]:
    """How well a text is a document of the kind that was asked for: whether it says enough, and the mean log score."""
    places = len(set(extraction.spans.values()))
    logs = [math.log(max(score, 1e-4)) for score in extraction.scores.values()]
    return places >= _FEWEST, sum(logs) / len(logs) if logs else -math.inf


def _proposal(text: str, fields: Mapping[str, Any], extraction: Extraction) -> dict[str, Any]:
    """The template's source, its fields in the order in which their values stand in the text."""
    found = _distinct(_found(extraction))
    ordered = [(one.span.start, key, value) for key, value, one in _fields(fields, found)]
    taken = [one.span for one in found]
    keys = {key for _, key, _ in ordered}
    for span, key, value in labelled(text):
        if key not in keys and not any(span.start <= other.start < span.end for other in taken):
            keys.add(key)
            ordered.append((span.start, key, type_of(value)))
    return {key: value for _, key, value in sorted(ordered, key=lambda entry: entry[0])}


def _found(extraction: Extraction) -> list[_Found]:
    """Fields with a value that stands in the text and of which the model is sure, by their best value."""
    best: dict[str, _Found] = {}
    for path, span in extraction.spans.items():
        field, score = field_of(path), extraction.scores.get(path, 0.0)
        if score >= _SURE and (field not in best or score > best[field].score):
            best[field] = _Found(field, min(span, best[field].span) if field in best else span, score)
    return list(best.values())


def _distinct(found: list[_Found]) -> list[_Found]:
    """Each place once, under the field that the model is most sure of: a model in doubt gives one value to many."""
    kept: list[_Found] = []
    for one in sorted(found, key=lambda one: -one.score):
        if not any(one.span.start < other.span.end and other.span.start < one.span.end for other in kept):
            kept.append(one)
    return kept


def _fields(fields: Mapping[str, Any], found: list[_Found]) -> Iterator[tuple[str, Any, _Found]]:
    """Keys of the proposal with their types; of a list of objects, the fields that were found."""
    by_key: dict[str, list[_Found]] = {}
    for one in found:
        by_key.setdefault(re.split(r"[.\[]", one.field)[0], []).append(one)
    for key, several in by_key.items():
        pattern = fields[key]
        if isinstance(pattern, list) and isinstance(pattern[0], dict):
            first, *_ = pattern[0]  # what an item is called is asked for in any case
            inside = {first, *(one.field.rpartition(".")[2] for one in several)}
            pattern = [{name: kind for name, kind in pattern[0].items() if name in inside}]
        yield key, pattern, min(several, key=lambda one: one.span)


def labelled(text: str) -> Iterator[tuple[Span, str, str]]:
    """What the text labels itself: where a value stands, its label in snake case without accents, and the value."""
    for match in _LABEL.finditer(text):
        plain = unicodedata.normalize("NFKD", match[1]).encode("ascii", "ignore").decode()
        key = "_".join(re.findall(r"[A-Za-z0-9]+", plain)).lower()
        if key and len(match[1].split()) <= _MOST_WORDS:
            yield Span(*match.span(2)), key, match[2]


def type_of(value: str) -> str:
    """The leaf type that a value shows by its form, such as `number` of "12.50"; else `verbatim-string`."""
    return next((name for name, form in _MARKED_TYPES.items() if form.fullmatch(value)), "verbatim-string")


def _blank(pattern: Any) -> Any:
    """The same fields in the blank style, which every model of templates knows; their values are to be copied."""
    if isinstance(pattern, Mapping):
        return {key: _blank(child) for key, child in pattern.items()}
    return [_blank(pattern[0])] if isinstance(pattern, list) else ""


def _written(source: dict[str, Any]) -> str:
    return json.dumps(source, ensure_ascii=False, indent=2)
