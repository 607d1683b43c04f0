"""The facts of one issue: what its fields hold, and what of it the text says. Knows no register and no template.

A fact stands in the report in two forms, both drawn here: as it is said, a clause in somebody's own words, and as the
issue tells it. So nothing can get into an answer that the text does not say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from smolkit.data.synth import pools as people
from smolkit.data.synth.issues import pools
from smolkit.data.synth.issues.draw import Draw, capital, entries
from smolkit.data.synth.issues.features import FEATURES, Feature
from smolkit.data.synth.issues.matter import FAULTS, LABELS, Matter, Place, draw_matter, numbered

LEVELS = ("low", "medium", "high", "critical")
MOST_SENTENCES = 3
"""Of a description."""
MOST_STEPS = 4

ALSO_FACT = "Also"
EARLY = ("Product", "Version", "Environment", "Impact")
"""Facts that somebody may state before the matter."""

# Chances, by what an issue is about.
STEPS = {"bug": 0.75, "performance": 0.5, "security": 0.5, "usability": 0.3}
ALSO = {"bug": LABELS[1:], "performance": ("feature", "documentation", "question")} | {
    "security": ("documentation", "question"),
    "usability": ("feature", "documentation", "bug"),
    "feature": ("documentation", "question", "usability"),
    "documentation": ("question", "feature"),
    "question": ("documentation", "feature"),
}
"""What else an issue may be about."""


@dataclass(frozen=True)
class Fact:
    """Something that the text says beside the matter: `name` heads its line in a form, where `value` stands."""

    name: str
    said: str
    value: str
    told: str = ""
    """Its sentence of the description; "" for what is told elsewhere or not worth a sentence."""


@dataclass
class Report:
    kind: str
    labels: list[str]
    matter: Matter
    feature: Feature
    facts: list[Fact] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    early: int = 0
    """How many of the facts stand before the matter."""
    level: str | None = None
    reporter: str = ""
    from_team: bool = False
    values: dict[str, str] = field(default_factory=dict)
    """The fields that only some templates ask for, by their usual name."""

    @property
    def description(self) -> str:
        """The matter, then the facts in the order of the text."""
        return " ".join(told for told in (self.matter.told, *(fact.told for fact in self.facts)) if told)


def draw_report(d: Draw, kind: str) -> Report:
    """An issue of that kind; at most three sentences of description."""
    feature = d.rng.choice(d.share(FEATURES))
    other = d.rng.choice([one for one in d.share(FEATURES) if one.team != feature.team])
    d.known |= {"f": feature.name, "other": other.name, "team": feature.team}
    d.known["event"] = d.fill(feature.event)
    place = Place.draw(d, kind in FAULTS)
    report = Report(kind, [kind], draw_matter(d, kind, feature, place), feature, facts=_where(d, place))
    report.values |= place.values() | {"feature": capital(feature.name.removeprefix("the "))}
    if kind in FAULTS:
        _happening(d, report)
    if d.chance(STEPS.get(kind, 0)):
        report.steps = _steps(d, feature)
    if d.chance(0.3):
        _also(d, report)
    extras = [_press, *_EXTRAS.get(kind, ())]
    for add in d.rng.sample(extras, len(extras)):
        if d.chance(0.6 if add is _press else 0.25):
            add(d, report)
    if d.chance(0.6):
        report.reporter = _person(d)
        report.from_team = d.chance(0.3)
    _order(d, report)
    return report


def _order(d: Draw, report: Report) -> None:
    """Facts in any order, in most issues with another matter last; some may come before the matter itself."""
    d.rng.shuffle(report.facts)
    report.facts.sort(key=lambda fact: fact.name == ALSO_FACT and d.chance(0.7))
    early = [fact for fact in report.facts if fact.name in EARLY and d.chance(0.3)]
    report.facts = early + [fact for fact in report.facts if fact not in early]
    report.early = len(early)


# ---- where and how


def _where(d: Draw, place: Place) -> list[Fact]:
    """The product and the version, unless the matter itself names them."""
    if place.inline or not (place.product or place.stated):
        return []
    if not place.product:
        forms = ("we are on *", "*", "I have * installed", "this is *")
        said = d.rng.choice(forms).replace("*", numbered(place.stated))
        return [Fact("Version", said, place.stated)]
    named = f"{place.product} {place.stated}".strip()
    forms = ("we use *", "this is about *", "I am using *", "we work with *")
    return [Fact("Product", d.rng.choice(forms).replace("*", named), named)]


def _happening(d: Draw, report: Report) -> None:
    """How often and on which machine, in one sentence."""
    system = _system(d) if d.chance(0.35) else ""
    often = d.pair(pools.FREQUENCIES) if report.kind != "usability" and d.chance(0.35) else ("", "")
    if often[0]:
        report.facts.append(Fact("Frequency", often[1], often[0]))
        report.values["frequency"] = capital(often[0])
    told = f"It happens {', '.join(part for part in (often[0], system) if part)}."
    if system:
        plain = system.removeprefix("in ").removeprefix("on ").removeprefix("a ").removeprefix("an ")
        forms = ["I am * here", "tested *", "that is *"]
        forms += [f"my setup: {plain}", f"I use {plain}"] if system.startswith("in") else ["I am *", "we work *"]
        report.facts.append(Fact("Environment", d.rng.choice(forms).replace("*", system), plain, told))
        report.values["environment"] = plain
    elif often[0]:
        report.facts[-1] = Fact("Frequency", often[1], often[0], told)


def _system(d: Draw) -> str:
    browser = f"in {d.one(pools.BROWSERS)} {d.rng.randint(90, 145)}" if d.chance(0.5) else ""
    system = d.one(pools.SYSTEMS) if not browser or d.chance(0.6) else ""
    return f"{browser} {system}".strip()


def _steps(d: Draw, feature: Feature) -> list[str]:
    steps = [d.fill(step) for step in feature.steps]
    if len(steps) < MOST_STEPS and d.chance(0.25) and steps[0].partition(" ")[0] not in ("log", "start"):
        steps.insert(0, d.fill(d.rng.choice(("log in", "start the program", "log in as an administrator"))))
    if len(steps) < MOST_STEPS and d.chance(0.25):
        steps.append(d.fill(d.rng.choice(("wait {2-40} seconds", "go back to the start page", "do it a second time"))))
    return steps


def _person(d: Draw) -> str:
    names = [d.rng.choice(people.POOLS[pool]["en"].split("|")) for pool in ("first names", "last names")]
    return " ".join(names if d.chance(0.5) else names[:1])


# ---- what else: each adds a fact, if there is room for its sentence


def _also(d: Draw, report: Report) -> None:
    """A second matter, which gives the issue a second label."""
    second = d.rng.choice(ALSO[report.kind])
    matter = draw_matter(d, second, report.feature, Place())
    said = d.wording(pools.ALSO).replace("{c}", matter.said)
    report.facts.append(Fact(ALSO_FACT, said, matter.said, matter.told))
    report.labels.append(second)


def _add(report: Report, fact: Fact, **values: str) -> None:
    told = sum(bool(one.told) for one in report.facts) + 1
    if told < MOST_SENTENCES or not fact.told:
        report.facts.append(fact)
        report.values |= values


def _press(d: Draw, report: Report) -> None:
    """How pressing it is: without a fault it is mostly not, and nothing has broken down."""
    weights = (2, 2, 3, 2) if report.kind in FAULTS[:3] else (3, 2, 2, 0)
    level = d.rng.choices(LEVELS, weights)[0]
    cues = d.share(entries(pools.CUES[level]))
    mild = [cue for cue in cues if cue.startswith("-")]
    told, said = d.halves(d.rng.choice(cues if report.kind in FAULTS[:3] else mild))
    before = len(report.facts)
    _add(report, Fact("Impact", said, said, capital(told)), impact=capital(told))
    if len(report.facts) > before:
        report.level = level


def _error(d: Draw, report: Report) -> None:
    error = d.one(pools.ERRORS)
    form = d.rng.choice(('it says "*"', "the error is *", 'I get "*"', "error message: *", 'the message is "*"'))
    _add(report, Fact("Error", form.replace("*", error), error, f'The error message is "{error}".'), error=error)


def _expected(d: Draw, report: Report) -> None:
    wanted = d.one(pools.EXPECTED[report.feature.kind])
    form = d.rng.choice(("I expected *", "I would have expected *", "expected: *", "I should get *"))
    told = f"The reporter expected {wanted}."
    _add(report, Fact("Expected", form.replace("*", wanted), wanted, told), expected=capital(wanted))


def _attempt(d: Draw, report: Report) -> None:
    tried = d.one(pools.ATTEMPTS)
    form = d.rng.choice(("* did not help", "I tried *, that did not help", "* does not help either"))
    _add(report, Fact("Tried", form.replace("*", tried), tried, f"{capital(tried)} did not help."))


def _workaround(d: Draw, report: Report) -> None:
    way = d.one(pools.WORKAROUNDS)
    form = d.rng.choice(("* helps", "as a workaround * helps", "for now * helps", "only * helps"))
    fact = Fact("Workaround", form.replace("*", way), way, f"{capital(way)} helps.")
    _add(report, fact, workaround=capital(way))


def _reason(d: Draw, report: Report) -> None:
    told, said = d.pair(pools.REASONS)
    _add(report, Fact("Reason", said, said, capital(told)), reason=capital(told))


_EXTRAS: dict[str, tuple[Callable[[Draw, Report], None], ...]] = {
    "bug": (_error, _expected, _attempt, _workaround),
    "performance": (_attempt, _workaround),
    "security": (_workaround,),
    "feature": (_reason,),
}
