"""The page of recorded results: tables that sort and search, and plots; the endpoints `/results` and `/table`.

It knows the page only: files are read by smolkit, once, when the page is built. A visitor names results, tables and
columns of that list, never a path.
"""

from __future__ import annotations

import html
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from smolkit.apps import serving
from smolkit.apps.figures import counted
from smolkit.apps.look import remark
from smolkit.apps.plots import scatter
from smolkit.apps.results import Result, Results, Table, read_results, to_html, with_best
from smolkit.apps.results.best import first_axes, first_choice
from smolkit.apps.results.published import read_published, with_published
from smolkit.apps.results.rows import MAX_SEARCH, in_order, listed, matching, points_of, records
from smolkit.assets import asset
from smolkit.errors import DataError, SmolkitError

HERE = Path(__file__).resolve().parent

MAX_PROBLEMS = 8
"""Files that could not be read, named one by one."""


# ---- what the page shows


def grid(table: Table, rows: Sequence[int]) -> dict[str, Any]:
    """The rows as `gr.Dataframe` takes them: what a cell sorts by, and beside it the text that is shown."""
    numbers = [column.kind == "number" for column in table.columns]
    shown = [table.rows[index] for index in rows]
    return {
        "headers": [column.name for column in table.columns],
        "data": [
            [cell.order if number else cell.text for cell, number in zip(row, numbers, strict=True)] for row in shown
        ],
        "metadata": {"display_value": [[cell.text for cell in row] for row in shown]},
    }


def numbered(result: Result) -> list[tuple[str, int]]:
    """The tables of a result as a list to choose from."""
    return [(f"{number}. {table.title}", number) for number, table in enumerate(result.tables, 1)]


def count_line(table: Table, rows: Sequence[int]) -> str:
    """How many rows are shown."""
    count = counted(len(table.rows), "row")
    return count if len(rows) == len(table.rows) else f"{len(rows):,} of {count}"


def about_html(table: Table, source: str) -> str:
    """Where a table is from, as HTML in which nothing of the file is markup of its own."""
    return f'<div class="prose about">{to_html(table.prose)}<p>Source: <code>{html.escape(source)}</code></p></div>'


def plotted(table: Table, rows: Sequence[int], axes: tuple[str, str] | None) -> str:
    """These rows over two columns, or why there is no plot."""
    if axes is None:
        return remark("No plot: this table has fewer than two columns of numbers.")
    points = points_of(table, rows, *axes)
    if not points:
        return remark(f"No row shown here has a number in both {axes[0]} and {axes[1]}.")
    return scatter.draw_points(points, len(rows) - len(points), *axes)


def introduction(read: Results, name: str) -> str:
    """What was read, and what could not be."""
    count = sum(len(result.tables) for result in read.results)
    lines = [remark(f"{name}: {counted(len(read.results), 'result')}, {counted(count, 'table')}")]
    lines += [remark(str(problem), "bad") for problem in read.problems[:MAX_PROBLEMS]]
    if (left := len(read.problems) - MAX_PROBLEMS) > 0:
        lines.append(remark(f"and {left} more that could not be read", "bad"))
    return "".join(lines)


# ---- the page


def build(results: Sequence[Path], name: str) -> gr.Blocks:
    """The page over the results in `results`, files or directories, read now; `name` stands on it.

    Raises DataError where there are none that can be read.
    """
    recorded = with_best(read_results(results))
    read = with_published(recorded, read_published())
    start, number = first_choice(read)

    def results_() -> tuple[list, list]:
        """List what there is.

        Returns each result with its name, title and source and its tables (number, title, rows, and the name, kind
        and unit of each column); and a line for each file or table that could not be read.
        """
        return listed(read), [str(problem) for problem in read.problems]

    def table_(result: str, table: int = 1) -> tuple[list, list, dict]:
        """Read a table.

        Takes the name of a result and the number of one of its tables, from 1. Returns its rows as records, with
        numbers as numbers; the same rows as texts; and the title of the table, the prose around it and its commands.
        """
        try:
            found = read.result(result).table(table)
        except SmolkitError as exc:
            raise gr.Error(str(exc), print_exception=False) from None
        names = [column.name for column in found.columns]
        texts = [{name: cell.text for name, cell in zip(names, row, strict=True)} for row in found.rows]
        about = {"title": found.title, "prose": found.prose, "commands": list(found.commands)}
        return records(found), texts, about

    def choose_result(result: str) -> list[Any]:
        try:
            found = read.result(result)
        except SmolkitError as exc:
            return [gr.skip(), *[gr.skip()] * len(shown), remark(str(exc), "bad")]
        return [gr.Dropdown(numbered(found), value=1), *choose_table(result, 1)]

    def choose_table(result: str, table: int) -> list[Any]:
        try:
            source, found = read.result(result).source, read.result(result).table(table)
            return [*_shown(found, source), remark(count_line(found, range(len(found.rows))))]
        except SmolkitError as exc:
            return [*[gr.skip()] * len(shown), remark(str(exc), "bad")]

    def refine(
        result: str, table: int, query: str, by: str, descending: bool, x: str | None, y: str | None
    ) -> list[Any]:
        try:
            found = read.result(result).table(table)
            rows = in_order(found, matching(found, query), by, descending)
            # While another table is coming, the axes may still be of the last one.
            axes = (x, y) if x in found.measured() and y in found.measured() else first_axes(found)
            drawn = plotted(found, rows, axes)
        except SmolkitError as exc:
            return [gr.skip(), gr.skip(), remark(str(exc), "bad")]
        return [grid(found, rows), drawn, remark(count_line(found, rows))]

    first = start.table(number)
    axes = first_axes(first)
    with gr.Blocks(title="Scoreboard", analytics_enabled=False) as page:
        gr.Markdown("# Scoreboard\nRecorded results as tables, and any two columns of numbers as a plot.")
        gr.HTML(introduction(recorded, name), elem_id="problems")
        with gr.Row():
            result = gr.Dropdown([one.name for one in read.results], value=start.name, label="Result", elem_id="result")
            table = gr.Dropdown(numbered(start), value=number, label="Table", elem_id="table", scale=2)
            query = gr.Textbox(label="Search in this table", elem_id="search", max_length=MAX_SEARCH + 1)
        with gr.Row():
            by = gr.Dropdown(_orders(first), value="", label="Sort by", elem_id="by", scale=2)
            descending = gr.Checkbox(label="Highest first", elem_id="descending", min_width=120)
        status = gr.HTML(remark(count_line(first, range(len(first.rows)))), elem_id="status")
        frame = gr.Dataframe(grid(first, range(len(first.rows))), elem_id="rows", **_frame_options(first))
        with gr.Row():
            x, y = (
                gr.Dropdown(first.measured(), value=axes and axes[index], label=label, elem_id=id_, visible=bool(axes))
                for index, (label, id_) in enumerate((("Across", "across"), ("Upwards", "upwards")))
            )
        plot = gr.HTML(plotted(first, range(len(first.rows)), axes), elem_id="plot")
        with gr.Accordion("Where it is from", open=False):
            commands = gr.Code(
                _commands(first), language="shell", label="Commands", elem_id="commands", interactive=False,
                lines=1, wrap_lines=True, buttons=["copy"], visible=bool(first.commands),
            )  # fmt: skip
            about = gr.HTML(about_html(first, start.source), elem_id="about")

        shown = [query, by, frame, x, y, plot, commands, about]
        quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        result.input(choose_result, result, [table, *shown, status], **quiet)
        table.input(choose_table, [result, table], [*shown, status], **quiet)
        # A text that is pasted is a change and no input.
        for changed in (query.change, by.input, descending.input, x.input, y.input):
            changed(
                refine,
                [result, table, query, by, descending, x, y],
                [frame, plot, status],
                **quiet,
                trigger_mode="always_last",
            )
        limits: dict[str, Any] = {"concurrency_id": "read", "concurrency_limit": 4}
        gr.api(results_, api_name="results", **limits)
        gr.api(table_, api_name="table", **limits)
    return page


def _shown(table: Table, source: str) -> list[Any]:
    """The values of all that changes with the table, the search first, which is emptied."""
    axes, rows = first_axes(table), range(len(table.rows))
    return [
        "",
        gr.Dropdown(_orders(table), value=""),
        gr.Dataframe(grid(table, rows), **_frame_options(table)),
        *(gr.Dropdown(table.measured(), value=axes and axes[index], visible=bool(axes)) for index in range(2)),
        plotted(table, rows, axes),
        gr.Code(_commands(table), visible=bool(table.commands)),
        about_html(table, source),
    ]


def _orders(table: Table) -> list[tuple[str, str]]:
    return [("as recorded", ""), *((column.name, column.name) for column in table.columns)]


def _frame_options(table: Table) -> dict[str, Any]:
    return {
        "datatype": ["number" if column.kind == "number" else "str" for column in table.columns],
        "label": table.title,
        "interactive": False,
        "wrap": True,
        "buttons": ["copy"],
    }


def _commands(table: Table) -> str:
    return "\n".join(table.commands)


def serve(page: gr.Blocks, *, port: int | None = None) -> str:
    """Start serving in the background and return the page's address. Raises RuntimeUnavailable: the port is taken."""
    return serving.serve(page, port=port, css=scatter.CSS + _CSS)


def answer_presets(address: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read every table through the endpoints of a served page; yields each result's name and what it holds.

    Raises DataError where a table is not what the list says.
    """
    from gradio_client import Client

    client = Client(address, verbose=False)
    results, _ = client.predict(api_name="/results")
    for result in results:
        rows = columns = 0
        for table in result["tables"]:
            given, texts, _ = client.predict(result["name"], table["number"], api_name="/table")
            names = [column["name"] for column in table["columns"]]
            if any(list(record) != names for record in given) or not len(given) == len(texts) == table["rows"]:
                raise DataError(f"table {table['number']} is not what /results says", where=result["name"])
            rows, columns = rows + len(given), columns + len(names)
        yield result["name"], {"tables": len(result["tables"]), "rows": rows, "columns": columns}


_CSS = """
#problems .html-container, #status .html-container, #plot .html-container, #about .html-container { padding: 0; }
#rows [role=gridcell] { font-variant-numeric: tabular-nums; }
@media (max-width: 700px) {
    #rows .sizing-body td:first-child .cell-wrap { white-space: normal; max-width: 150px; }
}
#about { overflow-wrap: anywhere; }
#about pre { overflow-x: auto; padding: 8px; background: var(--background-fill-secondary); }
#about pre code { white-space: pre-wrap; }
"""


def main() -> None:
    """Serve the results that the environment names; else those in the folder results/, else those of smolkit."""
    beside = HERE / "results"
    named = os.environ.get("SMOLKIT_RESULTS")
    path = Path(named) if named else beside if beside.is_dir() else asset("evals", "results")
    try:
        page = build([path], path.resolve().name)
    except SmolkitError as exc:
        raise SystemExit(f"scoreboard: {exc}") from None
    print(f"{path.name} answers at {serve(page)}")
    page.block_thread()


if __name__ == "__main__":
    main()
