"""`smolkit demo`: the apps of apps/ opened on this machine, checked, or written as Spaces, and the walkthrough.

An app is a folder `apps/NAME` with an `app.py` that defines

    build(extractor, model) -> gradio.Blocks       the page, over a model that is already open
    serve(page, port=...) -> str                   start serving in the background; the address
    answer_presets(address)                        send every example to the page; (name, figures) of each

This module knows these three functions and no page.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from smolkit.cli._common import AsJson, Overwrite, print_json, progress_console, result_console
from smolkit.errors import ModelError, SmolkitError
from smolkit.registry import Registry

app = typer.Typer()

DEMOS = Registry("demo", {"extraction": "smolkit.cli.demo:extraction"})
"""Each is a function that Typer makes a command of; a demo with other options than these is a file of its own."""

Model = Annotated[str, typer.Option(help="bundled, a name of the zoo, a Hub id, a directory or a GGUF file.")]
Runtime = Annotated[str | None, typer.Option(help="torch or llama.cpp; by default what fits the model.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Where to serve; by default the first free from 7860.")]
Space = Annotated[Path | None, typer.Option(metavar="DIR", help="Write a Space to push, with the model, and stop.")]
Check = Annotated[bool, typer.Option("--check", help="Start the app, run its examples through its API, and stop.")]


def extraction(
    model: Model = "bundled",
    runtime: Runtime = None,
    port: Port = None,
    space: Space = None,
    check: Check = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Fill a template from a text, in the browser."""
    if space is not None and check:
        raise SmolkitError("--space writes and --check runs", fix="Give one of them")
    if space is not None:
        write_space("extraction", model, space, overwrite=overwrite)
        progress_console().print(_after_writing(model, space), highlight=False, markup=False)
        return
    with served("extraction", model, runtime, port) as (module, page, address):
        if check:
            _report(list(module.answer_presets(address)), as_json)
        else:
            progress_console().print(f"{model} answers at {address} (Ctrl-C ends it)", highlight=False, markup=False)
            page.block_thread()


for _name in DEMOS:
    app.command(_name)(DEMOS.load(_name))


@contextmanager
def served(name: str, model: str, runtime: str | None, port: int | None) -> Iterator[tuple[ModuleType, Any, str]]:
    """An app while it is served: its module, its page and its address."""
    from smolkit.runtime import open_extractor

    module = load_app(name)
    with closing(open_extractor(model, runtime=runtime)) as extractor:
        page = module.build(extractor, Path(model).name)
        address = module.serve(page, port=port)
        try:
            yield module, page, address
        finally:
            page.close(verbose=False)


def load_app(name: str) -> ModuleType:
    """The module `apps/NAME/app.py`, which is in no package. Raises MissingExtra without gradio."""
    from smolkit.assets import asset
    from smolkit.registry import require

    require("gradio", extra="apps", why="a demo")
    path = asset("apps", name, "app.py")
    spec = importlib.util.spec_from_file_location(f"smolkit_app_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no loader for {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # gradio resolves the type hints of endpoints through it
    spec.loader.exec_module(module)
    return module


def write_space(name: str, model: str, destination: Path, *, overwrite: bool = False) -> None:
    """The folder of an app, and a copy of the model where that is a local one, ready to be pushed as a Space.

    Raises ManifestError when `destination` is not ours to replace; a git checkout never is, manifest or not.
    """
    from smolkit import manifest
    from smolkit.assets import asset

    if (destination / ".git").exists():
        raise ManifestError("is a git checkout", where=str(destination), fix="Name another directory, and copy from it")
    ...


def _report(answers: list[tuple[str, dict[str, Any]]], as_json: bool) -> None: ...
