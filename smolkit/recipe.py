"""Recipes: YAML read into strict pydantic models, with every fault of a file reported at once.

A stage declares its recipe as subclasses of `Section`; `load_recipe` finds, reads, overrides and checks. This module
knows no stage's fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from smolkit.assets import asset, list_assets
from smolkit.document import Document, Keys
from smolkit.errors import RecipeError, RecipeErrors, SmolkitError, nearest

if TYPE_CHECKING:
    from rich.console import Console


class Section(BaseModel):
    """A recipe or a part of one: unknown keys are refused, values are neither guessed nor changed later.

    Types are strict as in JSON: "3" is no number and 1.0 no integer, but 1 is a float. Defaults are checked as well.
    A limit that is off is None, never infinite.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True, allow_inf_nan=False)


def checked_by(check: Callable[[Any], object]) -> AfterValidator:
    """A rule that lives elsewhere, as in `Annotated[str, checked_by(get_format)]`.

    The SmolkitError that `check` raises becomes a fault of the field, with its place in the file.
    """

    def validate(value: Any) -> Any:
        try:
            check(value)
        except SmolkitError as exc:
            raise ValueError(str(exc)) from exc
        return value

    return AfterValidator(validate)


SectionT = TypeVar("SectionT", bound=Section)


def load_recipe(model: type[SectionT], path_or_name: str | Path, overrides: Sequence[str] = ()) -> SectionT:
    """The recipe at a path, or the shipped one of that name (`smoke/extraction-demo`), with `a.b=value` overrides.

    Raises RecipeErrors with a line per fault, each with `file:line:field` or `--set field`.
    """
    file = find_recipe(path_or_name)
    document = Document.read(file)
    for override in overrides:
        document.override(override)
    try:
        # Through JSON, whose strict mode knows that a list may be meant as a tuple and a string as a path.
        return model.model_validate_json(json.dumps(document.data))
    except ValidationError as exc:
        raise RecipeErrors(_explain(document, model, exc)) from exc
    except SmolkitError as exc:  # from a validator of the recipe's own: pydantic passes it on without a place
        raise RecipeError(str(exc), where=document.file) from exc


def find_recipe(path_or_name: str | Path) -> Path:
    """The file that is meant by a path or by the name of a shipped recipe, with or without `recipes/` and `.yaml`."""
    given = str(path_or_name)
    if Path(given).is_file():
        return Path(given)
    name = given.removeprefix("recipes/").removesuffix(".yaml")
    shipped = [entry.removesuffix(".yaml") for entry in list_assets("recipes") if entry.endswith(".yaml")]
    if name not in shipped:
        raise RecipeError(f"no recipe file {given!r}, and none shipped under that name", given=name, known=shipped)
    return asset("recipes", f"{name}.yaml")


def resolved(recipe: Section) -> dict[str, Any]:
    """Every field with its value, defaults included, as JSON can hold it: for manifests and reports."""
    return recipe.model_dump(mode="json")


# Explaining faults


def _explain(document: Document, model: type[Section], exc: ValidationError) -> list[RecipeError]:
    """Pydantic's errors in our words and in the order of the file: where, the nearest name or the value given."""
    faults: dict[Keys, list[str]] = {}
    for error in exc.errors():
        path, sections = _follow(document.data, model, error["loc"])
        unknown = error["type"] == "extra_forbidden"
        message = _unknown_field(str(path[-1]), sections) if unknown else _describe(dict(error))
        faults.setdefault(path, []).append(message)
    # A value that fits no branch of a union has a fault per branch; the one that looks deepest inside knows best.
    innermost = [path for path in faults if not any(path == other[: len(path)] for other in faults if other != path)]
    innermost.sort(key=lambda path: document.line(path) or 0)
    return [RecipeError(_either(faults[path]), where=document.where(path)) for path in innermost]


def _follow(data: Any, model: type[Section], loc: Keys) -> tuple[Keys, list[type[Section]]]:
    """The path in the data that pydantic's `loc` means, and the sections that may hold its last key.

    `loc` also holds the name of the branch that pydantic took in a union; those are no keys of the data.
    """
    path: list[str | int] = []
    sections: list[type[Section]] = [model]
    holders = sections
    for key in loc:
        fields = [section.model_fields[key] for section in sections if key in section.model_fields]
        present = key in data if isinstance(data, dict) else isinstance(key, int) and isinstance(data, list)
        if not present and not fields:
            sections = [section for section in sections if _is_branch(section, str(key))] or sections
            continue
        path.append(key)
        data = data[key] if present else None
        holders = sections
        sections = [inner for info in fields for inner in _sections_in(info.annotation)] or sections
    return tuple(path), holders


def _unknown_field(name: str, sections: list[type[Section]]) -> str:
    known = {field for section in sections for field in section.model_fields}
    near = nearest(name, known)
    return f"no such field. Did you mean {near!r}?" if near else f"no such field. Known: {', '.join(sorted(known))}"


def _either(messages: list[str]) -> str:
    """One message for the branches of a union: "must be a list or a valid string, got 3"."""
    own = [text for text in messages if not text.startswith("must be ")]
    if own:  # a branch that was taken as far as its own rules knows what is meant
        return own[0]
    expected, got = zip(*(message.partition(", got ")[::2] for message in messages), strict=True)
    if len(messages) == 1:
        return messages[0]
    return " or ".join([expected[0], *(text.removeprefix("must be ") for text in expected[1:])]) + f", got {got[0]}"


def _describe(error: dict[str, Any]) -> str:
    given, context = error["input"], error.get("ctx", {})
    if error["type"] == "missing":
        return "must be given"
    if "error" in context:  # raised by a validator of the recipe's own, which says it best
        return str(context["error"])
    if error["type"] == "union_tag_invalid":
        given, message = context["tag"], f"{context['discriminator']} must be one of {context['expected_tags']}"
    else:
        message = re.sub(r"^Input should be", "must be", error["msg"])
        message = re.sub("an object|a valid dictionary", "a mapping", message).replace("a valid array", "a list")
    names = re.findall(r"'([^']+)'", message)
    near = nearest(given, names) if isinstance(given, str) else None
    return f"{message}, got {_kind(given)}" + (f". Did you mean {near!r}?" if near else "")


def _kind(value: object) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return json.dumps(value, ensure_ascii=False)


def _is_branch(section: type[Section], tag: str) -> bool:
    literals = (choice for info in section.model_fields.values() for choice in get_args(info.annotation))
    return tag == section.__name__ or tag in literals


def _sections_in(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for argument in get_args(annotation) for section in _sections_in(argument)]


# The printed plan


@dataclass(frozen=True)
class PlanLine:
    """One figure of a plan: a name in snake_case with its unit, the plain value, and a note for the reader."""

    name: str
    value: object
    note: str = ""


@dataclass
class Plan:
    """What a command is about to do, in figures: printed before it starts, as a table or as JSON."""

    title: str
    lines: list[PlanLine] = field(default_factory=list)

    def add(self, name: str, value: object, note: str = "") -> None:
        """Append a line. `value` is shown with thousands separators when it is an integer."""
        self.lines.append(PlanLine(name, value, note))

    def as_dict(self) -> dict[str, object]:
        """The plain values by name, for `--json`."""
        return {line.name: line.value for line in self.lines}

    def print(self, console: Console) -> None:
        """Show the plan as a table."""
        from rich.table import Table

        table = Table(title=self.title, title_justify="left", show_header=False, box=None, pad_edge=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(justify="right")
        table.add_column(style="dim")
        for line in self.lines:
            table.add_row(line.name.replace("_", " "), _shown(line.value), line.note)
        console.print(table)


def _shown(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
