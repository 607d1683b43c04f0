"""`smolkit export check`: verdicts or JSON out, an exit code that says whether anything loads the directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolkit import cli


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(["export", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_an_empty_directory_is_for_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", str(tmp_path))
    assert (code, err) == (3, "")
    assert out == ("transformers.js 3.x, <= 4.1, >= 4.2, onnxruntime-genai, llama.cpp: nothing here for it\n")


def test_json_has_every_consumer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "genai_config.json").write_text("{")
    code, out, _ = run(capsys, "check", str(tmp_path), "--json")
    assert code == 3
    report = json.loads(out)
    assert report["loads"] is False
    verdicts = {one["name"]: one["loads"] for one in report["verdicts"]}
    assert verdicts == {
        "transformers.js 3.x": None,
        "transformers.js <= 4.1": None,
        "transformers.js >= 4.2": None,
        "onnxruntime-genai": False,
        "llama.cpp": None,
    }


def test_a_directory_that_one_runtime_loads_is_exit_code_0(
    bundled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gguf", reason="pip install 'smolkit[gguf]'")
    from smolkit.models.resolve import bundled_gguf

    (tmp_path / "model.gguf").symlink_to(bundled_gguf())
    code, out, _ = run(capsys, "check", str(tmp_path))
    assert code == 0
    assert "llama.cpp: loads\n  model.gguf  cpu\n" in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["check", "no-such-directory"], "no-such-directory: no such directory."),
        (["check"], "missing argument 'directory'. See: smolkit export check --help"),
        (["check", ".", "--jsno"], "no such option '--jsno'. Did you mean '--json'? See: smolkit export check --help"),
        (["./check", "--out", "o", "--target", "guff"], "unknown export target 'guff'. Did you mean 'gguf'?"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"smolkit: {line}")
    assert err.count("\n") == 1


def test_the_help_shows_the_export_and_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "--gate-data" in out
    assert "Also: smolkit export check DIRECTORY." in out
    assert "Usage: smolkit export check [OPTIONS]" in run(capsys, "check", "--help")[1]
