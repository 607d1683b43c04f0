"""`smolkit eval vision`: score models that see, text models behind OCR, or predictions, on rows of images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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

if TYPE_CHECKING:
    from smolkit.data.vision_rows import VisionRow
    from smolkit.evals.vision import Side, VisionScores

_DTYPE = "auto"


def vision(
    data: Annotated[str, typer.Option(help="Annotated rows of images: a JSONL file or a Hub data set.")],
    images: Annotated[
        Path | None, typer.Option(help="The folder that the rows' paths start from; by default the file's own.")
    ] = None,
    predictions: Annotated[Path | None, typer.Option(help="Rows {id, output} or {id, raw} to score.")] = None,
    model: Annotated[str | None, typer.Option(help="A model that sees; with --ocr one of texts, as bundled.")] = None,
    ocr: Annotated[bool, typer.Option("--ocr", help="Have OCR read the images, and --model its text.")] = False,
    ocr_model: Annotated[
        str | None, typer.Option(help="A text model to run behind OCR as well, beside --model.")
    ] = None,
    runtime: Runtime = None,
    dtype: Dtype = _DTYPE,
    limit: Annotated[int | None, typer.Option(min=1, help="Take the first rows only.")] = None,
    verbatim: Annotated[
        bool, typer.Option("--verbatim", help="Hold blank fields to substrings of OCR's text.")
    ] = False,
    unconstrained: Annotated[bool, typer.Option("--unconstrained", help="Decode without the grammar.")] = False,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest answer, in tokens; by default 512 for a template, else 128.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the report and every answer there.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score filled templates with F1 Levenshtein, answers and captions with ANLS; with OCR beside it if asked.

    A row is {image, template, output} or {images, messages, answers?}; the last turn of the assistant is the
    reference. --ocr-model compares reading images with reading their text: scores, documents/s, seconds per stage.
    """
    if (predictions is None) == (model is None and not ocr):
        raise SmolkitError("give one of --predictions and --model", fix="--ocr alone runs the bundled text model")
    if ocr and ocr_model is not None:
        fix = "Name the text model with --model, or both models without --ocr"
        raise SmolkitError("--ocr and --ocr-model are two ways to say it", fix=fix)
    if out is not None:
        from smolkit.manifest import check_directory

        check_directory(out)
    if predictions is not None:
        refuse({
            "--ocr-model": ocr_model, "--runtime": runtime, "--dtype": dtype != _DTYPE, "--limit": limit,
            "--verbatim": verbatim, "--unconstrained": unconstrained, "--max-new-tokens": max_new_tokens,
        }, "--predictions")  # fmt: skip
        _print_predictions(data, images, predictions, out, as_json)
        return
    if verbatim and not ocr and ocr_model is None:
        raise SmolkitError("--verbatim needs a text to hold fields to", fix="Add --ocr, or leave it out")
    rows = _rows(data, images, limit)
    keep_threads_awake()
    steering: dict[str, Any] = {"constrained": not unconstrained}
    steering |= {} if max_new_tokens is None else {"max_new_tokens": max_new_tokens}
    sides = []
    if not ocr:
        assert model is not None
        sides.append(_see(model, rows, runtime, dtype, steering))
    if ocr or ocr_model is not None:
        chosen = {"runtime": runtime, "dtype": dtype} if ocr else {}
        sides.append(_read(ocr_model or model or "bundled", rows, data, chosen, {**steering, "verbatim": verbatim}))
    context = {"data": data, "decoding": "greedy, unconstrained" if unconstrained else "greedy, held to the template"}
    _print_sides(sides, context, out, as_json)


def _rows(data: str, images: Path | None, limit: int | None) -> list[VisionRow]:
    from smolkit.data.vision_rows import check_images, read_vision_rows

    rows = read_vision_rows(data, root=images, limit=limit)
    check_images(rows, decode=False)
    return rows


def _see(model: str, rows: list[VisionRow], runtime: str | None, dtype: str, steering: dict[str, Any]) -> Side:
    from smolkit.evals.vision import see
    from smolkit.runtime import open_extractor

    with open_extractor(model, runtime=runtime, dtype=dtype) as extractor:
        return _watched("images", len(rows), lambda done: see(extractor, rows, model=model, on_done=done, **steering))


def _read(model: str, rows: list[VisionRow], data: str, chosen: dict[str, Any], steering: dict[str, Any]) -> Side:
    from smolkit.evals.vision import read, require_templates
    from smolkit.runtime import open_extractor

    require_templates(rows, data)
    with open_extractor(model, **chosen) as extractor:
        return _watched(
            "OCR, then texts",
            2 * len(rows),
            lambda done: read(extractor, rows, model=model, file=data, on_done=done, **steering),
        )


def _watched(name: str, total: int, work: Callable[[Callable[[int], None]], Side]) -> Side:
    from rich.progress import Progress

    with Progress(console=progress_console(), transient=True) as progress:
        task = progress.add_task(name, total=total)
        return work(lambda count: progress.advance(task, count))


def _print_predictions(data: str, images: Path | None, predictions: Path, out: Path | None, as_json: bool) -> None:
    from smolkit.data.vision_rows import read_vision_rows
    from smolkit.evals.predictions import load_predictions
    from smolkit.evals.vision import score_rows
    from smolkit.evals.vision_report import write_scores

    rows = read_vision_rows(data, root=images)
    scores = score_rows(rows, load_predictions(predictions), predictions_file=predictions)
    if out is not None:
        context = {"data": data, "predictions": str(predictions)}
        write_scores(scores, out, title=f"Vision: {predictions}", context=context)
    if as_json:
        print_json(scores.figures())
    else:
        _print_scores(scores, out)


def _print_sides(sides: list[Side], context: dict[str, Any], out: Path | None, as_json: bool) -> None:
    from smolkit.evals.vision_report import comparison_table, cost_line, write_side, write_sides

    title = "Vision: " + " and ".join(dict.fromkeys(side.model for side in sides))
    if out is not None and len(sides) > 1:
        write_sides(sides, out, title=title, context=context)
    elif out is not None:
        write_side(sides[0], out, title=title, context=context)
    if as_json:
        print_json([side.figures() for side in sides] if len(sides) > 1 else sides[0].figures())
    elif len(sides) > 1:
        result_console().print(comparison_table(sides))
    else:
        _print_scores(sides[0].scores, out)
        result_console().print(cost_line(sides[0]), highlight=False, markup=False)


def _print_scores(scores: VisionScores, out: Path | None) -> None:
    from smolkit.evals.vision_report import terminal_tables

    for shown in terminal_tables(scores):
        result_console().print(shown)
    if out is not None:
        remark(f"wrote {out}")
