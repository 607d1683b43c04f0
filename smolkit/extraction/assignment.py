"""Maximum-weight one-to-one assignment of the items of two lists.

`best_total` is what a score needs. `best_pairs` says which items belong together, for reports; among equally good
assignments it takes the one with the lowest indices, which scipy does not promise. Weights are never negative, and
a pair of weight 0 is no pair. scipy is imported only where the answer is not plain to see.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]

_SAME = 1e-9
"""Totals closer than this are a tie."""


def best_total(weights: Weights) -> float:
    """The greatest total weight of pairs that share no row and no column. `weights`: (rows, columns), all >= 0."""
    if weights.shape[0] > weights.shape[1]:
        weights = weights.T
    if _row_maxima(weights) is not None:
        return float(weights.max(axis=1).sum())
    if len(weights) == 2:
        sums = weights[0][:, None] + weights[1]
        np.fill_diagonal(sums, 0.0)
        return float(sums.max())
    from scipy.optimize import linear_sum_assignment

    return float(weights[linear_sum_assignment(weights, maximize=True)].sum())


def best_pairs(weights: Weights) -> list[tuple[int, int]]:
    """The pairs (row, column) of an assignment of the greatest total, in the order of the rows.

    Ties: row 0 gets the lowest column that an optimum can give it, then row 1, and so on; no column comes last.
    """
    tall = weights.shape[0] > weights.shape[1]
    pairs = _row_maxima(weights.T if tall else weights)
    if pairs is None:
        return _lowest_optimum(weights)
    return sorted((row, column) for column, row in pairs) if tall else pairs


def _row_maxima(weights: Weights) -> list[tuple[int, int]] | None:
    """Each row with its lowest best column, where no two rows want the same: nothing can be better."""
    columns = weights.argmax(axis=1).tolist()
    pairs = [(row, column) for row, column in enumerate(columns) if weights[row, column] > 0]
    return pairs if len({column for _, column in pairs}) == len(pairs) else None


def _lowest_optimum(weights: Weights) -> list[tuple[int, int]]:
    """Start from any optimum and walk row by row to the lowest one, along exchanges that cost nothing."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = weights.shape
    square = np.zeros((max(rows, columns),) * 2)
    square[:rows, :columns] = weights
    _, column = linear_sum_assignment(square, maximize=True)
    tight = _edges_of_optima(square, column)
    may_trade = np.ones(len(square), dtype=bool)
    for row in range(rows):
        may_trade[row] = False
        targets = np.flatnonzero(tight[row] & (square[row] > 0))
        if square[row, column[row]] > 0:
            targets = targets[targets < column[row]]
        if len(targets):
            _take_lowest(row, targets, tight, column, may_trade)
        if square[row, column[row]] == 0:  # stays without a partner, in whichever column that others leave
            tight[row] &= square[row] == 0
            may_trade[row] = True
    return [(row, int(column[row])) for row in range(rows) if square[row, column[row]] > 0]


def _edges_of_optima(square: Weights, column: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which (row, column) pairs cost nothing against the dual prices of the optimum `column`.

    An assignment is optimal exactly if it uses only these. The price of each row's column is the most that a chain
    of moves ending there gains; at an optimum no circle of moves gains anything, so the prices settle.
    """
    moved = square[:, column]
    gain = moved - moved.diagonal()[:, None]
    price = np.zeros(len(square))
    for _ in range(len(square)):
        raised = (price[:, None] + gain).max(axis=0)
        if (raised <= price + _SAME / 1000).all():
            break
        price = np.maximum(price, raised)
    tight = np.empty(square.shape, dtype=bool)
    tight[:, column] = price - price[:, None] - gain <= _SAME
    return tight


def _take_lowest(
    row: int,
    targets: NDArray[np.intp],
    tight: NDArray[np.bool_],
    column: NDArray[np.intp],
    may_trade: NDArray[np.bool_],
) -> None:
    """Give `row` the first of the `targets` that it can have, other rows trading columns; changes `column` in place.

    Those that can trade are found backwards, from the rows that can take the column that `row` gives up: each is
    noted with the row whose column it takes itself.
    """
    freed = column[row]
    takes_from: dict[int, int | None] = {}
    waiting = may_trade.copy()
    queue: deque[int | None] = deque([None])
    while queue:
        giver = queue.popleft()
        takers = np.flatnonzero(waiting & tight[:, freed if giver is None else column[giver]])
        waiting[takers] = False
        takes_from.update(dict.fromkeys(takers.tolist(), giver))
        queue.extend(takers.tolist())
    owner = np.argsort(column)
    for target in targets:
        giver = int(owner[target])
        if giver not in takes_from:
            continue
        column[row] = target
        while (after := takes_from[giver]) is not None:
            column[giver] = column[after]
            giver = after
        column[giver] = freed
        return
