"""Malformed recipes, rows, templates, texts, models, options and predictions: each with the lines that it gets.

Every one ends with exit code 2, nothing on stdout, no traceback and no file written. `…` in an expected line stands
for words of a library that are not ours to promise.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smolkit import models
from smolkit.cli import run
from smolkit.extraction.leaf_types import LEAF_TYPES
from smolkit.extraction.prompt import FORMATS
from smolkit.manifest import Manifest, write
from smolkit.train.extraction import ExtractionRecipe

Fails = Callable[..., None]
Edit = Callable[[Path], Any]

TYPES = f"Known: {', '.join(sorted(LEAF_TYPES))}."
MODELS = f"Known: {', '.join(sorted(['bundled', *models.MODELS]))}."
PROMPT_FORMATS = f"Known: {', '.join(sorted(FORMATS))}."
FIELDS = f"Known: {', '.join(sorted(ExtractionRecipe.model_fields))}."

GOOD = {"id": "a", "text": "Sony WH", "template": {"brand": ""}, "output": {"brand": "Sony"}}
DATA = "data: {train: [{path: good.jsonl}]}\n"
LATIN = "café".encode("latin-1")


@pytest.fixture
def fails(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Fails:
    """Runs a command line in a folder of its own, with `good.jsonl`, `good.yaml` and `text.txt`, and compares."""
    monkeypatch.chdir(tmp_path)
    _write(tmp_path / "good.jsonl", [GOOD])
    _write(tmp_path / "good.yaml", f"model: {tiny_model_dir}\n{DATA}")
    _write(tmp_path / "text.txt", "Sony WH")

    def fails(arguments: list[str], *lines: str, stdin: bytes = b"", after_plan: bool = False) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        before = _tree(tmp_path)
        code = run([argument.replace("TINY", str(tiny_model_dir)) for argument in arguments])
        out, err = capsys.readouterr()
        said = err.splitlines()
        if after_plan:
            said = said[-len(lines) :]
        assert (code, out) == (2, "")
        assert len(said) == len(lines), err
        for line, expected in zip(said, lines, strict=True):
            pattern = ".*".join(re.escape(part) for part in f"smolkit: {expected}".split("…"))
            assert re.fullmatch(pattern, line), f"{line}\n is not\n{expected}"
        assert _tree(tmp_path) == before

    return fails


def _write(path: Path, content: str | bytes | list[Any]) -> None:
    """Text or bytes as they are, or a list of rows, of which strings are lines already."""
    if isinstance(content, list):
        content = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _tree(directory: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in directory.rglob("*")}


RECIPES = {
    "empty": ("", "bad.yaml:1:data: must be given."),
    "no mapping": ("- a\n", "bad.yaml:1: a recipe is a mapping of fields to values."),
    "no YAML": ("a: [1\n", "bad.yaml:2: not valid YAML: …."),
    "an alias": ("a: &x 1\nb: *x\n", "bad.yaml:2: not valid YAML: aliases are not supported, write the value out."),
    "a tag": (
        DATA + "seed: !!python/object:os.system x\n",
        "bad.yaml:2:seed: the tag 'tag:yaml.org,2002:python/object:os.system' is not supported.",
    ),
    "a field twice": ("seed: 1\nseed: 2\n" + DATA, "bad.yaml:2:seed: given twice, first in line 1."),
    "a misspelt field": (
        DATA + "optimizer: {learning_rate: 1}\n",
        "bad.yaml:2:optimizer.learning_rate: no such field. Known: betas, clip, eps, lr, weight_decay.",
    ),
    "a misspelt top field": (DATA + "epoch: 1\n", "bad.yaml:2:epoch: no such field. Did you mean 'epochs'?"),
    "an unknown top field": (DATA + "learning_rat: 1\n", f"bad.yaml:2:learning_rat: no such field. {FIELDS}"),
    "a word for a number": (
        DATA + "optimizer: {lr: fast}\n",
        'bad.yaml:2:optimizer.lr: must be a valid number, got "fast".',
    ),
    "a negative rate": (DATA + "optimizer: {lr: -1}\n", "bad.yaml:2:optimizer.lr: must be greater than 0, got -1."),
    "a beta of one": (
        DATA + "optimizer: {betas: [0.9, 1.0]}\n",
        "bad.yaml:2:optimizer.betas[1]: must be less than 1, got 1.0.",
    ),
    "no epoch": (DATA + "epochs: 0\n", "bad.yaml:2:epochs: must be greater than 0, got 0."),
    "less than a row": (DATA + "epochs: 0.1\nmodel: TINY\n", "0.1 epochs of 1 rows are less than half a row."),
    "an unknown prompt format": (
        DATA + "prompt_format: smolkit-2\n",
        f"bad.yaml:2:prompt_format: unknown prompt format 'smolkit-2'. Did you mean 'smolkit-1'? {PROMPT_FORMATS}",
    ),
    "a format with an end that is no token": (
        DATA + "prompt_format: nuextract-1.5\nmodel: TINY\n",
        "the end marker '<|end-output|>' of prompt format nuextract-1.5 is no token of this model."
        " Take a format for chat models, such as smolkit-1.",
    ),
    "two origins": (
        "data: {train: [{path: good.jsonl, synth: {rows: 2}}]}\n",
        "bad.yaml:1:data.train[0]: give exactly one of path and synth.",
    ),
    "an unknown method": (
        DATA + "method: qlora\n",
        "bad.yaml:2:method: must be 'full' or 'lora', got \"qlora\". Did you mean 'lora'?",
    ),
    "adapters for a layer that is not there": (
        DATA + "method: lora\nlora: {targets: [q_porj]}\nmodel: TINY\n",
        "lora.targets: the model has no linear layer 'q_porj'. Did you mean 'q_proj'? Known: down_proj, gate_proj,"
        " k_proj, lm_head, o_proj, q_proj, up_proj, v_proj.",
    ),
    "warmup and decay of more than all": (
        DATA + "schedule: {warmup: 0.8, decay: 0.8}\n",
        "bad.yaml:2:schedule: warmup 0.8 and decay 0.8 add up to more than the whole run.",
    ),
    "warmup in steps": (
        DATA + "schedule: {warmup: 30}\n",
        "bad.yaml:2:schedule.warmup: must be less than or equal to 1, got 30.",
    ),
    "a dtype by its nickname": (
        DATA + "dtype: bf16\n",
        "bad.yaml:2:dtype: must be 'auto', 'bfloat16' or 'float32', got \"bf16\". Did you mean 'bfloat16'?",
    ),
    "two faults": (
        DATA + "seed: x\nepochs: -1\n",
        'bad.yaml:2:seed: must be a valid integer, got "x".',
        "bad.yaml:3:epochs: must be greater than 0, got -1.",
    ),
    "a misspelt file": (
        "data: {train: [{path: godo.jsonl}]}\nmodel: TINY\n",
        "godo.jsonl: no such file. Did you mean 'good.jsonl'?",
    ),
    "more rows than there are": (
        "data: {train: [{path: good.jsonl, rows: 5}]}\nmodel: TINY\n",
        "good.jsonl: 5 rows wanted, 1 there.",
    ),
    "a row that is too long": (
        "data: {train: [{path: good.jsonl}], max_length: 40}\nmodel: TINY\n",
        "good.jsonl:1 (id a): 58 tokens with its answer, over data.max_length = 40."
        " Raise it, or set data.too_long=skip to train without such rows.",
    ),
    "rows that are all too long": (
        "data: {train: [{path: good.jsonl}], max_length: 40, too_long: skip}\nmodel: TINY\n",
        "good.jsonl:1 (id a): no row fits in data.max_length = 40 tokens: the shortest has 58. Raise it.",
    ),
    "more context than the model has": (
        "data: {train: [{path: good.jsonl}], max_length: 9999}\nmodel: TINY\n",
        "data.max_length is 9999, the model's context 2048.",
    ),
}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes(fails: Fails, tmp_path: Path, tiny_model_dir: Path, name: str) -> None:
    text, *lines = RECIPES[name]
    _write(tmp_path / "bad.yaml", text.replace("TINY", str(tiny_model_dir)))
    fails(["finetune", "bad.yaml", "--plan"], *lines)


RUNS = {
    "a misspelt shipped recipe": (
        ["smoke/extraction-dem"],
        "no recipe file 'smoke/extraction-dem', and none shipped under that name."
        " Did you mean 'smoke/extraction-demo'? Known: …smoke/vision.",
    ),
    "a misspelt override": (
        ["good.yaml", "--set", "optimizer.lrr=1"],
        "--set optimizer.lrr: no such field. Did you mean 'lr'?",
    ),
    "an override without a value": (
        ["good.yaml", "--set", "optimizer"],
        "--set optimizer: not a field and a value. Write --set a.b=value.",
    ),
    "an override past the end": (
        ["good.yaml", "--set", "data.train[3].path=x"],
        "--set data.train[3].path: data.train has no entry 3.",
    ),
    "an unknown task": (
        ["--task", "extractoin"],
        "unknown task 'extractoin'. Did you mean 'extraction'? Known: chat, dpo, extraction, vision.",
    ),
    "a misspelt model": (
        ["good.yaml", "--set", "model=bundeld"],
        f"no model 'bundeld': not a directory, a GGUF file or a Hub id. Did you mean 'bundled'? {MODELS}",
    ),
    "an option that is not there": (
        ["good.yaml", "--overwrit"],
        "no such option '--overwrit'. Did you mean '--overwrite'? See: smolkit finetune --help",
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_runs(fails: Fails, name: str) -> None:
    arguments, *lines = RUNS[name]
    fails(["finetune", *arguments, "--plan"], *lines)


DESTINATIONS = {
    "a file": (["--out", "text.txt"], "…/text.txt: is a file, and a directory is to be written here."),
    "the folder one stands in": (
        ["--out", "."],
        "…: is the current or home directory or holds it. Name another directory.",
    ),
    "a folder of somebody else": (
        ["--out", "taken"],
        "…/taken: is not empty and has no smolkit.json, so it is not ours to replace."
        " Name another directory, or remove this one.",
    ),
    "a folder of somebody else for checkpoints": (
        ["--out", "model"],
        "model.run: is where the checkpoints go, and holds something else than a run (no run.json)."
        " Name another --out, or move this away.",
    ),
    "nothing to resume": (["--out", "new", "--resume"], "new.run: no run to resume. Leave --resume out to start one."),
}


@pytest.mark.parametrize("name", DESTINATIONS)
def test_destinations(fails: Fails, tmp_path: Path, name: str) -> None:
    arguments, *lines = DESTINATIONS[name]
    for directory in ("taken", "model.run"):
        (tmp_path / directory).mkdir()
        _write(tmp_path / directory / "thesis.txt", "years of work")
    fails(["finetune", "good.yaml", *arguments], *lines, after_plan=True)


ROWS = {
    "no JSON": (["{"], "bad.jsonl:1: not JSON: …."),
    "no object": ([[1]], "bad.jsonl:1: a row is an object, got list."),
    "nothing": ([], "bad.jsonl: holds no rows."),
    "an empty line": ([GOOD, "", GOOD | {"id": "b"}], "bad.jsonl:2: an empty line."),
    "no text": ([{"txt": "x", "template": {"a": ""}, "output": {}}],
                "bad.jsonl:1:text: no text. Rename 'txt' to 'text'."),
    "no template": ([{"text": "x", "output": {}}], "bad.jsonl:1:template: no template."),
    "no output": ([{"text": "x", "template": {"a": ""}}], "bad.jsonl:1:output: no output."),
    "a blank text": ([GOOD | {"text": "  "}], "bad.jsonl:1:text: the text is empty."),
    "a list for a text": ([GOOD | {"text": ["x"]}], "bad.jsonl:1:text: expected a string, got list."),
    "half a character": (['{"text": "x\\ud800", "template": {"a": ""}, "output": {}}'],
                         "bad.jsonl:1:text: half of a surrogate pair, which is no text."),
    "a key twice": (['{"text": "x", "text": "y", "template": {"a": ""}, "output": {}}'],
                    "bad.jsonl:1: key 'text' stands twice."),
    "NaN": (['{"text": "x", "template": {"a": "number"}, "output": {"a": NaN}}'],
            "bad.jsonl:1: not JSON: NaN is no JSON value."),
    "a key that the template lacks": ([GOOD | {"output": {"brnd": "x"}}],
                                      "bad.jsonl:1:output.brnd: not a key of the template (did you mean 'brand'?)."),
    "text for an integer": ([GOOD | {"template": {"n": "integer"}, "output": {"n": "12"}}],
                            "bad.jsonl:1:output.n: expected an integer, got '12'."),
    "a price for a number": ([GOOD | {"template": {"n": "number"}, "output": {"n": "12,50 EUR"}}],
                             "bad.jsonl:1:output.n: expected a number, got '12,50 EUR'."),
    "a date as people write it": ([GOOD | {"template": {"d": "date"}, "output": {"d": "3.11.2024"}}],
                                  "bad.jsonl:1:output.d: expected a date, got '3.11.2024': write it as 2024-01-15."),
    "no choice of an enum": ([GOOD | {"template": {"k": ["cat", "dog"]}, "output": {"k": "dogs"}}],
                             "bad.jsonl:1:output.k: 'dogs' is not a choice. Did you mean 'dog'? Choices: cat, dog."),
    "a string for a list": ([GOOD | {"template": {"n": [""]}, "output": {"n": "x"}}],
                            "bad.jsonl:1:output.n: expected a list, got 'x'."),
    "an id twice": ([GOOD, GOOD], "bad.jsonl:2:id: 'a' is the id of row 1 already."),
    "a list for an id": ([GOOD | {"id": [1]}], "bad.jsonl:1:id: expected a string or a whole number, got list."),
    "a misspelt type": ([GOOD | {"template": {"brand": "strin"}}],
                        f"bad.jsonl:1:template:brand: unknown type 'strin'. Did you mean 'string'? {TYPES}"),
    "accepted values for no field": ([GOOD | {"accepted": {"brnd": ["x"]}}],
                                     "bad.jsonl:1:accepted.brnd: not a key of the template (did you mean 'brand'?)."),
    "a fault in each row": (["{", GOOD | {"output": {"z": 1}}], "bad.jsonl:1: not JSON: ….",
                            "bad.jsonl:2:output.z: not a key of the template (it has brand)."),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_rows(fails: Fails, tmp_path: Path, name: str) -> None:
    rows, *lines = ROWS[name]
    _write(tmp_path / "bad.jsonl", rows)
    fails(["finetune", "good.yaml", "--data", "bad.jsonl", "--plan"], *lines)


def test_files_that_hold_no_rows(fails: Fails, tmp_path: Path) -> None:
    _write(tmp_path / "latin.jsonl", b'{"text": "' + LATIN + b'"}\n')
    _write(tmp_path / "rows.jsonl.gz", b"not gzipped")
    (tmp_path / "folder").mkdir()
    for file, line in {
        "latin.jsonl": "latin.jsonl: not UTF-8 text, see byte 13.",
        "rows.jsonl.gz": "rows.jsonl.gz: a damaged gzip file: …. Copy or download it again.",
        "folder": "folder: is a directory. Name a file in it: it has none.",
        ".": ".: is a directory. Name a file in it: good.jsonl, latin.jsonl, rows.jsonl.gz.",
    }.items():
        fails(["finetune", "good.yaml", "--data", file, "--plan"], line)


TEMPLATES = {
    "{": "--template: the template is not JSON: ….",
    "{}": '--template: the template is empty. Write at least one field, {"name": ""}.',
    '{"a": "strng"}': f"--template:a: unknown type 'strng'. Did you mean 'string'? {TYPES}",
    '{"a": "email"}': f"--template:a: unknown type 'email'. Did you mean 'email-address'? {TYPES}",
    '{"a": 3}': '--template:a: expected a type name, "", a list or an object, got the number 3.',
    '{"a": null}': '--template:a: expected a type name, "", a list or an object, got null.',
    '{"a": ["x"]}': f"--template:a[]: unknown type 'x'. {TYPES} An enum needs two choices or more.",
    '{"a": ["x", "x"]}': "--template:a: enum choice 'x' stands twice.",
    '{"a": ["integer", "string"]}': "--template:a: the choices of this enum are type names (integer, string)."
    ' A field has one type and may always be missing: write "integer", or change a choice.',
    '{"a": [{"b": ""}, {"c": ""}]}': "--template:a: a list of 2 elements."
    " A list holds one element, the pattern of its items; an enum holds strings only.",
    '{"a": "", "a": ""}': "--template: key 'a' stands twice in one object.",
    '{"a": {"b": {}}}': '--template:a.b: an object without fields. Write at least one field, {"name": ""}.',
    '{"": ""}': "--template: a key is a printable string, got ''.",
    "nope.json": "nope.json: cannot be read (No such file or directory). Give a JSON file or the JSON itself.",
    "latin.json": "latin.json: cannot be read (not UTF-8). Give a JSON file or the JSON itself.",
    "list.json": "list.json: a template is an object, got a list.",
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_templates(fails: Fails, tmp_path: Path, template: str) -> None:
    _write(tmp_path / "latin.json", LATIN)
    _write(tmp_path / "list.json", "[]")
    fails(["extract", "text.txt", "--template", template, "--model", "TINY"], TEMPLATES[template])


TEXTS = {
    "no template": (["text.txt"], "text.txt: a text or an image needs a template. Add --template FILE."),
    "a misspelt file": (
        ["txt.txt", "--template", '{"a": ""}'],
        "txt.txt: cannot be read (No such file or directory). Did you mean text.txt?",
    ),
    "an over-long name": (
        ["x" * 300, "--template", '{"a": ""}'],
        f"{'x' * 300}: cannot be read (File name too long).",
    ),
    "a folder": ([".", "--template", '{"a": ""}'], ".: cannot be read (Is a directory)."),
    "another encoding": (
        ["latin.txt", "--template", '{"a": ""}'],
        "latin.txt: not UTF-8 text. Convert it, as with iconv -t utf-8.",
    ),
    "another encoding on stdin": (
        ["-", "--template", '{"a": ""}'],
        "stdin: not UTF-8 text. Convert it, as with iconv -t utf-8.",
    ),
    "windows that do not advance": (
        ["text.txt", "--template", '{"a": ""}', "--window", "300", "--overlap", "200"],
        "windows of 300 tokens cannot overlap by 200. Take a size of at least twice the overlap.",
    ),
    "a window of few tokens": (
        ["text.txt", "--template", '{"a": ""}', "--window", "10"],
        "invalid value for '--window': … See: smolkit extract --help",
    ),
    "no token to answer with": (
        ["text.txt", "--template", '{"a": ""}', "--max-new-tokens", "0"],
        "invalid value for '--max-new-tokens': … See: smolkit extract --help",
    ),
    "more tokens to answer with than the context has": (
        ["text.txt", "--template", '{"a": ""}', "--max-new-tokens", "4000"],
        "the template takes 47 tokens of a context of 2048."
        " Ask for fewer fields at once, or lower the number of new tokens.",
    ),
    "a misspelt runtime": (
        ["text.txt", "--template", '{"a": ""}', "--runtime", "troch"],
        "unknown runtime 'troch'. Did you mean 'torch'? Known: llama.cpp, onnx, torch.",
    ),
    "a stream of two documents": (
        ["text.txt", "good.jsonl", "--template", '{"a": ""}', "--stream"],
        "--stream shows one document, and there are 2. Leave --stream out.",
    ),
    "a stream of a long document": (
        ["long.txt", "--template", '{"a": ""}', "--stream"],
        "a document of 3 windows cannot be streamed. Extract it at once, or widen the window.",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_and_options(fails: Fails, tmp_path: Path, name: str) -> None:
    arguments, *lines = TEXTS[name]
    _write(tmp_path / "latin.txt", LATIN)
    _write(tmp_path / "long.txt", "word " * 3000)
    fails(["extract", *arguments, "--model", "TINY"], *lines, stdin=LATIN)


NAMES = {
    "bundeld": f"no model 'bundeld': not a directory, a GGUF file or a Hub id. Did you mean 'bundled'? {MODELS}",
    "./modle": f"no model './modle': not a directory, a GGUF file or a Hub id. {MODELS} Did you mean model?",
    "HuggingFaceTB/SmolLM2-135M": "the Hub cannot be reached and 'HuggingFaceTB/SmolLM2-135M' is not in its cache."
    " Connect, give a local directory, or use 'bundled' (SmolLM2-135M-Instruct, no network needed).",
    "smollm2-360m": "the Hub cannot be reached and 'HuggingFaceTB/SmolLM2-360M' is not in its cache."
    " Connect, give a local directory, or use 'bundled' (SmolLM2-135M-Instruct, no network needed).",
    "jnuk.gguf": "jnuk.gguf: neither a GGUF file nor a directory, which llama.cpp needs. Did you mean junk.gguf?",
    "junk.gguf": "junk.gguf: llama.cpp cannot load this file. It is cut short, or no GGUF file.",
}


@pytest.mark.parametrize("model", NAMES)
def test_names_of_models(fails: Fails, tmp_path: Path, model: str) -> None:
    if model.endswith(".gguf"):
        pytest.importorskip("llama_cpp")
    (tmp_path / "model").mkdir()
    _write(tmp_path / "junk.gguf", b"GGUFjunk")
    fails(["extract", "good.jsonl", "--model", model], NAMES[model])


def _text(file: str, content: str) -> Edit:
    return lambda directory: (directory / file).write_text(content)


def _cut(file: str) -> Edit:
    return lambda directory: os.truncate(directory / file, 1000)


def _gone(*files: str) -> Edit:
    return lambda directory: [(directory / file).unlink() for file in files]


def _pickled(directory: Path) -> None:
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")


def _adapter(directory: Path) -> None:
    (directory / "config.json").rename(directory / "adapter_config.json")


def _of_format(directory: Path) -> None:
    write(directory, Manifest(kind="model", prompt_format="smolkit-9"))


# What is done to a model whose manifest is gone, or is there to notice it, and what is then said.
BROKEN: dict[str, tuple[Edit, bool, str]] = {
    "config no JSON": (_text("config.json", "{"), False, "broken: this model cannot be loaded (…)."),
    "config of no architecture": (_text("config.json", "{}"), False, "broken: this model cannot be loaded (…)."),
    "config gone": (
        _gone("config.json"),
        False,
        "broken: no config.json in this directory, so it is not a Hugging Face model.",
    ),
    "weights cut short": (_cut("model.safetensors"), False, "broken: this model cannot be loaded (…)."),
    "weights gone": (_gone("model.safetensors"), False, "broken: no weights in the safetensors format."),
    "weights pickled": (
        _pickled,
        False,
        "broken: no weights in the safetensors format."
        " Pickled weights can run code when read: convert them, or give smolkit --allow-pickle.",
    ),
    "tokenizer no JSON": (_text("tokenizer.json", "{"), False, "broken: the tokenizer cannot be loaded (…)."),
    "tokenizer gone": (
        _gone("tokenizer.json", "tokenizer_config.json"),
        False,
        "broken: the tokenizer cannot be loaded (…).",
    ),
    "an adapter alone": (
        _adapter,
        False,
        "broken: this is a LoRA adapter, not a whole model."
        " Name the merged model: smolkit finetune writes the adapter inside its directory, as adapter/.",
    ),
    "manifest cut short": (
        _cut("smolkit.json"),
        True,
        "broken/smolkit.json: not valid JSON (…), perhaps cut short."
        " Make the directory again, or take the file from a backup.",
    ),
    "weights not those of the manifest": (
        _cut("model.safetensors"),
        True,
        "broken/model.safetensors: changed since written: 1000 bytes, not ….",
    ),
    "a file of the manifest gone": (
        _gone("tokenizer.json"),
        True,
        "broken/tokenizer.json: named by the manifest, but gone.",
    ),
    "a format of the future": (
        _of_format,
        True,
        f"unknown prompt format 'smolkit-9'. Did you mean 'smolkit-1'? {PROMPT_FORMATS}",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_directories_of_models(fails: Fails, tmp_path: Path, tiny_model_dir: Path, name: str) -> None:
    edit, with_manifest, line = BROKEN[name]
    shutil.copytree(tiny_model_dir, tmp_path / "broken")
    if not with_manifest:
        (tmp_path / "broken" / "smolkit.json").unlink()
    edit(tmp_path / "broken")
    fails(["extract", "good.jsonl", "--model", "broken"], line)


PREDICTIONS = {
    "no JSON": (["x"], "bad.jsonl:1: not a JSON row: …."),
    "nothing": ([], "bad.jsonl: holds no rows."),
    "an unknown id": ([{"id": "b", "output": {}}], "bad.jsonl:1:id: no row has the id 'b'."),
    "no id": ([{"output": {}}], "bad.jsonl:1:id: a prediction without an id. Name the row that it belongs to."),
    "an id twice": ([{"id": "a", "output": {}}] * 2, "bad.jsonl:2:id: id 'a' stands in row 1 already."),
    "no answer": (
        [{"id": "a"}],
        "bad.jsonl:1: neither output nor raw. Give the JSON value under output, or the text of the answer under raw.",
    ),
    "two answers": (
        [{"id": "a", "output": {}, "raw": "x"}],
        "bad.jsonl:1: both output and raw. Keep the one that is to be scored.",
    ),
    "text for an output": (
        [{"id": "a", "output": "x"}],
        "bad.jsonl:1:output: output is text, not a JSON value. Put what the model wrote under raw.",
    ),
    "a number for raw": ([{"id": "a", "raw": 3}], "bad.jsonl:1:raw: raw is not text but int."),
}


@pytest.mark.parametrize("name", PREDICTIONS)
def test_predictions(fails: Fails, tmp_path: Path, name: str) -> None:
    rows, *lines = PREDICTIONS[name]
    _write(tmp_path / "bad.jsonl", rows)
    fails(["eval", "extraction", "--data", "good.jsonl", "--predictions", "bad.jsonl"], *lines)


EVALUATIONS = {
    "nothing to score": (
        [],
        "give one of --predictions, --model and --all-exports. --model bundled runs the model that is at hand.",
    ),
    "too much to score": (
        ["--predictions", "good.jsonl", "--model", "bundled"],
        "give one of --predictions, --model and --all-exports. --model bundled runs the model that is at hand.",
    ),
    "predictions that are not there": (
        ["--predictions", "nope.jsonl"],
        "nope.jsonl: cannot be read: No such file or directory.",
    ),
    "a limit on predictions": (
        ["--predictions", "good.jsonl", "--limit", "1"],
        "--limit is for a model that is run, not for --predictions. Leave it out.",
    ),
    "a grammar for predictions": (
        ["--predictions", "good.jsonl", "--verbatim"],
        "--verbatim is for a model that is run, not for --predictions. Leave it out.",
    ),
    "a dtype by its nickname": (
        ["--model", "TINY", "--dtype", "bf16"],
        "unknown dtype 'bf16'. Did you mean 'bfloat16'? Known: auto, bfloat16, float16, float32.",
    ),
    "no row": (
        ["--model", "TINY", "--limit", "0"],
        "invalid value for '--limit': … See: smolkit eval extraction --help",
    ),
}


@pytest.mark.parametrize("name", EVALUATIONS)
def test_evaluations(fails: Fails, name: str) -> None:
    arguments, *lines = EVALUATIONS[name]
    fails(["eval", "extraction", "--data", "good.jsonl", *arguments], *lines)


def test_rows_to_score_against(fails: Fails, tmp_path: Path) -> None:
    _write(tmp_path / "bare.jsonl", [{"id": "a"}])
    for arguments, line in {
        ("godo.jsonl", "--predictions", "good.jsonl"): "godo.jsonl: no such file. Did you mean 'good.jsonl'?",
        ("bare.jsonl", "--predictions", "good.jsonl"): "bare.jsonl:1:output: a reference row needs its output.",
        ("own/er", "--model", "TINY"): "own/er: neither a file nor a data set that can be loaded: …."
        " Name a local .jsonl file where there is no network.",
    }.items():
        fails(["eval", "extraction", "--data", *arguments], line)
