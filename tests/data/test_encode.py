"""Text to ids by the tokenizer file: what ends documents, and that no text can."""

from __future__ import annotations

import numpy as np
import pytest

from smolkit.data.encode import open_encoder
from smolkit.errors import DataError, ModelError


@pytest.fixture(scope="module")
def encoder(bundled):
    return open_encoder(str(bundled))


def test_ids_are_those_of_the_model_and_an_end_token(encoder, tokenizer):
    texts = ["Hello, world", "def f():\n    return 10", " ", "é🙂"]
    for text, ids in zip(texts, encoder.encode(texts), strict=True):
        assert ids.tolist() == [*tokenizer(text)["input_ids"], 0]
        assert ids.dtype == np.dtype("<u2")
    assert (encoder.end.token, encoder.vocab_size) == ("<|endoftext|>", 49152)


def test_special_tokens_in_a_text_are_letters(encoder):
    text = "A<|endoftext|>B<|im_start|>user"
    (ids,) = encoder.encode([text])
    assert ids.tolist().count(0) == 1
    assert ids.min(initial=99, where=np.arange(len(ids)) < len(ids) - 1) >= 17  # special tokens come first
    assert encoder.decode(ids[:-1]) == text


def test_what_ends_a_document_is_chosen(bundled):
    assert open_encoder(str(bundled), "none").end is None
    assert open_encoder(str(bundled), "<|im_end|>").end.id == 2
    with pytest.raises(DataError, match=r"'<\|endoftxt\|>' is no token of its vocabulary\. Did you mean '<\|endoftext"):
        open_encoder(str(bundled), "<|endoftxt|>")


def test_other_tokenizers_end_documents_with_their_eos_token(tmp_path, word_level):
    model = word_level(tmp_path / "m", ["unk", "a", "b", "end"], {"content": "end"})
    assert open_encoder(model).encode(["a b"])[0].tolist() == [1, 2, 3]
    model = word_level(tmp_path / "n", ["unk", "a"], None)
    with pytest.raises(DataError, match=r"no token for the end of a document\. Name one with --end-of-document"):
        open_encoder(model)


def test_a_model_without_a_tokenizer_file_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        open_encoder(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"the tokenizer cannot be read"):
        open_encoder(str(tmp_path))
