"""One way to write each value, so that the metric compares what was meant and not how it was typed.

`normalise` is for every text; `canonical` is for the typed leaves that count as right or wrong, with nothing between.
A text that is not of its type keeps its own form: nothing is judged here, and nothing is repaired.
This module knows nothing of templates or scores.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from urllib.parse import urlsplit, urlunsplit

SOFT_TYPES = frozenset({"blank", "string", "verbatim-string"})
"""Leaf types whose texts may be partly right; every other type is exact after its canonical form."""

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?")
_WHOLE_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-?W[0-9]{2}-?[1-7]")
_QUANTITY = r"([0-9]+(?:[.,][0-9]+)?)"
_DURATION = re.compile(
    rf"P(?:{_QUANTITY}Y)?(?:{_QUANTITY}M)?(?:{_QUANTITY}W)?(?:{_QUANTITY}D)?"
    rf"(?:T(?:{_QUANTITY}H)?(?:{_QUANTITY}M)?(?:{_QUANTITY}S)?)?"
)


def normalise(text: str) -> str:
    """NFKC, runs of white space as one space, none at the ends. Case and punctuation stay."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.split())


def canonical(text: str, leaf_type: str) -> str:
    """The canonical form of a normalised text under one of the exact leaf types; itself where it is not of the type."""
    form = FORMS.get(leaf_type)
    return form(text) if form else text


def _number(text: str) -> str:
    """1e3, 1000 and 1000.0 alike. A grouping comma is no number: in half of the world it is the decimal point."""
    if not _NUMBER.fullmatch(text):
        return text
    value = Decimal(text)
    return str(value.normalize()) if value else "0"


def _date(text: str) -> str:
    """Whole dates as YYYY-MM-DD, from the basic and the week form too; a month or a year alone stays what it is."""
    text = text.upper()
    try:
        return date.fromisoformat(text).isoformat() if _WHOLE_DATE.fullmatch(text) else text
    except ValueError:
        return text


def _time(text: str) -> str:
    text = text.upper()
    try:
        return time.fromisoformat(text).isoformat()
    except ValueError:
        return text


def _date_time(text: str) -> str:
    """One moment is one text: with an offset it is told in UTC. A date or a time alone is read as such."""
    text = text.upper()
    if "T" not in text and " " not in text:
        return _time(text) if ":" in text else _date(text)
    try:
        moment = datetime.fromisoformat(text)
        return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat()
    except (ValueError, OverflowError):
        return text


def _duration(text: str) -> str:
    """In months, days and seconds, the three that do not convert into each other."""
    found = _DURATION.fullmatch(text.upper())
    if not found or not any(found.groups()):
        return text.upper()
    years, months, weeks, days, hours, minutes, seconds = (
        Decimal((part or "0").replace(",", ".")) for part in found.groups()
    )
    totals = (12 * years + months, 7 * weeks + days, 3600 * hours + 60 * minutes + seconds)
    return " ".join(str(total.normalize()) for total in totals)


def _url(text: str) -> str:
    """Scheme and host in lower case, and no slash where there is no path."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    user, at, host = parts.netloc.rpartition("@")
    path = "" if parts.path == "/" else parts.path
    return urlunsplit(parts._replace(netloc=user + at + host.lower(), path=path)) or text


def _phone(text: str) -> str:
    """Digits, and the letters of an extension."""
    return "".join(char for char in text if char.isalnum()).casefold() or text


def _code(text: str) -> str:
    return text.upper().replace(" ", "") or text


FORMS: dict[str, Callable[[str], str]] = {
    "integer": _number,
    "number": _number,
    "boolean": str.casefold,
    "date": _date,
    "time": _time,
    "date-time": _date_time,
    "duration": _duration,
    "url": _url,
    "email-address": str.casefold,
    "phone-number": _phone,
    "currency": str.upper,
    "country": str.upper,
    "language": str.casefold,
    "iban": _code,
    "bic": _code,
}
"""The canonical form of each exact leaf type."""
