"""The page on which training runs are watched and compared, and the endpoints `/runs` and `/metrics`.

It knows the page only: what lies in a run directory is read by smolkit. Which runs are shown is chosen by whoever
starts the app; a visitor names one by the name on the page, never by a path. Nothing is written.
"""

from __future__ import annotations

import bisect
import html
import math
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import yaml

from smolkit.apps import serving
from smolkit.apps.look import remark
from smolkit.apps.runs import MAX_LINES, Curve, Run, open_runs
from smolkit.errors import DataError, SmolkitError

HERE = Path(__file__).resolve().parent

MAX_POINTS = 2_000
"""Points of one curve."""
MAX_RUNS = 8
"""Runs in one plot; there is a colour for each."""
SECONDS = 2.0
"""Between two looks at the files."""
_SHOWN_LINES = 20
_SHOWN_SPIKES = 20
_DRAWINGS = 16
"""Choices of runs whose drawing is kept for other visitors."""


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


PANELS = (
    Panel(
        "Loss",
        "nats",
        (("loss", "training"), ("validation_loss", "validation"), ("eval_loss", "dev")),
        smooth=True,
        best="lowest",
    ),
    Panel("Loss by source", "nats per token", prefix="loss_by_source.", smooth=True, best="lowest"),
    Panel("Validation loss by source", "nats per token", prefix="validation_loss_by_source.", best="lowest"),
    Panel("F1 on dev rows", "micro F1", (("eval_f1", "dev F1"),), bottom=0, top=1, best="highest"),
    Panel(
        "Reward margin",
        "chosen minus rejected",
        (("reward_margin", "training"), ("eval_reward_margin", "dev")),
        smooth=True,
        best="highest",
    ),
    Panel("Rewards", "reward", (("reward_chosen", "chosen"), ("reward_rejected", "rejected")), smooth=True),
    Panel(
        "Chosen gained more than rejected",
        "share of pairs",
        (("reward_accuracy", "training"), ("eval_reward_accuracy", "dev")),
        bottom=0,
        top=1,
        smooth=True,
        best="highest",
    ),
    Panel(
        "Log probability of the answers",
        "nats per answer",
        (("logprob_chosen", "chosen"), ("logprob_rejected", "rejected")),
        smooth=True,
    ),
    Panel("Learning rate", "per step", (("learning_rate", "learning rate"),), bottom=0),
    Panel("Gradient norm", "before clipping", (("gradient_norm", "gradient norm"),), logarithmic=True, smooth=True),
    Panel("Speed", "tokens/s", (("tokens_per_second", "speed"),), bottom=0, smooth=True),
    Panel("Use of the device", "MFU", (("mfu", "MFU"),), bottom=0, smooth=True),
    Panel("Memory", "GiB at most so far", (("memory_gib", "memory"),), bottom=0),
    Panel("Waiting for data", "share of a step", (("data_wait_share", "waiting"),), bottom=0, smooth=True),
)

COLUMNS = (
    ("step", "step"),
    ("stage", "stage"),
    ("loss", "loss"),
    ("validation_loss", "validation loss"),
    ("eval_loss", "dev loss"),
    ("eval_f1", "dev F1"),
    ("reward_margin", "margin"),
    ("eval_reward_margin", "dev margin"),
    ("learning_rate", "learning rate"),
    ("gradient_norm", "gradient norm"),
    ("tokens", "tokens"),
    ("tokens_per_second", "tokens/s"),
    ("mfu", "MFU"),
    ("memory_gib", "memory, GiB"),
    ("seconds", "seconds"),
)
"""Of the table of last lines, where a line has them."""

KINDS = {
    "pretraining": "Pretraining",
    "extraction": "Fine-tuning for extraction",
    "chat": "Fine-tuning for chat",
    "dpo": "Preference tuning (DPO)",
}


# ---- numbers


def shown(value: object) -> str:
    """A figure as people read it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if not math.isfinite(value):
        return "no number"
    if isinstance(value, int) or (abs(value) >= 1000 and value < 1e15):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """A time as people read it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def thin(xs: np.ndarray, ys: np.ndarray, limit: int = MAX_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most `limit` of the points, in their order: of every stretch the lowest and the highest, first and last too.

    Shapes: both (points,), before and after.
    """
    if len(xs) <= limit:
        return xs, ys
    kept = {0, len(xs) - 1}
    edges = np.linspace(0, len(xs), (limit - 2) // 2 + 1).astype(int)
    for begin, end in pairwise(edges.tolist()):
        kept |= {begin + int(ys[begin:end].argmin()), begin + int(ys[begin:end].argmax())}
    at = sorted(kept)
    return xs[at], ys[at]


def trailing_mean(values: np.ndarray) -> np.ndarray:
    """As `smolkit.train.curves.smoothed`, which draws curves.png, and quick for long runs."""
    width = max(10, round(0.02 * len(values)))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    return (sums[last] - sums[np.maximum(0, last - width)]) / np.minimum(width, last)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two bounds, about `count`."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def short(value: float) -> str:
    """A number beside an axis."""
    for power, letter in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= power:
            return f"{value / (1e3 if letter == 'k' else power):g}{letter}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


# ---- plots

# Each has a contrast of 3 to 1 at least on the light and on the dark background.
COLOURS = ("#0d9488", "#ea580c", "#8b5cf6", "#db2777", "#3b82f6", "#a16207", "#64748b", "#dc2626")
_DASHES = ("", "7 3", "2 3", "10 3 2 3", "1 5", "14 4", "4 6", "6 2 1 2 1 2")
_WIDTH, _HEIGHT = 420, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 10, 40
_LEAST_SMOOTHED = 10
_FEW = 60
"""Measurements up to which each is marked."""


@dataclass
class Stroke:
    """One curve of a panel as it is drawn; `mean` is its smoothed form."""

    label: str
    colour: str
    dash: str
    xs: np.ndarray
    ys: np.ndarray
    mean: np.ndarray | None
    dotted: bool


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
    strokes, facts = [], []
    sources = sorted({name for run in runs for name, _ in panel.of(run)}) if panel.prefix else []
    with_sources = [run for run in runs if panel.of(run)]
    for number, run in enumerate(runs):
        for place, (name, label) in enumerate(panel.of(run)):
            if panel.prefix:
                colour, dash = sources.index(name), with_sources.index(run)
            else:
                colour, dash = (number, place) if len(runs) > 1 else (place, 0)
            curve = run.curves[name]
            whose = f"{run.name}, {label}" if len(runs) > 1 else label
            facts.append(f"<li>{html.escape(whose)}: {_fact(curve, panel)}</li>")
            stroke = _stroke(panel, run, name, axis)
            if stroke is not None:
                stroke.label, stroke.colour, stroke.dash = whose, COLOURS[colour % 8], _DASHES[dash % 8]
                strokes.append(stroke)
    if not facts:
        return ""
    spikes = _spikes_of(runs[0], axis) if panel.title == "Loss" else []
    body = _svg(panel, strokes, axis, spikes) if strokes else '<p class="note">No tokens were recorded.</p>'
    return (
        f'<figure class="chart"><h3>{html.escape(panel.title)} <small>{html.escape(panel.unit)}</small></h3>'
        f"{_legend(strokes)}{body}<figcaption><ul>{''.join(facts)}</ul></figcaption></figure>"
    )


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


def _stroke(panel: Panel, run: Run, name: str, axis: str) -> Stroke | None:
    curve = run.curves[name]
    xs, ys = np.array(curve.steps, dtype=float), np.array(curve.values, dtype=float)
    if axis == "tokens":
        tokens = run.curves.get("tokens")
        if tokens is None:
            return None
        xs = _tokens_at(tokens, xs)
    if panel.logarithmic:
        xs, ys = xs[ys > 0], ys[ys > 0]
        if not len(xs):
            return None
    is_measured = name.startswith(("eval_", "validation_"))
    is_smooth = panel.smooth and not is_measured and len(ys) > _LEAST_SMOOTHED
    mean = np.stack(thin(xs, trailing_mean(ys), MAX_POINTS // 4)) if is_smooth else None
    xs, ys = thin(xs, ys)
    return Stroke("", "", "", xs, ys, mean, dotted=len(xs) == 1 or (is_measured and len(xs) <= _FEW))


def _tokens_at(tokens: Curve, steps: np.ndarray) -> np.ndarray:
    """The tokens of the run after each step, also of measurements, which do not say them."""
    known = np.array(tokens.steps, dtype=float)
    return np.array(tokens.values)[np.clip(np.searchsorted(known, steps, side="right") - 1, 0, None)]


def _spikes_of(run: Run, axis: str) -> list[tuple[float, float, int]]:
    """Place, loss and step of the last spikes of a run that has the loss of these steps."""
    loss, tokens = run.curves.get("loss"), run.curves.get("tokens")
    if loss is None or (axis == "tokens" and tokens is None):
        return []
    found = []
    for step in run.spike_steps[-200:]:
        at = bisect.bisect_left(loss.steps, step)
        if at < len(loss) and loss.steps[at] == step:
            x = float(_tokens_at(tokens, np.array([step]))[0]) if axis == "tokens" and tokens else step
            found.append((x, loss.values[at], step))
    return found


def _legend(strokes: Iterable[Stroke]) -> str:
    entries = [
        f'<li><svg viewBox="0 0 26 8" aria-hidden="true"><path d="M1 4H25" stroke="{stroke.colour}" stroke-width="2.5"'
        f' stroke-dasharray="{stroke.dash}"/></svg>{html.escape(stroke.label)}</li>'
        for stroke in strokes
    ]
    return f'<ul class="legend">{"".join(entries)}</ul>' if entries else ""


def _svg(panel: Panel, strokes: Sequence[Stroke], axis: str, spikes: Sequence[tuple[float, float, int]]) -> str:
    low_x, high_x = _bounds([stroke.xs for stroke in strokes])
    low, high = _bounds([stroke.ys for stroke in strokes], panel.bottom, panel.top, logarithmic=panel.logarithmic)
    scale: Callable[[Any], Any] = np.log10 if panel.logarithmic else np.asarray

    def x(values: Any) -> Any:
        return _LEFT + (np.asarray(values) - low_x) / (high_x - low_x) * (_WIDTH - _LEFT - _RIGHT)

    def y(values: Any) -> Any:
        part = (scale(values) - scale(low)) / (scale(high) - scale(low))
        return _HEIGHT - _BOTTOM - part * (_HEIGHT - _BOTTOM - _TOP)

    parts = [_grid(panel, x, y, (low_x, high_x), (low, high), axis)]
    for stroke in strokes:
        attributes = f'fill="none" stroke="{stroke.colour}" stroke-dasharray="{stroke.dash}"'
        faint = ' opacity="0.35" stroke-width="1"' if stroke.mean is not None else ' stroke-width="2"'
        parts.append(f'<path d="{_path(x(stroke.xs), y(stroke.ys))}" {attributes}{faint}/>')
        if stroke.mean is not None:
            parts.append(f'<path d="{_path(x(stroke.mean[0]), y(stroke.mean[1]))}" {attributes} stroke-width="2"/>')
        if stroke.dotted:
            parts += [
                f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{stroke.colour}"/>'
                for a, b in zip(x(stroke.xs), y(stroke.ys), strict=True)
            ]
    for place, loss, step in spikes:
        a, b = float(x(place)), float(y(min(max(loss, low), high)))
        title = f"<title>spike at step {step:,}: {shown(loss)}</title>"
        parts.append(f'<path class="spike" d="M{a - 4:.1f} {b - 9:.1f}h8l-4 7z" fill="#dc2626">{title}</path>')
    about = html.escape(f"{panel.title}, {panel.unit}, over {axis}. The text below says the same in figures.")
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{about}">{"".join(parts)}</svg>'


def _grid(panel: Panel, x: Any, y: Any, width: tuple[float, float], height: tuple[float, float], axis: str) -> str:
    parts = []
    for value in _log_ticks(*height) if panel.logarithmic else ticks(*height):
        at = float(y(value))
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{short(value)}</text>')
    for value in ticks(*width):
        at = float(x(value))
        parts.append(f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{short(value)}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{axis}</text>')
    return f'<g class="grid">{"".join(parts)}</g>'


def _bounds(
    parts: Sequence[np.ndarray], bottom: float | None = None, top: float | None = None, *, logarithmic: bool = False
) -> tuple[float, float]:
    """What an axis spans: never nothing, with a little room where neither bound is given."""
    low, high = float(min(part.min() for part in parts)), float(max(part.max() for part in parts))
    low, high = min(low, low if bottom is None else bottom), max(high, high if top is None else top)
    if logarithmic:
        return (low / 1.2, high * 1.2)
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        room = abs(high) / 2 or 1.0
        return low - (room if bottom is None else 0), high + room
    return low, high


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    wide = high / low > 1e3
    found = [factor * 10.0**power for power in powers for factor in ((1,) if wide else (1, 2, 5))]
    found = [value for value in found if low <= value <= high]
    return found[:: math.ceil(len(found) / 6)] if len(found) > 1 else ticks(low, high)


def _path(xs: np.ndarray, ys: np.ndarray) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(xs, ys, strict=True))


# ---- texts and tables


def overview(run: Run) -> str:
    """How far a run is and its figures of now, as HTML."""
    state = run.state()
    rows = []
    for label, name in (
        ("Loss", "loss"),
        ("Validation loss", "validation_loss"),
        ("Dev loss", "eval_loss"),
        ("Dev F1", "eval_f1"),
        ("Reward margin", "reward_margin"),
        ("Dev reward margin", "eval_reward_margin"),
    ):
        if curve := run.curves.get(name):
            at = "" if curve.steps[-1] == run.step else f" at step {curve.steps[-1]:,}"
            rows.append((label, shown(curve.values[-1]) + at))
    for label, name in (("Learning rate", "learning_rate"), ("Gradient norm", "gradient_norm"), ("Tokens", "tokens")):
        if curve := run.curves.get(name):
            rows.append((label, shown(int(curve.values[-1]) if name == "tokens" else curve.values[-1])))
    if curve := run.curves.get("tokens_per_second"):
        rows.append(("Tokens/s, last 50 steps", shown(round(curve.recent()))))
    if curve := run.curves.get("memory_gib"):
        rows.append(("Memory at most", f"{shown(curve.values[-1])} GiB"))
    if run.stages:
        rows.append(("Stage", f"{run.stages[-1][1]}, from step {run.stages[-1][0]:,}"))
    if run.spike_steps:
        rows.append(("Loss spikes", shown(len(run.spike_steps))))
    if curve := run.curves.get("seconds"):
        rows.append(("Time in steps", duration(sum(curve.values))))
    left = run.seconds_left()
    if state == "training" and left is not None:
        rows.append(("Time left, about", duration(left)))
    if state in ("training", "quiet"):
        rows.append(("Last line", f"{duration(run.silent_seconds())} ago"))
    cells = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd></div>" for name, text in rows)
    return f"<h2>{html.escape(run.name)}</h2><p>{html.escape(_kind(run))}: {state}.</p>{_progress(run)}<dl>{cells}</dl>"


def _kind(run: Run) -> str:
    return KINDS.get(run.kind, f"Training for {run.kind}" if run.kind != "training" else "Training")


def _progress(run: Run) -> str:
    if not run.steps_planned:
        return f"<p>{run.step:,} steps; how many there will be is not recorded yet.</p>" if run.step else ""
    share = min(1.0, run.step / run.steps_planned)
    text = f"{run.step:,} of {run.steps_planned:,} steps ({share:.0%})"
    return f'<progress max="1" value="{share:.4f}" aria-label="Steps done"></progress> <p>{text}</p>'


def comparison(runs: Sequence[Run]) -> str:
    """The chosen runs beside each other as a table; nothing for one alone."""
    if len(runs) < 2:
        return ""
    names = [
        ("loss, last 50 steps", "loss"),
        ("validation loss", "validation_loss"),
        ("dev loss", "eval_loss"),
        ("dev F1", "eval_f1"),
        ("dev margin", "eval_reward_margin"),
        ("tokens", "tokens"),
        ("tokens/s, last 50 steps", "tokens_per_second"),
        ("memory, GiB", "memory_gib"),
    ]
    names = [(label, name) for label, name in names if any(name in run.curves for run in runs)]
    rows = []
    for run in runs:
        cells = [run.name, run.state(), f"{run.step:,}"]
        for label, name in names:
            curve = run.curves.get(name)
            if curve is None:
                cells.append("")
            elif name == "tokens":
                cells.append(shown(int(curve.values[-1])))
            else:
                cells.append(shown(curve.recent() if label.endswith("steps") else curve.values[-1]))
        rows.append(cells)
    return table("The chosen runs", ["run", "state", "step", *(label for label, _ in names)], rows)


def last_lines(run: Run) -> str:
    """The last lines of the ledger as a table, the newest first."""
    lines = list(run.last)[-_SHOWN_LINES:][::-1]
    columns = [(name, label) for name, label in COLUMNS if any(name in line for line in lines)]
    rows = [[shown(line.get(name)) for name, _ in columns] for line in lines]
    return table(f"The last {len(lines)} lines", [label for _, label in columns], rows) if lines else ""


def spikes(run: Run) -> str:
    """The last loss spikes with the documents of the sequences whose loss was the highest, as HTML."""
    items = []
    for step in run.spike_steps[-_SHOWN_SPIKES:][::-1]:
        said = run.spikes.get(step)
        text = f"Step {step:,}" if said is None else f"Step {step:,}: loss {shown(said.get('loss'))}"
        if said is not None and isinstance(said.get("usual"), int | float):
            text += f", usually {shown(said['usual'])}"
        items.append(f"<li>{html.escape(text)}{_sequences(said)}</li>")
    if not items:
        return ""
    cut = f"<p>The last {_SHOWN_SPIKES} of {len(run.spike_steps):,}.</p>" if len(run.spike_steps) > len(items) else ""
    return f"<h3>Loss spikes of {html.escape(run.name)}</h3>{cut}<ul>{''.join(items)}</ul>"


def _sequences(said: Mapping[str, Any] | None) -> str:
    found = said.get("sequences") if said else None
    lines = []
    for sequence in found if isinstance(found, list) else []:
        if isinstance(sequence, dict):
            documents = sequence.get("documents")
            names = [str(name)[:200] for name in documents[:5]] if isinstance(documents, list) else []
            text = f"{sequence.get('source')}, {shown(sequence.get('loss'))}: {', '.join(names)}"
            lines.append(f"<li>{html.escape(text)}</li>")
    return f"<ul>{''.join(lines[:5])}</ul>" if lines else ""


def record(run: Run) -> str:
    """The plan, and the scores of a finished run, as tables."""
    tables = []
    for title, part in (("Scores", run.record.scores), ("Plan", run.record.plan), ("Branched from", run.record.branch)):
        rows = [[name.replace("_", " "), shown(value)] for name, value in part.items() if not isinstance(value, dict)]
        if rows:
            tables.append(table(title, ["figure", "value"], rows))
    return "".join(tables)


def recipe_text(run: Run) -> str:
    """The recipe as it was recorded, as YAML; empty where it is not."""
    recipe = dict(run.record.recipe)
    return yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=100) if recipe else ""


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that scrolls in itself where the page is narrow; everything in it is text."""
    heads = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    caption = html.escape(title)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{caption}"><table><caption>{caption}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def problems(runs: Iterable[Run]) -> str:
    """What is wrong with the files of these runs, a line each."""
    return "".join(remark(line, "bad") for run in runs for line in run.problems)


# ---- the page


def build(runs: Sequence[Path], name: str) -> gr.Blocks:
    """The page over the runs of these directories, or of the models that they wrote.

    Raises SmolkitError where none is given, or one is no run.
    """
    opened = open_runs(runs)
    drawings: OrderedDict[tuple[Any, ...], tuple[str, ...]] = OrderedDict()

    def chosen(main: object, others: object) -> list[Run]:
        names = [main, *(others if isinstance(others, list) else [])]
        found = [opened.named(given) for given in names]
        found = list(dict.fromkeys(found))
        if len(found) > MAX_RUNS:
            raise DataError(f"{len(found)} runs are chosen; one plot takes {MAX_RUNS}", fix="Take some away")
        return found

    def drawn(found: list[Run], axis: str) -> tuple[tuple[Any, ...], tuple[str, ...]]:
        """What does not change while no line is written, and by what that is known."""
        stamp = (*((run.name, run.version, run.state()) for run in found), axis)
        if stamp not in drawings:
            main = found[0]
            parts = (problems(found), comparison(found), charts(found, axis), spikes(main), last_lines(main))
            drawings[stamp] = (*parts, record(main), recipe_text(main))
            while len(drawings) > _DRAWINGS:
                drawings.popitem(last=False)
        return stamp, drawings[stamp]

    def show(main: object, others: object, axis: str, seen: object = None) -> list[Any]:
        try:
            found = chosen(main, others)
        except SmolkitError as exc:
            return [gr.skip(), remark(str(exc), "bad"), *[gr.skip()] * 6, None]
        with opened.lock:
            opened.read()
            stamp, parts = drawn(found, "tokens" if axis == "tokens" else "steps")
            now = overview(found[0])
        if stamp == seen:
            return [now, *[gr.skip()] * 8]
        *texts, recipe = parts
        return [now, *texts, gr.Code(recipe, visible=bool(recipe)), stamp]

    def list_runs() -> list:
        """The runs of the page: name, kind, state, last step, steps planned, and what is wrong with its files.

        States: waiting (no step yet), training, quiet (no new line for some time), finished, gone.
        """
        with opened.lock:
            opened.read()
            return [
                {
                    "name": run.name,
                    "kind": run.kind,
                    "state": run.state(),
                    "step": run.step,
                    "steps": run.steps_planned,
                    "problems": run.problems,
                }
                for run in opened
            ]

    def metrics(run: str, after_step: int = -1) -> dict:
        """The lines of a run's metrics beyond a step; from -1 on all.

        Takes the run's name as `/runs` gives it and a step. Returns its name, the lines as they were written, the last
        step among them and whether there are more. Some 1,000 lines are given at once, a step never in part.
        """
        try:
            if isinstance(after_step, bool) or not isinstance(after_step, int) or not -1 <= after_step < 2**53:
                raise DataError("after_step is a step, such as 0, or -1 for all lines")
            with opened.lock:
                found = opened.named(run)
                found.read()
                if found.missing or not found.line_count:
                    raise SmolkitError(found.problems[0])
                lines, more = found.lines_after(after_step, MAX_LINES)
        except SmolkitError as exc:
            raise gr.Error(str(exc), print_exception=False) from None
        last = lines[-1]["step"] if lines else after_step
        return {"name": found.name, "lines": lines, "last_step": last, "more": more}

    first, several = opened.names[0], len(opened) > 1
    with gr.Blocks(title=f"Training: {name}", analytics_enabled=False) as page:
        gr.Markdown("# Training runs\nWhat pretraining and fine-tuning record, as they go.")
        with gr.Row():
            main = gr.Dropdown(opened.names, value=first, label="Run", elem_id="run")
            others = gr.Dropdown(
                opened.names,
                value=[],
                multiselect=True,
                max_choices=MAX_RUNS - 1,
                label="Compare with",
                elem_id="others",
                visible=several,
            )
            axis = gr.Radio(["steps", "tokens"], value="steps", label="Curves over", elem_id="axis")
            live = gr.Checkbox(True, label="Look for new lines every 2 seconds", elem_id="live")
        faults = gr.HTML(elem_id="problems")
        now = gr.HTML(elem_id="now")
        beside = gr.HTML(elem_id="comparison")
        plots = gr.HTML(elem_id="plots")
        named_spikes = gr.HTML(elem_id="spikes")
        with gr.Accordion("Last lines of the ledger", open=False):
            ledger = gr.HTML(elem_id="ledger")
        with gr.Accordion("Plan and recipe as recorded", open=False):
            recorded = gr.HTML(elem_id="record")
            recipe = gr.Code(
                language="yaml",
                label="Recipe",
                elem_id="recipe",
                interactive=False,
                max_lines=24,
                wrap_lines=True,
                buttons=["copy"],
            )
        timer = gr.Timer(SECONDS)
        seen = gr.State()

        quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        inputs = [main, others, axis]
        outputs = [now, faults, beside, plots, named_spikes, ledger, recorded, recipe, seen]
        page.load(show, inputs, outputs, **quiet)
        for given in inputs:
            given.input(show, inputs, outputs, **quiet)
        timer.tick(show, [*inputs, seen], outputs, **quiet)
        live.input(lambda on: gr.Timer(active=bool(on)), live, timer, **quiet)
        one_at_a_time: dict[str, Any] = {"concurrency_id": "runs", "concurrency_limit": 1}
        gr.api(list_runs, api_name="runs", **one_at_a_time)
        gr.api(metrics, api_name="metrics", **one_at_a_time)
    return page


def serve(page: gr.Blocks, *, port: int | None = None) -> str:
    """Start serving in the background and return the page's address. Raises RuntimeUnavailable: the port is taken."""
    return serving.serve(page, port=port, css=_CSS)


def answer_presets(address: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ask the endpoints of a served page for every run and all its lines; yields its name and the figures."""
    from gradio_client import Client

    client = Client(address, verbose=False)
    for run in client.predict(api_name="/runs"):
        lines: list[dict[str, Any]] = []
        after, more = -1, run["state"] not in ("waiting", "gone")
        while more:
            answer = client.predict(run["name"], after, api_name="/metrics")
            lines += answer["lines"]
            after, more = answer["last_step"], answer["more"]
        losses = [line["loss"] for line in lines if line.get("loss") is not None]
        yield (
            run["name"],
            {
                "kind": run["kind"],
                "state": run["state"],
                "step": run["step"],
                "lines": len(lines),
                "loss": round(losses[-1], 4) if losses else None,
                "problems": len(run["problems"]),
            },
        )


# Gradio pads HTML and gives it the look of running text; tables and plots have their own here.
_CSS = """
#now dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 8px 16px; margin: 12px 0; }
#now dt, #plots small, #plots .note { opacity: 0.8; font-size: var(--text-sm); font-weight: normal; }
#now dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
#now h2, #spikes h3, .chart h3 { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere; }
#now p { margin: 2px 0; }
#now progress { appearance: none; width: 100%; height: 10px; border: 0; background: var(--border-color-primary); }
#now progress::-webkit-progress-bar { background: var(--border-color-primary); }
#now progress::-webkit-progress-value { background: var(--primary-600); }
#now progress::-moz-progress-bar { background: var(--primary-600); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 20px; }
.chart { margin: 0; min-width: 0; }
.chart > svg { width: 100%; height: auto; display: block; }
.chart .grid line { stroke: currentColor; opacity: 0.15; }
.chart .grid text { fill: currentColor; font-size: 12px; }
.chart .legend, .chart figcaption ul { list-style: none; margin: 4px 0; padding: 0; font-size: var(--text-sm); }
.chart .legend { display: flex; flex-wrap: wrap; gap: 2px 14px; }
.chart .legend svg { display: inline-block; width: 26px; height: 8px; margin-right: 5px; }
.chart .legend li, .chart figcaption { overflow-wrap: anywhere; }
#spikes ul { padding-left: 20px; list-style: disc; overflow-wrap: anywhere; }
.wide { overflow-x: auto; max-width: 100%; margin: 10px 0; }
.wide table { border: 0 !important; border-collapse: collapse; }
.wide table { font-size: var(--text-sm); font-variant-numeric: tabular-nums; }
.wide caption { text-align: left; font-weight: 600; }
.wide th, .wide td { padding: 3px 12px 3px 0 !important; text-align: left; border: 0 !important; }
.wide tr { border-bottom: 1px solid var(--border-color-primary); }
.wide th { white-space: nowrap; font-weight: 600; }
.wide:focus-visible { outline: 2px solid var(--primary-600); }
"""


def main() -> None:
    """Serve the runs that SMOLKIT_RUNS names, separated as paths are; else those in the folders runs/ and model/."""
    named = [Path(part) for part in os.environ.get("SMOLKIT_RUNS", "").split(os.pathsep) if part]
    found = sorted(path for folder in ("runs", "model") for path in (HERE / folder).glob("*") if path.is_dir())
    page = build(named or found, "runs")
    print(f"the runs are shown at {serve(page)}")
    page.block_thread()


if __name__ == "__main__":
    main()
