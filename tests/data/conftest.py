"""Fixtures of the data tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

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
