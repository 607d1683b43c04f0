"""What the gate found over all files of one export, as values, as Markdown, and as the line of a refusal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolkit.errors import GateError
from smolkit.export.check import CheckReport
from smolkit.export.check_files import NOTE
from smolkit.export.four_bits import Quantised
from smolkit.export.gate import LIMITS, Check
from smolkit.export.vision_gate import IMAGE_LIMITS
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
    rounded: str = ""
    """How the weights were rounded, where it was more than to the nearest."""
    four_bits: Quantised | None = None
    """The form that was stored, where it is one of `four_bits`."""
    eyes: bool = False
    """Whether it is what a model sees with, and no model."""

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
            **({"rounded": self.rounded} if self.rounded else {}),
            "size": self.size,
            "tensor_types": self.tensor_types,
            **({"four_bits": self.four_bits.as_dict()} if self.four_bits else {}),
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
    layout: CheckReport | None = None
    """Who loads the directory, by what its files say; `reader` has to, without anything that goes wrong in use."""
    reader: str = ""
    sees: bool = False
    """Whether the model reads images, and the card says how."""

    @property
    def passed(self) -> bool:
        return not any(file.failures for file in self.files) and not self.layout_faults

    @property
    def layout_faults(self) -> list[str]:
        """What keeps the reader that the target is for from using the directory as it should."""
        if self.layout is None:
            return []
        verdict = self.layout.verdict(self.reader)
        if verdict.sound and all(one.level == NOTE for one in self.layout.findings):
            return []
        found = [str(one) for one in [*self.layout.findings, *verdict.findings] if one.level != NOTE]
        return found or [f"{self.reader} does not load it"]

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
            **({"loads": {one.name: one.loads for one in self.layout.verdicts}} if self.layout else {}),
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
    failed = [f"{file.quant}: " + ", ".join(map(str, file.failures)) for file in report.files if file.failures]
    what = "the export lost its numbers" if failed else f"{report.reader} would not load the export as it should"
    fix = f"Nothing was written to {destination}; see {as_text}"
    raise GateError(f"{what}: {'; '.join(failed or report.layout_faults)}", fix=fix)


def write_gate_report(report: ExportReport, directory: Path) -> None:
    """The report as `gate.json` and `gate.md` in the export directory."""
    _write_report(report, directory / "gate.json", directory / "gate.md")


def _write_report(report: ExportReport, as_json: Path, as_text: Path) -> None:
    verdict = "passed" if report.passed else "refused by"
    with staged_file(as_json) as aside:
        aside.write_text(json.dumps(report.as_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with staged_file(as_text) as aside:
        aside.write_text(
            f"# {report.name}: {verdict} the gate\n\n{gate_section(report)}\n{loads_section(report)}\n",
            encoding="utf-8",
        )


def gate_section(report: ExportReport) -> str:
    """Every figure beside its limit, and why the limits are what they are."""
    header = ["figure", *(file.quant + ("" if file.kept else " (not kept)") for file in report.files)]
    rows = [
        [figure.replace("_", " "), *(file.shown(figure, bounded=True) for file in report.files)]
        for figure in report.figures
    ]
    reasons = [f"- `{file.quant}`: {LIMITS[file.quant].reason}" for file in report.files if file.quant in LIMITS]
    reasons += [
        f"- `{file.quant}`: {IMAGE_LIMITS[file.quant.rpartition('-')[2]].reason}" for file in report.files if file.eyes
    ]
    rounded = [f"- `{file.quant}` was rounded {file.rounded}." for file in report.files if file.rounded]
    return f"""{table([header, *rows])}

A figure out of the limit behind it is bold. KL is in nats, the mean over positions. The limits leave room above what
SmolLM2-135M-Instruct, or a model fine-tuned from it, measured:

{chr(10).join(reasons + rounded)}
"""


def loads_section(report: ExportReport) -> str:
    """Who loads the directory, and with what each finds fault."""
    if report.layout is None:
        return ""
    rows = [["reader", "loads", "with files"]]
    for one in report.layout.verdicts:
        if one.loads is not None:
            files = [
                f"{name} ({', '.join(devices)})" if devices else f"~~{name}~~" for name, devices in one.files.items()
            ]
            rows.append([one.name, "yes" if one.loads else "no", "<br>".join(files)])
    return table(rows)


def table(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is its header."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
