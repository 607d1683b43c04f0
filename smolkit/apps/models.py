"""The models of an app: a list that whoever starts it fixes, from which a visitor picks by name.

They are opened when they are first used. This module knows no page; what a visitor sends is compared with names, and is
never a path.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from smolkit.errors import DataError, ModelError, nearest
from smolkit.evals.exports import exported_files
from smolkit.models import BUNDLED, MODELS
from smolkit.models.resolve import is_hub_id
from smolkit.runtime import RUNTIMES, open_extractor
from smolkit.runtime.extractor import Extractor
from smolkit.runtime.onnx_files import has_weights

MOST_OPEN = 2
"""Models that are open at the same time; the first of a list is always one of them."""

DTYPES = ("bfloat16", "float16", "float32", "int8")


@dataclass(frozen=True)
class Given:
    """A model as the command line or the environment names it: `MODEL`, `MODEL,RUNTIME` or `MODEL,TYPE`."""

    model: str
    runtime: str | None = None
    dtype: str = "auto"

    @property
    def runs(self) -> list[str]:
        """What is said of how it is to run."""
        return [part for part in (self.runtime, self.dtype) if part and part != "auto"]

    def __str__(self) -> str:
        return ",".join([self.model, *self.runs])


@dataclass(frozen=True)
class Choice:
    """One entry of the list: `name` is what visitors see and send."""

    name: str
    given: Given


def read_models(texts: Iterable[str], runtime: str | None = None) -> list[Given]:
    """The models that texts such as `bundled`, `out/model,torch` or `a.gguf,b.gguf` name, in order.

    `runtime` is for those that name none. Raises SmolkitError for what is no model, runtime or type.
    """
    if runtime:
        RUNTIMES[runtime]  # which says what it is nearest to
    found: list[Given] = []
    for text in texts:
        # A path may have a comma in it.
        for part in [text] if _is_there(text) else [part.strip() for part in text.split(",")]:
            if found and part in RUNTIMES:
                found[-1] = replace(found[-1], runtime=part)
            elif found and part in DTYPES:
                found[-1] = replace(found[-1], dtype=part)
            else:
                _check(part)
                found.append(Given(part))
    return [given if given.runtime else replace(given, runtime=runtime) for given in found]


def list_choices(models: Sequence[Given]) -> list[Choice]:
    """Every model under a name of its own; an export directory offers each of its files.

    A name is the last part of the path, and what is known of how the model runs, as in `receipts (onnx, q4)`.
    """
    labels = dict(zip(models, short_names([given.model for given in models]), strict=True))
    choices = [choice for given, label in labels.items() for choice in _files(label, given)]
    seen: Counter[str] = Counter()
    for index, choice in enumerate(choices):
        seen[choice.name] += 1
        if seen[choice.name] > 1:
            choices[index] = replace(choice, name=f"{choice.name} {seen[choice.name]}")
    return choices


def short_names(models: Sequence[str]) -> list[str]:
    """The last part of each path, with the folder that it is in where two would be the same."""
    paths = [Path(os.path.abspath(Path(model).expanduser()) if _is_there(model) else model) for model in models]
    last = Counter(path.name for path in set(paths))
    return [path.name if last[path.name] == 1 else "-".join(path.parts[-2:]) for path in paths]


class Models:
    """The listed models, opened when they are first used and closed in the order in which they were used last.

    `get` is for one thread at a time, and what it returned before may be closed by it.
    """

    def __init__(self, choices: Sequence[Choice], opener: Callable[[Given], Extractor] | None = None):
        if not choices:
            raise ModelError("no model to serve", fix="Name one with --model")
        self._choices = {choice.name: choice for choice in choices}
        self._opener = opener or _open
        self._open: dict[str, Extractor] = {}
        self._computes: dict[str, str] = {}

    @classmethod
    def of(cls, given: Sequence[Given]) -> Models:
        """The models that the command line or the environment names, the first of them open."""
        models = cls(list_choices(given))
        models.get(models.names[0])
        return models

    @property
    def names(self) -> list[str]:
        return list(self._choices)

    def includes(self, model: str) -> bool:
        """Whether a model was given by this name, such as `bundled`."""
        return any(choice.given.model == model for choice in self._choices.values())

    def find(self, name: str | None) -> str:
        """The name itself, or that of the first model for none. Raises DataError for one that is not listed."""
        if not name:
            return self.names[0]
        if name not in self.names:
            raise DataError(f"no model named {str(name)[:80]!r} here", given=str(name)[:80], known=self.names)
        return name

    def has_open(self, name: str) -> bool:
        return name in self._open

    def computes(self, name: str) -> str:
        """What runs a model, and with what, as in "torch, bfloat16"; "" for one that was never opened."""
        return self._computes.get(name, "")

    def get(self, name: str) -> Extractor:
        """A model of the list; the one that was used longest ago is closed where there would be too many."""
        if name not in self._open:
            for other in self._to_close():
                self._open.pop(other).close()
            self._open[name] = self._opener(self._choices[name].given)
            self._computes[name] = self._open[name].computes
        self._open[name] = self._open.pop(name)  # to the end, as the one used last
        return self._open[name]

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def __enter__(self) -> Models:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _to_close(self) -> list[str]:
        others = [name for name in self._open if name != self.names[0]]
        return others[: max(0, len(self._open) - MOST_OPEN + 1)]


def _open(given: Given) -> Extractor:
    return open_extractor(given.model, runtime=_runtime(given), dtype=given.dtype)


def _runtime(given: Given) -> str | None:
    """The runtime that was asked for; of the bundled model without a GPU the one that is there soonest.

    That model is a GGUF file as it comes: llama.cpp has it open in a third of the time that its conversion for another
    runtime takes, and answers one visitor as fast.
    """
    if given != Given(BUNDLED) or find_spec("llama_cpp") is None:
        return given.runtime
    import torch

    return None if torch.cuda.is_available() else "llama.cpp"


def _is_there(model: str) -> bool:
    return Path(model).expanduser().exists()


def _check(model: str) -> None:
    """Raise ModelError for what no runtime could open, so that it is known before a visitor asks for it."""
    if model == BUNDLED or model in MODELS or _is_there(model) or is_hub_id(model):
        return
    path = Path(model).expanduser()
    if "/" not in model and path.suffix not in (".gguf", ".onnx"):
        known = [BUNDLED, *MODELS, *RUNTIMES, *DTYPES]
        raise ModelError(f"{model!r} is no model, runtime or type", given=model, known=known)
    near = nearest(path.name, [entry.name for entry in path.parent.iterdir()]) if path.parent.is_dir() else None
    raise ModelError("no such model", where=model, fix=f"Did you mean {path.parent / near}?" if near else None)


def _files(label: str, given: Given) -> Iterator[Choice]:
    """A choice for each file of an export directory, smallest first, types that a CPU has to convert last."""
    directory = Path(given.model).expanduser()
    exported = directory.is_dir() and given.dtype == "auto" and (given.runtime or not has_weights(directory))
    sides = [side for side in exported_files(directory) if given.runtime in (None, side.runtime)] if exported else []
    for side in sorted(sides, key=lambda side: ("16" in side.precision, side.size)):
        yield Choice(f"{label} ({side.runtime}, {side.precision})", Given(side.model, side.runtime))
    if not sides:
        yield Choice(f"{label} ({', '.join(given.runs)})" if given.runs else label, given)
