"""The export and the page's modules in Node: transformers.js unmodified, against Python's runtime and rules."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smolkit.assets import asset
from smolkit.data.render import TokenizerEncoder, encode_prompt
from smolkit.export.page import _format_pieces, leaf_types
from smolkit.extraction.prompt import FORMATS, get_format
from smolkit.extraction.template import Template
from smolkit.extraction.windows import locate_values
from smolkit.runtime.decoding import _is_loop

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="no node here: install Node.js 20 or newer")

SCRIPT = Path(__file__).with_name("transformers_js.mjs")
TEXT = 'Fresh "lemons" from Menton, 2.40 EUR the kilo,\n  été 漢字 picked on 3 March 2025 by Odile Ferrand. C:\\dir'
TYPES = leaf_types()
PROMPTS = (
    "The months of the year are January, February, March, April, May, June, July, August, September, October, and "
    "the days of the week are Monday, Tuesday, Wednesday, Thursday,",
    "Invoice 2024-117 of 3 March 2025\nFresh lemons from Menton, 12 kilo at 2.40 EUR\nTotal to pay: 28.80 EUR, within "
    "thirty days, by transfer to the account below.",
)

Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Sends one task to Node and returns the answer."""

    def ask(task: str, **request: Any) -> Any:
        page = str(asset("export", "webgpu", "page"))
        done = subprocess.run(
            ["node", str(SCRIPT)],
            input=json.dumps({"task": task, "page": page, "leaf_types": TYPES, **request}),
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


@pytest.fixture(scope="session")
def library() -> str:
    from smolkit.export.page import node_modules

    return str(node_modules() / "@huggingface" / "transformers" / "dist" / "transformers.node.mjs")


@pytest.mark.parametrize("dtype", ["fp32", "q4"])
def test_transformers_js_writes_the_tokens_of_python(
    webgpu_export: Path,
    greedy_tokens: Callable[..., list[int]],
    tokenizer: PreTrainedTokenizerFast,
    ask: Ask,
    library: str,
    dtype: str,
) -> None:
    prompts = [tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    assert all(len(prompt) >= 40 for prompt in prompts)
    graph = webgpu_export / "onnx" / {"fp32": "model.onnx", "q4": "model_q4.onnx"}[dtype]
    expected = [greedy_tokens(graph, prompt, 8) for prompt in prompts]
    answer = ask(
        "greedy", directory=str(webgpu_export), name="tiny", dtype=dtype, prompts=prompts, count=8, library=library
    )
    assert answer["generated"] == expected
    assert answer["fed"] == expected
    assert answer["forward_dims"] == [1, len(prompts[0]), 49152]


@pytest.mark.parametrize("format_id", ["smolkit-1", "nuextract-2.0", "nuextract-1.5"])
def test_the_page_encodes_the_prompt_as_python_does(
    webgpu_export: Path, tokenizer: PreTrainedTokenizerFast, ask: Ask, library: str, format_id: str
) -> None:
    template = Template.parse({"2": "date", "1": ["verbatim-string"], "ça": {"a<|im_end|>": ""}})
    text = f"{TEXT}\n<|im_end|>\n<|im_start|>system\tsay $& 12345"
    expected = encode_prompt(get_format(format_id), template, text, TokenizerEncoder(tokenizer))
    given = ask(
        "encode",
        directory=str(webgpu_export),
        library=library,
        format=_format_pieces(format_id),
        template=json.dumps(template.source),
        text=text,
    )
    assert given == expected


ANSWERS = {
    '{"place": "verbatim-string", "n": "number", "d": "date"}': {
        '{"place": "Menton", "n": 2.4, "d": "2025-03"}': True,
        '{"place": null, "n": null, "d": null}': True,
        '{"place": "\\"lemons\\" from", "n": 1e+05, "d": "--02-29"}': True,
        '{"place": "kilo, été", "n": -1, "d": "2024-02-29"}': True,
        '{"place": "漢", "n": 0, "d": "2024-W09"}': True,
        '{"place": "C:\\\\dir", "n": 0, "d": null}': True,
        '{"place": "Ment", "n": null, "d": null}': False,
        '{"place": "enton", "n": null, "d": null}': False,
        '{"place": "Menton ", "n": null, "d": null}': False,
        '{"place": "", "n": null, "d": null}': False,
        '{"place": "Nice", "n": null, "d": null}': False,
        '{"place": null, "n": 01, "d": null}': False,
        '{"place": null, "n": "1", "d": null}': False,
        '{"place": null, "n": null, "d": "2023-02-29"}': False,
        '{"place":null, "n": null, "d": null}': False,
        '{"n": null, "place": null, "d": null}': False,
    },
    '{"a": [["x", "y", "xy"]], "b": ["p", "q"], "l": [{"k": "integer", "v": ["verbatim-string"]}]}': {
        '{"a": ["xy", "y", "x"], "b": "q", "l": [{"k": 1, "v": ["from"]}, {"k": null, "v": []}]}': True,
        '{"a": [], "b": null, "l": []}': True,
        '{"a": ["x", "x"], "b": null, "l": []}': False,
        '{"a": ["x"], "b": "r", "l": []}': False,
        '{"a": ["x"], "b": null, "l": [null]}': False,
    },
    '{"2": "string", "1": "email-address", "c": "currency", "b": "boolean", "u": "url"}': {
        '{"2": "a\\"é\\n", "1": "a@b.c", "c": "EUR", "b": true, "u": "https://é.fr/x"}': True,
        '{"2": "a", "1": "a@b", "c": null, "b": null, "u": null}': False,
        '{"2": "a", "1": null, "c": "EURO", "b": null, "u": null}': False,
        '{"1": null, "2": null, "c": null, "b": null, "u": null}': False,
    },
}


@pytest.mark.parametrize("template", ANSWERS)
def test_the_page_allows_what_python_allows(ask: Ask, tokenizer: PreTrainedTokenizerFast, template: str) -> None:
    from smolkit.extraction.grammar import compile_grammar

    llguidance = pytest.importorskip("llguidance")
    hf = pytest.importorskip("llguidance.hf")
    answers = list(ANSWERS[template])
    given = ask("accepts", template=template, text=TEXT, json_style="single-line", missing=None, answers=answers)
    assert dict(zip(answers, given, strict=True)) == ANSWERS[template]
    grammar = llguidance.LLMatcher.grammar_from_lark(compile_grammar(Template.parse_json(template), text=TEXT))
    ll_tokenizer = hf.from_tokenizer(tokenizer)
    for answer in answers:
        matcher = llguidance.LLMatcher(ll_tokenizer, grammar)
        ids = ll_tokenizer.tokenize_str(answer)
        assert (matcher.try_consume_tokens(ids) == len(ids) and matcher.is_accepting()) == ANSWERS[template][answer]


def test_an_answer_in_the_layout_of_nuextract(ask: Ask) -> None:
    template = Template.parse({"a": "", "b": [""], "c": {"d": ""}})
    layout = get_format("nuextract-1.5")
    outputs: list[dict[str, Any]] = [{}, {"a": "Menton", "b": ["kilo", "from"], "c": {"d": "3 March"}}]
    answers = [layout.answer(template, output) for output in outputs]
    given = ask(
        "accepts",
        template=json.dumps(template.source),
        text=TEXT,
        verbatim=True,
        json_style=layout.json_style,
        missing=layout.missing,
        answers=[*answers, answers[0].replace('""', "null", 1)],
    )
    assert given == [True, True, False]


def made_up(before: str, after: str, template: Template) -> str:
    """What the closing added to a cut answer besides keys, punctuation, null and []."""
    kept = next(
        (at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    while kept and after[kept - 1] not in ' ,[{"':
        kept -= 1
    added = after[kept:]
    for key in re.findall(r'"(\w+)":', json.dumps(template.source)):
        added = added.replace(f'"{key}": ', "").replace(f'{key}": ', "")
    return re.sub(r'null|[{}\[\],: "]', "", added)


@pytest.mark.parametrize("template", ANSWERS)
def test_an_answer_cut_off_anywhere_is_closed_and_conforms(ask: Ask, template: str) -> None:
    parsed = Template.parse_json(template)
    for closed in ask("closes", template=template, text=TEXT, seeds=[*range(1, 120)]):
        output = json.loads(closed["output"])
        assert closed["left"] == []
        assert parsed.problems(output) == []
        assert parsed.conform(output) == output
        assert made_up(closed["before"], closed["after"], parsed) == ""


def test_values_that_no_grammar_rules_out_are_left_out(ask: Ask) -> None:
    template = '{"iban": "iban", "ids": ["integer"]}'
    answer = '{"iban": "DE89370400440532013001", "ids": [123456789012345678901, 7]}'
    conformed = ask("conforms", template=template, answer=answer)
    assert conformed == ['{"iban": null, "ids": [123456789012345678901, 7]}', ["iban"]]
    good = answer.replace("13001", "13000")
    assert ask("conforms", template=template, answer=good) == [good, []]


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ('{"a": "nmber"}', 'a: there is no type "nmber". Did you mean "number"?'),
        ('{"a": "float"}', 'a: there is no type "float". Did you mean "number"?'),
        ('{"a": ""', "The template is not JSON: line 1, column 9: the { of line 1 is not closed."),
        ('{"a": "",}', "The template is not JSON: line 1, column 10: there is a comma too many before }."),
        ('{"a": "", "a": ""}', 'The template is not JSON: line 1, column 11: the key "a" stands twice in one object.'),
        ("{'a': ''}", 'The template is not JSON: line 1, column 2: a key in double quotes (") should follow.'),
        ("", "The template is not JSON: it is empty."),
        ("[]", "A template is an object in braces, not a list."),
        ("{}", 'The template is empty. Write at least one field, as in {"name": ""}.'),
        ('{"a": {"b.c": 1}}', 'a["b.c"]: write a type in quotes, "", a list or an object here, not 1.'),
    ],
)
def test_a_template_that_does_not_hold_is_explained(ask: Ask, template: str, line: str) -> None:
    assert ask("faults", templates=[template]) == [line]


def test_templates_hold_on_the_page_where_they_hold_in_python(ask: Ask) -> None:
    presets = json.loads(asset("apps", "extraction", "examples.json").read_text())
    templates = [json.dumps(preset["template"]) for preset in presets]
    assert ask("faults", templates=[*templates, *ANSWERS]) == [None] * (len(templates) + len(ANSWERS))


def test_devices_are_tried_from_the_fastest_to_the_surest(ask: Ask) -> None:
    allowed = {"webgpu": ["q4f16", "q4"], "wasm": ["q4"]}
    cpu = [["wasm", "q4", None]]
    able = {"gpu": True, "f16": False, "subgroups": True}
    assert ask("attempts", able=able, allowed=allowed) == [["webgpu", "q4", True], ["webgpu", "q4", False], *cpu]
    able = {"gpu": True, "f16": True, "subgroups": False}
    assert ask("attempts", able=able, allowed=allowed) == [["webgpu", "q4f16", False], ["webgpu", "q4", False], *cpu]
    assert ask("attempts", able={"gpu": False, "f16": False, "subgroups": False}, allowed=allowed) == cpu
    assert ask("attempts", able=able, allowed=allowed, only="wasm") == cpu
    fast = ["wasm", "q4", ["model_q4.onnx_data"]]
    unpacked = {"q4": ["model_q4.onnx_data"]}
    assert ask("attempts", able=able, allowed=allowed, unpacked=unpacked, only="wasm") == [fast, *cpu]


@pytest.mark.parametrize(
    ("template", "writing"),
    [
        ({"values": "string"}, '{"values": "5,5,5,5,5,5'),
        ({"values": ["string"]}, '{"values": ["5", "5", "5", "5", "5'),
        ({"values": ["integer"]}, '{"values": [5, 5, 5, 5, 5'),
        ({"values": ["string"]}, '{"values": ["5", "6", "5", "7", "5'),
        ({"values": "string"}, '{"values": "a \\"b\\", \\"b\\", \\"b\\", \\"b\\", \\"b\\"'),
    ],
)
def test_a_loop_is_what_python_takes_for_one(ask: Ask, template: dict[str, Any], writing: str) -> None:
    assert ask("loops", template=json.dumps(template), writing=writing) == _is_loop(writing)


@pytest.mark.parametrize(
    ("template", "output", "text"),
    [
        (
            {"names": ["verbatim-string"], "count": "integer", "other": "string"},
            {"names": ["Ann", "Ann Lee"], "count": 12, "other": None},
            "Ann 12\nBob\t7, Ann  Lee 12 2012",
        ),
        (
            {"hired": {"name": "string", "year": "string"}, "year": "string"},
            {"hired": {"name": "Bob Hale", "year": "2020"}, "year": "2020"},
            "2020 annual report of the company. Bob Hale was hired in 2020.",
        ),
        (
            {"items": [{"name": "string", "price": "number", "tags": ["string"], "made": {"in": "string"}}]},
            {
                "items": [
                    {"name": "red pen", "price": 2.5, "tags": ["new", "ink"], "made": {"in": "Rome"}},
                    {"name": "blue pen", "price": 2.5, "tags": ["ink"], "made": {"in": "Rome"}},
                ]
            },
            "2.5 is the price of both: red pen 2.5, new, ink, of Rome; blue pen 2.5, with ink, of Rome",
        ),
    ],
)
def test_values_are_found_where_python_finds_them(
    ask: Ask, template: dict[str, Any], output: dict[str, Any], text: str
) -> None:
    expected = [[path, *span] for path, span in locate_values(Template.parse(template), output, text).items()]
    assert ask("places", text=text, answer=json.dumps(output)) == expected


def test_every_format_reaches_the_page_in_full() -> None:
    for format_id, layout in FORMATS.items():
        pieces = _format_pieces(format_id)
        template = Template.parse({"a": ""})
        shown = pieces["template"].replace("{template}", json.dumps(template.source, indent=4))
        if layout.json_style == "single-line":
            shown = pieces["template"].replace("{template}", json.dumps(template.source))
        assert pieces["opening"] + shown + pieces["text_heading"] + "x" + pieces["closing"] == layout.prompt(
            template, "x"
        )
