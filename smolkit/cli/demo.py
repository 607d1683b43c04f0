"""`smolkit demo`: the apps of apps/ opened on this machine, checked, or written as Spaces.

An app is a folder `apps/NAME` with an `app.py` that defines

    build(extractor, model) -> gradio.Blocks       the page, over a model that is open; `model` is the name to show
    serve(page, *, port) -> str                    start serving in the background; returns the address
    answer_presets(address) -> Iterator            send every example to the served page; (name, figures) of each

This module knows these functions and none of the pages.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from smolkit.assets import asset
from smolkit.cli import walkthrough
from smolkit.cli._common import AsJson, print_json, progress_console, result_console
from smolkit.errors import ManifestError, ModelError, SmolkitError
from smolkit.registry import require

app = typer.Typer()

Model = Annotated[str, typer.Option(help="bundled, a name of the zoo, a Hub id, a directory or a GGUF file.")]
Runtime = Annotated[str | None, typer.Option(help="torch or llama.cpp; by default the one that fits the model.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Where to serve; else the first free from 7860.")]
Space = Annotated[Path | None, typer.Option(metavar="DIR", help="Write a Space to push there, and stop.")]
Check = Annotated[bool, typer.Option("--check", help="Start the app, answer its examples through its API, and stop.")]


def extraction(
    model: Model = "bundled",
    runtime: Runtime = None,
    port: Port = None,
    space: Space = None,
    check: Check = False,
    as_json: AsJson = False,
) -> None:
    """Fill a template from a text, in the browser."""
    if check and space:
        raise SmolkitError("--space only writes and --check only runs", fix="Give one of them")
    if space:
        write_space("extraction", model, space)
        _say(f"{space} is a Space. Push it with: hf upload YOU/NAME {space} . --repo-type space")
        return
    with served("extraction", model, runtime, port) as (module, page, address):
        if check:
            _report(module.answer_presets(address), as_json)
        else:
            _say(f"{model} answers at {address} until Ctrl-C.")
            page.block_thread()


@contextmanager
def served(name: str, model: str, runtime: str | None, port: int | None) -> Iterator[tuple[ModuleType, Any, str]]:
    """An app while it is served: its module, its page and the address; the model is closed after the page."""
    from smolkit.runtime import open_extractor

    module = load_app(name)
    with closing(open_extractor(model, runtime=runtime)) as extractor:
        page = module.build(extractor, Path(model).name)
        try:
            yield module, page, module.serve(page, port=port)
        finally:
            page.close(verbose=False)


def load_app(name: str) -> ModuleType:
    """The module `apps/NAME/app.py`, which is in no package. Raises MissingExtra where gradio is not installed."""
    require("gradio", extra="apps", why="a demo")
    spec = importlib.util.spec_from_file_location(f"smolkit_app_{name}", asset("apps", name, "app.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # type hints of the app's endpoints are looked up there
    spec.loader.exec_module(module)
    return module


def write_space(name: str, model: str, destination: Path) -> None:
    """An app's folder as a Space, a model of this machine copied into it.

    Raises ModelError for a model that is neither on this machine nor `bundled`, ManifestError for a destination that
    is not ours to replace.
    """
    from smolkit.manifest import Manifest, Source, staged, write
    from smolkit.models import BUNDLED

    if (destination / ".git").exists():
        raise ManifestError("is a git checkout", where=str(destination), fix="Name another directory; copy from there")
    source = None if model == BUNDLED else Path(model).expanduser()
    if source and not source.exists():
        raise ModelError(
            f"no directory or file {model!r} to copy into the Space",
            fix="For a model of the Hub leave --model out, and set the Space's variable SMOLKIT_MODEL to its id",
        )
    with staged(destination) as aside:
        shutil.copytree(asset("apps", name), aside, ignore=shutil.ignore_patterns(".*", "__*"), dirs_exist_ok=True)
        if source:
            _copy(source, aside / "model" / source.resolve().name)
        write(aside, Manifest(kind="space", sources=(Source.of("model", source),) if source else ()))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir()
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def _report(answers: Iterable[tuple[str, dict[str, Any]]], as_json: bool) -> None:
    rows = [{"example": example, **figures} for example, figures in answers]
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(*(column.replace("_", " ") for column in rows[0]))
    for row in rows:
        table.add_row(*map(str, row.values()))
    result_console().print(table)


def _say(line: str) -> None:
    progress_console().print(line, markup=False, highlight=False, soft_wrap=True)


DEMOS: dict[str, Callable[..., None]] = {"extraction": extraction, "walkthrough": walkthrough.command}
"""Every `smolkit demo NAME`, as a function that Typer reads; one that opens no app has a file of its own."""

for _name, _command in DEMOS.items():
    app.command(_name)(_command)
