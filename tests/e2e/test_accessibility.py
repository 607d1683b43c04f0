"""Every app under axe-core, light and dark: nothing that it calls serious or critical."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smolkit.assets import asset

pytest.importorskip("gradio", reason="the apps are Gradio pages: pip install 'smolkit[apps]'")
pytest.importorskip("llama_cpp", reason="llama.cpp runs the model here: pip install 'smolkit[gguf]'")
sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install 'smolkit[dev]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core: pip install 'smolkit[dev]'")

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


Opened = Callable[[], AbstractContextManager[Any]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The metrics of a run as smolkit writes them."""
    folder = tmp_path_factory.mktemp("runs") / "base.run"
    folder.mkdir()
    lines = [
        {"step": step, "stage": "all", "loss": 9 - step / 10, "loss_by_source": {"text": 9 - step / 10},
         "learning_rate": 1e-3, "gradient_norm": 1.0, "tokens": 512 * step, "tokens_per_second": 900.0, "mfu": 0.3,
         "mfu_without_embedding": 0.1, "seconds": 0.5, "data_wait_share": 0.0, "memory_gib": 1.0}
        for step in range(1, 40)
    ]  # fmt: skip
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def opener(name: str, run: Path) -> Opened:
    from smolkit.runtime import open_backend, open_extractor

    return {
        "extraction": lambda: closing(open_extractor("bundled", runtime="llama.cpp")),
        "chat": lambda: closing(open_backend("bundled", runtime="llama.cpp")),
        "training": lambda: nullcontext([run]),
        "scoreboard": lambda: nullcontext([asset("evals", "results")]),
    }[name]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["extraction", "chat", "training", "scoreboard"])
def test_no_serious_finding(browser: Browser, bundled: Path, run: Path, name: str, scheme: str) -> None:
    from smolkit.cli.demo import served

    with served(name, opener(name, run), "bundled") as (_, _, address):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.goto(address)
        page.get_by_role("heading", level=1).wait_for()
        page.wait_for_timeout(2000)  # until what the page loads of itself has come
        found = axe.Axe().run(page).response["violations"]
        context.close()
    serious = [finding for finding in found if finding["impact"] in ("serious", "critical")]
    assert [(finding["id"], node["html"][:120]) for finding in serious for node in finding["nodes"]] == []
