"""`smolkit export`: a model into the files of another runtime, refused where they do not answer as it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from smolkit.cli import export_check
from smolkit.cli._common import AsJson, Overwrite, print_json, remark, result_console
from smolkit.errors import SmolkitError

if TYPE_CHECKING:
    from smolkit.data.rows import Row
    from smolkit.export.gate import TaskScore, TaskScorer
    from smolkit.export.report import ExportReport

_PAGE = 2000
"""Characters of a text that are calibrated with at once."""


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
    model: Annotated[
        str | None,
        typer.Argument(
            help="`bundled`, a directory, an adapter, a Hub id or a GGUF file; by default your fine-tuned one."
        ),
    ] = None,
    target: Annotated[str, typer.Option(help="The runtime to write for: onnx, webgpu, gguf, or all of them.")] = "gguf",
    out: Annotated[Path | None, typer.Option(help="The directory to write; default out/MODEL-TARGET.")] = None,
    quant: Annotated[str | None, typer.Option(help="Types of the weights, as in f16,q8_0 or q4,q4f16.")] = None,
    adapter: Annotated[Path | None, typer.Option(help="A LoRA adapter to merge into the model first.")] = None,
    page: Annotated[
        bool, typer.Option("--page", help="webgpu: a web page beside the files, ready as a Space.")
    ] = False,
    backend: Annotated[
        str, typer.Option(help="What writes ONNX graphs: smolkit (Llama) or optimum (many).")
    ] = "smolkit",
    calibration_data: Annotated[
        Path | None, typer.Option(help="Rows (.jsonl) or text (.txt) that four bits are chosen for.")
    ] = None,
    bits_per_weight: Annotated[
        float | None,
        typer.Option(help="Budget of four bits: what is over 4.5 goes to the matrices that lose most."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the files are called; default the model's name.")] = None,
    prompt_format: Annotated[str | None, typer.Option(help="The prompt format, where no manifest names it.")] = None,
    gate_data: Annotated[Path | None, typer.Option(help="Rows on which every file must keep the model's F1.")] = None,
    gate_documents: Annotated[int, typer.Option(min=50, help="How many of these rows, spread evenly.")] = 50,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Convert a model for a runtime, and prove each file against torch float32. Nothing is left where one fails."""
    from smolkit.export.four_bits import check_budget
    from smolkit.export.request import BACKENDS
    from smolkit.export.run import export, targets
    from smolkit.models.adapter import check_adapter

    names = targets(target)
    if backend not in BACKENDS:
        raise SmolkitError(f"unknown backend {backend!r}", given=backend, known=BACKENDS)
    check_budget(bits_per_weight)
    if page and "webgpu" not in names:
        raise SmolkitError("--page goes with --target webgpu", fix="Leave it out, or add the target")
    if adapter is not None:
        check_adapter(adapter.expanduser())
    if model is None and adapter is not None:
        given, adapter = str(adapter), None  # with the base that it names
    else:
        given = model or _default_model()
    quants = [part.strip() for part in quant.split(",")] if quant is not None else None
    calibration = _calibration_rows(calibration_data) if calibration_data else None
    score_task = _task_scorer(gate_data, gate_documents, given) if gate_data else None
    destination = out or _default_destination(given, adapter, target)
    finished = export(
        given,
        destination,
        names,
        quants=quants,
        name=name,
        prompt_format=prompt_format,
        adapter=adapter,
        score_task=score_task,
        overwrite=overwrite,
        inputs=[path for path in (gate_data, calibration_data) if path],
        progress=remark,
        backend=backend,
        bits_per_weight=bits_per_weight,
        calibration_rows=calibration,
        calibration_source=str(calibration_data or "synthetic rows"),
        page=page,
    )
    if as_json:
        print_json({one.report.target: one.report.as_dict() | {"seconds": round(one.seconds, 1)} for one in finished})
        return
    for one in finished:
        _print_table(one.report)
        remark(f"{one.report.target}: {one.seconds:,.0f} s")
    remark(f"wrote {destination}")


def _default_model() -> str:
    """What `smolkit finetune` writes where nothing is said, if it is there; else the bundled model."""
    from smolkit.train.tasks import default_recipe

    trained = Path("out") / Path(default_recipe()).stem
    return str(trained) if trained.is_dir() else "bundled"


def _default_destination(model: str, adapter: Path | None, target: str) -> Path:
    from smolkit.export.source import model_name

    return Path("out") / f"{model_name(adapter or model)}-{target.replace(',', '-')}"


def _calibration_rows(path: Path) -> list[Row | str]:
    """Rows of a .jsonl file, or a text in pieces of about a page."""
    from smolkit.data.rows import read_rows
    from smolkit.errors import DataError

    if path.suffix != ".txt":
        return list(read_rows(path))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not UTF-8"
        raise DataError(f"cannot be read ({reason})", where=str(path), fix="Give rows as .jsonl or a text") from exc
    return [text[start : start + _PAGE] for start in range(0, len(text), _PAGE)]


def _task_scorer(data: Path, documents: int, model: str) -> TaskScorer:
    """Micro F1 Levenshtein of a model on the same rows, in torch float32 or in the runtime of an exported file."""
    from smolkit.evals.run import evaluate_model
    from smolkit.evals.vision import see
    from smolkit.export.gate import TaskScore
    from smolkit.runtime import open_extractor

    rows, seen = _gate_rows(data, documents, model)

    def score(model: Path, prompt_format: str | None) -> TaskScore:
        dtype = "float32" if model.is_dir() else "auto"  # an exported file has types, and a runtime, of its own
        with open_extractor(model, dtype=dtype, prompt_format=prompt_format) as extractor:
            result = see(extractor, rows).scores.fields if seen else evaluate_model(extractor, rows).result
        assert result is not None
        return TaskScore(result.corpus.micro.f1, len(rows))

    return score


def _gate_rows(data: Path, documents: int, model: str) -> tuple[list[Any], bool]:
    """So many rows, spread evenly, and whether they show images. Raises DataError for rows that no gate could score."""
    from smolkit.data.rows import load_values, validate_rows
    from smolkit.data.vision_rows import check_images, shows_images, validate_vision_rows
    from smolkit.errors import DataError, locate
    from smolkit.models import resolve
    from smolkit.models.adapter import is_adapter
    from smolkit.models.vision import is_vision_directory

    values = load_values(data)
    seen = shows_images(values)
    if seen and not is_adapter(model) and not is_vision_directory(resolve(model)):
        raise DataError(f"shows images, and {model} reads text", where=str(data), fix="Give rows of texts")
    found: list[Any] = validate_vision_rows(values, data) if seen else validate_rows(values, data)
    if len(found) < documents:
        raise DataError(f"holds {len(found)} rows, and the gate needs {documents}", where=str(data))
    rows = [found[at * len(found) // documents] for at in range(documents)]
    for row in rows if seen else ():
        if row.template is None:
            what = "the gate scores filled templates, and this row asks a question"
            raise DataError(what, where=locate(data, row.line, "messages"))
    if seen:
        check_images(rows)
    return rows, seen


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
