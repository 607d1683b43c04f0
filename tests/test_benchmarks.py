"""Benchmarks of a device that this machine may not have still run here, on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_utilisation_is_measured_on_a_cpu_as_well(repository: Path, bundled: Path) -> None:
    arguments = ["--sizes", "135m", "--steps", "6", "--micro-tokens", "2048", "--json"]
    command = [sys.executable, "-m", "benchmarks.mfu", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500, cwd=repository)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["135m"]
    assert 0.01 < figures["mfu_without_embedding"] < figures["mfu"] < 1.5
    assert figures["memory_gib"] > 2
    assert figures["micro_tokens"] == 2048
