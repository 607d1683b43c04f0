"""The README: each of its commands parses, each of its links leads somewhere, and no command is missing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperCommand

from smolkit import cli

PAGES = sorted(Path(__file__).resolve().parent.parent.glob("*.md"))
README = next(page for page in PAGES if page.name == "README.md")
SHELL = {"|", "&&", ";", ">", ">>", "<"}


def command_lines() -> Iterator[list[str]]:
    """The arguments of every `smolkit` in the shell blocks of the README, pipes and redirections taken apart."""
    for block in re.findall(r"^```text\n(.*?)^```", README.read_text(), re.M | re.S):
        for line in re.findall(r"^\$ (.*)$", block.replace("\\\n", " "), re.M):
            lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
            lexer.whitespace_split = True
            words = list(lexer)
            while words:
                end = next((index for index, word in enumerate(words) if word in SHELL), len(words))
                if words[0] == "smolkit":
                    yield words[1:end]
                words = words[end + 1 :]


LINES = list(command_lines())


@pytest.mark.parametrize("arguments", LINES, ids=[" ".join(line) for line in LINES])
def test_a_command_of_the_readme_parses(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TyperCommand, "invoke", lambda self, context: None)  # parse, and stop there
    assert cli.run(arguments) == 0, capsys.readouterr().err


def test_lines_with_pipes_and_redirections_are_taken_apart() -> None:
    assert len(LINES) >= 7
    assert not [word for line in LINES for word in line if word in SHELL]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"`smolkit {name}" in README.read_text()


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_make_target_that_is_named_exists() -> None:
    code = "".join(re.findall(r"`[^`]+`|^    .*\n|^\\$ .*\n", "".join(page.read_text() for page in PAGES), re.M))
    named = set(re.findall(r"\bmake ([a-z-]+)", code))
    known = set(re.findall(r"^([a-z-]+):", (README.parent / "Makefile").read_text(), re.M))
    assert {"demo", "test", "lint"} <= named <= known
