"""`smolkit extract`: fill a template from files, stdin or JSONL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smolkit.cli._common import Dtype, Runtime, keep_threads_awake, read_text
from smolkit.errors import SmolkitError, TemplateError

if TYPE_CHECKING:
    from smolkit.extraction.template import Template
    from smolkit.runtime.extractor import Extraction, Extractor, Request


def command(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help="Texts or .jsonl rows; none or - for stdin.")
    ] = None,
    template: Annotated[str | None, typer.Option(help="A JSON file, or JSON; rows may bring their own.")] = None,
    model: Annotated[str, typer.Option(help="bundled, a directory, a Hub id or a GGUF file.")] = "bundled",
    runtime: Runtime = None,
    dtype: Dtype = "auto",
    verbatim: Annotated[bool, typer.Option("--verbatim", help="Hold blank fields to substrings of the text.")] = False,
    unconstrained: Annotated[bool, typer.Option("--unconstrained", help="Decode without the grammar.")] = False,
    stream: Annotated[bool, typer.Option("--stream", help="Print the answer as it grows; one document.")] = False,
    spans: Annotated[bool, typer.Option("--spans", help="Add where each value stands in its document.")] = False,
    scores: Annotated[bool, typer.Option("--scores", help="Add how sure the model was of each value, 0 to 1.")] = False,
    window: Annotated[int, typer.Option(min=256, help="Tokens of a document that are read at once.")] = 2048,
    overlap: Annotated[int, typer.Option(min=0, help="Tokens that neighbouring windows share.")] = 128,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 512,
) -> None:
    """Fill a JSON template from each document: one JSON object a line on stdout.

    For .jsonl input each line is a row {id?, text, template?}, and so is each line of output: {id, output, ...}.
    """
    keep_threads_awake()
    from smolkit.runtime import open_extractor

    given = _read_template(template) if template is not None else None
    inputs = list(_inputs(files or ["-"], given))
    if stream and len(inputs) != 1:
        raise SmolkitError(f"--stream shows one document, and there are {len(inputs)}", fix="Leave --stream out")
    options: dict[str, Any] = {
        "verbatim": verbatim,
        "constrained": not unconstrained,
        "window": window,
        "overlap": overlap,
        "max_new_tokens": max_new_tokens,
    }
    with open_extractor(model, runtime=runtime, dtype=dtype) as extractor:
        if stream:
            _stream(extractor, inputs[0][1], options)
            return
        answers = extractor.extract_many([request for _, request in inputs], **options)
        for (row_id, _), answer in zip(inputs, answers, strict=True):
            print(json.dumps(_line(row_id, answer, spans, scores), ensure_ascii=False), flush=True)


def _stream(extractor: Extractor, request: Request, options: dict[str, Any]) -> None:
    for piece in extractor.stream(request.text, request.template, **options):
        print(piece, end="", flush=True)
    print()


def _line(row_id: str | None, answer: Extraction, spans: bool, scores: bool) -> Any:
    """The filled template alone for a text; a row with its id, and the raw answer where it does not parse."""
    if row_id is None and not spans and not scores:
        return answer.output if answer.output is not None else {"raw": answer.raw}
    line: dict[str, Any] = {} if row_id is None else {"id": row_id}
    line |= {"output": answer.output} if answer.output is not None else {"raw": answer.raw}
    if spans:
        line["spans"] = {path: list(span) for path, span in answer.spans.items()}
    if scores:
        line["scores"] = answer.scores
    return line | ({"truncated": True} if answer.truncated else {})


def _read_template(given: str) -> Template:
    from smolkit.extraction.template import Template

    if given.lstrip().startswith("{"):
        return Template.parse_json(given, where="--template")
    path = Path(given)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not UTF-8"
        raise TemplateError(
            f"cannot be read ({reason})", where=given, fix="Give a JSON file or the JSON itself"
        ) from exc
    return Template.parse_json(text, where=given)


def _inputs(files: list[str], template: Template | None) -> Iterator[tuple[str | None, Request]]:
    """(row id, request) of every document; the id is None for a plain text."""
    from smolkit.data.rows import load_rows, validate_rows
    from smolkit.runtime.extractor import Request

    for file in files:
        if file.endswith((".jsonl", ".jsonl.gz")):
            rows = load_rows(file, need_output=False)
            if template is not None:
                rows = [{"template": template.source, **row} for row in rows]
            for row in validate_rows(rows, file, need_output=False):
                yield row.id, Request(row.text, row.template)
            continue
        if template is None:
            raise TemplateError("a text needs a template", where=file, fix="Add --template FILE")
        yield None, Request(read_text(file), template)
