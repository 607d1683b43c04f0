from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolkit.cli import run
from smolkit.data.rows import write_rows
from smolkit.data.synth import generate
from smolkit.evals.report import FILES


def test_predictions_of_any_system_are_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": "1", "output": {"a": "b", "c": "d"}}, {"id": "2", "output": {"a": "x"}}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "pred.jsonl").write_text(
        '{"id": "1", "output": {"a": "b", "c": "e"}}\n{"id": "2", "raw": "not JSON"}\n'
    )
    arguments = ["--data", str(tmp_path / "rows.jsonl"), "--predictions", str(tmp_path / "pred.jsonl"), "--json"]
    assert run(["eval", "extraction", *arguments]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["micro_f1"] == pytest.approx(2 * 1 / (2 + 3))
    assert figures["invalid_json_rate"] == 0.5


def test_a_model_is_run_and_reported(tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path / "rows.jsonl", list(generate(3, 0, "test", "plain")))
    arguments = ["--data", str(tmp_path / "rows.jsonl"), "--model", str(tiny_model_dir), "--max-new-tokens", "16"]
    assert run(["eval", "extraction", *arguments, "--out", str(tmp_path / "report")]) == 0
    assert "F1" in capsys.readouterr().out
    assert {file.name for file in (tmp_path / "report").iterdir()} == {*FILES}
