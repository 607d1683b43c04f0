"""What a document can say: `Value`, the text as it stands in the document beside its canonical form.

`Draw` makes the values of one document: it holds the document's random numbers, its language, its split and its
habits (one date format, one currency). It knows nothing of the kinds of documents.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

from smolkit.data.synth import formats, pools
from smolkit.data.synth.phrases import Phrases

SPLITS = ("train", "dev", "test")
HELD_OUT = {"dev": 4, "test": 5}  # of every six values of an open pool, the fifth is dev's and the sixth is test's
SMALLEST_OPEN_POOL = 12


@dataclass(frozen=True)
class Value:
    """One fact of a document.

    `family` decides which leaf types may ask for it (see templates.TYPES); `typed` is its canonical form there.
    `short` stands after a label where `text` would read badly ("Pets: no"). `within` names the field whose mention
    says this one too (a price says its currency); "*" means that the whole document says it.
    """

    text: str
    family: str = "text"
    typed: object = None
    choices: tuple[str, ...] = ()
    short: str = ""
    within: str = ""

    @classmethod
    def never(cls) -> Value:
        """A field that this document has no room for, but a template may ask for."""
        return cls("", within="nowhere")


Item = dict[str, Value]
Record = Mapping[str, Value | Sequence[Value] | Sequence[Item]]
"""What a document could say: scalars, lists of scalars, lists of objects, by field."""


def scalars(value: Value | Sequence[Value] | Sequence[Item]) -> list[Value]:
    """The values of a list of scalars; none for anything else."""
    return [] if isinstance(value, Value) else [entry for entry in value if isinstance(entry, Value)]


def items(value: Value | Sequence[Value] | Sequence[Item]) -> list[Item]:
    """The objects of a list of objects; none for anything else."""
    return [] if isinstance(value, Value) else [entry for entry in value if isinstance(entry, dict)]


def impossible(record: Record) -> set[str]:
    """The fields that no sentence of this document may say."""
    return {name for name, value in record.items() if isinstance(value, Value) and not value.text}


def split_of(text: str) -> str:
    """The split that owns a text: three quarters train, an eighth dev, an eighth test."""
    return {6: "dev", 7: "test"}.get(zlib.crc32(text.encode()) % 8, "train")


def share(entries: Sequence[str], split: str) -> Sequence[str]:
    """The part of an open pool that a split may draw from; a short (closed) pool belongs to all."""
    if len(entries) < SMALLEST_OPEN_POOL:
        return entries
    if split == "train":
        return [entry for place, entry in enumerate(entries) if place % 6 not in HELD_OUT.values()]
    return [entry for place, entry in enumerate(entries) if place % 6 == HELD_OUT[split]]


@dataclass
class Draw:
    """The random choices of one document."""

    rng: Random
    lang: str
    split: str
    phrases: Phrases
    habits: formats.Habits = field(init=False)

    def __post_init__(self) -> None:
        self.habits = formats.Habits.choose(self.rng, self.lang)

    # Words

    def word(self, pool: str) -> str:
        """One entry of the kind's own pool of that name, or of the shared one."""
        entries = self.phrases.pools.get(pool) or pools.entries(pool, self.lang)
        return self.rng.choice(share(entries, self.split))

    def text(self, pool: str) -> Value:
        return Value(self.word(pool))

    def texts(self, pool: str, low: int, high: int) -> list[Value]:
        """Between `low` and `high` distinct entries of a pool."""
        wanted = self.rng.randint(low, high)
        found = dict.fromkeys(self.word(pool) for _ in range(3 * wanted))
        return [Value(word) for word in list(found)[:wanted]]

    def invented(self) -> str:
        """A name that no pool holds, so that copying it is the only way to know it."""
        while True:
            name = "".join(self.rng.choice(part.split("|")) for part in pools.SYLLABLES)
            if self.split == split_of(name):
                return name

    def code(self, patterns: str) -> Value:
        """A code in the form of one of the patterns "A|B": # is a digit, @ a capital letter."""
        pattern = self.rng.choice(patterns.split("|"))
        letters = {"#": "0123456789", "@": "ABCDEFGHJKLMNPRSTUVWXYZ"}
        return Value("".join(self.rng.choice(letters[char]) if char in letters else char for char in pattern))

    # People and places

    def person(self) -> Value:
        last = self.invented() if self.rng.random() < 0.35 else self.word("last names")
        return Value(f"{self.word('first names')} {last}")

    def company(self) -> Value:
        stem = self.invented() if self.rng.random() < 0.6 else self.word("last names")
        return Value(self.word("companies").replace("*", stem))

    def brand(self) -> Value:
        return Value(self.invented())

    def city(self) -> Value:
        return self.text("cities")

    def two_cities(self) -> tuple[Value, Value]:
        """The two ends of a journey."""
        first, second = self.rng.sample(share(pools.entries("cities", self.lang), self.split), 2)
        return Value(first), Value(second)

    def country(self) -> Value:
        code, name = self.rng.choice(pools.COUNTRIES[self.lang])
        return Value(name, "country", code)

    def language(self) -> Value:
        code, name = self.rng.choice(pools.LANGUAGES[self.lang])
        return Value(name, "language", code)

    def address(self, city: Value | None = None) -> Value:
        """A street with its number, in most documents with postcode and city."""
        street = formats.street(self.rng, self.lang, self.word("streets"))
        if self.rng.random() < 0.3:
            return Value(street)
        return Value(f"{street}, {formats.postcode(self.rng, self.lang, (city or self.city()).text)}")

    def phone(self) -> Value:
        text = formats.phone(self.rng, self.lang)
        return Value(text, "phone", "".join(char for char in text if char.isdigit() or char == "+"))

    def iban(self) -> Value:
        """An account number, in groups of four in most documents."""
        account = formats.iban(self.rng, self.lang)
        groups = " ".join(account[start : start + 4] for start in range(0, len(account), 4))
        return Value(groups if self.rng.random() < 0.6 else account, "iban", account)

    def email(self, owner: Value | None = None) -> Value:
        local = formats.ascii_slug((owner or self.person()).text, ".")
        address = f"{local}@{self.invented().lower()}.{self.rng.choice(pools.DOMAINS[self.lang])}"
        return Value(address, "email", address)

    def url(self) -> Value:
        head = self.rng.choice(("https://", "https://www.", "www."))
        tail = self.rng.choice(("", "", f"/{self.invented().lower()}", f"/{self.rng.randint(100, 9999)}"))
        address = f"{head}{self.invented().lower()}.{self.rng.choice(pools.DOMAINS[self.lang])}{tail}"
        return Value(address, "url", address) if "//" in head else Value(address)  # a url type wants its scheme

    # Numbers

    def money(self, low: float, high: float, *, cents: float = 0.7, plain: bool = False) -> Value:
        """An amount in the document's currency; `cents` is the chance of decimals, `plain` leaves the currency out."""
        amount = (
            round(self.rng.uniform(low, high), 2)
            if self.rng.random() < cents
            else self.rng.randint(max(1, round(low)), max(1, round(high)))
        )
        return self.amount(amount, plain=plain)

    def amount(self, amount: float, *, plain: bool = False) -> Value:
        return Value(formats.money(amount, self.habits, plain=plain), "money", formats.whole(amount))

    def currency(self, within: str) -> Value:
        """The currency of the amount in field `within`, which is written there."""
        return Value(self.habits.money.symbol, "currency", self.habits.money.code, within=within)

    def count(self, low: int, high: int) -> Value:
        number = self.rng.randint(low, high)
        return Value(str(number), "integer", number)

    def measure(self, low: float, high: float, unit: str, *, digits: int = 0) -> Value:
        """A number with its unit, "62 m²"; the number alone is the typed form."""
        number = formats.whole(round(self.rng.uniform(low, high), digits))
        return Value(f"{formats.decimal(number, self.lang)} {unit}", "measure", number)

    def minutes(self, low: int, high: int) -> Value:
        number = self.rng.randint(low, high)
        return Value(f"{number} min", "duration", f"PT{number}M")

    def percent(self, low: int, high: int) -> Value:
        number = self.rng.randint(low, high)
        return Value(f"{number} %" if self.lang in ("fr", "de", "es") else f"{number}%", "measure", number)

    # Time

    def date(self, after: Value | None = None, days: tuple[int, int] = (1, 40)) -> Value:
        """A day with its year, `days` after another one if given."""
        if after is None:
            day = date(2018, 1, 1) + timedelta(self.rng.randrange(365 * 10))
        else:
            day = date.fromisoformat(str(after.typed)) + timedelta(self.rng.randint(*days))
        return Value(formats.date(day, self.lang, self.habits), "date", day.isoformat())

    def birthday(self) -> Value:
        """A day on which somebody now of age was born."""
        day = date(1945, 1, 1) + timedelta(self.rng.randrange(365 * 60))
        return Value(formats.date(day, self.lang, self.habits), "date", day.isoformat())

    def day(self) -> Value:
        """A day as people say it, without its year."""
        day = date(2024, 1, 1) + timedelta(self.rng.randrange(365))
        return Value(formats.day(day, self.lang, self.rng))

    def time(self, low: int = 8, high: int = 21) -> Value:
        hour, minute = self.rng.randint(low, high), self.rng.choice((0, 0, 15, 30, 30, 45, 5, 10, 20, 50))
        return Value(formats.time(hour, minute, self.habits), "time", f"{hour:02}:{minute:02}")

    def moment(self) -> Value:
        """A day and an hour in one phrase."""
        day, hour = self.date(), self.time()
        text = formats.MOMENT[self.lang].format(date=day.text, time=hour.text)
        return Value(text, "moment", f"{day.typed}T{hour.typed}")

    # Choices

    def enum(self, name: str) -> Value:
        """One of the kind's choices of that name, said in the document's language."""
        table = self.phrases.enums[name]
        choice = self.rng.choice(list(table))
        return Value(self.rng.choice(table[choice]), "enum", choice, choices=tuple(table))

    def enums(self, name: str, low: int, high: int) -> list[Value]:
        """Several distinct choices."""
        table = self.phrases.enums[name]
        picked = self.rng.sample(list(table), min(len(table), self.rng.randint(low, high)))
        return [Value(self.rng.choice(table[choice]), "enum", choice, choices=tuple(table)) for choice in picked]

    def flag(self, name: str) -> Value:
        """A yes or a no, said as the kind's phrases say it."""
        value = self.enum(name)
        yes = value.typed == "yes"
        return replace(value, family="flag", typed=yes, choices=(), short=pools.YES_NO[self.lang][0 if yes else 1])

    def said(self, name: str, choice: str, choices: Sequence[str]) -> Value:
        """A choice that no single word of the document says: its sense does (the intent of a command)."""
        return Value("", "sense", choice, choices=tuple(choices), within="*")

    def fresh(self, what: str) -> str:
        """A value of no field, for a sentence that only distracts: `{#money}` and the like in a phrase."""
        return {
            "money": lambda: self.money(3, 200),
            "date": self.date,
            "day": self.day,
            "time": self.time,
            "phone": self.phone,
            "email": self.email,
            "url": self.url,
            "person": self.person,
            "company": self.company,
            "brand": self.brand,
            "city": self.city,
            "number": lambda: self.count(2, 99),
            "percent": lambda: self.percent(3, 60),
            "code": lambda: self.code("@@-####|######|@###"),
        }[what]().text
