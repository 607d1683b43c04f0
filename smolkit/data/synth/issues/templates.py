"""The template that an issue is to fill, and the answer: the standard one, or what users make of it.

Users rename keys, leave some out, add others, and bring their own labels and levels; an answer follows the template
that it is asked for.
"""

from __future__ import annotations

import re
from typing import Any

from smolkit.data.synth.issues.draw import Draw, sentence
from smolkit.data.synth.issues.features import COMPONENTS
from smolkit.data.synth.issues.matter import LABELS
from smolkit.data.synth.issues.report import LEVELS, Report

STANDARD: dict[str, Any] = {
    "title": "string",
    "labels": [list(LABELS)],
    "priority": list(LEVELS),
    "description": "string",
    "steps": ["string"],
}
SHARE_OF_STANDARD = 0.5

_KEYS = {
    "title": "title|title|summary|subject|headline|issue_title",
    "labels": "labels|tags|categories|label|topics|kinds",
    "type": "type|kind|category|issue_type|class|nature",
    "priority": "priority|severity|urgency|importance|prio|impact_level",
    "description": "description|body|details|problem|text|what_happened",
    "steps": "steps|steps_to_reproduce|reproduction|how_to_reproduce|steps_taken|repro_steps",
    "component": "component|area|module|part|section|team_area",
    "feature": "feature|affected_feature|where|function|affected_part|subject_area",
    "product": "product|app|application|software|product_name|tool",
    "version": "version|affected_version|app_version|release|version_number|found_in",
    "environment": "environment|platform|system|device|setup|runs_on",
    "error": "error|error_message|message|error_text|exception|shown_error",
    "expected": "expected|expected_behavior|expectation|should_be|expected_result|wanted",
    "frequency": "frequency|how_often|occurrence|reproducibility|happens|rate",
    "workaround": "workaround|known_workaround|temporary_fix|way_around|interim_solution|bypass",
    "reporter": "reporter|reported_by|author|contact|name|submitted_by",
    "absent": "assignee|milestone|ticket_number|phone|due_date|duplicate_of",
}
"""Names of each field; the last of each is held out of training."""

_LABELS = (
    dict(zip(LABELS, LABELS, strict=True)),
    dict(zip(LABELS, ("bug", "enhancement", "docs", "question", "performance", "security", "ux"), strict=True)),
    {"bug": "bug", "feature": "enhancement", "question": "question"},
    {"bug": "bug", "feature": "feature request", "documentation": "docs", "question": "support"},
    {"bug": "defect", "feature": "improvement", "performance": "slow", "security": "vulnerability"},
    {"bug": "Incident", "feature": "Change request", "question": "Question", "security": "Security incident"},
)
_IDLE = ("duplicate", "wontfix", "help wanted", "good first issue", "invalid", "marketing", "legal")
"""Labels that no text asks for."""
_DEFECTS = ("performance", "security")
"""What is a bug where there is no label of its own."""

_LEVELS = (
    LEVELS,
    ("P3", "P2", "P1", "P0"),
    ("minor", "normal", "major", "blocker"),
    ("low", "normal", "urgent", "urgent"),
    ("sev4", "sev3", "sev2", "sev1"),
    ("can wait", "soon", "now", "now"),
)
"""From low to critical; the last set is held out of training."""


def build(d: Draw, report: Report, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A template, and what the report has for it."""
    names = list(STANDARD)
    if d.chance(SHARE_OF_STANDARD):
        nodes = {name: _standard(report, name) for name in names}
        return {name: node for name, (node, _) in nodes.items()}, {name: value for name, (_, value) in nodes.items()}
    fields = _Fields(d, report, text)
    wanted = _choose(d)
    found = {d.one(_KEYS[name]): fields.field(name) for name in wanted}
    return {key: node for key, (node, _) in found.items()}, {key: value for key, (_, value) in found.items()}


def _choose(d: Draw) -> list[str]:
    """Two to six fields, one of them free text, in any order; labels or a type, not both."""
    core = d.rng.sample(("title", "labels", "priority", "description", "steps"), d.rng.randint(2, 5))
    if "title" not in core and "description" not in core:
        core.append(d.rng.choice(("title", "description")))
    core = ["type" if name == "labels" and d.chance(0.4) else name for name in core]
    others = [name for name in _KEYS if name not in STANDARD and name != "type"]
    wanted = core + d.rng.sample(others, d.rng.choice((0, 0, 1, 1, 2, 3)) if len(core) < 5 else d.rng.choice((0, 1)))
    if d.chance(0.6):
        d.rng.shuffle(wanted)
    return wanted


def _standard(report: Report, name: str) -> tuple[Any, Any]:
    values = {
        "title": report.matter.title,
        "labels": report.labels,
        "priority": report.level,
        "description": report.description,
        "steps": [sentence(step) for step in report.steps],
    }
    return STANDARD[name], values[name]


class _Fields:
    """The fields of a template that a user made."""

    def __init__(self, d: Draw, report: Report, text: str):
        self.d, self.report, self.text = d, report, text
        self.free = "" if d.chance(0.15) else "string"

    def field(self, name: str) -> tuple[Any, Any]:
        """The node and the value of a field."""
        if name in ("labels", "type"):
            return self.labels(many=name == "labels")
        if name == "priority":
            return self.level()
        if name == "component":
            return self.component()
        if name in STANDARD:
            _, value = _standard(self.report, name)
            return [self.free] if name == "steps" else self.free, value
        value = self.report.reporter if name == "reporter" else self.report.values.get(name, "")
        if name in ("version", "error", "reporter", "product") and self.d.chance(0.4):
            return "verbatim-string", _as_written(self.text, value)
        return self.free, value or None

    def labels(self, many: bool) -> tuple[Any, Any]:
        names = self.d.rng.choice(self.d.share(_LABELS))
        choices = list(names.values()) + (
            self.d.rng.sample(_IDLE, self.d.rng.randint(1, 2)) if self.d.chance(0.3) else []
        )
        if self.d.chance(0.5):
            self.d.rng.shuffle(choices)
        found = [names.get(label) or (names["bug"] if label in _DEFECTS else None) for label in self.report.labels]
        kept = [label for label in dict.fromkeys(found) if label]
        return ([choices], kept) if many else (choices, kept[0] if found[0] else None)

    def level(self) -> tuple[Any, Any]:
        names = self.d.rng.choice(self.d.share(_LEVELS))
        choices = list(dict.fromkeys(names if self.d.chance(0.5) else reversed(names)))
        level = self.report.level
        return choices, names[LEVELS.index(level)] if level else None

    def component(self) -> tuple[Any, Any]:
        """Some components, in most cases with the right one among them."""
        choices = self.d.rng.sample(COMPONENTS, self.d.rng.randint(3, 6))
        own = self.report.feature.component
        if own not in choices and self.d.chance(0.8):
            choices[self.d.rng.randrange(len(choices))] = own
        return choices, own if own in choices else None


def _as_written(text: str, value: str) -> str | None:
    """The value in the letters of the text."""
    found = re.search(re.escape(value), text, re.IGNORECASE) if value else None
    return found.group() if found else None
