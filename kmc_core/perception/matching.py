"""The assignment of least total cost: which of several found things is which of the known ones."""

import math
from collections.abc import Sequence


def least_cost(cost: Sequence[Sequence[float]], alone: float) -> list[int | None]:
    """Columns for the rows of a cost table so that no column is used twice and the total is least.

    A row may stay without a column, which costs `alone`; an infinite cost is never taken. Each row in turn
    makes its place along the cheapest path of changes (Jonker and Volgenant 1987, doi 10.1007/BF02278710),
    so R rows and C columns take a time of R^2 (R + C).
    """
    rows, columns = len(cost), len(cost[0]) if cost else 0
    table = [[*row, *[alone] * rows] for row in cost]  # more columns: as many rows as want to stay alone
    owner = [-1] * (columns + rows)
    row_price, column_price = [0.0] * rows, [0.0] * (columns + rows)
    for row in range(rows):
        _place(row, table, owner, row_price, column_price)
    chosen: list[int | None] = [None] * rows
    for column, row in enumerate(owner[:columns]):
        if row >= 0:
            chosen[row] = column
    return chosen


def _place(
    new: int,
    table: list[list[float]],
    owner: list[int],
    row_price: list[float],
    column_price: list[float],
) -> None:
    """Give row `new` a column: `owner` and the prices, by which no choice is dearer than another, change."""
    way, before = [math.inf] * len(owner), [-1] * len(owner)  # to each column, and the column before it
    left, passed = list(range(len(owner))), []
    row, column, total = new, -1, 0.0
    while row >= 0:
        for other in left:
            through = total + table[row][other] - row_price[row] - column_price[other]
            if through < way[other]:
                way[other], before[other] = through, column
        column = min(left, key=way.__getitem__)
        left.remove(column)
        passed.append(column)
        row, total = owner[column], way[column]
    row_price[new] += total
    for other in passed[:-1]:
        row_price[owner[other]] += total - way[other]
        column_price[other] -= total - way[other]
    while column >= 0:
        owner[column], column = owner[before[column]] if before[column] >= 0 else new, before[column]
