"""The wheel: built, installed into an environment of its own, and used from another directory than the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from smolkit import __version__, assets

pytest.importorskip("hatchling", reason="the wheel is built with hatchling: pip install 'smolkit[dev]'")

EXTRAS = {"bundled", "gguf", "onnx", "data", "apps", "vision", "distributed", "eval", "track", "dev", "all"}


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(repository)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it; its libraries are those that run the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True, with_pip=False)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, str(wheel)], check=True)
    own = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True)
    (Path(own.stdout.decode().strip()) / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def run(environment: Path, *command: str, cwd: Path) -> str:
    done = subprocess.run([environment / "bin" / command[0], *command[1:]], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_installed_program_answers_from_anywhere(installed: Path, tmp_path: Path) -> None:
    assert run(installed, "smolkit", "--version", cwd=tmp_path) == f"smolkit {__version__}\n"
    assert "finetune" in run(installed, "smolkit", "--help", cwd=tmp_path)
    assert "134,515,008" in run(installed, "smolkit", "models", "list", cwd=tmp_path)


def test_an_installation_uses_its_own_code_and_assets(installed: Path, tmp_path: Path) -> None:
    code = "import smolkit.assets as a; print(a.__file__); [print(a.asset(kind)) for kind in a.KINDS]"
    places = run(installed, "python", "-c", code, cwd=tmp_path).splitlines()
    assert len(places) == 5
    assert all(Path(place).is_relative_to(installed) for place in places)


@pytest.mark.parametrize("kind", assets.KINDS)
def test_every_asset_of_the_checkout_is_in_the_installation(installed: Path, tmp_path: Path, kind: str) -> None:
    code = f"import json, smolkit.assets as a; print(json.dumps(a.list_assets({kind!r})))"
    assert json.loads(run(installed, "python", "-c", code, cwd=tmp_path)) == assets.list_assets(kind)


def test_the_wheel_is_typed_licensed_and_free_of_caches(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "smolkit/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests/", "benchmarks/"))]


def test_extras_are_named_by_capability_and_all_is_their_sum(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    assert set(extras) == EXTRAS
    (everything,) = extras["all"]
    named = set(everything.removeprefix("smolkit[").removesuffix("]").split(","))
    assert named == EXTRAS - {"all", "dev"}


def test_the_package_says_what_it_needs(project: dict[str, Any]) -> None:
    assert project["requires-python"] == ">=3.11"
    assert project["license"] == "Apache-2.0"


def test_the_changelog_speaks_of_this_version(repository: Path) -> None:
    assert f"## {__version__}" in (repository / "CHANGELOG.md").read_text()
