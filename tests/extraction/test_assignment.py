from __future__ import annotations

import subprocess
import sys
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolkit.extraction.assignment import best_pairs, best_total


def exhaustive(weights):
    """Every assignment tried: the best total, and its pairs with the lowest column for row 0, then row 1, ...

    A row without a column counts as having the last one; pairs of weight 0 are no pairs.
    """
    rows, columns = weights.shape
    places = [*range(columns), *[columns] * rows]
    ways = {
        tuple(place if place < columns and weights[row, place] > 0 else columns for row, place in enumerate(way))
        for way in permutations(places, rows)
    }
    totals = {way: sum(weights[row, place] for row, place in enumerate(way) if place < columns) for way in ways}
    best = max(totals.values())
    way = min(way for way, total in totals.items() if total > best - 1e-9)
    return best, [(row, place) for row, place in enumerate(way) if place < columns]


# Few distinct weights make many ties.
weights = st.integers(1, 4).flatmap(
    lambda rows: st.integers(1, 4).flatmap(
        lambda columns: st.lists(
            st.sampled_from([0.0, 0.5, 1.0, 1 / 3, 2 / 3, 2.0]), min_size=rows * columns, max_size=rows * columns
        ).map(lambda values: np.array(values).reshape(rows, columns))
    )
)


@settings(deadline=None)
@given(weights)
def test_the_total_is_that_of_the_best_of_all_assignments(matrix):
    assert best_total(matrix) == pytest.approx(exhaustive(matrix)[0])


@settings(deadline=None)
@given(weights)
def test_the_pairs_are_the_lowest_of_the_best_assignments(matrix):
    assert best_pairs(matrix) == exhaustive(matrix)[1]


def test_a_tie_over_a_longer_circle_is_broken_by_the_lowest_index():
    circle = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    assert best_pairs(circle) == [(0, 1), (1, 2), (2, 0)]


def test_an_item_without_a_partner_does_not_stand_in_the_way_of_a_lower_pairing():
    third, half = 1 / 3, 1 / 2
    matrix = np.array(
        [
            [third, 0, 0, half],
            [2 * third, 0, half, 2 * third],
            [half, 0, 1, 1],
            [0, third, 1, 0],
            [2 * third, 0, 0, 2 * third],
        ]
    )
    assert best_pairs(matrix) == exhaustive(matrix)[1] == [(1, 0), (2, 2), (3, 1), (4, 3)]


def test_identical_items_are_paired_in_order():
    assert best_pairs(np.ones((60, 60))) == [(index, index) for index in range(60)]


def test_scipy_is_imported_only_for_an_assignment_that_is_not_plain_to_see():
    code = """
import sys, numpy as np
from smolkit.extraction.assignment import best_pairs, best_total
plain = np.array([[0.1, 0.9, 0.2], [0.8, 0.1, 0.3], [0.0, 0.0, 0.4]])
best_total(plain), best_pairs(plain), best_total(np.ones((2, 5)))
print("scipy" in sys.modules)
best_total(np.ones((3, 3)))
print("scipy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
