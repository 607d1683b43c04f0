"""The README's pictures, taken anew: the apps of extraction and vision, and a page that runs its model in the browser.

    make screenshots MODEL=out/model SPACE=out/issue-space

`MODEL` is what `smolkit demo extraction --model` takes, `SPACE` a static Space of the issue-generator. Chromium draws
the pages, filled with their own examples; nothing is retouched.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from smolkit.apps.hosting import served
from smolkit.apps.models import Models, read_models
from smolkit.apps.vision.models import Readers, choose
from smolkit.serve import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).resolve().parent
WIDTH, HEIGHT = 1200, 900
SHARPNESS = 1.5
"""Pixels of a picture for one of the page."""
ANSWER_MS = 300_000


@contextmanager
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        raise SystemExit("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--hide-scrollbars"])
        yield browser
        browser.close()


def open_page(browser: Browser, address: str) -> Page:
    page = browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SHARPNESS, color_scheme="light"
    )
    page.goto(address)
    return page


def take_extraction(browser: Browser, model: str) -> Path:
    """The extraction app with its first example filled in."""
    with served("extraction", lambda: Models.of(read_models([model])), model) as (_, _, address):
        page = open_page(browser, address)
        page.locator("#fill:enabled").click()
        page.locator("#download:enabled").wait_for(timeout=ANSWER_MS)
        page.locator("#marked mark").first.hover()
        return save(page, "extraction.png")


def take_vision(browser: Browser, model: str) -> Path:
    """The vision app with its first example, a receipt whose text is read by OCR for the same model."""
    with served("vision", lambda: Readers.of(choose([], read_models([model]))), model) as (_, _, address):
        page = open_page(browser, address)
        page.locator("#image img").wait_for(timeout=ANSWER_MS)
        page.locator("#fill:enabled").click()
        page.locator("#download:enabled").wait_for(timeout=ANSWER_MS)
        page.locator("#read mark").first.hover()
        return save(page, "vision.png")


def take_issue_generator(browser: Browser, space: Path) -> Path:
    """The issue-generator with its first example, the model in the browser."""
    with serving(space) as address:
        page = open_page(browser, address)
        page.locator("#generate:enabled").wait_for(timeout=ANSWER_MS)
        page.locator("#generate").click()
        page.locator("#download:enabled").wait_for(timeout=ANSWER_MS)
        return save(page, "issue-generator.png")


def save(page: Page, name: str) -> Path:
    """The page from its top to its end, written beside this script."""
    page.wait_for_timeout(500)  # colours fade in
    page.screenshot(path=FOLDER / name, full_page=True)
    page.close()
    return FOLDER / name


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(f"usage: {Path(sys.argv[0]).name} MODEL SPACE")
    model, space = sys.argv[1:]
    with chromium() as browser:
        print(take_extraction(browser, model))
        print(take_vision(browser, model))
        print(take_issue_generator(browser, Path(space)))


if __name__ == "__main__":
    main()
