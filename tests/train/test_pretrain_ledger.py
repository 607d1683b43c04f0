from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from smolkit.train.ledger import METRICS, read_metrics
from smolkit.train.pretrain_ledger import SPIKES, Figures, PretrainLedger, SpikeDetector


def figures(step: int, loss: float = 2.0) -> Figures:
    return Figures(
        step=step,
        stage="stable",
        loss=loss,
        losses={"web": loss},
        learning_rate=1e-3,
        gradient_norm=0.5,
        tokens=100 * step,
        step_tokens=100,
        flops=(2000.0, 1000.0),
        seconds=0.5,
        waited=0.05,
    )


def ledger(folder: Path, track=None) -> PretrainLedger:
    return PretrainLedger(folder, 10, 1e6, Console(file=StringIO(), width=200), track)


def test_a_line_says_speed_utilisation_by_both_conventions_and_waiting(tmp_path: Path) -> None:
    tracked: list[dict[str, object]] = []
    ledger(tmp_path, tracked.append).step(figures(1))
    (line,) = read_metrics(tmp_path / METRICS)
    assert line["tokens_per_second"] == 200.0
    assert line["mfu"] == 200 * 2000 / 1e6
    assert line["mfu_without_embedding"] == 200 * 1000 / 1e6
    assert line["data_wait_share"] == 0.1
    assert line["loss_by_source"] == {"web": 2.0}
    assert tracked == [line]


def test_a_resumed_run_drops_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    first = ledger(tmp_path)
    for step in range(1, 6):
        first.step(figures(step))
    first.spike(4, 9.0, [{"source": "web", "loss": 9.0, "documents": ["a"]}])
    ledger(tmp_path).begin(3)
    assert [line["step"] for line in read_metrics(tmp_path / METRICS)] == [1, 2, 3]
    assert (tmp_path / SPIKES).read_text() == ""


def test_a_spike_stands_out_of_the_last_losses_and_is_not_learnt_from() -> None:
    detector = SpikeDetector()
    falling = [3.0 - 0.01 * step + 0.02 * (step % 3) for step in range(60)]
    assert not any(detector.is_spike(loss) for loss in falling)
    assert detector.is_spike(5.0)
    assert detector.is_spike(5.0)  # the first has not raised the bar
    assert not detector.is_spike(2.5)
    assert detector.usual == pytest.approx(2.7, abs=0.1)


def test_what_stays_high_is_the_new_level() -> None:
    detector = SpikeDetector()
    for step in range(40):
        detector.is_spike(2.0 + 0.01 * (step % 3))
    assert [detector.is_spike(3.0) for _ in range(30)] == [True] * 7 + [False] * 23


def test_another_stage_is_not_compared_with_the_one_before() -> None:
    detector = SpikeDetector()
    for step in range(40):
        detector.is_spike(2.0 + 0.01 * (step % 3), "web")
    assert not detector.is_spike(3.0, "maths")


def test_the_first_losses_are_no_spikes() -> None:
    detector = SpikeDetector()
    assert not any(detector.is_spike(loss) for loss in (10.0, 2.0, 11.0, 2.0, 12.0))


def test_a_spike_is_recorded_with_its_documents(tmp_path: Path) -> None:
    written = ledger(tmp_path)
    sequences = [{"source": "web", "loss": 9.0, "documents": ["page 7", "page 8"]}]
    written.spike(4, 9.0, sequences)
    said = written.console.file.getvalue()  # type: ignore[attr-defined]
    assert "loss spike at step 4: 9.000" in said
    assert "page 7, page 8" in said
    assert json.loads((tmp_path / SPIKES).read_text())["sequences"] == sequences
