"""The curves of runs as plots: which figures stand together, what is smoothed, what each plot says in words."""

from __future__ import annotations

import bisect
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from smolkit.apps.figures import shown
from smolkit.apps.plots.lines import (
    COLOURS,
    DASHES,
    MAX_POINTS,
    Frame,
    Mark,
    Stroke,
    draw_legend,
    draw_lines,
    thin,
    trailing_mean,
)
from smolkit.apps.runs.curve import Curve
from smolkit.apps.runs.run import Run

MAX_RUNS = len(COLOURS)
"""Runs in one plot; there is a colour for each."""
_LEAST_SMOOTHED = 10
_FEW = 60
"""Measurements up to which each is marked."""
_MARKED = 200
"""Spikes that are drawn, the last ones."""


@dataclass(frozen=True)
class Panel:
    """One plot: figures by their name in the metrics with what the page calls them, or all whose name has a prefix."""

    title: str
    unit: str
    figures: tuple[tuple[str, str], ...] = ()
    prefix: str = ""
    bottom: float | None = None
    top: float | None = None
    logarithmic: bool = False
    smooth: bool = False
    best: str = ""
    """lowest, highest, or neither."""

    def of(self, run: Run) -> list[tuple[str, str]]:
        """The figures of this panel that a run has."""
        if self.prefix:
            names = sorted(name for name in run.curves if name.startswith(self.prefix))
            return [(name, name.removeprefix(self.prefix)) for name in names]
        return [(name, label) for name, label in self.figures if name in run.curves]


_LOSSES = (("loss", "training"), ("validation_loss", "validation"), ("eval_loss", "dev"))
_MARGINS = (("reward_margin", "training"), ("eval_reward_margin", "dev"))
_ACCURACIES = (("reward_accuracy", "training"), ("eval_reward_accuracy", "dev"))
_REWARDS = (("reward_chosen", "chosen"), ("reward_rejected", "rejected"))
_LOGPROBS = (("logprob_chosen", "chosen"), ("logprob_rejected", "rejected"))

PANELS = (
    Panel("Loss", "nats", _LOSSES, smooth=True, best="lowest"),
    Panel("Loss by source", "nats per token", prefix="loss_by_source.", smooth=True, best="lowest"),
    Panel("Validation loss by source", "nats per token", prefix="validation_loss_by_source.", best="lowest"),
    Panel("F1 on dev rows", "micro F1", (("eval_f1", "dev F1"),), bottom=0, top=1, best="highest"),
    Panel("Reward margin", "chosen minus rejected", _MARGINS, smooth=True, best="highest"),
    Panel("Rewards", "reward", _REWARDS, smooth=True),
    Panel(
        "Chosen gained more than rejected", "share of pairs", _ACCURACIES, bottom=0, top=1, smooth=True, best="highest"
    ),
    Panel("Log probability of the answers", "nats per answer", _LOGPROBS, smooth=True),
    Panel("Learning rate", "per step", (("learning_rate", "learning rate"),), bottom=0),
    Panel("Gradient norm", "before clipping", (("gradient_norm", "gradient norm"),), logarithmic=True, smooth=True),
    Panel("Speed", "tokens/s", (("tokens_per_second", "speed"),), bottom=0, smooth=True),
    Panel("Use of the device", "MFU", (("mfu", "MFU"),), bottom=0, smooth=True),
    Panel("Memory", "GiB at most so far", (("memory_gib", "memory"),), bottom=0),
    Panel("Waiting for data", "share of a step", (("data_wait_share", "waiting"),), bottom=0, smooth=True),
)


def charts(runs: Sequence[Run], axis: str) -> str:
    """All plots of these runs as HTML, and a text below each that says what it shows; `axis` is steps or tokens."""
    drawn = "".join(chart(panel, runs, axis) for panel in PANELS)
    if not drawn:
        return ""
    notes = []
    if any(run.step > _LEAST_SMOOTHED for run in runs):
        notes.append(
            "Faint lines are single steps; strong ones are means over the last fiftieth of a run, ten at least."
        )
    longest = max(len(curve) for run in runs for curve in run.curves.values())
    if longest > MAX_POINTS:
        notes.append(
            f"Of curves of up to {longest:,} points at most {MAX_POINTS:,} are drawn: of every stretch the lowest and "
            "the highest."
        )
    if runs[0].spike_steps:
        notes.append(f"Triangles are loss spikes of {html.escape(runs[0].name)}.")
    return f'<p class="note">{" ".join(notes)}</p><div class="charts">{drawn}</div>'


def chart(panel: Panel, runs: Sequence[Run], axis: str) -> str:
    """One plot; nothing where no run has its figures."""
    facts = [
        f"<li>{html.escape(_whose(run, label, runs))}: {_fact(run.curves[name], panel)}</li>"
        for run in runs
        for name, label in panel.of(run)
    ]
    if not facts:
        return ""
    strokes = list(_strokes(panel, runs, axis))
    about = f"{panel.title}, {panel.unit}, over {axis}. The text below says the same in figures."
    frame = Frame(about, axis, panel.bottom, panel.top, panel.logarithmic)
    marks = _spikes(runs[0], axis) if panel.title == "Loss" else []
    body = draw_lines(frame, strokes, marks) if strokes else '<p class="note">No tokens were recorded.</p>'
    return (
        f'<figure class="chart"><h3>{html.escape(panel.title)} <small>{html.escape(panel.unit)}</small></h3>'
        f"{draw_legend(strokes)}{body}<figcaption><ul>{''.join(facts)}</ul></figcaption></figure>"
    )


def _whose(run: Run, label: str, runs: Sequence[Run]) -> str:
    return f"{run.name}, {label}" if len(runs) > 1 else label


def _fact(curve: Curve, panel: Panel) -> str:
    """What a curve shows, in words."""
    last = f"<b>{shown(curve.values[-1])}</b> at step {curve.steps[-1]:,}"
    if len(curve) == 1:
        return last
    low, high = min(curve.values), max(curve.values)
    if not panel.best:
        return f"{last}; between {shown(low)} and {shown(high)}"
    best = low if panel.best == "lowest" else high
    at = curve.steps[curve.values.index(best)]
    return f"{last}, {shown(curve.values[0])} at first; {panel.best} {shown(best)} at step {at:,}"


def _strokes(panel: Panel, runs: Sequence[Run], axis: str) -> Iterator[Stroke]:
    """The curves that can be drawn: sources keep their colour in all runs, else runs theirs in all figures."""
    sources = sorted({name for run in runs for name, _ in panel.of(run)})
    with_sources = [run for run in runs if panel.of(run)]
    for number, run in enumerate(runs):
        for place, (name, label) in enumerate(panel.of(run)):
            if panel.prefix:
                colour, dash = sources.index(name), with_sources.index(run)
            else:
                colour, dash = (number, place) if len(runs) > 1 else (place, 0)
            points = _points(panel, run, name, axis)
            if points is not None:
                looks = COLOURS[colour % len(COLOURS)], DASHES[dash % len(DASHES)]
                yield _stroke(panel, name, _whose(run, label, runs), looks, *points)


def _points(panel: Panel, run: Run, name: str, axis: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Places and values of a curve, both (points,); None where it has none over this axis."""
    curve = run.curves[name]
    xs, ys = np.array(curve.steps, dtype=float), np.array(curve.values, dtype=float)
    if axis == "tokens":
        if "tokens" not in run.curves:
            return None
        xs = _tokens_at(run.curves["tokens"], xs)
    if panel.logarithmic:
        xs, ys = xs[ys > 0], ys[ys > 0]
    return (xs, ys) if len(xs) else None


def _stroke(panel: Panel, name: str, label: str, looks: tuple[str, str], xs: np.ndarray, ys: np.ndarray) -> Stroke:
    is_measured = name.startswith(("eval_", "validation_"))
    is_smooth = panel.smooth and not is_measured and len(ys) > _LEAST_SMOOTHED
    mean = np.stack(thin(xs, trailing_mean(ys), MAX_POINTS // 4)) if is_smooth else None
    xs, ys = thin(xs, ys)
    return Stroke(label, *looks, xs, ys, mean, dotted=len(xs) == 1 or (is_measured and len(xs) <= _FEW))


def _tokens_at(tokens: Curve, steps: np.ndarray) -> np.ndarray:
    """The tokens of the run after each step, also of measurements, which do not say them."""
    known = np.array(tokens.steps, dtype=float)
    return np.array(tokens.values)[np.clip(np.searchsorted(known, steps, side="right") - 1, 0, None)]


def _spikes(run: Run, axis: str) -> list[Mark]:
    """The last spikes of a run that has the loss of their steps."""
    loss, tokens = run.curves.get("loss"), run.curves.get("tokens")
    if loss is None or (axis == "tokens" and tokens is None):
        return []
    found = []
    for step in run.spike_steps[-_MARKED:]:
        at = bisect.bisect_left(loss.steps, step)
        if at < len(loss) and loss.steps[at] == step:
            x = float(_tokens_at(tokens, np.array([step]))[0]) if axis == "tokens" and tokens else step
            found.append(Mark(x, loss.values[at], f"spike at step {step:,}: {shown(loss.values[at])}"))
    return found
