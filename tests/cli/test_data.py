"""`smolkit data`: rows to a file or to stdout, figures for programs and for people, one line for each mistake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smolkit import cli
from smolkit.data.rows import read_rows
from smolkit.data.synth import generate
from smolkit.data.synth.issues import generate_issues

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
