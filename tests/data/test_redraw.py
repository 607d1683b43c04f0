from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest

from smolkit.data.redraw import redraw
from smolkit.data.rows import Row, validate_rows
from smolkit.data.synth import generate

RECEIPT = "KEDAI 99\nDATE: 26-03-18 15:25\nTEA 2 x 4.50 9.00\nTOTAL 31.40\nCASH 31.40\nREF 31.405"


def _row(output: dict[str, Any], template: dict[str, Any], text: str = RECEIPT) -> Row:
    (row,) = validate_rows([{"text": text, "template": template, "output": output}])
    return row


def _redrawn(output: dict[str, Any], template: dict[str, Any] | None = None, text: str = RECEIPT, seed: int = 0) -> Row:
    return redraw(_row(output, template or dict.fromkeys(output, ""), text), Random(seed))


def test_a_value_changes_wherever_it_stands_and_nowhere_else() -> None:
    row = _redrawn({"total": "31.40"})
    assert row.output is not None
    total = row.output["total"]
    assert re.fullmatch(r"[1-9]{2}\.[1-9]0", total)
    assert total != "31.40"
    assert row.text == RECEIPT.replace("TOTAL 31.40", f"TOTAL {total}").replace("CASH 31.40", f"CASH {total}")


def test_a_date_becomes_a_date_in_many_notations() -> None:
    seen = set()
    for seed in range(60):
        row = _redrawn({"date": "26-03-18"}, seed=seed)
        assert row.output is not None
        assert f"DATE: {row.output['date']} 15:25" in row.text
        seen.add(re.sub(r"[A-Za-z]+", "M", re.sub(r"\d", "9", row.output["date"])))
    assert {"99/99/9999", "99-99-99", "99999999", "99 M 9999"} <= seen


def test_the_same_generator_gives_the_same_row() -> None:
    assert _redrawn({"total": "31.40"}, seed=4) == _redrawn({"total": "31.40"}, seed=4)
    assert _redrawn({"total": "31.40"}, seed=4) != _redrawn({"total": "31.40"}, seed=5)


@pytest.mark.parametrize(
    ("output", "template"),
    [
        ({"total": "31.40", "amount": 31.4}, {"total": "verbatim-string", "amount": "number"}),
        ({"day": "26-03-18", "iso": "2018-03-26"}, {"day": "verbatim-string", "iso": "date"}),
        ({"day": "26-03-18", "written": "the 26th of month 3"}, {"day": "", "written": ""}),
        ({"sum": "RM 31,4", "total": "31.40"}, {"sum": "", "total": ""}),
        ({"kind": "31", "total": "31.40"}, {"kind": ["30", "31"], "total": "verbatim-string"}),
    ],
    ids=["number", "date", "date in words", "other notation", "choice"],
)
def test_a_figure_of_another_value_stays(output: dict[str, Any], template: dict[str, Any]) -> None:
    row = _row(output, template)
    assert redraw(row, Random(0)) is row


def test_one_figure_in_common_with_an_untyped_value_keeps_nothing() -> None:
    row = _redrawn({"address": "31 Jalan 99", "total": "31.40"})
    assert row.output is not None
    assert row.output["address"] == "31 Jalan 99"
    assert row.output["total"] != "31.40"


@pytest.mark.parametrize("output", [{"shop": "KEDAI"}, {"count": "2"}, {"total": "31.4"}, {"total": None}])
def test_a_row_without_figures_to_redraw_comes_back(output: dict[str, Any]) -> None:
    row = _row(output, dict.fromkeys(output, ""))
    assert redraw(row, Random(0)) is row


def test_a_part_of_a_redrawn_value_agrees_with_it_or_the_row_stays() -> None:
    for seed in range(20):
        row = _redrawn({"date": "26-03-18", "year": "18"}, seed=seed)
        assert row.output is not None
        assert row.output["date"] in row.text
        assert re.search(rf"\b{row.output['year']}\b", row.text)


def test_generated_rows_still_hold_their_values() -> None:
    rows = validate_rows(list(generate(120, seed=3, level="plain")))
    changed = 0
    for number, row in enumerate(rows):
        other = redraw(row, Random(number))
        changed += other is not row
        assert row.output is not None
        assert other.output is not None
        for key, value in row.output.items():
            if isinstance(value, str) and value in row.text:
                assert other.output[key] in other.text, key
    assert changed > 60
