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
    from playwright.sync_api import Browser, Page

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
    (folder / "samples.jsonl").write_text(json.dumps({"step": 39, "prompt": "Once", "text": " upon a time"}) + "\n")
    (folder / "run.json").write_text(json.dumps({"recipe": {"steps": 40}, "plan": {"steps": 40}}))
    return folder


def opener(name: str, run: Path) -> Opened:
    from smolkit.apps.models import Models, read_models
    from smolkit.apps.vision.models import Readers, choose
    from smolkit.runtime import open_backend

    return {
        "extraction": lambda: Models.of(read_models(["bundled,llama.cpp"])),
        "issue-generator": lambda: Models.of(read_models(["bundled,llama.cpp"])),
        "vision": lambda: Readers.of(choose(read_models(["bundled,llama.cpp"]))),
        "chat": lambda: closing(open_backend("bundled", runtime="llama.cpp")),
        "training": lambda: nullcontext([run]),
        "scoreboard": lambda: nullcontext([asset("evals", "results")]),
    }[name]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["extraction", "issue-generator", "vision", "chat", "training", "scoreboard"])
def test_no_serious_finding(browser: Browser, bundled: Path, run: Path, name: str, scheme: str) -> None:
    from smolkit.apps.hosting import served

    with served(name, opener(name, run), "bundled") as (_, _, address):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.goto(address)
        page.get_by_role("heading", level=1).wait_for()
        page.wait_for_timeout(2000)  # until what the page loads of itself has come
        assert serious(page) == []
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_in_what_the_training_app_unfolds(browser: Browser, run: Path, scheme: str) -> None:
    from smolkit.apps.hosting import served

    with served("training", opener("training", run), "base") as (_, _, address):
        context = browser.new_context(viewport={"width": 375, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.goto(address)
        page.locator("#plots figure").first.wait_for()
        for name in ("Samples", "Last lines of the ledger", "Plan and recipe as recorded"):
            page.get_by_role("button", name=name).click()
        page.locator("#samples section").wait_for()
        assert serious(page) == []
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_in_what_the_extraction_app_makes_of_a_text(
    browser: Browser, bundled_file: Path, scheme: str
) -> None:
    from smolkit.apps.hosting import served
    from smolkit.apps.models import Models, read_models

    given = read_models(["bundled,llama.cpp", str(bundled_file)])
    with served("extraction", lambda: Models.of(given), "bundled") as (_, _, address):
        context = browser.new_context(viewport={"width": 375, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.goto(address)
        page.get_by_role("button", name="Fill the template", exact=True).click()
        page.locator("#marked mark").first.wait_for(timeout=120_000)
        page.locator("#figures .remark", has_text="tokens/s").wait_for(timeout=120_000)
        page.locator("#fill:enabled").wait_for()
        page.locator("#marked mark").first.focus()
        assert serious(page) == []
        page.get_by_role("tab", name="Compare").click()
        page.locator("#reference .cm-content").fill('{"product": "Galet 2"}')
        page.get_by_role("button", name="Compare", exact=True).click()
        page.locator("#compare-status .remark", has_text="2 of 2 models").wait_for(timeout=120_000)
        page.locator("#compare:enabled").wait_for()
        assert serious(page) == []
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_in_what_the_vision_app_makes_of_an_image(
    browser: Browser, tiny_vlm: Path, scheme: str
) -> None:
    from smolkit.apps.hosting import served
    from smolkit.apps.models import read_models
    from smolkit.apps.vision.models import Readers, choose

    given = [f"{tiny_vlm},torch,float32", f"{tiny_vlm},torch"]
    with served("vision", lambda: Readers.of(choose(read_models(given))), "tiny") as (_, _, address):
        context = browser.new_context(viewport={"width": 375, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.goto(address)
        page.get_by_role("button", name="Fill the template", exact=True).click()
        page.locator("#figures .remark", has_text="tokens/s").wait_for(timeout=120_000)
        page.locator("#fill:enabled").wait_for()
        assert serious(page) == []
        page.get_by_role("button", name="Remove Image").click()
        page.get_by_role("tab", name="Ask a question").click()
        page.get_by_role("button", name="Ask", exact=True).click()
        page.locator("#ask-figures .remark.bad", has_text="no image was chosen").wait_for(timeout=120_000)
        assert serious(page) == []
        page.get_by_label("Example").click()
        page.get_by_role("option", name="Shapes").click()
        page.locator("#image-status .remark", has_text="128 x 128").wait_for()
        page.get_by_role("button", name="Ask", exact=True).click()
        page.locator("#ask-figures .remark", has_text="tokens/s").wait_for(timeout=120_000)
        page.locator("#ask:enabled").wait_for()
        assert serious(page) == []
        context.close()


ISSUE = {
    "title": "Export crashes",
    "labels": ["bug", "feature", "documentation", "question", "performance", "security", "usability", "other"],
    "priority": "critical",
    "description": "It crashes.",
    "steps": ["Press Export", "Pick CSV"],
    "environment": {"os": "Linux"},
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_in_an_issue(browser: Browser, bundled: Path, run: Path, scheme: str) -> None:
    from smolkit.apps.hosting import served
    from smolkit.apps.issues import card

    with served("issue-generator", opener("issue-generator", run), "bundled") as (_, _, address):
        context = browser.new_context(viewport={"width": 375, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.goto(address)
        page.get_by_role("button", name="JSON Schema of the issue").click()
        page.get_by_role("button", name="Generate the issue").click()
        page.locator("#figures .remark", has_text="tokens/s").wait_for(timeout=120_000)
        page.locator("#generate:enabled").wait_for()
        for priority in ("low", "medium", "high", "critical"):
            shown = card({**ISSUE, "priority": priority})
            page.locator("#issue .issue").evaluate("(element, html) => { element.outerHTML = html; }", shown)
            assert serious(page) == []
        for tab in ("Markdown", "JSON"):
            page.get_by_role("tab", name=tab).click()
            assert serious(page) == []
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_in_the_static_page(
    browser: Browser, webgpu_export: Path, tmp_path: Path, scheme: str
) -> None:
    from smolkit.apps.static_space import write_static_space
    from smolkit.serve import serving

    write_static_space("issue-generator", webgpu_export, tmp_path / "space")
    with serving(tmp_path / "space") as address:
        context = browser.new_context(viewport={"width": 375, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.goto(address)
        page.locator("#model[data-state=ready]").wait_for(timeout=120_000)
        assert serious(page) == []
        page.get_by_text("JSON Schema of the issue").click()
        page.locator("#schema").fill('{"properties": {"labels": {"items": {"enum": ["bug", "security"]}}, "x": {}}}')
        page.get_by_role("button", name="Generate the issue").click()
        page.locator("#figures", has_text="prompt tokens").wait_for(timeout=120_000)
        for tab in ("Issue", "Markdown", "JSON"):
            page.get_by_role("tab", name=tab).click()
            assert serious(page) == []
        page.locator("#schema").fill("{")
        assert serious(page) == []
        context.close()


def serious(page: Page) -> list[tuple[str, str]]:
    """What axe-core calls serious or critical, once no colour fades any more: the rule, and the element."""
    while page.evaluate("document.getAnimations().some((one) => one instanceof CSSTransition)"):
        page.wait_for_timeout(50)
    found = axe.Axe().run(page).response["violations"]
    worst = [finding for finding in found if finding["impact"] in ("serious", "critical")]
    return [(finding["id"], node["html"][:120]) for finding in worst for node in finding["nodes"]]
