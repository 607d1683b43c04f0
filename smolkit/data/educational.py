"""The educational value of a text, as FineWeb-Edu has it: a small regression that annotated rows teach.

Annotators, human or large models, gave some texts a score, mostly 0 to 5; the regression carries that over to all the
others. Its features are the token ids that tokenising makes anyway, alone and in pairs, hashed to a fixed number: so
scoring costs a small part of tokenising, and a model belongs to one tokenizer. Embeddings of the bundled model, pooled
by their mean, were the other choice; they are slower and know no order of words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from smolkit import manifest
from smolkit.data.jsonl import json_rows
from smolkit.errors import DataError, ManifestError, RowErrors, SmolkitError, locate, nearest

KIND = "educational"
FEATURES = 1 << 18
"""Of tokens and pairs of tokens together; a few share one, which costs a linear model little."""

_WEIGHTS = "weights.npy"
_PENALTIES = (0.03, 0.1, 0.3, 1.0)
"""Of the squared weights, tried on a part of the training rows; texts are vectors of length 1."""
_LEAST_ROWS = 20
_LEAST_LEARNT = 10
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True)
class EducationalFigures:
    """How a model does on rows that it has not seen."""

    rows: int
    held_out: int
    threshold: float
    mean_absolute_error: float
    baseline_error: float
    """Of always saying the training rows' mean score."""
    precision: float | None
    """At the threshold: of the texts that it keeps, the share that should be. None where it keeps none."""
    recall: float | None
    """Of the texts that should be kept, the share that is. None where there are none."""
    f1: float | None
    penalty: float

    def figures(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class EducationalModel:
    """A linear model of token ids."""

    weights: np.ndarray
    """float32 [FEATURES]"""
    bias: float
    lowest: float
    highest: float
    """The range of the scores that it has learnt from; it gives none outside."""
    tokenizer_sha256: str

    def score(self, tokens: np.ndarray) -> float:
        """The score of one document from its ids, without an end token."""
        columns, values = features(tokens)
        found = self.bias + float(self.weights[columns] @ values)
        return min(max(found, self.lowest), self.highest)


def load_educational(directory: str | Path, *, tokenizer_sha256: str, tokenizer: str) -> EducationalModel:
    """The model in a directory; raises DataError where it was trained with another tokenizer than `tokenizer`."""
    path = Path(directory)
    said = manifest.read(path)
    if said.kind != KIND:
        fix = "Name a directory that smolkit data educational wrote"
        raise DataError(f"holds a {said.kind}, not a model of educational value", where=str(path), fix=fix)
    details = said.details
    try:
        found = details["tokenizer"]["sha256"]
        model = EducationalModel(
            np.load(path / _WEIGHTS), details["bias"], details["lowest"], details["highest"], found
        )
    except (KeyError, TypeError, ValueError, OSError) as exc:
        raise ManifestError(f"no model of educational value: {exc!r}", where=str(path), fix="Train it again") from exc
    if found != tokenizer_sha256:
        what = f"trained with the tokenizer of {details['tokenizer']['name']}, which is not that of {tokenizer}"
        fix = f"Train it again: smolkit data educational ROWS --model {tokenizer}"
        raise DataError(what, where=str(path), fix=fix)
    return model


def features(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which features a document has and how strongly: (columns, float32 values of length 1).

    log(1 + count), so that a word that stands everywhere does not outweigh all others.
    """
    ids = tokens.astype(np.uint64)
    pairs = (ids[:-1] * _PAIR + ids[1:] + np.uint64(1)) * _MULTIPLIER
    hashed = np.concatenate([ids * _MULTIPLIER, pairs]) >> np.uint64(64 - int(math.log2(FEATURES)))
    columns, counts = np.unique(hashed.astype(np.int64), return_counts=True)
    values = np.log1p(counts).astype(np.float32)
    return columns, values / max(float(np.linalg.norm(values)), 1e-12)


def train_educational(
    rows: str | Path,
    out: Path,
    *,
    model: str = "bundled",
    threshold: float = 3.0,
    holdout: float = 0.2,
    seed: int = 0,
    overwrite: bool = False,
) -> EducationalFigures:
    """Learn from rows of {text, score}, measure on a part of them that is held out, and write a directory.

    The model that is written has learnt from the other part alone, so that the figures are its own. Raises RowErrors
    for bad rows, DataError where there are too few or all have one score.
    """
    from smolkit.data.encode import open_encoder

    if not 0 < holdout < 1:
        raise DataError(f"holdout is a share of the rows between 0 and 1, got {holdout:g}", fix="A fifth is 0.2")
    manifest.check_destination(out, overwrite=overwrite, inputs=[rows, model])
    texts, scores = read_annotations(Path(rows))
    held = max(1, round(holdout * len(texts)))
    if len(texts) - held < _LEAST_LEARNT:
        what = f"holdout {holdout:g} leaves {len(texts) - held} of {len(texts)} rows to learn from"
        raise DataError(what, where=str(rows), fix="Hold out fewer: a fifth is 0.2")
    encoder = open_encoder(model, "none")
    matrix = _matrix([features(ids) for ids in encoder.encode(texts)])
    order = list(range(len(texts)))
    Random(seed).shuffle(order)
    test, train = np.array(order[:held]), np.array(order[held:])
    penalty = _choose_penalty(matrix[train], scores[train])
    weights, bias = _fit(matrix[train], scores[train], penalty)
    low, high = float(scores.min()), float(scores.max())
    predicted = np.clip(matrix[test] @ weights + bias, low, high)
    baseline = float(np.abs(scores[test] - scores[train].mean()).mean())
    found = _measure(predicted, scores[test], threshold)
    figures = EducationalFigures(len(texts), held, threshold, baseline_error=baseline, penalty=penalty, **found)
    details = {
        "tokenizer": {"name": model, "sha256": encoder.tokenizer_sha256},
        "bias": bias,
        "lowest": low,
        "highest": high,
        "seed": seed,
        "holdout": holdout,
    }
    with manifest.staged(out, overwrite=overwrite) as directory:
        np.save(directory / _WEIGHTS, weights.astype(np.float32))
        sources = (manifest.Source.of("rows", Path(rows)),)
        said = manifest.Manifest(kind=KIND, sources=sources, scores=figures.figures(), details=details)
        manifest.write(directory, said)
    return figures


def read_annotations(file: Path) -> tuple[list[str], np.ndarray]:
    """Texts and their scores, float64, from JSONL rows of {text, score}; every bad row is named."""
    texts: list[str] = []
    scores: list[float] = []
    problems: list[SmolkitError] = []
    for number, row in enumerate(json_rows(file), start=1):
        problem = _problem(row, file, number)
        if problem is not None:
            problems.append(problem)
        elif isinstance(row, dict):
            texts.append(row["text"])
            scores.append(float(row["score"]))
    if problems:
        raise RowErrors(problems)
    if len(texts) < _LEAST_ROWS:
        raise DataError(f"{len(texts)} rows are too few to learn from", where=str(file), fix="Hundreds are a beginning")
    if min(scores) == max(scores):
        raise DataError(f"all rows have the score {scores[0]:g}, so there is nothing to learn", where=str(file))
    return texts, np.array(scores)


def _problem(row: object, file: Path, number: int) -> SmolkitError | None:
    if isinstance(row, SmolkitError):
        return row
    if not isinstance(row, dict):
        return DataError(f"a row is an object, got {type(row).__name__}", where=locate(file, number))
    for name, kinds, wanted in (("text", str, "a string"), ("score", (int, float), "a number")):
        value, where = row.get(name), locate(file, number, name)
        if name not in row:
            near = nearest(name, row)
            return DataError(f"no {name}", where=where, fix=f"Rename {near!r} to {name!r}" if near else None)
        if not isinstance(value, kinds) or isinstance(value, bool):
            return DataError(f"expected {wanted}, got {json.dumps(value)[:40]}", where=where)
    if not row["text"].strip():
        return DataError("the text is empty", where=locate(file, number, "text"))
    return None if math.isfinite(row["score"]) else DataError("no finite number", where=locate(file, number, "score"))


def _matrix(rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> Any:
    from scipy.sparse import csr_array

    ends = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    columns, values = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    return csr_array((values.astype(np.float64), columns, ends), shape=(len(rows), FEATURES))


def _fit(matrix: Any, scores: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """Ridge regression: weights float64 [FEATURES] and a bias, the mean score, which is not penalised."""
    from scipy.sparse.linalg import lsmr

    bias = float(scores.mean())
    return lsmr(matrix, scores - bias, damp=math.sqrt(penalty), maxiter=200)[0], bias


def _choose_penalty(matrix: Any, scores: np.ndarray) -> float:
    """The penalty with the least error on every fifth training row, learnt from the others."""
    inner = np.arange(len(scores)) % 5 == 0

    def error(penalty: float) -> float:
        weights, bias = _fit(matrix[~inner], scores[~inner], penalty)
        return float(np.abs(matrix[inner] @ weights + bias - scores[inner]).mean())

    return min(_PENALTIES, key=error)


def _measure(predicted: np.ndarray, scores: np.ndarray, threshold: float) -> dict[str, Any]:
    kept, good = predicted >= threshold, scores >= threshold
    both = int((kept & good).sum())
    total = int(kept.sum() + good.sum())
    return {
        "mean_absolute_error": float(np.abs(predicted - scores).mean()),
        "precision": both / int(kept.sum()) if kept.any() else None,
        "recall": both / int(good.sum()) if good.any() else None,
        "f1": 2 * both / total if total else None,
    }
