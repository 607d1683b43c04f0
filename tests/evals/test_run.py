from __future__ import annotations

from pathlib import Path

from smolkit.data.rows import validate_rows
from smolkit.data.synth import generate
from smolkit.evals.run import evaluate_model
from smolkit.runtime import open_extractor


def test_a_model_is_scored_on_every_row(tiny_model_dir: Path) -> None:
    rows = validate_rows(list(generate(3, 0, "test", "plain")))
    done: list[int] = []
    with open_extractor(tiny_model_dir, dtype="float32") as extractor:
        measured = evaluate_model(extractor, rows, on_done=done.append, max_new_tokens=16)
    figures = measured.figures()
    assert figures["documents"] == len(done) == 3
    assert figures["failed"] == figures["invalid_json_rate"] == 0
    assert 0 <= figures["micro_f1"] < 0.5
    assert figures["new_tokens"] >= figures["forced_tokens"] > 0
