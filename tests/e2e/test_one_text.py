"""The real model gives the same greedy text in every runtime: torch, ONNX Runtime, onnxruntime-genai, llama.cpp, Node
and Chromium, from the files that one command writes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("llama_cpp", reason="pip install 'smolkit[gguf]'")
pytest.importorskip("onnxruntime_genai", reason="pip install 'smolkit[onnx]'")

from smolkit.export.run import export

if TYPE_CHECKING:
    from transformers import PreTrainedModel

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-quic", "--disable-gpu")  # fmt: skip


@pytest.fixture(scope="module")
def exported(bundled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exports") / "out"
    export(
        "bundled", out, ["onnx", "webgpu", "gguf"], quants=["fp32", "f16"], prompt_format="smolkit-1",
        page=shutil.which("npm") is not None,
    )  # fmt: skip
    return out


@pytest.fixture(scope="module")
def asked(exported: Path, bundled: Path) -> tuple[list[int], list[int]]:
    """A prompt of at least 40 tokens, and what torch goes on with in float32."""
    import torch

    from smolkit.export.gate import make_reference
    from smolkit.models import load_model, load_tokenizer

    model: PreTrainedModel = load_model(bundled, dtype=torch.float32)
    reference = make_reference(model, load_tokenizer(bundled), prompt_format="smolkit-1", end_ids=frozenset({2}))
    return reference.surest(40)


def test_in_python(exported: Path, asked: tuple[list[int], list[int]]) -> None:
    from smolkit.export.genai import GenaiModel
    from smolkit.export.llama_candidate import LlamaCandidate
    from smolkit.export.onnx_candidate import OnnxCandidate

    prompt, tokens = asked
    assert len(prompt) >= 40
    directory = exported / "onnx"
    assert OnnxCandidate(directory / "model.onnx", directory).greedy(prompt, len(tokens)) == tokens
    assert GenaiModel(directory).greedy(prompt, len(tokens)) == tokens
    (file,) = (exported / "gguf").glob("*-f16.gguf")
    llama = LlamaCandidate(file, tokens=len(prompt) + len(tokens), threads=2)
    assert llama.decode(prompt, tokens).argmax(axis=-1).tolist() == tokens
    llama.close()


def test_in_node(exported: Path, asked: tuple[list[int], list[int]]) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no node here: install Node.js 20 or newer")
    from smolkit.assets import asset
    from smolkit.export.page import node_modules

    prompt, tokens = asked
    request: dict[str, Any] = {
        "task": "greedy", "directory": str(exported / "webgpu"), "name": "webgpu", "dtype": "fp32",
        "prompts": [prompt], "count": len(tokens), "page": str(asset("export", "webgpu", "page")),
        "library": str(node_modules() / "@huggingface" / "transformers" / "dist" / "transformers.node.mjs"),
    }  # fmt: skip
    script = Path(__file__).parent.parent / "export" / "transformers_js.mjs"
    done = subprocess.run(["node", str(script)], input=json.dumps(request), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["generated"] == [tokens]


def test_in_chromium(exported: Path, asked: tuple[list[int], list[int]]) -> None:
    """The page shows itself ready once WebAssembly has given the tokens of its self-test, which are torch's."""
    api = pytest.importorskip("playwright.sync_api", reason="pip install 'smolkit[dev]'")
    if CHROMIUM is None or shutil.which("npm") is None:
        pytest.skip("no Chromium or no npm here")
    from smolkit.serve import serving

    prompt, tokens = asked
    settings = json.loads((exported / "webgpu" / "smolkit_page.json").read_text())
    assert settings["selftest"] == {"prompt_ids": prompt, "tokens": tokens}
    with serving(exported / "webgpu") as address, api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page()
        page.goto(f"{address}?device=wasm")
        api.expect(page.locator("#model")).to_have_attribute("data-state", "ready", timeout=400_000)
        api.expect(page.locator("#status")).to_contain_text("fp32")
        browser.close()
