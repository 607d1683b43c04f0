"""What a target is: how it writes, and the ways to store weights that it knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smolkit.errors import SmolkitError

if TYPE_CHECKING:
    from smolkit.export.report import ExportReport
    from smolkit.export.request import Request


@dataclass(frozen=True)
class Target:
    """One entry of `TARGETS`. `write(request, quants, root)` writes and gates all files in the directory `root`.

    What it returns says what failed; whoever called throws the files away then.
    """

    name: str
    write: Callable[[Request, Sequence[str], Path], ExportReport]
    quants: tuple[str, ...]
    defaults: tuple[str, ...]
    reader: str
    """The consumer of `smolkit.export.check` that has to load the directory."""
    extra: str
    """What brings the modules that it `needs`."""
    needs: tuple[str, ...]
    sees: bool = True
    """Whether it has a layout for models that read images."""


def quants_by_target(targets: Sequence[Target], given: Sequence[str] | None) -> dict[str, list[str]]:
    """The quants that each target is to write: its defaults, or of those given the ones that it knows.

    Raises SmolkitError for one that no target knows, naming the nearest.
    """
    known = {quant for target in targets for quant in target.quants}
    if given is not None and not given:
        raise SmolkitError("no quant to export", known=known)
    for quant in given or ():
        if quant not in known:
            raise SmolkitError(f"unknown quant {quant!r}", given=quant, known=known)
    chosen = {target.name: [one for one in dict.fromkeys(given or ()) if one in target.quants] for target in targets}
    return {target.name: chosen[target.name] or list(target.defaults) for target in targets}
