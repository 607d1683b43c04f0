"""The scoreboard as a visitor meets it: the real page over the recorded results, in headless Chromium.

`SMOLKIT_SCREENSHOTS=DIR` keeps a picture of each width and colour scheme there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smolkit.assets import asset

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")
sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install 'smolkit[dev]'")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

expect = sync_api.expect
ANSWER_MS = 20_000

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from smolkit.apps.hosting import served

    with served("scoreboard", lambda: nullcontext([asset("evals", "results")]), "results") as (_, _, address):
        yield address


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the page; what its scripts throw fails the test."""
    contexts, errors = [], []

    def open_page(width: int = 1280, scheme: str = "light", at: str = address) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(ANSWER_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(at)
        expect(page.locator("#status .remark")).to_contain_text("row", timeout=30_000)
        expect(page.locator("#rows [role=gridcell]").first).to_be_visible(timeout=ANSWER_MS)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def column(page: Page, name: str) -> list[str]:
    """The texts of a column from above, as they are shown."""
    index = page.locator(f'#rows thead th[title="{name}"]').get_attribute("aria-colindex")
    cells: list[str] = page.locator(f'#rows [role=gridcell][aria-colindex="{index}"]').all_inner_texts()
    return [cell.strip() for cell in cells]


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def status(page: Page, line: str) -> None:
    expect(page.locator("#status .remark")).to_have_text(line, timeout=ANSWER_MS)


def test_the_page_opens_on_extraction_f1_against_size(open_page: Open) -> None:
    page = open_page()
    assert page.get_by_label("Result", exact=True).input_value() == "exports"
    assert page.get_by_label("Across").input_value() == "MB"
    assert page.get_by_label("Upwards").input_value() == "F1"
    assert column(page, "F1")[:3] == ["0.846", "0.846", "0.842"]
    plot = page.get_by_role("img", name="Plot of F1 against MB")
    expect(plot).to_be_visible()
    assert plot.locator("title").count() == len(column(page, "F1")) == 12
    expect(page.locator("figcaption")).to_contain_text(
        "F1 against MB, 12 points. F1: 0.773 (onnxruntime-genai's builder"
    )
    assert "q4f16" in plot.locator("text.label").all_text_contents()


def test_a_visitor_sorts_by_the_menu_of_a_column_and_by_the_list(open_page: Open) -> None:
    page = open_page()
    header = page.locator('#rows thead th[title="perplexity"]')
    header.hover()
    header.get_by_label("Open cell menu").click()
    page.get_by_role("menuitem", name="Sort descending").click()
    expect(page.locator("#rows [data-testid=cell-6-0]")).to_have_attribute("aria-rowindex", "2")
    numbers = [float(cell) for cell in column(page, "perplexity")]
    assert numbers == sorted(numbers, reverse=True)

    page = open_page()
    choose(page, "Sort by", "decoding, tokens/s")
    expect(page.locator("#rows [data-testid=cell-0-0]")).to_contain_text("fp32", timeout=ANSWER_MS)
    speeds = column(page, "decoding, tokens/s")
    assert speeds == [*sorted(speeds[:-1], key=int), ""], "84 before 138, and the blank last"
    page.get_by_label("Highest first").check()
    expect(page.locator("#rows [data-testid=cell-0-0]")).to_contain_text("GGUF q4_0", timeout=ANSWER_MS)
    assert column(page, "decoding, tokens/s") == [*sorted(speeds[:-1], key=int, reverse=True), ""]


def test_a_search_leaves_its_rows_in_the_table_and_in_the_plot(open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Search in this table").fill("gguf")
    status(page, "2 of 12 rows")
    assert column(page, "file") == ["GGUF q4_k_m", "GGUF q4_0, the codes of q4f16"]
    expect(page.locator("figcaption")).to_contain_text("F1 against MB, 2 points.")
    page.get_by_label("Search in this table").fill("nothing like it")
    status(page, "0 of 12 rows")
    expect(page.locator("#plot")).to_contain_text("No row shown here has a number in both MB and F1.")
    page.get_by_label("Search in this table").fill("")
    status(page, "12 rows")


def test_choosing_a_result_and_a_table_replaces_everything(open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Search in this table").fill("gguf")
    status(page, "2 of 12 rows")
    choose(page, "Result", "sroie")
    status(page, "4 rows")
    expect(page.locator("#plot")).to_contain_text("No plot: this table has fewer than two columns of numbers.")
    expect(page.get_by_label("Across")).to_be_hidden()
    expect(page.get_by_label("Search in this table")).to_have_value("")
    choose(page, "Table", "2. SROIE receipts, 24 November 2026, by field")
    status(page, "5 rows")
    assert column(page, "exact F1") == ["0.888", "0.857", "0.796", "0.010", ""]
    expect(page.locator("figcaption")).to_contain_text("Left out: 1 row without one number in both columns.")
    choose(page, "Upwards", "before data.redraw, 1.5 passes")
    expect(page.get_by_role("img", name="Plot of before data.redraw, 1.5 passes against F1")).to_be_visible()
    page.get_by_role("button", name="Where it is from").click()
    expect(page.locator("#commands")).to_contain_text("smolkit data split sroie.jsonl")
    expect(page.locator("#about")).to_contain_text("Source: results/sroie.md")
    assert page.locator("#about a").get_attribute("href") == "https://arxiv.org/abs/2103.10213"


def test_published_tables_stand_alone_where_nothing_was_measured(open_page: Open) -> None:
    page = open_page()
    choose(page, "Result", "base models")
    status(page, "2 rows")
    assert column(page, "model") == ["SmolLM2-135M", "SmolLM-135M"]
    assert column(page, "HellaSwag") == ["42.1", "41.2"]
    expect(page.get_by_role("img", name="Plot of ARC (average) against HellaSwag")).to_be_visible()
    page.get_by_role("button", name="Where it is from").click()
    assert page.locator("#about a").get_attribute("href") == "https://huggingface.co/HuggingFaceTB/SmolLM2-135M"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_what_lm_eval_measured_stands_beside_the_published_rows(
    open_page: Open, tmp_path: Path, width: int, scheme: str
) -> None:
    from smolkit.apps.hosting import served

    figures = {"acc,none": 0.35, "acc_stderr,none": 0.0048, "acc_norm,none": 0.4321, "acc_norm_stderr,none": 0.0049}
    tasks = {"hellaswag": figures, "piqa": figures}
    written = {"results": tasks, "configs": {}, "n-shot": {"hellaswag": 0, "piqa": 0}, "model_name": "/models/mine"}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "results_2026-11-28T02-55-07.669702.json").write_text(json.dumps(written))
    with served("scoreboard", lambda: nullcontext([tmp_path]), "mine") as (_, _, address):
        page = open_page(width, scheme, at=address)
        status(page, "4 rows")
        choose(page, "Result", "base models")
        status(page, "3 rows")
        assert column(page, "model") == ["mine", "SmolLM2-135M", "SmolLM-135M"]
        assert column(page, "HellaSwag") == ["43.2 ± 0.5", "42.1", "41.2"]
        choose(page, "Table", "2. mine beside SmolLM2-135M")
        status(page, "4 rows")
        assert column(page, "difference")[:2] == ["+1.1", "+2.0"]
        assert column(page, "standard error")[:2] == ["0.5", "0.5"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if folder := os.environ.get("SMOLKIT_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"scoreboard-base-{width}-{scheme}.png", full_page=True)
        page.context.close()


def test_what_cannot_be_searched_is_one_line_and_leaves_the_table(open_page: Open) -> None:
    page = open_page()
    search = page.get_by_label("Search in this table")
    search.fill("z" * 201)
    expect(page.locator("#status .remark.bad")).to_have_text("the search has 201 characters; this page takes 200.")
    assert len(column(page, "file")) == 12
    assert "Traceback" not in page.inner_text("body")


def test_a_bad_file_is_one_line_and_html_of_the_others_is_text(open_page: Open, tmp_path: Path) -> None:
    from smolkit.apps.hosting import served

    hostile = '<img src=x onerror="window.hit=1"> ${window.hit=2} {{value}}'
    text = f"# {hostile}\n\n{hostile}\n\n| {hostile} | x | y |\n|---|---|---|\n| {hostile} | 1 | 2 |\n| b | 2 | 3 |\n"
    (tmp_path / "good.md").write_text(text)
    (tmp_path / "report.json").write_text('{"figures": ')
    with served("scoreboard", lambda: nullcontext([tmp_path]), "mine") as (_, _, address):
        page = open_page(at=address)
        line = f"{tmp_path.name}/report.json: is not JSON, or was cut off (line 1, column 13)."
        expect(page.locator("#problems .remark.bad")).to_have_text(line)
        status(page, "2 rows")
        page.get_by_role("button", name="Where it is from").click()
        expect(page.locator("#about")).to_contain_text(hostile)
        expect(page.locator("#rows")).to_contain_text("<img src=x")
        expect(page.locator("figcaption")).to_contain_text("<img src=x")
        assert page.locator("#rows img, #about img, #plot img, #problems img").count() == 0
        assert page.evaluate("window.hit") is None
        page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_fits_its_window(open_page: Open, width: int, scheme: str) -> None:
    page = open_page(width, scheme)
    page.get_by_role("button", name="Where it is from").click()
    expect(page.locator("#about")).to_contain_text("Source:")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for part in ("#result", "#by", "#rows", "#plot", "#about"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    plots = page.locator(".scatter svg[role=img]")
    assert [plot.is_visible() for plot in plots.all()] == [width == 375, width == 1280]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3
    assert (brightness > 200) == (scheme == "light")
    if folder := os.environ.get("SMOLKIT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"scoreboard-{width}-{scheme}.png", full_page=True)
