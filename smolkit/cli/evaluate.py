"""`smolkit eval`: score a model, or the predictions that any system made, on texts and on images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smolkit.cli import evaluate_vision
from smolkit.cli._common import (
    AsJson,
    Dtype,
    Runtime,
    keep_threads_awake,
    print_json,
    progress_console,
    refuse,
    remark,
    result_console,
)
from smolkit.errors import SmolkitError

_DTYPE = "auto"
_MAX_NEW_TOKENS = 512

app = typer.Typer(help="Measure a model, or predictions that any system made.")


@app.callback()
def group() -> None:
    """Measure a model, or predictions that any system made."""


app.command()(evaluate_vision.vision)


@app.command()
def extraction(
    data: Annotated[str, typer.Option(help="Annotated rows: a JSONL file or a Hub data set.")],
    predictions: Annotated[Path | None, typer.Option(help="Rows {id, output} or {id, raw} to score.")] = None,
    model: Annotated[str | None, typer.Option(help="A model to run: bundled, directory, Hub id or GGUF file.")] = None,
    all_exports: Annotated[
        Path | None, typer.Option(help="Run every file of an export directory, and its source, side by side.")
    ] = None,
    runtime: Runtime = None,
    dtype: Dtype = _DTYPE,
    limit: Annotated[int | None, typer.Option(min=1, help="Run the model on the first rows only.")] = None,
    verbatim: Annotated[bool, typer.Option("--verbatim", help="Hold blank fields to substrings, too.")] = False,
    unconstrained: Annotated[bool, typer.Option("--unconstrained", help="Decode without the grammar.")] = False,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = _MAX_NEW_TOKENS,
    out: Annotated[Path | None, typer.Option(help="Write the report and every answer there.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score template filling with F1 Levenshtein: a table, and with --out a report with the worst documents."""
    if sum(given is not None for given in (predictions, model, all_exports)) != 1:
        fix = "--model bundled runs the model that is at hand"
        raise SmolkitError("give one of --predictions, --model and --all-exports", fix=fix)
    if out is not None:
        from smolkit.manifest import check_directory

        check_directory(out)
    if all_exports is not None:
        refuse({"--runtime": runtime, "--dtype": dtype != _DTYPE}, "--all-exports")
        steering = ["--max-new-tokens", str(max_new_tokens), *(["--limit", str(limit)] if limit else [])]
        steering += ["--verbatim"] * verbatim + ["--unconstrained"] * unconstrained
        _all_exports(all_exports, data, steering, out, as_json)
        return
    if predictions is not None:
        from smolkit.evals.extraction import load_predictions, load_references, score_predictions

        refuse({
            "--runtime": runtime, "--dtype": dtype != _DTYPE, "--limit": limit, "--verbatim": verbatim,
            "--unconstrained": unconstrained, "--max-new-tokens": max_new_tokens != _MAX_NEW_TOKENS,
        }, "--predictions")  # fmt: skip
        result = score_predictions(
            load_references(data), load_predictions(predictions), rows_file=data, predictions_file=predictions
        )
        figures = result.figures()
        context: dict[str, Any] = {"data": data, "predictions": str(predictions)}
    else:
        assert model is not None
        keep_threads_awake()
        measured = _run_model(
            model, data, limit, runtime, dtype,
            verbatim=verbatim, constrained=not unconstrained, max_new_tokens=max_new_tokens,
        )  # fmt: skip
        result, figures = measured.result, measured.figures()
        decoding = "greedy, unconstrained" if unconstrained else "greedy, held to the template"
        context = {"data": data, "model": model, "decoding": decoding}
        context |= {name: figures[name] for name in ("runtime", "documents_per_second", "seconds", "truncated")}
    if out is not None:
        from smolkit.evals.report import write_report

        write_report(result, out, title=f"Extraction: {model or predictions}", context=context)
    if as_json:
        print_json(figures)
        return
    from smolkit.evals.report import terminal_table

    result_console().print(terminal_table(result))
    if out is not None:
        remark(f"wrote {out}/report.md")


def _all_exports(directory: Path, data: str, steering: list[str], out: Path | None, as_json: bool) -> None:
    from smolkit.evals.exports import find_sides, score_sides, table, write_report

    console = progress_console()
    sides = find_sides(directory)
    scored = score_sides(
        sides,
        data,
        steering,
        on_done=lambda one: console.print("  ".join(one.cells()), highlight=False, markup=False),
    )
    if out is not None:
        write_report(scored, out, data=data)
    if as_json:
        print_json([one.as_dict() for one in scored])
    else:
        result_console().print(table(scored))


def _run_model(model: str, data: str, limit: int | None, runtime: str | None, dtype: str, **options: Any) -> Any:
    from rich.progress import Progress

    from smolkit.data.rows import read_rows
    from smolkit.evals.run import evaluate_model
    from smolkit.runtime import open_extractor

    rows = read_rows(data, limit=limit)
    with (
        open_extractor(model, runtime=runtime, dtype=dtype) as extractor,
        Progress(console=progress_console(), transient=True) as progress,
    ):
        task = progress.add_task("documents", total=len(rows))
        return evaluate_model(
            extractor, rows, rows_file=data, on_done=lambda count: progress.advance(task, count), **options
        )
