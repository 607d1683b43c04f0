"""The one look of all apps: theme, style and the small pieces of HTML that pages are made of, light and dark."""

from __future__ import annotations

import html

import gradio as gr

# Gradio's own greys and its teal under white text are too faint to be read by all (WCAG 2.2, 1.4.3).
THEME = gr.themes.Default(
    primary_hue="teal",
    neutral_hue="slate",
    font=("system-ui", "sans-serif"),
    font_mono=("ui-monospace", "Menlo", "Consolas", "monospace"),
).set(
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
    block_label_text_color="*neutral_700",
    block_label_text_color_dark="*neutral_200",
    block_title_text_color="*neutral_700",
    block_title_text_color_dark="*neutral_200",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_hover_dark="*primary_800",
)

CSS = """
.remark { margin: 0; padding: 0 2px; font-size: var(--text-sm); line-height: 1.5; overflow-wrap: anywhere; }
.remark.good { color: var(--body-text-color-subdued); }
body:not(.dark) .cm-line span { color: #115e59 !important; }
body:not(.dark) [role="tab"][aria-selected="true"] { color: #115e59; }
.remark.bad { color: var(--error-text-color); font-weight: 600; }
.line { min-height: 1.5em; }
.line .html-container { padding: 0; }
.line .minimal { position: static !important; align-items: flex-start; }
.line .minimal .progress-text { position: static; transform: none; padding: 0 2px; font-family: inherit; }
.line .minimal .progress-text::before { content: "Waiting,"; margin-right: 0.4em; }
.line .pending { display: none; }
"""
"""An HTML component of the class `line` says how far an answer is, and while it waits for others its place in the
queue, which Gradio hides where `show_progress` is minimal."""


def remark(line: str, mood: str = "good") -> str:
    """One line of a page as HTML, in which `line` is text whatever it holds; the mood is good or bad.

    Screen readers say it when it changes.
    """
    return f'<p role="status" class="remark {mood}">{html.escape(line)}</p>'
