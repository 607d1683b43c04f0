"""A static Space: the app's page over what an export brings, and what is refused before anything is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from smolkit import manifest
from smolkit.apps.static_space import write_static_space
from smolkit.assets import asset, list_assets
from smolkit.errors import ManifestError, SmolkitError
from smolkit.export.page import SETTINGS, front_matter, leaf_types, space_header, write_page
from smolkit.manifest import EXPORT_MANIFEST, Manifest

APP = "issue-generator"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """What `smolkit export --target webgpu --page` writes, with a few bytes for the weights."""
    directory = tmp_path / "web"
    (directory / "onnx").mkdir(parents=True)
    (directory / "onnx" / "model_q4.onnx_data").write_bytes(b"weights")
    (directory / "config.json").write_text(json.dumps({"max_position_embeddings": 2048}))
    write_page(
        directory,
        title="issues",
        prompt_format="smolkit-1",
        selftest={"prompt_ids": list(range(100, 140)), "tokens": [1, 2, 3]},
        allowed={"webgpu": ["q4"], "wasm": ["q4"]},
        libraries="cdn",
    )
    header = {**space_header("issues"), "license": "mit", "tags": ["webgpu"]}
    (directory / "README.md").write_text(f"{front_matter(header)}\n# issues for transformers.js\n\nThe gate.\n")
    seal(directory)
    return directory


def seal(directory: Path, kind: str = "webgpu") -> None:
    described = Manifest(kind=kind, prompt_format="smolkit-1", scores={"q4": {"f1": 0.9}})
    manifest.write(directory, described, name=EXPORT_MANIFEST)


def settings_of(directory: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((directory / SETTINGS).read_text())
    return content


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_space_has_the_page_of_the_app_over_the_files_of_the_export(export: Path, tmp_path: Path) -> None:
    (export / "notes.txt").write_text("mine")  # no manifest names it
    write_static_space(APP, export, tmp_path / "space")
    space = tmp_path / "space"
    shared = {f"page/{Path(name).name}" for name in list_assets("export") if name.startswith("webgpu/page/")}
    own = {f"page/{Path(name).name}" for name in list_assets("apps") if name.startswith(f"{APP}/page/")}
    assert files(space) == (shared | own) - {"page/index.html"} | {
        "README.md", "config.json", "index.html", "onnx/model_q4.onnx_data", "smolkit.json", SETTINGS,
    }  # fmt: skip
    folder = asset("apps", APP, "page")
    assert (space / "page" / "app.js").read_bytes() == (folder / "app.js").read_bytes()
    assert (space / "index.html").read_bytes() == (folder / "index.html").read_bytes()


def test_every_module_that_the_page_imports_and_every_file_that_it_names_is_there(export: Path, tmp_path: Path) -> None:
    write_static_space(APP, export, tmp_path / "space")
    page = tmp_path / "space" / "page"
    for module in page.glob("*.js"):
        for line in module.read_text().splitlines():
            if line.startswith(("import ", "} from ")):
                assert (page / line.split('"')[1]).is_file(), f"{module.name}: {line}"
    index = (tmp_path / "space" / "index.html").read_text()
    for name in ("page/style.css", "page/issue.css", "page/app.js"):
        assert f'"{name}"' in index
        assert (tmp_path / "space" / name).is_file()


def test_the_settings_are_those_of_the_export_with_the_schema_and_the_examples(export: Path, tmp_path: Path) -> None:
    before = settings_of(export)
    before["leaf_types"] = {}  # of another version
    (export / SETTINGS).write_text(json.dumps(before))
    seal(export)
    write_static_space(APP, export, tmp_path / "space")
    after = settings_of(tmp_path / "space")
    own = {"title", "schema", "examples", "leaf_types"}
    assert {key: after[key] for key in before if key not in own} == {
        key: before[key] for key in before if key not in own
    }
    assert after["title"] == "Issue generator"
    assert after["leaf_types"] == leaf_types()
    assert json.loads(after["schema"]) == json.loads(asset("apps", APP, "schema.json").read_text())
    assert after["examples"] == json.loads(asset("apps", APP, "examples.json").read_text())


def test_the_readme_is_that_of_a_static_space_and_keeps_the_card_of_the_model(export: Path, tmp_path: Path) -> None:
    write_static_space(APP, export, tmp_path / "space")
    _, header, body = (tmp_path / "space" / "README.md").read_text().split("---\n", 2)
    fields = yaml.safe_load(header)
    expected = space_header("Issue generator")
    assert {key: fields[key] for key in expected} == expected
    assert fields["license"] == "mit"
    assert len(fields["short_description"]) <= 60
    assert not {"sdk_version", "python_version", "models"} & set(fields)
    assert "# issues for transformers.js\n\nThe gate." in body


def test_the_manifest_is_true_and_names_the_export(export: Path, tmp_path: Path) -> None:
    write_static_space(APP, export, tmp_path / "space")
    written = manifest.read(tmp_path / "space")
    assert written.kind == "space"
    assert written.prompt_format == "smolkit-1"
    assert set(written.files) == files(tmp_path / "space") - {"smolkit.json"}
    assert written.sources[0].sha256 == manifest.sha256_directory(export)
    assert written.scores == {"q4": {"f1": 0.9}}
    (tmp_path / "space" / "onnx" / "model_q4.onnx_data").write_bytes(b"changed")
    with pytest.raises(ManifestError, match="changed since written"):
        manifest.read(tmp_path / "space")


def test_a_space_that_was_written_before_is_replaced(export: Path, tmp_path: Path) -> None:
    for _ in range(2):
        write_static_space(APP, export, tmp_path / "space")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["space", "web"]


NO_EXPORT = r"is no WebGPU export with a page. Make one with: smolkit export MODEL --target webgpu --page --out DIR"


def test_what_is_no_export_with_a_page_is_refused(export: Path, tmp_path: Path) -> None:
    for given in (Path("bundled"), tmp_path / "no", tmp_path):
        with pytest.raises(SmolkitError, match=NO_EXPORT):
            write_static_space(APP, given, tmp_path / "space")
    seal(export, kind="space")
    with pytest.raises(SmolkitError, match=NO_EXPORT):
        write_static_space(APP, export, tmp_path / "space")
    (export / EXPORT_MANIFEST).unlink()
    with pytest.raises(ManifestError, match=r"no smolkit\.json here"):
        write_static_space(APP, export, tmp_path / "space")
    assert not (tmp_path / "space").exists()


def test_an_export_that_was_changed_is_refused(export: Path, tmp_path: Path) -> None:
    (export / "onnx" / "model_q4.onnx_data").write_bytes(b"WEIGHTS")
    with pytest.raises(ManifestError, match="changed since written"):
        write_static_space(APP, export, tmp_path / "space")
    assert not (tmp_path / "space").exists()


def test_an_export_with_other_libraries_is_refused(export: Path, tmp_path: Path) -> None:
    settings = settings_of(export)
    settings["libraries"]["transformers"]["integrity"] = "sha384-other"
    (export / SETTINGS).write_text(json.dumps(settings))
    seal(export)
    with pytest.raises(SmolkitError, match=r"was written for other versions of transformers\.js .* Export the model"):
        write_static_space(APP, export, tmp_path / "space")


def test_the_export_itself_is_not_overwritten(export: Path) -> None:
    with pytest.raises(ManifestError, match="which is to be written anew"):
        write_static_space(APP, export, export)
    assert settings_of(export)["title"] == "issues"
