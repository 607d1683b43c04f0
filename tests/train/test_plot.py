from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolkit.errors import SmolkitError
from smolkit.train.curves import smoothed
from smolkit.train.plot import plot_run

PRETRAINING = {
    "stage": "one",
    "loss_by_source": {"web": 2.0},
    "learning_rate": 1e-3,
    "gradient_norm": 1.0,
    "tokens_per_second": 100.0,
    "mfu": 0.4,
}


@pytest.mark.parametrize("extra", [PRETRAINING, {}], ids=["pretraining", "fine-tuning"])
def test_a_run_is_drawn_from_its_metrics(tmp_path: Path, extra: dict[str, object]) -> None:
    run = tmp_path / "model.run"
    run.mkdir()
    lines = [{"step": step, "loss": 3.0 - step / 10, **extra} for step in range(1, 12)]
    lines[5] |= {"spike": True}
    content = "".join(f"{json.dumps(line)}\n" for line in lines) + '{"step": 12, "loss": 1.'  # cut short by a kill
    (run / "metrics.jsonl").write_text(content)
    assert plot_run(run) == run / "curves.png"
    assert plot_run(tmp_path / "model", tmp_path / "mine.png") == tmp_path / "mine.png"
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in (run / "curves.png", tmp_path / "mine.png"))


def test_what_is_no_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SmolkitError, match=r"no metrics\.jsonl here, so it is no run"):
        plot_run(tmp_path)
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(SmolkitError, match="no step was recorded yet"):
        plot_run(tmp_path)


def test_a_smoothed_curve_is_a_trailing_mean() -> None:
    assert smoothed([1.0, 3.0, 5.0]) == [1.0, 2.0, 3.0]
    assert smoothed([float(n) for n in range(20)])[-1] == sum(range(10, 20)) / 10
