"""GGUF files: the order of rows, names, types, header, parts, and what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from smolkit.errors import ModelError, SmolkitError
from smolkit.export import gguf_file
from smolkit.export.blocks import SIZE, Blocks
from smolkit.export.gguf_file import (
    QUANTS,
    Header,
    Layout,
    check_architecture,
    interleave_rotary,
    quantise,
    read_layout,
    write_plain,
)
from smolkit.export.gguf_tokenizer import read_vocabulary

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@pytest.fixture(scope="module")
def model(tiny: Path) -> PreTrainedModel:
    return load(tiny)


@pytest.fixture(scope="module")
def header(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> Header:
    vocabulary = read_vocabulary(tokenizer, size=len(tokenizer))
    return Header("Tiny", model.config, vocabulary, prompt_format="smolkit-1", license="apache-2.0")


@pytest.fixture(scope="module")
def base(model: PreTrainedModel, header: Header, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Layout]:
    """The float16 file of the tiny model, and its layout."""
    files = write_plain(model, header, "f16", tmp_path_factory.mktemp("base") / "base.gguf")
    return files[0], read_layout(files)


def load(directory: Path) -> PreTrainedModel:
    import torch

    from smolkit.models import load_model

    return load_model(directory, dtype=torch.float32)


def tensors(file: Path) -> dict[str, Any]:
    from gguf import GGUFReader

    return {tensor.name: tensor for tensor in GGUFReader(file).tensors}


def test_rotary_rows_are_interleaved_within_each_head() -> None:
    import torch

    rows = torch.arange(16)[:, None]
    assert interleave_rotary(rows, heads=2).flatten().tolist() == [
        0, 4, 1, 5, 2, 6, 3, 7,
        8, 12, 9, 13, 10, 14, 11, 15,
    ]  # fmt: skip


def test_every_weight_is_in_the_file_and_query_and_key_rows_are_reordered(
    model: PreTrainedModel, header: Header, tmp_path: Path
) -> None:
    (file,) = write_plain(model, header, "f32", tmp_path / "m.gguf")
    written = tensors(file)
    weights = model.state_dict()
    assert len(written) == len(weights) == 21
    plain = {"token_embd": "model.embed_tokens", "output": "lm_head", "output_norm": "model.norm"}
    plain |= {"blk.1.attn_v": "model.layers.1.self_attn.v_proj", "blk.0.ffn_down": "model.layers.0.mlp.down_proj"}
    plain |= {"blk.0.attn_norm": "model.layers.0.input_layernorm"}
    plain |= {"blk.1.ffn_norm": "model.layers.1.post_attention_layernorm"}
    for name, source in plain.items():
        assert np.array_equal(written[f"{name}.weight"].data, weights[f"{source}.weight"].numpy()), name
    for name, heads in (("q", 4), ("k", 2)):
        source = weights[f"model.layers.1.self_attn.{name}_proj.weight"]
        data = written[f"blk.1.attn_{name}.weight"].data
        assert np.array_equal(data, interleave_rotary(source, heads).numpy())
        assert not np.array_equal(data, source.numpy())


def test_the_header_says_all_that_llama_cpp_asks_for(base: tuple[Path, Layout]) -> None:
    fields = dict(base[1].fields)
    arrays = {name: fields.pop(f"tokenizer.ggml.{name}") for name in ("tokens", "token_type", "merges")}
    assert {name: len(values) for name, values in arrays.items()} == {
        "tokens": 49_152, "token_type": 49_152, "merges": 48_900,
    }  # fmt: skip
    assert fields.pop("tokenizer.chat_template").startswith("{% for message in messages %}")
    assert fields == {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": "Tiny",
        "general.license": "apache-2.0",
        "smolkit.prompt_format": "smolkit-1",
        "llama.vocab_size": 49_152,
        "llama.context_length": 1024,
        "llama.embedding_length": 64,
        "llama.block_count": 2,
        "llama.feed_forward_length": 160,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.attention.key_length": 16,
        "llama.attention.value_length": 16,
        "llama.attention.layer_norm_rms_epsilon": pytest.approx(1e-6),
        "llama.rope.dimension_count": 16,
        "llama.rope.freq_base": 100_000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.eot_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_space_prefix": False,
    }


@pytest.mark.parametrize(
    ("quant", "types", "rounding"),
    [
        ("f32", {"F32": 21}, 0),
        ("f16", {"F16": 16, "F32": 5}, 5e-4),
        ("bf16", {"BF16": 16, "F32": 5}, 4e-3),
        ("q8_0", {"Q8_0": 16, "F32": 5}, 5e-3),
    ],
)
def test_matrices_are_of_the_asked_type_within_its_rounding_and_vectors_float32(
    model: PreTrainedModel, header: Header, tmp_path: Path, quant: str, types: dict[str, int], rounding: float
) -> None:
    from gguf import dequantize

    (file,) = write_plain(model, header, quant, tmp_path / "m.gguf")
    written = tensors(file)
    assert Counter(tensor.tensor_type.name for tensor in written.values()) == types
    assert {tensor.tensor_type.name for name, tensor in written.items() if "norm" in name} == {"F32"}
    source = model.state_dict()["model.layers.0.mlp.up_proj.weight"].numpy()
    stored = dequantize(written["blk.0.ffn_up.weight"].data, written["blk.0.ffn_up.weight"].tensor_type)
    error = np.abs(stored - source).max() / np.abs(source).max()
    assert rounding / 10 <= error <= rounding


@pytest.mark.parametrize("bits", [4, 8])
def test_codes_that_were_given_are_stored_as_they_are(
    model: PreTrainedModel, header: Header, tmp_path: Path, bits: int
) -> None:
    from gguf import dequantize

    draw = np.random.default_rng(0)
    weights = model.state_dict()
    names = ["layers.1.self_attn.q_proj", "layers.0.self_attn.k_proj", "layers.0.mlp.down_proj", "embed_tokens"]
    blocks = {}
    for name in (f"model.{name}" for name in names):
        out, width = weights[f"{name}.weight"].shape
        scales = draw.normal(size=(out, width // SIZE)).astype(np.float16).astype(np.float32)
        blocks[name] = Blocks(draw.integers(0, 2**bits, (out, width), np.uint8), scales, bits)
    (file,) = write_plain(model, header, "f16", tmp_path / "m.gguf", blocks=blocks)
    written = tensors(file)
    assert Counter(tensor.tensor_type.name for tensor in written.values()) == {f"Q{bits}_0": 4, "F16": 12, "F32": 5}

    def stored(name: str) -> Any:
        return dequantize(written[name].data, written[name].tensor_type)

    assert np.array_equal(stored("blk.0.ffn_down.weight"), blocks["model.layers.0.mlp.down_proj"].dense())
    assert np.array_equal(stored("token_embd.weight"), blocks["model.embed_tokens"].dense())
    for name, module, heads in (("blk.1.attn_q", "layers.1.self_attn.q_proj", 4), ("blk.0.attn_k", names[1], 2)):
        dense = torch_from(blocks[f"model.{module}"].dense())
        assert np.array_equal(stored(f"{name}.weight"), interleave_rotary(dense, heads).numpy()), name


def torch_from(array: NDArray[Any]) -> torch.Tensor:
    import torch

    return torch.from_numpy(array)


def test_a_full_disk_is_one_line(
    model: PreTrainedModel, header: Header, base: tuple[Path, Layout], tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, before[1]))
    try:
        with pytest.raises(SmolkitError, match=r"^m\.gguf cannot be written: .*; [\d,]+ MB are free there\. Free some"):
            write_plain(model, header, "f16", tmp_path / "m.gguf")
        with pytest.raises(SmolkitError, match=r"^k\.gguf cannot be written: llama\.cpp could not write on; .* MB"):
            quantise(base[0], "q4_k_m", tmp_path / "k.gguf", width=64)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_row_that_fills_no_block_is_float16(
    make_model: Callable[..., Path], tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    model = load(make_model(intermediate_size=72))
    header = Header("odd", model.config, read_vocabulary(tokenizer, size=len(tokenizer)))
    (file,) = write_plain(model, header, "q8_0", tmp_path / "m.gguf")
    written = tensors(file)
    assert written["blk.0.ffn_down.weight"].tensor_type.name == "F16"
    assert written["blk.0.ffn_up.weight"].tensor_type.name == "Q8_0"


def test_a_tied_head_is_not_written_twice(
    make_model: Callable[..., Path], tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    model = load(make_model(tie_word_embeddings=True))
    header = Header("tied", model.config, read_vocabulary(tokenizer, size=len(tokenizer)))
    (file,) = write_plain(model, header, "f16", tmp_path / "m.gguf")
    names = tensors(file).keys()
    assert "output.weight" not in names
    assert len(names) == 20


@pytest.mark.parametrize("quant", [quant for quant, plan in QUANTS.items() if plan.searched])
def test_searched_quants_come_from_llama_cpp_with_the_same_header(
    base: tuple[Path, Layout], tmp_path: Path, quant: str
) -> None:
    file, layout = base
    made = quantise(file, quant, tmp_path / "made.gguf", width=64)
    assert made == [tmp_path / "made.gguf"]
    assert made[0].stat().st_size < file.stat().st_size * 0.7
    found = read_layout(made)
    assert found.fields == layout.fields
    assert found.tensor_types["F32"] == layout.tensor_types["F32"]
    # Rows of 64 and 160 fill no K-quant block of 256: what llama.cpp takes instead, but for our own choices.
    fallbacks = {
        "q6_k": {"Q8_0"},
        "q5_k_m": {"Q8_0", "Q5_0", "Q5_1"},
        "q4_k_m": {"Q8_0", "Q5_0"},
        "iq4_nl": {"Q8_0", "IQ4_NL"},
        "q4_0": {"Q8_0", "Q4_0"},
    }
    assert set(found.tensor_types) - {"F32"} == fallbacks[quant]
    kinds = {name: tensor.tensor_type.name for name, tensor in tensors(made[0]).items()}
    if quant in ("q4_k_m", "iq4_nl"):
        assert [kinds[f"blk.1.{part}.weight"] for part in ("attn_v", "ffn_down")] == ["Q8_0", "Q8_0"]
    if quant == "q5_k_m":
        assert {kinds[f"blk.1.attn_{part}.weight"] for part in ("q", "k", "v", "output")} == {"Q8_0"}
        assert {kinds[f"blk.1.ffn_{part}.weight"] for part in ("gate", "up")} == {"Q5_0"}


def test_a_large_file_is_written_in_parts_that_llama_cpp_opens_and_quantises(
    model: PreTrainedModel,
    header: Header,
    base: tuple[Path, Layout],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from smolkit.export.llama_candidate import LlamaCandidate

    whole, layout = base
    monkeypatch.setattr(gguf_file, "MAX_FILE_BYTES", 8_000_000)
    parts = write_plain(model, header, "f16", tmp_path / "parts.gguf")
    assert [part.name for part in parts] == ["parts-00001-of-00002.gguf", "parts-00002-of-00002.gguf"]
    assert read_layout(parts) == layout
    logits = []
    for file in (whole, parts[0]):
        candidate = LlamaCandidate(file, tokens=8, threads=1)
        logits.append(candidate.prefill([5, 6, 7]))
        candidate.close()
    assert np.array_equal(*logits)
    assert quantise(parts[0], "q4_k_m", tmp_path / "small.gguf", width=64)[0].stat().st_size < 8_000_000
    monkeypatch.setattr(gguf_file, "MAX_FILE_BYTES", 5_000_000)
    with pytest.raises(SmolkitError, match=r"q6\.gguf would have 0\.0 GB, more than .* Take q4_k_m, or q8_0 or f16"):
        quantise(parts[0], "q6_k", tmp_path / "q6.gguf", width=64)


def test_what_llama_cpp_cannot_quantise_is_reported_in_its_words(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(20))
    with pytest.raises(SmolkitError, match=r"could not make q4_k_m of this model \(.+\)"):
        quantise(broken, "q4_k_m", tmp_path / "out.gguf", width=64)


def test_other_architectures_are_refused_by_name() -> None:
    from transformers import GPT2Config, LlamaConfig, MistralConfig

    for config, what in [
        (GPT2Config(), "architecture 'gpt2'"),
        (MistralConfig(), "architecture 'mistral'"),
        (LlamaConfig(attention_bias=True), "biases"),
        (LlamaConfig(mlp_bias=True), "biases"),
        (LlamaConfig(hidden_act="gelu"), "activation 'gelu'"),
        (LlamaConfig(rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}), "scaling 'linear'"),
    ]:
        with pytest.raises(ModelError, match=f"cannot write .*{what}"):
            check_architecture(config)
    check_architecture(LlamaConfig())


def test_a_tensor_without_a_place_is_refused(model: PreTrainedModel, header: Header, tmp_path: Path) -> None:
    import copy

    import torch

    odd = copy.deepcopy(model)
    odd.model.layers[1].mlp.gate_proj.scale = torch.nn.Parameter(torch.ones(3))
    with pytest.raises(ModelError, match=r"tensor 'model\.layers\.1\.mlp\.gate_proj\.scale' has no place"):
        write_plain(odd, header, "f16", tmp_path / "m.gguf")
    assert list(tmp_path.iterdir()) == []
