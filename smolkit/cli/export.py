"""`smolkit export`: a model into the files of another runtime, refused where they do not answer as it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from smolkit.cli import export_check
from smolkit.cli._common import AsJson, Overwrite, print_json, progress_console, result_console

if TYPE_CHECKING:
    from smolkit.export.gate import TaskScore, TaskScorer
    from smolkit.export.report import ExportReport


class _ModelOrCommand(TyperGroup):
    """`export MODEL`, whose first word can be any name, beside `export check DIR`: ./check is a model of that name."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        if args[:1] == ["check"]:
            return self.commands["check"].make_context(f"{info_name} check", args[1:], parent, **extra)
        return self.commands["model"].make_context(info_name, args, parent, **extra)


app = typer.Typer(cls=_ModelOrCommand, rich_markup_mode=None)
app.command("check")(export_check.command)


@app.command("model", epilog=f"Also: smolkit export check DIRECTORY. {export_check.command.__doc__}")
def command(
    model: Annotated[str, typer.Argument(help="`bundled`, a directory, a Hub id or a GGUF file.")],
    out: Annotated[Path, typer.Option(help="The directory to write.")],
    target: Annotated[str, typer.Option(help="The runtime to write for: gguf.")] = "gguf",
    quant: Annotated[str | None, typer.Option(help="Types of the weights, as in f16,q8_0,q4_k_m.")] = None,
    name: Annotated[str | None, typer.Option(help="What the files are called; default the model's name.")] = None,
    prompt_format: Annotated[str | None, typer.Option(help="The prompt format, where no manifest names it.")] = None,
    gate_data: Annotated[Path | None, typer.Option(help="Rows on which every file must keep the model's F1.")] = None,
    gate_documents: Annotated[int, typer.Option(min=50, help="How many of these rows, spread evenly.")] = 50,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Convert a model for a runtime, and prove each file against torch float32. Nothing is left where one fails."""
    from smolkit.export import TARGETS

    write = TARGETS.load(target)
    console = progress_console()
    chosen = {"quants": [part.strip() for part in quant.split(",")]} if quant is not None else {}
    report = write(
        model,
        out,
        name=name,
        prompt_format=prompt_format,
        score_task=_task_scorer(gate_data, gate_documents, prompt_format) if gate_data else None,
        overwrite=overwrite,
        progress=lambda line: console.print(line, markup=False, highlight=False),
        **chosen,
    )
    if as_json:
        print_json(report.as_dict())
    else:
        _print_table(report)
        console.print(f"wrote {out}", markup=False, highlight=False)


def _task_scorer(data: Path, documents: int, prompt_format: str | None) -> TaskScorer:
    """Micro F1 Levenshtein of a model on the same rows, in torch float32 or in the runtime of an exported file."""
    from smolkit.data.rows import read_rows
    from smolkit.errors import DataError
    from smolkit.evals.run import evaluate_model
    from smolkit.export.gate import TaskScore
    from smolkit.runtime import open_extractor

    found = read_rows(data)
    if len(found) < documents:
        raise DataError(f"holds {len(found)} rows, and the gate needs {documents}", where=str(data))
    rows = [found[at * len(found) // documents] for at in range(documents)]

    def score(model: Path) -> TaskScore:
        with open_extractor(model, dtype="float32", prompt_format=prompt_format) as extractor:
            measured = evaluate_model(extractor, rows)
        return TaskScore(measured.result.corpus.micro.f1, len(rows))

    return score


def _print_table(report: ExportReport) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("figure", no_wrap=True)
    for file in report.files:
        table.add_column(file.quant if file.kept else f"({file.quant})", justify="right", no_wrap=True)
    for figure in report.figures:
        table.add_row(figure.replace("_", " "), *(file.shown(figure) for file in report.files))
    table.add_row("size in MB", *(f"{file.size / 1e6:,.0f}" for file in report.files))
    result_console().print(table)
