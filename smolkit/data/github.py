"""Issues as GitHub exports them, turned into annotated rows: the body is the text, title and labels are the answer.

`gh issue list --state all --limit 1000 --json title,body,labels > issues.json` writes the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smolkit.data.rows import Row, load_values, validate_rows
from smolkit.errors import DataError, RowErrors, SmolkitError, locate
from smolkit.extraction.template import describe

WITHOUT_EMPTY = "Leave it out: gh issue list --json title,body,labels --jq 'map(select(.body != \"\"))'"


def read_issues(source: str | Path, *, config: str | None = None, split: str | None = None) -> list[Row]:
    """The issues of a file, under a template of title and labels; the labels of the whole file are the choices.

    Raises RowErrors with every fault of every issue, as file:row:field.
    """
    values = load_values(source, config=config, split=split)
    faults = [fault for number, value in enumerate(values, start=1) for fault in _faults(value, source, number)]
    if faults:
        raise RowErrors(faults)
    issues: list[Any] = values
    names = [[label["name"] for label in issue["labels"]] for issue in issues]
    choices = sorted({name for found in names for name in found})
    template = {"title": "string"} | ({"labels": [choices]} if len(choices) > 1 else {})  # an enum has two or more
    rows = []
    for issue, found in zip(issues, names, strict=True):
        output = {"title": issue["title"], "labels": found}
        text = issue["body"].replace("\r\n", "\n").strip()
        rows.append({"text": text, "template": template, "output": {key: output[key] for key in template}})
    return validate_rows(rows, source)


def _faults(value: object, source: str | Path, number: int) -> Iterator[SmolkitError]:
    """What keeps a value from being an issue with a title, a body and a list of labels."""
    if isinstance(value, SmolkitError):
        yield value
        return
    if not isinstance(value, dict):
        yield DataError(f"an issue is an object, got {describe(value)}", where=locate(source, number))
        return

    def fault(name: str, what: str, fix: str | None = None) -> DataError:
        return DataError(what, where=locate(source, number, name), fix=fix)

    for name in ("title", "body", "labels"):
        if name not in value:
            yield fault(name, f"no {name}", "Export it: gh issue list --json title,body,labels")
    for name in ("title", "body"):
        text = value.get(name, "-")
        if not isinstance(text, str):
            yield fault(name, f"expected a string, got {describe(text)}")
        elif not text.strip():
            yield fault(name, f"the {name} is empty", WITHOUT_EMPTY)
    labels = value.get("labels", [])
    if not isinstance(labels, list):
        yield fault("labels", f"expected a list, got {describe(labels)}")
        return
    for place, label in enumerate(labels):
        if not isinstance(label, dict) or not isinstance(label.get("name"), str):
            yield fault(f"labels[{place}]", f"expected an object with a name, got {describe(label)}")
