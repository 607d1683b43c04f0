"""What the gate found over all files of one export, as values, as Markdown, and as the line of a refusal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolkit.errors import GateError
from smolkit.export.gate import LIMITS, Check
from smolkit.manifest import staged_file


@dataclass(frozen=True)
class FileReport:
    """One stored form of the model. `kept` is False for one that was only written to prove the layout."""

    quant: str
    files: tuple[str, ...]
    """Names in the export directory; the runtime opens the first."""
    size: int
    """Bytes, all parts together."""
    tensor_types: dict[str, int]
    checks: tuple[Check, ...]
    kept: bool = True

    @property
    def failures(self) -> list[Check]:
        return [check for check in self.checks if not check.passed]

    def shown(self, figure: str, *, bounded: bool = False) -> str:
        """One figure as text, with its limit when `bounded`; nothing where it was not measured."""
        check = next((check for check in self.checks if check.name == figure), None)
        if check is None:
            return ""
        value = f"{check.value:.3g}" if check.passed else f"**{check.value:.3g}**"
        side = "≥" if check.at_least else "≤"
        return f"{value} ({side} {check.limit:g})" if bounded and check.limit is not None else value

    def as_dict(self) -> dict[str, Any]:
        return {
            "quant": self.quant,
            "files": list(self.files),
            "kept": self.kept,
            "size": self.size,
            "tensor_types": self.tensor_types,
            "passed": not self.failures,
            "checks": {check.name: check.as_dict() for check in self.checks},
        }


@dataclass(frozen=True)
class ExportReport:
    """Every file of one export beside torch float32."""

    target: str
    model: str
    name: str
    prompt_format: str | None
    files: tuple[FileReport, ...]

    @property
    def passed(self) -> bool:
        return not any(file.failures for file in self.files)

    @property
    def kept(self) -> list[FileReport]:
        return [file for file in self.files if file.kept]

    def as_dict(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "model": self.model,
            "name": self.name,
            "prompt_format": self.prompt_format,
            "passed": self.passed,
            "files": [file.as_dict() for file in self.files],
        }

    @property
    def figures(self) -> list[str]:
        """Names of all figures, in the order in which they were taken."""
        return list(dict.fromkeys(check.name for file in self.files for check in file.checks))

    def scores(self) -> dict[str, dict[str, float | None]]:
        """The bare figures of every kept file."""
        return {file.quant: {check.name: check.as_dict()["value"] for check in file.checks} for file in self.kept}


def require_passed(report: ExportReport, destination: Path) -> None:
    """Raise GateError where a figure is out of its limits, after writing the whole report beside the destination.

    A report that an earlier refusal left there goes away when the gate passes.
    """
    as_json, as_text = (destination.with_name(f"{destination.name}.gate{suffix}") for suffix in (".json", ".md"))
    if report.passed:
        as_json.unlink(missing_ok=True)
        as_text.unlink(missing_ok=True)
        return
    _write_report(report, as_json, as_text)
    faults = "; ".join(f"{file.quant}: " + ", ".join(map(str, file.failures)) for file in report.files if file.failures)
    raise GateError(
        f"the export lost its numbers: {faults}", fix=f"Nothing was written to {destination}; see {as_text}"
    )


def write_gate_report(report: ExportReport, directory: Path) -> None:
    """The report as `gate.json` and `gate.md` in the export directory."""
    _write_report(report, directory / "gate.json", directory / "gate.md")


def _write_report(report: ExportReport, as_json: Path, as_text: Path) -> None:
    verdict = "passed" if report.passed else "refused by"
    with staged_file(as_json) as aside:
        aside.write_text(json.dumps(report.as_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with staged_file(as_text) as aside:
        aside.write_text(f"# {report.name}: {verdict} the gate\n\n{gate_section(report)}", encoding="utf-8")


def gate_section(report: ExportReport) -> str:
    """Every figure beside its limit, and why the limits are what they are."""
    header = ["figure", *(file.quant + ("" if file.kept else " (not kept)") for file in report.files)]
    rows = [
        [figure.replace("_", " "), *(file.shown(figure, bounded=True) for file in report.files)]
        for figure in report.figures
    ]
    reasons = [f"- `{file.quant}`: {LIMITS[file.quant].reason}" for file in report.files if file.quant in LIMITS]
    return f"""{table([header, *rows])}

A figure out of the limit behind it is bold. KL is in nats, the mean over positions. The limits leave room above what
SmolLM2-135M-Instruct, or a model fine-tuned from it, measured:

{chr(10).join(reasons)}
"""


def table(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is its header."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
