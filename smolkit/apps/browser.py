"""What buttons of a page do in the visitor's browser, as JavaScript: nothing is written on this machine."""

from __future__ import annotations

import json

from smolkit.apps.look import remark


def download(name: str, kind: str) -> str:
    """A function that makes a file of the text it gets, of the MIME type `kind`."""
    return f"""
(content) => {{
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], {{type: {json.dumps(kind)}}}));
    link.download = {json.dumps(name)};
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}}
"""


def copy(what: str) -> str:
    """A function that copies the text it gets, and returns a line that says so; `what` names it, as "the title"."""
    return f"""
async (content) => {{
    try {{
        await navigator.clipboard.writeText(content);
        return {json.dumps(remark(f"Copied {what}."))};
    }} catch {{
        return {json.dumps(remark("This browser does not let the page copy.", "bad"))};
    }}
}}
"""
