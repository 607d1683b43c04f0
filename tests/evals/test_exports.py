"""Every file of an export directory is found, run in a process of its own, and put into one table and one plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smolkit.errors import ManifestError, SmolkitError
from smolkit.evals.exports import Scored, Side, find_sides, score_sides, write_report
from smolkit.manifest import EXPORT_MANIFEST, Manifest, Source, write
from smolkit.models.device import pick_dtype

SMOLVLM = ("vision_encoder", "embed_tokens", "decoder_model_merged")


def fake_export(root: Path, source: str) -> Path:
    """Files of the right names; what is in them is not looked at when they are found."""
    for target, quant, files in (
        ("gguf", "q4_k_m", ["tiny-q4_k_m.gguf", "mmproj-tiny-f16.gguf"]),
        ("onnx", "q4", ["model.onnx", "model.onnx.data"]),
        ("webgpu", "fp32", ["onnx/model.onnx", "onnx/model.onnx_data"]),
        ("webgpu-vision", "q8", [f"onnx/{part}_quantized.onnx" for part in SMOLVLM]),
    ):
        for file in files:
            (root / target / file).parent.mkdir(parents=True, exist_ok=True)
            (root / target / file).write_bytes(b"x" * 10)
        gate = {"files": [{"quant": quant, "files": files}]}
        manifest = Manifest(kind=target, sources=(Source(role="model", name=source),), details={"gate": gate})
        write(root / target, manifest, name=EXPORT_MANIFEST)
    return root


def test_files_are_found_with_their_precision_and_whole_size(tmp_path: Path) -> None:
    sides = find_sides(fake_export(tmp_path, "gone"))
    found = {(side.runtime, side.precision): side.size for side in sides}
    assert found == {("llama.cpp", "q4_k_m"): 10, ("onnx", "q4"): 20, ("onnx", "fp32"): 20, ("onnx", "q8"): 10}


def test_the_source_comes_first_where_it_is_still_there(tmp_path: Path, bundled: Path) -> None:
    first = find_sides(fake_export(tmp_path, "bundled"))[0]
    assert (first.runtime, first.model, first.dtype) == ("torch", "bundled", first.precision)
    assert first.precision == str(pick_dtype()).removeprefix("torch.")
    assert first.size == (bundled / "model.safetensors").stat().st_size


def test_a_directory_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no GGUF or ONNX file here or below"):
        find_sides(tmp_path)
    with pytest.raises(ManifestError, match="no such directory"):
        find_sides(tmp_path / "none")


def test_a_side_that_fails_says_why_in_one_line(tmp_path: Path) -> None:
    side = Side("onnx", "q4", str(tmp_path / "none.onnx"), 1)
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"text": "a", "template": {"x": ""}, "output": {"x": "a"}}) + "\n")
    with pytest.raises(SmolkitError, match=r"none\.onnx"):
        score_sides([side], str(rows), [])


def test_the_report_has_a_table_and_a_plot(tmp_path: Path) -> None:
    scored = [
        Scored(Side("torch", "bfloat16", "bundled", 269_000_000), 0.8, 1.0, 50.0, 10**9),
        Scored(Side("onnx", "q4", "x.onnx", 108_000_000), 0.79, 2.0, 90.0, 4 * 10**8),
    ]
    write_report(scored, tmp_path, data="rows.jsonl")
    content: Any = json.loads((tmp_path / "exports.json").read_text())
    assert content["sides"][1]["micro_f1"] == 0.79
    assert "| onnx | q4 | 0.790 | 108 | 2.00 | 90 | 400 |" in (tmp_path / "exports.md").read_text()
    assert (tmp_path / "exports.png").read_bytes().startswith(b"\x89PNG")
