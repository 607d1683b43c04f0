"""An export that is killed in any phase leaves nothing under its name, and the next one is whole."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smolkit import manifest

pytest.importorskip("onnxruntime_genai", reason="pip install 'smolkit[onnx]'")

pytestmark = pytest.mark.slow

PHASES = ("torch float32", "in ONNX Runtime", "passed", "in llama.cpp", "q8_0: passed")


def start(model: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "smolkit", "export", str(model), "--target", "all", "--quant", "fp32,f16,q8_0",
               "--out", str(out), "--json"]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_kill_9_in_every_phase(tiny_model_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for phase in PHASES:
        process = start(tiny_model_dir, out)
        assert process.stderr is not None
        for line in process.stderr:
            if phase in line:
                process.kill()
                break
        assert process.wait() == -signal.SIGKILL, f"{phase} was never printed"
        assert not out.exists()
    process = start(tiny_model_dir, out)
    shown, _ = process.communicate()
    assert process.returncode == 0
    assert json.loads(shown).keys() == {"onnx", "webgpu", "gguf"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    for directory in (out, *(out / name for name in ("onnx", "webgpu", "gguf"))):
        manifest.read(directory)
