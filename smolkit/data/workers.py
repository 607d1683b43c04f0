"""Parts of a text shared among processes, with one progress bar for all of them.

Processes are started afresh, not forked: a fork inherits locks of threads that it does not have. None outlives the
run, however that ends.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from smolkit.data.documents import Part
from smolkit.data.parts import Advance, Job, tokenize_part
from smolkit.errors import SmolkitError

if TYPE_CHECKING:
    from rich.console import Console

_LOOK = 0.2
"""Seconds between two looks at what the processes have done."""

Work = Sequence[tuple[Part, str]]
"""Parts with their keys."""


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_parts(job: Job, work: Work, workers: int, console: Console | None) -> None:
    """Do all parts, in this process where one worker is enough. Raises what a part raises."""
    with _progress(work, console) as show:
        if min(workers, len(work)) <= 1:
            _run_here(job, work, show)
        else:
            _run_in_processes(job, work, min(workers, len(work)), show)


def _run_here(job: Job, work: Work, show: Advance) -> None:
    chars = tokens = 0

    def advance(more_chars: int, more_tokens: int) -> None:
        nonlocal chars, tokens
        chars, tokens = chars + more_chars, tokens + more_tokens
        show(chars, tokens)

    with _single_threaded():
        for part, key in work:
            tokenize_part(job, part, key, advance)


def _run_in_processes(job: Job, work: Work, workers: int, show: Advance) -> None:
    context = multiprocessing.get_context("spawn")
    counts = context.Array("q", 3)  # characters, tokens, whether to stop
    with (
        _single_threaded(),
        ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(job, counts)) as executor,
    ):
        pending: set[Future[None]] = {executor.submit(_do, part, key) for part, key in work}
        try:
            while pending:
                done, pending = wait(pending, timeout=_LOOK)
                show(counts[0], counts[1])
                for future in done:
                    future.result()
        except BrokenProcessPool as exc:
            fix = "Take fewer --workers, and run it again: it goes on from the finished parts"
            raise SmolkitError("a worker was killed, perhaps for want of memory", fix=fix) from exc
        finally:
            counts[2] = 1  # the parts that nobody waits for any more
            executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Every process works on a part of its own; threads of the tokenizer would only wait for each other."""
    before = os.environ.get("TOKENIZERS_PARALLELISM")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ["TOKENIZERS_PARALLELISM"]
        else:
            os.environ["TOKENIZERS_PARALLELISM"] = before


# ---- in a worker


class _Stopped(Exception):
    """The run has ended elsewhere."""


_HERE: dict[str, Any] = {}


def _begin(job: Job, counts: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the first process decides
    _HERE.update(job=job, counts=counts)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(part: Part, key: str) -> None:
    counts = _HERE["counts"]

    def advance(chars: int, tokens: int) -> None:
        with counts.get_lock():
            counts[0] += chars
            counts[1] += tokens
            if counts[2]:
                raise _Stopped

    tokenize_part(_HERE["job"], part, key, advance)


# ---- progress


@contextmanager
def _progress(work: Work, console: Console | None) -> Iterator[Advance]:
    """A bar over the bytes of all parts with tokens per second; nothing where nobody watches."""
    if console is None or not console.is_terminal:
        yield lambda chars, tokens: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("tokenising"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[tokens]:,} tokens, {task.fields[rate]:,.0f} tokens/s"),
        TimeRemainingColumn(),
    )
    total = sum(part.weight for part, _ in work)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total or None, tokens=0, rate=0.0)  # of a hub's data set nobody knows the size

        def show(chars: int, tokens: int) -> None:
            elapsed = bar.tasks[task].elapsed or 1.0
            bar.update(task, completed=chars, tokens=tokens, rate=tokens / elapsed)

        yield show
