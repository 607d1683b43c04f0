"""Documents in, filled templates out: one interface over every runtime.

An extractor renders prompts, compiles grammars, cuts long documents into windows, runs batches and finds each value
in its source. What computes the logits is a backend and stays out of sight.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from smolkit.data.images import ImageSource
from smolkit.data.render import encode_prompt
from smolkit.errors import DataError, RuntimeUnavailable, TemplateError
from smolkit.extraction.answer import parse_answer
from smolkit.extraction.grammar import compile_grammar
from smolkit.extraction.prompt import PromptFormat, get_format, guess_format
from smolkit.extraction.spans import Span
from smolkit.extraction.template import Template
from smolkit.extraction.windows import Window, fitting, locate_values, merge, split_windows
from smolkit.runtime.decoding import Answer, Backend, decode, matcher_for
from smolkit.runtime.pictures import Picture, layout_of, read_picture
from smolkit.runtime.scores import scored_values, scores_by_path

WINDOW_TOKENS = 2048
OVERLAP_TOKENS = 128
_CLOSING_TOKENS = 256
"""Room behind the token budget, in which an answer that used it up is brought to its end."""
_IMAGES = 16
"""Requests whose images are cut at the same time: one of seventeen tiles takes 13 MB."""


@dataclass(frozen=True)
class Request:
    """One document and the template to fill from it."""

    text: str
    template: Template
    image: ImageSource | None = None
    """The document, where it is an image; then there is no text."""


@dataclass(frozen=True)
class Options:
    """How answers are decoded. `window` and `overlap` are in tokens of the document."""

    verbatim: bool = False
    """Hold blank leaves, too, to substrings of the document; `verbatim-string` leaves always are."""
    constrained: bool = True
    max_new_tokens: int = 512
    window: int = WINDOW_TOKENS
    overlap: int = OVERLAP_TOKENS


@dataclass(frozen=True)
class Extraction:
    """The answer for one document; counts and seconds are summed over its windows."""

    output: dict[str, Any] | None
    """None where an unconstrained answer does not parse."""
    raw: str
    spans: dict[str, Span]
    """Character offsets in the document, by path with indices, of the values that stand there."""
    scores: dict[str, float]
    """How sure the model was of each value, by path with indices, in [0, 1]; see `smolkit.runtime.scores`."""
    truncated: bool
    """Whether the token budget ended an answer; a constrained one was then closed at the first chance."""
    prompt_tokens: int
    new_tokens: int
    forced_tokens: int
    """Those of the new tokens that the grammar left no choice about."""
    seconds: float
    windows: int


@dataclass(frozen=True)
class Progress:
    """Where the answer for one document stands, after a step of the model."""

    raw: str
    """The answer so far; that of a document of several windows is put together at the end."""
    read: int
    """Windows whose answers are complete."""
    windows: int
    extraction: Extraction | None = None
    """At the end, and not before."""


@dataclass(frozen=True)
class _Job:
    """One window of one request, ready to decode."""

    request: int
    window: Window
    answer: Answer


class Extractor:
    """Fills templates with one model."""

    def __init__(self, backend: Backend, prompt_format: str | None = None):
        self.backend = backend
        self.prompt_format: PromptFormat = get_format(
            prompt_format or backend.prompt_format or guess_format(backend.encode)
        )

    @property
    def runtime(self) -> str:
        return self.backend.name

    @property
    def computes(self) -> str:
        """What runs the model, and with what, as in "torch, bfloat16"."""
        return f"{self.backend.name}, {self.backend.computes}"

    def extract(self, text: str, template: Template, **options: Any) -> Extraction:
        """Fill the template from one document; `options` are the fields of `Options`."""
        return next(self.extract_many([Request(text, template)], **options))

    def extract_many(self, requests: Sequence[Request], **options: Any) -> Iterator[Extraction]:
        """Fill many templates, in batches of like length; results come in the order of the requests."""
        chosen = Options(**options)
        remaining = iter(requests)
        seen = any(request.image is not None for request in requests)
        while chunk := list(islice(remaining, _IMAGES if seen else 8 * self.backend.max_batch)):
            yield from self._run(chunk, chosen)

    def follow(
        self, text: str, template: Template, image: ImageSource | None = None, **options: Any
    ) -> Iterator[Progress]:
        """Fill the template from one document, and say after each step how far that is; the last has the extraction.

        A caller that stops iterating stops the model.
        """
        chosen = Options(**options)
        request = Request(text, template, image)
        jobs = [self._job(0, request, window, chosen) for window in self._windows(request, chosen)]
        began = time.perf_counter()
        for read, job in enumerate(jobs):  # one by one, so that steps are short and each can be the last
            yield Progress("", read, len(jobs))
            for _ in decode(self.backend, [job.answer]):
                raw = self.backend.decode(job.answer.tokens) if len(jobs) == 1 else ""
                yield Progress(raw.rstrip("\ufffd"), read, len(jobs))  # a character whose bytes have not all come
        found = replace(self._assemble(request, jobs, chosen), seconds=time.perf_counter() - began)
        yield Progress(found.raw, len(jobs), len(jobs), found)

    def side_by_side(self, requests: Sequence[Request], **options: Any) -> Iterator[list[Extraction] | None]:
        """Fill several templates at once: None after each step of the model, and last their extractions, in order.

        A caller that stops iterating stops the model. Seconds are those of all together.
        """
        chosen = Options(**options)
        jobs = self._jobs(requests, chosen)
        began = time.perf_counter()
        for batch in self._batches(jobs):
            for _ in decode(self.backend, [job.answer for job in batch]):
                yield None
        seconds = time.perf_counter() - began
        yield [replace(found, seconds=seconds) for found in self._assemble_all(requests, jobs, chosen)]

    def stream(self, text: str, template: Template, image: ImageSource | None = None, **options: Any) -> Iterator[str]:
        """The raw answer in growing pieces; joined they are `Extraction.raw`.

        Raises DataError for a document of several windows: their answers are merged once all are there.
        """
        chosen = Options(**options)
        request = Request(text, template, image)
        windows = self._windows(request, chosen)
        if len(windows) > 1:
            raise DataError(
                f"a document of {len(windows)} windows cannot be streamed",
                fix="Extract it at once, or widen the window",
            )
        answer = self._job(0, request, windows[0], chosen).answer
        shown = 0
        for _ in decode(self.backend, [answer]):
            whole = self.backend.decode(answer.tokens)
            # The mark at the end is a character whose bytes have not all come, unless the answer is over.
            if answer.done or not whole.endswith("\ufffd"):
                yield whole[shown:]
                shown = len(whole)

    def close(self) -> None:
        self.backend.close()

    def __enter__(self) -> Extractor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, requests: Sequence[Request], options: Options) -> Iterator[Extraction]:
        jobs = self._jobs(requests, options)
        seconds = [0.0] * len(requests)
        for batch in self._batches(jobs):
            began = time.perf_counter()
            for _ in decode(self.backend, [job.answer for job in batch]):
                pass
            for job in batch:
                seconds[job.request] += (time.perf_counter() - began) / len(batch)
        for index, found in enumerate(self._assemble_all(requests, jobs, options)):
            yield replace(found, seconds=seconds[index])

    def _jobs(self, requests: Sequence[Request], options: Options) -> list[_Job]:
        return [
            self._job(index, request, window, options)
            for index, request in enumerate(requests)
            for window in self._windows(request, options)
        ]

    def _assemble_all(
        self, requests: Sequence[Request], jobs: Sequence[_Job], options: Options
    ) -> Iterator[Extraction]:
        for index, request in enumerate(requests):
            yield self._assemble(request, [job for job in jobs if job.request == index], options)

    def _windows(self, request: Request, options: Options) -> list[Window]:
        if request.image is not None:
            return [Window("", 0)]
        offsets = token_offsets(self.backend, request.text)
        overhead = len(encode_prompt(self.prompt_format, request.template, "", self.backend.encode))
        room = self.backend.context_length - overhead - options.max_new_tokens - _CLOSING_TOKENS
        if room < 2 * options.overlap:
            raise DataError(
                f"the template takes {overhead} tokens of a context of {self.backend.context_length}",
                fix="Ask for fewer fields at once, or lower the number of new tokens",
            )
        return split_windows(request.text, offsets, min(options.window, room), options.overlap)

    def _job(self, number: int, request: Request, window: Window, options: Options) -> _Job:
        seen = request.image is not None
        matcher = None
        if options.constrained:
            grammar = compile_grammar(
                request.template,
                text=None if seen else window.text,
                verbatim=options.verbatim and not seen,
                json_style=self.prompt_format.json_style,
                missing=self.prompt_format.missing,
            )
            matcher = matcher_for(self.backend, grammar)
        pictures = self._pictures(request)
        document = pictures[0].ids if pictures else window.text
        prompt = encode_prompt(self.prompt_format, request.template, document, self.backend.encode)
        if len(prompt) + options.max_new_tokens > self.backend.context_length:
            self._refuse(prompt, options)
        return _Job(number, window, Answer(prompt, matcher, options.max_new_tokens, pictures))

    def _pictures(self, request: Request) -> tuple[Picture, ...]:
        if request.image is None:
            return ()
        return (read_picture(request.image, layout_of(self.backend), self.backend.encode),)

    def _refuse(self, prompt: list[int], options: Options) -> None:
        raise DataError(
            f"image and template take {len(prompt)} tokens, and with {options.max_new_tokens} of the answer that is "
            f"more than the model's context, {self.backend.context_length}",
            fix="Ask for fewer fields at once, or lower the number of new tokens",
        )

    def _batches(self, jobs: Sequence[_Job]) -> Iterator[list[_Job]]:
        """Jobs of like length together; those of one template first, since they share the beginning of the prompt."""
        batch: list[_Job] = []
        room = self.backend.max_batch_tokens
        for job in sorted(jobs, key=lambda job: (job.answer.prompt[:64], len(job.answer.prompt))):
            full = room is not None and sum(map(_most_tokens, [*batch, job])) > room
            mixed = bool(batch) and bool(batch[0].answer.pictures) != bool(job.answer.pictures)
            if batch and (full or mixed or len(batch) == self.backend.max_batch):
                yield batch
                batch = []
            batch.append(job)
        if batch:
            yield batch

    def _assemble(self, request: Request, jobs: Sequence[_Job], options: Options) -> Extraction:
        raws = [self.backend.decode(job.answer.tokens) for job in jobs]
        outputs = [_read(raw, request.template) for raw in raws]
        starts: dict[str, int] = {}
        origins: dict[str, int] = {}  # of a value, the index among the windows that gave an answer
        answered = [job for job, answer in zip(jobs, outputs, strict=True) if answer is not None]
        if len(jobs) == 1:
            output, raw = outputs[0], raws[0]
        else:
            # No grammar rules out every misfit, and one must not cost the document its other values.
            given = [fitting(request.template, output) for output in outputs if output is not None]
            merged = merge(request.template, given)
            output, raw, origins = merged.output, json.dumps(merged.output, ensure_ascii=False), merged.origins
            starts = {path: answered[at].window.start for path, at in origins.items()}
        values = [scored_values(job.answer, self.backend) for job in answered]
        return Extraction(
            output=output,
            raw=raw,
            spans={} if output is None else _locate(request, output, starts),
            scores={} if output is None else scores_by_path(output, values, origins),
            truncated=any(job.answer.truncated for job in jobs),
            prompt_tokens=sum(len(job.answer.prompt) for job in jobs),
            new_tokens=sum(len(job.answer.tokens) for job in jobs),
            forced_tokens=sum(job.answer.forced for job in jobs),
            seconds=0.0,
            windows=len(jobs),
        )


def _most_tokens(job: _Job) -> int:
    return len(job.answer.prompt) + job.answer.max_new_tokens + _CLOSING_TOKENS


def token_offsets(backend: Backend, text: str) -> list[tuple[int, int]]:
    """The (start, end) characters of each token of a text. A character of several tokens counts whole for each."""
    starts = [at for at, char in enumerate(text) for _ in range(len(char.encode()))] + [len(text)]
    offsets = []
    at = 0
    for token in backend.encode(text, special=False):
        size = len(backend.ll_tokenizer.decode_bytes([token]))
        if at + size >= len(starts):
            raise RuntimeUnavailable("this model's tokenizer changes the text, so long documents cannot be cut by it")
        end = starts[at + size - 1] + 1 if size else starts[at]
        offsets.append((starts[at], end))
        at += size
    return offsets


def _locate(request: Request, output: dict[str, Any], starts: dict[str, int]) -> dict[str, Span]:
    """Where the values stand, those aside that do not fit the template, such as an IBAN with wrong check digits."""
    misfits = [path for path, _ in request.template.problems(output)]
    if any("[" in path for path in misfits):
        return {}  # without it the items behind it would have other indices
    return locate_values(request.template, fitting(request.template, output), request.text, starts)


def _read(raw: str, template: Template) -> dict[str, Any] | None:
    """The object in an answer, its missing values as null; one that does not fit the template stays as it is."""
    answer = parse_answer(raw)
    if answer.invalid or not isinstance(answer.value, dict):
        return None
    try:
        return template.conform(answer.value)
    except TemplateError:
        return answer.value
