"""Benchmarks that are too large for the tests, or of a device that this machine may not have, run here in small."""

from __future__ import annotations

import json
import re
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


@pytest.mark.slow
def test_vision_training_begins_with_the_same_loss_on_all_sides(repository: Path, tiny_model_dir: Path) -> None:
    arguments = ["--lm", str(tiny_model_dir), "--tower", "tiny", "--synth", "--rows", "4", "--rows-per-step", "2"]
    command = [sys.executable, "-m", "benchmarks.vision", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900, cwd=repository)
    assert done.returncode == 0, done.stderr
    sides = json.loads(done.stdout)
    assert list(sides) == ["trl full", "smolkit full", "trl lora", "smolkit lora"]
    for side in sides.values():
        assert side["losses"][0] == pytest.approx(sides["trl full"]["losses"][0], rel=0.005)
        assert side["losses"][1] != side["losses"][0]
        assert (side["images"], len(side["seconds"])) == (4, 1)
        assert side["tokens_per_second"] > side["images_per_second"] > 0


def test_vision_training_of_one_step_has_nothing_to_measure(repository: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.vision", "--rows", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, cwd=repository)
    assert done.returncode == 2
    assert "--rows 4 are one step of 4, and the first is left out" in done.stderr


def test_the_guide_names_every_measurement(repository: Path) -> None:
    folder = repository / "benchmarks"
    named = re.findall(r"^\| `(\w+)` \|", (folder / "README.md").read_text(encoding="utf-8"), re.M)
    assert named == sorted(path.stem for path in folder.glob("[!_]*.py"))
