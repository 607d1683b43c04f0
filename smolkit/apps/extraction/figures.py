"""What one answer took and what ran it, for programs and as a sentence of the page."""

from __future__ import annotations

from typing import Any

from smolkit.apps.extraction.answers import Opening
from smolkit.runtime.extractor import Extraction, Progress


def statistics(extraction: Extraction, model: str, computes: str) -> dict[str, Any]:
    """The figures of one answer, with the model that gave it and what ran that.

    Seconds are the model's, without the wait in the queue.
    """
    return {
        "model": model,
        "computes": computes,
        "seconds": round(extraction.seconds, 3),
        "prompt_tokens": extraction.prompt_tokens,
        "new_tokens": extraction.new_tokens,
        "forced_tokens": extraction.forced_tokens,
        "windows": extraction.windows,
        "truncated": extraction.truncated,
        "tokens_per_second": round(tokens_per_second(extraction), 1),
    }


def statistics_line(extraction: Extraction, computes: str) -> str:
    """The same figures as a sentence of the page."""
    parts = [
        f"{extraction.seconds:.1f} s",
        f"{extraction.prompt_tokens:,} prompt tokens",
        f"{extraction.new_tokens:,} new tokens, {extraction.forced_tokens:,} of them forced by the template",
    ]
    if extraction.windows > 1:
        parts.append(f"read in {extraction.windows} windows")
    if extraction.truncated:
        parts.append("cut short: the answer reached its limit")
    return " · ".join([*parts, f"{tokens_per_second(extraction):.0f} tokens/s", computes])


def tokens_per_second(extraction: Extraction) -> float:
    """New tokens over the whole time of an answer, reading included."""
    return extraction.new_tokens / extraction.seconds if extraction.seconds else 0.0


def reading_line(step: Opening | Progress) -> str:
    """Where an answer stands that is not complete."""
    if isinstance(step, Opening):
        return f"opening {step.name}"
    if step.windows > 1:
        return f"reading part {min(step.read + 1, step.windows)} of {step.windows}"
    return "writing" if step.raw else "reading"
