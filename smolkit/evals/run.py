"""Runs a model over annotated rows, so that `smolkit.evals.extraction` can score what it wrote."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolkit.data.rows import Row
from smolkit.evals.extraction import EvalResult, score_predictions
from smolkit.runtime.extractor import Extraction, Extractor, Request


@dataclass(frozen=True)
class ModelEval:
    """The scores of a model, and what decoding took."""

    result: EvalResult
    runtime: str
    """What ran the model, and with what."""
    seconds: float
    prompt_tokens: int
    new_tokens: int
    forced_tokens: int
    truncated: int
    """Documents whose answer the token budget ended."""

    def figures(self) -> dict[str, Any]:
        """The scores, and documents and tokens per second over the whole run."""
        documents = len(self.result.documents)
        return {
            **self.result.figures(),
            "runtime": self.runtime,
            "seconds": round(self.seconds, 2),
            "documents_per_second": round(documents / self.seconds, 3),
            "prompt_tokens": self.prompt_tokens,
            "new_tokens": self.new_tokens,
            "forced_tokens": self.forced_tokens,
            "truncated": self.truncated,
        }


def evaluate_model(
    extractor: Extractor,
    rows: Sequence[Row],
    *,
    rows_file: str | Path | None = None,
    on_done: Callable[[int], None] = lambda count: None,
    **options: Any,
) -> ModelEval:
    """Extract from every row and score; `options` are the fields of `smolkit.runtime.extractor.Options`."""
    began = time.perf_counter()
    answers = list(
        _counted(extractor.extract_many([Request(row.text, row.template) for row in rows], **options), on_done)
    )
    seconds = time.perf_counter() - began
    predictions = [{"id": row.id, "raw": answer.raw} for row, answer in zip(rows, answers, strict=True)]
    return ModelEval(
        result=score_predictions([row.as_dict() for row in rows], predictions, rows_file=rows_file),
        runtime=extractor.computes,
        seconds=seconds,
        prompt_tokens=sum(answer.prompt_tokens for answer in answers),
        new_tokens=sum(answer.new_tokens for answer in answers),
        forced_tokens=sum(answer.forced_tokens for answer in answers),
        truncated=sum(answer.truncated for answer in answers),
    )


def _counted(answers: Iterator[Extraction], on_done: Callable[[int], None]) -> Iterator[Extraction]:
    for answer in answers:
        yield answer
        on_done(1)
