"""Which models see, and what the app makes of those that it is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from smolkit.apps.models import Given, read_models
from smolkit.apps.vision.models import Readers, choose, default_models, sees
from smolkit.runtime.pictures import layout_of


def model_directory(directory: Path, kind: str) -> str:
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps({"model_type": kind}))
    return str(directory)


def test_a_model_sees_by_its_name_its_configuration_or_the_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "gguf").mkdir()
    for name in ("vlm-q8_0.gguf", "mmproj-vlm-f16.gguf", "text-q8_0.gguf"):
        (tmp_path / "gguf" / name).write_bytes(b"GGUF")
    seeing = ["smolvlm2-256m-video-instruct", "you/some-vlm", model_directory(tmp_path / "vlm", "smolvlm")]
    seeing += [str(tmp_path / "gguf"), str(tmp_path / "gguf" / "vlm-q8_0.gguf")]
    blind = ["bundled", "smollm2-135m-instruct", model_directory(tmp_path / "text", "llama")]
    blind += [str(tmp_path / "gguf" / "text-q8_0.gguf"), str(tmp_path / "not-there")]
    assert [sees(model) for model in seeing] == [True] * 5
    assert [sees(model) for model in blind] == [False] * 5


@pytest.mark.slow
def test_an_export_for_the_browser_offers_each_precision_and_sees(vlm_export: Path) -> None:
    with Readers.of(choose(read_models([str(vlm_export)]))) as readers:
        assert readers.seeing is not None
        name = vlm_export.name
        assert sorted(readers.seeing.names) == [f"{name} (onnx, fp32)", f"{name} (onnx, q8)"]
        for model in readers.seeing.names:
            assert layout_of(readers.seeing.get(model).backend).tokens == 4


def test_models_that_do_not_see_fill_from_the_text_and_so_does_the_bundled_one_where_there_is_none() -> None:
    text, vlm = Given("smollm2-135m-instruct"), Given("smolvlm-256m-instruct")
    assert (choose([vlm]).seeing, choose([vlm]).reading) == ([vlm], [Given("bundled")])
    assert (choose([vlm, text]).seeing, choose([vlm, text]).reading) == ([vlm], [text])
    assert (choose([]).seeing, choose([]).reading) == ([], [Given("bundled")])
    assert choose([vlm], read_models(["bundled,onnx"])).reading == [Given("bundled", "onnx")]


def test_without_a_network_there_is_no_model_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert default_models() == []


def test_the_first_model_that_sees_is_open_and_what_reads_text_waits(tiny_vlm: Path, bundled_file: Path) -> None:
    with Readers.of(choose(read_models([str(tiny_vlm)]), read_models([str(bundled_file)]))) as readers:
        assert readers.seeing is not None
        assert readers.seeing.has_open(tiny_vlm.name)
        assert not readers.reading.has_open(bundled_file.name)
        assert readers.names == [tiny_vlm.name, bundled_file.name]
    with Readers.of(choose(read_models([str(bundled_file)]))) as readers:
        assert readers.seeing is None
        assert readers.reading.has_open(bundled_file.name)
