"""`smolkit extract`: fill a template from texts and images, in files, stdin or JSONL; or ask about images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from smolkit.cli._common import Dtype, Runtime, keep_threads_awake
from smolkit.errors import SmolkitError

if TYPE_CHECKING:
    from smolkit.cli._documents import Document
    from smolkit.runtime.extractor import Extraction, Extractor, Request
    from smolkit.runtime.pictures import SeeingBackend


def command(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help="Texts or .jsonl rows; none or - for stdin.")
    ] = None,
    template: Annotated[str | None, typer.Option(help="A JSON file, or JSON; rows may bring their own.")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="An image to read; may be given several times.")] = None,
    ocr: Annotated[bool, typer.Option("--ocr", help="Read the text of images, for a model of texts.")] = False,
    question: Annotated[str | None, typer.Option(help="Ask a model that sees about the images; no template.")] = None,
    images: Annotated[
        Path | None, typer.Option(help="The folder that rows' images lie in; by default the rows' own.")
    ] = None,
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

    For .jsonl input each line is a row {id?, text or image, template?}, and so is each line of output:
    {id, output, ...}. An image is read by a model that sees, or with --ocr as text, whose --spans refer to `text`.
    """
    keep_threads_awake()
    if question is not None:
        others = {"FILE": files, "--template": template, "--ocr": ocr, "--images": images, "--verbatim": verbatim,
                  "--unconstrained": unconstrained, "--spans": spans, "--scores": scores}  # fmt: skip
        _refuse_beside_question(others)
        _ask(model, runtime, dtype, image or [], question, max_new_tokens, stream)
        return
    from smolkit.cli._documents import by_ocr, read_documents, read_template
    from smolkit.runtime import open_extractor

    given = read_template(template) if template is not None else None
    documents = list(read_documents(files or ([] if image else ["-"]), image or [], images, given))
    if stream and len(documents) != 1:
        raise SmolkitError(f"--stream shows one document, and there are {len(documents)}", fix="Leave --stream out")
    _check_images(documents, {"--ocr": ocr, "--images": images}, {"--spans": spans, "--verbatim": verbatim}, ocr)
    options: dict[str, Any] = {
        "verbatim": verbatim,
        "constrained": not unconstrained,
        "window": window,
        "overlap": overlap,
        "max_new_tokens": max_new_tokens,
    }
    with open_extractor(model, runtime=runtime, dtype=dtype) as extractor:
        if ocr:
            documents = list(by_ocr(documents))
        if stream:
            _stream(extractor, documents[0].request, options)
            return
        answers = extractor.extract_many([document.request for document in documents], **options)
        for document, answer in zip(documents, answers, strict=True):
            print(json.dumps(_line(document, answer, spans, scores), ensure_ascii=False), flush=True)


def _check_images(
    documents: Sequence[Document], of_images: dict[str, Any], of_texts: dict[str, Any], ocr: bool
) -> None:
    """Refuse what would be ignored: options of images where there is none, and of texts where nothing is one."""
    if not any(document.is_image for document in documents):
        for name in (name for name, value in of_images.items() if value):
            raise SmolkitError(f"{name} is for images, and there is none", fix="Add --image FILE, or leave it out")
    elif not ocr:
        for name in (name for name, value in of_texts.items() if value):
            raise SmolkitError(f"{name} refers to a text, and an image has none", fix="Add --ocr, which reads it")


def _refuse_beside_question(others: dict[str, Any]) -> None:
    for name in (name for name, value in others.items() if value):
        raise SmolkitError(f"{name} does nothing for a --question", fix="Leave one of them out")


def _ask(
    model: str,
    runtime: str | None,
    dtype: str,
    images: Sequence[Path],
    question: str,
    max_new_tokens: int,
    stream: bool,
) -> None:
    """Print the answer to a question about all the images together."""
    from smolkit.data.images import ImageSource
    from smolkit.runtime import open_backend
    from smolkit.runtime.asking import ask

    if not question.strip():
        raise SmolkitError("--question is empty", fix="Write what to ask about the images")
    sources = [ImageSource(path, str(path)) for path in images]
    if not sources:
        raise SmolkitError("--question is about images, and there is none", fix="Add --image FILE")
    for source in sources:
        _ = source.size  # raises for what is no image, before a model is loaded
    backend = open_backend(model, runtime=runtime, dtype=dtype)
    try:
        shown = ""
        for shown_now in ask(cast("SeeingBackend", backend), sources, question, max_new_tokens):
            if stream:
                print(shown_now[len(shown) :], end="", flush=True)
            shown = shown_now
        print("" if stream else shown)
    finally:
        backend.close()


def _stream(extractor: Extractor, request: Request, options: dict[str, Any]) -> None:
    for piece in extractor.stream(request.text, request.template, request.image, **options):
        print(piece, end="", flush=True)
    print()


def _line(document: Document, answer: Extraction, spans: bool, scores: bool) -> Any:
    """The filled template alone for a text; a row with its id, and the raw answer where it does not parse."""
    if document.id is None and not spans and not scores:
        return answer.output if answer.output is not None else {"raw": answer.raw}
    line: dict[str, Any] = {} if document.id is None else {"id": document.id}
    line |= {"output": answer.output} if answer.output is not None else {"raw": answer.raw}
    if spans:
        line["spans"] = {path: list(span) for path, span in answer.spans.items()}
        line |= {"text": document.request.text} if document.by_ocr else {}
    if scores:
        line["scores"] = answer.scores
    return line | ({"truncated": True} if answer.truncated else {})
