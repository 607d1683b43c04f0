"""Cells: the text stays, the number in it is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolkit.apps.results import Cell, parse_cell


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("12,345", 12345, ""),
        ("0.846", 0.846, ""),
        ("1.5e-6", 1.5e-6, ""),
        ("2e-11", 2e-11, ""),
        ("-3.5", -3.5, ""),
        ("−3", -3, ""),
        ("98.3 %", 98.3, "%"),
        ("31%", 31, "%"),
        ("731 tokens/s", 731, "tokens/s"),
        ("270MB", 270, "MB"),
        ("1.6x", 1.6, "x"),
        ("9.83M", 9.83e6, ""),
        ("1.7B", 1.7e9, ""),
        ("9 min 17 s", 557, "s"),
        ("1 h 2 min", 3720, "s"),
    ],
)
def test_a_number_keeps_its_text_and_unit(text: str, value: float, unit: str) -> None:
    cell = parse_cell(text)
    assert (cell.text, cell.unit) == (text, unit)
    assert cell.value == cell.order == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "value", "interval"),
    [
        ("0.913 (0.873 to 0.947)", 0.913, (0.873, 0.947)),
        ("0.844 (95 % interval 0.822 to 0.866)", 0.844, (0.822, 0.866)),
        ("0.9 [0.8, 1.0]", 0.9, (0.8, 1.0)),
        ("0.75 ± 0.25", 0.75, (0.5, 1.0)),
        ("98 % (97 % to 99 %)", 98, (97, 99)),
    ],
)
def test_an_interval_stands_beside_its_value(text: str, value: float, interval: tuple[float, float]) -> None:
    assert (parse_cell(text).value, parse_cell(text).interval) == (value, interval)
    assert parse_cell(text).text == text


@pytest.mark.parametrize(
    ("text", "order"),
    [("0.769 to 0.809", 0.769), ("11.3 to 6.78", 11.3), ("0.8–0.9", 0.8), ("6.65, 7.13", 6.65), ("< 0.01", 0.01)],
)
def test_what_is_not_one_number_sorts_by_its_first_and_has_no_value(text: str, order: float) -> None:
    assert (parse_cell(text).order, parse_cell(text).value) == (order, None)


@pytest.mark.parametrize(
    "text",
    ["q4_0", "4 x 512", "3 of 5", "0.5.13", "12,50", "1,90,000", "198 s, 731 tokens/s", "anls_star 12,729",
     "24 November 2026", "1e999", "392 receipts, 1.8 passes", "2026-11-27", "nan", "inf"],
)  # fmt: skip
def test_text_stays_text(text: str) -> None:
    assert parse_cell(text) == Cell(text)


@pytest.mark.parametrize("text", ["", " ", "–", "—", "-", "n/a"])
def test_a_dash_is_a_blank(text: str) -> None:
    assert parse_cell(text) == Cell("")


@given(st.text(max_size=40))
def test_any_text_is_a_cell_with_its_words(text: str) -> None:
    cell = parse_cell(text)
    assert cell.text in ("", " ".join(text.split()))


@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15).filter(lambda x: abs(x) > 1e-9)
)
def test_a_number_that_python_writes_is_read_back(number: float) -> None:
    assert parse_cell(repr(number)).value == number
    assert parse_cell(f"{number:,.3f}").value == float(f"{number:.3f}")
