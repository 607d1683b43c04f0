"""`smolkit data`: rows to a file or to stdout, figures for programs and for people, one line for each mistake."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from smolkit import cli
from smolkit.data.images import ImageLayout
from smolkit.data.rows import read_rows
from smolkit.data.synth import generate
from smolkit.data.synth.issues import generate_issues
from smolkit.data.vision_rows import check_images, read_vision_rows

ROWS = [
    {"text": "A red pot", "template": {"name": ""}, "output": {"name": "red pot"}, "lang": "en", "kind": "shop"},
    {"text": "Un vase bleu", "template": {"name": "string"}, "output": {"name": "vase"}, "lang": "fr", "kind": "shop"},
    {"text": "A red pot", "template": {"name": ""}, "output": {"name": "pot"}},
]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(["data", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def written(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


# ---- synth


def test_made_rows_go_to_stdout_or_into_a_file_with_the_same_bytes(tmp_path, capsys):
    command = ["synth", "extraction", "--rows", "12", "--seed", "3"]
    code, printed, err = run(capsys, *command)
    assert (code, err) == (0, "")
    assert [json.loads(line) for line in printed.splitlines()] == list(generate(12, 3))
    file = tmp_path / "new" / "rows.jsonl"
    assert run(capsys, *command, "--out", str(file)) == (
        0,
        "",
        f"wrote {file}: 12 rows, 12 kinds, {_languages(printed)} languages\n",
    )
    assert file.read_text(encoding="utf-8") == printed
    assert len(read_rows(file)) == 12


def _languages(lines: str) -> int:
    return len({json.loads(line)["lang"] for line in lines.splitlines()})


def test_the_counts_of_made_rows_are_figures(tmp_path, capsys):
    file = tmp_path / "rows.jsonl"
    code, out, err = run(capsys, "synth", "extraction", "--rows", "20", "--split", "dev", "--out", str(file), "--json")
    figures = json.loads(out)
    assert (code, err, figures["rows"]) == (0, "", 20)
    assert len(figures["kinds"]) == sum(figures["kinds"].values()) == sum(figures["languages"].values()) == 20


def test_the_two_halves_of_the_test_split_are_the_whole_of_it(capsys):
    def rows(count: str, *options: str) -> list[Any]:
        code, out, _ = run(capsys, "synth", "extraction", "--rows", count, "--split", "test", *options)
        assert code == 0
        return [json.loads(line) for line in out.splitlines()]

    seen, unseen, whole = rows("6", "--seen-only"), rows("6", "--unseen-only"), rows("12")
    assert {row["seen"] for row in seen} == {True}
    assert {row["seen"] for row in unseen} == {False}
    assert len({row["kind"] for row in unseen}) == 6
    assert sorted(row["id"] for row in seen + unseen) == sorted(row["id"] for row in whole)


def test_issues_are_made_as_documents_are(tmp_path, capsys):
    file = tmp_path / "issues.jsonl"
    command = ["synth", "issues", "--rows", "22", "--seed", "3"]
    code, printed, err = run(capsys, *command)
    assert (code, err) == (0, "")
    assert [json.loads(line) for line in printed.splitlines()] == list(generate_issues(22, 3))
    assert run(capsys, *command, "--out", str(file)) == (0, "", f"wrote {file}: 22 rows, 7 kinds, 1 language\n")
    assert file.read_text(encoding="utf-8") == printed
    _, unseen, _ = run(capsys, "synth", "issues", "--rows", "3", "--split", "test", "--unseen-only")
    assert [json.loads(line)["seen"] for line in unseen.splitlines()] == [False] * 3
    line = "smolkit: the train split has seen words only. Take --split test, or leave the option out.\n"
    assert run(capsys, *command, "--unseen-only") == (2, "", line)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--unseen-only"], "the train split has seen kinds only. Take --split test, or leave the option out."),
        (["--split", "tets"], "no such split: 'tets'. Did you mean 'test'? Known: dev, test, train."),
        (["--json"], "--json and the rows would both go to stdout. Name a file with --out."),
        (["--out", "."], ".: is a directory. Name a file in it: train.jsonl."),
        (["--out", "rows.jsonl.gz"], "rows.jsonl.gz: rows are written as plain JSON Lines. Name a .jsonl file."),
    ],
)
def test_a_wrong_request_for_rows_is_one_line(options, line, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "synth", "extraction", "--rows", "2", *options) == (2, "", f"smolkit: {line}\n")
    assert list(tmp_path.iterdir()) == []


# ---- check


def test_figures_of_rows_are_printed_with_one_example(tmp_path, capsys, bundled):
    file = written(tmp_path / "rows.jsonl", ROWS)
    other = written(tmp_path / "test.jsonl", [ROWS[1], {**ROWS[0], "text": "a red pot!"}])
    code, out, err = run(capsys, "check", file, "--against", other, "--example", "2")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    for line in (
        f"rows        3 in {file}; each fits its template",
        "languages   en 1, fr 1, not given 1",
        "styles      blank 2, typed 1",
        "verbatim    100.0% of free texts stand in their document",
        "repeated    1 texts (row 3 as 1)",
        "            1 of these with another answer (row 3 as 1)",
        f"leakage     against {other}",
        "            1 equal texts (row 2 as 1)",
        "            2 near duplicates (row 1 as 2, 1.00; row 3 as 2, 1.00)",
        "            1 of 1 key names (name)",
        "example     row 2; loss on what is in [[...]]",
    ):
        assert line in lines
    assert out.endswith('Un vase bleu<|im_end|>\n<|im_start|>assistant\n[[{"name": "vase"}<|im_end|>]]\n')


def test_trained_tokens_are_coloured_on_a_terminal(tmp_path, capsys, bundled, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    code, out, _ = run(capsys, "check", written(tmp_path / "rows.jsonl", ROWS))
    assert code == 0
    assert '\x1b[30;42m{"name": "red pot"}<|im_end|>\x1b[0m' in out
    assert "[[{" not in out


def test_the_same_figures_are_json(tmp_path, capsys, bundled):
    file = written(tmp_path / "rows.jsonl", ROWS)
    code, out, _ = run(capsys, "check", file, "--against", file, "--prompt-format", "nuextract-2.0", "--json")
    figures = json.loads(out)
    assert code == 0
    assert (figures["rows"], figures["languages"]) == (3, {"en": 1, "fr": 1, "not given": 1})
    assert (figures["absent_rate"], figures["verbatim_rate"]) == (0, 1)
    assert figures["contradictions"] == [[3, 1]]
    assert figures["against"][file]["equal_texts"] == [[1, 1], [2, 2], [3, 1]]
    prompt, answer = figures["example"]
    assert prompt["text"].startswith("<|im_start|>user\n# Template:\n")
    assert answer == {"text": '{"name": "red pot"}<|im_end|>', "trained": True}


def test_every_bad_row_is_a_line(tmp_path, capsys):
    file = written(
        tmp_path / "rows.jsonl", [ROWS[0], {**ROWS[0], "output": {"nam": "pot"}}, {"text": "x", "output": {}}]
    )
    code, out, err = run(capsys, "check", file)
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        f"smolkit: {file}:2:output.nam: not a key of the template (did you mean 'name'?).",
        f"smolkit: {file}:3:template: no template.",
    ]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--prompt-format", "smolkit1"], "unknown prompt format 'smolkit1'. Did you mean 'smolkit-1'?"),
        (
            ["--prompt-format", "nuextract-1.5"],
            "the end marker '<|end-output|>' of prompt format nuextract-1.5 is no token",
        ),
        (["--example", "4"], "no row 4 to show. It has 3 rows."),
        (["--against", "no.jsonl"], "no.jsonl: no such file."),
    ],
)
def test_a_wrong_request_for_a_check_is_one_line(options, line, tmp_path, capsys, bundled):
    code, out, err = run(capsys, "check", written(tmp_path / "rows.jsonl", ROWS), *options)
    assert (code, out) == (2, "")
    assert line in err
    assert err.count("\n") == 1


# ---- split


def test_a_split_says_what_it_wrote(tmp_path, capsys):
    rows = [{**ROWS[0], "text": f"text {number}", "output": {"name": "ab"[number % 2]}} for number in range(4)]
    rows[3]["output"] = {"name": None}
    file, out_dir = written(tmp_path / "rows.jsonl", rows), tmp_path / "out"
    command = ["split", file, "--holdout", "0.5", "--by", "output.name", "--out", str(out_dir)]
    code, out, err = run(capsys, *command)
    assert (code, out) == (0, "")
    lines = err.splitlines()
    assert lines[0].startswith(f"wrote {out_dir / 'train.jsonl'}: 2 rows in ")
    assert lines[2:] == ["1 rows have no output.name; each was taken by its text", "held out: 50.0% of the rows"]
    code, out, err = run(capsys, *command, "--json")
    figures = json.loads(out)
    assert (code, err) == (0, "")
    assert (figures["train"]["rows"], figures["test"]["rows"], figures["held_out"]) == (2, 2, 0.5)
    assert figures["train"]["groups"] + figures["test"]["groups"] == 3
    assert len(read_rows(out_dir / "train.jsonl") + read_rows(out_dir / "test.jsonl")) == 4


def test_an_unknown_field_to_split_by_names_the_nearest(tmp_path, capsys):
    file = written(tmp_path / "rows.jsonl", ROWS)
    code, _, err = run(capsys, "split", file, "--holdout", "0.5", "--by", "output.nmae", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "Did you mean 'output.name'?" in err
    assert not (tmp_path / "out").exists()


# ---- rows about images


def pictured(folder: Path, *companies: str) -> str:
    """Rows beside their images, and their file."""
    (folder / "images").mkdir(parents=True)
    for at in range(len(companies)):
        Image.new("RGB", (40 + at, 30), (at, 0, 0)).save(folder / "images" / f"{at}.png")
    rows = [
        {"image": f"images/{at}.png", "template": {"company": ""}, "output": {"company": company}}
        for at, company in enumerate(companies)
    ]
    return written(folder / "rows.jsonl", rows)


def test_figures_of_rows_about_images_are_printed_with_one_example(tmp_path, capsys, bundled):
    file, other = pictured(tmp_path / "a", "Acme", "Bolt"), pictured(tmp_path / "b", "Corn")
    code, out, err = run(capsys, "check", file, "--against", other, "--example", "2")
    assert (code, err) == (0, "")
    lines = [line.rstrip() for line in out.splitlines()]
    for line in (
        f"rows        2 in {file}; 2 fill a template, 0 are conversations",
        "images      2; each can be decoded",
        "absent      0.0% of all values",
        "width    40      40   41   41",
        f"leakage     against {other}",
        "            1 equal images (row 1 as 1)",
        "example     row 2; loss on what is in [[...]]",
    ):
        assert line in lines
    assert out.endswith('# Text:\n<image><|im_end|>\n<|im_start|>assistant\n[[{"company": "Bolt"}<|im_end|>]]\n')
    code, out, _ = run(capsys, "check", file, "--against", file, "--json")
    figures = json.loads(out)
    assert (code, figures["images"], figures["sides"]["height"]["max"]) == (0, 2, 30)
    assert figures["against"][file]["equal_images"] == [[1, 1], [2, 2]]
    assert [piece["trained"] for piece in figures["example"]] == [False, True]


def test_conversations_without_images_are_checked_and_split(tmp_path, capsys, bundled):
    turns = [[{"role": "user", "content": ask}, {"role": "assistant", "content": "yes"}] for ask in ("Is it?", "Why?")]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"images": [], "messages": one}) + "\n" for one in turns))
    code, out, err = run(capsys, "check", str(file))
    assert (code, err) == (0, "")
    assert "images      none" in [line.rstrip() for line in out.splitlines()]
    assert "pixels" not in out
    assert run(capsys, "split", str(file), "--holdout", "0.5", "--out", str(tmp_path / "out"))[0] == 0
    parts = [json.loads((tmp_path / "out" / name).read_text()) for name in ("train.jsonl", "test.jsonl")]
    assert sorted(part["messages"][0]["content"] for part in parts) == ["Is it?", "Why?"]


def test_images_are_looked_for_in_the_folder_that_is_named(tmp_path, capsys, bundled):
    pictured(tmp_path / "a", "Acme", "Bolt")
    file = (tmp_path / "a" / "rows.jsonl").rename(tmp_path / "rows.jsonl")
    code, out, err = run(capsys, "check", str(file))
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        f"smolkit: {file}:{row}:image: no such image: {tmp_path}/images/{row - 1}.png." for row in (1, 2)
    ]
    assert run(capsys, "check", str(file), "--images", str(tmp_path / "a"))[0] == 0
    code, _, err = run(capsys, "check", str(file), "--images", str(tmp_path / "none"))
    assert (code, err) == (2, f"smolkit: {tmp_path}/none: no such folder of images.\n")


@pytest.mark.parametrize("command", [["check"], ["split", "--holdout", "0.5", "--out", "out"]])
def test_rows_of_texts_have_no_folder_of_images(command, tmp_path, capsys):
    file = written(tmp_path / "rows.jsonl", ROWS)
    code, _, err = run(capsys, *command, file, "--images", str(tmp_path))
    assert (code, err) == (2, f"smolkit: {file}: the rows show no images. Leave the folder of images out.\n")


def test_a_broken_image_is_a_line_of_the_check(tmp_path, capsys):
    file = pictured(tmp_path / "a", "Acme", "Bolt")
    whole = (tmp_path / "a" / "images" / "1.png").read_bytes()
    (tmp_path / "a" / "images" / "1.png").write_bytes(whole[:60])
    code, out, err = run(capsys, "check", file)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"smolkit: {file}:2:image: this image is broken (")


def test_a_model_that_sees_and_has_no_chat_template_is_refused(tmp_path, capsys, tiny_vlm):
    model = shutil.copytree(tiny_vlm, tmp_path / "mute")
    (model / "chat_template.jinja").unlink()
    (model / "smolkit.json").unlink()
    code, out, err = run(capsys, "check", pictured(tmp_path / "a", "Acme"), "--model", str(model))
    assert (code, out) == (2, "")
    assert err == f"smolkit: {model}: this model has no chat template, so nothing can be asked about images.\n"


def test_rows_of_texts_and_rows_of_images_in_one_file_are_told_apart(tmp_path, capsys):
    file = pictured(tmp_path / "a", "Acme")
    row = {"text": "Acme", "template": {"company": ""}, "output": {"company": "Acme"}}
    written(Path(file), [json.loads(Path(file).read_text()), row])
    code, _, err = run(capsys, "check", file)
    assert code == 2
    assert err.startswith(f"smolkit: {file}:1:text: no text, but an image. Rows of images are a file of their own")


def test_a_split_of_rows_about_images_is_read_without_a_folder(tmp_path, capsys):
    file, out_dir = pictured(tmp_path / "a", "Acme", "ACME", "Bolt", "Corn"), tmp_path / "x" / "out"
    command = ["split", file, "--holdout", "0.25", "--by", "output.company", "--out", str(out_dir)]
    code, _, err = run(capsys, *command)
    assert code == 0
    assert err.splitlines()[-1] == "held out: 25.0% of the rows"
    train, test = (read_vision_rows(out_dir / f"{side}.jsonl") for side in ("train", "test"))
    check_images(train + test)
    assert sorted(image.size[0] for row in train + test for image in row.images) == [40, 41, 42, 43]
    assert json.loads((out_dir / "train.jsonl").read_text().splitlines()[0])["image"].startswith("../../a/images/")


def test_rows_about_images_are_split_by_image_where_no_field_is_named(tmp_path, capsys):
    file = Path(pictured(tmp_path / "a", *"abcd"))
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    turns = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "A"}]
    more = [{"images": [row["image"]], "messages": turns} for row in rows]
    written(file, [*rows, *more])
    code, _, err = run(capsys, "split", str(file), "--holdout", "0.5", "--out", str(tmp_path / "out"))
    assert code == 0
    assert "4 rows in 2 groups by image" in err
    sides = [read_vision_rows(tmp_path / "out" / f"{side}.jsonl") for side in ("train", "test")]
    train, test = ({image.content.name for row in side for image in row.images} for side in sides)
    assert not train & test


def test_a_split_whose_images_are_gone_writes_nothing(tmp_path, capsys):
    file = pictured(tmp_path / "a", *"ab")
    (tmp_path / "a" / "images" / "0.png").unlink()
    code, _, err = run(capsys, "split", file, "--holdout", "0.5", "--out", str(tmp_path / "out"))
    assert code == 2
    assert ":1:image: no such image: " in err
    assert not (tmp_path / "out").exists()


def test_a_model_that_sees_has_tokens_of_images(tmp_path, capsys, tiny_vlm):
    file = Path(pictured(tmp_path / "a", "Acme"))
    turns = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "A pot"}]
    written(file, [{"image": "images/0.png", "messages": turns}])
    code, out, _ = run(capsys, "check", str(file), "--model", str(tiny_vlm))
    assert code == 0
    layout = ImageLayout.read(tiny_vlm)
    counted = next(line.split() for line in out.splitlines() if line.startswith("image "))
    assert counted == ["image", *[str(layout.count(40, 30) * layout.tokens)] * 4]
    assert "user\n<image>What?<|im_end|>\n<|im_start|>assistant\n[[A pot<|im_end|>]]" in out
