"""`smolkit chat`: talk with a model in the terminal, or ask it one thing."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from smolkit.cli._common import Dtype, Runtime, check_text, keep_threads_awake, progress_console, read_text
from smolkit.errors import DataError, SmolkitError

if TYPE_CHECKING:
    from rich.console import Console

    from smolkit.runtime.chat import Chat


def command(
    model: Annotated[str, typer.Option(help="bundled, a directory, a Hub id, a GGUF file or an export.")] = "bundled",
    prompt: Annotated[
        str | None, typer.Option(help="Ask this, print the answer and stop; so does piped stdin.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="What the model is told before the conversation.")] = None,
    temperature: Annotated[float, typer.Option(help="How freely tokens are drawn; 0 takes the likeliest.")] = 0.2,
    top_p: Annotated[float, typer.Option("--top-p", help="Draw from the likeliest tokens of so much together.")] = 0.9,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.")] = 512,
    seed: Annotated[int | None, typer.Option(help="Draw the same tokens every time.")] = None,
    runtime: Runtime = None,
    dtype: Dtype = "auto",
) -> None:
    """Talk with a model: /reset starts again, /exit or Ctrl-D ends, Ctrl-C stops an answer."""
    keep_threads_awake()
    for text, option in ((prompt, "--prompt"), (system, "--system")):
        check_text(text or "", option)
    piped = prompt is None and (sys.stdin is None or not sys.stdin.isatty())
    question = read_text("-") if piped else prompt
    if question is not None and not question.strip():
        raise DataError("nothing is asked", where="stdin" if prompt is None else "--prompt")
    from smolkit.runtime import open_backend
    from smolkit.runtime.chat import Chat, Sampling

    sampling = Sampling(temperature, top_p, max_new_tokens, seed)
    backend = open_backend(model, runtime=runtime, dtype=dtype)
    try:
        chat = Chat(backend, sampling, system)
        console = progress_console()
        if question is not None:
            _answer(chat, question.strip(), console)
        else:
            console.print(
                f"{model} ({backend.name}): /reset starts again, /exit or Ctrl-D ends, Ctrl-C stops an answer",
                markup=False,
            )
            _converse(chat, console)
    finally:
        backend.close()


def _converse(chat: Chat, console: Console) -> None:
    with suppress(ImportError):
        import readline  # noqa: F401 - earlier lines come back with the arrow keys
    while True:
        try:
            line = input("> ").strip()
            line.encode()
        except EOFError:
            print()
            return
        except UnicodeError:
            console.print("smolkit: not UTF-8 text. Set the terminal to UTF-8.", highlight=False)
            continue
        if line == "/exit":
            return
        if line == "/reset":
            chat.reset()
        elif line.startswith("/"):
            console.print(f"no such command {line.split()[0]!r}. Known: /exit, /reset.", highlight=False, markup=False)
        elif line:
            try:
                _answer(chat, line, console)
            except SmolkitError as exc:  # the conversation goes on
                console.print(f"smolkit: {exc}", highlight=False, markup=False)
            except KeyboardInterrupt:
                print()


def _answer(chat: Chat, question: str, console: Console) -> None:
    for piece in chat.ask(question):
        print(piece, end="", flush=True)
    print(flush=True)
    if chat.dropped:
        console.print(f"(left out the {chat.dropped} oldest turns, which the model's context does not hold)")
    if chat.truncated:
        console.print("(cut off: --max-new-tokens, or the context, was used up)")
