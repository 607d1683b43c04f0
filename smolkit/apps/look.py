"""The one look of all apps: theme, style and the small pieces of HTML that pages are made of, light and dark."""

from __future__ import annotations

import html

import gradio as gr

THEME = gr.themes.Default(
    primary_hue="teal",
    neutral_hue="slate",
    font=("system-ui", "sans-serif"),
    font_mono=("ui-monospace", "Menlo", "Consolas", "monospace"),
)

CSS = """
.remark { margin: 0; padding: 0 2px; font-size: var(--text-sm); line-height: 1.5; overflow-wrap: anywhere; }
.remark.good { color: var(--block-label-text-color); }
.remark.bad { color: var(--error-text-color); font-weight: 600; }
"""


def remark(line: str, mood: str = "good") -> str:
    """One line of a page as HTML, in which `line` is text whatever it holds; the mood is good or bad.

    Screen readers say it when it changes.
    """
    return f'<p role="status" class="remark {mood}">{html.escape(line)}</p>'
