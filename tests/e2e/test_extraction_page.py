"""The extraction app as a visitor meets it: the real page with the bundled model, in headless Chromium.

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
pytest.importorskip("llama_cpp", reason="llama.cpp runs the model here: pip install 'smolkit[gguf]'")
sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install 'smolkit[dev]'")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

expect = sync_api.expect
ANSWER_MS = 120_000

TEXT = "Fresh lemons from Menton, 2.40 EUR the kilo, picked on 3 March 2025 by Odile Ferrand."
TEMPLATE = '{"place": "verbatim-string", "picker": "verbatim-string"}'

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def address(bundled_file: Path) -> Iterator[str]:
    from smolkit.apps.hosting import served
    from smolkit.apps.models import Choice, Given, Models

    def opened() -> Models:
        return Models([Choice("bundled", Given("bundled", "llama.cpp")), Choice("twin", Given(str(bundled_file)))])

    with served("extraction", opened, "bundled") as (_, _, address):
        yield address


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the page; what its scripts throw fails the test."""
    contexts, errors = [], []

    def open_page(width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        expect(page.locator("#template-status")).to_contain_text("ready", timeout=30_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def write_template(page: Page, source: str) -> None:
    page.locator("#template .cm-content").fill(source)


def fill(page: Page, text: str = TEXT, template: str = TEMPLATE) -> None:
    write_template(page, template)
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_role("button", name="Fill the template", exact=True).click()
    expect(page.locator("#figures .remark")).to_be_visible(timeout=ANSWER_MS)
    expect(page.locator("#figures .remark")).not_to_have_text(
        re.compile("^(The result|opening|reading|writing|$)"), timeout=ANSWER_MS
    )


def result(page: Page) -> str:
    """What the result holds, read as the browser's own lines."""
    return "\n".join(page.locator("#result .cm-line").all_inner_texts()).strip()


def test_a_visitor_fills_a_template_sees_the_places_and_takes_the_file(open_page: Open) -> None:
    page = open_page()
    fill(page)
    output = json.loads(result(page))
    assert list(output) == ["place", "picker"]
    marked = page.locator("#marked mark").all_inner_texts()
    assert set(marked) == {value for value in output.values() if value is not None} != set()
    assert re.fullmatch(
        r"\d+\.\d s · \d+ prompt tokens · \d+ new tokens, \d+ of them forced by the template"
        r" · \d+ tokens/s · llama\.cpp, .+",
        page.locator("#figures .remark").inner_text().strip(),
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON", exact=True).click()
    assert download.value.suggested_filename == "extraction.json"
    assert json.loads(Path(download.value.path()).read_text()) == output


def test_an_example_replaces_both_inputs_and_takes_the_last_result_away(open_page: Open) -> None:
    page = open_page()
    fill(page)
    page.get_by_label("Example").click()
    page.get_by_role("option", name="Invoice, Italian").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value(re.compile("Falegnameria"))
    expect(page.locator("#template")).to_contain_text("invoice_number")
    expect(page.locator("#template-status")).to_contain_text("11 fields, ready")
    expect(page.locator("#figures .remark")).to_have_count(0)
    expect(page.locator("#marked mark")).to_have_count(0)
    assert result(page) == ""
    expect(page.get_by_role("button", name="Download JSON", exact=True)).to_be_disabled()


def test_a_template_is_checked_while_it_is_written(open_page: Open) -> None:
    page = open_page()
    status = page.locator("#template-status .remark")
    write_template(page, '{"total": "nmber"}')
    expect(status).to_have_text(re.compile("^total: unknown type 'nmber'. Did you mean 'number'?"))
    write_template(page, '{"total": "number"')
    expect(status).to_contain_text("the template is not JSON")
    write_template(page, '{"total": "number"}')
    expect(status).to_have_text("1 field, ready")


@pytest.mark.parametrize(
    ("text", "template", "line"),
    [
        ("", TEMPLATE, "the text is empty. Paste one, or choose an example."),
        ("z" * 20_001, TEMPLATE, "the text has 20,001 characters; this page takes 20,000. Send a part of it."),
        (TEXT, "[]", "a template is an object, got a list."),
    ],
)
def test_what_cannot_be_filled_is_one_line_and_leaves_no_result(
    open_page: Open, text: str, template: str, line: str
) -> None:
    page = open_page()
    fill(page)
    fill(page, text, template)
    expect(page.locator("#figures .remark.bad")).to_have_text(line)
    assert result(page) == ""
    expect(page.get_by_role("button", name="Download JSON", exact=True)).to_be_disabled()
    assert "Traceback" not in page.inner_text("body")


def test_html_and_page_code_in_the_inputs_are_shown_as_text(open_page: Open) -> None:
    page = open_page()
    hostile = '<img src=x onerror="window.hit=1"><b>Menton</b> ${window.hit=2} {{value}}'
    fill(page, hostile, json.dumps({"<i>place</i>": "verbatim-string"}))
    assert page.locator("#marked .source").text_content() == hostile
    assert page.locator("#marked .legend a").all_inner_texts() == ["1\n<i>place</i>"]
    write_template(page, json.dumps({"a": hostile}))
    expect(page.locator("#template-status")).to_contain_text("<b>Menton</b> ${window.hit=2} {{value}}")
    assert page.locator("#marked img, #marked b, #marked i, #template-status img, #template-status b").count() == 0
    assert page.evaluate("window.hit") is None


def shown_beside(page: Page) -> str:
    """What the browser shows of the mark that is pointed at or focused."""
    read = "mark => getComputedStyle(mark, '::after').content"
    marks = page.locator("#marked mark").all()
    shown = [mark.evaluate(read) for mark in marks]
    return "".join(content.strip('"') for content in shown if content != "none")


def test_a_mark_shows_field_value_place_and_score_when_it_is_pointed_at_and_when_it_is_focused(
    open_page: Open,
) -> None:
    page = open_page()
    fill(page)
    known = r"place: .+ · characters \d+-\d+ · model's probability [01]\.\d\d"
    assert shown_beside(page) == ""
    page.locator("#marked mark").first.hover()
    assert re.search(known, shown_beside(page))
    page.mouse.move(0, 0)
    assert shown_beside(page) == ""
    page.locator("#marked .source").focus()
    page.keyboard.press("Tab")
    assert re.search(known, shown_beside(page))


def test_an_entry_of_the_legend_leads_to_its_marks_and_outlines_them(open_page: Open) -> None:
    page = open_page()
    fill(page)
    mark = page.locator("#marked mark").first
    outline = "mark => getComputedStyle(mark).outlineStyle"
    assert mark.evaluate(outline) == "none"
    page.locator("#marked .legend a").first.focus()
    assert mark.evaluate(outline) == "solid"
    page.locator("#marked .legend a").first.click()
    expect(mark).to_be_in_viewport()


def test_a_visitor_picks_one_of_the_models(open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="twin").click()
    fill(page)
    expect(page.locator("#figures .remark.good")).to_contain_text("tokens/s")
    page.get_by_role("button", name="Use it from a program").click()
    page.get_by_role("button", name="Write the programs").click()
    expect(page.locator("#python .cm-content")).to_contain_text("twin")


def test_a_template_is_proposed_and_can_be_changed_and_filled(open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Text", exact=True).fill("Place: Menton\nPicked by: Odile Ferrand\nPrice: 2.40")
    page.get_by_role("button", name="Make a template from this text").click()
    expect(page.get_by_role("button", name="Fill the template", exact=True)).to_be_disabled()
    expect(page.locator("#propose-status .remark")).to_contain_text("change what does not fit", timeout=ANSWER_MS)
    expect(page.locator("#template-status .remark.good")).to_have_text(re.compile("fields?, ready"))
    expect(page.locator("#template")).not_to_contain_text("warranty")
    expect(page.get_by_role("button", name="Fill the template", exact=True)).to_be_enabled()


def test_a_proposal_can_be_stopped_and_one_without_a_text_leaves_the_template(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Make a template from this text").click()
    page.locator("#stop-propose").click()
    expect(page.locator("#propose-status .remark.bad")).to_have_text("stopped", timeout=ANSWER_MS)
    expect(page.locator("#template-status .remark.good")).to_have_text(re.compile("fields?, ready"))
    write_template(page, TEMPLATE)
    page.get_by_label("Text", exact=True).fill("")
    page.get_by_role("button", name="Make a template from this text").click()
    expect(page.locator("#propose-status .remark.bad")).to_contain_text("the text is empty", timeout=ANSWER_MS)
    expect(page.locator("#template-status .remark")).to_have_text("2 fields, ready")


def compare(page: Page, reference: str = "") -> None:
    write_template(page, TEMPLATE)
    page.get_by_label("Text", exact=True).fill(TEXT)
    page.get_by_role("tab", name="Compare").click()
    page.locator("#reference .cm-content").fill(reference)
    page.get_by_role("button", name="Compare", exact=True).click()


def test_models_are_compared_side_by_side_and_scored(open_page: Open) -> None:
    page = open_page()
    compare(page, '{"place": "Menton", "picker": "Odile Ferrand"}')
    expect(page.locator("#compare-status .remark")).to_have_text("2 of 2 models", timeout=ANSWER_MS)
    rows = {row.split("\t")[0]: row.split("\t")[1:] for row in page.locator("#sides tr").all_inner_texts()}
    assert rows["Field"] == ["bundled", "twin"]
    assert rows["state"] == ["answered", "answered"]
    assert rows["place"][0] == rows["place"][1]
    for field in ("place", "picker"):
        assert all(re.search("(right|wrong)$", cell) for cell in rows[field])
    assert all(re.fullmatch(r"[01]\.\d\d\d", cell) for cell in rows["F1 Levenshtein"])


def test_a_comparison_that_cannot_be_made_is_one_line(open_page: Open) -> None:
    page = open_page()
    compare(page, '{"place": 3}')
    line = page.locator("#compare-status .remark.bad")
    expect(line).to_contain_text("the reference answer does not fit the template: place", timeout=ANSWER_MS)
    expect(page.locator("#sides table")).to_have_count(0)
    page.get_by_label("twin").uncheck()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(line).to_contain_text("from 2 to 4 models are compared at once, got 1", timeout=ANSWER_MS)


def test_a_comparison_can_be_stopped(open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Text", exact=True).fill(" ".join(f"Lemon {n} from Menton." for n in range(420)))
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator("#sides")).to_contain_text("reading part", timeout=ANSWER_MS)
    page.locator("#stop-compare").click()
    expect(page.locator("#compare-status .remark.bad")).to_have_text("stopped", timeout=ANSWER_MS)
    page.get_by_label("Text", exact=True)
    page.get_by_role("tab", name="One text").click()
    fill(page)
    expect(page.locator("#figures .remark.good")).to_contain_text("tokens/s", timeout=ANSWER_MS)


def test_who_has_to_wait_sees_the_place_in_the_queue(open_page: Open) -> None:
    first, second = open_page(), open_page()
    first.get_by_label("Text", exact=True).fill(" ".join(f"Lemon {n} from Menton." for n in range(420)))
    first.get_by_role("button", name="Fill the template", exact=True).click()
    expect(first.locator("#figures .remark")).to_contain_text("reading part", timeout=ANSWER_MS)
    second.get_by_role("button", name="Fill the template", exact=True).click()
    place = second.locator("#figures .progress-text")
    expect(place).to_contain_text("queue: 1/1", timeout=ANSWER_MS)
    line, box = second.locator("#figures").bounding_box(), place.bounding_box()
    assert line is not None
    assert box is not None
    assert line["y"] <= box["y"]
    assert box["y"] + box["height"] <= line["y"] + line["height"] + 1
    first.locator("#stop").click()
    expect(second.locator("#figures .remark")).to_contain_text("tokens/s", timeout=ANSWER_MS)


def test_an_answer_can_be_stopped_and_the_next_one_is_whole(open_page: Open) -> None:
    page = open_page()
    write_template(page, TEMPLATE)
    page.get_by_label("Text", exact=True).fill(" ".join(f"Lemon {n} from Menton." for n in range(420)))
    page.get_by_role("button", name="Fill the template", exact=True).click()
    expect(page.locator("#figures .remark")).to_contain_text("reading part", timeout=ANSWER_MS)
    page.locator("#stop").click()
    expect(page.locator("#figures .remark.bad")).to_have_text("stopped", timeout=ANSWER_MS)
    fill(page)
    expect(page.locator("#figures .remark.good")).to_contain_text("prompt tokens", timeout=ANSWER_MS)
    assert list(json.loads(result(page))) == ["place", "picker"]


def test_a_json_schema_becomes_the_template(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Begin from a JSON Schema").click()
    schema = {"type": "object", "properties": {"born": {"type": "string", "format": "date"}, "n": {"type": "integer"}}}
    page.locator("#schema .cm-content").fill("object")
    page.get_by_role("button", name="Make the template").click()
    expect(page.locator("#schema-status .remark.bad")).to_contain_text("the schema is no JSON")
    page.locator("#schema .cm-content").fill(json.dumps({**schema, "minProperties": 1}))
    page.get_by_role("button", name="Make the template").click()
    expect(page.locator("#template-status")).to_contain_text("2 fields, ready")
    expect(page.locator("#schema-status")).to_contain_text("minProperties")


def test_the_page_writes_programs_that_ask_the_same(open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Text", exact=True).fill(TEXT)
    page.get_by_role("button", name="Use it from a program").click()
    page.get_by_role("button", name="Write the programs").click()
    expect(page.locator("#python .cm-content")).to_contain_text("Odile Ferrand")
    expect(page.locator("#shell .cm-content")).to_contain_text(f"{page.url.rstrip('/')}/gradio_api/call/extract")


def test_many_texts_are_filled_one_after_the_other_with_errors_by_row(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    write_template(page, TEMPLATE)
    page.get_by_role("tab", name="Many texts").click()
    page.get_by_role("button", name="Fill the template from each").click()
    expect(page.locator("#batch-progress .remark.bad")).to_have_text("no file was chosen.")
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in (TEXT, "", "Pears of <b>Ulm</b>")))
    page.locator("#upload input[type=file]").set_input_files(file)
    expect(page.locator("#upload")).to_contain_text("texts.jsonl")
    page.get_by_role("button", name="Fill the template from each").click()
    line = "3 of 3 documents, 1 with an error"
    expect(page.locator("#batch-progress .remark")).to_have_text(line, timeout=ANSWER_MS)
    expect(page.locator("#batch")).to_contain_text("the text is empty")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    header, *rows = Path(download.value.path()).read_text().splitlines()
    assert header == "name,place,picker,error"
    assert [row.split(",")[0] for row in rows] == ["1", "2", "3"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON Lines").click()
    lines = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert [sorted(line) for line in lines] == [["name", "output"], ["error", "name"], ["name", "output"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_fits_its_window(open_page: Open, width: int, scheme: str) -> None:
    page = open_page(width, scheme)
    fill(page)
    page.locator("#marked mark").first.hover()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("Fill the template", "Download JSON"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3
    assert (brightness > 200) == (scheme == "light")
    if folder := os.environ.get("SMOLKIT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"extraction-{width}-{scheme}.png", full_page=True)
    compare(page)
    expect(page.locator("#compare-status .remark")).to_have_text("2 of 2 models", timeout=ANSWER_MS)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder:
        page.screenshot(path=Path(folder) / f"extraction-compare-{width}-{scheme}.png", full_page=True)
