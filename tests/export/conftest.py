"""Fixtures for exports: a tiny random Llama that needs every part of the layout, and the bundled model loaded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

pytest.importorskip("gguf", reason="pip install 'smolkit[gguf]'")
pytest.importorskip("llama_cpp", reason="pip install 'smolkit[gguf]'")

MakeModel = Callable[..., Path]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """torch and llama.cpp on one thread: theirs wait for each other by spinning, which is slow on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def make_model(tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """Writes a random Llama of two layers, untied, four query heads on two key and value heads, with manifest."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from smolkit.manifest import Manifest, write
    from smolkit.models import save_model

    def make(*, prompt_format: str | None = None, name: str = "tiny", **changes: Any) -> Path:
        torch.manual_seed(0)
        config = LlamaConfig(
            **{
                "vocab_size": len(tokenizer),
                "hidden_size": 64,
                "intermediate_size": 160,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_key_value_heads": 2,
                "max_position_embeddings": 1024,
                "rope_parameters": {"rope_type": "default", "rope_theta": 100_000.0},
                "tie_word_embeddings": False,
                "initializer_range": 0.1,  # large enough for attention to look somewhere
                **changes,
            }
        )
        directory = tmp_path_factory.mktemp("models") / name
        directory.mkdir()
        save_model(LlamaForCausalLM(config), tokenizer, directory)
        write(directory, Manifest(kind="model", prompt_format=prompt_format))
        return directory

    return make


@pytest.fixture(scope="session")
def tiny(make_model: MakeModel) -> Path:
    """The tiny model, with the prompt format smolkit-1."""
    return make_model(prompt_format="smolkit-1")


@pytest.fixture(scope="session")
def bundled_model(bundled: Path) -> PreTrainedModel:
    """The bundled model in float32."""
    import torch

    from smolkit.models import load_model

    return load_model(bundled, dtype=torch.float32)
