"""The extraction app: what it shows, as pure functions, and its endpoint over the real bundled model in llama.cpp."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from socket import create_server
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolkit.errors import DataError, ModelError, RuntimeUnavailable, SmolkitError, TemplateError
from smolkit.extraction.leaf_types import LEAF_TYPES
from smolkit.extraction.spans import Span
from smolkit.extraction.template import Template

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from smolkit.apps.snippets import python_program, shell_program
from smolkit.cli.demo import load_app
from smolkit.runtime.extractor import Extraction, Extractor

APP = load_app("extraction")
PRESETS = APP.PRESETS

TEXT = "Fresh lemons from Menton, 2.40 EUR the kilo, picked on 3 March 2025 by Odile Ferrand."
TEMPLATE = json.dumps({"place": "verbatim-string", "kilos": "integer", "picker": {"name": "verbatim-string"}})


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    pytest.importorskip("llama_cpp", reason="llama.cpp runs the model here: pip install 'smolkit[gguf]'")
    from smolkit.models import bundled_gguf
    from smolkit.runtime import open_extractor

    try:
        bundled_gguf()
    except ModelError as exc:
        pytest.skip(str(exc))

    with open_extractor("bundled", runtime="llama.cpp") as extractor:
        yield extractor


@pytest.fixture(scope="module")
def address(extractor: Extractor, files: Path) -> Iterator[str]:
    page = APP.build(extractor, "bundled")
    yield APP.serve(page)
    page.close(verbose=False)


# ---- what the page shows


@pytest.mark.parametrize("preset", PRESETS, ids=[preset["name"] for preset in PRESETS])
def test_a_preset_is_a_template_and_a_text_of_some_length(preset: dict[str, Any]) -> None:
    template = APP.read_request(preset["text"], json.dumps(preset["template"]))
    assert len(list(template.leaves())) >= 6
    assert 300 <= len(preset["text"]) <= 900


def test_presets_cover_six_languages_and_both_styles_and_have_names_of_their_own() -> None:
    names = [preset["name"] for preset in PRESETS]
    assert len(set(names)) == len(names)
    assert {name.split(", ")[1] for name in names} == {
        "English", "French", "German", "Italian", "Portuguese", "Spanish",
    }  # fmt: skip
    assert {Template.parse(preset["template"]).style for preset in PRESETS} == {"blank", "typed"}
    assert {preset["verbatim"] for preset in PRESETS} == {True, False}


def test_the_first_preset_is_a_french_text_under_an_english_template() -> None:
    assert PRESETS[0]["name"].endswith("French")
    assert "price" in PRESETS[0]["template"]


@pytest.mark.parametrize(
    ("text", "template", "error", "line"),
    [
        (" \n", TEMPLATE, DataError, "the text is empty. Paste one, or choose an example."),
        (
            "x" * 20_001,
            TEMPLATE,
            DataError,
            "the text has 20,001 characters; this page takes 20,000. Send a part of it.",
        ),
        ("a\ud800b", TEMPLATE, DataError, "the text holds half a surrogate pair, which is no character."),
        (["a"], TEMPLATE, DataError, "the text and the template are sent as strings, the template as JSON."),
        ("a", {"x": ""}, DataError, "the text and the template are sent as strings, the template as JSON."),
        ("a", " " * 5_001, DataError, "the template has 5,001 characters; this page takes 5,000."),
        ("a", '{"x": "strng"}', TemplateError, "x: unknown type 'strng'. Did you mean 'string'?"),
        ("a", '{"x": ', TemplateError, "the template is not JSON: "),
    ],
)
def test_an_unusable_request_is_refused_in_one_line(
    text: Any, template: Any, error: type[SmolkitError], line: str
) -> None:
    with pytest.raises(error) as caught:
        APP.read_request(text, template)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_texts_and_templates_at_the_limit_are_taken() -> None:
    assert APP.read_request("x" * 20_000, TEMPLATE.ljust(5_000)).style == "typed"


def test_the_remark_under_the_editor_counts_fields_or_names_the_fault() -> None:
    assert APP.template_remark(TEMPLATE) == '<p role="status" class="remark good">3 fields, ready</p>'
    assert ">1 field, ready<" in APP.template_remark('{"a": ""}')
    assert 'class="remark bad">the template is empty' in APP.template_remark("{}")


def test_html_in_a_template_is_text_in_the_remark() -> None:
    shown = APP.template_remark('{"a": "<img src=x onerror=alert(1)>"}')
    assert "<img" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown


def test_segments_cut_the_text_at_the_values() -> None:
    spans = {"items[0].name": Span(4, 7), "items[1].name": Span(9, 12), "total": Span(12, 14)}
    assert APP.segments("buy tea, jam€9.", spans) == [
        ("buy ", None),
        ("tea", "items[].name"),
        (", ", None),
        ("jam", "items[].name"),
        ("€9", "total"),
        (".", None),
    ]


def test_a_piece_that_fills_two_fields_names_both_and_one_field_once() -> None:
    spans = {"address": Span(0, 9), "city": Span(4, 9), "cities[0]": Span(4, 9), "cities[1]": Span(4, 9)}
    assert APP.segments("1 A Paris.", spans) == [("1 A ", "address"), ("Paris", "address, city, cities[]"), (".", None)]


def test_a_text_without_values_is_one_segment() -> None:
    assert APP.segments("nothing", {}) == [("nothing", None)]


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6))
def test_segments_lose_no_character_and_mark_each_with_the_fields_over_it(
    text: str, edges: list[tuple[int, int]]
) -> None:
    pairs = [sorted((min(one, len(text)), min(other, len(text)))) for one, other in edges]
    spans = {f"f{index}": Span(start, end) for index, (start, end) in enumerate(pairs)}
    pieces = APP.segments(text, spans)
    assert "".join(piece for piece, _ in pieces) == text
    marks = [label for piece, label in pieces for _ in piece]
    for at, label in enumerate(marks):
        assert label == (", ".join(path for path, span in spans.items() if span.start <= at < span.end) or None)


EXTRACTION = Extraction(
    {}, "{}", {}, False, prompt_tokens=1312, new_tokens=96, forced_tokens=61, seconds=1.24, windows=1
)


def test_the_figures_of_an_answer_are_one_line() -> None:
    line = "1.2 s · 1,312 prompt tokens · 96 new tokens, 61 of them forced by the template"
    assert APP.statistics_line(EXTRACTION) == line
    cut = APP.statistics_line(replace(EXTRACTION, windows=3, truncated=True))
    assert cut == line + " · read in 3 windows · cut short: the answer reached its limit"


def test_the_list_of_types_explains_every_type_and_shape_by_a_template_that_parses() -> None:
    heads = re.findall(r"^- (`.+?`): ", APP.types_list(), re.M)
    written = [json.loads(code) for head in heads for code in head.strip("`").split("`, `")]
    assert {code for code in written if isinstance(code, str)} == {"", *LEAF_TYPES}
    assert {type(code) for code in written} == {str, list, dict}
    for code in written:
        assert Template.parse({"field": code})


def test_the_readme_says_the_limits() -> None:
    body = (Path(APP.__file__).parent / "README.md").read_text()
    assert f"{APP.MAX_TEXT:,}" in body
    assert f"{APP.MAX_TEMPLATE:,}" in body


# ---- the endpoint


def test_the_endpoint_fills_the_template_and_says_where_the_values_stand(client: Any) -> None:
    output, spans, figures = client.predict(TEXT, TEMPLATE, False, api_name="/extract")
    assert list(output) == ["place", "kilos", "picker"]
    assert Template.parse_json(TEMPLATE).problems(output) == []
    assert spans, "two verbatim fields, and neither was found in the text"
    for path, (start, end) in spans.items():
        value = output["picker"]["name"] if path == "picker.name" else output[path]
        assert TEXT[start:end] == str(value)
    assert figures["new_tokens"] >= figures["forced_tokens"] > 0
    assert figures["prompt_tokens"] > 0
    assert figures["seconds"] > 0
    assert (figures["windows"], figures["truncated"]) == (1, False)


def test_the_switch_holds_blank_fields_to_the_text(client: Any) -> None:
    output, spans, _ = client.predict(TEXT, '{"colour": "", "season": ""}', True, api_name="/extract")
    for path, value in output.items():
        assert value is None or (value in TEXT and path in spans)


def test_the_endpoint_is_the_only_one_and_takes_no_model_and_no_path(client: Any) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert list(endpoints) == ["/extract"]
    names = [parameter["parameter_name"] for parameter in endpoints["/extract"]["parameters"]]
    assert names == ["text", "template", "verbatim"]


@pytest.mark.parametrize(
    ("text", "template", "line"),
    [
        ("", TEMPLATE, "the text is empty. Paste one, or choose an example."),
        ("y" * 30_000, TEMPLATE, "the text has 30,000 characters; this page takes 20,000. Send a part of it."),
        (TEXT, '{"total": "monney"}', "total: unknown type 'monney'. Known: "),
        (5, TEMPLATE, "the text and the template are sent as strings, the template as JSON."),
    ],
)
def test_the_endpoint_refuses_in_one_line_without_a_traceback(client: Any, text: Any, template: str, line: str) -> None:
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as caught:
        client.predict(text, template, False, api_name="/extract")
    assert line in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_fifty_requests_at_the_same_time_get_the_answers_to_their_own_text_and_template(client: Any) -> None:
    def ask(index: int) -> tuple[list[str], bool]:
        key, word = f"key_{index}", f"W{index:03}X"
        template = json.dumps({key: "verbatim-string"})
        output, spans, _ = client.predict(f"{word} {word} {word}", template, False, api_name="/extract")
        return list(output), output[key] in f"{word} {word} {word}" and list(spans) == [key]

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(ask, range(50))) == [([f"key_{index}"], True) for index in range(50)]


def test_nothing_that_was_sent_is_kept(client: Any, files: Path) -> None:
    client.predict(TEXT, '{"kilos": "integer"}', False, api_name="/extract")
    assert [path for path in files.rglob("*") if path.is_file()] == []


def test_a_port_that_is_taken_is_refused_in_one_line(extractor: Extractor) -> None:
    with create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeUnavailable, match=rf"port {port} is taken.*Name another one with --port"):
            APP.serve(APP.build(extractor, "bundled"), port=port)


def test_the_page_names_the_model_and_says_when_it_was_never_trained_for_this(extractor: Extractor) -> None:
    def introduction(model: str) -> str:
        blocks = APP.build(extractor, model).blocks.values()
        return next(block.value for block in blocks if str(getattr(block, "value", "")).startswith("# "))

    assert "Model: `my-model`, run by llama.cpp." in introduction("my-model")
    assert "never trained" not in introduction("my-model")
    assert "Model: `bundled`" in introduction("bundled")
    assert "never trained" in introduction("bundled")


# ---- a template from a schema, and files of many texts


def test_a_schema_becomes_a_template_and_what_it_cannot_say_is_told_as_text() -> None:
    schema = {
        "type": "object",
        "properties": {"born": {"type": "string", "format": "date"}, "<b>": {"type": "integer", "minimum": 3}},
    }
    template, said = APP.template_of_schema(json.dumps(schema), "{}")
    assert json.loads(template) == {"born": "date", "<b>": "integer"}
    assert "made the template" in said
    assert "&lt;b&gt;" in said
    assert "minimum" in said
    assert "<b>" not in said


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        ("{", "the schema is no JSON"),
        ("[" * 2000, "the schema is no JSON"),
        ("[]", "a JSON Schema is an object"),
        ('{"type": "string"}', "does not describe an object"),
        ('{"a": "' + "x" * APP.MAX_TEMPLATE + '"}', "this page takes 5,000"),
    ],
)
def test_a_schema_that_is_none_leaves_the_template(schema: str, line: str) -> None:
    template, said = APP.template_of_schema(schema, "as it was")
    assert template == "as it was"
    assert line in said
    assert "bad" in said


def test_an_upload_is_read_and_deleted_also_where_it_is_refused(tmp_path: Path) -> None:
    for content, documents in (("text\none\n", 1), ("a\n1\n", 0)):
        file = tmp_path / "upload.csv"
        file.write_text(content)
        if documents:
            assert len(APP.read_upload(str(file))) == documents
        else:
            with pytest.raises(DataError, match=r"upload\.csv: is no ZIP"):
                APP.read_upload(str(file))
        assert not file.exists()
    with pytest.raises(DataError, match="no file was chosen"):
        APP.read_upload(None)


# ---- programs that ask the same


HOSTILE = TEXT + ' It\'s "sure" $(exit 3) `exit 4` \\\\n \u00e9'


def test_the_programs_get_the_answer_of_the_endpoint(address: str) -> None:
    from gradio_client import Client

    template = json.dumps({"place": "verbatim-string"})
    arguments = (HOSTILE, template, False)
    output, *_ = Client(address, verbose=False).predict(*arguments, api_name="/extract")
    program = python_program(address, "/extract", arguments, "output, spans, figures")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(output)
    if not shutil.which("curl"):
        pytest.skip("no curl here")
    done = subprocess.run(
        ["bash", "-c", shell_program(address, "/extract", arguments)], capture_output=True, text=True, check=True
    )
    event, data = done.stdout.strip().splitlines()[-2:]
    assert event == "event: complete"
    ((found, _, _),) = json.loads(data.removeprefix("data: "))
    assert found == output
