"""From text to a tokenised corpus, on every core, and from where a killed run stopped.

The text is cut in parts, processes tokenise one part at a time, then duplicates are found among all of them, and the
parts become shards, in the order of the text. How many processes there were changes no byte. datatrove's executor and
DocumentTokenizer are not used: a process has whole files, a file that was begun is begun again, and documents that a
later stage drops would have to be written, read and encoded in another run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit import manifest
from smolkit.data.corpus import SHARD_TOKENS, Corpus, CorpusWriter, open_corpus
from smolkit.data.educational import load_educational
from smolkit.data.encode import AUTO, Encoder, open_encoder
from smolkit.data.parts import EXAMPLES, NAMED, Dropped, Finished, Job, Report, drop, read_finished
from smolkit.data.quality import BAD_ROW, EXACT, NEAR, near_duplicates, repeated_rows
from smolkit.data.sources import find_files, find_parts
from smolkit.data.text import Filters, Text
from smolkit.data.workers import cores, run_parts
from smolkit.errors import DataError, ManifestError, RowErrors, SmolkitError
from smolkit.recipe import resolved
from smolkit.registry import require

if TYPE_CHECKING:
    from rich.console import Console

STOP, SKIP = "stop", "skip"
"""What bad rows do: they end the run, all of them named, or are left out and counted."""

_MARK = "parts.json"
_LOCK = "lock"


def tokenize(
    text: Text,
    filters: Filters,
    out: Path,
    *,
    model: str = "bundled",
    end_of_document: str = AUTO,
    shard_tokens: int = SHARD_TOKENS,
    workers: int | None = None,
    on_bad_row: str = STOP,
    overwrite: bool = False,
    reuse: bool = False,
    console: Console | None = None,
) -> Corpus:
    """Write the corpus of a text into the directory `out` and open it.

    `workers` are processes, by default one per core. With `reuse`, a corpus that lies there already and was made from
    the same text in the same way is proven and returned as it is. A run that is cut off leaves `out` as it was and its
    finished parts in `OUT.parts`, from where the next run goes on.

    Raises RowErrors for bad rows unless they are to be skipped, DataError where no document is left.
    """
    if on_bad_row not in (STOP, SKIP):
        raise DataError(f"no way to treat a bad row: {on_bad_row!r}", given=on_bad_row, known=(STOP, SKIP))
    out = Path(out).absolute()
    passed_over: Counter[str] = Counter()
    files = find_files(text.path or (), passed_over)
    manifest.check_destination(out, overwrite=overwrite, inputs=[*files, model, *_scorers(filters)])
    encoder = open_encoder(model, end_of_document)
    _check_filters(filters, encoder)
    _say_passed_over(passed_over, console)
    parts, sources = find_parts(text)
    job = Job(text, filters, encoder, out.with_name(f"{out.name}.parts"))
    keys = job.keys(parts)
    made_as = hashlib.sha256(json.dumps([keys, shard_tokens, encoder.end and encoder.end.token]).encode()).hexdigest()
    if reuse and _is_made_as(out, made_as):
        return open_corpus(out)
    with _open_folder(job.folder):
        missing = [(part, key) for part, key in zip(parts, keys, strict=True) if not _is_finished(job.folder, key)]
        run_parts(job, missing, workers or cores(), console)
        finished = [_finished(job.folder, key) for key in keys]
        _check_rows(finished, on_bad_row, job.folder)
        keep, report = _drop_duplicates(finished, filters)
        read = sum(part.read for part in finished)
        _check_left(keep, report, read, sources[0].name, job.folder)
        with manifest.staged(out, overwrite=overwrite) as staging, _writer(staging, encoder, shard_tokens) as writer:
            size = sum(_write(writer, part, kept) for part, kept in zip(finished, keep, strict=True))
            details = {"read": read, "bytes": size, "dropped": _shares(report, read), "made_as": made_as}
            details |= {"passed_over": dict(sorted(passed_over.items()))} if passed_over else {}
            recipe = {"text": resolved(text), "filters": resolved(filters)}
            writer.finish(details, recipe=recipe, sources=sources)
        shutil.rmtree(job.folder, ignore_errors=True)
    return open_corpus(out, verify=False)  # it was written a moment ago


def _scorers(filters: Filters) -> list[str]:
    """The directory of the model of educational value, where one is asked for."""
    wanted = filters.educational
    return [wanted.model] if wanted is not None and wanted.model is not None else []


def _check_filters(filters: Filters, encoder: Encoder) -> None:
    """Whether what the filters need is there, before any work is done."""
    for scorer in _scorers(filters):
        load_educational(scorer, tokenizer_sha256=encoder.tokenizer_sha256, tokenizer=encoder.name)
    if filters.minhash is not None:
        require("datatrove", extra="data", why="finding near duplicates")


def _say_passed_over(passed_over: Counter[str], console: Console | None) -> None:
    if passed_over and console is not None:
        kinds = ", ".join(f"{count:,} {suffix or 'without suffix'}" for suffix, count in passed_over.most_common())
        console.print(f"passed over, as their names do not say text: {kinds}", highlight=False, markup=False)


def _is_made_as(out: Path, made_as: str) -> bool:
    try:
        said = manifest.read_optional(out, verify=False) if out.is_dir() else None
    except ManifestError:
        return False
    return said is not None and said.details.get("made_as") == made_as


# ---- parts


@contextmanager
def _open_folder(folder: Path) -> Iterator[None]:
    """Where finished parts lie, for this run alone. A directory that is not ours is left alone."""
    mark = folder / _MARK
    is_dir = folder.is_dir()
    others = is_dir and any(entry.name != _LOCK for entry in folder.iterdir())  # a lock comes before the mark
    if folder.exists() and not mark.is_file() and (not is_dir or others):
        raise ManifestError("is not ours, and finished parts are to go there", where=str(folder), fix="Move it away")
    try:
        lock = _lock(folder)
    except OSError as exc:
        raise ManifestError(f"cannot be written ({exc.strerror})", where=str(folder)) from exc
    try:
        try:
            mark.write_text('"Finished parts of smolkit data tokenize, which the next run goes on from"\n')
            for left in folder.glob(".*"):  # begun by a process that was killed
                left.unlink()
        except OSError as exc:
            raise ManifestError(f"cannot be written ({exc.strerror})", where=str(folder)) from exc
        yield
    finally:
        os.close(lock)


def _lock(folder: Path) -> int:
    """An open file that is locked until it is closed, or its process is gone.

    A run that ends removes its folder with the lock: then the next one may hold a file that is no longer there.
    Raises ManifestError where another run has it.
    """
    import fcntl

    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file), os.stat(folder / _LOCK)):
                return file
        except BlockingIOError as exc:
            os.close(file)
            fix = "Wait for its end, or name another --out"
            raise ManifestError("another run is writing here", where=str(folder), fix=fix) from exc
        except FileNotFoundError:
            pass
        except OSError:
            os.close(file)
            raise
        os.close(file)


def _is_finished(folder: Path, key: str) -> bool:
    return read_finished(folder, key, verify=True) is not None


def _finished(folder: Path, key: str) -> Finished:
    part = read_finished(folder, key)
    if part is None:
        raise ManifestError("a part vanished while it was needed", where=str(folder), fix="Run it again")
    return part


def _check_rows(finished: Sequence[Finished], on_bad_row: str, folder: Path) -> None:
    problems = [problem for part in finished for problem in part.problems][:NAMED]
    if not problems or on_bad_row == SKIP:
        return
    count = sum(part.report[BAD_ROW].documents for part in finished if BAD_ROW in part.report)
    lines = [_Said(problem) for problem in problems]
    what = f"{count:,} bad rows in all, so no corpus was written; what is finished is kept in {folder.name}"
    fix = "Mend them, or pass --on-bad-row skip to leave them out"
    raise RowErrors([*lines, DataError(what, fix=fix)])


def _check_left(keep: Sequence[np.ndarray], report: Report, read: int, source: str, folder: Path) -> None:
    if any(some.any() for some in keep):
        return
    shutil.rmtree(folder, ignore_errors=True)  # what comes next is another text or other filters
    reasons = "; ".join(f"{some.documents:,} {reason}" for reason, some in report.items()) or "it is empty"
    fix = "Loosen the filters or name other text"
    raise DataError(f"no document is left of {read:,}: {reasons}", where=source, fix=fix)


class _Said(SmolkitError):
    """An error of another process: its line as it was."""

    def __init__(self, line: str):
        self.where = None
        Exception.__init__(self, line)


# ---- duplicates


def _drop_duplicates(finished: Sequence[Finished], filters: Filters) -> tuple[list[np.ndarray], Report]:
    """What is kept of each part, bool [documents], and the report on everything that was dropped."""
    report: Report = {}
    for part in finished:
        for reason, some in part.report.items():
            drop(report, reason, some)
    keep = np.ones(sum(len(part.lengths) for part in finished), bool)
    edges = [0, *accumulate(len(part.lengths) for part in finished)]
    if filters.exact_dedup and finished:
        later = repeated_rows(np.concatenate([part.hashes for part in finished]))
        _note(report, EXACT, finished, edges, later)
        keep &= ~later
    if filters.minhash is not None:
        left = np.flatnonzero(keep)
        buckets = [part.buckets for part in finished if len(part.buckets)]
        later = np.zeros_like(keep)
        later[left] = near_duplicates(np.concatenate(buckets)[left]) if buckets else False
        _note(report, NEAR, finished, edges, later)
        keep &= ~later
    return [keep[begin:end] for begin, end in pairwise(edges)], report


def _note(report: Report, reason: str, finished: Sequence[Finished], edges: Sequence[int], later: np.ndarray) -> None:
    found = np.flatnonzero(later)
    if not len(found):
        return
    examples = []
    for place in found[:EXAMPLES].tolist():
        part = int(np.searchsorted(edges, place, side="right")) - 1
        examples.append(finished[part].names[place - edges[part]])
    drop(report, reason, Dropped(len(found), tuple(examples)))


def _shares(report: Report, read: int) -> dict[str, Any]:
    return {
        reason: {"documents": some.documents, "share": some.documents / read, "examples": list(some.examples)}
        for reason, some in report.items()
    }


# ---- shards


def _writer(directory: Path, encoder: Encoder, shard_tokens: int) -> CorpusWriter:
    return CorpusWriter(
        directory,
        tokenizer=encoder.name,
        tokenizer_sha256=encoder.tokenizer_sha256,
        vocab_size=encoder.vocab_size,
        end_of_document=encoder.end,
        shard_tokens=shard_tokens,
    )


def _write(writer: CorpusWriter, part: Finished, keep: np.ndarray) -> int:
    """Append the documents of a part that are kept; returns their bytes of text."""
    if not keep.any():
        return 0
    tokens = np.memmap(part.tokens_file, writer.dtype, mode="r")
    names = part.names
    if not keep.all():
        tokens = tokens[np.repeat(keep, part.lengths)]
        names = [name for name, kept in zip(names, keep.tolist(), strict=True) if kept]
    writer.add(tokens, np.cumsum(part.lengths[keep]), names)
    return int(part.sizes[keep].sum())
