"""The extraction app: what it shows, as pure functions, and its endpoint over the real bundled model in llama.cpp."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import create_server
from typing import Any

import pytest

from smolkit.errors import RuntimeUnavailable
from smolkit.extraction.template import Template

pytest.importorskip("gradio", reason="the app is a Gradio page: pip install 'smolkit[apps]'")

from smolkit.apps.extraction.answers import MAX_SECONDS
from smolkit.apps.extraction.inputs import MAX_TEMPLATE, MAX_TEXT, read_request
from smolkit.apps.extraction.one_text import RESULTS
from smolkit.apps.hosting import load_app
from smolkit.apps.models import Choice, Given, Models
from smolkit.apps.snippets import python_program, shell_program

APP = load_app("extraction")
PRESETS = APP.PRESETS

TEXT = "Fresh lemons from Menton, 2.40 EUR the kilo, picked on 3 March 2025 by Odile Ferrand."
TEMPLATE = json.dumps({"place": "verbatim-string", "kilos": "integer", "picker": {"name": "verbatim-string"}})


@pytest.fixture(scope="module")
def models(bundled_file: Path) -> Iterator[Models]:
    with Models([Choice("bundled", Given("bundled", "llama.cpp")), Choice("twin", Given(str(bundled_file)))]) as models:
        models.get("bundled")
        yield models


@pytest.fixture(scope="module")
def address(models: Models, files: Path) -> Iterator[str]:
    page = APP.build(models, "bundled, twin")
    yield APP.serve(page)
    page.close(verbose=False)


# ---- the examples


@pytest.mark.parametrize("preset", PRESETS, ids=[preset["name"] for preset in PRESETS])
def test_a_preset_is_a_template_and_a_text_of_some_length(preset: dict[str, Any]) -> None:
    template = read_request(preset["text"], json.dumps(preset["template"]))
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


def test_the_readme_says_the_limits() -> None:
    body = (Path(APP.__file__).parent / "README.md").read_text()
    assert f"{MAX_TEXT:,}" in body
    assert f"{MAX_TEMPLATE:,}" in body
    assert f"{MAX_SECONDS:.0f} seconds" in body


# ---- the endpoint


def test_the_endpoint_fills_the_template_and_says_where_the_values_stand(client: Any) -> None:
    output, spans, scores, figures = client.predict(TEXT, TEMPLATE, False, api_name="/extract")
    assert list(output) == ["place", "kilos", "picker"]
    assert Template.parse_json(TEMPLATE).problems(output) == []
    assert spans, "two verbatim fields, and neither was found in the text"
    for path, (start, end) in spans.items():
        value = output["picker"]["name"] if path == "picker.name" else output[path]
        assert TEXT[start:end] == str(value)
    assert set(scores) <= {"place", "kilos", "picker.name"}
    assert scores
    assert all(0 < score <= 1 for score in scores.values())
    assert figures["new_tokens"] >= figures["forced_tokens"] > 0
    assert figures["prompt_tokens"] > 0
    assert figures["seconds"] > 0
    assert figures["tokens_per_second"] == pytest.approx(figures["new_tokens"] / figures["seconds"], rel=0.1)
    assert (figures["windows"], figures["truncated"]) == (1, False)


def test_the_switch_holds_blank_fields_to_the_text(client: Any) -> None:
    output, spans, *_ = client.predict(TEXT, '{"colour": "", "season": ""}', True, api_name="/extract")
    for path, value in output.items():
        assert value is None or (value in TEXT and path in spans)


def test_a_model_is_one_of_the_list_and_the_first_where_none_is_named(client: Any) -> None:
    assert client.predict(api_name="/models") == ["bundled", "twin"]
    answers = {
        name: client.predict(TEXT, TEMPLATE, False, name, api_name="/extract") for name in ("", "bundled", "twin")
    }
    assert [answers[name][3]["model"] for name in answers] == ["bundled", "bundled", "twin"]
    assert answers["twin"][3]["computes"].startswith("llama.cpp, ")
    assert answers["twin"][0] == answers["bundled"][0] == answers[""][0]


@pytest.mark.slow
def test_a_template_is_proposed_that_the_page_takes(client: Any) -> None:
    proposal = client.predict(TEXT, api_name="/propose")
    assert list(Template.parse_json(proposal).leaves())
    output, *_ = client.predict(TEXT, proposal, False, api_name="/extract")
    assert list(output) == list(json.loads(proposal))


def test_models_are_compared_with_a_score_where_the_right_answer_is_given(client: Any) -> None:
    reference = json.dumps({"place": "Menton", "kilos": None, "picker": {"name": "Odile Ferrand"}})
    sides = client.predict(TEXT, TEMPLATE, False, None, reference, api_name="/compare")
    assert [side["model"] for side in sides] == ["bundled", "twin"]
    assert sides[0]["output"] == sides[1]["output"]
    for side in sides:
        assert side["differs"] == []
        assert 0 <= side["f1"] <= 1
        assert set(side["wrong"]) <= {"place", "kilos", "picker.name"}
        assert side["figures"]["seconds"] > 0
    sides = client.predict(TEXT, TEMPLATE, False, ["twin", "bundled"], api_name="/compare")
    assert [side["model"] for side in sides] == ["twin", "bundled"]
    assert "f1" not in sides[0]


def test_the_endpoints_take_no_path_and_no_model_but_a_name(client: Any) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    parameters = {
        endpoint: [parameter["parameter_name"] for parameter in described["parameters"]]
        for endpoint, described in endpoints.items()
    }
    assert parameters == {
        "/extract": ["text", "template", "verbatim", "model"],
        "/propose": ["text", "model"],
        "/compare": ["text", "template", "verbatim", "models", "reference"],
        "/models": [],
    }


@pytest.mark.parametrize(
    ("endpoint", "arguments", "line"),
    [
        ("/extract", ("", TEMPLATE), "the text is empty. Paste one, or choose an example."),
        ("/extract", ("y" * 30_000, TEMPLATE), "the text has 30,000 characters; this page takes 20,000. Send a part"),
        ("/extract", (TEXT, '{"total": "monney"}'), "total: unknown type 'monney'. Known: "),
        ("/extract", (5, TEMPLATE), "the text and the template are sent as strings, the template as JSON."),
        ("/extract", (TEXT, TEMPLATE, False, "twins"), "no model named 'twins' here. Did you mean 'twin'?"),
        ("/extract", (TEXT, TEMPLATE, False, "/etc/passwd"), "no model named '/etc/passwd' here."),
        ("/extract", (TEXT, TEMPLATE, False, ["twin"]), "no model named "),
        ("/propose", ("",), "the text is empty. Paste one, or choose an example."),
        ("/propose", (TEXT, "big"), "no model named 'big' here."),
        ("/compare", (TEXT, TEMPLATE, False, ["twin"]), "from 2 to 4 models are compared at once, got 1. Name them."),
        ("/compare", (TEXT, TEMPLATE, False, None, "[]"), "the reference answer does not fit the template: expected"),
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


@pytest.mark.slow
def test_fifty_requests_at_the_same_time_get_the_answers_to_their_own_text_and_template(client: Any) -> None:
    def ask(index: int) -> tuple[list[str], bool]:
        key, word = f"key_{index}", f"W{index:03}X"
        template = json.dumps({key: "verbatim-string"})
        output, spans, *_ = client.predict(f"{word} {word} {word}", template, False, api_name="/extract")
        return list(output), output[key] in f"{word} {word} {word}" and list(spans) == [key]

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(ask, range(50))) == [([f"key_{index}"], True) for index in range(50)]


def test_nothing_that_was_sent_is_kept(client: Any, files: Path) -> None:
    client.predict(TEXT, '{"kilos": "integer"}', False, api_name="/extract")
    assert [path for path in files.rglob("*") if path.is_file()] == []


def test_a_port_that_is_taken_is_refused_in_one_line(models: Models) -> None:
    with create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeUnavailable, match=rf"port {port} is taken.*Name another one with --port"):
            APP.serve(APP.build(models, "bundled"), port=port)


def test_the_page_names_its_only_model_and_says_which_was_never_trained_for_this(
    models: Models, bundled_file: Path
) -> None:
    def introduction(models: Models, name: str) -> str:
        texts = [str(getattr(block, "value", "")) for block in APP.build(models, name).blocks.values()]
        return next(text for text in texts if text.startswith("# "))

    with Models([Choice("mine", Given(str(bundled_file)))]) as mine:
        mine.get("mine")
        assert "Model: `mine`, run by llama.cpp, " in introduction(mine, "mine")
        assert "never trained" not in introduction(mine, "mine")
    assert "Model:" not in introduction(models, "bundled, twin")
    assert "The bundled model was never trained for this" in introduction(models, "bundled, twin")


def test_one_model_needs_no_list_and_no_comparison(models: Models) -> None:
    def tabs(models: Models) -> list[str]:
        return [block.label for block in APP.build(models, "m").blocks.values() if type(block).__name__ == "Tab"]

    assert tabs(models) == ["One text", "Many texts", "Compare"]
    assert tabs(Models([Choice("bundled", Given("bundled", "llama.cpp"))])) == ["One text", "Many texts"]


# ---- programs that ask the same


HOSTILE = TEXT + ' It\'s "sure" $(exit 3) `exit 4` \\\\n \u00e9'


def test_the_programs_get_the_answer_of_the_endpoint(address: str) -> None:
    from gradio_client import Client

    template = json.dumps({"place": "verbatim-string"})
    arguments = (HOSTILE, template, False, "twin")
    output, *_ = Client(address, verbose=False).predict(*arguments, api_name="/extract")
    program = python_program(address, "/extract", arguments, RESULTS)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(output)
    if not shutil.which("curl"):
        pytest.skip("no curl here")
    done = subprocess.run(
        ["bash", "-c", shell_program(address, "/extract", arguments)], capture_output=True, text=True, check=True
    )
    event, data = done.stdout.strip().splitlines()[-2:]
    assert event == "event: complete"
    ((found, *_),) = json.loads(data.removeprefix("data: "))
    assert found == output
