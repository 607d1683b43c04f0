"""The directory of a run is found by either of its names, and what a model keeps of it is copied."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from smolkit.train.run_files import METRICS, RUN_FILE, SAMPLES, copy_records, find_run, result_of, run_directory


def put(directory: Path, *names: str) -> Path:
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).write_text(f"{name} of {directory.name}\n")
    return directory


def test_it_imports_no_torch() -> None:
    code = "import sys, smolkit.train.run_files; print({'torch', 'transformers', 'trl'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_run_and_its_model_know_each_other() -> None:
    assert run_directory(Path("out/base")) == Path("out/base.run")
    assert result_of(Path("out/base.run")) == result_of(Path("out/base")) == Path("out/base")
    assert result_of(Path("out/.run")) == Path("out/.run")


@pytest.mark.parametrize("named", ["base", "base.run"])
def test_the_run_is_found_first_and_the_model_where_there_is_none(tmp_path: Path, named: str) -> None:
    given = tmp_path / named
    assert find_run(given) is None
    model = put(tmp_path / "base", METRICS)
    assert find_run(given) == model
    run = put(tmp_path / "base.run")
    assert find_run(given) == model
    put(run, RUN_FILE)
    assert find_run(given) == run


def test_a_model_keeps_the_metrics_and_the_samples_where_there_are_some(tmp_path: Path) -> None:
    run, model = put(tmp_path / "base.run", METRICS, RUN_FILE), put(tmp_path / "base")
    copy_records(run, model)
    assert [file.name for file in model.iterdir()] == [METRICS]
    put(run, SAMPLES)
    copy_records(run, model)
    assert (model / SAMPLES).read_text() == "samples.jsonl of base.run\n"


def test_a_run_is_found_where_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "base.run", RUN_FILE)
    monkeypatch.chdir(tmp_path)
    assert find_run(Path("base")) == Path("base.run")
    monkeypatch.chdir(tmp_path / "base.run")
    assert find_run(Path()) == tmp_path / "base.run"
