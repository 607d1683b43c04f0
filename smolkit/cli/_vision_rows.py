"""What `smolkit data check` shows of rows about images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.cli._common import result_console
from smolkit.cli._rows import named, print_checked, print_example, print_line, print_spreads, some, status
from smolkit.errors import DataError, ModelError

if TYPE_CHECKING:
    from rich.console import Console

    from smolkit.data.images import ImageLayout
    from smolkit.data.vision_chat import VisionChatFormat
    from smolkit.data.vision_check import VisionFigures, VisionLeakage


def check_pictures(
    values: Sequence[object],
    rows: str,
    against: Sequence[str],
    model: str,
    prompt_format: str,
    example: int,
    images: Path | None,
    as_json: bool,
) -> None:
    """Print the figures of the rows in `values`, which are those of the file `rows`, their images in `images`."""
    from smolkit.data.check import marked
    from smolkit.data.vision_check import check_vision_rows, find_vision_leakage, shown
    from smolkit.data.vision_rows import check_images, read_vision_rows, validate_vision_rows
    from smolkit.extraction.prompt import get_format
    from smolkit.models import load_tokenizer
    from smolkit.train.prepare import choose_padding

    layout = get_format(prompt_format)
    checked = validate_vision_rows(values, rows, root=images)
    others = {other: read_vision_rows(other, root=images) for other in against}
    if example > len(checked):
        raise DataError(f"no row {example} to show", where=rows, fix=f"It has {len(checked)} rows")
    with status("decoding images and counting tokens"):
        check_images(checked)
        for found in others.values():
            check_images(found, decode=False)
        tokenizer = load_tokenizer(model)
        choose_padding(tokenizer, layout)  # raises for a format whose markers this model does not have
        chat, cut = _how_a_model_sees(model, tokenizer)
        figures = check_vision_rows(checked, layout, chat, cut, file=rows)
        leakage = {other: find_vision_leakage(checked, found) for other, found in others.items()}
        pieces = marked(shown(checked[example - 1], layout, chat), tokenizer.decode)
    if as_json:
        print_checked(figures, leakage, pieces)
        return
    console = result_console()
    _print_figures(console, rows, figures)
    for other, shared in leakage.items():
        _print_leakage(console, other, shared)
    print_example(console, example, pieces)


def _how_a_model_sees(model: str, tokenizer: Any) -> tuple[VisionChatFormat, ImageLayout | None]:
    """How a model writes conversations about images and cuts them; for one of text, as the SmolVLM made of it would."""
    from smolkit.data.images import ImageLayout
    from smolkit.data.render import TokenizerEncoder
    from smolkit.data.vision_chat import VISION_CHATML, VisionChatFormat
    from smolkit.models import resolve
    from smolkit.models.vision import is_vision_directory

    directory = resolve(model)
    sees = is_vision_directory(directory)
    if sees and not tokenizer.chat_template:
        raise ModelError("this model has no chat template, so nothing can be asked about images", where=model)
    tokens = {"bos_token": tokenizer.bos_token, "eos_token": tokenizer.eos_token}
    chat = VisionChatFormat(tokenizer.chat_template if sees else VISION_CHATML, TokenizerEncoder(tokenizer), tokens)
    return chat, ImageLayout.read(directory) if sees else None


def _print_figures(console: Console, file: str, figures: VisionFigures) -> None:
    conversations = figures.rows - figures.templates
    what = f"{figures.templates:,} fill a template, {conversations:,} are conversations"
    print_line(console, "rows", f"{figures.rows:,} in {file}; {what}")
    print_line(console, "images", f"{figures.images:,}; each can be decoded" if figures.images else "none")
    for name, counts in (("languages", figures.languages), ("kinds", figures.kinds)):
        print_line(console, name, ", ".join(f"{value} {number:,}" for value, number in counts.items()))
    if figures.absent_rate is not None:
        print_line(console, "absent", f"{figures.absent_rate:.1%} of all values")
    for name, pairs, what in (
        ("repeated", figures.equal_images, "rows show the images of another"),
        ("", figures.contradictions, "rows answer another's question about the same images otherwise"),
    ):
        print_line(console, name, f"{len(pairs):,} {what}{some(named(pairs))}")
    if figures.sides:
        print_spreads(console, "pixels", figures.sides)
    print_spreads(console, "tokens", figures.tokens)


def _print_leakage(console: Console, other: str, leakage: VisionLeakage) -> None:
    console.print()
    print_line(console, "leakage", f"against {other}")
    print_line(console, "", f"{len(leakage.equal_images):,} equal images{some(named(leakage.equal_images))}")
    print_line(console, "", f"{len(leakage.shared_keys):,} of {leakage.keys:,} key names{some(leakage.shared_keys)}")
