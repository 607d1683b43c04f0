"""The vision app: its endpoints over a tiny model that sees, and over the bundled one behind OCR."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smolkit.extraction.template import Template

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from PIL import Image

from smolkit.apps.hosting import load_app
from smolkit.apps.models import Choice, Given, Models
from smolkit.apps.vision.answers import MAX_SECONDS
from smolkit.apps.vision.inputs import MAX_BYTES, MAX_PIXELS, MAX_QUESTION
from smolkit.apps.vision.models import Readers

APP = load_app("vision")
TEMPLATE = json.dumps({"shop": "verbatim-string", "lines": [{"price": "number"}]})


def base64_of(image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


IMAGE = base64_of(Image.new("RGB", (90, 60), "teal"))


@pytest.fixture(scope="module")
def readers(tiny_vlm: Path, bundled_file: Path) -> Iterator[Readers]:
    eyes = Models([Choice(name, Given(str(tiny_vlm), "torch", "float32")) for name in ("tiny", "twin")])
    with Readers(eyes, Models([Choice("bundled", Given(str(bundled_file)))])) as readers:
        eyes.get("tiny")
        yield readers


@pytest.fixture(scope="module")
def address(readers: Readers, files: Path) -> Iterator[str]:
    page = APP.build(readers, "tiny, twin")
    yield APP.serve(page)
    page.close(verbose=False)


# ---- the page


def test_the_readme_says_the_limits() -> None:
    body = (Path(APP.__file__).parent / "README.md").read_text()
    for limit in (
        f"{MAX_BYTES >> 20} MiB",
        f"{MAX_PIXELS:,} pixels",
        f"{MAX_QUESTION:,}",
        f"{APP.KEPT_MINUTES} minutes",
    ):
        assert limit in body
    assert f"{MAX_SECONDS:.0f}\nseconds" in body


def texts_of(readers: Readers) -> list[str]:
    blocks = APP.build(readers, "mine").blocks.values()
    return [str(getattr(block, "value", "")) for block in blocks] + [
        str(getattr(block, "label", "")) for block in blocks
    ]


def test_the_page_says_what_sees_and_without_such_a_model_that_it_reads_text_alone(readers: Readers) -> None:
    blind = Readers(None, readers.reading)
    seeing, reading = texts_of(readers), texts_of(blind)
    assert any("No model here sees an image" in text for text in reading)
    assert not any("No model here sees" in text for text in seeing)
    assert "Ask a question" in seeing
    assert "Ask a question" not in reading
    one = Readers(Models([Choice("tiny", Given(""))]), readers.reading)
    assert any("What sees: `tiny`, run by " in text for text in texts_of(one))


def test_the_examples_without_a_text_are_there_for_models_that_see() -> None:
    assert [example.name for example in APP._examples(can_see=True)] == ["Receipt", "Invoice", "Ticket", "Shapes"]
    assert [example.name for example in APP._examples(can_see=False)] == ["Receipt", "Invoice", "Ticket"]


# ---- the endpoints


def test_a_template_is_filled_from_an_image_by_a_model_that_sees(client: Any) -> None:
    output, text, scores, figures = client.predict(IMAGE, TEMPLATE, api_name="/fill")
    assert list(output) == ["shop", "lines"]
    assert Template.parse_json(TEMPLATE).problems(output) == []
    assert text == ""
    assert all(0 < score <= 1 for score in scores.values())
    assert (figures["model"], figures["computes"]) == ("tiny", "torch, float32")
    assert (figures["tiles"], figures["image_tokens"]) == (7, 28)
    assert figures["prompt_tokens"] > figures["image_tokens"]
    assert 0 < figures["seconds_to_first_token"] <= figures["seconds"]
    assert figures["new_tokens"] >= figures["forced_tokens"] > 0


def test_a_question_is_answered_and_a_model_is_one_of_the_list(client: Any) -> None:
    assert client.predict(api_name="/models") == {"vision": ["tiny", "twin"], "ocr": ["bundled"]}
    answers = {name: client.predict(IMAGE, "What is it?", name, api_name="/ask") for name in ("", "tiny", "twin")}
    assert [answers[name][1]["model"] for name in answers] == ["tiny", "tiny", "twin"]
    assert answers["twin"][0] == answers["tiny"][0] == answers[""][0]


@pytest.mark.slow
def test_a_template_is_filled_from_the_text_that_ocr_reads(client: Any) -> None:
    pytest.importorskip("rapidocr_onnxruntime", reason="reads the text: pip install 'smolkit[vision]'")
    receipt = APP.EXAMPLES[0]
    image = base64_of(receipt.draw())
    output, text, scores, figures = client.predict(image, json.dumps(receipt.template), "ocr", api_name="/fill")
    assert Template.parse(receipt.template).problems(output) == []
    found, printed = set(text.split()), set(receipt.text.split())
    assert len(found & printed) > 0.7 * len(printed)
    assert output["shop"] is None or output["shop"] in text
    assert scores
    assert (figures["model"], figures["characters"]) == ("bundled", len(text))
    assert figures["ocr_seconds"] > 0
    assert client.predict(image, api_name="/read") == text


def test_an_integer_of_any_length_can_be_sent(client: Any) -> None:
    output, *_ = client.predict(IMAGE, '{"count": "integer"}', api_name="/fill")
    assert output["count"] is None or abs(output["count"]) < 2**63


def test_the_endpoints_take_no_path_and_no_model_but_a_name(client: Any) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    parameters = {
        endpoint: [parameter["parameter_name"] for parameter in described["parameters"]]
        for endpoint, described in endpoints.items()
    }
    assert parameters == {
        "/fill": ["image", "template", "way", "model"],
        "/ask": ["image", "question", "model"],
        "/read": ["image"],
        "/models": [],
    }


@pytest.mark.parametrize(
    ("endpoint", "arguments", "line"),
    [
        ("/fill", ("", TEMPLATE), "the image is sent as a string, the bytes of its file in base64."),
        ("/fill", ("/etc/passwd", TEMPLATE), "the image: is no base64 ("),
        ("/fill", (base64.b64encode(b"%PDF-1.7").decode(), TEMPLATE), "the image: is no image that can be read. Send"),
        ("/fill", (IMAGE[:120], TEMPLATE), "the image: this image is broken ("),
        ("/fill", (IMAGE, '{"total": "monney"}'), "total: unknown type 'monney'. Known: "),
        ("/fill", (IMAGE, TEMPLATE, "sight"), "an image is not read by 'sight'"),
        ("/fill", (IMAGE, TEMPLATE, "vision", "twins"), "no model named 'twins' here. Did you mean 'twin'?"),
        ("/fill", (IMAGE, TEMPLATE, "ocr", "/etc/passwd"), "no model named '/etc/passwd' here."),
        ("/ask", (IMAGE, " "), "the question is empty. Write one, or choose an example."),
        ("/ask", (IMAGE, "What?", "bundled"), "no model named 'bundled' here."),
        ("/read", ("AAAA",), "the image: is no image that can be read."),
    ],
)
def test_the_endpoints_refuse_in_one_line_without_a_traceback(
    client: Any, endpoint: str, arguments: tuple[Any, ...], line: str
) -> None:
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as caught:
        client.predict(*arguments, api_name=endpoint)
    assert line in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_where_no_model_sees_a_question_is_refused_in_one_line(readers: Readers) -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    page = APP.build(Readers(None, readers.reading), "bundled")
    try:
        client = Client(APP.serve(page), verbose=False)
        with pytest.raises(AppError, match=r"no model here sees an image\. Have its text read \(OCR\)"):
            client.predict(IMAGE, "What?", api_name="/ask")
    finally:
        page.close(verbose=False)


def test_what_the_endpoints_get_is_not_kept(client: Any, files: Path) -> None:
    before = {path for path in files.rglob("*") if path.is_file()}
    client.predict(IMAGE, '{"shop": ""}', api_name="/fill")
    assert {path for path in files.rglob("*") if path.is_file()} == before


# ---- the page's own events, as a browser would send them


def send(address: str, function: str, data: list[Any]) -> str:
    """What the server answers to an event of the page, found by the name of its function."""
    page = httpx.get(f"{address}config").json()
    index = next(event["id"] for event in page["dependencies"] if event["api_name"] == function)
    session = {"fn_index": index, "data": data, "session_hash": "visitor"}
    httpx.post(f"{address}gradio_api/queue/join", json=session).raise_for_status()
    return httpx.get(f"{address}gradio_api/queue/data?session_hash=visitor", timeout=60).text


def uploaded(address: str, content: bytes) -> str:
    """The path that the server gives a file which a visitor sends."""
    (path,) = httpx.post(f"{address}gradio_api/upload", files={"files": ("a.png", content)}).json()
    return str(path)


def remark_on(address: str, path: str) -> str:
    return send(address, "image_remark", [{"path": path, "meta": {"_type": "gradio.FileData"}}])


def test_the_page_says_how_large_an_uploaded_image_is_or_what_is_wrong_with_it(address: str) -> None:
    assert "90 x 60 pixels" in remark_on(address, uploaded(address, base64.b64decode(IMAGE)))
    assert "the image: is no image that can be read" in remark_on(address, uploaded(address, b"words"))
    gone = uploaded(address, b"gone")
    Path(gone).unlink()
    assert "the image is no longer here. Send it again." in remark_on(address, gone)


@pytest.mark.parametrize("path", ["/etc/hostname", __file__])
def test_the_page_takes_no_file_of_this_machine_for_an_image(address: str, path: str) -> None:
    answer = remark_on(address, path)
    assert '"success":false' in answer
    assert "pixels" not in answer


def test_an_upload_that_is_too_large_is_refused_by_the_server(address: str, files: Path) -> None:
    content = b"\x89PNG" + b" " * MAX_BYTES
    answer = httpx.post(f"{address}gradio_api/upload", files={"files": ("a.png", content)})
    assert answer.status_code == 413
    assert not any(path.stat().st_size > MAX_BYTES for path in files.rglob("*") if path.is_file())


def test_an_uploaded_image_is_deleted_after_its_time(readers: Readers, files: Path) -> None:
    page = APP.build(readers, "tiny")
    assert page.delete_cache == (60, 60 * APP.KEPT_MINUTES)
    page.delete_cache = (1, 1)
    try:
        address = APP.serve(page)
        file = Path(uploaded(address, b"content"))
        assert file.is_relative_to(files)
        deadline = time.monotonic() + 60
        while file.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not file.exists()
    finally:
        page.close(verbose=False)
