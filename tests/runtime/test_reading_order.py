"""Pieces of text come out as people read them: lines, columns, pages that lie askew, text turned by a right angle."""

from __future__ import annotations

import math
import random

import pytest

from smolkit.runtime.reading_order import Piece, Point, in_reading_order

HEIGHT = 20.0
WIDTH = 0.6 * HEIGHT


def piece(text: str, x: float, y: float, *, askew: float = 0.0, height: float = HEIGHT) -> Piece:
    """A box for the text with its top left at (x, y), on a page turned by `askew` degrees about its corner."""
    cos, sin = math.cos(math.radians(askew)), math.sin(math.radians(askew))
    right, bottom = x + 0.6 * height * len(text), y + height

    def turned(x: float, y: float) -> Point:
        return x * cos - y * sin, x * sin + y * cos

    return Piece(text, (turned(x, y), turned(right, y), turned(right, bottom), turned(x, bottom)))


def receipt(askew: float = 0.0) -> list[Piece]:
    lines = [
        ("RIVERSIDE STATIONERS", None),
        ("Pencil", "1.50"),
        ("Paper A4", "12.00"),
        ("Total", "13.50"),
    ]
    pieces = []
    for row, (left, right) in enumerate(lines):
        pieces.append(piece(left, 40, 40 + 26 * row, askew=askew))
        if right is not None:
            pieces.append(piece(right, 900, 40 + 26 * row + 2, askew=askew))
    return pieces


READ = "RIVERSIDE STATIONERS\nPencil  1.50\nPaper A4  12.00\nTotal  13.50"


@pytest.mark.parametrize("askew", [0, 1, -1, 3, -3])
def test_columns_stay_on_their_lines_however_the_page_lies(askew: float) -> None:
    pieces = receipt(askew)
    random.Random(0).shuffle(pieces)
    assert in_reading_order(pieces) == READ


def test_words_are_joined_by_one_space_and_columns_by_more() -> None:
    pieces = [piece("Paper", 0, 0), piece("A4", 5 * WIDTH + 8, 1), piece("12.00", 400, 0)]
    assert in_reading_order(pieces) == "Paper A4  12.00"


def test_small_print_beside_a_large_price_keeps_its_lines() -> None:
    pieces = [piece("each", 300, 0, height=16), piece("per pack", 300, 40, height=16), piece("9.90", 0, 0, height=56)]
    assert in_reading_order(pieces).splitlines() == ["each", "9.90", "per pack"]


def test_text_turned_by_a_right_angle_is_read_last() -> None:
    up = Piece("DUPLICATE", ((700, 40), (720, 40), (720, 300), (700, 300)))
    assert in_reading_order([up, *receipt()]) == f"{READ}\nDUPLICATE"


def test_nothing_is_read_where_there_is_nothing() -> None:
    assert in_reading_order([]) == ""
    assert in_reading_order([piece("", 0, 0)]) == ""


def test_a_box_without_a_width_does_no_harm() -> None:
    dot = Piece(".", ((0, 0), (0, 0), (0, 4), (0, 4)))
    assert in_reading_order([dot, piece("below", 0, 30)]) == ".\nbelow"
