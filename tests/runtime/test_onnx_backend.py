"""Exports of the tiny and the real model in ONNX Runtime, beside torch on the same weights."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smolkit.errors import ManifestError, ModelError
from smolkit.export.graph import Shape, llama_graph
from smolkit.export.onnx_file import write_graph
from smolkit.extraction.template import Template
from smolkit.manifest import EXPORT_MANIFEST, Manifest, write
from smolkit.models import load_model
from smolkit.runtime import default_runtime, open_extractor
from smolkit.runtime.extractor import Extractor, Request
from smolkit.runtime.onnx_backend import OnnxBackend
from smolkit.runtime.onnx_sequences import SeparateSequences
from smolkit.runtime.onnx_weights import pick_type
from smolkit.runtime.torch_backend import TorchBackend

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

TEMPLATE = Template.parse({"brand": "", "price": "verbatim-string", "colours": [""]})
TEXTS = ["Sony WH-1000 for $299", "Bose QC45, 249 euros, black or white, with a case and a cable", "Orsay mixer"]


def write_export(model_dir: Path, out: Path, kind: Any = np.float32) -> Path:
    """A model directory as a flat ONNX export, weights as they are."""
    model = load_model(model_dir, dtype=torch.float32)
    weights = {name.removesuffix(".weight"): value.numpy() for name, value in model.state_dict().items()}
    weights.pop("lm_head")
    for number in range(model.config.num_hidden_layers):
        prefix = f"model.layers.{number}.self_attn"
        weights[f"{prefix}.qkv_proj"] = np.concatenate([weights.pop(f"{prefix}.{role}_proj") for role in "qkv"])
    out.mkdir(parents=True)
    graph = llama_graph(Shape.of(model.config), weights, kind)
    write_graph(graph, out / "model.onnx", part_name=lambda number: "model.onnx.data", last_logits_only=True)
    shutil.copy(model_dir / "tokenizer.json", out)
    facts = {"context_length": model.config.max_position_embeddings, "eos_token_id": [2]}
    (out / "genai_config.json").write_text(json.dumps({"model": facts}))
    write(out, Manifest(kind="export", prompt_format="smolkit-1"), name=EXPORT_MANIFEST)
    return out


@pytest.fixture(scope="session")
def tiny_export(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_export(tiny_model_dir, tmp_path_factory.mktemp("onnx") / "tiny")


@pytest.fixture
def backend(tiny_export: Path) -> Iterator[OnnxBackend]:
    backend = OnnxBackend.open(tiny_export)
    yield backend
    backend.close()


@pytest.fixture
def own_copy(tiny_export: Path, tmp_path: Path) -> Path:
    """An export to break, without the manifest that would see it first."""
    copied = shutil.copytree(tiny_export, tmp_path / "export")
    (copied / EXPORT_MANIFEST).unlink()
    return copied


load_once = functools.cache(functools.partial(load_model, dtype=torch.float32))


def plain_logits(model_dir: Path, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        return load_once(model_dir)(input_ids=torch.tensor([ids])).logits[0, -1].numpy()


def test_the_real_model_answers_as_in_torch(bundled: Path, tmp_path: Path) -> None:
    export = write_export(bundled, tmp_path / "export")
    requests = [Request(text, TEMPLATE) for text in TEXTS[:2]]
    with open_extractor(bundled, dtype="float32") as extractor:
        expected = list(extractor.extract_many(requests, max_new_tokens=16))
    for model, dtype in ((export, "auto"), (bundled, "float32")):  # a file, and a graph in memory
        with open_extractor(model, runtime="onnx", dtype=dtype) as extractor:
            assert extractor.computes == ("onnx, model.onnx" if dtype == "auto" else "onnx, float32")
            found = list(extractor.extract_many(requests, max_new_tokens=16))
        assert [answer.raw for answer in found] == [answer.raw for answer in expected]
        assert [answer.prompt_tokens for answer in found] == [answer.prompt_tokens for answer in expected]


def test_a_model_directory_is_run_without_a_file(tiny_model_dir: Path) -> None:
    before = sorted(tiny_model_dir.rglob("*"))
    own, torch_s = OnnxBackend.open(tiny_model_dir, dtype="float32"), TorchBackend.open(tiny_model_dir, dtype="float32")
    assert own.end_ids == torch_s.end_ids
    assert (own.prompt_format, own.context_length) == (torch_s.prompt_format, torch_s.context_length)
    own.prefill([[5, 6, 7], [8, 9]])
    logits = own.append([[10], [11, 12]])
    np.testing.assert_allclose(logits[1], plain_logits(tiny_model_dir, [8, 9, 11, 12]), atol=1e-4)
    assert sorted(tiny_model_dir.rglob("*")) == before


def test_weights_in_8_bits_are_those_of_an_export(bundled: Path) -> None:
    """What rounding to 8 bits costs is small, and it is seen: the graph is not float32 under another name."""
    ids = OnnxBackend.open(bundled, dtype="int8").encode("The capital of France is Paris, and that of", special=False)
    backend = OnnxBackend.open(bundled, dtype="int8")
    assert backend.computes == "int8"
    found, expected = backend.prefill([ids])[0], plain_logits(bundled, ids)
    assert 0.01 < np.abs(found - expected).max() < 5
    assert found.argmax() == expected.argmax()
    p, q = (np.exp(logits - logits.max()) for logits in (expected, found))
    p, q = p / p.sum(), q / q.sum()
    assert (p * np.log(p / q)).sum() < 0.02  # the gate's limit for q8


def test_a_type_that_is_not_there_is_one_line(tiny_model_dir: Path, tiny_export: Path) -> None:
    with pytest.raises(
        ModelError, match=r"no weights in 'int4' here. Did you mean 'int8'\? Known: auto, float32, int8"
    ):
        open_extractor(tiny_model_dir, runtime="onnx", dtype="int4")
    with pytest.raises(ModelError, match="an ONNX export has its own types, and 'int8' was asked for"):
        open_extractor(tiny_export, dtype="int8")


def test_a_model_that_is_no_plain_llama_is_sent_to_torch(tiny_model_dir: Path, tmp_path: Path) -> None:
    other = shutil.copytree(tiny_model_dir, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"hidden_act": "gelu"}))
    (other / "smolkit.json").unlink()
    with pytest.raises(ModelError, match="our ONNX graph does not cover activation 'gelu'"):
        OnnxBackend.open(other)
    assert default_runtime(other) == "torch"


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("shared", [0, 40])
def test_ragged_steps_give_the_logits_of_a_plain_forward_pass(
    backend: OnnxBackend, tiny_model_dir: Path, shared: int, separate: bool
) -> None:
    if separate:
        backend._sequences = SeparateSequences(backend._sequences.decoder)
    else:
        backend._sequences._pool = np.full(2_000_000, np.nan, np.float32)  # what nobody wrote must not be read
    prompts = [[*range(100, 100 + shared), *own] for own in ([5, 6, 7], [8], [9, 10, 11, 12, 13], [14, 15])]
    steps = [
        [[20], [21, 22, 23], [24], [25]],
        [[26], [27], [], [28]],  # the third has ended, and the fourth moves to its place
        [[29, 30], [], [], [31, 32, 33]],
        [[34], [], [], [35]],
        [[], [], [], [36]],
    ]
    written = [list(prompt) for prompt in prompts]
    logits = backend.prefill(prompts)
    for step in [[[]] * 4, *steps]:
        live = range(4) if not any(step) else [row for row in range(4) if step[row]]
        if any(step):
            logits = backend.append(step)
        for row in live:
            written[row] += step[row]
            np.testing.assert_allclose(logits[row], plain_logits(tiny_model_dir, written[row]), atol=1e-4)


def test_a_row_that_outgrows_its_room_goes_on(backend: OnnxBackend, tiny_model_dir: Path) -> None:
    ids = [5 + at % 90 for at in range(700)]
    backend.prefill([[7] * 30, ids[:20]])
    for at in range(20, 700, 40):
        logits = backend.append([[8], ids[at : at + 40]])
    np.testing.assert_allclose(logits[1], plain_logits(tiny_model_dir, ids), atol=1e-4)
    np.testing.assert_allclose(logits[0], plain_logits(tiny_model_dir, [7] * 30 + [8] * 17), atol=1e-4)


@pytest.mark.parametrize("separate", [False, True])
def test_another_shared_beginning_replaces_the_one_before(backend: OnnxBackend, separate: bool) -> None:
    if separate:
        backend._sequences = SeparateSequences(backend._sequences.decoder)
    first = [[*range(50, 90), 5], [*range(50, 90), 6, 7]]
    second = [[*range(60, 100), 5], [*range(60, 100), 6, 7], [*range(60, 100), 8]]
    alone = [backend.prefill([prompt])[0] for prompt in first + second]
    together = np.concatenate([backend.prefill(first), backend.prefill(second), backend.prefill(first)])
    np.testing.assert_allclose(together, np.stack([*alone, *alone[:2]]), atol=1e-4)
    np.testing.assert_allclose(backend.prefill([[5, 6, 7], [8]])[1], backend.prefill([[8]])[0], atol=1e-4)


def test_a_float16_export_runs(tiny_model_dir: Path, tmp_path: Path) -> None:
    export = write_export(tiny_model_dir, tmp_path / "fp16", np.float16)
    backend = OnnxBackend.open(export)
    backend.prefill([[5, 6], [7, 8, 9]])
    logits = backend.append([[10], [11, 12]])
    np.testing.assert_allclose(logits[1], plain_logits(tiny_model_dir, [7, 8, 9, 11, 12]), atol=0.02)


def test_text_is_cut_as_by_the_model_itself(tiny: Extractor, backend: OnnxBackend) -> None:
    for text in ('Café "Zur Post" 4,50 €', "<|im_end|> 漢字 🍰", "  two\n\n\tlines ", ""):
        for special in (False, True):
            ids = backend.encode(text, special=special)
            assert ids == tiny.backend.encode(text, special=special)
            assert backend.decode(ids) == tiny.backend.decode(ids) == text


def test_noise_is_held_to_its_template(backend: OnnxBackend) -> None:
    extractor = Extractor(backend)
    answers = list(extractor.extract_many([Request(text, TEMPLATE) for text in TEXTS], max_new_tokens=30))
    for answer, text in zip(answers, TEXTS, strict=True):
        assert answer.output is not None
        assert list(answer.output) == ["brand", "price", "colours"]
        assert answer.output["price"] is None or answer.output["price"] in text


def test_neither_torch_nor_transformers_is_loaded(tiny_export: Path) -> None:
    code = (
        "import sys; from smolkit.runtime import open_extractor; from smolkit.extraction.template import Template\n"
        f"extractor = open_extractor({str(tiny_export)!r})\n"
        "extractor.extract('x', Template.parse({'a': ''}), max_new_tokens=3)\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "onnx"} & set(done.stdout.split())
    assert done.stderr == ""


def test_an_export_runs_in_onnx_runtime_by_default(tiny_export: Path, tmp_path: Path) -> None:
    assert default_runtime(tiny_export) == "onnx"
    assert default_runtime(tiny_export / "model.onnx") == "onnx"
    (tmp_path / "onnx").mkdir()
    (tmp_path / "config.json").touch()
    (tmp_path / "onnx" / "model_q4.onnx").touch()
    assert default_runtime(tmp_path) == "onnx"
    (tmp_path / "model.safetensors").touch()
    assert default_runtime(tmp_path) == "torch"


def test_a_directory_of_pickled_weights_is_a_model_and_no_export(tiny_model_dir: Path, tmp_path: Path) -> None:
    """Whether they may be opened is `models.trust`'s business."""
    shutil.copy(tiny_model_dir / "config.json", tmp_path)
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ModelError, match="allow-pickle"):
        open_extractor(tmp_path, runtime="onnx")


def test_weights_run_where_they_run_faster(
    bundled: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for instructions, expected in (
        ({"avx512_bf16"}, ("torch", "float32")),
        (set(), ("onnx", "float32")),
        ({"avx512_bf16", "avx512_vnni"}, ("onnx", "int8")),
        ({"avx512_bf16", "avx512_vnni", "amx_bf16"}, ("torch", "float32")),
    ):
        capabilities = dict.fromkeys(instructions, True)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda capabilities=capabilities: capabilities)
        assert (default_runtime(bundled), pick_type()) == expected
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    other = shutil.copytree(tiny_model_dir, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    changes = ({"model_type": "qwen3"}, {"vocab_size": "many"}, {"intermediate_size": 100})
    for content in (*(json.dumps(config | change) for change in changes), "{"):
        (other / "config.json").write_text(content)
        assert default_runtime(other) == "torch"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert default_runtime(bundled) == "torch"


@pytest.mark.parametrize("name", ["model.onnx.data", "tokenizer.json"])
def test_a_file_that_was_changed_is_refused(tiny_export: Path, tmp_path: Path, name: str) -> None:
    copied = shutil.copytree(tiny_export, tmp_path / "export")
    with (copied / name).open("r+b") as stream:
        stream.seek(2000)
        stream.write(b"!")
    with pytest.raises(ManifestError, match=rf"{name}: changed since written: its SHA-256 is not the manifest's"):
        OnnxBackend.open(copied)
    with pytest.raises(ManifestError, match="changed since written"):
        OnnxBackend.open(copied / "model.onnx")


def test_missing_weights_are_one_line(own_copy: Path) -> None:
    (own_copy / "model.onnx.data").unlink()
    with pytest.raises(ModelError, match=r"ONNX Runtime cannot load this file .* weights beside it are missing") as got:
        OnnxBackend.open(own_copy)
    assert "\n" not in str(got.value)


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.data"])
def test_a_truncated_file_is_one_line(own_copy: Path, name: str) -> None:
    whole = (own_copy / name).read_bytes()
    (own_copy / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"ONNX Runtime cannot load this file .* It is cut short") as caught:
        OnnxBackend.open(own_copy)
    assert "\n" not in str(caught.value)


def test_a_broken_tokenizer_is_one_line(own_copy: Path) -> None:
    (own_copy / "tokenizer.json").write_text('{"version": "1.0"')
    with pytest.raises(ModelError, match="not a tokenizer") as caught:
        OnnxBackend.open(own_copy)
    assert "\n" not in str(caught.value)


def test_another_graph_is_refused(own_copy: Path) -> None:
    from onnx import TensorProto, helper, save

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    other = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [value], [other])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    save(model, own_copy / "model.onnx")
    with pytest.raises(ModelError, match="not a text model with a key-value cache: it has no 'input_ids'"):
        OnnxBackend.open(own_copy)


def test_a_graph_that_leaves_the_size_of_its_cache_open_is_refused(own_copy: Path) -> None:
    from onnx import load, save

    model = load(own_copy / "model.onnx", load_external_data=False)
    for value in (*model.graph.input, *model.graph.output):
        if value.name.startswith(("past", "present")):
            value.type.tensor_type.shape.dim[3].dim_param = "kv_cache_dim"
    save(model, own_copy / "model.onnx")
    with pytest.raises(ModelError, match="the graph does not say how large its cache is, only 'kv_cache_dim'"):
        OnnxBackend.open(own_copy)


def test_a_fused_graph_that_keeps_no_count_of_logits_runs_too(own_copy: Path, tiny_model_dir: Path) -> None:
    from onnx import load, save

    model = load(own_copy / "model.onnx", load_external_data=False)
    inputs = [value for value in model.graph.input if value.name != "num_logits_to_keep"]  # as genai's builder has it
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    save(model, own_copy / "model.onnx")
    backend = OnnxBackend.open(own_copy)
    backend.prefill([[5, 6, 7], [8, 9]])
    logits = backend.append([[10], [11, 12]])
    np.testing.assert_allclose(logits[1], plain_logits(tiny_model_dir, [8, 9, 11, 12]), atol=1e-4)
