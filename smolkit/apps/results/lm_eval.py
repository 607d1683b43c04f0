"""The results_*.json of lm-evaluation-harness as a table; written for the format of lm-eval 0.4.13.

A task's figures are under "results", by `metric,filter`, with `metric_stderr,filter` beside it, which is "N/A" where
there is none. Groups of tasks stand there too, with figures of their own where they have any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from smolkit.apps.results.cells import Cell, number_cell
from smolkit.apps.results.fields import number_at
from smolkit.apps.results.markdown import as_code
from smolkit.apps.results.scores import Measured, Score
from smolkit.apps.results.table import Result, brief, make_table
from smolkit.errors import DataError, printable

RESULTS = "results_*.json"
"""How lm-eval names its files, in a folder named after the model."""
_COLUMNS = ("task", "metric", "value", "standard error", "shots", "documents")


def is_lm_eval(content: Mapping[str, Any]) -> bool:
    """Whether this is what lm-eval writes."""
    return isinstance(content.get("results"), dict) and isinstance(content.get("configs"), dict)


def read_lm_eval(content: Mapping[str, Any], name: str, source: str) -> Result:
    """The scores of one model. Raises DataError naming what is wrong in them."""
    measured = Measured(_model(content, name), dict(_scores(content, f"{source}:results")))
    if not measured.scores:
        raise DataError("no task has a figure in it", where=source)
    rows = [
        [Cell(printable(task)), Cell(_spoken(metric)), *_cells(score)] for (task, metric), score in _sorted(measured)
    ]
    version = content.get("lm_eval_version")
    harness = f"lm-eval {version}" if isinstance(version, str) else "lm-eval"
    prose = f"{as_code(measured.model)}, measured by {as_code(harness)}. Standard errors are those of lm-eval."
    table = make_table("Tasks", _COLUMNS, rows, prose=prose)
    return Result(name, f"{measured.model}, by lm-eval", source, (table,), measured=measured)


def _model(content: Mapping[str, Any], name: str) -> str:
    """A Hub id, or the last part of a path: where it lies on the machine that measured it is nobody's business."""
    given = content.get("model_name")
    if not isinstance(given, str) or not given.strip():
        return name
    given = printable(given.strip()).rstrip("/\\")
    is_hub_id = re.fullmatch(r"[\w.-]+/[\w.-]+", given) is not None and not given.startswith(".")
    return given if is_hub_id else re.split(r"[/\\]", given)[-1] or name


def _scores(content: Mapping[str, Any], where: str) -> Iterator[tuple[tuple[str, str], Score]]:
    for task, figures in content["results"].items():
        place = f"{where}[{brief(task)}]"
        if not isinstance(figures, dict):
            raise DataError(f"expected an object, got {brief(figures)}", where=place)
        shots, documents = _count(content, "n-shot", task), _documents(content, figures, task)
        for key in figures:
            metric, comma, filtered = key.partition(",")
            if comma and not metric.endswith("_stderr"):
                value = number_at(figures, key, place, optional=False)
                assert value is not None
                yield (task, key), Score(value, _error(figures, f"{metric}_stderr,{filtered}", place), shots, documents)


def _error(figures: Mapping[str, Any], key: str, where: str) -> float | None:
    return None if figures.get(key) == "N/A" else number_at(figures, key, where, optional=True)


def _count(content: Mapping[str, Any], part: str, task: str) -> int | None:
    counts = content.get(part)
    count = counts.get(task) if isinstance(counts, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def _documents(content: Mapping[str, Any], figures: Mapping[str, Any], task: str) -> int | None:
    """How many were measured: as the figures say, which a group's do, or earlier versions' list of samples."""
    samples = content.get("n-samples")
    own = samples.get(task) if isinstance(samples, dict) else None
    counts = (figures.get("sample_len"), own.get("effective") if isinstance(own, dict) else None)
    return next((count for count in counts if isinstance(count, int) and not isinstance(count, bool)), None)


def _sorted(measured: Measured) -> list[tuple[tuple[str, str], Score]]:
    return sorted(measured.scores.items())


def _spoken(metric: str) -> str:
    """`acc_norm,none` as `acc_norm`; other filters stay, as in `exact_match, strict-match`."""
    return printable(metric.removesuffix(",none").replace(",", ", "))


def _cells(score: Score) -> Iterator[Cell]:
    yield number_cell(f"{score.value:.4g}", score.value)
    yield Cell("") if score.error is None else number_cell(f"{score.error:.2g}", score.error)
    for count in (score.shots, score.documents):
        yield Cell("") if count is None else number_cell(f"{count:,}", count)
