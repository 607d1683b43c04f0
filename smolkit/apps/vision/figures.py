"""What one answer about an image took, for programs and as a sentence of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smolkit.data.images import ImageLayout, ImageSource
from smolkit.runtime.asking import Said
from smolkit.runtime.extractor import Extraction


@dataclass(frozen=True)
class Seen:
    """What an image is to a model that sees."""

    tiles: int
    image_tokens: int

    @classmethod
    def of(cls, image: ImageSource, layout: ImageLayout) -> Seen:
        tiles = layout.count(*image.size)
        return cls(tiles, tiles * layout.tokens)

    @property
    def figures(self) -> dict[str, Any]:
        return {"tiles": self.tiles, "image_tokens": self.image_tokens}


@dataclass(frozen=True)
class Text:
    """What an image is to OCR."""

    characters: int
    seconds: float

    @property
    def figures(self) -> dict[str, Any]:
        return {"characters": self.characters, "ocr_seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class Timing:
    """Seconds since a model began to read; `first` is None where an answer is put together at the end."""

    seconds: float
    first: float | None
    first_tokens: int
    """That came with the first step, forced ones among them."""

    def figures(self, new_tokens: int) -> dict[str, Any]:
        """Tokens/s are of what comes after the first step; of the whole time where there is no such step."""
        took = self.seconds - (self.first or 0.0)
        later = new_tokens - self.first_tokens
        return {
            "seconds": round(self.seconds, 3),
            "seconds_to_first_token": None if self.first is None else round(self.first, 3),
            "tokens_per_second": round(later / took, 1) if took > 0 and later > 0 else 0.0,
        }


def figures_of(
    answer: Extraction | Said, read: Seen | Text, timing: Timing, model: str, computes: str
) -> dict[str, Any]:
    """The figures of one answer, with the model that gave it and what ran that; without the wait in the queue."""
    own = {"forced_tokens": answer.forced_tokens, "windows": answer.windows} if isinstance(answer, Extraction) else {}
    return {
        "model": model,
        "computes": computes,
        **read.figures,
        **timing.figures(answer.new_tokens),
        "prompt_tokens": answer.prompt_tokens,
        "new_tokens": answer.new_tokens,
        **own,
        "truncated": answer.truncated,
    }


def figures_line(figures: Mapping[str, Any]) -> str:
    """The same figures as a sentence of the page."""
    first = figures["seconds_to_first_token"]
    parts = [f"{figures['seconds']:.1f} s" + ("" if first is None else f", the first token after {first:.1f} s")]
    if "tiles" in figures:
        tiles = figures["tiles"]
        parts.append(f"{figures['image_tokens']:,} image tokens of {tiles} tile{'s' if tiles > 1 else ''}")
    else:
        parts.append(f"{figures['characters']:,} characters read in {figures['ocr_seconds']:.1f} s")
    parts += [f"{figures['prompt_tokens']:,} prompt tokens", f"{figures['new_tokens']:,} new tokens"]
    if figures.get("windows", 1) > 1:
        parts.append(f"read in {figures['windows']} windows")
    if figures["truncated"]:
        parts.append("cut short: the answer reached its limit")
    return " · ".join([*parts, f"{figures['tokens_per_second']:.0f} tokens/s", figures["computes"]])
