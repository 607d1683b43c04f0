from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from smolkit import __version__, manifest
from smolkit.errors import ManifestError, ManifestErrors
from smolkit.manifest import EXPORT_MANIFEST, MANIFEST, Manifest, Source, prove, read, read_optional, staged, write

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def _fail_halfway(file: Path, error: type[BaseException]) -> None:
    file.write_text("half")
    raise error


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A directory of two files with its manifest."""
    directory = tmp_path / "made"
    (directory / "inner").mkdir(parents=True)
    (directory / "weights.bin").write_bytes(b"\x00\x01" * 600_000)
    (directory / "inner" / "empty").touch()
    write(directory, Manifest(kind="model"))
    return directory


def test_what_is_written_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/smolkit", "finetune", "a b"])
    (tmp_path / "a.txt").write_text("abc")
    source = Source.of("data", tmp_path / "a.txt")
    written = write(
        tmp_path,
        Manifest(
            kind="model",
            prompt_format="smolkit-1",
            recipe={"train": {"epochs": 2}},
            sources=(source,),
            scores={"micro_f1": 0.93},
            details={"dtype": "bfloat16"},
        ),
    )
    assert read(tmp_path) == written
    assert written.smolkit == __version__
    assert written.command == "smolkit finetune 'a b'"
    assert written.libraries["torch"]
    assert written.files["a.txt"].size == 3
    assert written.files["a.txt"].sha256 == source.sha256


def test_every_file_is_named_but_the_manifests_themselves(made: Path) -> None:
    files = read(made).files
    assert sorted(files) == ["inner/empty", "weights.bin"]
    assert files["inner/empty"].sha256 == EMPTY_SHA256
    write(made, Manifest(kind="gguf"), name=EXPORT_MANIFEST)
    assert sorted(json.loads((made / EXPORT_MANIFEST).read_text())["files"]) == ["inner/empty", "weights.bin"]


def test_an_export_is_read_by_the_same_function(tmp_path: Path) -> None:
    write(tmp_path, Manifest(kind="gguf"), name=EXPORT_MANIFEST)
    assert read(tmp_path).kind == "gguf"


def test_each_changed_or_missing_file_has_its_own_line(made: Path) -> None:
    (made / "inner" / "empty").unlink()
    content = bytearray((made / "weights.bin").read_bytes())
    content[-1] ^= 1
    (made / "weights.bin").write_bytes(content)
    with pytest.raises(ManifestErrors) as caught:
        read(made)
    assert str(caught.value).splitlines() == [
        f"{made}/inner/empty: named by the manifest, but gone.",
        f"{made}/weights.bin: changed since written: its SHA-256 is not the manifest's.",
    ]
    assert read(made, verify=False).kind == "model"


def test_a_truncated_file_is_found_by_its_size(made: Path) -> None:
    os.truncate(made / "weights.bin", 10)
    with pytest.raises(ManifestErrors, match="changed since written: 10 bytes, not 1200000"):
        read(made)


def test_files_that_were_added_later_are_left_alone(made: Path) -> None:
    (made / "notes.md").write_text("mine")
    assert "notes.md" not in read(made).files


def test_a_truncated_manifest_is_one_line_that_names_it(made: Path) -> None:
    text = (made / MANIFEST).read_text()
    (made / MANIFEST).write_text(text[: len(text) // 2])
    with pytest.raises(ManifestError) as caught:
        read(made)
    assert str(caught.value).startswith(f"{made / MANIFEST}: not valid JSON (")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "smolkit.json: not a manifest"),
        ('{"kind": 3}', "smolkit.json:kind: not a manifest: Input should be a valid string"),
        ('{"kind": "model", "files": {"a": {"size": 1}}}', "smolkit.json:files.a.sha256: not a manifest"),
        ('{"kind": "model", "format": 99}', "smolkit.json: written in format 99, this version reads 1"),
        ('{"kind": "m", "files": {"../x": {"size": 1, "sha256": ""}}}', r"names '\.\./x', which is outside"),
        ('{"kind": "m", "files": {"/etc/x": {"size": 1, "sha256": ""}}}', "names '/etc/x', which is outside"),
        ("\x00", "smolkit.json: not valid JSON"),
    ],
)
def test_a_manifest_of_the_wrong_form_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(ManifestError, match=message):
        read(tmp_path)


def test_a_directory_of_another_tool_has_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert read_optional(tmp_path) is None
    with pytest.raises(ManifestError, match=r"no smolkit\.json here"):
        read(tmp_path)
    with pytest.raises(ManifestError, match="no such directory"):
        read(tmp_path / "absent")


def test_the_hash_of_a_directory_depends_on_names_and_contents_and_not_on_the_manifest(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for directory in (first, second):
        directory.mkdir()
        (directory / "a").write_text("1")
        (directory / "b").write_text("2")
    write(first, Manifest(kind="model"))
    assert manifest.sha256_directory(first) == manifest.sha256_directory(second)
    assert Source.of("model", first).sha256 == manifest.sha256_directory(first)
    (second / "b").rename(second / "c")
    assert manifest.sha256_directory(first) != manifest.sha256_directory(second)


def test_a_staged_directory_appears_whole_when_the_block_ends(tmp_path: Path) -> None:
    destination = tmp_path / "runs" / "one"
    with staged(destination) as aside:
        (aside / "deep").mkdir()
        (aside / "deep" / "file").write_text("x")
        assert not destination.exists()
        assert aside.parent == destination.parent
    assert (destination / "deep" / "file").read_text() == "x"
    assert [entry.name for entry in destination.parent.iterdir()] == ["one"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failed_stage_leaves_nothing_behind(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "there").mkdir()
    for destination in (tmp_path / "one", tmp_path / "runs" / "first" / "one", tmp_path / "there" / "runs" / "one"):
        with pytest.raises(error), staged(destination) as aside:
            _fail_halfway(aside / "half", error)
    assert [entry.name for entry in tmp_path.rglob("*")] == ["there"]


def test_a_failed_stage_keeps_the_former_result(made: Path) -> None:
    with pytest.raises(RuntimeError), staged(made):
        raise RuntimeError
    assert read(made).kind == "model"
    assert [entry.name for entry in made.parent.iterdir()] == ["made"]


def test_a_former_result_is_replaced_whole(made: Path) -> None:
    with staged(made) as aside:
        (aside / "other").write_text("new")
        write(aside, Manifest(kind="report"))
    assert sorted(read(made).files) == ["other"]
    assert sorted(path.name for path in made.iterdir()) == ["other", MANIFEST]
    assert [entry.name for entry in made.parent.iterdir()] == ["made"]


def test_a_directory_that_is_not_ours_is_replaced_only_when_asked(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.tex").write_text("years of work")
    with pytest.raises(ManifestError, match=r"is not empty and has no smolkit\.json"), staged(theirs):
        pytest.fail("the block must not run")
    assert (theirs / "thesis.tex").exists()
    with staged(theirs, overwrite=True) as aside:
        (aside / "new").touch()
    assert [entry.name for entry in theirs.iterdir()] == ["new"]


def test_an_empty_directory_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with staged(tmp_path / "one") as aside:
        (aside / "new").touch()
    assert (tmp_path / "one" / "new").exists()


def test_a_file_in_the_way_is_refused_even_when_overwriting(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("a file")
    with pytest.raises(ManifestError, match="is a file"), staged(tmp_path / "one", overwrite=True):
        pytest.fail("the block must not run")


def test_the_current_directory_and_its_parents_are_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for place in (Path(), tmp_path):
        with pytest.raises(ManifestError, match="current or home directory"), staged(place, overwrite=True):
            pytest.fail("the block must not run")


def test_a_mount_point_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == tmp_path / "out")
    (tmp_path / "out").mkdir()
    with pytest.raises(ManifestError, match=r"out: is a mount point, .* Name a directory below it"):
        manifest.check_destination(tmp_path / "out")
    manifest.check_destination(tmp_path / "out" / "below")


def test_a_name_that_the_file_system_refuses_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"cannot be written \(File name too long\)"):
        manifest.check_destination(tmp_path / ("x" * 300))


def test_a_link_to_a_directory_stays_a_link(made: Path) -> None:
    link = made.parent / "latest"
    link.symlink_to(made)
    with staged(link) as aside:
        (aside / "new").touch()
    assert link.is_symlink()
    assert (made / "new").exists()


def test_the_old_directory_comes_back_when_the_new_one_cannot_move_in(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.rename

    def fail_for_new(self: Path, target: Path) -> Path:
        if self.name.endswith(".new"):
            raise OSError("no space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_new)
    with pytest.raises(OSError, match="no space left"), staged(made):
        pass
    assert read(made).kind == "model"
    assert [entry.name for entry in made.parent.iterdir()] == ["made"]


def test_what_is_staged_follows_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        with staged(tmp_path / "one"):
            pass
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o755


def test_a_staged_file_replaces_the_old_one_or_vanishes(tmp_path: Path) -> None:
    target = tmp_path / "figures" / "report.json"
    with manifest.staged_file(target) as aside:
        aside.write_text("first")
    with pytest.raises(RuntimeError), manifest.staged_file(target) as aside:
        _fail_halfway(aside, RuntimeError)
    assert target.read_text() == "first"
    assert [entry.name for entry in target.parent.iterdir()] == ["report.json"]


def test_ctrl_c_in_a_real_process_removes_the_staged_directory(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import signal, sys, time
        from pathlib import Path
        from smolkit.manifest import staged
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that it is ignored
        with staged(Path(sys.argv[1])) as aside:
            (aside / "half").write_text("x")
            print("ready", flush=True)
            time.sleep(60)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "one")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(2)
    started = time.monotonic()
    assert process.wait(timeout=30) != 0
    assert time.monotonic() - started < 30
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from smolkit.manifest import staged
with staged(Path({str(tmp_path / "out")!r})) as staging:
    (staging / "half").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".new")
    with manifest.staged(tmp_path / "out") as staging:
        (staging / "whole").write_text("y")
        assert not left.exists()
        manifest._sweep(tmp_path / "out")
        assert staging.exists()  # its process lives
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_result_that_a_kill_left_moved_away_comes_back(made: Path) -> None:
    before = sorted(path.name for path in made.iterdir())
    code = f"""
import os, signal
from pathlib import Path
from smolkit.manifest import staged

rename = Path.rename
Path.rename = lambda self, to: os.kill(os.getpid(), signal.SIGKILL) if self.suffix == ".new" else rename(self, to)
with staged(Path({str(made)!r})) as staging:
    (staging / "new").write_text("x")
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert not made.exists()
    with pytest.raises(ZeroDivisionError), staged(made):
        raise ZeroDivisionError
    assert sorted(path.name for path in made.iterdir()) == before
    assert [path.name for path in made.parent.iterdir()] == [made.name]


def test_a_destination_that_cannot_be_made_is_one_line() -> None:
    with pytest.raises(ManifestError, match=r"/proc/none/out: cannot be written \("), staged(Path("/proc/none/out")):
        pass


def test_single_files_are_proven_by_the_manifest_of_their_directory_or_the_one_above(tmp_path: Path) -> None:
    (tmp_path / "fp32").mkdir()
    inner, outer, other = tmp_path / "fp32" / "model.onnx", tmp_path / "config.json", tmp_path / "fp32" / "mine.txt"
    for file in (inner, outer):
        file.write_text("whole")
    write(tmp_path, Manifest(kind="onnx"), name=EXPORT_MANIFEST)
    other.write_text("added later")
    prove(inner, outer, other)
    inner.write_text("broken")
    prove(outer, other)
    with pytest.raises(ManifestError, match=r"fp32/model\.onnx: changed since written"):
        prove(outer, inner)


def test_an_input_that_no_file_can_be_is_one_line(tmp_path):
    with pytest.raises(ManifestError, match=r"aaa: cannot be read \(File name too long\)\.$"):
        manifest.check_destination(tmp_path / "out", inputs=["a" * 300])


def test_names_that_are_no_utf8_are_printable_in_a_manifest(tmp_path):
    file = tmp_path / os.fsdecode(b"caf\xe9")
    file.write_text("text")
    source = manifest.Source.of("text", file)
    assert source.name.endswith(r"caf\udce9")
    manifest.write(tmp_path, manifest.Manifest(kind="é", sources=(source,), files={}))
    assert manifest.sha256_directory(tmp_path)
