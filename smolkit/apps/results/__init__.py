"""Recorded results as tables whose cells keep their text and know the number in it. Nothing here knows a page.

`files` finds and reads them, with a module for each format; `best` and `published` add tables that are derived from
what was read; `rows` finds, orders and plots what stands in a table.
"""

from smolkit.apps.results.best import f1_against_size, with_best
from smolkit.apps.results.cells import Cell, parse_cell
from smolkit.apps.results.files import read_results
from smolkit.apps.results.markdown import to_html
from smolkit.apps.results.table import Result, Results, Table, make_table

__all__ = [
    "Cell",
    "Result",
    "Results",
    "Table",
    "f1_against_size",
    "make_table",
    "parse_cell",
    "read_results",
    "to_html",
    "with_best",
]
