"""`smolkit vision init` as a user types it: a model that sees, or one line that says why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolkit import cli
from smolkit.data.images import ImageLayout
from smolkit.manifest import read
from smolkit.models.vision_init import shape_of_model
from smolkit.models.vision_zoo import TOWERS

SIZES = [
    "--image-size", "32", "--patch-size", "8", "--scale-factor", "2",
    "--hidden", "32", "--layers", "1", "--heads", "2", "--ffn", "64",
]  # fmt: skip


def test_a_model_that_sees_is_made_and_counted(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "vlm"
    arguments = ["vision", "init", "--lm", str(tiny_model_dir), *SIZES, "--out", str(out), "--dtype", "bfloat16"]
    assert cli.run([*arguments, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["total"] == sum(figures[part] for part in ("language", "head", "connector", "vision"))
    assert (figures["image_token_id"], figures["tokens_per_tile"]) == (49_190, 4)
    assert figures["tiles_of_a_square_image"] == 17
    assert ImageLayout.read(out) == ImageLayout(tile=32, tokens=4, longest_edge=128, split=True)
    assert json.loads((out / "config.json").read_text())["dtype"] == "bfloat16"
    assert read(out).kind == "model"
    assert cli.run([*arguments, "--no-split"]) == 0  # a former result is replaced
    assert "tokens per tile" in capsys.readouterr().out
    assert ImageLayout.read(out) == ImageLayout(tile=32, tokens=4, longest_edge=32, split=False)


def test_sizes_come_from_a_named_tower_or_from_the_model_that_the_tower_comes_from(
    tiny_model_dir: Path, tiny_vlm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named, taken = tmp_path / "named", tmp_path / "taken"
    arguments = ["vision", "init", "--lm", str(tiny_model_dir), "--out"]
    assert cli.run([*arguments, str(named), "--tower", "tiny", "--layers", "2"]) == 0
    found = shape_of_model(named)
    assert (found.hidden, found.layers, found.image_size) == (TOWERS["tiny"].hidden, 2, TOWERS["tiny"].image_size)
    capsys.readouterr()
    assert cli.run([*arguments, str(taken), "--tower-from", str(tiny_vlm), "--json"]) == 0
    assert shape_of_model(taken) == shape_of_model(tiny_vlm)
    assert json.loads(capsys.readouterr().out)["tensors_copied"] > 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--tower siglip", "no tower 'siglip'. Did you mean 'siglip-base'?"),
        ("--dtype float16", "no type 'float16' for weights. Did you mean 'bfloat16'? Known: bfloat16, float32."),
        ("--image-size 200", "an image of 200 pixels does not divide into patches of 16. Take images of 192."),
        ("--image-size 250", "15 patches a side do not divide by the scale factor, 4. Take images of 256 pixels"),
        ("--scale-factor 3", "16 patches a side do not divide by the scale factor, 3."),
        ("--heads 7", "a width of 384 does not divide into 7 heads. Take a width of 385, or another number of heads."),
        ("--heads 0", "heads must be at least 1, got 0."),
        ("--longest-edge 100", "images of 100 pixels cannot be cut into tiles of 256."),
        ("--longest-edge 1537", "a longest edge of 1537 makes more than 6 tiles of 256 in a row. 1536 is the largest"),
        ("--longest-edge 0", "images of 0 pixels cannot be cut into tiles of 256."),
        ("--lm no-such-model", "no model 'no-such-model': not a directory, a GGUF file or a Hub id."),
        ("--tower-from no-such-model", "no model 'no-such-model': not a directory, a GGUF file or a Hub id."),
    ],
)
def test_what_cannot_be_built_is_one_line(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, message: str
) -> None:
    out = tmp_path / "vlm"
    assert cli.run(["vision", "init", "--lm", str(tiny_model_dir), "--out", str(out), *options.split()]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_models_of_the_wrong_kind_are_one_line(
    tiny_model_dir: Path, tiny_vlm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "vlm")]
    assert cli.run(["vision", "init", "--lm", str(tiny_vlm), *out]) == 2
    assert "reads images already" in capsys.readouterr().err
    assert cli.run(["vision", "init", "--lm", str(tiny_model_dir), "--tower-from", str(tiny_model_dir), *out]) == 2
    assert "is no SmolVLM, so it has no vision tower" in capsys.readouterr().err
    assert cli.run(["vision", "init", "--lm", str(tiny_model_dir), "--out", str(tiny_model_dir)]) == 2
    assert "which is to be written anew" in capsys.readouterr().err
