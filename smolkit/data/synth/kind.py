"""What a kind of document is: values to draw, and wording per language to say them in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from smolkit.data.synth.phrases import Phrases, parse
from smolkit.data.synth.values import Draw, Record

DEFAULT_LAYOUTS = {"prose": 5, "lines": 3, "mixed": 1, "one_line": 1}


@dataclass(frozen=True)
class Kind:
    """`draw` makes a record; `core` fields are in every document, each other one is left out of some.

    `groups` may be nested under one key; `layouts` weighs the layouts of document.LAYOUTS.
    """

    draw: Callable[[Draw], Record]
    wording: Mapping[str, str]
    core: tuple[str, ...] = ()
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    layouts: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_LAYOUTS))
    phrases: dict[str, Phrases] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "phrases", {lang: parse(block) for lang, block in self.wording.items()})
