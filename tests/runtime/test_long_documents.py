from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from smolkit.extraction.spans import collapse
from smolkit.extraction.template import Template
from smolkit.extraction.windows import fitting
from smolkit.runtime.extractor import Request

if TYPE_CHECKING:
    from smolkit.runtime.extractor import Extractor

TEXT = "\n".join(f"🍰 item{number}:  costs {number}.50 €" for number in range(150))
WINDOWS = {"window": 400, "overlap": 64, "max_new_tokens": 40}


def test_spans_of_a_windowed_document_point_at_its_characters(tiny: Extractor) -> None:
    answer = tiny.extract(TEXT, Template.parse({"a": "", "b": ""}), verbatim=True, **WINDOWS)
    assert answer.windows > 2
    assert answer.output is not None
    assert answer.spans, "the noise copied nothing, so this test shows nothing"
    assert list(answer.spans) == [path for path, value in answer.output.items() if value is not None]
    for path, (start, end) in answer.spans.items():
        assert collapse(TEXT[start:end]).text == answer.output[path]


def test_an_iban_with_wrong_check_digits_does_not_end_a_windowed_run(tiny: Extractor) -> None:
    template = Template.parse({"k": "iban", "w": "verbatim-string"})
    assert template.problems(json.loads(tiny.extract("short", template, **WINDOWS).raw)), "no misfit to survive"
    first, second = tiny.extract_many([Request(TEXT, template), Request("short", template)], **WINDOWS)
    assert first.windows > 2
    assert first.output is not None
    assert template.problems(first.output) == []
    assert second.windows == 1


@pytest.mark.parametrize("output", [None, [], "text", {"l": "text", "o": [1], "e": "x", "n": True, "i": 7}])
def test_what_does_not_fit_is_left_out(output: object) -> None:
    template = Template.parse({"l": [""], "o": {"a": ""}, "e": [["x", "y"]], "n": "number", "i": "iban"})
    assert fitting(template, output) == {"l": [], "o": {"a": None}, "e": [], "n": None, "i": None}


def test_what_fits_beside_a_misfit_stays() -> None:
    template = Template.parse({"rows": [{"i": "iban", "name": ""}], "e": [["x", "y"]]})
    output = {"rows": [{"i": "DE00", "name": "Ann"}, {"i": "DE89370400440532013000"}], "e": ["y", "z", "y", "x", {}]}
    assert fitting(template, output) == {
        "rows": [{"i": None, "name": "Ann"}, {"i": "DE89370400440532013000", "name": None}],
        "e": ["y", "x"],
    }
