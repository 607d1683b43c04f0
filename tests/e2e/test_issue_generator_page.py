"""The issue generator as a visitor meets it: the Gradio page with the bundled model, in headless Chromium.

`SMOLKIT_SCREENSHOTS=DIR` keeps a picture of each width and colour scheme there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")
pytest.importorskip("llama_cpp", reason="llama.cpp runs the model here: pip install 'smolkit[gguf]'")
sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install 'smolkit[dev]'")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

expect = sync_api.expect
ANSWER_MS = 120_000

TEXT = "The CSV export of version 3.4.1 crashes with a date filter. Filter by date, press Export, pick CSV."
FEW = {"type": "object", "properties": {"version": {"type": "string"}, "crash": {"type": "boolean"}}}
MANY = {"type": "object", "properties": {f"field {n}": {"type": "string"} for n in range(30)}}

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def address(bundled_file: Path) -> Iterator[str]:
    from smolkit.apps.hosting import served
    from smolkit.apps.models import Models, read_models

    with served("issue-generator", lambda: Models.of(read_models(["bundled"], "llama.cpp")), "bundled") as (_, _, at):
        yield at


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the page; what its scripts throw fails the test."""
    contexts, errors = [], []

    def open_page(width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        expect(page.locator("#schema-status")).to_contain_text("5 fields", timeout=30_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def write_schema(page: Page, source: str) -> None:
    editor = page.get_by_label("JSON Schema", exact=True)
    if not editor.is_visible():
        page.get_by_role("button", name="JSON Schema of the issue").click()
    editor.fill(source)


def generate(page: Page, text: str = TEXT) -> dict[str, Any]:
    """The issue as the JSON tab has it, with the Issue tab on top again."""
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_role("button", name="Generate the issue").click()
    expect(page.locator("#figures .remark")).to_contain_text("prompt tokens", timeout=ANSWER_MS)
    expect(page.get_by_role("button", name="Generate the issue")).to_be_enabled(timeout=ANSWER_MS)
    page.get_by_role("tab", name="JSON").click()
    issue = json.loads(page.locator("#json pre").inner_text())
    page.get_by_role("tab", name="Issue").click()
    return issue  # type: ignore[no-any-return]


def clipboard(page: Page) -> str:
    return page.evaluate("navigator.clipboard.readText()")  # type: ignore[no-any-return]


def test_a_visitor_generates_an_issue_and_takes_it_along(open_page: Open) -> None:
    page = open_page()
    issue = generate(page)
    assert list(issue) == ["title", "labels", "priority", "description", "steps"]
    card = page.locator("#issue article")
    expect(card.get_by_role("heading", level=2)).to_have_text(issue["title"])
    expect(card.locator("ol li")).to_have_text(issue["steps"])
    assert re.search(r"\d+\.\d s · \d+ prompt tokens · \d+ new tokens, \d+ of them", page.inner_text("#figures"))
    page.get_by_role("button", name="Copy title").click()
    expect(page.locator("#said .remark")).to_have_text("Copied the title.")
    assert clipboard(page) == issue["title"]
    page.get_by_role("button", name="Copy Markdown").click()
    expect(page.locator("#said .remark")).to_have_text("Copied the Markdown.")
    page.get_by_role("tab", name="Markdown").click()
    assert clipboard(page).strip() == page.locator("#markdown pre").inner_text().strip() != ""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").click()
    assert download.value.suggested_filename == "issue.json"
    assert json.loads(Path(download.value.path()).read_text()) == issue


def test_an_example_brings_its_text_and_leaves_the_schema_alone(open_page: Open) -> None:
    page = open_page()
    write_schema(page, json.dumps(FEW))
    expect(page.locator("#schema-status")).to_contain_text("2 fields: version, crash")
    generate(page)
    page.get_by_label("Example").click()
    page.get_by_role("option", name="Question: two versions").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value(re.compile("next to each other"))
    expect(page.locator("#issue")).to_contain_text("The issue will stand here.")
    expect(page.get_by_role("button", name="Copy JSON")).to_be_disabled()
    expect(page.locator("#schema-status")).to_contain_text("2 fields: version, crash")
    page.get_by_role("button", name="Standard schema").click()
    expect(page.locator("#schema-status")).to_contain_text("5 fields: title, labels, priority, description, steps")


def test_a_schema_is_checked_while_it_is_written_and_asks_for_its_own_fields(open_page: Open) -> None:
    page = open_page()
    status = page.locator("#schema-status")
    write_schema(page, json.dumps(FEW).replace("boolean", "bolean"))
    expect(status.locator(".bad")).to_have_text(re.compile("^crash: unknown JSON Schema type 'bolean'. Did you mean"))
    page.get_by_role("button", name="Generate the issue").click()
    expect(page.locator("#figures .remark.bad")).to_contain_text("Did you mean 'boolean'?", timeout=ANSWER_MS)
    expect(page.get_by_role("button", name="Copy Markdown")).to_be_disabled()
    write_schema(page, json.dumps({**FEW, "minProperties": 1}))
    expect(status).to_contain_text("2 fields: version, crash")
    expect(status).to_contain_text("not kept: minProperties 1 cannot be expressed")
    assert list(generate(page)) == ["version", "crash"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (" ", "the text is empty. Paste one, or choose an example."),
        ("z" * 10_001, "the text has 10,001 characters; this page takes 10,000. Send a part of it."),
    ],
)
def test_what_cannot_be_read_is_one_line_and_leaves_no_issue(open_page: Open, text: str, line: str) -> None:
    page = open_page()
    generate(page)
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_role("button", name="Generate the issue").click()
    expect(page.locator("#figures .remark.bad")).to_have_text(line, timeout=ANSWER_MS)
    expect(page.locator("#issue")).to_contain_text("The issue will stand here.")
    for name in ("Copy title", "Copy Markdown", "Copy JSON", "Download JSON"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    assert "Traceback" not in page.inner_text("body")


def test_html_in_text_and_schema_is_shown_as_text(open_page: Open) -> None:
    page = open_page()
    hostile = '<img src=x onerror="window.hit=1"><b>bold</b> ${window.hit=2} {{value}}'
    write_schema(page, json.dumps({"properties": {hostile: {"type": "string", "pattern": hostile}}}))
    expect(page.locator("#schema-status")).to_contain_text("<b>bold</b> ${window.hit=2} {{value}}")
    generate(page, hostile)
    for place in ("#schema-status", "#issue", "#markdown", "#json"):
        assert page.locator(f"{place} img, {place} b").count() == 0
    assert page.evaluate("window.hit") is None


def test_an_answer_can_be_stopped_and_the_next_one_is_whole(open_page: Open) -> None:
    page = open_page()
    write_schema(page, json.dumps(MANY))
    expect(page.locator("#schema-status")).to_contain_text("30 fields")
    page.get_by_label("Text", exact=True).fill(TEXT)
    page.get_by_role("button", name="Generate the issue").click()
    expect(page.locator("#figures .remark")).to_contain_text("writing", timeout=ANSWER_MS)
    page.locator("#stop").click()
    expect(page.locator("#figures .remark.bad")).to_have_text("stopped", timeout=ANSWER_MS)
    expect(page.get_by_role("button", name="Copy JSON")).to_be_disabled()
    page.get_by_role("button", name="Standard schema").click()
    expect(page.locator("#schema-status")).to_contain_text("5 fields")
    assert list(generate(page)) == ["title", "labels", "priority", "description", "steps"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_fits_its_window(open_page: Open, width: int, scheme: str) -> None:
    page = open_page(width, scheme)
    generate(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("Generate the issue", "Download JSON"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    background = page.locator("#issue .issue").evaluate("card => getComputedStyle(card).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3
    assert (brightness > 200) == (scheme == "light")
    if folder := os.environ.get("SMOLKIT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"issue-generator-{width}-{scheme}.png", full_page=True)
