"""LoRA adapters are merged into their base: the merged weights answer as base and adapter together do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smolkit.errors import ModelError
from smolkit.models.adapter import is_adapter, merged


@pytest.fixture
def pair(tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Any]:
    """A tiny model, an adapter of it whose weights are not zero, and the two together as peft runs them."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    from smolkit.manifest import Manifest, write
    from smolkit.models import save_model

    monkeypatch.setenv("SMOLKIT_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    base = tmp_path / "base"
    base.mkdir()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        initializer_range=0.1, tie_word_embeddings=True,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    save_model(model, tokenizer, base)
    write(base, Manifest(kind="model", prompt_format="smolkit-1"))
    both = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False))
    both.peft_config["default"].base_model_name_or_path = str(base)
    both.save_pretrained(tmp_path / "adapter")
    return base, tmp_path / "adapter", both.eval()


def test_the_merged_model_answers_as_both_together(pair: tuple[Path, Path, Any]) -> None:
    import torch

    from smolkit.manifest import read
    from smolkit.models import load_model

    base, adapter, both = pair
    assert is_adapter(adapter)
    assert not is_adapter(base)
    directory = merged(adapter)
    ids = torch.arange(100, 130)[None]
    with torch.inference_mode():
        wanted = both(ids).logits
        assert torch.allclose(load_model(directory, dtype=torch.float32)(ids).logits, wanted, atol=1e-4)
        assert not torch.allclose(load_model(base, dtype=torch.float32)(ids).logits, wanted, atol=1e-2)
    inside = read(directory)
    assert inside.prompt_format == "smolkit-1"
    assert [source.role for source in inside.sources] == ["model", "adapter"]
    assert json.loads((directory / "config.json").read_text())["tie_word_embeddings"] is True
    assert merged(adapter, base) == directory


def test_a_merged_vision_model_cuts_images_as_its_base_does(
    tiny_vlm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    from smolkit.data.images import ImageLayout
    from smolkit.models import load_model

    monkeypatch.setenv("SMOLKIT_CACHE", str(tmp_path / "cache"))
    base = load_model(tiny_vlm, dtype=torch.float32)
    torch.manual_seed(0)
    both = get_peft_model(base, LoraConfig(r=2, target_modules=r".*text_model.*q_proj", init_lora_weights=False))
    both.save_pretrained(tmp_path / "adapter")
    directory = merged(tmp_path / "adapter", tiny_vlm)
    assert ImageLayout.read(directory) == ImageLayout.read(tiny_vlm)
    ids = torch.arange(100, 130)[None]
    with torch.inference_mode():
        wanted = both.eval()(input_ids=ids).logits
        assert torch.allclose(load_model(directory, dtype=torch.float32)(input_ids=ids).logits, wanted, atol=1e-4)
    assert not torch.equal(load_model(tiny_vlm, dtype=torch.float32)(input_ids=ids).logits, wanted)


def test_an_adapter_of_another_model_is_refused_in_one_short_line(
    tiny_vlm: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    from smolkit.models import load_model

    monkeypatch.setenv("SMOLKIT_CACHE", str(tmp_path / "cache"))
    base = load_model(tiny_vlm, dtype=torch.float32)
    layers = [name for name, _ in base.named_modules() if "text_model" in name and name.endswith("_proj")]
    get_peft_model(base, LoraConfig(r=2, target_modules=layers)).save_pretrained(tmp_path / "adapter")
    with pytest.raises(ModelError, match=r"this adapter does not fit .* \.\.\.\)\.$") as caught:
        merged(tmp_path / "adapter", tiny_model_dir)
    assert len(str(caught.value)) < 250 + len(f"{tmp_path}{tiny_model_dir}")


def test_what_is_no_adapter_or_has_no_base_is_told(pair: tuple[Path, Path, Any]) -> None:
    base, adapter, _ = pair
    with pytest.raises(ModelError, match=r"no adapter_config\.json here"):
        merged(base)
    file = adapter / "adapter_config.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "base_model_name_or_path": None}))
    with pytest.raises(ModelError, match="names no base model"):
        merged(adapter)
    file.write_text("{")
    with pytest.raises(ModelError, match="cannot be read as JSON"):
        merged(adapter)
    file.write_text(json.dumps({**content, "base_model_name_or_path": "no-such-base"}))
    with pytest.raises(ModelError, match="no model 'no-such-base'"):
        merged(adapter)
