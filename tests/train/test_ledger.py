from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from smolkit.errors import SmolkitError
from smolkit.train.ledger import METRICS, Ledger, peak_memory_gib, plot_curves, read_metrics

if TYPE_CHECKING:
    from pathlib import Path

STEP_TOKENS = [100, 200, 300, 400, 500]


def _console() -> Console:
    return Console(record=True, width=200, file=open(os.devnull, "w"))


def _run_steps(ledger: Ledger, first: int, last: int, measure_at: tuple[int, ...] = ()) -> None:
    """The calls that a trainer makes from the checkpoint at `first` to the end of step `last`."""
    state = SimpleNamespace(global_step=first)
    ledger.on_train_begin(None, state, None)
    for step in range(first + 1, last + 1):
        ledger.on_step_begin(None, state, None)
        state.global_step = step
        ledger.on_log(None, state, None, {"loss": 5.0 - step, "learning_rate": 1e-3, "grad_norm": 1.0})
        if step in measure_at:
            ledger.on_log(None, state, None, {"eval_f1": step / 10})


def test_each_step_and_each_measurement_is_one_line(tmp_path: Path) -> None:
    tracked: list[dict[str, Any]] = []
    _run_steps(Ledger(tmp_path, STEP_TOKENS, _console(), tracked.append), 0, 5, measure_at=(2, 5))
    lines = read_metrics(tmp_path / METRICS)
    assert tracked == lines
    assert [line["step"] for line in lines] == [1, 2, 2, 3, 4, 5, 5]
    assert [line["eval_f1"] for line in lines if "eval_f1" in line] == [0.2, 0.5]
    training = [line for line in lines if "loss" in line]
    assert [line["tokens"] for line in training] == [100, 300, 600, 1000, 1500]
    assert [line["loss"] for line in training] == [4.0, 3.0, 2.0, 1.0, 0.0]


def test_logs_that_are_no_step_leave_no_line(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, STEP_TOKENS, _console())
    _run_steps(ledger, 0, 1)
    ledger.on_log(None, SimpleNamespace(global_step=1), None, {"train_runtime": 3.0, "train_loss": 2.0})
    assert len(read_metrics(tmp_path / METRICS)) == 1


def test_a_resumed_run_drops_what_was_written_after_its_checkpoint(tmp_path: Path) -> None:
    _run_steps(Ledger(tmp_path, STEP_TOKENS, _console()), 0, 4, measure_at=(2, 3))
    with (tmp_path / METRICS).open("a") as stream:
        stream.write('{"step": 5, "lo')  # the kill came here
    _run_steps(Ledger(tmp_path, STEP_TOKENS, _console()), 2, 5)
    lines = read_metrics(tmp_path / METRICS)
    assert [line["step"] for line in lines] == [1, 2, 2, 3, 4, 5]
    assert [line["tokens"] for line in lines if "loss" in line] == [100, 300, 600, 1000, 1500]
    assert list(tmp_path.iterdir()) == [tmp_path / METRICS]


def test_a_resumed_run_that_found_no_checkpoint_starts_its_record_again(tmp_path: Path) -> None:
    _run_steps(Ledger(tmp_path, STEP_TOKENS, _console()), 0, 3)
    _run_steps(Ledger(tmp_path, STEP_TOKENS, _console()), 0, 1)
    assert [line["step"] for line in read_metrics(tmp_path / METRICS)] == [1]


@pytest.mark.parametrize("first", [0, 2])
def test_the_time_left_is_foretold_after_three_steps(tmp_path: Path, first: int) -> None:
    console = _console()
    _run_steps(Ledger(tmp_path, STEP_TOKENS, console), first, first + 2)
    assert "minutes of training" not in console.export_text(clear=False)
    _run_steps(Ledger(tmp_path, STEP_TOKENS, console), first, first + 3)
    assert console.export_text().count("over the first steps: about 0.0 minutes of training") == 1


def test_a_last_line_that_a_kill_cut_short_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / METRICS
    file.write_text('{"step": 1}\n{"step": 2}\n{"ste')
    assert read_metrics(file) == [{"step": 1}, {"step": 2}]
    file.write_text("")
    assert read_metrics(file) == []


def test_peak_memory_never_falls() -> None:
    before = peak_memory_gib()
    block = bytearray(os.urandom(1)) * (64 << 20)
    assert peak_memory_gib() >= before > 0.05
    assert len(block) == 64 << 20


@pytest.mark.parametrize("measured", [False, True])
def test_curves_are_drawn_from_the_record(tmp_path: Path, measured: bool) -> None:
    from matplotlib.image import imread

    metrics = [json.loads(f'{{"step": {step}, "loss": {3 / step}}}') for step in range(1, 25)]
    if measured:
        metrics.append({"step": 24, "eval_f1": 0.5})
    plot_curves(metrics, tmp_path / "curves.png")
    pixels = imread(tmp_path / "curves.png")[..., :3]
    assert _count(pixels, (31, 119, 180)) > 100
    assert (_count(pixels, (255, 127, 14)) > 20) is measured


def test_rewards_have_panels_of_their_own(tmp_path: Path) -> None:
    from matplotlib.image import imread

    figures = {"reward_chosen": 0.1, "reward_rejected": -0.1, "reward_margin": 0.2, "reward_accuracy": 0.75}
    metrics: list[dict[str, Any]] = [{"step": step, "loss": 3 / step, **figures} for step in range(1, 25)]
    plot_curves([{"step": line["step"], "loss": line["loss"]} for line in metrics], tmp_path / "loss.png")
    metrics.append({"step": 24, "eval_loss": 0.5, "eval_reward_margin": 0.3, "eval_reward_accuracy": 0.5})
    plot_curves(metrics, tmp_path / "rewards.png")
    loss, rewards = (imread(tmp_path / f"{name}.png")[..., :3] for name in ("loss", "rewards"))
    assert rewards.shape[0] > 2 * loss.shape[0]
    for color in ((44, 160, 44), (214, 39, 40), (255, 127, 14)):
        assert _count(rewards, color) > 20 > _count(loss, color)


def test_the_figures_of_a_task_are_written_with_the_loss(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, STEP_TOKENS, _console(), figures=("reward_margin",))
    state = SimpleNamespace(global_step=0)
    ledger.on_train_begin(None, state, None)
    ledger.on_step_begin(None, state, None)
    state.global_step = 1
    logs = {"loss": 0.7, "learning_rate": 1e-3, "grad_norm": 1.0, "reward_margin": 0.25, "epoch": 0.1}
    ledger.on_log(None, state, None, logs)
    ledger.on_log(None, state, None, {"eval_loss": 0.6, "eval_reward_accuracy": 0.5, "epoch": 0.1})
    training, measured = read_metrics(tmp_path / METRICS)
    assert training["reward_margin"] == 0.25
    assert "epoch" not in training
    assert measured == {"step": 1, "eval_loss": 0.6, "eval_reward_accuracy": 0.5}
    assert ledger.last_measured == " dev accuracy 0.500"


def _count(pixels: Any, color: tuple[int, int, int]) -> int:
    """How many pixels of an RGB picture in [0, 1] have a color out of 255."""
    return int((abs(pixels * 255 - color).max(axis=-1) < 4).sum())


def test_a_record_that_cannot_be_rewritten_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run_steps(Ledger(tmp_path, STEP_TOKENS, _console()), 0, 4)
    before = (tmp_path / METRICS).read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        _run_steps(Ledger(tmp_path, STEP_TOKENS, _console()), 2, 2)
    assert (tmp_path / METRICS).read_bytes() == before


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path, loss: float) -> None:
    ledger = Ledger(tmp_path, STEP_TOKENS, _console())
    _run_steps(ledger, 0, 2)
    logs = {"loss": loss, "learning_rate": 1e-3, "grad_norm": loss}
    with pytest.raises(SmolkitError, match=rf"the loss of step 3 is {loss}.* Lower optimizer\.lr"):
        ledger.on_log(None, SimpleNamespace(global_step=3), None, logs)
    assert [line["step"] for line in read_metrics(tmp_path / METRICS)] == [1, 2]
