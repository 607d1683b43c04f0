"""Every app as a Space: its header names what lies in its folder. And the model that one serves when started alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from smolkit.assets import asset, list_assets

APPS = sorted({name.partition("/")[0] for name in list_assets("apps") if name.endswith("/app.py")})


@pytest.mark.parametrize("name", APPS)
def test_the_space_header_names_what_is_in_the_folder(name: str) -> None:
    folder = asset("apps", name)
    _, header, body = (folder / "README.md").read_text().split("---\n", 2)
    fields = yaml.safe_load(header)
    assert fields["sdk"] == "gradio"
    assert int(fields["sdk_version"].split(".")[0]) >= 6
    assert (folder / fields["app_file"]).is_file()
    assert len(fields["short_description"]) <= 60
    assert f"smolkit demo {name}" in body
    extras = "smolkit[apps,bundled,gguf" if "models" in fields else "smolkit[apps]"
    assert (folder / "requirements.txt").read_text().startswith(extras)


def test_the_environment_names_the_model_then_the_folder_then_it_is_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gradio", reason="an app is a Gradio page: pip install 'smolkit[apps]'")
    from smolkit.apps.serving import model_to_serve

    for name in ("SMOLKIT_MODEL", "SMOLKIT_RUNTIME"):
        monkeypatch.delenv(name, raising=False)
    assert model_to_serve(tmp_path) == ("bundled", None)
    (tmp_path / "model" / "receipts").mkdir(parents=True)
    assert model_to_serve(tmp_path) == (str(tmp_path / "model" / "receipts"), None)
    monkeypatch.setenv("SMOLKIT_MODEL", "me/mine")
    monkeypatch.setenv("SMOLKIT_RUNTIME", "torch")
    assert model_to_serve(tmp_path) == ("me/mine", "torch")


def test_several_models_are_those_of_the_environment_then_those_that_the_space_lists_then_those_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gradio", reason="an app is a Gradio page: pip install 'smolkit[apps]'")
    from smolkit.apps.serving import model_to_serve, models_to_serve
    from smolkit.manifest import Manifest, write

    for name in ("SMOLKIT_MODEL", "SMOLKIT_RUNTIME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("small", "large"):
        (tmp_path / "model" / name).mkdir(parents=True)
    assert models_to_serve(tmp_path) == ([f"{tmp_path}/model/large", f"{tmp_path}/model/small"], None)
    write(tmp_path, Manifest(kind="space", details={"models": ["model/small,torch", "bundled"]}))
    assert models_to_serve(tmp_path) == ([f"{tmp_path}/model/small,torch", "bundled"], None)
    monkeypatch.setenv("SMOLKIT_MODEL", f"me/mine,torch{os.pathsep}bundled")
    assert models_to_serve(tmp_path) == (["me/mine,torch", "bundled"], None)
    assert model_to_serve(tmp_path) == ("me/mine,torch", None)
