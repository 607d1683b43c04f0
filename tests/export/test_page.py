"""The page's files: what they say, where the libraries come from, and what happens without them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from smolkit.assets import asset, list_assets
from smolkit.errors import SmolkitError
from smolkit.export import page as module
from smolkit.export.page import SETTINGS, front_matter, library_source, node_modules, space_header, write_page

PROMPT = list(range(100, 140))


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A directory of the right names, without a model."""
    directory = tmp_path / "export"
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps({"max_position_embeddings": 2048}))
    return directory


def written(directory: Path, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "title": "Invoices: 1",
        "prompt_format": "smolkit-1",
        "selftest": {"prompt_ids": PROMPT, "tokens": [1, 2, 3]},
        "allowed": {"webgpu": ["q4"], "wasm": []},
        "libraries": "cdn",
    }
    write_page(directory, **{**arguments, **changes})
    settings: dict[str, Any] = json.loads((directory / SETTINGS).read_text())
    return settings


def test_the_settings_hold_what_the_page_must_not_know_itself(export: Path) -> None:
    settings = written(export, prompt_format="nuextract-2.0")
    assert settings["format"]["id"] == "nuextract-2.0"
    assert settings["format"]["text_heading"] == "# Context:\n"
    assert settings["leaf_types"]["date"]["example"] == "2024-01-15"
    assert settings["limits"]["context"] == 2048
    assert settings["selftest"] == {"prompt_ids": PROMPT, "tokens": [1, 2, 3]}
    assert settings["examples"][0]["template"].startswith('{\n  "product": "verbatim-string"')
    assert written(export)["format"]["id"] == "smolkit-1"


def test_every_file_of_the_page_is_there(export: Path) -> None:
    written(export)
    for name in list_assets("export"):
        if name.startswith("webgpu/page/"):
            assert (export / name.removeprefix("webgpu/")).is_file()
    assert (export / "index.html").is_file()
    assert not (export / "package.json").exists()


def test_an_npm_that_fetches_nothing_leaves_the_page_to_the_cdn(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Path:
        raise SmolkitError("npm could not install the page's libraries (no network)")

    said: list[str] = []
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/npm")
    monkeypatch.setattr(module, "node_modules", fails)
    assert library_source(said.append) == "cdn"
    assert said == [
        "npm could not install the page's libraries (no network). The page will load its libraries from a CDN"
    ]


def test_without_npm_the_page_refers_to_pinned_files_with_their_hashes(
    export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    libraries = written(export, libraries=None)["libraries"]
    versions = json.loads(asset("export", "webgpu", "package.json").read_text())["dependencies"]
    assert libraries["transformers"]["url"] == (
        f"https://cdn.jsdelivr.net/npm/@huggingface/transformers@{versions['@huggingface/transformers']}"
        "/dist/transformers.min.js"
    )
    assert all(library["integrity"].startswith("sha384-") for library in libraries.values())
    assert not (export / "vendor").exists()


def test_versions_are_exact() -> None:
    versions = json.loads(asset("export", "webgpu", "package.json").read_text())["dependencies"]
    assert all(version[0].isdigit() for version in versions.values())


def test_the_readme_makes_a_static_space_and_one_that_is_there_stays(export: Path) -> None:
    written(export)
    head, _, body = (export / "README.md").read_text().removeprefix("---\n").partition("---\n")
    assert yaml.safe_load(head) == space_header("Invoices: 1")
    assert yaml.safe_load(head)["custom_headers"]["cross-origin-embedder-policy"] == "require-corp"
    assert body == "\n# Invoices: 1\n"
    (export / "README.md").write_text("mine")
    written(export)
    assert (export / "README.md").read_text() == "mine"
    assert front_matter({"title": "é: x"}) == "---\ntitle: 'é: x'\n---\n"


def test_a_library_that_was_changed_is_refused(export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modules = tmp_path / "npm" / "node_modules"
    for library in json.loads(asset("export", "webgpu", "libraries.json").read_text()).values():
        file = modules / library["package"] / library["file"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("other")
    monkeypatch.setattr(module, "node_modules", lambda: modules)
    with pytest.raises(SmolkitError, match=r"has not the dist/transformers\.min\.js that this page was proven with"):
        written(export, libraries="vendor")


def test_npm_that_fails_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str], **_: object) -> None:
        raise subprocess.CalledProcessError(1, command, stderr="npm error code ENOTFOUND\nnpm error no such host\n")

    monkeypatch.setenv("SMOLKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda _: "npm")
    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(SmolkitError, match=r"npm could not install the page's libraries \(no such host\)\. Check the"):
        node_modules()
    assert list((tmp_path / "npm").iterdir()) == []
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(SmolkitError, match=r"npm is not installed, and brings transformers\.js\. Install Node"):
        node_modules()
