from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from smolkit.cli import run

TEMPLATE = '{"name": "verbatim-string", "count": "integer"}'


@pytest.fixture
def extract(tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]):
    def call(*args: str) -> tuple[int, list[str], str]:
        code = run(["extract", "--model", str(tiny_model_dir), "--max-new-tokens", "24", *args])
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err

    return call


def test_a_text_file_becomes_one_line_of_json(extract, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Anna has 3 cats")
    code, lines, _ = extract("--template", TEMPLATE, str(tmp_path / "letter.txt"))
    assert code == 0
    assert list(json.loads(lines[0])) == ["name", "count"]


def test_stdin_and_a_template_file(extract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "template.json").write_text(TEMPLATE)
    monkeypatch.setattr("sys.stdin", io.StringIO("Anna has 3 cats"))
    code, lines, _ = extract("--template", str(tmp_path / "template.json"), "--spans")
    assert code == 0
    assert set(json.loads(lines[0])) >= {"output", "spans"}


def test_scores_come_by_path_and_only_when_asked_for(extract, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Anna has 3 cats")
    _, lines, _ = extract("--template", TEMPLATE, "--scores", str(tmp_path / "letter.txt"))
    line = json.loads(lines[0])
    assert list(line)[:2] == ["output", "scores"]
    assert set(line["scores"]) == {"name", "count"}
    assert all(0 <= score <= 1 for score in line["scores"].values())


def test_rows_keep_their_ids_and_bring_their_templates(extract, tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "x 1", "template": {"q": ""}}, {"id": "b", "text": "y 2"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, lines, _ = extract("--template", TEMPLATE, str(tmp_path / "rows.jsonl"))
    assert code == 0
    found = [json.loads(line) for line in lines]
    assert [row["id"] for row in found] == ["a", "b"]
    assert [list(row["output"]) for row in found] == [["q"], ["name", "count"]]


def test_a_streamed_answer_is_the_whole_answer(extract, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Anna has 3 cats")
    streamed = extract("--template", TEMPLATE, "--stream", str(tmp_path / "letter.txt"))[1]
    plain = extract("--template", TEMPLATE, str(tmp_path / "letter.txt"))[1]
    assert json.loads("".join(streamed)) == json.loads(plain[0])


def test_the_type_of_the_weights_can_be_chosen(extract, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "letter.txt").write_text("Anna has 3 cats")
    answers = [
        extract("--template", TEMPLATE, "--dtype", dtype, str(tmp_path / "letter.txt"))
        for dtype in ("float32", "int8", "int7")
    ]
    assert [code for code, _, _ in answers] == [0, 0, 2]
    assert "unknown dtype 'int7'" in answers[2][2]
