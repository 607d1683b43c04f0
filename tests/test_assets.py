from __future__ import annotations

from pathlib import Path

import pytest

from smolkit import assets
from smolkit.assets import asset, list_assets
from smolkit.errors import SmolkitError


def test_a_checkout_finds_its_assets_beside_the_package(repository: Path) -> None:
    assert asset("recipes", "README.md") == repository / "recipes" / "README.md"
    assert asset("apps") == repository / "apps"


def test_every_kind_is_there() -> None:
    for kind in assets.KINDS:
        assert asset(kind).is_dir()


@pytest.fixture
def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with a few recipes."""
    for name in ("finetune/big.yaml", "smoke/tiny.yaml", "README.md", ".hidden/x.yaml", "__pycache__/y.pyc"):
        path = tmp_path / "recipes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setattr(assets, "_INSTALLED", tmp_path)
    return tmp_path


def test_an_installation_finds_its_assets_inside_the_package(furnished: Path) -> None:
    assert asset("recipes", "smoke", "tiny.yaml") == furnished / "recipes" / "smoke" / "tiny.yaml"
    assert asset("recipes", "smoke/tiny.yaml") == furnished / "recipes" / "smoke" / "tiny.yaml"


def test_a_listing_is_sorted_and_leaves_out_notes_and_caches(furnished: Path) -> None:
    assert list_assets("recipes") == ["finetune/big.yaml", "smoke/tiny.yaml"]


def test_an_unknown_asset_names_the_nearest(furnished: Path) -> None:
    with pytest.raises(SmolkitError, match=r"nothing named 'smoke/tony\.yaml' in recipes/\. Did you mean 'smoke/tiny"):
        asset("recipes", "smoke", "tony.yaml")
    with pytest.raises(SmolkitError, match="Did you mean 'finetune'"):
        asset("recipes", "fine-tune")


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(SmolkitError, match=r"unknown asset kind 'recipe'\. Did you mean 'recipes'"):
        asset("recipe", "x.yaml")
    with pytest.raises(SmolkitError, match="unknown asset kind 'app'"):
        list_assets("app")
