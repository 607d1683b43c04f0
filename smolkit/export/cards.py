"""What stands beside the weights of an export: the card for people, and the files that other programs read.

Their text lies in `export/`, one folder per target; here it is filled in.
"""

from __future__ import annotations

from string import Template
from typing import Any

import yaml

from smolkit import __version__
from smolkit.assets import asset
from smolkit.export.gate import GREEDY_TOKENS
from smolkit.export.image_probes import IMAGES
from smolkit.export.probes import DOCUMENTS, STRINGS
from smolkit.export.report import ExportReport, FileReport, gate_section, loads_section, table
from smolkit.extraction.prompt import get_format

_CHATML_START, _CHATML_END, _UTTERANCE_END = "<|im_start|>", "<|im_end|>", "<end_of_utterance>"


def card(
    report: ExportReport,
    *,
    license: str | None = None,
    tags: list[str] | None = None,
    header: dict[str, Any] | None = None,
) -> str:
    """README.md of an export directory, in the Hub's format; `header` is more front matter, as a Space needs it."""
    header = {**(header or {}), **({"license": license} if license else {})}
    header |= {"tags": [report.target, *(tags or [])]}
    text = "README-vision.md" if report.sees else "README.md"
    body = Template(asset("export", report.target, text).read_text(encoding="utf-8"))
    filled = body.substitute(
        name=report.name,
        model=report.model,
        version=__version__,
        file=smallest(report).files[0],
        strings=len(STRINGS),
        prompts=len(DOCUMENTS),
        images=IMAGES,
        greedy=GREEDY_TOKENS,
        format=_format_note(report.prompt_format),
        files=table([["file", "size", "tensors"], *(_file_row(file) for file in report.kept)]),
        gate=f"{gate_section(report).strip()}\n\n{loads_section(report)}".strip(),
    )
    return f"---\n{yaml.safe_dump(header, sort_keys=False).strip()}\n---\n\n{filled}"


def modelfile(report: ExportReport, *, chat_template: str | None, context: int) -> str:
    """Ollama's Modelfile for the smallest file. The user turn holds what stands between opening and answer."""
    before, after, end = _turn(report.prompt_format, chat_template)
    eyes = next((file for file in report.kept if file.eyes), None)
    template = Template(asset("export", "gguf", "Modelfile").read_text(encoding="utf-8"))
    stop = f'PARAMETER stop "{end}"\n' if end else ""
    return template.substitute(
        file=smallest(report).files[0],
        eyes=f"FROM ./{eyes.files[0]}\n" if eyes else "",
        turn=f"{before}{{{{ .Prompt }}}}{after}",
        stop=stop,
        context=context,
    )


def smallest(report: ExportReport) -> FileReport:
    """The file that a reader who asks for none in particular gets, in the card as in `smolkit extract`."""
    return min((file for file in report.kept if not file.eyes), key=lambda file: file.size)


def _turn(prompt_format: str | None, chat_template: str | None) -> tuple[str, str, str | None]:
    """What precedes and follows the user's text, and the marker that ends an answer."""
    if prompt_format:
        layout = get_format(prompt_format)
        return layout.opening, layout.closing, layout.end
    if chat_template and _UTTERANCE_END in chat_template:  # SmolVLM's
        return f"{_CHATML_START}User: ", f"{_UTTERANCE_END}\nAssistant:", _UTTERANCE_END
    if chat_template and _CHATML_START in chat_template:
        return f"{_CHATML_START}user\n", f"{_CHATML_END}\n{_CHATML_START}assistant\n", _CHATML_END
    return "", "", None


def _format_note(prompt_format: str | None) -> str:
    if prompt_format is None:
        return "The files name no prompt format; their chat template is the model's own."
    layout = get_format(prompt_format)
    shown = layout.template.format(template="{ the template }") + layout.text_heading + "the text"
    return (
        f"The prompt format is `{prompt_format}`, which `smolkit` reads from the file and follows by itself. "
        f"Other programs put this into the user turn:\n\n```text\n{shown}\n```"
    )


def _file_row(file: FileReport) -> list[str]:
    types = ", ".join(f"{count} {kind}" for kind, count in file.tensor_types.items())
    return ["<br>".join(f"`{name}`" for name in file.files), f"{file.size / 1e6:,.0f} MB", types]
