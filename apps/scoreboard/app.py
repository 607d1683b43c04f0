"""The page of recorded results: tables that sort and search, and plots; the endpoints `/results` and `/table`.

It knows the page only: files are read by smolkit, once, when the page is built. A visitor names results, tables and
columns of that list, never a path.
"""

from __future__ import annotations

import html
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from smolkit.apps import serving
from smolkit.apps.look import remark
from smolkit.apps.results import Cell, Result, Results, Table, f1_against_size, read_results, to_html, with_best
from smolkit.assets import asset
from smolkit.errors import DataError, SmolkitError

HERE = Path(__file__).resolve().parent

MAX_SEARCH = 200
"""Characters of a search."""
MAX_PROBLEMS = 8
"""Files that could not be read, named one by one."""


# ---- what the page shows


def matching(table: Table, query: str) -> list[int]:
    """The rows in which every word of the search stands, in any cell, case aside. Raises DataError in one line."""
    if not isinstance(query, str):
        raise DataError("a search is text")
    if len(query) > MAX_SEARCH:
        raise DataError(f"the search has {len(query):,} characters; this page takes {MAX_SEARCH}")
    words = query.casefold().split()
    texts = ["\n".join(cell.text for cell in row).casefold() for row in table.rows]
    return [index for index, text in enumerate(texts) if all(word in text for word in words)]


def in_order(table: Table, rows: Sequence[int], by: str, descending: bool) -> list[int]:
    """The rows by a column, numbers as numbers and blanks last either way; as recorded where `by` is empty."""
    if not by:
        return list(rows)
    column = table.column(by)
    number = table.columns[column].kind == "number"

    def key(index: int) -> Any:
        cell = table.rows[index][column]
        return cell.order if number else cell.text.casefold()

    filled = [index for index in rows if table.rows[index][column].text]
    blank = [index for index in rows if not table.rows[index][column].text]
    return sorted(filled, key=key, reverse=descending) + blank


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


def first_axes(table: Table) -> tuple[str, str] | None:
    """What is plotted first: extraction F1 against size, else the first two columns of numbers, if there are two."""
    measured = table.measured()
    return f1_against_size(table) or ((measured[0], measured[1]) if len(measured) > 1 else None)


def first_choice(results: Results) -> tuple[Result, int]:
    """What the page opens on: the first table with extraction F1 and size, else the first of all."""
    for result in results.results:
        for number, table in enumerate(result.tables, 1):
            if f1_against_size(table):
                return result, number
    return results.results[0], 1


def numbered(result: Result) -> list[tuple[str, int]]:
    """The tables of a result as a list to choose from."""
    return [(f"{number}. {table.title}", number) for number, table in enumerate(result.tables, 1)]


def count_line(table: Table, rows: Sequence[int]) -> str:
    """How many rows are shown."""
    count = _count(len(table.rows), "row")
    return count if len(rows) == len(table.rows) else f"{len(rows):,} of {count}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def about_html(table: Table, source: str) -> str:
    """Where a table is from, as HTML in which nothing of the file is markup of its own."""
    return f'<div class="prose about">{to_html(table.prose)}<p>Source: <code>{html.escape(source)}</code></p></div>'


# ---- the plot


class Point(NamedTuple):
    """A row in the plot: what it is called there and in full, the group that it belongs to, and its two cells."""

    label: str
    full: str
    group: str
    x: Cell
    y: Cell


class Axis(NamedTuple):
    """Where numbers lie between two pixels."""

    low: float
    high: float
    log: bool
    start: float
    end: float

    @classmethod
    def over(cls, numbers: Sequence[float], start: float, end: float) -> Axis:
        """Wide enough for all `numbers`, with some room; logarithmic where they are positive and far apart."""
        low, high = min(numbers), max(numbers)
        if low > 0 and high / low >= _FAR_APART:
            room = (high / low) ** _ROOM
            return cls(low / room, high * room, True, start, end)
        span = high - low
        room = span * _ROOM if span > 1e-9 * max(abs(low), abs(high)) else (abs(high) or 1.0) * _ROOM
        return cls(low - room, high + room, False, start, end)

    def at(self, number: float) -> float:
        low, high, number = (math.log10(n) if self.log else n for n in (self.low, self.high, number))
        return self.start + (number - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """At most eight round numbers and how they are written."""
        return self._log_ticks() if self.log else self._even_ticks()

    def _even_ticks(self) -> list[tuple[float, str]]:
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
        digits = max(0, -math.floor(math.log10(step)))
        written = f",.{digits}f" if 1e-6 < step < 1e7 else ".3g"
        ticks = (index * step for index in range(math.ceil(self.low / step), math.floor(self.high / step) + 1))
        return [(tick, f"{tick:{written}}") for tick in ticks]

    def _log_ticks(self) -> list[tuple[float, str]]:
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        every = -(-len(powers) // 8)
        factors = (1, 2, 5) if len(powers) < 4 else (1,)
        ticks = (factor * 10.0**power for power in powers[::every] for factor in factors)
        kept = [tick for tick in ticks if self.low <= tick <= self.high]
        return [(tick, f"{tick:,g}" if 1e-3 <= tick < 1e6 else f"{tick:.0e}") for tick in kept]


_FAR_APART = 5
"""Largest over smallest from which an axis is logarithmic: sizes of one model span as much."""
_ROOM = 0.08
_MAX_GROUPS = 5
_MAX_POINTS = 500
_LABEL = 22
"""Characters of a label in the plot; the full one is in its tooltip."""
_LETTER, _LINE = 6.2, 13.0
"""Pixels of a letter and of a line of labels, about."""
_SHAPES = (
    '<circle r="4.5"/>', '<rect x="-4" y="-4" width="8" height="8"/>', '<path d="M0-5.5 5 4H-5Z"/>',
    '<path d="M0-6 6 0 0 6-6 0Z"/>', '<path d="M-5-5 5 5M-5 5 5-5" class="line"/>',
)  # fmt: skip


def points_of(table: Table, rows: Sequence[int], x: str, y: str) -> list[Point]:
    """The rows that have one number in both columns. Raises DataError for columns that cannot be plotted."""
    measured = table.measured()
    for name in (x, y):
        if name not in measured:
            table.column(name)
            raise DataError(f"the column {name!r} has no numbers to plot", known=measured)
    first, second = table.column(x), table.column(y)
    names = table.labels()[:3]
    groups = {table.rows[index][0].text for index in rows} if len(names) > 1 else set()
    grouped = 1 < len(groups) <= _MAX_GROUPS
    points = []
    for index in rows:
        row = table.rows[index]
        if row[first].value is not None and row[second].value is not None:
            label = (row[names[-1]].text if names else "") or table.label(index)
            points.append(Point(label, table.label(index), row[0].text if grouped else "", row[first], row[second]))
    return points[:_MAX_POINTS]


def plot_html(points: Sequence[Point], rows: int, x: str, y: str) -> str:
    """A plot of `points` in two widths, of which the page shows the one that fits, with a summary in words."""
    if not points:
        return remark(f"No row shown here has a number in both {x} and {y}.")
    summary = summary_line(points, rows, x, y)
    drawn = "".join(f'<div class="{name}">{_svg(points, x, y, width)}</div>' for name, width in _WIDTHS.items())
    groups = list(dict.fromkeys(point.group for point in points))
    marks = (
        f'<li><svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true" class="g{index}">'
        f"{_SHAPES[index]}</svg>{html.escape(group)}</li>"
        for index, group in enumerate(groups)
        if group
    )
    legend = "".join(marks)
    legend = f'<ul class="legend" aria-label="Groups">{legend}</ul>' if legend else ""
    return (
        f'<figure class="scatter">{legend}{drawn}<figcaption role="status">{html.escape(summary)}</figcaption></figure>'
    )


_WIDTHS = {"narrow": 330, "wide": 800}


def summary_line(points: Sequence[Point], rows: int, x: str, y: str) -> str:
    """The plot in words: the axes, the extremes and what is left out."""
    lines = [f"{y} against {x}, {_count(len(points), 'point')}."]
    for name, cells in ((y, [point.y for point in points]), (x, [point.x for point in points])):
        low, high = _extreme(cells, min), _extreme(cells, max)
        log = Axis.over([cell.value or 0.0 for cell in cells], 0, 1).log
        scale = " (logarithmic axis)" if log else ""
        ends = [f"{cells[index].text} ({points[index].full})" for index in (low, high)]
        lines.append(f"{name}{scale}: {ends[0]} to {ends[1]}." if len(points) > 1 else f"{name}: {ends[0]}.")
    if left := rows - len(points):
        lines.append(f"Left out: {_count(left, 'row')} without one number in both columns.")
    return " ".join(lines)


def _extreme(cells: Sequence[Cell], pick: Any) -> int:
    index: int = pick(range(len(cells)), key=lambda index: cells[index].value)
    return index


def _svg(points: Sequence[Point], x: str, y: str, width: int) -> str:
    height = round(min(440, max(300, width * 0.55)))
    right, bottom = width - 12, height - 46
    xs, ys = [point.x.value or 0.0 for point in points], [point.y.value or 0.0 for point in points]
    up = Axis.over(ys, bottom, 28)
    left = 16 + max((len(written) for _, written in up.ticks()), default=1) * _LETTER
    along = Axis.over(xs, left, right)
    groups = list(dict.fromkeys(point.group for point in points))
    places = [(along.at(one), up.at(other)) for one, other in zip(xs, ys, strict=True)]
    labels = _place_labels([point.label for point in points], places, (left, 20, right, bottom))
    parts = [*_frame(along, up, x, y)]
    for point, (px, py), label in zip(points, places, labels, strict=True):
        tip = html.escape(f"{point.full}: {x} {point.x.text}, {y} {point.y.text}")
        shape = _SHAPES[groups.index(point.group)]
        mark = f'<g transform="translate({px:.1f} {py:.1f})">{shape}<title>{tip}</title></g>'
        parts.append(f'<g class="g{groups.index(point.group)}">{_bar(point, along, up)}{mark}</g>{label}')
    name = html.escape(f"Plot of {y} against {x}", quote=True)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{name}">{"".join(parts)}</svg>'


def _frame(along: Axis, up: Axis, x: str, y: str) -> Iterator[str]:
    """The grid, its numbers and the names of the axes."""
    room = int((along.end - along.start) / 44)
    ticks = along.ticks()
    for tick, written in ticks[:: max(1, -(-len(ticks) // max(1, room)))]:
        at = along.at(tick)
        yield f'<path class="grid" d="M{at:.1f} {up.end}V{up.start}"/>'
        yield f'<text x="{at:.1f}" y="{up.start + 16}" text-anchor="middle">{written}</text>'
    for tick, written in up.ticks():
        at = up.at(tick)
        yield f'<path class="grid" d="M{along.start} {at:.1f}H{along.end}"/>'
        yield f'<text x="{along.start - 6}" y="{at + 4:.1f}" text-anchor="end">{written}</text>'
    name = html.escape(_cut(x, int((along.end - along.start) / _LETTER)))
    middle = (along.start + along.end) / 2
    yield f'<text class="name" x="{middle:.1f}" y="{up.start + 36}" text-anchor="middle">{name}</text>'
    yield f'<text class="name" x="2" y="14">{html.escape(_cut(y, int(along.end / _LETTER)))}</text>'


def _bar(point: Point, along: Axis, up: Axis) -> str:
    """The interval of the upright value, as far as the plot goes."""
    if point.y.interval is None:
        return ""
    ends = (up.at(min(max(end, up.low), up.high)) for end in point.y.interval)
    low, high = ends
    return f'<path class="line" d="M{along.at(point.x.value or 0.0):.1f} {low:.1f}V{high:.1f}"/>'


def _place_labels(
    labels: Sequence[str], places: Sequence[tuple[float, float]], frame: tuple[float, float, float, float]
) -> list[str]:
    """A text beside each point where one fits that covers no point and no other text; else nothing."""
    taken = [(px - 6, py - 6, px + 6, py + 6) for px, py in places]
    texts = []
    for label, (px, py) in zip(labels, places, strict=True):
        shown = _cut(label, _LABEL)
        length = len(shown) * _LETTER
        corners = [
            (px + 8, py - 6), (px - 8 - length, py - 6), (px - length / 2, py - 20), (px - length / 2, py + 7),
            (px + 7, py - 18), (px + 7, py + 6), (px - 7 - length, py - 18), (px - 7 - length, py + 6),
        ]  # fmt: skip
        boxes = ((left, top, left + length, top + _LINE) for left, top in corners)
        box = next((box for box in boxes if _within(box, frame) and not any(_meet(box, one) for one in taken)), None)
        if box is None:
            texts.append("")
            continue
        taken.append(box)
        texts.append(f'<text class="label" x="{box[0]:.1f}" y="{box[1] + 10:.1f}">{html.escape(shown)}</text>')
    return texts


_Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def _within(box: _Box, frame: _Box) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def _meet(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: max(1, letters - 1)] + "…"


# ---- the page


def listed(results: Results) -> list[dict[str, Any]]:
    """Each result with its tables and their columns, as `/results` gives them."""
    return [
        {
            "name": result.name,
            "title": result.title,
            "source": result.source,
            "tables": [
                {
                    "number": number,
                    "title": table.title,
                    "rows": len(table.rows),
                    "columns": [
                        {"name": column.name, "kind": column.kind, "unit": column.unit} for column in table.columns
                    ],
                }
                for number, table in enumerate(result.tables, 1)
            ],
        }
        for result in results.results
    ]


def records(table: Table) -> list[dict[str, Any]]:
    """The rows as `/table` gives them: a number where a cell is one, null where it is blank, else its text."""
    rows = []
    for row in table.rows:
        pairs = zip(table.columns, row, strict=True)
        rows.append({column.name: _record(cell, column.kind == "number") for column, cell in pairs})
    return rows


def _record(cell: Cell, number: bool) -> float | str | None:
    if number and cell.value is not None:
        return cell.value
    return cell.text or None


def build(results: Sequence[Path], name: str) -> gr.Blocks:
    """The page over the results in `results`, files or directories, read now; `name` stands on it.

    Raises DataError where there are none that can be read.
    """
    read = with_best(read_results(results))
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
            plotted = _plotted(found, rows, axes)
        except SmolkitError as exc:
            return [gr.skip(), gr.skip(), remark(str(exc), "bad")]
        return [grid(found, rows), plotted, remark(count_line(found, rows))]

    first = start.table(number)
    axes = first_axes(first)
    with gr.Blocks(title="Scoreboard", analytics_enabled=False) as page:
        gr.Markdown("# Scoreboard\nRecorded results as tables, and any two columns of numbers as a plot.")
        gr.HTML(_introduction(read, name), elem_id="problems")
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
        plot = gr.HTML(_plotted(first, range(len(first.rows)), axes), elem_id="plot")
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
        _plotted(table, rows, axes),
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


def _plotted(table: Table, rows: Sequence[int], axes: tuple[str, str] | None) -> str:
    if axes is None:
        return remark("No plot: this table has fewer than two columns of numbers.")
    return plot_html(points_of(table, rows, *axes), len(rows), *axes)


def _commands(table: Table) -> str:
    return "\n".join(table.commands)


def _introduction(read: Results, name: str) -> str:
    count = sum(len(result.tables) for result in read.results)
    lines = [remark(f"{name}: {_count(len(read.results), 'result')}, {_count(count, 'table')}")]
    lines += [remark(str(problem), "bad") for problem in read.problems[:MAX_PROBLEMS]]
    if (left := len(read.problems) - MAX_PROBLEMS) > 0:
        lines.append(remark(f"and {left} more that could not be read", "bad"))
    return "".join(lines)


def serve(page: gr.Blocks, *, port: int | None = None) -> str:
    """Start serving in the background and return the page's address. Raises RuntimeUnavailable: the port is taken."""
    return serving.serve(page, port=port, css=_CSS)


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
.scatter { --g0: #0f766e; --g1: #b91c4b; --g2: #1d4ed8; --g3: #a16207; --g4: #7e22ce; margin: 0; max-width: 900px; }
.dark .scatter { --g0: #2dd4bf; --g1: #fb7185; --g2: #93c5fd; --g3: #facc15; --g4: #d8b4fe; }
.scatter svg { display: block; max-width: 100%; overflow: visible; }
.scatter .narrow { display: none; }
.scatter .narrow svg, .scatter .wide svg { width: 100%; height: auto; }
@media (max-width: 700px) { .scatter .narrow { display: block; } .scatter .wide { display: none; } }
.scatter text { font-size: 11px; fill: var(--block-label-text-color); }
.scatter text.label, .scatter text.name { fill: var(--body-text-color); }
.scatter text.name { font-size: 12px; font-weight: 600; }
.scatter .grid { stroke: var(--border-color-primary); fill: none; }
.scatter .line { stroke-width: 1.5; fill: none; }
.scatter .g0 { fill: var(--g0); stroke: var(--g0); } .scatter .g1 { fill: var(--g1); stroke: var(--g1); }
.scatter .g2 { fill: var(--g2); stroke: var(--g2); } .scatter .g3 { fill: var(--g3); stroke: var(--g3); }
.scatter .g4 { fill: var(--g4); stroke: var(--g4); }
.scatter .legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 0 0 6px; padding: 0; list-style: none; }
.scatter .legend li { display: flex; align-items: center; gap: 6px; font-size: var(--text-sm); }
.scatter figcaption { margin-top: 6px; font-size: var(--text-sm); color: var(--body-text-color); }
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
