from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smolkit.cli._common import print_json, progress_console, result_console


def test_json_holds_plain_values_and_readable_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"f1": np.float64(0.5), "count": np.int64(3), "path": Path("a/b"), "text": "é"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"f1": 0.5, "count": 3, "path": "a/b", "text": "é"}
    assert "é" in out


def test_what_is_not_json_is_refused_rather_than_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json(float("nan"))
    with pytest.raises(TypeError, match="set has no JSON form"):
        print_json({"a": {1, 2}})


def test_progress_stays_out_of_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    progress_console().print("half way")
    result_console().print("done")
    captured = capsys.readouterr()
    assert captured.out == "done\n"
    assert captured.err == "half way\n"
