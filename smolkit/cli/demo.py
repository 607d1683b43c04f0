"""`smolkit demo`: the apps of apps/ opened on this machine, checked, or written as Spaces.

An app is a folder `apps/NAME` with an `app.py` that defines

    build(opened, name) -> gradio.Blocks       the page, over what it shows: an open model, a run; `name` stands on it
    serve(page, *, port) -> str                start serving in the background; returns the address
    answer_presets(address) -> Iterator        send every example to the served page; (name, figures) of each

This module knows these functions and none of the pages.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smolkit.assets import asset
from smolkit.cli import walkthrough
from smolkit.cli._common import AsJson, print_json, progress_console, result_console
from smolkit.errors import ManifestError, ModelError, SmolkitError
from smolkit.registry import require

if TYPE_CHECKING:
    from smolkit.apps.models import Given

app = typer.Typer()

Opener = Callable[[], AbstractContextManager[Any]]
"""Opens what an app shows, such as a model, once gradio is known to be there."""

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

    _demonstrate("chat", opened, model, lambda: model_of_space(model), port, space, check, as_json)


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
        _demonstrate("issue-generator", opened, model, lambda: model_of_space(model), port, space, check, as_json)
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


_LEFT_OUT = {"runs": ("checkpoints", "*.safetensors", "tokenizer*")}
"""Of what is copied into a Space, by the folder it goes to: weights, which no page shows."""

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
    if space:
        write_space(name, space, contents(), details)
        _say(f"{space} is a Space. Push it with: hf upload YOU/NAME {space} . --repo-type space")
        return
    with served(name, opened, shown, port) as (module, page, address):
        if check:
            _report(module.answer_presets(address), as_json)
        else:
            _say(f"The {name} demo of {shown} is at {address} until Ctrl-C.")
            page.block_thread()


def _demonstrate_static(name: str, export: Path, port: int | None, space: Path | None) -> None:
    """Write the Space of an app's static page, or serve one until it is interrupted."""
    from smolkit.export.static_space import write_static_space
    from smolkit.serve import serving

    if space:
        _refuse_checkout(space)
        write_static_space(name, export, space)
        _say(f"{space} is a static Space. Try it with: smolkit serve {space}")
        _say(f"Push it with: hf upload YOU/NAME {space} . --repo-type space")
        return
    with TemporaryDirectory() as folder:
        page = Path(folder) / name
        write_static_space(name, export, page)
        with serving(page, port=port or 0) as address:
            _say(f"The {name} demo of {export} is at {address} until Ctrl-C.")
            Event().wait()


@contextmanager
def served(name: str, opened: Opener, shown: str, port: int | None = None) -> Iterator[tuple[ModuleType, Any, str]]:
    """An app while it is served: its module, its page and the address; what it shows is closed after the page."""
    module = load_app(name)  # before a model is opened for nothing
    with opened() as resource:
        page = module.build(resource, Path(shown).name)
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


def write_space(
    name: str, destination: Path, contents: Mapping[str, Path], details: Mapping[str, Any] | None = None
) -> None:
    """An app's folder as a Space, files and directories of this machine copied into it; `details` are its manifest's.

    Raises SmolkitError for one that is not there, ManifestError for a destination that is not ours to replace.
    """
    from smolkit.manifest import Manifest, Source, staged, write

    _refuse_checkout(destination)
    for source in contents.values():
        if not source.exists():
            raise SmolkitError("is not there, so it cannot be copied into the Space", where=str(source))
    with staged(destination) as aside:
        shutil.copytree(asset("apps", name), aside, ignore=shutil.ignore_patterns(".*", "__*"), dirs_exist_ok=True)
        for inside, source in contents.items():
            _copy(source, aside / inside, leave_out=_LEFT_OUT.get(Path(inside).parts[0], ()))
        sources = tuple(Source.of(Path(inside).parts[0], source) for inside, source in contents.items())
        write(aside, Manifest(kind="space", sources=sources, details=dict(details or {})))


def _refuse_checkout(destination: Path) -> None:
    if (destination / ".git").exists():
        raise ManifestError("is a git checkout", where=str(destination), fix="Name another directory; copy from there")


def model_of_space(model: str) -> dict[str, Path]:
    """The model that goes into a Space; the bundled one need not. Raises ModelError for one that is not here."""
    from smolkit.models import BUNDLED

    source = Path(model).expanduser()
    if model == BUNDLED:
        return {}
    if not source.exists():
        raise ModelError(
            f"no directory or file {model!r} to copy into the Space",
            fix="For a model of the Hub leave --model out, and set the Space's variable SMOLKIT_MODEL to its id",
        )
    return {f"model/{source.resolve().name}": source}


def models_of_space(given: Sequence[Given]) -> tuple[dict[str, Path], dict[str, list[str]]]:
    """The models that go into a Space, each under its own name, and how its manifest lists them all, in order.

    Raises ModelError for one that is not here.
    """
    from smolkit.apps.models import short_names

    copied: dict[str, Path] = {}
    listed = []
    for one, name in zip(given, short_names([one.model for one in given]), strict=True):
        inside = {f"model/{name}": source for source in model_of_space(one.model).values()}
        copied |= inside
        listed.append(str(replace(one, model=next(iter(inside), one.model))))
    return copied, {"models": listed} if copied else {}


def _copy(source: Path, target: Path, leave_out: Sequence[str]) -> None:
    target.parent.mkdir(exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(*leave_out))
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


DEMOS: dict[str, Callable[..., None]] = {
    "extraction": extraction,
    "chat": chat,
    "issue-generator": issue_generator,
    "training": training,
    "scoreboard": scoreboard,
    "walkthrough": walkthrough.command,
}
"""Every `smolkit demo NAME`, as a function that Typer reads; one that opens no app has a file of its own."""

for _name, _command in DEMOS.items():
    app.command(_name)(_command)
