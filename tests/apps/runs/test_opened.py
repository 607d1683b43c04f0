"""The runs of a page: found by either of their names, each there once, and nothing else to be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smolkit.apps.runs import Runs, open_runs
from smolkit.errors import SmolkitError

Line = Callable[..., dict[str, Any]]
WriteRun = Callable[..., Path]


def test_what_is_no_run_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "file").write_text("")
    for given, text in (
        ([], "no run was named. Name a run's directory"),
        ([tmp_path / "nowhere"], "nowhere: no such directory. Name OUT.run"),
        ([tmp_path / "file"], "file: no such directory"),
        ([tmp_path / "model"], "model: no metrics.jsonl here, so it is no run."),
    ):
        with pytest.raises(SmolkitError) as caught:
            open_runs(given)
        assert text in str(caught.value)
        assert "\n" not in str(caught.value)


def test_names_are_those_of_the_models_and_each_is_there_once(tmp_path: Path, line: Line, write_run: WriteRun) -> None:
    given = [write_run(tmp_path / part / "base.run", [line(1)]) for part in "abc"]
    opened = open_runs(given)
    assert opened.names == ["base", "base (2)", "base (3)"]
    assert opened.named("base (2)").given == given[1]


@pytest.mark.parametrize("name", ["bse", "../base", "", 3, None, ["base"], "x" * 10_000])
def test_only_the_names_of_the_page_are_known(tmp_path: Path, name: object, line: Line, write_run: WriteRun) -> None:
    opened: Runs = open_runs([write_run(tmp_path / "base.run", [line(1)])])
    with pytest.raises(SmolkitError, match=r"no run .* is shown here.* Known: base\.$") as caught:
        opened.named(name)
    assert len(str(caught.value)) < 200
    assert str(tmp_path) not in str(caught.value)
