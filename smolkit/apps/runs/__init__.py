"""Training runs as they grow, and what a page says and draws of them.

`open_runs` needs neither gradio nor torch; `panels` draws the curves of runs, `texts` has their words and tables.
"""

from smolkit.apps.runs.curve import Curve
from smolkit.apps.runs.opened import Runs, open_runs
from smolkit.apps.runs.run import MAX_LINES, Run

__all__ = ["MAX_LINES", "Curve", "Run", "Runs", "open_runs"]
