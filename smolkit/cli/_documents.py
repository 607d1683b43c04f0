"""What `smolkit extract` reads: texts, images and rows of either, each with the template to fill from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from smolkit.cli._common import read_text
from smolkit.errors import DataError, TemplateError, locate

if TYPE_CHECKING:
    from smolkit.extraction.template import Template
    from smolkit.runtime.extractor import Request

_ROWS = (".jsonl", ".jsonl.gz")
_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class Document:
    """One document. `id` is its row's, None for a file of its own; `by_ocr` says that its text was read by OCR."""

    id: str | None
    request: Request
    by_ocr: bool = False

    @property
    def is_image(self) -> bool:
        return self.request.image is not None


def read_template(given: str) -> Template:
    """A template from JSON, or from a file of it."""
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


def read_documents(
    files: Sequence[str], images: Sequence[Path], folder: Path | None, template: Template | None
) -> Iterator[Document]:
    """The documents of `files`, then `images`. Paths in rows start from `folder`, or from their file's own."""
    from smolkit.data.images import ImageSource
    from smolkit.runtime.extractor import Request

    for file in files:
        if file.endswith(_ROWS):
            yield from _rows(file, folder, template)
        elif file.lower().endswith(_IMAGES):
            raise DataError("is an image, and files are texts or rows", where=file, fix=f"Give it as --image {file}")
        else:
            given = _needed(template, file)
            yield Document(None, Request(read_text(file), given))
    for path in images:
        source = ImageSource(path, str(path))
        _ = source.size  # raises for what is no image, before a model is loaded
        yield Document(None, Request("", _needed(template, str(path)), source))


def by_ocr(documents: Sequence[Document]) -> Iterator[Document]:
    """The documents with the text of each image in its place."""
    from smolkit.runtime.ocr import Reader

    reader = Reader()
    for document in documents:
        image = document.request.image
        if image is None:
            yield document
        else:
            yield replace(document, request=replace(document.request, text=reader.text(image), image=None), by_ocr=True)


def _needed(template: Template | None, where: str) -> Template:
    if template is None:
        raise TemplateError("a text or an image needs a template", where=where, fix="Add --template FILE")
    return template


def _rows(file: str, folder: Path | None, template: Template | None) -> Iterator[Document]:
    from smolkit.data.rows import load_values, validate_rows
    from smolkit.data.vision_rows import shows_images
    from smolkit.runtime.extractor import Request

    rows = load_values(file)
    if shows_images(rows):
        yield from _image_rows(rows, file, folder, template)
        return
    for row in validate_rows(_with_template(rows, template), file, need_output=False):
        yield Document(row.id, Request(row.text, row.template))


def _image_rows(
    rows: Sequence[object], file: str, folder: Path | None, template: Template | None
) -> Iterator[Document]:
    from smolkit.data.vision_rows import check_images, validate_vision_rows
    from smolkit.runtime.extractor import Request

    checked = validate_vision_rows(_with_template(rows, template), file, root=folder, need_output=False)
    check_images(checked, decode=False)
    for row in checked:
        if row.template is None:
            where = locate(file, row.line, "messages")
            raise DataError("a conversation, and templates are filled here", where=where, fix="Leave this row out")
        yield Document(row.id, Request("", row.template, row.images[0]))


def _with_template(rows: Sequence[object], template: Template | None) -> list[object]:
    """The rows, those that bring neither a template nor a conversation with the one that was given."""

    def filled(row: object) -> object:
        if template is None or not isinstance(row, dict) or row.get("messages") is not None:
            return row
        return {"template": template.source, **row}

    return [filled(row) for row in rows]
