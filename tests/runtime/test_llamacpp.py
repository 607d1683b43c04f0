from __future__ import annotations

from pathlib import Path

import pytest

from smolkit.errors import ModelError
from smolkit.extraction.template import Template
from smolkit.models import bundled_gguf
from smolkit.runtime import default_runtime, open_extractor
from smolkit.runtime.extractor import Request

pytest.importorskip("llama_cpp")


def test_documents_side_by_side_get_the_answers_they_get_alone() -> None:
    template = Template.parse({"brand": "", "price": "verbatim-string"})
    texts = ["Sony WH-1000 for $299", "Bose QC45, 249 euros, black", "Orsay mixer at 349,90 €"]
    with open_extractor("bundled", runtime="llama.cpp") as extractor:
        alone = [extractor.extract(text, template, max_new_tokens=32) for text in texts]
        together = list(extractor.extract_many([Request(text, template) for text in texts], max_new_tokens=32))
    for text, one, other in zip(texts, alone, together, strict=True):
        assert one.output is not None
        assert list(one.output) == ["brand", "price"]
        assert one.output["price"] is None or one.output["price"] in text
        assert other.output is not None
    assert [one.raw for one in alone] == [other.raw for other in together]


def test_a_gguf_file_runs_in_llama_cpp_by_default(tmp_path: Path) -> None:
    assert default_runtime(bundled_gguf()) == "llama.cpp"
    (tmp_path / "model-q8_0.gguf").touch()
    assert default_runtime(tmp_path) == "llama.cpp"
    assert default_runtime("bundled") == "torch"


def test_a_truncated_file_is_one_line(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(bundled_gguf().read_bytes()[:100_000])
    with pytest.raises(ModelError, match="llama.cpp cannot load this file") as caught:
        open_extractor(cut)
    assert "\n" not in str(caught.value)


def test_a_directory_without_a_gguf_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Write one: smolkit export"):
        open_extractor(tmp_path, runtime="llama.cpp")
