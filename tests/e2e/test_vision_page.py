"""The vision app as a visitor meets it: the real page with a tiny model that sees, in headless Chromium.

`SMOLKIT_SCREENSHOTS=DIR` keeps a picture of each width and colour scheme there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")
pytest.importorskip("llama_cpp", reason="llama.cpp runs a model here: pip install 'smolkit[gguf]'")
sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install 'smolkit[dev]'")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

expect = sync_api.expect
ANSWER_MS = 240_000

TEMPLATE = '{"shop": "verbatim-string"}'
LONG = json.dumps({f"field_{number}": "string" for number in range(40)})
"""What takes the model so long to fill that it can be stopped."""

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def address(tiny_vlm: Path, bundled_file: Path) -> Iterator[str]:
    from smolkit.apps.hosting import served
    from smolkit.apps.models import Choice, Given, Models
    from smolkit.apps.vision.models import Readers

    def opened() -> Readers:
        eyes = Models([Choice(name, Given(str(tiny_vlm), "torch", "float32")) for name in ("tiny", "twin")])
        return Readers(eyes, Models([Choice("bundled", Given(str(bundled_file)))]))

    with served("vision", opened, "tiny") as (_, _, address):
        yield address


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the page; what its scripts throw fails the test."""
    contexts, errors = [], []

    def open_page(width: int = 1280, scheme: str = "light", **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        expect(page.locator("#template-status")).to_contain_text("ready", timeout=30_000)
        expect(page.locator("#image img")).to_be_visible(timeout=30_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    from PIL import Image

    file = tmp_path / "photo.png"
    Image.new("RGB", (90, 60), "teal").save(file)
    return file


def upload(page: Page, file: Path) -> None:
    """In place of the image that is there."""
    page.get_by_role("button", name="Remove Image").click()
    expect(page.locator("#image-status .remark")).to_have_count(0)
    page.locator("#image input[type=file]").set_input_files(file)


def fill(page: Page, template: str = TEMPLATE) -> None:
    page.locator("#template .cm-content").fill(template)
    page.get_by_role("button", name="Fill the template", exact=True).click()


def expect_figures(page: Page, line: str) -> None:
    expect(page.locator("#figures .remark")).to_have_text(re.compile(line), timeout=ANSWER_MS)


def result(page: Page) -> str:
    """What the result holds, read as the browser's own lines."""
    return "\n".join(page.locator("#result .cm-line").all_inner_texts()).strip()


def test_a_visitor_uploads_an_image_fills_a_template_and_takes_the_file(open_page: Open, photo: Path) -> None:
    page = open_page()
    upload(page, photo)
    expect(page.locator("#image-status .remark")).to_have_text("90 x 60 pixels")
    fill(page)
    expect_figures(
        page,
        r"^\d+\.\d s, the first token after \d+\.\d s · 28 image tokens of 7 tiles · \d+ prompt tokens"
        r" · \d+ new tokens( · cut short: the answer reached its limit)? · \d+ tokens/s · torch, float32$",
    )
    output = json.loads(result(page))
    assert list(output) == ["shop"]
    expect(page.locator("#read .source")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON", exact=True).click()
    assert json.loads(Path(download.value.path()).read_text()) == output


def test_what_is_no_image_is_one_line_and_leaves_no_result(open_page: Open, photo: Path) -> None:
    page = open_page()
    broken = photo.with_name("broken.png")
    broken.write_bytes(photo.read_bytes()[:60])
    upload(page, broken)
    line = re.compile(r"^the image: (this image is broken|is no image that can be read)")
    expect(page.locator("#image-status .remark.bad")).to_have_text(line)
    fill(page)
    expect(page.locator("#figures .remark.bad")).to_have_text(line, timeout=ANSWER_MS)
    assert result(page) == ""
    expect(page.get_by_role("button", name="Download JSON", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Remove Image").click()
    fill(page)
    expect_figures(page, r"^no image was chosen\. Upload or paste one, or choose an example\.$")


def test_a_question_is_answered_with_the_keyboard_alone(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("tab", name="Fill a template").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    question = page.get_by_label("Question")
    expect(question).to_be_visible()
    for _ in range(8):
        if question.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("What is it?")
    page.keyboard.press("Enter")
    expect(page.locator("#ask-figures .remark")).to_contain_text("tokens/s", timeout=ANSWER_MS)
    expect(page.get_by_role("region", name="Answer")).to_have_text(re.compile(r"\S"))
    expect(page.locator("#ask")).to_be_enabled()


def test_an_answer_can_be_stopped_and_the_next_one_is_whole(open_page: Open) -> None:
    page = open_page()
    fill(page, LONG)
    expect_figures(page, "^writing$")
    expect(page.locator("#ask, #fill").first).to_be_disabled()
    page.locator("#stop").click()
    expect(page.locator("#figures .remark.bad")).to_have_text("stopped", timeout=ANSWER_MS)
    expect(page.locator("#fill")).to_be_enabled()
    fill(page)
    expect_figures(page, "tokens/s")
    assert list(json.loads(result(page))) == ["shop"]


def test_who_has_to_wait_sees_the_place_in_the_queue(open_page: Open) -> None:
    first, second = open_page(), open_page()
    fill(first, LONG)
    expect_figures(first, "^writing$")
    fill(second)
    expect(second.locator("#figures .progress-text")).to_contain_text("queue: 1/1", timeout=ANSWER_MS)
    first.locator("#stop").click()
    expect_figures(second, "tokens/s")


def test_an_example_replaces_the_inputs_and_takes_the_last_answers_away(open_page: Open) -> None:
    page = open_page()
    fill(page)
    expect_figures(page, "tokens/s")
    before = page.locator("#image img").get_attribute("src")
    page.get_by_label("Example").click()
    page.get_by_role("option", name="Shapes").click()
    expect(page.locator("#image-status .remark")).to_have_text("128 x 128 pixels")
    expect(page.locator("#template")).to_contain_text("triangle")
    expect(page.locator("#figures .remark")).to_have_count(0)
    assert page.locator("#image img").get_attribute("src") != before
    assert result(page) == ""
    page.get_by_role("tab", name="Ask a question").click()
    expect(page.get_by_label("Question")).to_have_value("What do you see in this picture?")


def test_a_visitor_picks_one_of_the_vision_models(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("tab", name="Ask a question").click()
    page.locator("#ask-model input").click()
    page.get_by_role("option", name="twin").click()
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#ask-figures .remark")).to_contain_text("tokens/s", timeout=ANSWER_MS)


def test_a_page_is_read_by_ocr_and_its_values_are_marked_in_the_text(open_page: Open) -> None:
    pytest.importorskip("rapidocr_onnxruntime", reason="reads the text: pip install 'smolkit[vision]'")
    page = open_page()
    page.get_by_label("its text, by OCR").check()
    fill(page)
    expect_figures(page, r"\d+ characters read in \d+\.\d s · .* · llama\.cpp, ")
    expect(page.locator("#read .source")).to_contain_text("HARROW & PINE GROCERS")
    value = json.loads(result(page))["shop"]
    marked = page.locator("#read mark").all_inner_texts()
    assert marked == ([] if value is None else [value]) or "".join(marked) in value.replace("\n", "")


def test_an_image_comes_from_the_clipboard(open_page: Open) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Remove Image").click()
    page.evaluate("""async () => {
        const canvas = new OffscreenCanvas(70, 50);
        canvas.getContext("2d").fillRect(0, 0, 30, 30);
        const blob = await canvas.convertToBlob({type: "image/png"});
        await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
    }""")
    page.get_by_role("button", name="Paste from clipboard").click()
    expect(page.locator("#image-status .remark")).to_have_text("70 x 50 pixels")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_fits_its_window(open_page: Open, width: int, scheme: str) -> None:
    page = open_page(width, scheme)
    fill(page)
    expect_figures(page, "tokens/s")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("Fill the template", "Stop", "Download JSON"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3
    assert (brightness > 200) == (scheme == "light")
    if folder := os.environ.get("SMOLKIT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"vision-{width}-{scheme}.png", full_page=True)
    page.get_by_role("tab", name="Ask a question").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
