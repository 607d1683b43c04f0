"""llama.cpp as the gate's candidate: the same numbers at once and token by token, whatever ran before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from smolkit.errors import ModelError
from smolkit.export.llama_candidate import LlamaCandidate
from smolkit.models import bundled_gguf


@pytest.fixture(scope="module")
def candidate(bundled: Path) -> Iterator[LlamaCandidate]:
    opened = LlamaCandidate(bundled_gguf(), tokens=64, threads=1)
    yield opened
    opened.close()


def test_cached_decoding_continues_what_prefill_computed(candidate: LlamaCandidate) -> None:
    ids = candidate.encode("The capital of France is Paris, and that of Italy is Rome.", special=False)
    prompt, continuation = ids[:8], ids[8:]
    at_once = candidate.prefill(ids[:-1])
    assert at_once.shape == (len(ids) - 1, 49_152)
    decoded = candidate.decode(prompt, continuation)
    assert decoded.shape == (len(continuation), 49_152)
    assert np.abs(decoded - at_once[len(prompt) - 1 :]).max() < 2  # eight-bit activations; logits of 20 and more


def test_the_answer_does_not_depend_on_what_was_in_the_cache(candidate: LlamaCandidate) -> None:
    ids = list(range(100, 120))
    candidate.prefill(ids)
    warm = candidate.decode(ids[:10], ids[10:])
    candidate.prefill(list(range(300, 330)))
    cold = candidate.decode(ids[:10], ids[10:])
    assert np.abs(warm - cold).max() < 2
    assert np.array_equal(candidate.prefill(ids), candidate.prefill(ids))


def test_markers_are_tokens_only_where_they_may_be(candidate: LlamaCandidate) -> None:
    assert candidate.encode("<|im_end|>", special=True) == [2]
    assert 2 not in candidate.encode("<|im_end|>", special=False)
    assert candidate.ends(2)
    assert not candidate.ends(100)


def test_a_file_that_llama_cpp_cannot_load_is_named_with_its_reason(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(bundled_gguf().read_bytes()[:5_000_000])
    with pytest.raises(ModelError, match=r"cut\.gguf: llama\.cpp cannot load this file \(.*tensor.*\)"):
        LlamaCandidate(cut, tokens=8, threads=1)
