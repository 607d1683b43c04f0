"""What a page says of runs in words and tables: how far they are, beside each other, what they recorded and wrote."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import yaml

from smolkit.apps.figures import counted, duration, shown
from smolkit.apps.runs.run import Run
from smolkit.apps.tables import html_table

_SHOWN_LINES = 20
_SHOWN_SPIKES = 20
_SHOWN_STEPS = 10
"""Of samples, the last ones."""
_SAMPLE_LETTERS = 2_000

_KINDS = {
    "pretraining": "Pretraining",
    "extraction": "Fine-tuning for extraction",
    "chat": "Fine-tuning for chat",
    "dpo": "Preference tuning (DPO)",
    "training": "Training",
}
_MEASURED = (
    ("Loss", "loss"),
    ("Validation loss", "validation_loss"),
    ("Dev loss", "eval_loss"),
    ("Dev F1", "eval_f1"),
    ("Reward margin", "reward_margin"),
    ("Dev reward margin", "eval_reward_margin"),
)
_COMPARED = (
    ("loss, last 50 steps", "loss"),
    ("validation loss", "validation_loss"),
    ("dev loss", "eval_loss"),
    ("dev F1", "eval_f1"),
    ("dev margin", "eval_reward_margin"),
    ("tokens", "tokens"),
    ("tokens/s, last 50 steps", "tokens_per_second"),
    ("memory, GiB", "memory_gib"),
)
_COLUMNS = (
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


def overview(run: Run) -> str:
    """How far a run is and its figures of now, as HTML."""
    state = run.state()
    rows = [*_losses(run), *_rates(run), *_events(run), *_times(run, state)]
    cells = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd></div>" for name, text in rows)
    kind = _KINDS.get(run.kind, f"Training for {run.kind}")
    return f"<h2>{html.escape(run.name)}</h2><p>{html.escape(kind)}: {state}.</p>{_progress(run)}<dl>{cells}</dl>"


def _losses(run: Run) -> Iterator[tuple[str, str]]:
    for label, name in _MEASURED:
        if curve := run.curves.get(name):
            at = "" if curve.steps[-1] == run.step else f" at step {curve.steps[-1]:,}"
            yield label, shown(curve.values[-1]) + at


def _rates(run: Run) -> Iterator[tuple[str, str]]:
    for label, name in (("Learning rate", "learning_rate"), ("Gradient norm", "gradient_norm"), ("Tokens", "tokens")):
        if curve := run.curves.get(name):
            yield label, shown(int(curve.values[-1]) if name == "tokens" else curve.values[-1])
    if curve := run.curves.get("tokens_per_second"):
        yield "Tokens/s, last 50 steps", shown(round(curve.recent()))
    if curve := run.curves.get("memory_gib"):
        yield "Memory at most", f"{shown(curve.values[-1])} GiB"


def _events(run: Run) -> Iterator[tuple[str, str]]:
    if run.stages:
        yield "Stage", f"{run.stages[-1][1]}, from step {run.stages[-1][0]:,}"
    if run.spike_steps:
        yield "Loss spikes", shown(len(run.spike_steps))


def _times(run: Run, state: str) -> Iterator[tuple[str, str]]:
    if curve := run.curves.get("seconds"):
        yield "Time in steps", duration(sum(curve.values))
    left = run.seconds_left()
    if state == "training" and left is not None:
        yield "Time left, about", duration(left)
    if state in ("training", "quiet"):
        yield "Last line", f"{duration(run.silent_seconds())} ago"


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
    names = [(label, name) for label, name in _COMPARED if any(name in run.curves for run in runs)]
    rows = [
        [run.name, run.state(), f"{run.step:,}", *(_compared(run, label, name) for label, name in names)]
        for run in runs
    ]
    return html_table("The chosen runs", ["run", "state", "step", *(label for label, _ in names)], rows)


def _compared(run: Run, label: str, name: str) -> str:
    curve = run.curves.get(name)
    if curve is None:
        return ""
    if name == "tokens":
        return shown(int(curve.values[-1]))
    return shown(curve.recent() if label.endswith("steps") else curve.values[-1])


def last_lines(run: Run) -> str:
    """The last lines of the ledger as a table, the newest first."""
    lines = list(run.last)[-_SHOWN_LINES:][::-1]
    columns = [(name, label) for name, label in _COLUMNS if any(name in line for line in lines)]
    rows = [[shown(line.get(name)) for name, _ in columns] for line in lines]
    return html_table(f"The last {len(lines)} lines", [label for _, label in columns], rows) if lines else ""


def samples(run: Run) -> str:
    """What the model wrote while it trained, the newest step first, as HTML in which all of it is text."""
    by_step = [(step, list(lines)) for step, lines in groupby(run.samples, key=lambda line: line["step"])]
    if not by_step:
        return f"<p>{html.escape(run.name)} has written none: its recipe's samples.every says at which steps.</p>"
    cut = f"<p>The last {_SHOWN_STEPS} of {counted(len(by_step), 'step')}.</p>" if len(by_step) > _SHOWN_STEPS else ""
    parts = [
        f"<section><h3>Step {step:,}</h3><dl>{''.join(map(_sample, lines))}</dl></section>"
        for step, lines in by_step[-_SHOWN_STEPS:][::-1]
    ]
    return f'{cut}<div class="samples">{"".join(parts)}</div>'


def _sample(line: Mapping[str, Any]) -> str:
    prompt, text = (html.escape(_readable(line[part])) for part in ("prompt", "text"))
    return f"<div><dt>{prompt}</dt><dd>{text}</dd></div>"


def _readable(text: str) -> str:
    if not text.strip():
        return "(nothing but blanks)" if text else "(nothing)"
    return text if len(text) <= _SAMPLE_LETTERS else text[:_SAMPLE_LETTERS] + "…"


def spikes(run: Run) -> str:
    """The last loss spikes with the documents of the sequences whose loss was the highest, as HTML."""
    items, known = [], run.spikes
    for step in run.spike_steps[-_SHOWN_SPIKES:][::-1]:
        said = known.get(step)
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
            tables.append(html_table(title, ["figure", "value"], rows))
    return "".join(tables)


def recipe_text(run: Run) -> str:
    """The recipe as it was recorded, as YAML; empty where it is not."""
    recipe = dict(run.record.recipe)
    return yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=100) if recipe else ""


CSS = """
.samples section { margin: 0 0 14px; }
.samples h3 { margin: 0 0 4px; font-size: 1rem; }
.samples dl { margin: 0; }
.samples dl > div { margin: 0 0 8px; padding: 0 0 0 10px; border-left: 3px solid var(--border-color-primary); }
.samples dt, .samples dd { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.samples dt { font-size: var(--text-sm); opacity: 0.8; font-weight: normal; }
"""
"""For `samples`."""
