"""Importance of inputs: what is measured, on which rows, and llama.cpp's file of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from smolkit.data.rows import Row, validate_rows
from smolkit.errors import DataError, ModelError
from smolkit.export.gguf_file import Header, quantise, write_plain
from smolkit.export.gguf_tokenizer import read_vocabulary
from smolkit.export.importance import Importance, calibration_sequences, collect, read_imatrix, write_imatrix
from smolkit.export.probes import DOCUMENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

SEQUENCES = [[5, 6, 7, 8, 9], [10, 11, 12]]


def load(directory: Path) -> PreTrainedModel:
    import torch

    from smolkit.models import load_model

    return load_model(directory, dtype=torch.float32)


@pytest.fixture(scope="module")
def model(tiny: Path) -> PreTrainedModel:
    return load(tiny)


@pytest.fixture(scope="module")
def importance(model: PreTrainedModel) -> Importance:
    return collect(model, SEQUENCES, source="two rows")


@pytest.fixture(scope="module")
def tied(make_model: Callable[..., Path]) -> PreTrainedModel:
    return load(make_model(tie_word_embeddings=True, hidden_size=128))


# ---- measuring


def test_every_matrix_is_seen_with_the_squares_of_what_it_is_given(
    model: PreTrainedModel, importance: Importance
) -> None:
    import torch

    layers = [f"model.layers.{number}" for number in (0, 1)]
    parts = [f"self_attn.{role}_proj" for role in "qkvo"] + [f"mlp.{role}_proj" for role in ("gate", "up", "down")]
    assert importance.sums.keys() == {"lm_head"} | {f"{layer}.{part}" for layer in layers for part in parts}
    assert set(importance.counts.values()) == {8}
    assert (importance.tokens, importance.source, importance.tied) == (8, "two rows", False)
    first, head = np.zeros(64), np.zeros(64)
    with torch.inference_mode():
        for ids in SEQUENCES:
            embedded = model.get_input_embeddings()(torch.tensor([ids]))
            normed = embedded / (embedded.square().mean(dim=-1, keepdim=True) + 1e-6).sqrt()
            first += normed[0].square().sum(dim=0).numpy()  # the weight of a fresh norm is one
            states = model.model(torch.tensor([ids])).last_hidden_state
            head += states[0].square().sum(dim=0).numpy()
    for role in "qkv":
        assert np.allclose(importance.sums[f"model.layers.0.self_attn.{role}_proj"], first, rtol=1e-5)
    assert np.allclose(importance.sums["lm_head"], head, rtol=1e-5)
    assert np.allclose(importance.mean("lm_head"), head / 8, rtol=1e-5)
    gate, up, down = (importance.sums[f"model.layers.1.mlp.{role}_proj"] for role in ("gate", "up", "down"))
    assert np.array_equal(gate, up)
    assert down.shape == (160,)


def test_no_hook_stays_and_progress_counts_tokens(model: PreTrainedModel) -> None:
    done: list[int] = []
    collect(model, SEQUENCES, source="", progress=done.append)
    assert done == [5, 8]
    assert not any(module._forward_hooks for module in model.modules())
    with pytest.raises(DataError, match="no tokens to calibrate with"):
        collect(model, [], source="")


def test_inputs_that_are_not_finite_are_refused_by_name(make_model: Callable[..., Path]) -> None:
    broken = load(make_model())
    broken.model.layers[1].mlp.up_proj.weight.data[3, 4] = float("nan")
    with pytest.raises(ModelError, match=r"input of 'model\.layers\.1\.mlp\.down_proj' is not finite"):
        collect(broken, SEQUENCES, source="")
    assert not any(module._forward_hooks for module in broken.modules())


# ---- calibration rows


def test_without_rows_there_are_synthetic_ones_of_many_kinds_and_never_the_gate_s(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    sequences = calibration_sequences(None, tokenizer, "smolkit-1", tokens=3000)
    assert 3000 <= sum(map(len, sequences)) < 3000 + max(map(len, sequences))
    assert sequences == calibration_sequences(None, tokenizer, "smolkit-1", tokens=3000)
    texts = [tokenizer.decode(ids) for ids in sequences]
    # Rows and pages of prose take turns.
    assert [text.endswith("<|im_end|>") for text in texts] == [number % 2 == 0 for number in range(len(texts))]
    assert not any(document.text[:30] in text for document in DOCUMENTS for text in texts)


def row(**changes: Any) -> Row:
    values = {"text": "Ada lives in Rome. <|im_end|>", "template": {"name": ""}, "output": {"name": "Ada"}}
    (made,) = validate_rows([{**values, **changes}], need_output=False)
    return made


def test_rows_are_as_the_model_was_trained_to_read_them(tokenizer: PreTrainedTokenizerFast) -> None:
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    (ids,) = calibration_sequences([row()], tokenizer, "smolkit-1")
    assert tokenizer.decode(ids).endswith('{"name": "Ada"}<|im_end|>')
    assert ids.count(end) == tokenizer.decode(ids).count("<|im_end|>") - 1  # the marker in the document is text
    (asked,) = calibration_sequences([row(output=None)], tokenizer, "smolkit-1")
    assert asked == ids[: len(asked)]
    (chat,) = calibration_sequences([row(text="Ada lives in Rome.")], tokenizer, None)
    assert tokenizer.decode(chat).count("<|im_start|>") >= 2
    assert '{"name": "Ada"}<|im_end|>' in tokenizer.decode(chat)
    (text,) = calibration_sequences(["Plain prose."], tokenizer, "smolkit-1")
    assert tokenizer.decode(text) == "Plain prose."


def test_a_tokenizer_without_chat_template_gets_the_bare_text(tokenizer: PreTrainedTokenizerFast) -> None:
    import copy

    own = copy.deepcopy(tokenizer)
    own.chat_template = None
    (ids,) = calibration_sequences([row(text="Ada lives in Rome.")], own, None)
    assert own.decode(ids).endswith('Ada lives in Rome.\n\n{"name": "Ada"}')


def test_long_rows_are_cut_many_are_drawn_from_and_none_is_an_error(tokenizer: PreTrainedTokenizerFast) -> None:
    (ids,) = calibration_sequences(["word " * 3000], tokenizer, None)
    assert len(ids) == 1024
    texts = [f"number {number}" for number in range(500)]
    drawn = calibration_sequences(texts, tokenizer, None, tokens=100)
    assert len({tokenizer.decode(ids) for ids in drawn}) == len(drawn)
    assert max(int(tokenizer.decode(ids).split()[1]) for ids in drawn) > 250
    for nothing in ([], [""]):
        with pytest.raises(DataError, match="no rows to calibrate with"):
            calibration_sequences(nothing, tokenizer, None)


# ---- llama.cpp's file


def test_a_file_comes_back_as_it_was_written(importance: Importance, tied: PreTrainedModel, tmp_path: Path) -> None:
    for name, found in (("untied", importance), ("tied", collect(tied, SEQUENCES, source="rows"))):
        path = tmp_path / f"{name}.gguf"
        write_imatrix(found, path)
        again = read_imatrix(path)
        assert (again.counts, again.source, again.tied) == (found.counts, found.source, found.tied)
        assert again.sums.keys() == found.sums.keys()
        assert all(np.array_equal(again.sums[module], found.sums[module]) for module in found.sums)


def test_the_file_has_the_fields_and_tensors_of_llama_cpp(importance: Importance, tmp_path: Path) -> None:
    from gguf import GGUFReader

    write_imatrix(replace(importance, counts=dict.fromkeys(importance.counts, 1030)), tmp_path / "m.gguf")
    reader = GGUFReader(tmp_path / "m.gguf")
    fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    assert fields == {
        "general.type": "imatrix",
        "imatrix.datasets": ["two rows"],
        "imatrix.chunk_count": 3,
        "imatrix.chunk_size": 512,
    }
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    assert len(tensors) == 30
    assert tensors["blk.1.ffn_down.weight.in_sum2"].shape.tolist() == [160]
    assert tensors["output.weight.counts"].data.tolist() == [1030]
    assert {tensor.tensor_type.name for tensor in reader.tensors} == {"F32"}


def test_other_files_are_refused(importance: Importance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(40))
    with pytest.raises(DataError, match=r"broken\.gguf: no importance matrix of llama\.cpp \("):
        read_imatrix(broken)
    with pytest.raises(DataError, match=r"absent: no importance matrix"):
        read_imatrix(tmp_path / "absent")
    wrong = {**importance.sums, "lm_head": np.full(64, np.inf, np.float32)}
    write_imatrix(replace(importance, sums=wrong), tmp_path / "infinite.gguf")
    with pytest.raises(DataError, match=r"infinite\.gguf: an importance matrix with values that are not finite"):
        read_imatrix(tmp_path / "infinite.gguf")
    monkeypatch.setattr(Importance, "tensor_name", lambda self, module: f"{module}.attn_qkv.weight")
    write_imatrix(importance, tmp_path / "other.gguf")
    with pytest.raises(DataError, match=r"of another kind of model \(tensor '.*attn_qkv\.weight' has no place"):
        read_imatrix(tmp_path / "other.gguf")


# ---- what it is for


def file_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, path: Path) -> Path:
    """The float16 file of a model, with a vocabulary of a few tokens, which is quick to read."""
    vocabulary = read_vocabulary(tokenizer, size=len(tokenizer))
    short = {name: getattr(vocabulary, name)[:20] for name in ("tokens", "types", "merges")}
    (file,) = write_plain(model, Header("tiny", model.config, replace(vocabulary, **short)), "f16", path)
    return file


def weights(file: Path, name: str) -> NDArray[np.float32]:
    from gguf import GGUFReader, dequantize

    (tensor,) = (tensor for tensor in GGUFReader(file).tensors if tensor.name == name)
    return dequantize(tensor.data, tensor.tensor_type)


@pytest.mark.parametrize("quant", ["iq4_nl", "q4_k_m"])
def test_llama_cpp_spares_the_inputs_that_are_driven(
    tied: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, tmp_path: Path, quant: str
) -> None:
    found = collect(tied, SEQUENCES, source="rows")
    draw = np.random.default_rng(0)  # a few inputs, far stronger than the rest, as real models have
    sums = {
        name: (total * 100.0 ** (draw.random(total.shape) > 0.9)).astype(np.float32)
        for name, total in found.sums.items()
    }
    found = replace(found, sums=sums)
    base = file_of(tied, tokenizer, tmp_path / "base.gguf")
    plain = quantise(base, quant, tmp_path / "plain.gguf", width=128)[0]
    spared = quantise(base, quant, tmp_path / "spared.gguf", width=128, importance=found)[0]
    assert plain.stat().st_size >= spared.stat().st_size
    for tensor, module in (
        ("blk.1.ffn_up", "model.layers.1.mlp.up_proj"),
        ("blk.0.attn_q", "model.layers.0.self_attn.q_proj"),
    ):
        true = weights(base, f"{tensor}.weight")
        errors = [
            float((found.mean(module) * (weights(file, f"{tensor}.weight") - true) ** 2).sum())
            for file in (plain, spared)
        ]
        assert errors[1] < 0.97 * errors[0], tensor


def test_an_input_that_no_row_drives_does_no_harm(
    tied: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    found = collect(tied, SEQUENCES, source="rows")
    for total in found.sums.values():
        total[:64] = 0
    base = file_of(tied, tokenizer, tmp_path / "base.gguf")
    for quant in ("iq4_nl", "q4_k_m"):
        (file,) = quantise(base, quant, tmp_path / f"{quant}.gguf", width=128, importance=found)
        true, stored = (weights(one, "blk.0.ffn_up.weight") for one in (base, file))
        assert np.abs(stored - true).max() < 0.2 * np.abs(true).max()
