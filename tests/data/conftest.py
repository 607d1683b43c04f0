"""Fixtures of the data tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from smolkit.data.images import ImageLayout

WordLevel = Callable[[Path, Sequence[str], Any], str]


@pytest.fixture(scope="session")
def word_level() -> WordLevel:
    """Write a tokenizer with one id per word, the first for unknown ones: (directory, words, eos token)."""
    return _write


def _write(directory: Path, words: Sequence[str], eos: Any) -> str:
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token=words[0]))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    directory.mkdir(exist_ok=True)
    made.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(json.dumps({"eos_token": eos}))
    return str(directory)


@pytest.fixture(scope="session")
def seeing(bundled: Path) -> PreTrainedTokenizerFast:
    """The bundled tokenizer with the tokens that SmolVLM adds."""
    from smolkit.data.images import MARKERS
    from smolkit.models import load_tokenizer

    tokenizer = load_tokenizer(bundled)
    tokenizer.add_tokens([*MARKERS, "<end_of_utterance>"], special_tokens=True)
    return tokenizer


@pytest.fixture(scope="session")
def processor_of(seeing: PreTrainedTokenizerFast) -> Callable[[ImageLayout], Any]:
    """The processor of transformers that cuts images as a layout does."""
    from transformers import SmolVLMProcessor
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
    from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor

    names = ("size", "max_image_size", "do_image_splitting", "image_mean", "image_std", "resample")

    def build(layout: ImageLayout) -> Any:
        images = SmolVLMImageProcessorPil(**{name: layout.settings[name] for name in names})
        return SmolVLMProcessor(images, seeing, SmolVLMVideoProcessor(), image_seq_len=layout.tokens)

    return build
