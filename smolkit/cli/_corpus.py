"""What `smolkit data tokenize`, `inspect` and `educational` read from their options, and how they print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from smolkit.errors import SmolkitError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from smolkit.data.corpus import Corpus
    from smolkit.data.educational import EducationalFigures
    from smolkit.data.samples import Sample
    from smolkit.data.text import Filters, Text
    from smolkit.recipe import Section

SectionT = TypeVar("SectionT", bound="Section")


def text_of(
    inputs: Sequence[str],
    rows: Mapping[str, Any],
    hub: Mapping[str, Any],
    rules: Mapping[str, Any],
    educational: tuple[str | None, str | None, float | None],
) -> tuple[Text, Filters]:
    """The sections of a recipe that options say in other words."""
    from smolkit.data.text import Filters, Text

    field, model, threshold = educational
    if threshold is not None and not (field or model):
        fix = "Give --educational-field or --educational-model as well"
        raise SmolkitError("nothing gives the values that are compared", where="--educational-threshold", fix=fix)
    given = {"field": field, "model": model, "threshold": threshold}
    value = {name: one for name, one in given.items() if one is not None} if field or model else None
    text = _section(Text, {**_origin(inputs, hub), **rows})
    return text, _section(Filters, {**rules, "educational": value})


def _origin(inputs: Sequence[str], hub: Mapping[str, Any]) -> dict[str, Any]:
    from smolkit.data.text import PYTHON_PARTS

    special = [given for given in inputs if given.startswith(("hub:", "python:"))]
    hub = {name: value for name, value in hub.items() if value is not None}
    if not any(given.startswith("hub:") for given in inputs):
        for name in hub:
            origin = "python" if special else "path"
            raise SmolkitError(f"{name} belongs to hub, and the text comes from {origin}", fix=f"Leave --{name} out")
    if not special:
        return {"path": list(inputs)}
    if len(inputs) > 1:
        raise SmolkitError(
            f"{special[0]} stands alone, and {len(inputs)} inputs are given", fix="Make a corpus of each"
        )
    kind, _, name = special[0].partition(":")
    if kind == "hub":
        return {"hub": name, **hub}
    if name not in PYTHON_PARTS:
        raise SmolkitError(f"Python comes with no part {name!r}", given=name, known=PYTHON_PARTS)
    return {"python": name}


def _section(model: type[SectionT], fields: Mapping[str, Any]) -> SectionT:
    """A section from options; its own words for what does not hold together."""
    import json

    from pydantic import ValidationError

    try:
        return model.model_validate_json(json.dumps(fields))
    except ValidationError as exc:
        first = exc.errors()[0]
        message = str(first.get("ctx", {}).get("error") or f"{first['msg']}, got {first['input']!r}")
        place = ".".join(str(part) for part in first["loc"])
        raise SmolkitError(message, where=place or None) from exc


# ---- printing


def print_corpus(console: Console, corpus: Corpus, samples: Sequence[Sample]) -> None:
    """Counts, lengths, what was dropped, and some documents."""
    figures = corpus.figures()
    read, size = figures.get("read", corpus.documents), figures.get("bytes")
    per_token = f", {size / corpus.tokens:.2f} bytes each" if size else ""
    end = figures["end_of_document"]
    _line(console, "corpus", str(corpus.directory))
    _line(console, "tokenizer", f"{corpus.tokenizer}, sha256 {corpus.tokenizer_sha256[:12]}, {corpus.vocab_size:,} ids")
    _line(console, "end", f"{end['token']}, id {end['id']}" if end else "none; documents run into each other")
    _line(console, "documents", f"{corpus.documents:,} of {read:,} read")
    _line(console, "tokens", f"{corpus.tokens:,}{per_token}")
    largest = max(shard["tokens"] for shard in figures["shards"])
    _line(console, "shards", f"{len(corpus.shards):,}, the largest of {largest:,} tokens")
    table = _table("tokens", "min", "median", "p95", "max")
    table.add_row("document", *(f"{value:,}" for value in figures["tokens_per_document"].values()))
    console.print()
    console.print(table)
    if figures.get("dropped"):
        _print_dropped(console, figures["dropped"])
    for one in samples:
        _print_sample(console, one)


def _print_dropped(console: Console, dropped: Mapping[str, Any]) -> None:
    table = _table("dropped", "documents", "share")
    table.add_column("such as", overflow="fold")
    for reason, some in sorted(dropped.items(), key=lambda entry: -entry[1]["documents"]):
        table.add_row(reason, f"{some['documents']:,}", f"{some['share']:.1%}", _plain(", ".join(some["examples"])))
    console.print()
    console.print(table)


def _print_sample(console: Console, one: Sample) -> None:
    """The end token in colour on a terminal, in [[...]] elsewhere: a text may hold the same letters."""
    from rich.text import Text

    console.print()
    header = f"---- {one.shard}, document {one.index}: {one.name}, {one.tokens:,} tokens"
    console.print(header, highlight=False, markup=False, soft_wrap=True)
    shown = Text(one.head)
    if one.left_out:
        shown.append(f"\n[... {one.left_out:,} tokens ...]\n", "dim")
        shown.append(one.tail)
    if one.end:
        shown.append(one.end if console.is_terminal else f"[[{one.end}]]", "black on green")
    console.print(shown, soft_wrap=True)


def print_educational(console: Console, figures: EducationalFigures) -> None:
    """How a model did on rows that it has not seen."""
    _line(console, "rows", f"{figures.rows:,}, of which {figures.held_out:,} were held out; on these:")
    error = f"{figures.mean_absolute_error:.3f}; always the mean score: {figures.baseline_error:.3f}"
    _line(console, "error", f"{error}, in points, on average")
    shown = {
        name: "-" if value is None else f"{value:.3f}"
        for name, value in (("precision", figures.precision), ("recall", figures.recall), ("F1", figures.f1))
    }
    scores = ", ".join(f"{name} {value}" for name, value in shown.items())
    _line(console, "kept", f"from {figures.threshold:g} points: {scores}")


def _table(first: str, *figures: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(first)
    for name in figures:
        table.add_column(name, justify="right")
    return table


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _line(console: Console, name: str, content: str) -> None:
    console.print(f"{name:<12}{content}", highlight=False, markup=False, soft_wrap=True)
