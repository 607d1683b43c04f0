"""`smolkit.export.check`: whole directories of every kind load, and each fault has its line and only its line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smolkit import manifest
from smolkit.errors import ModelError
from smolkit.export import check
from smolkit.export.check import check_directory
from smolkit.export.graph import Shape, llama_graph
from smolkit.export.onnx_file import write_graph

onnx = pytest.importorskip("onnx", reason="pip install 'smolkit[onnx]'")

SHAPE = Shape(
    layers=2, hidden=32, heads=4, kv_heads=2, head_dim=8, vocab=64, context=32, epsilon=1e-5, rope_theta=100_000.0
)
TJS_3, TJS_4_0, TJS_4_2, GENAI, LLAMA = check.CONSUMERS
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"

Change = Callable[[Path], None]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """Nothing is computed here."""


def weights() -> dict[str, Any]:
    rng = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> Any:
        return rng.standard_normal((rows, columns)).astype(np.float32)

    qkv = (SHAPE.heads + 2 * SHAPE.kv_heads) * SHAPE.head_dim
    made: dict[str, Any] = {
        "model.embed_tokens": matrix(SHAPE.vocab, SHAPE.hidden),
        "model.norm": np.ones(SHAPE.hidden, np.float32),
    }
    for number in range(SHAPE.layers):
        prefix = f"model.layers.{number}"
        made |= {
            f"{prefix}.input_layernorm": np.ones(SHAPE.hidden, np.float32),
            f"{prefix}.post_attention_layernorm": np.ones(SHAPE.hidden, np.float32),
            f"{prefix}.self_attn.qkv_proj": matrix(qkv, SHAPE.hidden),
            f"{prefix}.self_attn.o_proj": matrix(SHAPE.hidden, SHAPE.heads * SHAPE.head_dim),
            f"{prefix}.mlp.gate_proj": matrix(48, SHAPE.hidden),
            f"{prefix}.mlp.up_proj": matrix(48, SHAPE.hidden),
            f"{prefix}.mlp.down_proj": matrix(SHAPE.hidden, 48),
        }
    return made


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def write_common(directory: Path, *, inline: bool) -> None:
    config = {
        "model_type": "llama",
        "num_hidden_layers": SHAPE.layers,
        "hidden_size": SHAPE.hidden,
        "num_attention_heads": SHAPE.heads,
        "num_key_value_heads": SHAPE.kv_heads,
        "head_dim": SHAPE.head_dim,
        "vocab_size": SHAPE.vocab,
        "rope_theta": SHAPE.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": SHAPE.rope_theta},
        "tie_word_embeddings": True,
        "eos_token_id": 2,
        "transformers.js_config": {
            "dtype": "fp32",
            "use_external_data_format": {"model": True},
            "kv_cache_dtype": {"fp16": "float16"},
        },
    }
    write_json(directory / "config.json", config)
    write_json(directory / "generation_config.json", {"eos_token_id": [2]})
    tokenizer = {"added_tokens": [{"id": 2, "content": "<|im_end|>"}], "model": {"vocab": {"a": 0, "b": 1}}}
    write_json(directory / "tokenizer.json", tokenizer)
    settings = {"tokenizer_class": "GPT2Tokenizer", "eos_token": "<|im_end|>"}
    write_json(directory / "tokenizer_config.json", settings | ({"chat_template": TEMPLATE} if inline else {}))
    if not inline:
        (directory / "chat_template.jinja").write_text(TEMPLATE)


@pytest.fixture(scope="module")
def web_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for transformers.js with fp32 and fp16, as small as it can be."""
    directory = tmp_path_factory.mktemp("web")
    (directory / "onnx").mkdir()
    write_common(directory, inline=True)
    for suffix, kind in {"": np.float32, "_fp16": np.float16}.items():
        name = f"model{suffix}.onnx"
        graph = llama_graph(SHAPE, weights(), kind)
        write_graph(
            graph, directory / "onnx" / name, part_name=lambda n, name=name: f"{name}_data{f'_{n}' if n else ''}"
        )  # type: ignore[misc]
    return directory


@pytest.fixture(scope="module")
def genai_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for onnxruntime-genai."""
    directory = tmp_path_factory.mktemp("genai")
    write_common(directory, inline=False)
    graph = llama_graph(SHAPE, weights(), np.float32)
    write_graph(graph, directory / "model.onnx", part_name=lambda _: "model.onnx.data", last_logits_only=True)
    decoder = {
        "filename": "model.onnx",
        "head_size": SHAPE.head_dim,
        "hidden_size": SHAPE.hidden,
        "num_attention_heads": SHAPE.heads,
        "num_hidden_layers": SHAPE.layers,
        "num_key_value_heads": SHAPE.kv_heads,
        "inputs": {"past_key_names": "past_key_values.%d.key", "past_value_names": "past_key_values.%d.value"},
        "outputs": {"present_key_names": "present.%d.key", "present_value_names": "present.%d.value"},
    }
    model = {"type": "llama", "context_length": 32, "vocab_size": SHAPE.vocab, "eos_token_id": [2], "decoder": decoder}
    write_json(directory / "genai_config.json", {"model": model, "search": {"past_present_share_buffer": True}})
    return directory


@pytest.fixture
def web(web_template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(web_template, tmp_path / "web"))


@pytest.fixture
def genai(genai_template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(genai_template, tmp_path / "genai"))


def edit_json(name: str, **changes: Any) -> Change:
    """Sets fields by dotted names; None takes one away."""

    def apply(directory: Path) -> None:
        path = directory / name
        whole = json.loads(path.read_text())
        for dotted, value in changes.items():
            *outer, last = dotted.split("__")
            holder = whole
            for key in outer:
                holder = holder[key]
            if value is None:
                holder.pop(last)
            else:
                holder[last] = value
        write_json(path, whole)

    return apply


def edit_graph(change: Callable[[Any], None], name: str = "onnx/model.onnx") -> Change:
    def apply(directory: Path) -> None:
        model = onnx.load(directory / name, load_external_data=False)
        change(model)
        (directory / name).write_bytes(model.SerializeToString())

    return apply


def value(model: Any, name: str) -> Any:
    return next(one for one in [*model.graph.input, *model.graph.output] if one.name == name)


def set_dim(name: str, axis: int, size: int | str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        dim = value(model, name).type.tensor_type.shape.dim[axis]
        dim.Clear()
        if isinstance(size, int):
            dim.dim_value = size
        else:
            dim.dim_param = size

    return change


def set_kind(name: str, kind: int) -> Callable[[Any], None]:
    return lambda model: setattr(value(model, name).type.tensor_type, "elem_type", kind)


def rename(old: str, new: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        value(model, old).name = new

    return change


def add_node(operator: str, **attributes: Any) -> Callable[[Any], None]:
    node = onnx.helper.make_node(operator, ["a"], ["b"], domain="com.microsoft", **attributes)
    return lambda model: model.graph.node.append(node)


def lines(directory: Path, name: str) -> list[tuple[str, str]]:
    """Level and text of what is said for one consumer."""
    report = check_directory(directory)
    return [(one.level, str(one)) for one in [*report.findings, *report.verdict(name).findings]]


def new_lines(directory: Path, name: str, change: Change) -> list[tuple[str, str]]:
    before = lines(directory, name)
    change(directory)
    return [one for one in lines(directory, name) if one not in before]


def test_a_directory_for_transformers_js_loads_there_on_every_device(web: Path) -> None:
    report = check_directory(web)
    assert report.findings == []
    for name in (TJS_4_0, TJS_4_2):
        verdict = report.verdict(name)
        assert verdict.files == {
            "onnx/model.onnx": ("webgpu", "wasm", "node"),
            "onnx/model_fp16.onnx": ("webgpu", "wasm", "node"),
        }
        assert verdict.findings == []
        assert verdict.sound
    assert report.verdict(GENAI).loads is None
    assert report.verdict(LLAMA).loads is None


def test_num_logits_to_keep_is_given_from_4_0_on(web: Path) -> None:
    verdict = check_directory(web).verdict(TJS_3)
    assert verdict.loads is False
    faults = [str(one) for one in verdict.findings if one.level == "fault"]
    assert len(faults) == 2
    assert faults[0].startswith(
        "onnx/model.onnx:num_logits_to_keep: is an input that this release does not supply. Take it out,"
    )


def test_a_default_in_the_graph_makes_an_input_optional(web: Path) -> None:
    def give_default(model: Any) -> None:
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(1, np.int64), "num_logits_to_keep"))

    edit_graph(give_default)(web)
    assert check_directory(web).verdict(TJS_3).files["onnx/model.onnx"] == ("webgpu", "wasm", "node")


def test_a_directory_for_genai_loads_there_and_is_not_where_transformers_js_looks(genai: Path) -> None:
    report = check_directory(genai)
    assert report.verdict(GENAI).sound
    assert report.verdict(GENAI).findings == []
    assert report.verdict(TJS_4_2).loads is False
    found = [str(one) for one in report.verdict(TJS_4_2).findings]
    assert found[0] == (
        "onnx/model.onnx: is not here in any dtype; model.onnx is not where or what this library looks for."
        " Put it into onnx/ as model<dtype>.onnx."
    )
    assert found[1].startswith("chat_template.jinja: holds the only chat template")


GRAPH_FAULTS: list[tuple[str, Callable[[Any], None], str]] = [
    (TJS_4_2, set_dim("past_key_values.0.key", 3, "kv_cache_dim"),
     "past_key_values.0.key: has the symbol 'kv_cache_dim' for head_dim, of which this release makes 0."
     " Write the number: 8."),
    (TJS_4_2, set_dim("past_key_values.0.key", 1, "heads"),
     "past_key_values.0.key: has the symbol 'heads' for heads, of which this release makes 0. Write the number: 2."),
    (TJS_4_2, set_dim("past_key_values.1.value", 0, "batch"),
     "past_key_values.1.value: has 'batch' for its batch, of which this release makes 0."
     " Rename the symbol to batch_size."),
    (TJS_4_0, set_dim("past_key_values.0.key", 3, 16),
     "past_key_values.0.key: has head_dim 16, and config.json says 8. Take the config.json of this model."),
    (TJS_4_0, set_dim("past_key_values.0.key", 2, 4),
     "past_key_values.0.key: has a past of fixed length 4. Export it with a symbol there."),
    (TJS_4_2, set_dim("input_ids", 1, 16), "input_ids: has a fixed length of 16. Export it with a symbol there."),
    (TJS_4_2, set_dim("attention_mask", 0, 3), "attention_mask: has a fixed batch of 3. Name the axis batch_size."),
    (TJS_4_2, set_kind("input_ids", 6), "input_ids: is int32, and int64 is given."),
    (TJS_4_2, set_kind("logits", 11), "logits: is float64, and float32 is expected. Add a Cast."),
    (TJS_4_2, rename("logits", "scores"), "logits: is not among the outputs. Name the output so."),
    (TJS_4_2, rename("present.1.key", "present_1_key"),
     "present.1.key: is not among the outputs: the cache is lost. Name the output so."),
    (TJS_4_2, lambda model: setattr(model, "ir_version", 14),
     "ir_version: is 14, and its ONNX Runtime 1.24 reads up to 13. Save it with ir_version=13."),
    (TJS_4_2, lambda model: setattr(model.opset_import[0], "version", 26),
     "opset_import: is 26, and its ONNX Runtime 1.24 reads up to 25. Export it with opset 25."),
    (TJS_4_2, add_node("GatherBlockQuantized", bits=4),
     "GatherBlockQuantized: has no kernel in the WebAssembly build that this release loads (on wasm)."
     " Write the embedding with Gather and DequantizeLinear."),
    (TJS_3, add_node("GatherBlockQuantized", bits=4),
     "GatherBlockQuantized: has the attribute bits, which its ONNX Runtime does not know."
     " Write the embedding with Gather and DequantizeLinear."),
    (TJS_3, add_node("MatMulNBits", bits=8),
     "MatMulNBits: has 8 bits, and its ONNX Runtime computes with 4 only. Take 4 bits, or transformers.js 4."),
    (TJS_3, add_node("GroupQueryAttention", softcap=30.0),
     "GroupQueryAttention: has softcap, which the WebGPU provider refuses (on webgpu)."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "line"), GRAPH_FAULTS, ids=[line for _, _, line in GRAPH_FAULTS])
def test_a_fault_of_the_graph_has_its_line_and_no_other(
    web: Path, name: str, change: Callable[[Any], None], line: str
) -> None:
    assert new_lines(web, name, edit_graph(change)) == [("fault", f"onnx/model.onnx:{line}")]


def test_a_fault_on_one_device_leaves_the_file_to_the_others(web: Path) -> None:
    edit_graph(add_node("GatherBlockQuantized", bits=4))(web)
    assert check_directory(web).verdict(TJS_4_2).files["onnx/model.onnx"] == ("webgpu", "node")


@pytest.mark.parametrize(
    ("change", "level", "line"),
    [
        (add_node("MatMulInteger"), "note", "MatMulInteger: multiplies in 8-bit integers, which is known to answer"
         " with gibberish (on webgpu). Take q4 or fp16 there."),
        (set_dim("logits", 2, 63), "wrong", "logits: has 63 columns, and config.json a vocabulary of 64."
         " Take the config.json of this model."),
        (set_dim("input_ids", 0, 1), "note", "input_ids: has a batch of 1: one prompt at a time."),
    ],
)  # fmt: skip
def test_what_loads_and_goes_wrong_is_no_fault(web: Path, change: Callable[[Any], None], level: str, line: str) -> None:
    assert new_lines(web, TJS_4_2, edit_graph(change)) == [(level, f"onnx/model.onnx:{line}")]
    assert check_directory(web).verdict(TJS_4_2).loads


def test_names_as_of_a_raw_export_are_said_once_with_their_number(web: Path) -> None:
    def as_pytree(model: Any) -> None:
        for number in range(SHAPE.layers):
            for role in ("key", "value"):
                value(model, f"past_key_values.{number}.{role}").name = f"past_key_values_{role}_cache_{number}"

    found = new_lines(web, TJS_4_2, edit_graph(as_pytree))
    assert [text for _, text in found] == [
        "onnx/model.onnx:past_key_values_key_cache_0: is an input that this release does not supply, and 3 more like"
        " it. Take it out, or give it a value in the graph (an initializer of the same name).",
        "onnx/model.onnx:past_key_values.0.key: is not among the inputs: there is no key-value cache."
        " Export with a cache (text-generation-with-past) and these names.",
    ]


def test_more_layers_than_config_json_has_are_not_given(web: Path) -> None:
    found = new_lines(web, TJS_4_2, edit_json("config.json", num_hidden_layers=1))
    assert found[0] == (
        "fault",
        "onnx/model.onnx:past_key_values.1.key: is given for 1 layers only, as config.json says, and 1 more like it."
        " Take the config.json of this model.",
    )


def test_the_type_of_the_cache_is_told_by_config_json_up_to_4_1(web: Path) -> None:
    change = edit_json("config.json", **{"transformers.js_config__kv_cache_dtype": None})
    before = check_directory(web).verdict(TJS_4_2)
    assert new_lines(web, TJS_4_0, change) == [
        ("fault", "onnx/model_fp16.onnx:past_key_values.0.key: is float16, and this release gives float32,"
         " and 3 more like it."
         ' Set transformers.js_config.kv_cache_dtype in config.json, as {"fp16": "float16"}.'),
    ]  # fmt: skip
    assert check_directory(web).verdict(TJS_4_2) == before


SETTINGS: list[tuple[str, str, Change, str]] = [
    (TJS_4_2, "fault", edit_json("config.json", **{"transformers.js_config__use_external_data_format": None}),
     "onnx/model.onnx:model.embed_tokens.weight: has its weights in 'model.onnx_data', which"
     " transformers.js_config.use_external_data_format does not count (on webgpu, wasm)."
     ' Add "model.onnx": 1 to it.'),
    (TJS_4_2, "fault", edit_json("config.json", **{"transformers.js_config__use_external_data_format": {"model": 2}}),
     "onnx/model.onnx: has no model.onnx_data_1, which transformers.js_config.use_external_data_format counts"
     " (on webgpu, wasm). Correct the count."),
    (TJS_4_2, "wrong", edit_json("config.json", **{"transformers.js_config__dtype": {"webgpu": "fp16"}}),
     "config.json:transformers.js_config.dtype: is keyed by device, and read by the name of a graph: none of it has an"
     ' effect. Write "device_config": {"webgpu": {"dtype": ...}, ...}.'),
    (TJS_4_2, "wrong", edit_json("config.json", **{"transformers.js_config__dtype": "q4"}),
     "config.json:transformers.js_config.dtype: leads to onnx/model_q4.onnx, which is not here."
     " Name one that is here."),
    (TJS_4_0, "fault", edit_json("config.json", num_key_value_heads=None),
     "config.json:num_key_value_heads: is not here, and the empty cache is made from it. Add it."),
    (TJS_4_2, "fault", lambda directory: (directory / "tokenizer.json").unlink(),
     "tokenizer.json: is not here. Copy it from the source model."),
    (TJS_4_2, "fault", lambda directory: (directory / "tokenizer_config.json").write_text("{"),
     "tokenizer_config.json: is not valid JSON (Expecting property name enclosed in double quotes: line 1 column 2"
     " (char 1)). Take it from the source again."),
    (TJS_4_2, "fault", lambda directory: (directory / "config.json").write_text("[]"),
     "config.json: holds a list, and an object is expected."),
    (TJS_4_2, "note", edit_json("tokenizer_config.json", tokenizer_class="TokenizersBackend"),
     "tokenizer_config.json:tokenizer_class: is 'TokenizersBackend', a class unknown to this library: it warns, and"
     " takes the base class. Write PreTrainedTokenizer or GPT2Tokenizer."),
    (TJS_3, "note", edit_json("tokenizer_config.json", chat_template="{% generation %}{% endgeneration %}"),
     "tokenizer_config.json:chat_template: has {% generation %}, at which releases before 3.6 throw."
     " Leave the tag out."),
    (TJS_4_2, "note", edit_json("tokenizer_config.json", chat_template=None),
     "tokenizer_config.json:chat_template: is not here: a prompt is text, and no messages."),
    (TJS_3, "fault", edit_json("config.json", model_type="gpt_oss"),
     "config.json:model_type: is 'gpt_oss', which this release does not know. Take a later one."),
    (TJS_4_2, "wrong", edit_json("config.json", rope_theta=10_000.0),
     "config.json:rope_theta: is 10000.0, and rope_parameters says 100000.0. Make them the same."),
    (TJS_4_2, "note", edit_json("config.json", rope_theta=None),
     "config.json:rope_theta: is not here: readers older than rope_parameters take 10000, and the model has 100000.0."
     ' Add "rope_theta": 100000.0.'),
    (TJS_4_2, "note", edit_json("config.json", tie_word_embeddings=None),
     "config.json:tie_word_embeddings: is not here, and readers differ in what they assume. Add it."),
    (TJS_4_2, "wrong", lambda directory: (directory / "onnx/model.onnx_data").chmod(0o600),
     "onnx/model.onnx_data: has mode 0600: a server under another name cannot read it. Run: chmod 644."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "level", "change", "line"), SETTINGS, ids=[line for *_, line in SETTINGS])
def test_a_fault_beside_the_graph_has_its_line(web: Path, name: str, level: str, change: Change, line: str) -> None:
    assert (level, line) in new_lines(web, name, change)


def test_end_tokens_that_files_disagree_on_are_named(web: Path) -> None:
    assert new_lines(web, TJS_4_2, edit_json("generation_config.json", eos_token_id=[0])) == [
        ("wrong", "generation_config.json:eos_token_id: is [0], and the tokenizer's end token 2 is not among them."
         " Add it, or an answer does not end."),
    ]  # fmt: skip


def test_files_of_weights_that_are_missing_cut_or_pointers_are_named(web: Path) -> None:
    data = web / "onnx" / "model.onnx_data"
    where = "onnx/model.onnx:model.embed_tokens.weight: has its weights in 'model.onnx_data', "
    size = data.stat().st_size
    data.write_bytes(data.read_bytes()[:100])
    assert ("fault", f"{where}which is cut short: 100 bytes of {size}. Write or download it again.") in lines(
        web, TJS_4_2
    )
    data.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert ("fault", f"{where}a pointer of Git LFS. Run: git lfs pull.") in lines(web, TJS_4_2)
    data.unlink()
    assert ("fault", f"{where}which is not here. Copy onnx/model.onnx_data, too.") in lines(web, TJS_4_2)


def test_weights_outside_the_directory_are_refused(web: Path) -> None:
    def move_out(model: Any) -> None:
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = "../secret"

    edit_graph(move_out)(web)
    assert any(text.endswith("'../secret', outside the directory.") for _, text in lines(web, TJS_4_0))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "holds no graph. Write or download it again."),
        (b"\x08\x0a\x3a\xff\xff\x7f", "is not a readable ONNX file, perhaps cut short. Write or download it again."),
        (b"version https://git-lfs.github.com/spec/v1", "is a pointer of Git LFS, not the file. Run: git lfs pull."),
    ],
)
def test_a_graph_that_cannot_be_read_is_one_line(web: Path, content: bytes, what: str) -> None:
    (web / "onnx" / "model.onnx").write_bytes(content)
    for name in (TJS_3, TJS_4_0, TJS_4_2):
        assert ("fault", f"onnx/model.onnx: {what}") in lines(web, name)
        assert not any(text.startswith("onnx/model.onnx:") and what not in text for _, text in lines(web, name))


def test_a_graph_that_no_dtype_names_is_noted(web: Path) -> None:
    shutil.copy(web / "onnx" / "model.onnx", web / "onnx" / "decoder_model.onnx")
    assert ("note", "onnx/decoder_model.onnx: has no name that this library asks for.") in lines(web, TJS_4_2)


def test_a_browser_wants_its_own_name_for_the_weights_and_node_does_not(web: Path) -> None:
    def rename_data(model: Any) -> None:
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = "weights.bin"

    edit_graph(rename_data)(web)
    (web / "onnx" / "model.onnx_data").rename(web / "onnx" / "weights.bin")
    verdict = check_directory(web).verdict(TJS_4_2)
    assert verdict.files["onnx/model.onnx"] == ("node",)
    assert any("and a browser is given model.onnx_data" in str(one) for one in verdict.findings)


GENAI_FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("fault", {"model__type": "lama"}, "model.type: is 'lama', which is not among the architectures known to load."
     ' Write "llama" for a model of that layout.'),
    ("fault", {"model__context_length": None},
     "model.context_length: is None, and a positive number is needed."),
    ("fault", {"model__vocab_size": 50}, "model.vocab_size: is 50, and model.onnx has 64 logits. Write 64."),
    ("fault", {"model__decoder__head_size": 4},
     "model.decoder.head_size: is 4, and the graph has 8. Write 8."),
    ("wrong", {"model__decoder__num_key_value_heads": 4},
     "model.decoder.num_key_value_heads: is 4, and the graph has 2. Write 2."),
    ("wrong", {"model__decoder__num_hidden_layers": 3},
     "model.decoder.num_hidden_layers: is 3, and the graph has 2. Write 2."),
    ("wrong", {"model__decoder__num_attention_heads": 5},
     "model.decoder.num_attention_heads: is 5, and the graph has 4. Write 4."),
    ("fault", {"model__decoder__filename": "m.onnx"},
     "model.decoder.filename: is 'm.onnx', and there is no such file. Name the ONNX file of the decoder."),
    ("fault", {"model__decoder__outputs__present_key_names": "p.%d.key"},
     "model.decoder.outputs.present_key_names: is 'p.%d.key', which no output of model.onnx is called."),
    ("wrong", {"model__eos_token_id": None},
     "model.eos_token_id: is not here: no answer ends. Add the list of end tokens."),
]  # fmt: skip


@pytest.mark.parametrize(("level", "change", "line"), GENAI_FAULTS, ids=[line for *_, line in GENAI_FAULTS])
def test_a_fault_of_genai_config_has_its_line_and_no_other(
    genai: Path, level: str, change: dict[str, Any], line: str
) -> None:
    assert new_lines(genai, GENAI, edit_json("genai_config.json", **change)) == [(level, f"genai_config.json:{line}")]
    assert check_directory(genai).verdict(GENAI).loads is (level != "fault")


def test_every_folder_of_genai_files_is_a_model_of_its_own(genai: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    for name in ("fp32", "q8"):
        shutil.copytree(genai, both / name)
    edit_json("genai_config.json", model__type="lama")(both / "q8")
    verdict = check_directory(both).verdict(GENAI)
    assert verdict.loads
    assert verdict.files == {"fp32/genai_config.json": ("cpu",), "q8/genai_config.json": ()}
    assert [one.where for one in verdict.findings] == ["q8/genai_config.json:model.type"]


def test_genai_gives_no_input_that_its_configuration_does_not_name(genai: Path) -> None:
    found = new_lines(genai, GENAI, edit_graph(rename("attention_mask", "mask"), "model.onnx"))
    assert [text.partition(". ")[0] for _, text in found] == [
        "model.onnx:mask: is an input that genai_config.json does not name"
    ]


def test_a_shared_buffer_needs_group_query_attention(genai: Path) -> None:
    def unfuse(model: Any) -> None:
        for node in model.graph.node:
            if node.op_type == "GroupQueryAttention":
                node.op_type = "Attention"

    assert new_lines(genai, GENAI, edit_graph(unfuse, "model.onnx")) == [
        ("fault", "genai_config.json:search.past_present_share_buffer: is true, and only GroupQueryAttention writes"
         " into the past. Write false."),
    ]  # fmt: skip


def test_end_tokens_of_genai_config_are_compared_too(genai: Path) -> None:
    assert new_lines(genai, GENAI, edit_json("generation_config.json", eos_token_id=[2, 0])) == [
        ("wrong", "genai_config.json:model.eos_token_id: misses [0], which another file names. Make them the same."),
    ]  # fmt: skip


def write_gguf(path: Path, *, without: str = "", **changes: Any) -> None:
    """A Llama of one layer; `changes` are keys of the header, None takes one away."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    fields: dict[str, Any] = {
        "llama.context_length": 32, "llama.embedding_length": 32, "llama.block_count": 1,
        "llama.attention.head_count": 4, "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.freq_base": 100_000.0, "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": ["a", "b", "c", "d"], "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.eos_token_id": 2, "tokenizer.chat_template": TEMPLATE,
    } | changes  # fmt: skip
    for key, given in fields.items():
        if isinstance(given, list):
            writer.add_array(key, given)
        elif isinstance(given, str):
            writer.add_string(key, given)
        elif isinstance(given, float):
            writer.add_float32(key, given)
        elif given is not None:
            writer.add_uint32(key, given)
    names = ["attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down"]
    for name in ["token_embd", "output_norm", *(f"blk.0.{name}" for name in names)]:
        if name != without:
            shape = (32,) if name.endswith("norm") else (4, 32)
            writer.add_tensor(f"{name}.weight", np.zeros(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


GGUF_FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("fault", {"without": "blk.0.ffn_up"}, "blk.0.ffn_up.weight: is not here, and the model needs it."),
    ("fault", {"llama.context_length": None}, "llama.context_length: is not here."),
    ("fault", {"tokenizer.ggml.model": "gpt3"}, "tokenizer.ggml.model: is 'gpt3', which llama.cpp does not know."),
    ("fault", {"tokenizer.ggml.pre": "smolm"},
     "tokenizer.ggml.pre: is 'smolm', which llama.cpp is not known to know."),
    ("wrong", {"tokenizer.ggml.pre": None}, "tokenizer.ggml.pre: is not here: llama.cpp cuts text by a default, and"
     " answers worse. Write the name of the pre-tokenizer, smollm for SmolLM2."),
    ("fault", {"tokenizer.ggml.merges": None}, "tokenizer.ggml.merges: is not here: text cannot be cut into tokens."),
    ("wrong", {"tokenizer.ggml.eos_token_id": 9}, "tokenizer.ggml.eos_token_id: is 9, and there are 4 tokens."),
    ("note", {"tokenizer.chat_template": None},
     "tokenizer.chat_template: is not here: llama.cpp takes the format of ChatML."),
    ("note", {"llama.rope.freq_base": None}, "llama.rope.freq_base: is not here: llama.cpp takes 10000."),
    ("fault", {"tokenizer.ggml.tokens": ["a", "b", "c"]},
     "token_embd.weight: has 4 rows, and the vocabulary 3 tokens."),
    ("fault", {"split.count": 2}, "split.count: is one of 2 parts, and its name does not say so: the others are not"
     " found. Give every part its name back."),
]  # fmt: skip


@pytest.mark.parametrize(("level", "changes", "line"), GGUF_FAULTS, ids=[line for *_, line in GGUF_FAULTS])
def test_a_fault_of_a_gguf_file_has_its_line_and_no_other(
    tmp_path: Path, level: str, changes: dict[str, Any], line: str
) -> None:
    write_gguf(tmp_path / "good.gguf")
    write_gguf(tmp_path / "m.gguf", **changes)
    assert lines(tmp_path, LLAMA) == [(level, f"m.gguf:{line}")]
    files = check_directory(tmp_path).verdict(LLAMA).files
    assert files == {"good.gguf": ("cpu",), "m.gguf": () if level == "fault" else ("cpu",)}


def test_gguf_files_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    write_gguf(tmp_path / "cut.gguf")
    (tmp_path / "cut.gguf").write_bytes((tmp_path / "cut.gguf").read_bytes()[:-2000])
    (tmp_path / "empty.gguf").touch()
    (tmp_path / "text.gguf").write_text("no model " * 20)
    found = lines(tmp_path, LLAMA)
    assert found == [
        ("fault", f"{name}.gguf: is not a readable GGUF file, perhaps cut short.") for name in ("cut", "empty", "text")
    ]
    assert check_directory(tmp_path).verdict(LLAMA).loads is False


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    write_gguf(tmp_path / "m-00002-of-00002.gguf")
    assert lines(tmp_path, LLAMA) == [
        ("fault", "m-00001-of-00002.gguf: needs m-00001-of-00002.gguf, which is not here."
         " Copy every part into one directory."),
    ]  # fmt: skip


def test_a_changed_file_of_an_export_is_named(web: Path) -> None:
    manifest.write(web, manifest.Manifest(kind="webgpu"), name=manifest.EXPORT_MANIFEST)
    assert check_directory(web).findings == []
    path = web / "generation_config.json"
    path.write_text(path.read_text() + "\n")
    (finding,) = check_directory(web).findings
    assert (finding.level, finding.where) == ("wrong", "generation_config.json")
    assert finding.what.startswith("changed since written")


def test_an_empty_directory_has_nothing_for_anyone(tmp_path: Path) -> None:
    report = check_directory(tmp_path)
    assert [verdict.loads for verdict in report.verdicts] == [None] * 5
    assert not report.loads


def test_no_directory_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such directory"):
        check_directory(tmp_path / "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="is a file, and a directory is to be checked"):
        check_directory(tmp_path / "file")


def test_the_report_has_a_json_form(web: Path) -> None:
    written = json.loads(json.dumps(check_directory(web).as_dict()))
    assert [verdict["name"] for verdict in written["verdicts"]] == list(check.CONSUMERS)
    assert written["verdicts"][2]["files"]["onnx/model.onnx"] == ["webgpu", "wasm", "node"]
