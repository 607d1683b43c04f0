"""The chat app as a visitor meets it: the real page with the bundled model, in headless Chromium.

`SMOLKIT_SCREENSHOTS=DIR` keeps a picture of each width and colour scheme there.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
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

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def steps() -> list[Any]:
    """What the model was fed, a row for each call."""
    return []


@pytest.fixture(scope="module")
def address(bundled_file: Path, steps: list[Any]) -> Iterator[str]:
    from smolkit.apps.hosting import served
    from smolkit.runtime import open_backend

    def opened() -> Any:
        backend: Any = open_backend("bundled", runtime="llama.cpp")
        append = backend.append

        def counted(tokens: Any) -> Any:
            steps.append(tokens)
            return append(tokens)

        backend.append = counted
        return closing(backend)

    with served("chat", opened, "bundled") as (_, _, address):
        yield address


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the page; what its scripts throw fails the test."""
    contexts, errors = [], []

    def open_page(width: int = 1280, scheme: str = "light", most: int = 16) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        expect(page.locator("#context meter")).to_be_visible(timeout=30_000)
        number = page.get_by_label("number input for Most new tokens")
        number.fill(str(most))
        number.press("Tab")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def box(page: Page) -> Any:
    return page.get_by_label("Message", exact=True)


def send(page: Page, text: str) -> None:
    box(page).fill(text)
    press(page, "Send")


def wait_for_figures(page: Page) -> str:
    expect(page.locator("#figures .remark")).to_contain_text("new tokens", timeout=ANSWER_MS)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_disabled()
    return str(page.locator("#figures").inner_text()).strip()


def said(page: Page, who: str) -> list[str]:
    return [str(text).strip() for text in page.locator(f"#conversation .message.{who}").all_inner_texts()]


def prompt_tokens(figures: str) -> int:
    found = re.match(r"([\d,]+) prompt tokens", figures)
    assert found, figures
    return int(found[1].replace(",", ""))


def test_a_question_is_answered_while_the_visitor_watches_and_the_next_one_goes_on(open_page: Open) -> None:
    page = open_page(most=48)
    box(page).fill("Tell me a story about a snail.")
    box(page).press("Enter")
    grown: list[str] = []
    deadline = time.monotonic() + ANSWER_MS / 1000
    while "new tokens" not in page.locator("#figures").inner_text() and time.monotonic() < deadline:
        texts = said(page, "bot")
        if texts and (not grown or texts[-1] != grown[-1]):
            grown.append(texts[-1])
    figures = wait_for_figures(page)
    assert len(grown) > 2, "the answer came at once"
    assert re.search(r"^\d+ prompt tokens · \d+ new tokens · [\d.]+ tokens/s · [\d.]+ s · seed \d+", figures)
    assert said(page, "user") == ["Tell me a story about a snail."]
    assert len(said(page, "bot")) == 1
    expect(box(page)).to_have_value("")
    used = re.search(r"^([\d,]+) of 4,096 tokens of the context$", page.locator("#context").inner_text().strip())
    assert used
    assert page.locator("#context meter").get_attribute("value") == used[1].replace(",", "")
    send(page, "And then?")
    expect(page.locator("#conversation .message.user")).to_have_count(2, timeout=ANSWER_MS)
    expect(page.locator("#conversation .message.bot")).to_have_count(2, timeout=ANSWER_MS)
    assert prompt_tokens(wait_for_figures(page)) > int(used[1].replace(",", ""))


def test_stop_stops_the_model_keeps_what_was_said_and_the_next_visitor_is_served(
    open_page: Open, steps: list[Any]
) -> None:
    page, other = open_page(most=1024), open_page()
    page.get_by_label("number input for Temperature").fill("1.5")
    page.get_by_label("number input for Temperature").press("Tab")
    page.get_by_label("Seed").fill("5")
    send(page, "Tell me a very long story about a ship.")
    expect(page.locator("#conversation .message.bot")).to_have_count(1, timeout=ANSWER_MS)
    send(other, "Say hello.")
    press(page, "Stop")
    expect(page.locator("#figures")).to_contain_text("Stopped · ", timeout=10_000)
    wait_for_figures(other)
    assert len(said(other, "bot")) == 1
    taken, text = len(steps), said(page, "bot")
    time.sleep(1)
    assert len(steps) == taken, "the model still runs"
    assert said(page, "bot") == text
    assert text[0]
    page.get_by_label("number input for Most new tokens").fill("8")
    page.get_by_label("number input for Most new tokens").press("Tab")
    send(page, "Go on.")
    expect(page.locator("#conversation .message.bot")).to_have_count(2, timeout=ANSWER_MS)
    wait_for_figures(page)
    assert said(page, "bot")[0] == text[0]


def test_stop_while_another_visitor_is_answered_leaves_the_message_in_its_box(open_page: Open) -> None:
    page, waiting = open_page(most=1024), open_page()
    page.get_by_label("number input for Temperature").fill("1.5")
    page.get_by_label("number input for Temperature").press("Tab")
    page.get_by_label("Seed").fill("5")
    send(page, "Tell me a very long story about a ship.")
    expect(page.locator("#conversation .message.bot")).to_have_count(1, timeout=ANSWER_MS)
    send(waiting, "Say hello.")
    press(waiting, "Stop")
    expect(waiting.locator("#figures")).to_contain_text("Stopped before the answer began", timeout=10_000)
    expect(box(waiting)).to_have_value("Say hello.")
    assert said(waiting, "bot") == []
    press(page, "New chat")
    expect(page.locator("#conversation .message")).to_have_count(0)
    expect(page.locator("#context")).to_contain_text("0 of 4,096 tokens")
    press(waiting, "Send")
    wait_for_figures(waiting)
    assert said(page, "bot") == []


def test_the_model_stops_for_a_visitor_who_leaves(open_page: Open, steps: list[Any]) -> None:
    page, other = open_page(most=1024), open_page()
    page.get_by_label("number input for Temperature").fill("1.5")
    page.get_by_label("number input for Temperature").press("Tab")
    page.get_by_label("Seed").fill("5")
    send(page, "Tell me a very long story about a ship.")
    expect(page.locator("#conversation .message.bot")).to_have_count(1, timeout=ANSWER_MS)
    before = len(steps)
    page.context.close()
    send(other, "Say hello.")
    wait_for_figures(other)
    taken = len(steps)
    time.sleep(1)
    assert len(steps) == taken < before + 400


def test_retry_replaces_the_last_answer_and_says_what_was_cut_off(open_page: Open) -> None:
    page = open_page(most=4)
    press(page, "Retry")
    expect(page.locator("#figures .remark.bad")).to_have_text("There is no answer to replace yet")
    page.get_by_label("Seed").fill("1")
    send(page, "Tell me about rivers.")
    first = wait_for_figures(page)
    assert first.endswith("cut off: it reached the most new tokens")
    assert "seed 1 " in first
    page.get_by_label("Seed").fill("2")
    press(page, "Retry")
    expect(page.locator("#figures")).to_contain_text("seed 2", timeout=ANSWER_MS)
    assert prompt_tokens(wait_for_figures(page)) == prompt_tokens(first)
    assert said(page, "user") == ["Tell me about rivers."]
    assert len(said(page, "bot")) == 1


def test_an_example_brings_its_conversation_and_settings(open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Example").click()
    page.get_by_role("option", name="Going on with a conversation").click()
    expect(box(page)).to_have_value("Name two things that one can see there.")
    expect(page.get_by_label("System prompt")).to_have_value(re.compile("patient teacher"))
    expect(page.get_by_label("Seed")).to_have_value("2")
    assert said(page, "bot") == ["The capital of Portugal is Lisbon."]
    press(page, "Send")
    wait_for_figures(page)
    assert len(said(page, "bot")) == 2


@pytest.mark.parametrize(
    ("text", "seed", "line"),
    [
        ("", "", "the message is empty. Write something, or choose an example."),
        ("z" * 8_001, "", "the message has 8,001 characters; this page takes 8,000. Send a shorter one."),
        ("Hi", "soon", "seed: expected a number, got str."),
        ("q7%~" * 2_000, "", re.compile(r"^the question takes \d+ tokens, and the model's context is 4096")),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_stays_in_the_box(
    open_page: Open, text: str, seed: str, line: Any
) -> None:
    page = open_page()
    page.get_by_label("Seed").fill(seed)
    send(page, text)
    expect(page.locator("#figures .remark.bad")).to_have_text(line, timeout=30_000)
    expect(box(page)).to_have_value(text)
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    assert said(page, "user") == []
    assert "Traceback" not in page.inner_text("body")


def test_html_and_page_code_are_shown_as_text(open_page: Open) -> None:
    page = open_page(most=4)
    line = '<img src=x onerror="window.hit=1"><b>fat</b> [l](javascript:window.hit=2) ${window.hit=3} {{value}} &lt;'
    send(page, f"{line}\n```html\n  <b>code</b>\n```")
    wait_for_figures(page)
    shown = page.locator("#conversation .message.user .prose")
    assert shown.locator("p").inner_text() == line
    assert shown.locator("pre code").inner_text().rstrip() == "  <b>code</b>"
    assert shown.locator("img, b, p a").count() == 0
    assert page.evaluate("window.hit") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_fits_its_window(open_page: Open, width: int, scheme: str) -> None:
    page = open_page(width, scheme)
    send(page, "x" * 200 + "\n```\n" + "y" * 200 + "\n```")
    wait_for_figures(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("Send", "Stop", "Retry", "New chat"):
        area = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert area is not None
        assert area["x"] >= 0
        assert area["x"] + area["width"] <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3
    assert (brightness > 200) == (scheme == "light")
    if folder := os.environ.get("SMOLKIT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"chat-{width}-{scheme}.png", full_page=True)
