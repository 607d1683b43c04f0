"""How a SmolVLM does on dev rows while it trains: loss, F1 of filled templates, ANLS of answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smolkit.data.vision_rows import VisionRow
from smolkit.extraction.anls import anls, is_exact
from smolkit.extraction.metric import aggregate, score
from smolkit.runtime.asking import Asked, answer_all
from smolkit.runtime.extractor import Extractor, Request
from smolkit.runtime.torch_backend import TorchBackend
from smolkit.train.losses import VisionObjective
from smolkit.train.messages import mean_loss, steps_in_order
from smolkit.train.prepare import Prepared
from smolkit.train.tasks import Measure


def measure_rows(prepared: Prepared, model: Any) -> Measure:
    """A function that measures the model on the first dev rows.

    `eval_score` is F1 or ANLS, or of rows of both kinds their mean, each row counting the same.
    """
    from smolkit.train.vision import tile_loader

    recipe: Any = prepared.recipe
    dev = prepared.dev[: recipe.dev.rows]
    examples = [one.example for one in dev]
    steps = steps_in_order(examples, recipe)
    order = [micro for step in steps for micro in step]
    objective = VisionObjective(examples, prepared.pad_id, tile_loader(prepared, examples, order))
    loss = mean_loss(objective, steps, model)
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    backend = TorchBackend(base, prepared.tokenizer, prompt_format=prepared.prompt_format, images=prepared.images)
    filled = [one.row for one in dev if one.row.template is not None]
    asked = [one.row for one in dev if one.row.template is None]

    def measure(step: int) -> dict[str, float]:
        found = loss(step)
        base.eval()
        backend.forget()
        shares = []
        if filled:
            found["eval_f1"] = _f1(backend, filled, recipe.dev.max_new_tokens)
            shares.append((found["eval_f1"], len(filled)))
        if asked:
            found |= _answers(backend, asked, recipe.dev.max_new_tokens)
            shares.append((found["eval_anls"], len(asked)))
        backend.forget()
        return found | {"eval_score": round(sum(value * rows for value, rows in shares) / len(dev), 5)}

    return measure


def _f1(backend: TorchBackend, rows: Sequence[VisionRow], max_new_tokens: int) -> float:
    """Micro F1 Levenshtein by constrained greedy decoding."""
    requests = [Request("", _template(row), row.images[0]) for row in rows]
    answers = Extractor(backend).extract_many(requests, max_new_tokens=max_new_tokens)
    scores = [
        score(row.output, answer.output or {}, template=_template(row), accepted=row.accepted)
        for row, answer in zip(rows, answers, strict=True)
    ]
    return aggregate(scores).micro.f1


def _answers(backend: TorchBackend, rows: Sequence[VisionRow], max_new_tokens: int) -> dict[str, float]:
    """ANLS, and the share of answers that are right to the letter, case and white space apart."""
    asked = [Asked(row.images, row.question) for row in rows]
    said = [one.text for one in answer_all(backend, asked, max_new_tokens)]
    pairs = list(zip(rows, said, strict=True))
    return {
        "eval_anls": round(sum(anls(text, row.answers) for row, text in pairs) / len(rows), 5),
        "eval_exact": round(sum(is_exact(text, row.answers) for row, text in pairs) / len(rows), 5),
    }


def _template(row: VisionRow) -> Any:
    assert row.template is not None
    return row.template
