from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smolkit.manifest import read
from smolkit.models import bundled_gguf

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

HARD = (
    "KUALA LUMPUR \n 5210",
    "Total 1.580,22 € le 03/11/2024",
    "naïve café — Übergröße",
    "emoji 🍰🇫🇷 and 漢字",
    "def f(x):\n    return x ** 2  # 100%",
    "  leading, trailing  \n\n7",
)


@pytest.mark.parametrize("text", HARD)
def test_the_tokenizer_cuts_as_llama_cpp_does(text: str, tokenizer: PreTrainedTokenizerFast) -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    llama = llama_cpp.Llama(str(bundled_gguf()), vocab_only=True, verbose=False)
    theirs = llama.tokenize(text.encode(), add_bos=False, special=False)
    llama.close()
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == theirs


def test_the_dequantised_directory_says_what_it_is(bundled: Path) -> None:
    manifest = read(bundled, verify=False)
    assert manifest.kind == "model"
    assert manifest.sources[0].role == "gguf"
    config = json.loads((bundled / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 100_000.0
    assert config["eos_token_id"] == json.loads((bundled / "generation_config.json").read_text())["eos_token_id"] == 2
