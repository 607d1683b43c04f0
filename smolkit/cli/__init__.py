"""The command line: a table of commands, each imported when it is invoked and not before.

A command is one file, `smolkit/cli/NAME.py`, and one line in `COMMANDS`. The file defines either

    def command(...) -> None        a command: Typer reads its signature, its docstring is the help page
    app = typer.Typer()             a group: each `@app.command()` is a sub-command (`smolkit eval extraction`)

and nothing else that is public. It parses, makes one call into the library and prints: figures and documents on
stdout, progress and plans on stderr (`smolkit.cli._common`). Its module level imports neither torch nor anything else
that is slow; the functions do. Faults of the user leave as `SmolkitError`, which `main` prints in one line.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_group

from smolkit import __version__
from smolkit.errors import SmolkitError, nearest


class Entry(NamedTuple):
    """Where a command lives, and its line on the help page."""

    module: str
    help: str


COMMANDS = {
    "pretrain": Entry("smolkit.cli.pretrain", "Train a model from text, by a recipe."),
    "finetune": Entry("smolkit.cli.finetune", "Fine-tune a model on a task, by a recipe."),
    "chat": Entry("smolkit.cli.chat", "Talk with a model in the terminal."),
    "extract": Entry("smolkit.cli.extract", "Fill a template from documents."),
    "eval": Entry("smolkit.cli.evaluate", "Measure a model, or predictions that any system made."),
    "plot": Entry("smolkit.cli.plot", "Draw the curves of a run."),
    "export": Entry("smolkit.cli.export", "Convert a model for a runtime, and prove that it kept its numbers."),
    "serve": Entry("smolkit.cli.serve", "Serve an exported page on this machine."),
    "data": Entry("smolkit.cli.data", "Make and check rows for training; tokenise and mix text."),
    "vision": Entry("smolkit.cli.vision", "Make a model that sees from one that reads text."),
    "models": Entry("smolkit.cli.models", "List models, their parameters, and where they lie."),
    "demo": Entry("smolkit.cli.demo", "Open a demo, or walk through the whole pipeline."),
}


def main() -> None:
    """The `smolkit` program. Exit codes: 0 done, 2 the user can mend it, 3 a gate refused, 130 interrupted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that staged directories are removed
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. A bug is not caught: it keeps its traceback."""
    try:
        root = group()
        with root.make_context("smolkit", [*arguments] or ["--help"]) as context:
            root.invoke(context)
    except typer.Exit as exc:
        return exc.exit_code
    except SmolkitError as exc:
        return _report(str(exc), exc.exit_code)
    except typer.TyperException as exc:
        return _report(_usage(exc), 2)
    except (KeyboardInterrupt, typer.Abort):
        return _report("interrupted", 130)
    return 0


def group() -> TyperGroup:
    """All commands as one Typer group; none of them is imported yet."""
    root = typer.Typer(cls=_LazyGroup, add_completion=False, rich_markup_mode=None, help=_HELP)
    root.callback()(_root)
    return get_group(root)


_HELP = "Take a small language model from training to a running deployment."


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"smolkit {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
    allow_pickle: bool = typer.Option(False, "--allow-pickle", help="Read pickled weights, which can run any program."),
    trust_remote_code: bool = typer.Option(
        False, "--trust-remote-code", help="Run Python files that come with a model."
    ),
) -> None:
    if allow_pickle or trust_remote_code:
        from smolkit.models.trust import ALLOWED

        ALLOWED.pickle, ALLOWED.remote_code = allow_pickle, trust_remote_code


class _LazyGroup(TyperGroup):
    """Typer's group, with the table in place of loaded commands. Contexts are Typer's own private class: Any here."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return _load(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def _load(name: str) -> Any:
    entry = COMMANDS[name]
    module = import_module(entry.module)
    holder = typer.Typer(rich_markup_mode=None)
    if hasattr(module, "app"):
        holder.add_typer(module.app, name=name, help=entry.help)
    else:
        holder.command(name)(module.command)
    return get_group(holder).commands[name]


def _usage(exc: typer.TyperException) -> str:
    """One line for a command line that does not parse: what is wrong, the nearest name, where the help is."""
    message = " ".join(exc.format_message().split()).rstrip(".") + "."
    context: Any = getattr(exc, "ctx", None)
    if context is None:
        return message
    command = context.command
    if message == "Missing command.":
        message += f" Known: {', '.join(command.list_commands(context))}."
    elif unknown := re.match(r"No such (option|command):? '?([^'\s]+?)'?[.\s]", message):
        kind, given = unknown.groups()
        options = [name for parameter in command.get_params(context) for name in parameter.opts if name[0] == "-"]
        names = options if kind == "option" else command.list_commands(context)
        near = nearest(given, names)
        hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(names)}."
        message = f"No such {kind} {given!r}. {hint}"
    return f"{message[0].lower()}{message[1:]} See: {context.command_path} --help"


def _report(message: str, code: int) -> int:
    for line in message.splitlines():
        print(f"smolkit: {line}", file=sys.stderr)
    return code
