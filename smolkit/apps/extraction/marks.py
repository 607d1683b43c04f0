"""Where the values of an answer stand in their text, as HTML: marks, a legend, and what is known of each value.

Hovering or focusing a mark shows its field, value, place and score; hovering or focusing an entry of the legend shows
the marks of its field. That is CSS alone. Texts, keys and values are text, whatever they hold.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from smolkit.extraction.answer import scalars
from smolkit.extraction.spans import Span
from smolkit.extraction.template import field_of
from smolkit.runtime.extractor import Extraction

_GOLDEN_ANGLE = 137.508
"""Degrees between the hues of two fields: any number of them stay apart."""
_LONGEST = 120
"""Characters of a value that are shown beside its mark."""


class Segment(NamedTuple):
    """A piece of the text, and the paths of the values that cover it."""

    text: str
    paths: tuple[str, ...]


def segments(text: str, spans: Mapping[str, Span]) -> list[Segment]:
    """The whole text in pieces, each with the values that cover it, in the order of `spans`."""
    cuts = sorted({0, len(text), *(edge for span in spans.values() for edge in span)})
    return [
        Segment(text[start:end], tuple(path for path, span in spans.items() if span.start <= start and end <= span.end))
        for start, end in pairwise(cuts)
    ]


def marked_text(text: str, extraction: Extraction) -> str:
    """The text with its values marked, under a legend, as HTML."""
    values = dict(scalars(extraction.output))
    numbers = {field: number for number, field in enumerate(dict.fromkeys(map(field_of, extraction.spans)), start=1)}
    notes = {path: _note(path, value, extraction) for path, value in values.items() if value is not None}
    pieces = segments(text, extraction.spans)
    anchors: set[int] = set()
    body = "".join(_mark(piece, numbers, notes, anchors) for piece in pieces)
    elsewhere = [note for path, note in notes.items() if path not in extraction.spans]
    return (
        f'<div class="marks"><style>{_emphasis(numbers.values())}</style>'
        f"{_legend(numbers, extraction.spans)}"
        f'<div class="reading">{_source(body)}'
        '<p class="card">Point at a mark, or go to it with the Tab key, to see its value.</p></div>'
        f"{_elsewhere(elsewhere)}</div>"
    )


def plain_text(text: str) -> str:
    """The text before anything is known of it, as HTML."""
    return f'<div class="marks">{_source(html.escape(text))}</div>'


def _source(body: str) -> str:
    label = "The text with its values"
    return f'<div class="source" tabindex="0" role="region" aria-label="{label}">{body}</div>'


def _mark(piece: Segment, numbers: Mapping[str, int], notes: Mapping[str, str], anchors: set[int]) -> str:
    if not piece.paths:
        return html.escape(piece.text)
    fields = list(dict.fromkeys(numbers[field_of(path)] for path in piece.paths))
    new = [number for number in fields if number not in anchors]
    anchors.update(new)
    jumps = "".join(f'<span id="field-{number}"></span>' for number in new)
    known = "\n".join(notes[path] for path in piece.paths if path in notes)
    return (
        f'{jumps}<mark tabindex="0" data-fields="{" ".join(map(str, fields))}" data-number="{_joined(fields)}" '
        f'style="--hue:{_hue(fields[0])};--edge:{_hue(fields[-1])}" '
        f'aria-description="{html.escape(known)}">{html.escape(piece.text)}</mark>'
    )


def _note(path: str, value: Any, extraction: Extraction) -> str:
    """What is known of one value, in a line."""
    written = value if isinstance(value, str) else json.dumps(value)
    parts = [f"{path}: {written if len(written) <= _LONGEST else written[: _LONGEST - 1] + '…'}"]
    if path in extraction.spans:
        parts.append("characters {}-{}".format(*extraction.spans[path]))
    if path in extraction.scores:
        parts.append(f"model's probability {extraction.scores[path]:.2f}")
    return " · ".join(parts)


def _legend(numbers: Mapping[str, int], spans: Iterable[str]) -> str:
    """A link for each field to its first mark."""
    if not numbers:
        return '<p class="none">No value stands in the text in these words.</p>'
    fields = [field_of(path) for path in spans]
    entries = (
        f'<li><a href="#field-{number}" data-field="{number}" style="--hue:{_hue(number)}">'
        f"<span>{number}</span>{html.escape(field)}{_times(fields.count(field))}</a></li>"
        for field, number in numbers.items()
    )
    return f'<ul class="legend" aria-label="Fields">{"".join(entries)}</ul>'


def _elsewhere(notes: Sequence[str]) -> str:
    """Values that the text does not hold in these words, such as dates in another notation."""
    if not notes:
        return ""
    items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f'<p class="none">Not in the text in these words:</p><ul class="elsewhere">{items}</ul>'


def _emphasis(numbers: Iterable[int]) -> str:
    """Rules that outline the marks of the field whose entry of the legend is pointed at."""
    return "".join(
        f".marks:has([data-field='{number}']:is(:hover,:focus)) mark[data-fields~='{number}']"
        "{outline:3px solid var(--body-text-color)}"
        for number in numbers
    )


def _hue(number: int) -> int:
    return round(number * _GOLDEN_ANGLE) % 360


def _times(count: int) -> str:
    return f" ×{count}" if count > 1 else ""


def _joined(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))


# Gradio rewrites selectors, and of a list of them only the first may begin with .dark.
CSS = """
.marks { font-size: var(--text-md); }
.marks .reading { position: relative; }
.marks .legend { display: flex; flex-wrap: wrap; gap: 6px; margin: 0 0 8px; padding: 0; list-style: none; }
.marks .legend li { margin: 0; }
.marks .legend a { display: inline-flex; gap: 6px; padding: 2px 8px; border-radius: 6px; text-decoration: none;
  overflow-wrap: anywhere; color: #0f172a; background: hsl(var(--hue) 75% 86%);
  border-bottom: 3px solid hsl(var(--hue) 60% 38%); }
.marks .legend span { font-weight: 700; color: inherit; }
.marks .source { max-height: 26rem; overflow: auto; padding: 8px; border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; line-height: 1.9; border: 1px solid var(--border-color-primary); }
.marks mark { padding: 1px 3px; border-radius: 4px; box-decoration-break: clone; -webkit-box-decoration-break: clone;
  color: #0f172a; background: hsl(var(--hue) 75% 86%); border-bottom: 3px solid hsl(var(--edge) 60% 38%); }
.marks mark::before { content: attr(data-number); margin-right: 3px; font-size: 0.7em; font-weight: 700;
  vertical-align: super; line-height: 1; }
.dark .marks mark { color: #f8fafc; background: hsl(var(--hue) 45% 24%); border-color: hsl(var(--edge) 70% 65%); }
.dark .marks .legend a { color: #f8fafc; background: hsl(var(--hue) 45% 24%); border-color: hsl(var(--hue) 70% 65%); }
.marks .card { box-sizing: border-box; margin: 6px 0 0; padding: 8px; min-height: 4.4em; border-radius: 6px;
  font-size: var(--text-sm); line-height: 1.5; color: var(--body-text-color-subdued);
  border: 1px dashed var(--border-color-primary); }
.marks mark:is(:hover, :focus)::after { content: attr(aria-description); box-sizing: border-box; position: absolute;
  z-index: 1; inset: calc(100% - 4.4em) 0 auto 0; padding: 8px; min-height: 4.4em; border-radius: 6px;
  font-size: var(--text-sm); line-height: 1.5; white-space: pre-line; color: var(--body-text-color);
  background: var(--background-fill-secondary); border: 2px solid hsl(var(--edge) 60% 45%); }
.marks mark:hover::after { z-index: 2; }
.marks .none { margin: 8px 0 4px; font-size: var(--text-sm); }
.marks .elsewhere { margin: 0; padding-left: 1.2em; font-size: var(--text-sm); overflow-wrap: anywhere; }
"""
