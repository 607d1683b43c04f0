"""Tokenising: the same bytes however it ran, nothing lost when killed, everything dropped is reported."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from smolkit.data import sources
from smolkit.data.corpus import open_corpus
from smolkit.data.text import Educational, Filters, MinHash, Repetition, Text
from smolkit.data.tokenize import tokenize
from smolkit.errors import DataError, ManifestError, MissingExtra, RowErrors
from smolkit.manifest import MANIFEST, read

PROSE = "It was a bright cold day in April, and the clocks were striking thirteen; number {n} of them was late."


def written(path: Path, rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def texts_of(path: Path, texts) -> Path:
    return written(path, [{"id": f"d{n}", "text": text} for n, text in enumerate(texts)])


def many(path: Path, count: int) -> Path:
    return texts_of(path, [f"{PROSE.format(n=n)} {n * 7919} " * (1 + n % 5) for n in range(count)])


def text_in(path: Path, **more) -> Text:
    return Text(path=(str(path),), **more)


def shard_bytes(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(directory.iterdir()) if file.name != MANIFEST}


def names(corpus) -> list[str]:
    return [shard.document_name(index) for shard in corpus.shards for index in range(len(shard.ends))]


@pytest.fixture
def make(tmp_path, bundled):
    """Tokenise with one worker into `tmp_path / "out"`."""

    def run(text: Text, filters: Filters | None = None, out: str = "out", **more):
        return tokenize(text, filters or Filters(), tmp_path / out, **{"model": str(bundled), "workers": 1, **more})

    return run


def test_documents_are_the_models_tokens_in_the_order_of_the_rows(tmp_path, make, tokenizer):
    texts = ["One text", "another\n", "café <|endoftext|> 12"]
    corpus = make(text_in(texts_of(tmp_path / "a.jsonl", texts)))
    found = [corpus.shards[0].document(index).tolist() for index in range(3)]
    assert found[:2] == [[*tokenizer(text)["input_ids"], 0] for text in texts[:2]]
    assert found[2].count(0) == 1  # the letters of the end token end nothing
    assert tokenizer.decode(found[2][:-1]) == texts[2]
    assert names(corpus) == ["d0", "d1", "d2"]
    assert corpus.details["bytes"] == sum(len(text.encode()) for text in texts)
    assert open_corpus(corpus.directory).tokens == sum(map(len, found))


def test_the_number_of_workers_changes_no_byte(tmp_path, make, monkeypatch):
    many(tmp_path / "in" / "a.jsonl", 300)
    many(tmp_path / "in" / "b.jsonl", 80)
    (tmp_path / "in" / "c.txt").write_text("plain text")
    monkeypatch.setattr(sources, "PART_BYTES", 20_000)
    text, filters = text_in(tmp_path / "in"), Filters(exact_dedup=True, min_chars=200)
    one = make(text, filters, "one", shard_tokens=4000)
    two = make(text, filters, "two", shard_tokens=4000, workers=2)
    assert shard_bytes(one.directory) == shard_bytes(two.directory)
    assert len(one.shards) > 2
    assert one.details["dropped"] == two.details["dropped"]
    monkeypatch.setattr(sources, "PART_BYTES", 1 << 30)
    whole = make(text, filters, "whole", shard_tokens=4000)
    assert shard_bytes(one.directory) == shard_bytes(whole.directory)
    assert not list(tmp_path.glob("*.parts"))


KILLED = """
import signal
import sys
from pathlib import Path
from smolkit.data import sources
from smolkit.data.text import Filters, Text
from smolkit.data.tokenize import tokenize
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it runs in the background ignore it
    sources.PART_BYTES = 20_000
    tokenize(Text(path=(sys.argv[1],)), Filters(), Path(sys.argv[2]), model=sys.argv[3], workers=int(sys.argv[4]))
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path, make, bundled, monkeypatch, workers):
    file = many(tmp_path / "a.jsonl", 8000)
    script = tmp_path / "run.py"
    script.write_text(KILLED)
    out = tmp_path / "killed"
    command = [sys.executable, str(script), str(file), str(out), str(bundled), str(workers)]
    process = subprocess.Popen(command, start_new_session=True)
    parts = tmp_path / "killed.parts"
    while process.poll() is None and len(list(parts.glob("*.npz"))) < 3:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    _wait_until_gone(process.pid)
    finished = {path: path.stat().st_mtime_ns for path in parts.glob("*.npz")}
    damaged = min(finished)  # a part that the disk lost
    damaged.with_suffix(".ds").write_bytes(b"no")
    monkeypatch.setattr(sources, "PART_BYTES", 20_000)
    seen = _watch_parts(monkeypatch)
    again = make(text_in(file), out="killed")
    assert seen["begun"] == seen["all"] - len(finished) + 1
    assert shard_bytes(again.directory) == shard_bytes(make(text_in(file), out="whole").directory)
    assert not parts.exists()


def _wait_until_gone(session: int) -> None:
    """Workers end by themselves when their parent was killed."""
    for _ in range(500):
        listed = subprocess.run(["ps", "-o", "pid=,stat=", "-s", str(session)], capture_output=True, text=True)
        if not [line for line in listed.stdout.splitlines() if "Z" not in line.split()[1]]:
            return
        time.sleep(0.02)
    raise AssertionError(f"workers are left: {listed.stdout}")


def _watch_parts(monkeypatch) -> dict[str, int]:
    from smolkit.data import tokenize as module

    seen = {}
    run, find = module.run_parts, module.find_parts

    def watch_run(job, work, *more):
        seen["begun"] = seen.get("begun", len(work))
        run(job, work, *more)

    def watch_find(text):
        found = find(text)
        seen["all"] = len(found[0])
        return found

    monkeypatch.setattr(module, "run_parts", watch_run)
    monkeypatch.setattr(module, "find_parts", watch_find)
    return seen


BAD = '{"text": "good"}\n{"txt": 3}\nnot json\n{"text": ""}\n'


def test_bad_rows_end_the_run_with_all_of_them_named(tmp_path, make):
    file = tmp_path / "a.jsonl"
    file.write_text(BAD)
    with pytest.raises(RowErrors) as caught:
        make(text_in(file))
    first, second, last = str(caught.value).splitlines()
    assert first.startswith(f"{file}:2:text: no such field; the row has txt.")
    assert second.startswith(f"{file}:3: not JSON")
    assert last.startswith("2 bad rows in all, so no corpus was written; what is finished is kept in out.parts. Mend")
    assert not (tmp_path / "out").exists()
    assert make(text_in(file), on_bad_row="skip").documents == 1
    assert not (tmp_path / "out.parts").exists()


def test_bad_rows_can_be_skipped_and_are_counted(tmp_path, make):
    file = tmp_path / "a.jsonl"
    file.write_text(BAD)
    corpus = make(text_in(file), on_bad_row="skip")
    assert names(corpus) == [f"{file}:1"]
    assert corpus.details["read"] == 4
    assert corpus.details["dropped"] == {
        "bad row": {"documents": 2, "share": 0.5, "examples": [f"{file}:2:text", f"{file}:3"]},
        "empty": {"documents": 1, "share": 0.25, "examples": [f"{file}:4"]},
    }
    with pytest.raises(DataError, match=r"no way to treat a bad row: 'skp'\. Did you mean 'skip'\?"):
        make(text_in(file), on_bad_row="skp")


def test_filters_drop_what_they_should_and_say_so(tmp_path, make):
    pytest.importorskip("datatrove", reason="pip install 'smolkit[data]'")
    words = ["".join(letters) for letters in permutations("abcdefg", 4)][:400]
    near = words.copy()
    near[100] = "other"
    loop = "\n".join(["the same line again"] * 20)
    texts = [" ".join(words), "short", loop, " ".join(words).upper(), " ".join(near), " ".join(words[::-1])]
    filters = Filters(min_chars=10, repetition=Repetition(), exact_dedup=True, minhash=MinHash())
    corpus = make(text_in(texts_of(tmp_path / "a.jsonl", texts)), filters)
    assert names(corpus) == ["d0", "d5"]
    assert {reason: some["examples"] for reason, some in corpus.details["dropped"].items()} == {
        "under 10 characters": ["d1"],
        "repetition: lines": ["d2"],
        "equal to an earlier one": ["d3"],
        "nearly equal to an earlier one": ["d4"],
    }
    assert read(corpus.directory).recipe["filters"]["min_chars"] == 10


def test_a_report_names_the_first_three_of_a_reason(tmp_path, make, monkeypatch):
    monkeypatch.setattr(sources, "PART_BYTES", 60)
    texts = [PROSE, *["x"] * 9, PROSE]
    corpus = make(text_in(texts_of(tmp_path / "a.jsonl", texts)), Filters(min_chars=5, exact_dedup=True))
    assert corpus.details["dropped"] == {
        "under 5 characters": {"documents": 9, "share": 9 / 11, "examples": ["d1", "d2", "d3"]},
        "equal to an earlier one": {"documents": 1, "share": 1 / 11, "examples": ["d10"]},
    }


def test_rows_may_bring_their_educational_value(tmp_path, make):
    file = written(tmp_path / "a.jsonl", [{"id": n, "text": "text", "score": n} for n in (1, 3, 4.5)])
    filters = Filters(educational=Educational(field="score"))
    assert names(make(text_in(file), filters)) == ["3", "4.5"]
    written(file, [{"text": "text", "score": "3"}, {"text": "text"}])
    with pytest.raises(RowErrors) as caught:
        make(text_in(file), filters)
    first, second, _ = str(caught.value).splitlines()
    assert first == f"{file}:1:score: expected a number, got '3'."
    assert second == f"{file}:2:score: no such field, which should hold the educational value."


def test_where_nothing_is_left_nothing_is_written(tmp_path, make):
    file = texts_of(tmp_path / "a.jsonl", ["", "a"])
    with pytest.raises(
        DataError, match=r"no document is left of 2: 1 empty; 1 under 5 characters\. Loosen the filters"
    ):
        make(text_in(file), Filters(min_chars=5))
    assert not list(tmp_path.glob("out*"))
    (tmp_path / "b.jsonl").write_text("")
    with pytest.raises(DataError, match=r"b\.jsonl: no document is left of 0"):
        make(text_in(tmp_path / "b.jsonl"))


def test_documents_may_have_no_end(tmp_path, make):
    corpus = make(text_in(texts_of(tmp_path / "a.jsonl", ["one", "two"])), end_of_document="none")
    assert corpus.end_of_document is None
    assert corpus.lengths().tolist() == [1, 1]


def test_a_large_vocabulary_takes_32_bits(tmp_path, make, word_level):
    model = word_level(tmp_path / "m", [f"w{n}" for n in range(70_000)], "w7")
    corpus = make(text_in(texts_of(tmp_path / "a.jsonl", ["w69999 w3"])), model=model)
    assert corpus.shards[0].tokens.tolist() == [69_999, 3, 7]
    assert corpus.shards[0].tokens.dtype == np.dtype("<u4")


def test_a_corpus_is_made_once_where_it_may_be_reused(tmp_path, make):
    file = texts_of(tmp_path / "a.jsonl", ["one"])
    made = (make(text_in(file)).directory / MANIFEST).stat().st_mtime_ns
    assert (make(text_in(file), reuse=True).directory / MANIFEST).stat().st_mtime_ns == made
    changed = make(text_in(file), Filters(min_chars=2), reuse=True)
    assert (changed.directory / MANIFEST).stat().st_mtime_ns > made
    texts_of(file, ["one", "two"])
    assert make(text_in(file), Filters(min_chars=2), reuse=True).documents == 2


def test_a_directory_that_is_not_ours_is_left_alone(tmp_path, make):
    file = texts_of(tmp_path / "a.jsonl", ["one"])
    (tmp_path / "out.parts").mkdir()
    (tmp_path / "out.parts" / "mine").write_text("")
    with pytest.raises(ManifestError, match=r"out\.parts: is not ours, and finished parts are to go there"):
        make(text_in(file))
    with pytest.raises(ManifestError, match=r"lies in .*, which is to be written anew"):
        make(text_in(texts_of(tmp_path / "own" / "a.jsonl", ["one"])), out="own", overwrite=True)


def test_an_interrupted_run_leaves_no_process(tmp_path, bundled):
    file = many(tmp_path / "a.jsonl", 8000)
    script = tmp_path / "run.py"
    script.write_text(KILLED)
    command = [sys.executable, str(script), str(file), str(tmp_path / "out"), str(bundled), "2"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list((tmp_path / "out.parts").glob("*.npz")):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=20)
    _wait_until_gone(process.pid)
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "out.parts").glob(".*"))


def test_an_error_of_a_worker_is_the_same_line(tmp_path, make, monkeypatch):
    many(tmp_path / "in" / "a.jsonl", 300)
    (tmp_path / "in" / "b.jsonl.gz").write_bytes(gzip.compress(b'{"text": "a"}\n' * 99)[:-9])
    for workers in (1, 2):
        with pytest.raises(DataError) as caught:
            make(text_in(tmp_path / "in"), workers=workers)
        assert str(caught.value) == (
            f"{tmp_path / 'in' / 'b.jsonl.gz'}: a damaged gzip file: Compressed file ended before the end-of-stream "
            "marker was reached. Copy or download it again."
        )


def test_a_run_never_replaces_what_it_reads(tmp_path, make, word_level):
    inside = texts_of(tmp_path / "out" / "a.jsonl", ["one"])
    for text in (text_in(tmp_path / "o*" / "a.jsonl"), text_in(tmp_path)):
        with pytest.raises(ManifestError, match=r"a\.jsonl: lies in .*out, which is to be written anew"):
            make(text, overwrite=True)
    model = word_level(tmp_path / "out" / "model", ["unknown", "end"], "end")
    other = text_in(texts_of(tmp_path / "b.jsonl", ["one"]))
    with pytest.raises(ManifestError, match=r"model: lies in"):
        make(other, model=model, overwrite=True)
    scorer = tmp_path / "out" / "scorer"
    scorer.mkdir()
    with pytest.raises(ManifestError, match=r"scorer: lies in"):
        make(other, Filters(educational=Educational(model=str(scorer))), overwrite=True)
    assert inside.is_file()


def test_files_that_were_passed_over_are_counted_and_said(tmp_path, make, capsys):
    texts_of(tmp_path / "in" / "a.jsonl", ["one"])
    (tmp_path / "in" / "b.pdf").write_bytes(b"")
    from rich.console import Console

    corpus = make(text_in(tmp_path / "in"), console=Console())
    assert corpus.details["passed_over"] == {".pdf": 1}
    assert "passed over, as their names do not say text: 1 .pdf" in capsys.readouterr().out


def test_an_empty_file_without_duplicates_is_no_corpus(tmp_path, make):
    (tmp_path / "a.jsonl").touch()
    with pytest.raises(DataError, match=r"no document is left of 0: it is empty"):
        make(text_in(tmp_path / "a.jsonl"), Filters(exact_dedup=True, minhash=MinHash()))


def test_two_runs_do_not_write_to_one_destination(tmp_path, make):
    from smolkit.data import tokenize as module

    text = text_in(texts_of(tmp_path / "a.jsonl", ["one"]))
    with (
        module._open_folder(tmp_path / "out.parts"),
        pytest.raises(ManifestError, match=r"out\.parts: another run is writing here\. Wait for its end"),
    ):
        make(text)
    assert make(text).documents == 1


def test_a_missing_datatrove_is_known_before_any_work(tmp_path, make, monkeypatch):
    monkeypatch.setitem(sys.modules, "datatrove", None)
    with pytest.raises(MissingExtra, match=r"finding near duplicates needs datatrove"):
        make(text_in(texts_of(tmp_path / "a.jsonl", ["one"])), Filters(minhash=MinHash()))
    assert not (tmp_path / "out.parts").exists()


@pytest.mark.parametrize("place", ["smolkit.data.parts.np.savez", "smolkit.data.corpus.CorpusWriter._write"])
def test_a_full_disk_is_one_line_and_what_is_finished_is_kept(tmp_path, make, monkeypatch, place):
    text = text_in(texts_of(tmp_path / "a.jsonl", ["one"]))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(place, full)
        with pytest.raises(ManifestError, match=r"cannot be written \(No space left on device\)\. Make room there"):
            make(text)
    assert make(text).documents == 1


def test_names_that_are_no_text_do_not_stop_a_run_at_its_end(tmp_path, make):
    rows = [{"id": "\udce9", "text": text} for text in ("", "kept")]
    corpus = make(text_in(written(tmp_path / os.fsdecode(b"caf\xe9") / "a.jsonl", rows).parent.parent))
    assert names(corpus) == [r"\udce9"]
    assert corpus.details["dropped"]["empty"]["examples"] == [r"\udce9"]
    assert read(corpus.directory).sources[0].name.endswith(r"caf\udce9/a.jsonl")


def test_a_score_that_is_null_is_said_to_be(tmp_path, make):
    text = text_in(written(tmp_path / "a.jsonl", [{"text": "one", "score": None}]))
    with pytest.raises(RowErrors, match=r"1:score: is null, and should hold the educational value"):
        make(text, Filters(educational=Educational(field="score")))
