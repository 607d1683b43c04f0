"""Small tables as HTML, for pages that show what they know in figures."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence


def html_table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that scrolls in itself where the page is narrow; everything in it is text."""
    heads = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    caption = html.escape(title)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{caption}"><table><caption>{caption}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


# Gradio gives tables in HTML the look of running text.
CSS = """
.wide { overflow-x: auto; max-width: 100%; margin: 10px 0; }
.wide table { border: 0 !important; border-collapse: collapse; }
.wide table { font-size: var(--text-sm); font-variant-numeric: tabular-nums; }
.wide caption { text-align: left; font-weight: 600; }
.wide th, .wide td { padding: 3px 12px 3px 0 !important; text-align: left; border: 0 !important; }
.wide tr { border-bottom: 1px solid var(--border-color-primary); }
.wide th { white-space: nowrap; font-weight: 600; }
.wide:focus-visible { outline: 2px solid var(--primary-600); }
"""
