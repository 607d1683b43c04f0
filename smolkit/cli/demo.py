"""`smolkit demo`: the apps of apps/, opened on this machine, checked, or written as Spaces. It knows no page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smolkit.assets import asset
from smolkit.cli import walkthrough
from smolkit.cli._common import AsJson, print_json, remark, result_console
from smolkit.errors import SmolkitError

if TYPE_CHECKING:
    from smolkit.apps.hosting import Opener

app = typer.Typer()

Model = Annotated[str, typer.Option(help="bundled, a name of the zoo, a Hub id, a directory or a GGUF file.")]
Runtime = Annotated[str | None, typer.Option(help="torch, llama.cpp or onnx; by default the one that fits the model.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Where to serve; else the first free from 7860.")]
Space = Annotated[Path | None, typer.Option(metavar="DIR", help="Write a Space to push there, and stop.")]
Check = Annotated[bool, typer.Option("--check", help="Start the app, answer its examples through its API, and stop.")]


def extraction(
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL[,RUNTIME][,TYPE]",
            help="As in `smolkit extract`, with how to run it; an export directory offers each of its files. "
            "May be given again: visitors pick one.",
            show_default="bundled",
        ),
    ] = None,
    runtime: Runtime = None,
    port: Port = None,
    space: Space = None,
    check: Check = False,
    as_json: AsJson = False,
) -> None:
    """Fill a template from a text, in the browser."""
    from smolkit.apps.models import Models, list_choices, read_models
    from smolkit.apps.spaces import models_of_space

    given = read_models(model or ["bundled"], runtime)
    shown = ", ".join(choice.name for choice in list_choices(given))
    copied, listed = models_of_space(given) if space else ({}, {})
    _demonstrate("extraction", lambda: Models.of(given), shown, lambda: copied, port, space, check, as_json, listed)


def chat(
    model: Model = "bundled",
    runtime: Runtime = None,
    port: Port = None,
    space: Space = None,
    check: Check = False,
    as_json: AsJson = False,
) -> None:
    """Converse with a model, in the browser."""

    def opened() -> Any:
        from smolkit.runtime import open_backend

        return closing(open_backend(model, runtime=runtime))

    _demonstrate("chat", opened, model, lambda: _copy_of(model), port, space, check, as_json)


def issue_generator(
    model: Annotated[
        str, typer.Option(help="bundled, a name of the zoo, a Hub id, a directory or a GGUF file; see --static.")
    ] = "bundled",
    runtime: Runtime = None,
    port: Port = None,
    space: Space = None,
    check: Check = False,
    static: Annotated[
        bool, typer.Option("--static", help="The page without a server: --model is a WebGPU export with a page.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write an issue from a text, in the browser."""

    def opened() -> Any:
        from smolkit.apps.models import Models, read_models

        return Models.of(read_models([model], runtime))

    if not static:
        _demonstrate("issue-generator", opened, model, lambda: _copy_of(model), port, space, check, as_json)
        return
    for option, given in {"--check": check, "--json": as_json, "--runtime": runtime}.items():
        if given:
            raise SmolkitError(f"{option} is for the page with a server, and --static for the one without")
    _demonstrate_static("issue-generator", Path(model).expanduser(), port, space)


def training(
    run: Annotated[
        list[Path], typer.Option(metavar="DIR", help="A run (OUT.run), or the model it wrote; may be given again.")
    ],
    port: Port = None,
    space: Space = None,
    check: Check = False,
    as_json: AsJson = False,
) -> None:
    """Watch a run while it goes on, and compare it with others."""
    copied = {f"runs/{directory.resolve().name}": directory for directory in run}
    _demonstrate("training", lambda: nullcontext(run), str(run[0]), lambda: copied, port, space, check, as_json)


def scoreboard(
    results: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where results lie; by default those of evals/results.")
    ] = None,
    port: Port = None,
    space: Space = None,
    check: Check = False,
    as_json: AsJson = False,
) -> None:
    """Recorded results as tables and plots."""
    chosen = results or asset("evals", "results")
    copied = {"results": results} if results else {}
    _demonstrate("scoreboard", lambda: nullcontext([chosen]), str(chosen), lambda: copied, port, space, check, as_json)


def vision(
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL[,RUNTIME][,TYPE]",
            help="A SmolVLM: a name of the zoo, a Hub id, a directory, a GGUF file with its mmproj file beside it or "
            "an export. May be given again: visitors pick one. One that reads text alone fills from what OCR reads.",
            show_default="smolvlm2-256m-video-instruct, where it can be had",
        ),
    ] = None,
    ocr_model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL[,RUNTIME][,TYPE]",
            help="What fills the template from the text that OCR reads; may be given again.",
            show_default="bundled",
        ),
    ] = None,
    runtime: Runtime = None,
    port: Port = None,
    space: Space = None,
    check: Check = False,
    as_json: AsJson = False,
) -> None:
    """Fill a template from an image, or ask about one, in the browser."""
    from smolkit.apps.models import list_choices, read_models
    from smolkit.apps.spaces import models_of_space
    from smolkit.apps.vision.models import Readers, choose, default_models

    given = [read_models(names, runtime) for names in (model or [], ocr_model or [])]
    if space:
        copied, listed = models_of_space([*given[0], *given[1]])
    else:
        copied, listed = {}, {}
        given[0] = given[0] or read_models(default_models(), runtime)
    chosen = choose(*given)
    shown = ", ".join(choice.name for choice in list_choices([*chosen.seeing, *chosen.reading]))
    _demonstrate("vision", lambda: Readers.of(chosen), shown, lambda: copied, port, space, check, as_json, listed)


Contents = Callable[[], Mapping[str, Path]]
"""What goes into a Space beside the app: names there, and what they are on this machine."""


def _demonstrate(
    name: str,
    opened: Opener,
    shown: str,
    contents: Contents,
    port: int | None,
    space: Path | None,
    check: bool,
    as_json: bool,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write an app's Space, `details` in its manifest, check the app, or serve it until it is interrupted."""
    if check and space:
        raise SmolkitError("--space only writes and --check only runs", fix="Give one of them")
    from smolkit.apps.hosting import served
    from smolkit.apps.spaces import write_space

    if space:
        write_space(name, space, contents(), details)
        remark(f"{space} is a Space. Push it with: hf upload YOU/NAME {space} . --repo-type space")
        return
    with served(name, opened, shown, port) as (module, page, address):
        if check:
            _report(module.answer_presets(address), as_json)
        else:
            remark(f"The {name} demo of {shown} is at {address} until Ctrl-C.")
            page.block_thread()


def _demonstrate_static(name: str, export: Path, port: int | None, space: Path | None) -> None:
    """Write the Space of an app's static page, or serve one until it is interrupted."""
    from smolkit.apps.static_space import write_static_space
    from smolkit.serve import serving

    if space:
        write_static_space(name, export, space)
        remark(f"{space} is a static Space. Try it with: smolkit serve {space}")
        remark(f"Push it with: hf upload YOU/NAME {space} . --repo-type space")
        return
    with TemporaryDirectory() as folder:
        page = Path(folder) / name
        write_static_space(name, export, page)
        with serving(page, port=port or 0) as address:
            remark(f"The {name} demo of {export} is at {address} until Ctrl-C.")
            Event().wait()


def _copy_of(model: str) -> Mapping[str, Path]:
    from smolkit.apps.spaces import model_of_space

    return model_of_space(model)


def _report(answers: Iterable[tuple[str, dict[str, Any]]], as_json: bool) -> None:
    """Print the figures of every example. Raises SmolkitError with what the app says of one that it refuses."""
    from gradio_client.exceptions import AppError

    try:
        rows = [{"example": example, **figures} for example, figures in answers]
    except AppError as exc:
        raise SmolkitError(f"the app does not answer one of its examples: {exc}") from exc
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(*(column.replace("_", " ") for column in rows[0]))
    for row in rows:
        table.add_row(*map(str, row.values()))
    result_console().print(table)


DEMOS: dict[str, Callable[..., None]] = {
    "extraction": extraction,
    "chat": chat,
    "issue-generator": issue_generator,
    "vision": vision,
    "training": training,
    "scoreboard": scoreboard,
    "walkthrough": walkthrough.command,
}
"""Every `smolkit demo NAME`, as a function that Typer reads; one that opens no app has a file of its own."""

for _name, _command in DEMOS.items():
    app.command(_name)(_command)
