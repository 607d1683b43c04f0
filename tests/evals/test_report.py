from __future__ import annotations

import json
import subprocess
import sys

import pytest
from rich.console import Console

from smolkit.evals.extraction import load_predictions, score_predictions
from smolkit.evals.report import FILES, PUBLISHED, terminal_table, write_report

ROWS = [
    {"id": "good", "kind": "card", "lang": "fr", "output": {"name": "Ann", "price_$": "5 $"}},
    {
        "id": "bad|one",
        "kind": "card",
        "lang": "en",
        "output": {"name": "Bob <b>", "items": [{"n": "pen"}, {"n": "cup"}]},
    },
    {"id": "cut", "kind": "receipt", "lang": "en", "output": {"name": "Zoe"}},
    {"id": "gone", "kind": "receipt", "lang": "en", "output": {"name": "Max"}},
]
PREDICTIONS = [
    {"id": "good", "output": ROWS[0]["output"]},
    {"id": "bad|one", "output": {"name": "Rob|\nX", "items": [{"n": "\ud800pen"}], "made up": "值"}},
    {"id": "cut", "raw": '{"name": "Zo'},
]


@pytest.fixture
def result():
    return score_predictions(ROWS, PREDICTIONS)


def write(result, directory):
    return write_report(result, directory, title="A test of $5", context={"model": "M", "runtime": "torch"})


def test_a_report_is_its_files_and_leaves_no_other(result, tmp_path):
    assert write(result, tmp_path / "new") == tmp_path / "new" / "report.md"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(FILES)


def test_the_answers_can_be_scored_again(result, tmp_path):
    write(result, tmp_path)
    answers = load_predictions(tmp_path / "predictions.jsonl")
    assert [answer["id"] for answer in answers] == ["good", "bad|one", "cut"]
    assert answers[0]["f1"] == 1.0
    assert score_predictions(ROWS, answers).figures() == result.figures()


def test_the_json_holds_every_figure_and_the_failures(result, tmp_path):
    write(result, tmp_path)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["figures"] == json.loads(json.dumps(result.figures()))
    assert report["context"] == {"model": "M", "runtime": "torch"}
    assert report["missing"] == ["gone"]
    assert list(report["invalid"]) == ["cut"]
    worst = report["worst"]
    assert [entry["id"] for entry in worst] == ["cut", "gone", "bad|one"]
    assert worst[0]["raw"] == '{"name": "Zo'
    assert worst[2]["reference"] == ROWS[1]["output"]
    assert worst[2]["prediction"] == PREDICTIONS[1]["output"]


def test_the_text_says_which_metric_it_is_and_shows_the_worst_side_by_side(result, tmp_path):
    text = write(result, tmp_path).read_text(encoding="utf-8")
    assert text.startswith("# A test of $5\n")
    assert "F1 Levenshtein (smolkit definition)" in text
    assert "| model | M |" in text
    assert f"| **micro F1** | **{result.corpus.micro.f1:.3f}** |" in text
    assert "Failed: 2 of 4 (1 missing, 1 not JSON)." in text
    assert "| items[].n | " in text
    assert "### bad\\|one: F1" in text
    assert "| name | Bob &lt;b> | Rob\\| X |" in text
    assert "| items[1].n | cup |  |" in text
    assert "| made up |  | 值 |" in text
    assert '    {"name": "Zo' in text
    assert "### good" not in text


def test_every_table_row_has_as_many_cells_as_its_head(result, tmp_path):
    for block in write(result, tmp_path).read_text(encoding="utf-8").split("\n\n"):
        if block.startswith("|"):
            widths = {line.replace("\\|", "").count("|") for line in block.splitlines()}
            assert len(widths) == 1, block


def test_published_figures_are_labelled_as_printed_and_not_mixed_with_ours(result, tmp_path):
    text = write(result, tmp_path).read_text(encoding="utf-8")
    section = text.partition("## Published figures under this name")[2]
    assert "as printed" in section
    assert "not public" in section
    for model, size, value in PUBLISHED:
        assert f"| {model} | {size} | {value:.2f} |" in section


def test_a_corpus_without_any_value_can_be_reported(tmp_path):
    text = write(score_predictions([{"output": {"a": None}}], [{"output": {}}]), tmp_path).read_text(encoding="utf-8")
    assert "| **micro F1** | **1.000** |" in text
    assert "The worst" not in text


def test_a_report_that_fails_leaves_the_old_one_whole(result, tmp_path):
    write(result, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    other = score_predictions(ROWS, [])
    with pytest.raises(TypeError):
        write_report(other, tmp_path, title="B", context={"model": object()})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_terminal_table_fits_80_columns_and_lists_kinds_and_languages(result):
    console = Console(width=80)
    with console.capture() as capture:
        console.print(terminal_table(result))
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 80
    names = [
        line.split()[0] for line in lines if line.strip() and line.split()[0] in {"all", "card", "receipt", "en", "fr"}
    ]
    assert names == ["all", "card", "receipt", "en", "fr"]
    assert f"{result.corpus.micro.f1:.3f}" in next(line for line in lines if line.split()[:1] == ["all"])


def test_a_kind_in_brackets_is_a_name_and_no_markup():
    console = Console(width=80)
    with console.capture() as capture:
        console.print(terminal_table(score_predictions([{"output": {"a": "x"}, "kind": "[red]card"}], [])))
    assert "[red]card" in capture.get()


def test_importing_the_report_does_not_import_matplotlib_or_rich():
    code = (
        "import sys, smolkit.evals.report as _; print([m for m in ('matplotlib', 'rich', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
