"""The page on which training runs are watched and compared, and the endpoints `/runs` and `/metrics`.

It knows the page only: what lies in a run directory is read, drawn and put into words by smolkit. Which runs are shown
is chosen by whoever starts the app; a visitor names one by the name on the page, never by a path. Nothing is written.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from smolkit.apps import serving, tables
from smolkit.apps.look import remark
from smolkit.apps.plots import lines as curves
from smolkit.apps.runs import MAX_LINES, Run, open_runs, texts
from smolkit.apps.runs.panels import MAX_RUNS, charts
from smolkit.errors import DataError, SmolkitError

HERE = Path(__file__).resolve().parent

SECONDS = 2.0
"""Between two looks at the files."""
_DRAWINGS = 16
"""Choices of runs whose drawing is kept for other visitors."""


def build(runs: Sequence[Path], name: str) -> gr.Blocks:
    """The page over the runs of these directories, or of the models that they wrote.

    Raises SmolkitError where none is given, or one is no run.
    """
    opened = open_runs(runs)
    drawings: OrderedDict[tuple[Any, ...], tuple[str, ...]] = OrderedDict()

    def chosen(main: object, others: object) -> list[Run]:
        names = [main, *(others if isinstance(others, list) else [])]
        found = list(dict.fromkeys(opened.named(given) for given in names))
        if len(found) > MAX_RUNS:
            raise DataError(f"{len(found)} runs are chosen; one plot takes {MAX_RUNS}", fix="Take some away")
        return found

    def drawn(found: list[Run], axis: str) -> tuple[tuple[Any, ...], tuple[str, ...]]:
        """What does not change while no line is written, and by what that is known."""
        stamp = (*((run.name, run.version, run.state()) for run in found), axis)
        if stamp not in drawings:
            main = found[0]
            parts = (problems(found), texts.comparison(found), charts(found, axis), texts.spikes(main))
            more = (texts.samples(main), texts.last_lines(main), texts.record(main), texts.recipe_text(main))
            drawings[stamp] = (*parts, *more)
            while len(drawings) > _DRAWINGS:
                drawings.popitem(last=False)
        return stamp, drawings[stamp]

    def show(main: object, others: object, axis: str, seen: object = None) -> list[Any]:
        try:
            found = chosen(main, others)
        except SmolkitError as exc:
            return [gr.skip(), remark(str(exc), "bad"), *[gr.skip()] * 7, None]
        with opened.lock:
            opened.read()
            stamp, parts = drawn(found, "tokens" if axis == "tokens" else "steps")
            now = texts.overview(found[0])
        if stamp == seen:
            return [now, *[gr.skip()] * 9]
        *shown, recipe = parts
        return [now, *shown, gr.Code(recipe, visible=bool(recipe)), stamp]

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
        with gr.Accordion("Samples", open=False):
            samples = gr.HTML(elem_id="samples")
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
        outputs = [now, faults, beside, plots, named_spikes, samples, ledger, recorded, recipe, seen]
        page.load(show, inputs, outputs, **quiet)
        for given in inputs:
            given.input(show, inputs, outputs, **quiet)
        timer.tick(show, [*inputs, seen], outputs, **quiet)
        live.input(lambda on: gr.Timer(active=bool(on)), live, timer, **quiet)
        one_at_a_time: dict[str, Any] = {"concurrency_id": "runs", "concurrency_limit": 1}
        gr.api(list_runs, api_name="runs", **one_at_a_time)
        gr.api(metrics, api_name="metrics", **one_at_a_time)
    return page


def problems(runs: Sequence[Run]) -> str:
    """What is wrong with the files of these runs, a line each."""
    return "".join(remark(line, "bad") for run in runs for line in run.problems)


def serve(page: gr.Blocks, *, port: int | None = None) -> str:
    """Start serving in the background and return the page's address. Raises RuntimeUnavailable: the port is taken."""
    return serving.serve(page, port=port, css=tables.CSS + curves.CSS + texts.CSS + _CSS)


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


_CSS = """
#now dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 8px 16px; margin: 12px 0; }
#now dt, #plots .note { opacity: 0.8; font-size: var(--text-sm); font-weight: normal; }
#now dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
#now h2, #spikes h3 { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere; }
#now p { margin: 2px 0; }
#now progress { appearance: none; width: 100%; height: 10px; border: 0; background: var(--border-color-primary); }
#now progress::-webkit-progress-bar { background: var(--border-color-primary); }
#now progress::-webkit-progress-value { background: var(--primary-600); }
#now progress::-moz-progress-bar { background: var(--primary-600); }
#spikes ul { padding-left: 20px; list-style: disc; overflow-wrap: anywhere; }
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
