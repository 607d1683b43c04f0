"""The report.json and exports.json of `smolkit eval extraction` as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smolkit.apps.results.cells import Cell
from smolkit.apps.results.fields import Read, amount, number_at, share, words
from smolkit.apps.results.markdown import as_code
from smolkit.apps.results.table import Result, brief, make_table
from smolkit.errors import DataError, printable


def read_exports(content: Mapping[str, Any], name: str, source: str) -> Result:
    """An exports.json: the exported files of a model side by side. Raises DataError naming what is wrong in it."""
    rows = []
    for index, side in enumerate(content["sides"]):
        where = f"{source}:sides[{index}]"
        if not isinstance(side, dict):
            raise DataError(f"expected an object, got {brief(side)}", where=where)
        readers = {
            "runtime": words("runtime", where=where),
            "precision": words("precision", where=where),
            "F1": share("micro_f1", where=where, optional=False),
            "size in MB": amount("size", scale=1e6, where=where, optional=False),
            "documents/s": amount("documents_per_second", ".2f", where=where),
            "new tokens/s": amount("tokens_per_second", where=where),
            "memory in MB": amount("memory", scale=1e6, where=where),
        }
        rows.append([read(side) for read in readers.values()])
    if not rows:
        raise DataError("no side was measured", where=source)
    data = printable(str(content.get("data", "")))
    prose = f"`smolkit eval extraction --all-exports` on {as_code(data)}: every exported file, one after the other."
    title = f"Exports on {data}" if data else "Exports"
    return Result(name, title, source, (make_table(title, list(readers), rows, prose=prose),))


def read_report(content: Mapping[str, Any], name: str, source: str) -> Result:
    """A report.json: one model on one data set. Raises DataError naming what is wrong in it."""
    figures, context = content["figures"], content.get("context", {})
    if not isinstance(context, dict):
        raise DataError(f"context: expected an object, got {brief(context)}", where=source)
    title = " ".join(printable(str(content.get("title", name))).split())
    prose = "\n".join(f"- {as_code(str(key))}: {as_code(str(value))}" for key, value in context.items())
    where = f"{source}:figures"
    number_at(figures, "micro_f1", where, optional=False)
    overall = [
        ("micro F1", share("micro_f1", "micro_f1_ci95", where=where)),
        ("precision", share("micro_precision", where=where)),
        ("recall", share("micro_recall", where=where)),
        ("mean F1", share("macro_f1", where=where)),
        ("exact F1", share("exact_f1", where=where)),
        ("indel F1", share("indel_f1", where=where)),
        ("thresholded F1", share("thresholded_f1", where=where)),
        ("repaired F1", share("repaired_micro_f1", where=where)),
        ("invalid JSON", share("invalid_json_rate", where=where)),
        ("empty accuracy", share("empty_accuracy", where=where)),
        ("verbatim rate", share("verbatim_rate", where=where)),
        ("documents", amount("documents", where=where)),
    ]
    rows = [[Cell(figure), read(figures)] for figure, read in overall]
    tables = [make_table("All documents", ["figure", "value"], rows, prose=prose)]
    for heading, key, first, readers in (
        ("By kind", "by_kind", "kind", _group_readers),
        ("By language", "by_lang", "language", _group_readers),
        ("By field", "by_field", "field", _field_readers),
    ):
        if groups := _group(figures, key, where):
            place = f"{where}.{key}"
            body = [
                [
                    Cell(printable(group) or "(root)"),
                    *(read(own) for read in readers(f"{place}[{brief(group)}]").values()),
                ]
                for group, own in groups.items()
            ]
            tables.append(make_table(heading, [first, *readers(place)], body, prose=prose))
    return Result(name, title, source, tuple(tables), {"context": context, "figures": figures})


def _group(figures: Mapping[str, Any], key: str, where: str) -> dict[str, dict[str, Any]]:
    groups = figures.get(key, {})
    if not isinstance(groups, dict) or not all(isinstance(own, dict) for own in groups.values()):
        raise DataError(f"{key}: expected an object of objects, got {brief(groups)}", where=where)
    return groups


def _group_readers(where: str) -> dict[str, Read]:
    return {
        "documents": amount("documents", where=where),
        "F1": share("micro_f1", "micro_f1_ci95", where=where),
        "precision": share("micro_precision", where=where),
        "recall": share("micro_recall", where=where),
        "exact F1": share("exact_f1", where=where),
        "mean F1": share("macro_f1", where=where),
        "not JSON": share("invalid_json_rate", where=where),
    }


def _field_readers(where: str) -> dict[str, Read]:
    return {
        "F1": share("f1", "f1_ci95", where=where),
        "precision": share("precision", where=where),
        "recall": share("recall", where=where),
        "exact F1": share("exact_f1", where=where),
        "in reference": amount("n_ref", where=where),
        "predicted": amount("n_pred", where=where),
        "empty accuracy": share("empty_accuracy", where=where),
    }
