from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smolkit.data.render import encode_prompt
from smolkit.errors import ModelError
from smolkit.extraction.prompt import get_format
from smolkit.extraction.template import Template
from smolkit.models import bundled_gguf
from smolkit.runtime import default_runtime, open_extractor
from smolkit.runtime.extractor import Extractor, Request
from smolkit.runtime.llamacpp import LlamaCppBackend

pytest.importorskip("llama_cpp")


TEXTS = ("Sony WH-1000 for $299", "Bose QC45, 249 euros, black", "Orsay mixer at 349,90 €")


def test_sequences_side_by_side_keep_to_themselves() -> None:
    """llama.cpp takes other kernels for other batches, so logits are alike and not equal; those of others are far."""
    template = Template.parse({"brand": "", "price": "verbatim-string"})
    backend = LlamaCppBackend.open("bundled")
    prompts = [encode_prompt(get_format("smolkit-1"), template, text, backend.encode) for text in TEXTS]
    alone = [backend.prefill([prompt])[0] for prompt in prompts]
    together = backend.prefill(prompts)
    backend.close()
    for row in range(3):
        own = np.abs(alone[row] - together[row]).max()
        others = min(np.abs(alone[row] - together[other]).max() for other in range(3) if other != row)
        assert own < others / 2


def test_answers_are_held_to_template_and_document() -> None:
    template = Template.parse({"brand": "", "price": "verbatim-string"})
    with open_extractor("bundled", runtime="llama.cpp") as extractor:
        answers = list(extractor.extract_many([Request(text, template) for text in TEXTS], max_new_tokens=32))
    for text, answer in zip(TEXTS, answers, strict=True):
        assert answer.output is not None
        assert list(answer.output) == ["brand", "price"]
        assert answer.output["price"] is None or answer.output["price"] in text


def test_what_the_cache_does_not_hold_at_once_runs_in_several_batches() -> None:
    backend = LlamaCppBackend(bundled_gguf(), context_length=640, cells=640)
    texts = [" ".join(f"{name} has {count} apples." for count in range(30)) for name in ("Ann", "Bob", "Cid")]
    requests = [Request(text, Template.parse({"name": ""})) for text in texts]
    with Extractor(backend) as extractor:
        answers = list(extractor.extract_many(requests, max_new_tokens=8, overlap=16))
    assert sum(answer.prompt_tokens for answer in answers) > 640
    assert [list(answer.output or {}) for answer in answers] == [["name"]] * 3


def test_a_type_of_weights_is_not_for_a_file_that_has_its_own() -> None:
    with pytest.raises(ModelError, match="a GGUF file has its own types, and 'float32' was asked for"):
        open_extractor(bundled_gguf(), runtime="llama.cpp", dtype="float32")


def test_a_gguf_file_runs_in_llama_cpp_by_default(tmp_path: Path) -> None:
    assert default_runtime(bundled_gguf()) == "llama.cpp"
    (tmp_path / "model-q8_0.gguf").touch()
    assert default_runtime(tmp_path) == "llama.cpp"


def test_a_truncated_file_is_one_line(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(bundled_gguf().read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r"llama\.cpp cannot load this file") as caught:
        open_extractor(cut)
    assert "\n" not in str(caught.value)


def test_a_directory_without_a_gguf_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Write one: smolkit export"):
        open_extractor(tmp_path, runtime="llama.cpp")


def test_a_prompt_that_was_interrupted_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = LlamaCppBackend.open("bundled")
    prompt = backend.encode("The quick brown fox jumps over the lazy dog", special=True)
    wanted = backend.prefill([prompt])[0]
    backend.prefill([backend.encode("Else", special=True)])

    def interrupt(entries: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(backend, "_decode", interrupt)
        with pytest.raises(KeyboardInterrupt):
            backend.prefill([prompt])
    assert backend._prefix == []
    found = backend.prefill([prompt])[0]
    backend.close()
    assert int(found.argmax()) == int(wanted.argmax())
