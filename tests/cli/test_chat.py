from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from smolkit.cli import run

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def chat(tiny_model_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    def call(*arguments: str, typed: str = "", terminal: bool = True) -> tuple[int, str, str]:
        stdin = io.StringIO(typed)
        monkeypatch.setattr(stdin, "isatty", lambda: terminal, raising=False)
        monkeypatch.setattr("sys.stdin", stdin)
        shared = ["--model", str(tiny_model_dir), "--runtime", "torch", "--max-new-tokens", "5", "--temperature", "0"]
        code = run(["chat", *shared, *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_a_prompt_is_answered_on_stdout_alone(chat: Call) -> None:
    code, out, err = chat("--prompt", "Hi")
    assert code == 0
    assert len(out) > 1
    assert "> " not in out
    assert "cut off" in err
    assert chat(typed="Hi\n", terminal=False)[1] == out


def test_a_conversation_in_a_terminal(chat: Call) -> None:
    alone = chat("--prompt", "Hi")[1]
    code, out, err = chat(typed="Hi\n/reset\n\n/rest\nHi\n" + "word " * 3000 + "\n/exit\nnever asked\n")
    assert code == 0
    assert out.count(f"> {alone}") == 2
    assert "no such command '/rest'. Known: /exit, /reset." in err
    assert "smolkit: the question takes" in err.replace("\n", " ")
    assert chat(typed="")[0] == 0  # Ctrl-D


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--prompt", " "], "smolkit: --prompt: nothing is asked.\n"),
        (["--top-p", "1.5"], "smolkit: top_p: must be over 0 and at most 1, got 1.5.\n"),
    ],
)
def test_a_fault_is_one_line(chat: Call, arguments: list[str], line: str) -> None:
    assert chat(*arguments) == (2, "", line)


def test_empty_stdin_is_one_line(chat: Call) -> None:
    assert chat(typed="\n", terminal=False) == (2, "", "smolkit: stdin: nothing is asked.\n")


def test_what_is_no_text_is_one_line(chat: Call) -> None:
    for option in ("--prompt", "--system"):
        code, _, err = chat("--prompt", "Hi", option, "caf\udce9")
        assert (code, err) == (2, f"smolkit: {option}: not UTF-8 text. Set the terminal to UTF-8.\n")
    code, out, err = chat(typed="caf\udce9\nHi\n/[b]\n")
    assert code == 0
    assert "smolkit: not UTF-8 text." in err
    assert "no such command '/[b]'" in err
    assert len(out) > 5


def test_a_closed_stdin_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert run(["chat"]) == 2
    assert capsys.readouterr().err == "smolkit: stdin: is closed, so nothing can be read.\n"
