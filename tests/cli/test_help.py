"""The command line itself: help without heavy imports, one line per fault of the user, tracebacks for bugs."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import typer

from smolkit import __version__, cli
from smolkit.errors import GateError, RecipeError, RecipeErrors

HEAVY = {
    "datasets", "gradio", "llama_cpp", "llguidance", "matplotlib", "numpy", "peft", "pydantic", "rich", "scipy",
    "torch", "transformers", "trl",
}  # fmt: skip

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in this process: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., None]], None]:
    """Puts a function in the place of every command, as the command `fake`."""

    def install(function: Callable[..., None]) -> None:
        module = ModuleType("fake_command")
        module.command = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "fake_command", module)
        monkeypatch.setattr(cli, "COMMANDS", {"fake": cli.Entry("fake_command", "A fake.")})

    return install


def test_help_imports_no_command_and_nothing_heavy() -> None:
    script = textwrap.dedent("""
        import sys
        sys.argv = ["smolkit", "--help"]
        from smolkit import cli
        try:
            cli.main()
        finally:
            print(*sys.modules, file=sys.stderr)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "smolkit.cli" in loaded
    assert not HEAVY & loaded
    assert not {entry.module for entry in cli.COMMANDS.values()} & loaded
    for name, entry in cli.COMMANDS.items():
        assert f"  {name}" in done.stdout
        assert entry.help in " ".join(done.stdout.split())


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_help_of_every_command_imports_nothing_heavy(name: str) -> None:
    script = textwrap.dedent(f"""
        import sys
        from smolkit import cli
        code = cli.run([{name!r}, "--help"])
        print(*sys.modules, file=sys.stderr)
        sys.exit(code)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"Usage: smolkit {name}" in done.stdout
    assert not (HEAVY - {"pydantic"}) & set(done.stderr.split())


def test_the_version_is_the_package_s(run: Run) -> None:
    assert run("--version") == (0, f"smolkit {__version__}\n", "")


def test_no_arguments_show_the_help(run: Run) -> None:
    assert run() == run("--help")
    assert run()[1].startswith("Usage: smolkit")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["modles"], "no such command 'modles'. Did you mean 'models'? See: smolkit --help"),
        (["models", "lst"], "no such command 'lst'. Did you mean 'list'? See: smolkit models --help"),
        (["models"], "missing command. Known: list, ledger, path. See: smolkit models --help"),
        (["--versoin"], "no such option '--versoin'. Did you mean '--version'? See: smolkit --help"),
        (["models", "list", "--jsn"], "no such option '--jsn'. Did you mean '--json'? See: smolkit models list --help"),
        (["models", "list", "-q"], "no such option '-q'. Known: --json, --help. See: smolkit models list --help"),
        (["models", "path"], "missing argument 'name'. See: smolkit models path --help"),
        (
            ["models", "ledger", "--sequence", "0"],
            "invalid value for '--sequence': Input should be greater than or equal to 1."
            " See: smolkit models ledger --help",
        ),
        (
            ["models", "list", "x"],
            "got unexpected extra argument(s) (x). See: smolkit models list --help",
        ),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(run: Run, arguments: list[str], line: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out, err) == (2, "", f"smolkit: {line}\n")


def test_a_fault_of_the_user_is_one_line(run: Run, fake: Callable[..., None]) -> None:
    def command() -> None:
        raise RecipeError("no such field", where="r.yaml:3:lr")

    fake(command)
    assert run("fake") == (2, "", "smolkit: r.yaml:3:lr: no such field.\n")


def test_many_faults_are_a_line_each(run: Run, fake: Callable[..., None]) -> None:
    def command() -> None:
        raise RecipeErrors([RecipeError("one"), RecipeError("two")])

    fake(command)
    assert run("fake") == (2, "", "smolkit: one.\nsmolkit: two.\n")


def test_a_refused_gate_has_its_own_exit_code(run: Run, fake: Callable[..., None]) -> None:
    def command() -> None:
        raise GateError("the logits differ by 3.1")

    fake(command)
    assert run("fake") == (3, "", "smolkit: the logits differ by 3.1.\n")


@pytest.mark.parametrize("error", [KeyboardInterrupt, typer.Abort])
def test_an_interruption_is_one_line_and_exit_code_130(
    run: Run, fake: Callable[..., None], error: type[BaseException]
) -> None:
    def command() -> None:
        raise error

    fake(command)
    assert run("fake") == (130, "", "smolkit: interrupted\n")


def test_a_command_may_choose_its_exit_code(run: Run, fake: Callable[..., None]) -> None:
    def command(code: int = 4) -> None:
        raise typer.Exit(code)

    fake(command)
    assert run("fake", "--code", "7") == (7, "", "")


def test_a_bug_keeps_its_traceback(run: Run, fake: Callable[..., None]) -> None:
    def command() -> None:
        raise ZeroDivisionError

    fake(command)
    with pytest.raises(ZeroDivisionError):
        run("fake")


def test_a_command_that_is_not_there_yet_does_not_break_the_help(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "COMMANDS", {"later": cli.Entry("smolkit.cli.no_such_file", "Comes later.")})
    code, out, _ = run("--help")
    assert code == 0
    assert "Comes later." in out


def test_a_reader_that_leaves_early_is_not_an_error() -> None:
    command = f"(sleep 0.2; {sys.executable} -m smolkit models list --json) | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_terminated_command_removes_what_it_staged(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from types import ModuleType
        from smolkit import cli, manifest

        def command(out: Path) -> None:
            with manifest.staged(out):
                print("ready", flush=True)
                time.sleep(60)

        sys.modules["slow"] = module = ModuleType("slow")
        module.command = command
        cli.COMMANDS = {"slow": cli.Entry("slow", "Slow.")}
        cli.main()
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script, "slow", str(tmp_path / "one")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    assert len(list(tmp_path.iterdir())) == 1
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (143, b"")
    assert list(tmp_path.iterdir()) == []


def test_the_module_runs_like_the_program(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "smolkit", "nope"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("smolkit: no such command 'nope'.")
