from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolkit.errors import ModelError, RuntimeUnavailable, SmolkitError
from smolkit.manifest import EXPORT_MANIFEST, Manifest, write
from smolkit.runtime.onnx_files import OnnxFiles, onnx_file


def make(directory: Path, **sizes: int) -> Path:
    """Files of so many bytes; `__` stands for a slash, and `_dot_` for a dot."""
    for name, size in sizes.items():
        file = directory / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(size))
    return directory


def test_a_flat_directory_has_one_graph(tmp_path: Path) -> None:
    make(tmp_path, model_dot_onnx=3)
    assert onnx_file(tmp_path) == tmp_path / "model.onnx" == onnx_file(tmp_path / "model.onnx")


def test_of_several_the_smallest_with_its_weights_is_taken(tmp_path: Path) -> None:
    make(tmp_path / "onnx", model_dot_onnx=1, model_dot_onnx_data=90, model_q4_dot_onnx=5, model_q4_dot_onnx_data=20)
    assert onnx_file(tmp_path).name == "model_q4.onnx"
    make(tmp_path / "dirs", q8__model_dot_onnx=9, fp32__model_dot_onnx=2, fp32__model_dot_onnx_dot_data=50)
    assert onnx_file(tmp_path / "dirs") == tmp_path / "dirs" / "q8" / "model.onnx"


def test_float16_and_wasm_are_taken_only_where_there_is_nothing_else(tmp_path: Path) -> None:
    make(tmp_path / "onnx", model_q4f16_dot_onnx=5, model_fp16_dot_onnx=7, model_wasm_q4_dot_onnx=6)
    assert onnx_file(tmp_path).name == "model_q4f16.onnx"
    make(tmp_path / "onnx", model_q4_dot_onnx=9)
    assert onnx_file(tmp_path).name == "model_q4.onnx"


def test_what_the_files_beside_a_graph_say(tmp_path: Path) -> None:
    make(tmp_path, onnx__model_q4_dot_onnx=4, tokenizer_dot_json=2)
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 512, "eos_token_id": 9}))
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 7]}))
    write(tmp_path, Manifest(kind="export", prompt_format="nuextract-1.5"), name=EXPORT_MANIFEST)
    found = OnnxFiles.find(tmp_path / "onnx" / "model_q4.onnx")
    assert (found.context_length, found.end_ids, found.prompt_format) == (512, {2, 7}, "nuextract-1.5")
    assert found.tokenizer == tmp_path / "tokenizer.json"
    assert not found.fused


@pytest.mark.parametrize("place", ["own file", "text", "list", None])
def test_the_chat_template_is_found_where_it_lies(tmp_path: Path, place: str | None) -> None:
    make(tmp_path, model_dot_onnx=4, tokenizer_dot_json=2)
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 512, "eos_token_id": 9}))
    inline = {"text": "{{ a }}", "list": [{"name": "default", "template": "{{ a }}"}]}.get(place or "")
    config = {"bos_token": {"content": "<s>"}, "eos_token": "</s>", **({"chat_template": inline} if inline else {})}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    if place == "own file":
        (tmp_path / "chat_template.jinja").write_text("{{ a }}")
    found = OnnxFiles.find(tmp_path).chat_template()
    if place is None:
        assert found is None
    else:
        assert found is not None
        assert (found.text, found.tokens) == ("{{ a }}", {"bos_token": "<s>", "eos_token": "</s>"})


@pytest.mark.parametrize(
    ("name", "kind", "line"),
    [
        ("exprot", ModelError, r"neither an ONNX file nor a directory.* Did you mean .*export\?"),
        ("export/notes.txt", RuntimeUnavailable, "not an ONNX file"),
        ("empty", ModelError, "no ONNX file here.* Write one: smolkit export"),
        ("export", ModelError, "no tokenizer.json beside this graph"),
        ("silent", ModelError, "neither genai_config.json nor config.json says"),
        ("broken", ModelError, "not valid JSON"),
    ],
)
def test_a_fault_is_one_line(tmp_path: Path, name: str, kind: type[SmolkitError], line: str) -> None:
    make(tmp_path, export__model_dot_onnx=1, export__notes_dot_txt=1, empty__notes_dot_txt=1)
    make(tmp_path, silent__model_dot_onnx=1, silent__tokenizer_dot_json=1)
    make(tmp_path, broken__model_dot_onnx=1, broken__tokenizer_dot_json=1, broken__config_dot_json=1)
    with pytest.raises(kind, match=line) as caught:
        OnnxFiles.find(tmp_path / name)
    assert "\n" not in str(caught.value)
