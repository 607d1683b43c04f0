"""The models of an app: how they are named on the command line, what visitors see, and how many are open."""

from __future__ import annotations

from pathlib import Path

import pytest

from smolkit.apps.models import MOST_OPEN, Choice, Given, Models, list_choices, read_models, short_names
from smolkit.errors import DataError, ModelError, SmolkitError


def names(*texts: str) -> list[str]:
    return [choice.name for choice in list_choices(read_models(texts))]


def test_a_model_may_carry_its_runtime_and_type_and_several_stand_in_one_text() -> None:
    assert read_models(["bundled"]) == [Given("bundled")]
    assert read_models(["bundled,torch,float32"]) == [Given("bundled", "torch", "float32")]
    assert read_models(["bundled, onnx ,me/mine", "bundled"]) == [
        Given("bundled", "onnx"),
        Given("me/mine"),
        Given("bundled"),
    ]


def test_the_runtime_of_all_is_for_those_that_name_none() -> None:
    assert read_models(["bundled,onnx", "me/mine"], "torch") == [Given("bundled", "onnx"), Given("me/mine", "torch")]


def test_a_model_is_written_as_it_was_read() -> None:
    for text in ("bundled", "bundled,onnx,int8", "me/mine,torch", "bundled,int8"):
        assert [str(given) for given in read_models([text])] == [text]


def test_a_path_with_a_comma_in_it_is_one_model(tmp_path: Path) -> None:
    folder = tmp_path / "tea, coffee"
    folder.mkdir()
    assert read_models([str(folder)]) == [Given(str(folder))]


def test_what_is_no_model_is_named_with_the_nearest_before_anything_opens(tmp_path: Path) -> None:
    (tmp_path / "receipts").mkdir()
    with pytest.raises(ModelError, match=r"'llamacpp' is no model, runtime or type\. Did you mean 'llama\.cpp'\?"):
        read_models(["bundled,llamacpp"])
    with pytest.raises(ModelError, match=r"reciepts: no such model\. Did you mean .*/receipts\?"):
        read_models([str(tmp_path / "reciepts")])
    with pytest.raises(SmolkitError, match=r"unknown runtime 'troch'\. Did you mean 'torch'\?"):
        read_models(["bundled"], "troch")


def test_a_name_is_the_last_part_of_the_path_with_how_it_runs(tmp_path: Path) -> None:
    (tmp_path / "receipts").mkdir()
    assert names("bundled", "bundled,onnx,int8", "me/mine", str(tmp_path / "receipts") + ",torch") == [
        "bundled",
        "bundled (onnx, int8)",
        "mine",
        "receipts (torch)",
    ]


def test_models_of_the_same_name_are_told_apart_by_the_folder_that_they_are_in(tmp_path: Path) -> None:
    paths = [tmp_path / "base" / "model", tmp_path / "tuned" / "model"]
    for path in paths:
        path.mkdir(parents=True)
    assert names(*map(str, paths)) == ["base-model", "tuned-model"]
    assert short_names(["me/mine", "you/mine", "bundled"]) == ["me-mine", "you-mine", "bundled"]


def test_every_name_is_another_one(tmp_path: Path) -> None:
    paths = [tmp_path / part / "a" / "model" for part in ("x", "y")]
    for path in paths:
        path.mkdir(parents=True)
    assert names(*map(str, paths)) == ["a-model", "a-model 2"]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """An export directory as far as its names and sizes go."""
    folder = tmp_path / "receipts-exports"
    for name, size in (
        ("gguf/model-q8_0.gguf", 80),
        ("gguf/model-q4_k_m.gguf", 40),
        ("gguf/model-f16.gguf", 20),
        ("webgpu/onnx/model_q4.onnx", 50),
        ("webgpu/onnx/model_wasm.onnx", 1),
        ("webgpu/onnx/model.onnx", 160),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * size)
    return folder


def test_an_export_directory_offers_its_files_smallest_first_and_float16_last(exported: Path) -> None:
    assert names(str(exported / "gguf")) == [
        "gguf (llama.cpp, q4_k_m)",
        "gguf (llama.cpp, q8_0)",
        "gguf (llama.cpp, f16)",
    ]
    choices = list_choices(read_models([str(exported)]))
    assert [Path(choice.given.model).name for choice in choices] == [
        "model-q4_k_m.gguf",
        "model_q4.onnx",
        "model-q8_0.gguf",
        "model.onnx",
        "model-f16.gguf",
    ]
    assert [choice.given.runtime for choice in choices[:2]] == ["llama.cpp", "onnx"]


def test_a_runtime_chooses_among_the_files_of_an_export(exported: Path) -> None:
    found = list_choices(read_models([f"{exported},onnx"]))
    assert [Path(choice.given.model).name for choice in found] == ["model_q4.onnx", "model.onnx"]


def test_a_model_s_own_weights_are_one_choice_whatever_lies_beside_them(exported: Path) -> None:
    (exported / "gguf" / "model.safetensors").write_bytes(b"")
    assert names(str(exported / "gguf")) == ["gguf"]


@pytest.fixture
def models(bundled_file: Path) -> Models:
    return Models([Choice(name, Given(str(bundled_file))) for name in ("one", "two", "three", "four")])


def test_models_open_when_first_used_and_the_first_is_never_closed(models: Models) -> None:
    with models:
        assert not any(models.has_open(name) for name in models.names)
        for name in ("one", "two", "three", "two", "four"):
            assert models.get(name).runtime == "llama.cpp"
            assert models.has_open(name)
            assert sum(models.has_open(other) for other in models.names) <= MOST_OPEN
        assert [name for name in models.names if models.has_open(name)] == ["one", "four"]
    assert not any(models.has_open(name) for name in models.names)


def test_what_is_open_is_used_again(models: Models) -> None:
    with models:
        assert models.get("two") is models.get("two")


def test_what_runs_a_model_is_known_once_it_was_open(models: Models) -> None:
    with models:
        assert models.computes("two") == ""
        models.get("two")
        models.get("three")
        assert models.computes("two").startswith("llama.cpp, ")


def test_a_name_is_looked_up_in_the_list_alone(models: Models) -> None:
    assert models.find("") == models.find(None) == "one"
    assert models.find("four") == "four"
    with pytest.raises(DataError, match=r"no model named 'thre' here\. Did you mean 'three'\?"):
        models.find("thre")
    with pytest.raises(DataError, match="no model named"):
        models.find("/etc/passwd")


def test_no_model_is_refused() -> None:
    with pytest.raises(ModelError, match="no model to serve"):
        Models([])
