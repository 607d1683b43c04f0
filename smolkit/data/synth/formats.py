"""How each language writes dates, times, amounts, telephone numbers and addresses.

Every format here can be read back without guessing: an English date in figures always has a day above 12.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from dataclasses import dataclass
from random import Random

MONTHS = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}
DATES = {  # {m}: name of the month, {b}: its first three letters; the rest as in format()
    "en": (
        "{m} {d}, {y}",
        "{d} {m} {y}",
        "{b} {d}, {y}",
        "{d} {b} {y}",
        "{y}-{M:02}-{D:02}",
        "{D:02}/{M:02}/{y}",
        "{M:02}/{D:02}/{y}",
    ),
    "fr": ("{d} {m} {y}", "{D:02}/{M:02}/{y}", "{d} {m} {y}", "{y}-{M:02}-{D:02}", "{D:02}.{M:02}.{y}"),
    "de": ("{d}. {m} {y}", "{D:02}.{M:02}.{y}", "{d}.{M}.{y}", "{y}-{M:02}-{D:02}"),
    "es": ("{d} de {m} de {y}", "{D:02}/{M:02}/{y}", "{D:02}-{M:02}-{y}", "{y}-{M:02}-{D:02}"),
    "it": ("{d} {m} {y}", "{D:02}/{M:02}/{y}", "{d} {m} {y}", "{y}-{M:02}-{D:02}"),
    "pt": ("{d} de {m} de {y}", "{D:02}/{M:02}/{y}", "{D:02}-{M:02}-{y}", "{y}-{M:02}-{D:02}"),
}
DAYS = {
    "en": ("{m} {d}", "{d} {m}", "{b} {d}"),
    "fr": ("{d} {m}",),
    "de": ("{d}. {m}",),
    "es": ("{d} de {m}",),
    "it": ("{d} {m}",),
    "pt": ("{d} de {m}",),
}
MOMENT = {
    "en": "{date} at {time}",
    "fr": "{date} à {time}",
    "de": "{date}, {time}",
    "es": "{date} a las {time}",
    "it": "{date} alle {time}",
    "pt": "{date} às {time}",
}
TIMES = {
    "en": ("12", "12", "24"),
    "fr": ("h", "h", "24"),
    "de": ("24", "24", "."),
    "es": ("24",),
    "it": ("24", "24", "."),
    "pt": ("24", "h"),
}


@dataclass(frozen=True)
class Money:
    """How amounts are written: the pattern's * is the number."""

    code: str
    symbol: str
    pattern: str


MONEYS = {
    "en": ("USD $ $*", "USD $ $*", "GBP £ £*", "EUR € €*", "USD USD *_USD", "GBP GBP GBP_*", "EUR EUR EUR_*"),
    "fr": ("EUR € *_€", "EUR € *_€", "EUR EUR *_EUR", "CHF CHF *_CHF", "EUR euros *_euros"),
    "de": ("EUR € *_€", "EUR € *_€", "EUR EUR *_EUR", "CHF CHF CHF_*", "EUR Euro *_Euro"),
    "es": ("EUR € *_€", "EUR € *€", "EUR EUR *_EUR", "EUR euros *_euros"),
    "it": ("EUR € *_€", "EUR € €_*", "EUR EUR *_EUR", "EUR euro *_euro"),
    "pt": ("EUR € *_€", "BRL R$ R$_*", "EUR EUR *_EUR", "EUR euros *_euros"),
}
SEPARATORS = {"en": ",.", "fr": " ,", "de": ".,", "es": ".,", "it": ".,", "pt": ".,"}  # thousands, decimals
PHONES = {
    "en": ("+1 ###-555-####", "(###) 555-####", "+44 20 #### ####", "0#### ######", "###-555-####"),
    "fr": ("0# ## ## ## ##", "+33 # ## ## ## ##", "0#.##.##.##.##"),
    "de": ("0## / ######", "+49 ## #######", "0### #######", "+49 ### ######"),
    "es": ("9## ### ###", "+34 6## ### ###", "6## ## ## ##"),
    "it": ("0# ########", "+39 3## ### ####", "3## #######"),
    "pt": ("2## ### ###", "+351 9## ### ###", "+55 11 9####-####"),
}
IBANS = {"de": ("DE", 18), "es": ("ES", 20), "fr": ("FR", 23), "pt": ("PT", 21)}  # figures after the check
STREETS = {
    "en": "{n} {street}",
    "fr": "{n} {street}",
    "de": "{street} {n}",
    "es": "{street}, {n}",
    "it": "{street} {n}",
    "pt": "{street}, {n}",
}


@dataclass(frozen=True)
class Habits:
    """What one document keeps to: its currency, and its way to write dates and times."""

    lang: str
    money: Money
    date: str
    time: str
    day_first: bool

    @classmethod
    def choose(cls, rng: Random, lang: str) -> Habits:
        money = Money(*(part.replace("_", " ") for part in rng.choice(MONEYS[lang]).split()))
        return cls(lang, money, rng.choice(DATES[lang]), rng.choice(TIMES[lang]), rng.random() < 0.5)


def whole(number: float) -> float:
    """12.0 as 12."""
    return int(number) if float(number).is_integer() else number


def decimal(number: float, lang: str, digits: int | None = None) -> str:
    """A number with the language's separators; `digits` decimals, or as many as it has."""
    text = f"{number:,}" if digits is None else f"{number:,.{digits}f}"
    return text.translate(str.maketrans(",.", SEPARATORS[lang]))


def money(amount: float, habits: Habits, *, plain: bool = False) -> str:
    digits = 0 if float(amount).is_integer() and not plain else 2
    number = decimal(amount, habits.lang, digits)
    return number if plain else habits.money.pattern.replace("*", number)


def date(day: datetime.date, lang: str, habits: Habits) -> str:
    pattern = habits.date
    if lang == "en" and "/" in pattern and day.day <= 12:
        pattern = "{y}-{M:02}-{D:02}"  # 03/04 is two different days on two sides of an ocean
    return _fill(pattern, day, lang)


def day(day: datetime.date, lang: str, rng: Random) -> str:
    return _fill(rng.choice(DAYS[lang]), day, lang)


def time(hour: int, minute: int, habits: Habits) -> str:
    if habits.time == "12":
        return f"{(hour - 1) % 12 + 1}:{minute:02} {'am' if hour < 12 else 'pm'}"
    mark = {"h": "h", ".": "."}.get(habits.time, ":")
    return f"{hour}h" if mark == "h" and not minute else f"{hour:02}{mark}{minute:02}"


def phone(rng: Random, lang: str) -> str:
    return _digits(rng.choice(PHONES[lang]), rng)


def street(rng: Random, lang: str, name: str) -> str:
    return STREETS[lang].format(n=rng.randint(1, 189), street=name)


def postcode(rng: Random, lang: str, city: str) -> str:
    """The line of an address that holds postcode and city."""
    if lang == "en":
        letters = "ABCDEGHLMNPRSTW"
        british = f"{city} {rng.choice(letters)}{rng.randint(1, 19)} {rng.randint(1, 9)}{rng.choice(letters)}E"
        return rng.choice((british, f"{city} {rng.randint(10000, 98999)}"))
    return f"{_digits('####-###' if lang == 'pt' else '#####', rng)} {city}"


def iban(rng: Random, lang: str) -> str:
    """An IBAN of figures with valid check digits, without spaces."""
    country, length = IBANS[lang if lang in IBANS else rng.choice(list(IBANS))]
    account = "".join(str(rng.randint(0, 9)) for _ in range(length))
    letters = "".join(str(ord(char) - 55) for char in country)
    return f"{country}{98 - int(account + letters + '00') % 97:02}{account}"


def ascii_slug(text: str, joint: str) -> str:
    return re.sub(r"[^a-z0-9]+", joint, strip_accents(text).lower()).strip(joint)


def strip_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


def _fill(pattern: str, day: datetime.date, lang: str) -> str:
    month = MONTHS[lang].split()[day.month - 1]
    return pattern.format(d=day.day, D=day.day, m=month, b=month[:3], M=day.month, y=day.year)


def _digits(pattern: str, rng: Random) -> str:
    """Figures for every #; the first of a number is never 0."""
    return (
        re.sub("#", lambda _: str(rng.randint(1, 9)), pattern, count=1)
        .replace("#", "{}")
        .format(*(rng.randint(0, 9) for _ in range(pattern.count("#") - 1)))
    )
