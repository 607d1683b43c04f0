"""The issue generator's static page as a visitor meets it: served by `smolkit serve`, in headless Chromium.

A tiny random model fills the schemas, and at last the bundled one. `SMOLKIT_SCREENSHOTS=DIR` keeps a picture of each
width and colour scheme there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smolkit.apps.static_space import write_static_space
from smolkit.extraction.template import Template
from smolkit.serve import serving

sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install 'smolkit[dev]'")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

expect = sync_api.expect
READY_MS = 120_000
SLOW_MS = 420_000

TEXT = "The CSV export of version 3.4.1 crashes with a date filter. Filter by date, press Export, pick CSV."
STANDARD = ["title", "labels", "priority", "description", "steps"]
CHOICES = {
    "type": "object",
    "properties": {
        "labels": {"type": "array", "items": {"enum": ["bug", "feature"]}},
        "priority": {"enum": ["low", "high"]},
        "crash": {"type": "boolean"},
        "since": {"type": "string", "format": "date", "title": "Since when"},
    },
}


@pytest.fixture(scope="module")
def address(webgpu_export: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    space = tmp_path_factory.mktemp("spaces") / "issues"
    write_static_space("issue-generator", webgpu_export, space)
    with serving(space) as address:
        yield address


@pytest.fixture(scope="module")
def requests() -> list[str]:
    """Every address that the page asked for."""
    return []


@pytest.fixture(scope="module")
def errors() -> list[str]:
    return []


@pytest.fixture(scope="module")
def page(browser: Browser, address: str, requests: list[str], errors: list[str]) -> Iterator[Page]:
    """The page with its model loaded, on WebAssembly."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )
    context.on("request", lambda request: requests.append(request.url))
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    expect(page.locator("#model")).to_have_attribute("data-state", "ready", timeout=READY_MS)
    yield page
    context.close()


@pytest.fixture(autouse=True)
def no_errors(errors: list[str]) -> Iterator[None]:
    """What the page's scripts throw fails the test."""
    yield
    assert errors == []


def write_schema(page: Page, schema: Any) -> None:
    if not page.locator("#schema").is_visible():
        page.get_by_text("JSON Schema of the issue").click()
    page.locator("#schema").fill(schema if isinstance(schema, str) else json.dumps(schema))


def generate(page: Page, schema: Any = CHOICES, text: str = TEXT, timeout: int = READY_MS) -> dict[str, Any]:
    write_schema(page, schema)
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_role("button", name="Generate the issue").click()
    expect(page.locator("#figures")).to_contain_text("prompt tokens", timeout=timeout)
    return result(page)


def result(page: Page) -> dict[str, Any]:
    return json.loads(page.locator("#json").text_content() or "")  # type: ignore[no-any-return]


def test_the_page_loads_from_its_own_origin_and_passes_its_self_test(
    page: Page, requests: list[str], address: str
) -> None:
    expect(page.locator("#status")).to_contain_text("Ready, on the processor (WebAssembly, q4")
    expect(page.get_by_role("heading", level=1)).to_have_text("Issue generator")
    expect(page.locator("#schema-line")).to_have_text("5 fields: title, labels, priority, description, steps")
    expect(page.get_by_label("Text", exact=True)).to_have_value(
        re.compile("csv export of the invoices page just hangs")
    )
    assert page.evaluate("crossOriginIsolated")
    assert [url for url in requests if not url.removeprefix("blob:").startswith((address, "data:"))] == []


def test_a_visitor_edits_the_schema_generates_an_issue_and_takes_it_along(page: Page) -> None:
    issue = generate(page)
    assert list(issue) == ["labels", "priority", "crash", "since"]
    assert (
        Template.parse(
            {"labels": [["bug", "feature"]], "priority": ["low", "high"], "crash": "boolean", "since": "date"}
        ).problems(issue)
        == []
    )
    card = page.get_by_role("article", name="Issue")
    chips = [*issue["labels"], *([f"Priority: {issue['priority']}"] if issue["priority"] else [])]
    expect(card.locator(".chips li")).to_have_text(chips)
    assert re.search(r"\d+ prompt tokens · \d+ new tokens, \d+ of them forced", page.locator("#figures").inner_text())
    page.get_by_role("button", name="Copy JSON").click()
    expect(page.locator("#said")).to_have_text("Copied the JSON.")
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == issue
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").click()
    assert download.value.suggested_filename == "issue.json"
    assert json.loads(Path(download.value.path()).read_text()) == issue


def test_tabs_are_moved_through_with_the_keyboard(page: Page) -> None:
    generate(page)
    page.get_by_role("tab", name="Issue").focus()
    for name, panel in (
        ("Markdown", "#markdown"),
        ("JSON", "#json"),
        ("Issue", "#panel-issue"),
        ("Markdown", "#markdown"),
    ):
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name=name)).to_be_focused()
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        expect(page.locator(panel)).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#panel-issue")).to_be_visible()


def test_a_schema_is_checked_while_it_is_written(page: Page) -> None:
    line, button = page.locator("#schema-line"), page.get_by_role("button", name="Generate the issue")
    write_schema(page, json.dumps(CHOICES).replace("boolean", "bolean"))
    expect(line).to_have_text(
        re.compile(r"^crash: unknown JSON Schema type 'bolean'\. Did you mean 'boolean'\? Known:")
    )
    expect(page.locator("#schema")).to_have_attribute("aria-invalid", "true")
    expect(button).to_be_disabled()
    write_schema(page, '{"type": "object"')
    expect(line).to_have_text("the schema is not JSON: line 1, column 18: the { of line 1 is not closed.")
    write_schema(page, {**CHOICES, "minProperties": 1, "required": ["crash"]})
    expect(line).to_have_text("4 fields: labels, priority, crash, since")
    expect(page.locator("#not-kept li")).to_have_text(
        [
            "not kept: required crash: any field of a template may be missing",
            "not kept: minProperties 1 cannot be expressed",
        ]
    )
    expect(button).to_be_enabled()
    page.get_by_role("button", name="Standard schema").click()
    expect(line).to_have_text("5 fields: title, labels, priority, description, steps")
    expect(page.locator("#not-kept")).to_be_hidden()
    page.get_by_label("Text", exact=True).fill(" \n")
    expect(page.locator("#text-status")).to_have_text("Paste a text, or choose an example.")
    expect(button).to_be_disabled()


def test_an_answer_grows_can_be_stopped_and_the_next_one_is_whole(page: Page) -> None:
    write_schema(page, {"properties": {f"field {n}": {"type": "string"} for n in range(30)}})
    page.get_by_label("Text", exact=True).fill(TEXT)
    page.get_by_role("button", name="Generate the issue").click()
    expect(page.get_by_role("article", name="Issue").get_by_role("heading").first).to_be_visible(timeout=READY_MS)
    expect(page.get_by_role("article", name="Issue")).to_have_attribute("aria-busy", "true")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#figures")).to_contain_text("stopped: fields not yet reached are empty", timeout=READY_MS)
    assert list(result(page)) == [f"field {n}" for n in range(30)]
    expect(page.get_by_role("article", name="Issue")).to_have_attribute("aria-busy", "false")
    assert list(generate(page)) == ["labels", "priority", "crash", "since"]


def test_a_text_beyond_the_context_is_refused_in_words(page: Page) -> None:
    generate(page)
    page.get_by_label("Text", exact=True).fill("the export crashes " * 1000)
    page.get_by_role("button", name="Generate the issue").click()
    expect(page.locator("#figures")).to_contain_text("Shorten the text", timeout=READY_MS)
    expect(page.get_by_role("article", name="Issue")).to_have_text("The issue will stand here.")
    for name in ("Copy title", "Copy Markdown", "Copy JSON", "Download JSON"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()


def test_an_example_brings_its_text_and_leaves_the_schema_alone(page: Page) -> None:
    generate(page)
    page.get_by_label("Example").select_option(label="Forum post: a dark theme")
    expect(page.get_by_label("Text", exact=True)).to_have_value(re.compile("dark theme"))
    expect(page.locator("#schema-line")).to_have_text("4 fields: labels, priority, crash, since")
    expect(page.get_by_role("article", name="Issue")).to_have_text("The issue will stand here.")


def test_html_in_text_and_schema_is_shown_as_text(page: Page) -> None:
    hostile = '<img src=x onerror="window.hit=1"><b>bold</b>'
    properties = {hostile: {"enum": [hostile, "<i>x</i>"]}, "priority": {"enum": ["<u>low</u>", "<u>high</u>"]}}
    generate(page, {"properties": properties, "pattern": hostile}, hostile)
    expect(page.locator("#not-kept")).to_contain_text("<b>bold</b>")
    assert page.locator("main img, main b, main i, main u").count() == 0
    assert page.evaluate("window.hit") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_fits_its_window(page: Page, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    generate(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("Generate the issue", "Copy Markdown", "Download JSON"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    background = page.locator("#panel-issue .issue").evaluate("card => getComputedStyle(card).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3
    assert (brightness > 200) == (scheme == "light")
    if folder := os.environ.get("SMOLKIT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"issue-generator-static-{width}-{scheme}.png", full_page=True)


def test_a_space_without_its_weights_is_explained(
    browser: Browser, webgpu_export: Path, tmp_path: Path, errors: list[str]
) -> None:
    write_static_space("issue-generator", webgpu_export, tmp_path / "space")
    (tmp_path / "space" / "onnx" / "model_q4.onnx_data").unlink()
    with serving(tmp_path / "space") as address:
        page = browser.new_page()
        page.goto(address)
        expect(page.get_by_role("alert")).to_contain_text("onnx/model_q4.onnx_data is missing", timeout=READY_MS)
        expect(page.locator("#generate")).to_be_disabled()
        page.close()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_bundled_model_writes_an_issue_in_the_browser(
    browser: Browser, bundled: Path, tmp_path: Path, errors: list[str]
) -> None:
    from smolkit.export.run import export

    export("bundled", tmp_path / "web", ["webgpu"], quants=["q4"], page=True)
    write_static_space("issue-generator", tmp_path / "web", tmp_path / "space")
    with serving(tmp_path / "space") as address:
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        expect(page.locator("#model")).to_have_attribute("data-state", "ready", timeout=SLOW_MS)
        page.get_by_role("button", name="Generate the issue").click()
        expect(page.locator("#figures")).to_contain_text("prompt tokens", timeout=SLOW_MS)
        issue = result(page)
        assert list(issue) == STANDARD
        expect(page.get_by_role("article", name="Issue").get_by_role("heading", level=2)).to_have_text(issue["title"])
        page.close()
