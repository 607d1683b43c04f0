"""The page of a WebGPU export as a visitor meets it: served by `smolkit serve`, in headless Chromium.

`SMOLKIT_SCREENSHOTS=DIR` keeps a picture of each width and colour scheme there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smolkit.serve import serving

sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install 'smolkit[dev]'")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

expect = sync_api.expect
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]
READY_MS = 120_000
SLOW_MS = 420_000

TEXT = "Fresh lemons from Menton, 2.40 EUR the kilo, picked on 3 March 2025 by Odile Ferrand."
TEMPLATE = '{"place": "verbatim-string", "kind": ["fruit", "fish"], "prices": ["number"]}'

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from launched("--disable-gpu")


def launched(*flags: str) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(webgpu_export: Path) -> Iterator[str]:
    with serving(webgpu_export) as address:
        yield address


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One browser profile for all tests: the model is downloaded once and then comes from its cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture(scope="module")
def requests(context: BrowserContext) -> list[str]:
    """Every address that a page of the profile asked for."""
    seen: list[str] = []
    context.on("request", lambda request: seen.append(request.url))
    return seen


@pytest.fixture(scope="module")
def errors() -> list[str]:
    return []


@pytest.fixture(scope="module")
def page(context: BrowserContext, requests: list[str], errors: list[str], address: str) -> Page:
    """The page with its model loaded, on WebAssembly."""
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    expect(page.locator("#model")).to_have_attribute("data-state", "ready", timeout=READY_MS)
    return page


@pytest.fixture(autouse=True)
def no_errors(errors: list[str]) -> Iterator[None]:
    """What the page's scripts throw fails the test."""
    yield
    assert errors == []


def fill(page: Page, text: str = TEXT, template: str = TEMPLATE) -> dict[str, object]:
    page.get_by_label("Template", exact=True).fill(template)
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_role("button", name="Fill the template").click()
    expect(page.locator("#figures")).to_contain_text("prompt tokens", timeout=READY_MS)
    return json.loads(page.locator("#result").inner_text())  # type: ignore[no-any-return]


def test_the_page_loads_from_its_own_origin_and_passes_its_self_test(
    page: Page, requests: list[str], address: str
) -> None:
    expect(page.locator("#status")).to_have_text(
        re.compile(r"Ready, on the processor \(WebAssembly, q4, \d+ threads?\)\. It works offline from here on\.")
    )
    expect(page.locator("#model")).to_have_attribute("data-unpacked", "true")
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_text("tiny")
    assert page.evaluate("crossOriginIsolated")
    assert [url for url in requests if not url.removeprefix("blob:").startswith((address, "data:"))] == []


def test_a_visitor_fills_a_template_sees_the_places_and_takes_the_file(page: Page) -> None:
    output = fill(page)
    assert list(output) == ["place", "kind", "prices"]
    assert output["place"] is None or str(output["place"]) in TEXT
    assert output["kind"] in (None, "fruit", "fish")
    assert all(isinstance(price, int | float) for price in output["prices"])  # type: ignore[attr-defined]
    assert "".join(page.locator("#marked > *").evaluate_all("all => all.map(one => one.firstChild.data)")) == TEXT
    if output["place"]:
        assert output["place"] in page.locator("#marked mark").evaluate_all(
            "all => all.map(one => one.firstChild.data)"
        )
    assert re.fullmatch(
        r"\d+\.\d s · first token after \d+\.\d s · \d+\.\d tokens/s · \d+ prompt tokens · "
        r"\d+ new tokens, \d+ of them forced by the template( · cut short: the answer reached its limit)?",
        page.locator("#figures").inner_text(),
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").click()
    assert download.value.suggested_filename == "extraction.json"
    assert json.loads(Path(download.value.path()).read_text()) == output


def test_once_loaded_it_needs_no_network(page: Page, context: BrowserContext, requests: list[str]) -> None:
    seen = len(requests)
    context.set_offline(True)
    try:
        fill(page, text="Odile picks pears in Nice.", template='{"who": "verbatim-string"}')
    finally:
        context.set_offline(False)
    assert [url for url in requests[seen:] if not url.startswith("blob:")] == []


def test_an_answer_can_be_stopped(page: Page) -> None:
    page.get_by_label("Template", exact=True).fill(json.dumps({f"field {n}": "string" for n in range(40)}))
    page.get_by_label("Text", exact=True).fill(TEXT)
    page.get_by_role("button", name="Fill the template").click()
    expect(page.locator("#steps")).to_contain_text("Writing", timeout=READY_MS)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#figures")).to_contain_text("stopped: fields not yet reached are empty", timeout=READY_MS)
    output = json.loads(page.locator("#result").inner_text())
    assert list(output) == [f"field {n}" for n in range(40)]
    assert output["field 39"] is None
    expect(page.get_by_role("button", name="Fill the template")).to_be_enabled()


def test_a_template_is_checked_while_it_is_written(page: Page) -> None:
    template, status = page.get_by_label("Template", exact=True), page.locator("#template-status")
    button = page.get_by_role("button", name="Fill the template")
    template.fill('{"total": "nmber"}')
    expect(status).to_have_text('total: there is no type "nmber". Did you mean "number"?')
    expect(button).to_be_disabled()
    expect(template).to_have_attribute("aria-invalid", "true")
    template.fill('{"total": "number"')
    expect(status).to_have_text("The template is not JSON: line 1, column 19: the { of line 1 is not closed.")
    template.fill('{"total": "number"}')
    expect(status).to_have_text("1 field, ready")
    expect(button).to_be_enabled()
    page.get_by_label("Text", exact=True).fill("  ")
    expect(button).to_be_disabled()


def test_a_text_beyond_the_context_is_refused_in_words(page: Page) -> None:
    page.get_by_label("Template", exact=True).fill(TEMPLATE)
    page.get_by_label("Text", exact=True).fill("lemons and pears " * 1000)
    page.get_by_role("button", name="Fill the template").click()
    expect(page.locator("#figures")).to_have_text(
        re.compile(
            r"Text and template take \d,\d{3} tokens; this page reads 1,536 at once\. Shorten the text, or fill .*"
        ),
        timeout=READY_MS,
    )
    expect(page.get_by_role("button", name="Download JSON")).to_be_disabled()
    assert page.locator("#result").inner_text() == ""


def test_an_example_replaces_the_inputs_and_takes_the_last_result_away(page: Page) -> None:
    fill(page)
    page.get_by_label("Example").select_option(label="Invoice, Italian")
    expect(page.get_by_label("Text", exact=True)).to_have_value(re.compile("Falegnameria"))
    expect(page.locator("#template-status")).to_have_text("11 fields, ready")
    expect(page.locator("#marked")).to_be_hidden()
    assert page.locator("#result").inner_text() == ""
    expect(page.get_by_role("button", name="Download JSON")).to_be_disabled()


def test_html_in_the_inputs_is_shown_as_text(page: Page) -> None:
    hostile = '<img src=x onerror="window.hit=1"><b>Menton</b>'
    fill(page, hostile, json.dumps({"<i>place</i>": "verbatim-string"}))
    assert page.locator("#marked img, #marked b, #marked i, #result img, #result b, #result i").count() == 0
    page.get_by_label("Template", exact=True).fill(json.dumps({"a": hostile}))
    expect(page.locator("#template-status")).to_contain_text("<b>Menton</b>")
    assert page.evaluate("window.hit") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_fits_its_window(page: Page, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    fill(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("Fill the template", "Download JSON"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3
    assert (brightness > 200) == (scheme == "light")
    if folder := os.environ.get("SMOLKIT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"webgpu-{width}-{scheme}.png", full_page=True)


def broken_copy(export: Path, directory: Path) -> Path:
    shutil.copytree(export, directory)
    return directory


@pytest.mark.parametrize(
    ("break_it", "line"),
    [
        (
            lambda root: (root / "onnx" / "model_q4.onnx_data").unlink(),
            "The file onnx/model_q4.onnx_data is missing on the server. Export the model again, or upload all files.",
        ),
        (
            lambda root: (root / "vendor" / "transformers.min.js").write_text("export const env = {};"),
            "The file transformers.min.js is not the one that this page was made with. Export the model again.",
        ),
        (
            lambda root: (root / "smolkit_page.json").unlink(),
            "The file smolkit_page.json is missing on the server. Export the model again, or upload all files.",
        ),
    ],
)
def test_a_broken_export_is_explained(
    browser: Browser, webgpu_export: Path, tmp_path: Path, break_it: Callable[[Path], object], line: str
) -> None:
    directory = broken_copy(webgpu_export, tmp_path / "export")
    break_it(directory)
    with serving(directory) as address:
        page = browser.new_page()
        page.goto(address)
        expect(page.get_by_role("alert")).to_have_text(line, timeout=READY_MS)
        expect(page.get_by_role("button", name="Load again")).to_be_visible()
        expect(page.locator("#fill")).to_be_disabled()
        page.close()


def test_a_failed_self_test_is_said_and_the_model_not_used(
    browser: Browser, webgpu_export: Path, tmp_path: Path
) -> None:
    directory = broken_copy(webgpu_export, tmp_path / "export")
    settings = json.loads((directory / "smolkit_page.json").read_text())
    settings["selftest"]["tokens"][-1] += 1
    (directory / "smolkit_page.json").write_text(json.dumps(settings))
    with serving(directory) as address:
        page = browser.new_page()
        page.goto(address)
        expect(page.get_by_role("alert")).to_have_text(
            "No device of this browser computes the model as it should, so it is not used.", timeout=READY_MS
        )
        expect(page.locator("#notice")).to_have_text("The processor computed the self-test wrongly.")
        page.close()


@pytest.mark.slow
def test_webgpu_writes_the_tokens_of_the_cpu(webgpu_export: Path) -> None:
    """SwiftShader, Chromium's software GPU, is one of those that compute prompts wrongly with subgroups on."""
    with serving(webgpu_export) as address:
        for browser in launched("--enable-unsafe-webgpu"):
            page = browser.new_page()
            page.goto(f"{address}?device=webgpu")
            if not page.evaluate("async () => Boolean(await navigator.gpu?.requestAdapter())"):
                pytest.skip("this Chromium has no WebGPU adapter, not even SwiftShader")
            expect(page.locator("#model")).to_have_attribute("data-state", "ready", timeout=SLOW_MS)
            expect(page.locator("#status")).to_contain_text("the graphics processor (WebGPU, q4)")
            output = fill(page)
            assert list(output) == ["place", "kind", "prices"]
