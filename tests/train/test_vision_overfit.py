"""Pixels reach the labels: a SmolVLM made of the bundled model learns titles from pictures, and from others cannot."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from smolkit.data.images import ImageSource
from smolkit.runtime.asking import Asked, answer_all
from smolkit.runtime.torch_backend import TorchBackend
from smolkit.train import finetune
from smolkit.train.vision_recipe import VisionRecipe

PICTURES, STEPS = 16, 64
QUESTION = "What does this picture show?"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pictures(data_dir: Path) -> list[tuple[Path, str]]:
    """Sixteen clip-art images with titles, all different."""
    lines = (data_dir / "images" / "openclipart.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    random.Random(0).shuffle(rows)
    titled = {row["title"].strip().lower(): row for row in reversed(rows) if 3 < len(row["title"].strip()) < 30}
    return [(data_dir / row["image"], row["title"].strip()) for row in [*titled.values()][:PICTURES]]


def write_rows(file: Path, pictures: list[tuple[Path, str]], *, passes: int, shuffled: bool) -> Path:
    """Every title once a pass, beside its picture; shuffled, beside one that is drawn anew in each pass."""
    draw = random.Random(1)
    lines = []
    for _ in range(passes):
        images = [str(path) for path, _ in pictures]
        if shuffled:
            draw.shuffle(images)
        for image, (_, title) in zip(images, pictures, strict=True):
            turns = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": title}]
            lines.append(json.dumps({"images": [image], "messages": turns}))
    file.write_text("\n".join(lines) + "\n")
    return file


def trained(folder: Path, pictures: list[tuple[Path, str]], *, shuffled: bool) -> Path:
    """The same number of steps over the same titles: as epochs of one pass, or as one epoch of shuffled passes."""
    passes, epochs = (STEPS, 1) if shuffled else (1, STEPS)
    rows = write_rows(folder / "rows.jsonl", pictures, passes=passes, shuffled=shuffled)
    content: dict[str, Any] = {
        "task": "vision",
        "model": "bundled",
        "init": {"tower": "tiny"},
        "images": {"split": False},
        "data": {"train": [{"path": str(rows)}]},
        "optimizer": {"lr": 1e-4, "connector_lr": 1e-3, "vision_lr": 5e-4},
        "schedule": {"kind": "wsd", "warmup": 0.1, "decay": 0.4},
        "batch": {"rows": PICTURES, "micro_tokens": 2048},
        "epochs": epochs,
    }
    recipe = VisionRecipe.model_validate_json(json.dumps(content))
    finetune.train(finetune.open_run(recipe), folder / "model", console=Console(file=io.StringIO()))
    return folder / "model"


def exact(model: Path, pictures: list[tuple[Path, str]], *, moved: int = 0) -> float:
    """The share of titles that the model gives to the letter; with `moved`, asked about another picture than theirs."""
    backend = TorchBackend.open(model)
    shown = [pictures[(number + moved) % len(pictures)][0] for number in range(len(pictures))]
    asked = [Asked.of([ImageSource(path, path.name)], QUESTION) for path in shown]
    said = [answer.text for answer in answer_all(backend, asked, max_new_tokens=24)]
    return sum(text == title for text, (_, title) in zip(said, pictures, strict=True)) / len(pictures)


def test_sixteen_titles_are_learnt_from_their_pictures(tmp_path: Path, pictures: list[tuple[Path, str]]) -> None:
    model = trained(tmp_path, pictures, shuffled=False)
    assert exact(model, pictures) >= 0.95
    assert exact(model, pictures, moved=1) <= 0.1


def test_with_shuffled_pictures_they_are_not(tmp_path: Path, pictures: list[tuple[Path, str]]) -> None:
    assert exact(trained(tmp_path, pictures, shuffled=True), pictures) <= 0.3
