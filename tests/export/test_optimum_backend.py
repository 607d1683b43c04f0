"""optimum in its own environment: what it is given to read, what it says, and that its graph answers as torch does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from smolkit.errors import ModelError, RuntimeUnavailable

onnx = pytest.importorskip("onnx", reason="pip install 'smolkit[onnx]'")
ort = pytest.importorskip("onnxruntime", reason="pip install 'smolkit[onnx]'")

from smolkit.export import optimum_backend  # noqa: E402
from smolkit.export.blocks import Blocks  # noqa: E402
from smolkit.export.graph_edits import embedding, linears, replace_linears, to_float16  # noqa: E402
from smolkit.export.onnx_file import write_graph  # noqa: E402
from smolkit.export.onnx_graph import Graph  # noqa: E402

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

KNOWN = ["gemma2", "phi3", "qwen2", "qwen3"]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment that is there already, and holds nothing but what it knows."""
    monkeypatch.setattr(optimum_backend, "environment", lambda **_: tmp_path)
    (tmp_path / "types.json").write_text(json.dumps(KNOWN))
    return tmp_path


def test_an_unknown_architecture_is_one_line_with_the_nearest(made: Path) -> None:
    model = _config(made / "model", model_type="qwen2_vl")
    line = r"model: optimum does not know the architecture 'qwen2_vl'; nearest is 'qwen2'\. It exports gemma2, phi3, "
    with pytest.raises(ModelError, match=line):
        optimum_backend.export_graph(model)


def test_a_config_that_cannot_be_read_is_one_line(made: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        optimum_backend.check_known(made / "nowhere")


def test_without_an_index_pip_fails_in_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOLKIT_CACHE", str(tmp_path))
    answer = subprocess.CompletedProcess([], 1, "", "WARNING: x\nERROR: No matching distribution found for optimum\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    with pytest.raises(RuntimeUnavailable, match=r"\(No matching distribution found for optimum\).*pip download"):
        optimum_backend.environment()
    assert not [path for path in (tmp_path / "optimum").iterdir() if path.is_dir()]


def test_the_environment_is_made_once_and_only_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOLKIT_CACHE", str(tmp_path))
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        calls.append(command)
        return subprocess.CompletedProcess(command, 0, json.dumps({"types": KNOWN}), "")

    monkeypatch.setattr(subprocess, "run", run)
    first = optimum_backend.environment()
    assert optimum_backend.environment() == first
    assert optimum_backend.architectures() == KNOWN
    assert [command[2] for command in calls[:1]] == ["pip"]
    assert len(calls) == 2, "pip, and the trial"


def test_a_runner_that_is_killed_is_one_line(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _config(made / "model", model_type="qwen2")
    answer = subprocess.CompletedProcess([], -9, "", "loading\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    with pytest.raises(ModelError, match=r"optimum cannot export this model \(exit -9: loading\)"):
        optimum_backend.export_graph(model)


def test_transformers_4_finds_the_rotary_settings_at_the_top() -> None:
    rope = {"rope_type": "default", "rope_theta": 5e4, "partial_rotary_factor": 0.5}
    older = optimum_backend.readable_config({"model_type": "phi", "dtype": "float32", "rope_parameters": rope})
    assert older == {
        "model_type": "phi",
        "torch_dtype": "float32",
        "rope_theta": 5e4,
        "partial_rotary_factor": 0.5,
        "rope_scaling": None,
    }


def test_transformers_4_finds_how_the_rotary_embedding_is_scaled() -> None:
    rope = {"rope_type": "llama3", "rope_theta": 5e4, "factor": 8.0}
    older = optimum_backend.readable_config({"model_type": "llama", "rope_parameters": rope})
    assert older["rope_scaling"] == {"rope_type": "llama3", "factor": 8.0}
    assert older["rope_theta"] == 5e4


def test_transformers_4_finds_two_rotary_bases_under_its_own_names() -> None:
    rope = {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    older = optimum_backend.readable_config({"model_type": "gemma3_text", "rope_parameters": rope})
    assert (older["rope_theta"], older["rope_local_base_freq"]) == (1e6, 1e4)
    neox = optimum_backend.readable_config({"model_type": "gpt_neox", "rope_parameters": {"rope_theta": 1e5}})
    assert neox["rotary_emb_base"] == 1e5


def test_a_staged_model_is_its_weights_and_a_config_and_no_code(tmp_path: Path) -> None:
    model = _config(tmp_path / "model", model_type="qwen2")
    for name in ("model.safetensors", "modeling_own.py", "pytorch_model.bin", "tokenizer.json"):
        (model / name).write_text("")
    optimum_backend.stage_model(model, tmp_path / "staged")
    assert sorted(path.name for path in (tmp_path / "staged").iterdir()) == ["config.json", "model.safetensors"]


def test_the_runner_needs_nothing_of_smolkit_and_shadows_nothing(tmp_path: Path) -> None:
    runner = Path(optimum_backend.__file__).with_name("_optimum_runner.py")
    assert "smolkit" not in runner.read_text().replace("nothing of smolkit", "")
    (tmp_path / "optimum").mkdir()
    (tmp_path / "optimum" / "__init__.py").write_text("raise ValueError('first line\\nsecond line')")
    done = subprocess.run(
        [sys.executable, "-P", str(runner), "list"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)) == (1, {"error": "ValueError: first line second line"})


def _config(directory: Path, **config: Any) -> Path:
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(config))
    return directory


# From here on with optimum itself, which the first of these tests installs, about 16 MB.


@pytest.fixture(scope="module")
def qwen(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """Two layers of Qwen2: biases of queries, keys and values, two heads of them for four, a tied head."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=160,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            rope_parameters={"rope_type": "default", "rope_theta": 50_000.0},
            tie_word_embeddings=True,
            initializer_range=0.1,
        )
    ).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight += 0.3 * torch.randn_like(weight)
    return model


@pytest.fixture(scope="module")
def exported(
    qwen: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory
) -> Graph:
    from smolkit.models import save_model

    directory = tmp_path_factory.mktemp("qwen")
    save_model(qwen, tokenizer, directory)
    return optimum_backend.export_graph(directory)


@pytest.fixture(scope="module")
def ids(tokenizer: PreTrainedTokenizerFast) -> Any:
    text = "The total of invoice 2041, due on 31 May, is 1,234.50 EUR; please pay it to the account below."
    return np.array(tokenizer(text)["input_ids"])[None]


@pytest.fixture(scope="module")
def expected(qwen: PreTrainedModel, ids: Any) -> Any:
    import torch

    with torch.no_grad():
        return qwen(torch.tensor(ids)).logits[0].numpy()


def _answers(graph: Graph, directory: Path, ids: Any, kind: Any = np.float32, padding: int = 0) -> tuple[Any, Any]:
    """Logits of the text at once, and of its first half, then token by token; optionally padded on the left."""
    write_graph(graph, directory / "model.onnx", part_name=lambda number: f"part_{number}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(directory / "model.onnx", options)
    inputs = {info.name: info for info in session.get_inputs()}
    names = [info.name for info in session.get_outputs()]
    empty = {name: np.zeros((1, info.shape[1], 0, info.shape[3]), kind) for name, info in inputs.items() if "." in name}
    count = ids.shape[1]
    padded = np.concatenate([np.zeros((1, padding), np.int64), ids], 1)
    mask = np.concatenate([np.zeros((1, padding), np.int64), np.ones_like(ids)], 1)
    positions = np.maximum(mask.cumsum(1) - 1, 0)

    def run(start: int, end: int, past: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        feed = {"input_ids": padded[:, start:end], "attention_mask": mask[:, :end], **past}
        feed |= {"position_ids": positions[:, start:end], "num_logits_to_keep": np.array(0, np.int64)}
        out = dict(zip(names, session.run(None, feed), strict=True))
        return out.pop("logits")[0], {name.replace("present", "past_key_values"): out[name] for name in out}

    whole, _ = run(0, padding + count, empty)
    logits, past = run(0, padding + count // 2, empty)
    parts = [logits]
    for at in range(padding + count // 2, padding + count):
        logits, past = run(at, at + 1, past)
        parts.append(logits)
    return whole[padding:], np.concatenate(parts)[padding:]


def _eight_bits(matrix: Any) -> Blocks:
    blocked = np.asarray(matrix).reshape(len(matrix), -1, 32)
    scales = np.abs(blocked).max(-1) / 127
    codes = np.rint(blocked / scales[..., None]) + 128
    return Blocks(codes.astype(np.uint8).reshape(matrix.shape), scales.astype(np.float32), 8)


@pytest.mark.slow
@pytest.mark.parametrize("padding", [0, 5])
def test_prefill_and_cached_decode_answer_as_torch(
    exported: Graph, expected: Any, ids: Any, padding: int, tmp_path: Path
) -> None:
    for logits in _answers(exported, tmp_path, ids, padding=padding):
        np.testing.assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("padding", [0, 5])
def test_float16_stays_near(exported: Graph, expected: Any, ids: Any, padding: int, tmp_path: Path) -> None:
    for logits in _answers(to_float16(exported), tmp_path, ids, np.float16, padding):
        np.testing.assert_allclose(logits, expected, atol=0.03)


@pytest.mark.slow
def test_eight_bits_stay_near_and_the_shared_matrix_is_there_once(
    exported: Graph, expected: Any, ids: Any, tmp_path: Path
) -> None:
    rows = embedding(exported)
    assert rows is not None
    assert rows.tied
    blocks = {name: _eight_bits(linear.matrix(exported)) for name, linear in linears(exported).items()}
    blocks[rows.name] = _eight_bits(exported.arrays[rows.weight])
    assert len(blocks) == 2 * 7 + 1
    quantised = replace_linears(exported, blocks)
    for logits in _answers(quantised, tmp_path, ids):
        assert np.corrcoef(logits.ravel(), expected.ravel())[0, 1] > 0.99
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert size < 1.3 * sum(one.codes.size + one.scales.nbytes for one in blocks.values())


@pytest.mark.slow
def test_its_graph_goes_through_the_same_writers_and_the_same_gate(
    qwen: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smolkit.export.check import check_directory
    from smolkit.export.gate import LIMITS, Limits
    from smolkit.export.run import export
    from smolkit.models import save_model

    pytest.importorskip("onnxruntime_genai", reason="pip install 'smolkit[onnx]'")
    monkeypatch.setitem(LIMITS, "q4", Limits(None, 5.0, 0.0, 99.0, 0.0, 1.0, "A random model."))
    (tmp_path / "qwen").mkdir()
    save_model(qwen, tokenizer, tmp_path / "qwen")
    finished = export(
        tmp_path / "qwen", tmp_path / "out", ["onnx", "webgpu"], quants=["fp32", "q4"], backend="optimum",
        prompt_format="smolkit-1",
    )  # fmt: skip
    for one in finished:
        plain, four = one.report.files
        figures = {check.name: check.value for check in plain.checks}
        assert figures["prefill_max_abs"] < 0.001
        assert figures["greedy_agreement"] == 1.0
        assert "int4" in four.tensor_types
    assert finished[0].report.files[0].shown("genai_greedy_agreement") == "1"
    assert check_directory(tmp_path / "out" / "webgpu").verdict("transformers.js >= 4.2").sound


@pytest.mark.slow
def test_optimum_itself_does_not_know_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not know the architecture 'mamba'"):
        optimum_backend.export_graph(_config(tmp_path / "model", model_type="mamba"))


@pytest.mark.slow
def test_what_optimum_says_of_a_broken_model_is_one_line(tmp_path: Path) -> None:
    model = _config(tmp_path / "model", model_type="qwen2")
    (model / "model.safetensors").write_text("nothing")
    with pytest.raises(ModelError, match=r"model: optimum cannot export this model \(\w+") as caught:
        optimum_backend.export_graph(model)
    assert "\n" not in str(caught.value)
