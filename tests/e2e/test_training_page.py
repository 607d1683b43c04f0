"""The training app as a visitor meets it: real runs, finished and in progress, in headless Chromium.

`SMOLKIT_SCREENSHOTS=DIR` keeps a picture of each width and colour scheme there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")
sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install 'smolkit[dev]'")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

expect = sync_api.expect
SOON_MS = 10_000
"""In which a new line is shown; the page looks every two seconds."""

RECIPE = """\
model: {{hidden: 32, ffn: 64, layers: 2, heads: 4, kv_heads: 2}}
sources:
  topics: {{corpus: {folder}/topics, text: {{python: topics, documents: 40, seed: 1}}, passes: 200}}
stages:
  - {{name: stable, until: 0.5, mixture: {{topics: 1.0}}}}
  - {{name: decay, mixture: {{topics: 1.0}}, sequence: 64}}
steps: {steps}
sequence: 32
batch: {{tokens: 512, micro_tokens: 256}}
optimizer: {{lr: 1.0e-2}}
schedule: {{warmup_steps: 4, decay_steps: 10}}
dtype: float32
validation: {{every: 10, tokens: 200}}
samples: {{every: 15, prompts: ["The function <b>", "import os"], max_new_tokens: 8}}
"""

Open = Callable[..., "Page"]


def pretrain(folder: Path, out: str, steps: int) -> subprocess.Popen[str]:
    recipe = folder / f"{out}.yaml"
    recipe.write_text(RECIPE.format(folder=folder, steps=steps))
    command = [sys.executable, "-m", "smolkit", "pretrain", str(recipe), "--out", str(folder / out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.fixture(scope="module")
def trained(bundled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two finished pretraining runs, `first` and `second`."""
    folder = tmp_path_factory.mktemp("trained")
    for out, steps in (("first", 40), ("second", 20)):
        process = pretrain(folder, out, steps)
        _, said = process.communicate(timeout=200)
        assert process.returncode == 0, said
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """The two runs as a test's own, to write into."""
    for run in ("first.run", "second.run"):
        shutil.copytree(trained / run, tmp_path / run)
    return tmp_path


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Serves runs and opens their page; what its scripts throw fails the test."""
    from smolkit.apps.hosting import served

    errors: list[str] = []
    with ExitStack() as stack:

        def open_page(*runs: Path, width: int = 1280, scheme: str = "light") -> Page:
            _, _, address = stack.enter_context(served("training", lambda: nullcontext(list(runs)), "training"))
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            stack.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(address)
            expect(page.locator("#now h2")).to_be_visible(timeout=30_000)
            return page

        yield open_page
    assert errors == []


def add(run: Path, text: str) -> None:
    with (run / "metrics.jsonl").open("a") as stream:
        stream.write(text)


def last_line(run: Path, **figures: Any) -> str:
    """The last line of a step, as if there was one more."""
    lines = [json.loads(text) for text in (run / "metrics.jsonl").read_text().splitlines()]
    last = [line for line in lines if "loss" in line][-1]
    return json.dumps({**last, "step": last["step"] + 1, **figures})


def test_a_finished_run_is_shown_with_its_figures_ledger_plan_and_recipe(open_page: Open, trained: Path) -> None:
    page = open_page(trained / "first")
    expect(page.locator("#now")).to_contain_text("Pretraining: finished.")
    expect(page.locator("#now")).to_contain_text("40 of 40 steps (100%)")
    charts = page.locator("#plots figure")
    names = [name.split("\n")[0] for name in charts.locator("h3").all_inner_texts()]
    assert [name.partition(" nats")[0] for name in names][:3] == ["Loss", "Loss by source", "Validation loss by source"]
    assert page.get_by_role("img", name=re.compile("^Gradient norm, .* over steps")).count() == 1
    assert page.locator("#problems .remark").count() == 0
    manifest = json.loads((trained / "first" / "smolkit.json").read_text())
    page.get_by_role("button", name="Last lines of the ledger").click()
    expect(page.locator("#ledger tbody tr")).to_have_count(20)
    page.get_by_role("button", name="Plan and recipe as recorded").click()
    expect(page.locator("#record")).to_contain_text(f"{manifest['details']['plan']['parameters']:,}")
    expect(page.locator("#record")).to_contain_text("final loss")
    expect(page.locator("#recipe .cm-content")).to_contain_text("hidden: 32")
    assert page.get_by_label("Compare with").count() == 0


def test_samples_are_shown_by_step_the_newest_first_and_as_text(open_page: Open, folder: Path) -> None:
    run = folder / "first.run"
    page = open_page(run)
    page.get_by_role("button", name="Samples").click()
    steps = page.locator("#samples h3")
    expect(steps).to_have_text(["Step 40", "Step 30", "Step 15"])
    newest = page.locator("#samples section").first
    written = [json.loads(text) for text in (run / "samples.jsonl").read_text().splitlines()]
    expect(newest.locator("dt")).to_have_text(["The function <b>", "import os"])
    assert [line["prompt"] for line in written[-2:]] == ["The function <b>", "import os"]
    new = {"step": 45, "prompt": "Once", "text": "<img src=x onerror='window.hit=1'> upon"}
    with (run / "samples.jsonl").open("a") as stream:
        stream.write(json.dumps(new) + "\n")
    expect(steps.first).to_have_text("Step 45", timeout=SOON_MS)
    expect(newest.locator("dd")).to_have_text("<img src=x onerror='window.hit=1'> upon")
    assert page.locator("#samples img").count() == 0
    assert page.evaluate("window.hit") is None


def test_new_lines_appear_by_themselves_and_a_half_one_waits(open_page: Open, folder: Path) -> None:
    run = folder / "first.run"
    page = open_page(run)
    expect(page.locator("#now")).to_contain_text("40 of 40 steps")
    new = last_line(run, loss=7.125)
    add(run, new[:50])
    page.wait_for_timeout(3000)
    assert "7.125" not in page.locator("#now").inner_text()
    add(run, new[50:] + "\n")
    expect(page.locator("#now dl")).to_contain_text("7.125", timeout=SOON_MS)
    expect(page.locator("#plots figure").first).to_contain_text("7.125 at step 41")
    assert page.locator("#problems .remark").count() == 0


def test_a_run_that_trains_now_is_followed_to_its_end(open_page: Open, trained: Path) -> None:
    process = pretrain(trained, "live", 150)
    try:
        until = time.monotonic() + 120
        while not (trained / "live.run" / "run.json").is_file() and time.monotonic() < until:
            assert process.poll() is None
            time.sleep(0.05)
        page = open_page(trained / "live.run")
        progress = page.locator("#now progress")
        expect(progress).to_be_visible(timeout=60_000)
        expect(page.locator("#now")).to_contain_text("training")
        before = progress.get_attribute("value")
        expect(progress).not_to_have_attribute("value", str(before), timeout=SOON_MS)
        expect(page.locator("#now")).to_contain_text("Time left, about")
        expect(page.locator("#now")).to_contain_text("150 of 150 steps", timeout=180_000)
        expect(page.locator("#now")).to_contain_text("Pretraining: finished.")
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


def test_the_page_stands_still_when_it_is_told_to(open_page: Open, folder: Path) -> None:
    run = folder / "first.run"
    page = open_page(run)
    page.get_by_label("Look for new lines every 2 seconds").uncheck()
    page.wait_for_timeout(1500)  # a look that was under way
    add(run, last_line(run, loss=6.375) + "\n")
    page.wait_for_timeout(5000)
    assert "6.375" not in page.locator("#now").inner_text()
    page.get_by_label("Look for new lines every 2 seconds").check()
    expect(page.locator("#now dl")).to_contain_text("6.375", timeout=SOON_MS)


def test_a_second_run_is_drawn_beside_the_first_over_steps_and_tokens(open_page: Open, folder: Path) -> None:
    page = open_page(folder / "first.run", folder / "second.run")
    loss = page.locator("#plots figure").first
    expect(loss.locator(".legend li")).to_have_text(["training", "validation"])
    page.get_by_label("Compare with").click()
    page.get_by_role("option", name="second").click()
    expect(loss.locator(".legend li")).to_have_text(
        ["first, training", "first, validation", "second, training", "second, validation"], timeout=SOON_MS
    )
    colours = loss.locator(".legend path").evaluate_all("paths => paths.map(path => path.getAttribute('stroke'))")
    assert colours[0] == colours[1] != colours[2] == colours[3]
    expect(page.locator("#comparison tbody tr")).to_have_count(2)
    page.get_by_label("tokens", exact=True).check()
    expect(loss.get_by_role("img", name="over tokens")).to_be_visible(timeout=SOON_MS)
    page.locator("#run input").click()
    page.get_by_role("option", name="second").last.click()
    expect(page.locator("#now h2")).to_have_text("second", timeout=SOON_MS)
    expect(page.locator("#comparison tbody tr")).to_have_count(0)


def test_a_damaged_line_is_named_and_the_rest_stays(open_page: Open, folder: Path) -> None:
    run = folder / "first.run"
    page = open_page(run)
    count = len((run / "metrics.jsonl").read_text().splitlines())
    new = last_line(run, loss=5.875)
    add(run, f'{{"step": 41, "loss": <img src=x>\n{new}\n')
    expect(page.locator("#problems .remark.bad")).to_have_text(
        f"first: metrics.jsonl:{count + 1}: a damaged line. It is left out; the rest is shown.", timeout=SOON_MS
    )
    expect(page.locator("#now dl")).to_contain_text("5.875")
    assert "Traceback" not in page.inner_text("body")


def test_a_run_that_vanishes_is_one_line_and_its_curves_stay(open_page: Open, folder: Path) -> None:
    page = open_page(folder / "first.run")
    expect(page.locator("#now")).to_contain_text("40 of 40 steps")
    shutil.rmtree(folder / "first.run")
    expect(page.locator("#problems .remark.bad")).to_have_text(
        "first: its directory is gone or holds no metrics.jsonl any more; what is shown was read before.",
        timeout=SOON_MS,
    )
    expect(page.locator("#now")).to_contain_text("Pretraining: gone.")
    assert page.locator("#plots figure").count() >= 6
    assert str(folder) not in page.content()


def test_a_run_without_a_step_yet_says_so_and_begins_by_itself(open_page: Open, folder: Path) -> None:
    run = folder / "first.run"
    lines = (run / "metrics.jsonl").read_text()
    (run / "metrics.jsonl").unlink()
    page = open_page(run)
    expect(page.locator("#problems .remark")).to_have_text(re.compile("^first: no step was recorded yet"))
    add(run, lines)
    expect(page.locator("#plots figure").first).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#problems .remark")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_fits_its_window(open_page: Open, trained: Path, width: int, scheme: str) -> None:
    page = open_page(trained / "first", trained / "second", width=width, scheme=scheme)
    expect(page.locator("#plots figure").first).to_be_visible(timeout=SOON_MS)
    page.get_by_label("Compare with").click()
    page.get_by_role("option", name="second").click()
    expect(page.locator("#comparison tbody tr")).to_have_count(2, timeout=SOON_MS)
    page.keyboard.press("Escape")
    for name in ("Samples", "Last lines of the ledger", "Plan and recipe as recorded"):
        page.get_by_role("button", name=name).click()
    expect(page.locator("#ledger tbody tr")).to_have_count(20)
    expect(page.locator("#samples section")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for chart in page.locator("#plots figure > svg").all():
        box = chart.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3
    assert (brightness > 200) == (scheme == "light")
    if target := os.environ.get("SMOLKIT_SCREENSHOTS"):
        page.screenshot(path=Path(target) / f"training-{width}-{scheme}.png", full_page=True)
