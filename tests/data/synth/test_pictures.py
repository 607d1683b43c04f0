"""Made-up pictures: the same every time, apart between the splits, and showing what their rows say."""

from __future__ import annotations

import json
from itertools import groupby
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from smolkit import cli
from smolkit.data.synth.pictures import PICTURES, generate_pictures
from smolkit.data.synth.pictures.pages import PRINTED, strings
from smolkit.data.synth.pictures.paper import draw_page, is_drawable
from smolkit.data.synth.pictures.shapes import COLOURS, MOST, SHAPES, SIDE, describe, draw_shapes
from smolkit.data.synth.pictures.write import write_pictures
from smolkit.data.vision_rows import check_images, read_vision_rows, validate_vision_rows
from smolkit.errors import DataError, ManifestError

SPLITS = ("train", "dev", "test")
BORDER = 6
LIGHT, DARK = 150, 110
"""Grey levels that all paper is above, and all ink has some pixels below."""
FILLED = {
    "circle": (0.785, 0.5),
    "square": (1.0, 0.5),
    "triangle": (0.5, 0.667),
    "star": (0.34, 0.53),
    "cross": (0.564, 0.5),
}
"""Of the box around a shape, the part that it fills and how far down its middle is."""


def made(of: str, rows: int = 24, seed: int = 0, split: str = "train", level: str | None = None) -> list[Any]:
    return list(generate_pictures(rows, seed, split, of, level))


def images_of(row: Any) -> list[Any]:
    return row["images"] if "images" in row else [row["image"]]


def pixels(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [(image.size, image.mode, image.tobytes()) for row in rows for image in images_of(row)]


def said(row: Any) -> Any:
    return {name: value for name, value in row.items() if name not in ("image", "images")}


@pytest.mark.parametrize("of", PICTURES)
def test_the_same_seed_makes_the_same_pictures_and_more_rows_begin_with_the_same(of):
    rows, again, other = made(of, 12), made(of, 8), made(of, 12, seed=1)
    assert pixels(rows)[:8] == pixels(again)
    assert [said(row) for row in rows][:8] == [said(row) for row in again]
    assert not set(pixels(rows)) & set(pixels(other))


@pytest.mark.parametrize("of", PICTURES)
def test_the_splits_share_no_picture(of):
    shown = [set(pixels(made(of, 24, split=split))) for split in SPLITS]
    assert len(set.union(*shown)) == sum(map(len, shown)) == 72


def test_no_sequence_of_shapes_is_in_two_splits_and_every_shape_and_colour_is_in_all():
    described = {}
    for split in SPLITS:
        rows = [row for row in made("shapes", 300, split=split) if "output" in row]
        described[split] = {tuple((it["colour"], it["shape"]) for it in row["output"]["shapes"]) for row in rows}
        assert {colour for named in described[split] for colour, _ in named} == set(COLOURS)
        assert {shape for named in described[split] for _, shape in named} == set(SHAPES)
        assert {len(named) for named in described[split]} == set(range(1, MOST + 1))
    assert len(set.union(*described.values())) == sum(map(len, described.values()))


@pytest.mark.parametrize("of", PICTURES)
@pytest.mark.parametrize("split", SPLITS)
def test_the_rows_are_ones_that_the_vision_task_reads(of, split):
    rows = made(of, 20, split=split)
    checked = validate_vision_rows(rows, "synth")
    check_images(checked, decode=True)
    assert [row.id for row in checked] == [row["id"] for row in rows]
    assert [row.kind for row in checked] == [row["kind"] for row in rows]


# ---- pages


def test_pages_are_of_printed_kinds_and_tickets_are_held_out():
    kinds = {split: {row["kind"] for row in made("pages", 50, split=split)} for split in SPLITS}
    assert kinds["test"] == set(PRINTED)
    assert kinds["train"] == kinds["dev"] == set(PRINTED) - {"ticket"}


@pytest.mark.parametrize("level", ["plain", "full"])
def test_the_font_has_every_letter_of_an_answer(level):
    values = [value for row in made("pages", 60, level=level) for value in strings(row["output"])]
    assert len(values) > 60
    assert all(map(is_drawable, values))


def test_letters_that_the_font_lacks_are_known():
    assert is_drawable("Total:\t12.50 $\n(214 °C)")
    assert not any(map(is_drawable, ("café", "12 €", "£3", "Привет", "合計")))


def ink(image: Any) -> Any:
    grey = np.asarray(image.convert("L"))
    inside = grey[BORDER:-BORDER, BORDER:-BORDER]
    edges = np.concatenate([grey[:BORDER].ravel(), grey[-BORDER:].ravel(), grey[:, :BORDER].ravel()])
    assert min(edges.min(), grey[:, -BORDER:].min()) > LIGHT, "ink at the border"
    return inside < DARK


def test_the_text_stays_inside_the_page():
    for row in made("pages", 40, split="test"):
        assert ink(row["image"]).sum() > 100


@pytest.mark.parametrize(
    "text",
    [
        "Total",
        "a line\n\n\nafter two empty ones",
        "https://www.example.com/" + "a" * 120,
        "Total\t" + "9" * 60,
        "many words " * 40,
        "\n".join(["2 x olive oil   11.37"] * 60),
    ],
)
@pytest.mark.parametrize("narrow", [True, False])
def test_any_text_stays_inside_the_page(text, narrow):
    for seed in range(8):
        assert ink(draw_page(text, seed=seed, narrow=narrow)).any()


def test_the_last_of_two_columns_stands_at_the_right_edge():
    page = ink(draw_page("x\tx\na much longer line", seed=0))
    line = page[: page.shape[0] // 2].any(axis=0).nonzero()[0]
    whole = page.any(axis=0).nonzero()[0]
    gaps = np.diff(line)
    assert gaps.max() > 60  # one x, a gap, the other
    assert abs(line[0] - whole[0]) < 8
    assert abs(line[-1] - whole[-1]) < 8


def test_a_receipt_is_narrower_than_a_letter():
    text = "many words " * 40
    assert draw_page(text, seed=1, narrow=True).width < 0.8 * draw_page(text, seed=1).width


@pytest.mark.slow
def test_what_the_answers_quote_can_be_read_on_the_pages():
    from smolkit.runtime.ocr import Reader

    reader = Reader(threads=1)
    rows = made("pages", 5)
    quoted = [(_letters(value), row) for row in rows for value in strings(row["output"]) if value]
    texts = {row["id"]: _letters(reader.text(row["image"])) for row in rows}
    found = [value in texts[row["id"]] for value, row in quoted]
    assert len(found) > 12
    assert sum(found) / len(found) > 0.85


def _letters(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


# ---- shapes


@pytest.mark.parametrize("split", SPLITS)
def test_the_shapes_that_are_named_are_there_from_left_to_right(split):
    for row in made("shapes", 100, split=split):
        (image,) = images_of(row)
        assert image.size == (SIDE, SIDE)
        named = seen(image)
        if "messages" in row:
            assert row["messages"][0]["content"].startswith("<image>")
            assert row["messages"][1]["content"] == describe(named)
        else:
            assert row["output"]["count"] == len(named)
            assert [(shape["colour"], shape["shape"]) for shape in row["output"]["shapes"]] == named


def test_both_kinds_of_shape_rows_come():
    conversations = sum("messages" in row for row in made("shapes", 200))
    assert 120 < conversations < 180


def test_every_shape_is_drawn_as_itself_in_every_colour():
    for colour in COLOURS:
        for shape in SHAPES:
            assert seen(draw_shapes([(colour, shape)], Random(colour))) == [(colour, shape)]


def test_a_description_reads_as_english():
    named = [("red", "circle"), ("blue", "square"), ("black", "star")]
    assert describe(named[:1]) == "a red circle"
    assert describe(named[:2]) == "a red circle and a blue square"
    assert describe(named) == "a red circle, a blue square and a black star"


def seen(image: Any) -> list[tuple[str, str]]:
    """Colour and shape of everything in a picture, from left to right, by its pixels alone."""
    grid = np.asarray(image).astype(int)
    is_shape = np.abs(grid - grid[0, 0]).sum(axis=2) > 60
    runs = groupby(enumerate(is_shape.any(axis=0)), key=lambda column: column[1])
    spans = [[x for x, _ in run] for there, run in runs if there]
    parts = [slice(xs[0], xs[-1] + 1) for xs in spans]
    return [(colour_of(grid[:, part]), shape_of(is_shape[:, part])) for part in parts]


def colour_of(part: Any) -> str:
    counts = {name: int((part == np.array(rgb)).all(axis=2).sum()) for name, rgb in COLOURS.items()}
    present = [name for name, count in counts.items() if count > 100]
    assert len(present) == 1, counts
    return present[0]


def shape_of(part: Any) -> str:
    rows = part.any(axis=1).nonzero()[0]
    box = part[rows[0] : rows[-1] + 1]
    down = (box.sum(axis=1) * (np.arange(len(box)) + 0.5)).sum() / box.sum() / len(box)
    found = (box.mean(), down)
    return min(FILLED, key=lambda name: sum(abs(a - b) for a, b in zip(FILLED[name], found, strict=True)))


# ---- files and the command


@pytest.mark.parametrize("of", PICTURES)
def test_rows_come_back_from_files_as_they_were(of, tmp_path):
    rows = made(of, 12)
    assert write_pictures(tmp_path / "out", rows) == {"rows": 12, "images": 12}
    back = read_vision_rows(tmp_path / "out" / "rows.jsonl")
    for row, other in zip(rows, back, strict=True):
        assert [image.load().tobytes() for image in other.images] == [
            image.convert("RGB").tobytes() for image in images_of(row)
        ]
        assert (other.id, other.kind, other.lang) == (row["id"], row["kind"], row["lang"])
        assert (other.output if other.template else None) == row.get("output")


def test_a_row_of_several_images_has_a_file_for_each(tmp_path):
    red, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    turns = [{"role": "user", "content": "<image><image>Same?"}, {"role": "assistant", "content": "No."}]
    write_pictures(tmp_path / "out", [{"id": "1", "images": [red, blue], "messages": turns}])
    (row,) = read_vision_rows(tmp_path / "out" / "rows.jsonl")
    assert [image.load().getpixel((0, 0)) for image in row.images] == [(255, 0, 0), (0, 0, 255)]


def test_nothing_is_left_where_writing_fails(tmp_path):
    def broken():
        yield from made("shapes", 2)
        raise DataError("no more")

    with pytest.raises(DataError, match="no more"):
        write_pictures(tmp_path / "out", broken())
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_ours_is_kept(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ManifestError, match="not ours to replace"):
        write_pictures(tmp_path, made("shapes", 1))
    write_pictures(tmp_path, made("shapes", 1), overwrite=True)
    write_pictures(tmp_path, made("shapes", 2))  # now it is ours
    assert len(read_vision_rows(tmp_path / "rows.jsonl")) == 2


def run(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    code = cli.run(["data", "synth", "pictures", *options])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command_writes_rows_and_images(tmp_path, capsys):
    out = tmp_path / "new" / "shapes"
    command = ["--of", "shapes", "--rows", "5", "--seed", "3", "--split", "dev", "--out", str(out)]
    assert run(capsys, *command) == (0, "", f"wrote {out}: 5 rows, 5 images\n")
    lines = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    assert [said(line) for line in lines] == [said(row) for row in made("shapes", 5, 3, "dev")]
    assert len(list((out / "images").glob("*.png"))) == 5
    code, printed, _ = run(capsys, *command, "--json")
    assert (code, json.loads(printed)) == (0, {"rows": 5, "images": 5})


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--of", "shape"], "unknown kind of pictures 'shape'. Did you mean 'shapes'? Known: pages, shapes."),
        (["--split", "tets"], "no such split: 'tets'. Did you mean 'test'? Known: dev, test, train."),
        (["--of", "pages", "--level", "plian"], "no such level: 'plian'. Did you mean 'plain'? Known: full, plain."),
        (["--level", "full"], "shapes have no level, and 'full' is given. Leave it out, or make pages."),
    ],
)
def test_a_wrong_request_is_one_line_and_writes_nothing(options, line, tmp_path, capsys):
    assert run(capsys, "--rows", "2", "--out", str(tmp_path / "out"), *options) == (2, "", f"smolkit: {line}\n")
    assert list(tmp_path.iterdir()) == []
