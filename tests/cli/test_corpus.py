"""`smolkit data tokenize`, `inspect` and `educational`: tables for people, JSON for programs, one line for mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from smolkit import cli

ROWS = [
    {"id": "one", "text": "A text of some length, which is kept."},
    {"id": "two", "text": "short"},
    {"id": "three", "text": "a text of some length,  which is KEPT."},
    {"id": "[four]", "text": ""},
]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(["data", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def rows(tmp_path) -> str:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return str(tmp_path / "rows.jsonl")


@pytest.fixture
def corpus(tmp_path, rows, bundled, capsys) -> str:
    out = str(tmp_path / "corpus")
    filters = ["--min-chars", "10", "--dedup", "--workers", "1", "--model", str(bundled)]
    code, printed, err = run(capsys, "tokenize", rows, "--out", out, *filters)
    assert (code, err) == (0, "")
    assert "documents   1 of 4 read" in printed
    return out


def test_what_was_dropped_is_a_table_with_reasons(corpus, bundled, capsys):
    code, out, err = run(capsys, "inspect", corpus, "--documents", "0")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["end", "<|endoftext|>,", "id", "0"] in lines
    assert ["under", "10", "characters", "1", "25.0%", "two"] in lines
    assert ["empty", "1", "25.0%", "[four]"] in lines
    assert "equal to an earlier one" in out
    assert "----" not in out


def test_documents_are_shown_with_what_ends_them(corpus, capsys):
    code, out, _ = run(capsys, "inspect", corpus)
    assert code == 0
    assert "---- 00000, document 0: one, 11 tokens" in out
    assert "A text of some length, which is kept.[[<|endoftext|>]]" in out


def test_figures_are_json(corpus, rows, tmp_path, bundled, capsys):
    code, out, err = run(capsys, "inspect", corpus, "--json")
    figures = json.loads(out)
    assert (code, err, figures["tokens"], figures["documents"], figures["read"]) == (0, "", 11, 1, 4)
    assert figures["tokens_per_document"] == {"min": 11, "median": 11, "p95": 11, "max": 11}
    assert figures["samples"][0]["name"] == "one"
    made = ["tokenize", rows, "--out", str(tmp_path / "all"), "--model", str(bundled), "--workers", "1", "--json"]
    code, out, err = run(capsys, *made)
    assert (code, err, json.loads(out)["documents"]) == (0, "", 3)


def test_a_damaged_corpus_is_not_shown(corpus, capsys):
    (Path(corpus) / "00000.ds").write_bytes(b"12")
    code, out, err = run(capsys, "inspect", corpus)
    assert (code, out) == (2, "")
    assert err == f"smolkit: {corpus}/00000.ds: changed since written: 2 bytes, not 22.\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nope.jsonl"], "nope.jsonl: no such file."),
        (["python:test"], "Python comes with no part 'test'. Did you mean 'tests'? Known: docstrings, library, tests,"),
        (["python:x"], "Python comes with no part 'x'. Known: docstrings, library, tests, topics."),
        (["hub:a/b", "ROWS"], "hub:a/b stands alone, and 2 inputs are given. Make a corpus of each."),
        (["ROWS", "--config", "b"], "config belongs to hub, and the text comes from path."),
        (["ROWS", "--seed", "1"], "a seed chooses documents, and all are taken: give documents as well, or leave it"),
        (["ROWS", "--min-chars", "9", "--max-chars", "3"], "min_chars is 9 and max_chars 3: nothing is let through."),
        (["ROWS", "--educational-field", "a", "--educational-model", "b"], "educational: scores come from a field"),
        (["ROWS", "--on-bad-row", "drop"], "no way to treat a bad row: 'drop'. Known: skip, stop."),
        (["ROWS", "--end-of-document", "<|end|>"], "BUNDLED: '<|end|>' is no token of its vocabulary."),
        (["ROWS", "--text-field", "txt"], "ROWS:1:txt: no such field; the row has id, text. Its text may be in 'text'"),
    ],
)
def test_mistakes_are_one_line(arguments, line, rows, bundled, tmp_path, capsys):
    given = [rows if one == "ROWS" else one for one in arguments]
    code, out, err = run(capsys, "tokenize", *given, "--out", str(tmp_path / "out"), "--model", str(bundled))
    assert (code, out) == (2, "")
    assert err.startswith(f"smolkit: {line.replace('ROWS', rows).replace('BUNDLED', str(bundled))}")
    assert not (tmp_path / "out").exists()


def test_a_model_of_educational_value_says_how_good_it_is(tmp_path, bundled, capsys):
    rng = Random(0)
    lines = []
    for number in range(60):
        words = ("cell", "energy", "theorem") if number % 2 else ("sale", "cheap", "click")
        lines.append({"text": " ".join(rng.choices(words, k=20)), "score": 5 * (number % 2)})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = ["educational", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "m"), "--model", str(bundled)]
    code, out, err = run(capsys, *command)
    assert (code, err) == (0, "")
    assert "rows        60, of which 12 were held out; on these:" in out
    assert "kept        from 3 points: precision 1.000, recall 1.000, F1 1.000" in out
    code, out, _ = run(capsys, *command, "--json")
    assert (code, json.loads(out)["f1"]) == (0, 1.0)


@pytest.mark.parametrize(
    ("source", "options", "line"),
    [
        ("rows", ["--split", "test"], "split belongs to hub, and the text comes from path. Leave --split out."),
        ("python:topics", ["--config", "a"], "config belongs to hub, and the text comes from python."),
        ("python:topics", ["--revision", "a"], "revision belongs to hub, and the text comes from python."),
        ("rows", ["--educational-threshold", "2"],
         "--educational-threshold: nothing gives the values that are compared. Give --educational-field or"),
    ],
)  # fmt: skip
def test_options_that_would_do_nothing_are_refused(source, options, line, rows, tmp_path, capsys):
    code, _, err = run(capsys, "tokenize", rows if source == "rows" else source, "--out", str(tmp_path / "o"), *options)
    assert code == 2
    assert err.startswith(f"smolkit: {line}")
