"""What an issue is about, and in which product: as it is said, and as title and description tell it.

Both forms come from one draw, so that nothing can get into a title that the text does not say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smolkit.data.synth.issues import pools
from smolkit.data.synth.issues.draw import Draw, capital, sentence
from smolkit.data.synth.issues.features import Feature

LABELS = ("bug", "feature", "documentation", "question", "performance", "security", "usability")
FAULTS = ("bug", "performance", "security", "usability")


@dataclass(frozen=True)
class Matter:
    """What an issue is about: as it is said, its title, and the first sentence of the description."""

    said: str
    title: str
    told: str


@dataclass(frozen=True)
class Place:
    """The product and its version, as far as the text says them; `updated` if the trouble began with that version."""

    product: str = ""
    version: str = ""
    updated: bool = False
    inline: bool = False
    """Whether the matter itself names the product."""

    @classmethod
    def draw(cls, d: Draw, fault: bool) -> Place:
        product = d.product() if d.chance(0.4) else ""
        version = d.fill(d.rng.choice(("{1-9}.{0-20}", "{1-12}.{0-9}.{0-9}", "{2021-2026}.{1-12}", "v{2-6}.{0-12}")))
        if not d.chance(0.45):
            version = ""
        return cls(product, version, fault and bool(version) and d.chance(0.5), d.chance(0.5))

    @property
    def stated(self) -> str:
        """The version, where it stands by itself and not in `since`."""
        return "" if self.updated else self.version

    @property
    def after(self) -> str:
        """What follows the feature: " in Ledgerly 4.2"."""
        if self.product:
            return f" in {self.product} {self.stated}".rstrip()
        return f" in {numbered(self.stated)}" if self.stated else ""

    @property
    def since(self) -> str:
        return f"since the update to {self.version}" if self.updated else ""

    def values(self) -> dict[str, str]:
        return {"product": self.product, "version": self.version}


def numbered(version: str) -> str:
    return version if version.startswith("v") else f"version {version}"


def draw_matter(d: Draw, kind: str, feature: Feature, place: Place) -> Matter:
    if kind in FAULTS:
        return _fault(d, kind, feature, place)
    return _MATTERS[kind](d, feature.kind, _said_feature(d, feature, place), f"{feature.name}{place.after}")


def _said_feature(d: Draw, feature: Feature, place: Place) -> str:
    article = d.rng.choice(("the ", "the ", "the ", "your ", "our ", ""))
    return feature.name.replace("the ", article, 1) + (place.after if place.inline else "")


def _fault(d: Draw, kind: str, feature: Feature, place: Place) -> Matter:
    told, said = d.pair(_symptoms(d, kind, feature))
    trigger, said_trigger = d.pair(pools.TRIGGERS) if kind == "bug" and d.chance(0.3) else ("", "")
    name, wording = _said_feature(d, feature, place), d.wording(pools.FAULT)
    does = f"{said} {said_trigger}".strip()
    if place.since and wording.startswith("{f} {s}") and d.chance(0.5):
        wording = f"{place.since} {wording}"
    elif place.since:
        does = f"{does} {place.since}"
    condition = trigger or (f"after the update to {place.version}" if place.updated else "")
    title = capital(f"{feature.name.removeprefix('the ')} {told} {condition}".strip())
    whole = f"{feature.name}{place.after} {told} {trigger}".strip()
    return Matter(
        wording.replace("{f}", name).replace("{s}", does),
        title,
        sentence(f"{place.since}, {whole}" if place.since else whole),
    )


def _symptoms(d: Draw, kind: str, feature: Feature) -> str:
    if kind == "bug":
        return pools.ANY_SYMPTOM if d.chance(0.2) else pools.SYMPTOMS[feature.kind]
    return {"performance": pools.SLOW, "security": pools.UNSAFE, "usability": pools.AWKWARD}[kind]


def _say(d: Draw, pool: str, name: str, what: str) -> str:
    """A wording of a pool around the feature and what is said of it."""
    return d.wording(pool).replace("{f}", name).replace("{s}", what)


def _wish(d: Draw, kind: str, said: str, told: str) -> Matter:
    name = d.known["f"]
    if d.chance(0.5):
        wish = d.one(pools.WISHES[d.rng.choice(("any", kind))])
        return Matter(_say(d, pools.WISH, said, wish), f"Let {name} {wish}", sentence(f"{told} should {wish}"))
    part = d.one(pools.ADDITIONS)
    return Matter(_say(d, pools.ADDITION, said, part), f"Add {part} to {name}", sentence(f"{told} should have {part}"))


def _gap(d: Draw, _: str, said: str, told: str) -> Matter:
    if d.chance(0.5):
        task = d.wording(pools.TASKS)
        in_text, in_title, in_description = (_task(d, task, name) for name in (said, d.known["f"], told))
        return Matter(
            _say(d, pools.UNDOCUMENTED, "", in_text),
            f"Document how to {in_title}",
            f"The documentation does not say how to {in_description}.",
        )
    fault, name = d.one(pools.DOC_FAULTS), d.known["f"]
    title = f"Documentation of {name} {fault}"
    return Matter(_say(d, pools.DOC_FAULT, said, fault), title, f"The documentation of {told} {fault}.")


def _question(d: Draw, _: str, said: str, told: str) -> Matter:
    task = d.wording(pools.TASKS)
    in_text, in_title, in_description = (_task(d, task, name) for name in (said, d.known["f"], told))
    pool, asks, tells = pools.HOW, "How to", "how to"
    if d.chance(0.4):
        pool, asks, tells = pools.WHETHER, "Is it possible to", "whether it is possible to"
    told_task = f"The reporter asks {tells} {in_description}."
    return Matter(_say(d, pool, "", in_text), f"{asks} {in_title}?", told_task)


def _task(d: Draw, task: str, name: str) -> str:
    return d.fill(task.replace("{f}", name))


_MATTERS: dict[str, Callable[[Draw, str, str, str], Matter]] = {
    "feature": _wish,
    "documentation": _gap,
    "question": _question,
}
