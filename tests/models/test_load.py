from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from smolkit.errors import ModelError
from smolkit.models import bundled_gguf, cache_argument, load_model, load_tokenizer
from smolkit.models.load import load_config
from smolkit.models.trust import ALLOWED


@pytest.fixture
def copy(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that a test may break."""
    return Path(shutil.copytree(tiny_model_dir, tmp_path / "copy"))


def _edit_config(directory: Path, **changes: Any) -> None:
    file = directory / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def _write_gguf_without(name: str, target: Path) -> None:
    """The bundled model cut to one layer and 512 tokens, as a GGUF file that lacks the tensor `name`."""
    from gguf import GGUFReader, GGUFValueType, GGUFWriter

    reader, writer = GGUFReader(bundled_gguf()), GGUFWriter(target, "llama")
    sizes = {"llama.block_count": 1, "llama.vocab_size": 512}
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue  # the writer has its own
        if field.types[0] == GGUFValueType.ARRAY:
            kept = 512 - 17 - 256 if key.endswith("merges") else 512  # special tokens, bytes, one token per merge
            writer.add_array(key, field.contents(slice(kept)))
        else:
            writer.add_key_value(key, sizes.get(key, field.contents()), field.types[0])
    for tensor in reader.tensors:
        if tensor.name != name and tensor.name.startswith(("token_embd", "output_norm", "blk.0.")):
            data = tensor.data[:512] if tensor.name.startswith("token_embd") else tensor.data
            writer.add_tensor(tensor.name, data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_comes_in_the_dtype_asked_for_and_ready_to_evaluate(tiny_model_dir: Path, dtype: torch.dtype) -> None:
    model = load_model(tiny_model_dir, dtype=dtype)
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    assert not model.training


def test_a_model_that_reads_images_comes_whole(tiny_vlm: Path) -> None:
    model = load_model(tiny_vlm, dtype=torch.bfloat16)
    assert type(model).__name__ == "SmolVLMForConditionalGeneration"
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert load_config(tiny_vlm).model_type == "smolvlm"


def test_a_vision_model_without_its_connector_is_refused(tiny_vlm: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_vlm, tmp_path / "copy"))
    weights = load_file(copy / "model.safetensors")
    del weights["model.connector.modality_projection.proj.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"copy: 1 tensors are missing .*first 'model\.connector"):
        load_model(copy, dtype=torch.float32)


def test_both_configs_and_the_tokenizer_agree_on_padding_and_beginning(tiny_model_dir: Path) -> None:
    model, tokenizer = load_model(tiny_model_dir, dtype=torch.float32), load_tokenizer(tiny_model_dir)
    for config in (model.config, model.generation_config):
        assert (config.pad_token_id, config.bos_token_id) == (tokenizer.pad_token_id, tokenizer.bos_token_id)
    assert tokenizer.pad_token_id is not None


@pytest.mark.parametrize("dropped", ["rope_theta", "rope_parameters"])
def test_either_place_of_the_rotary_base_is_enough(copy: Path, dropped: str) -> None:
    config = json.loads((copy / "config.json").read_text())
    del config[dropped]
    (copy / "config.json").write_text(json.dumps(config))
    model = load_model(copy, dtype=torch.float32)
    exponents = torch.arange(0, 16, 2) / 16  # 64 hidden over 4 heads
    torch.testing.assert_close(model.model.rotary_emb.inv_freq, 100_000.0**-exponents)


def test_a_config_that_wants_another_shape_is_refused(copy: Path) -> None:
    _edit_config(copy, intermediate_size=130)
    with pytest.raises(ModelError, match=r"copy: this model cannot be loaded"):
        load_model(copy, dtype=torch.float32)


def test_a_config_of_no_language_model_is_refused(copy: Path) -> None:
    _edit_config(copy, model_type="vit")
    with pytest.raises(ModelError, match=r"cannot be loaded .*ViTConfig"):
        load_model(copy, dtype=torch.float32)


def test_a_config_with_a_field_of_the_wrong_type_is_refused(copy: Path) -> None:
    _edit_config(copy, hidden_size="64")
    with pytest.raises(ModelError, match=r"cannot be loaded .*'hidden_size'"):
        load_model(copy, dtype=torch.float32)


def test_weights_that_were_cut_short_are_refused(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load_model(copy, dtype=torch.float32)
    assert "\n" not in str(caught.value)


def test_a_gguf_file_with_a_tensor_missing_is_refused_and_not_cached(
    bundled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOLKIT_CACHE", str(tmp_path / "cache"))
    _write_gguf_without("blk.0.ffn_up.weight", tmp_path / "holed.gguf")
    with pytest.raises(ModelError, match=r"holed\.gguf: 1 tensors are missing .*layers\.0\.mlp\.up_proj"):
        load_model(tmp_path / "holed.gguf", dtype=torch.float32)
    assert not list((tmp_path / "cache").rglob("config.json"))


def test_a_name_that_cannot_be_a_hub_id_is_one_line() -> None:
    with pytest.raises(ModelError, match="'HuggingFaceTB/SmolLM2 135M'") as caught:
        load_model("HuggingFaceTB/SmolLM2 135M", dtype=torch.float32)
    assert "\n" not in str(caught.value)


def test_a_model_without_a_tokenizer_says_so(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="copy: the tokenizer cannot be loaded"):
        load_tokenizer(copy)


def test_the_cache_is_passed_by_the_name_that_forward_gives_it() -> None:
    class Before:
        def forward(self, past_key_values: object = None) -> None: ...

    class Since:
        def forward(self, cache: object = None) -> None: ...

    assert [cache_argument(model()) for model in (Before, Since)] == ["past_key_values", "cache"]


def test_code_that_comes_with_a_model_runs_only_where_it_is_trusted(
    copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    _edit_config(copy, model_type="own", auto_map={"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"})
    (copy / "own.py").write_text(
        "from transformers import LlamaConfig, LlamaForCausalLM\n"
        "class Config(LlamaConfig):\n    model_type = 'own'\n"
        "class Model(LlamaForCausalLM):\n    config_class = Config\n"
    )
    with pytest.raises(ModelError, match=r"copy: this model cannot be loaded") as caught:
        load_model(copy, dtype=torch.float32)
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(ALLOWED, "remote_code", True)
    assert type(load_model(copy, dtype=torch.float32)).__module__.endswith("own")


@pytest.mark.parametrize("content", [b"", b"abc", "cut short"])
def test_a_pickle_that_is_none_or_was_cut_short_is_one_line(
    copy: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | str
) -> None:
    monkeypatch.setattr(ALLOWED, "pickle", True)
    weights = copy / "pytorch_model.bin"
    torch.save(load_file(copy / "model.safetensors"), weights)
    (copy / "model.safetensors").unlink()
    weights.write_bytes(weights.read_bytes()[:1000] if isinstance(content, str) else content)
    with pytest.raises(ModelError, match="this model cannot be loaded") as caught:
        load_model(copy, dtype=torch.float32)
    assert "\n" not in str(caught.value)


def test_code_of_a_model_that_does_not_load_is_one_line(
    copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(ALLOWED, "remote_code", True)
    _edit_config(copy, model_type="broken", auto_map={"AutoConfig": "broken.Config"})
    (copy / "broken.py").write_text("import no_such_package_anywhere\n")
    with pytest.raises(ModelError, match="this model cannot be loaded"):
        load_model(copy, dtype=torch.float32)
