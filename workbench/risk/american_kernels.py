"""The arithmetic of American legs under many moves: their tables, and vector code over scenarios."""

import math

import numpy as np

from workbench.arrays import BoolArray, FloatArray
from workbench.pricing.american_boundary import limit_at_expiry
from workbench.pricing.american_rows import as_put, one_boundary_put
from workbench.pricing.american_value import PREMIUM_WORKSPACE
from workbench.pricing.kernels import compiled, fma, use_widest_vectors
from workbench.risk.revaluation import IntArray
from workbench.risk.revaluation_kernels import LANES, TILE, follow

_POINTS = 6
_FARTHEST = -200.0  # logarithm of a boundary that no spot reaches; also where none can be told


@compiled
def fill_tables(
    start: int, stop: int, spot: FloatArray, strike: FloatArray, years: FloatArray, volatility: FloatArray,
    rate: FloatArray, dividend_yield: FloatArray, is_call: BoolArray, step: FloatArray, lowest: FloatArray,
    highest: FloatArray, starts: IntArray, usual: tuple[FloatArray, ...], fine: tuple[FloatArray, ...],
    polynomials: FloatArray, legs: FloatArray, cells: FloatArray,
) -> None:  # fmt: skip
    """Fill rows `start` to `stop` of `legs` and their `cells`; see `AmericanTables`."""
    work = np.zeros(PREMIUM_WORKSPACE)
    h, solved = np.full(64, 0.1), np.full(5, np.nan)
    for i in range(start, stop):
        sign = -1.0 if is_call[i] else 1.0  # of the moneyness of the put that a call is, by the spot
        s, k, t, v, width = spot[i], strike[i], years[i], volatility[i], step[i]
        _, moneyness, r, q = as_put(s, k, rate[i], dividend_yield[i], is_call[i])
        one_boundary_put(moneyness, t, v, r, q, usual, usual, fine, True, h, work, solved)
        boundary = math.log(limit_at_expiry(r, q)) - h[int(solved[4]) - 1]
        if not boundary > _FARTHEST:
            boundary = _FARTHEST
        here = sign * math.log(s / k)
        least = min(sign * lowest[i], sign * highest[i])
        first = max(math.floor((here + least - boundary) / width), 0)
        begin, count = max(first - 2, 0), starts[i + 1] - starts[i]
        worth = np.empty(count + _POINTS)
        for m in range(max(first + count - 3, 0) - begin + _POINTS):
            moneyness = math.exp(boundary + width * (begin + m))
            put = one_boundary_put(moneyness, t, v, r, q, usual, usual, fine, True, h, work, solved)
            # A call is as many puts as its spot, and that is its strike over their moneyness.
            worth[m] = k * put / moneyness if is_call[i] else k * put
        for cell in range(first, first + count):
            origin = max(cell - 2, 0)
            matrix, row = polynomials[cell - origin], cells[starts[i] + cell - first]
            for power in range(_POINTS):
                total = 0.0
                for m in range(_POINTS):
                    total += matrix[power, m] * worth[origin - begin + m]
                row[power] = total
        legs[i, 0], legs[i, 1], legs[i, 2] = -sign, s, k
        legs[i, 3], legs[i, 4], legs[i, 5] = (here - boundary) / width, sign / width, first


@compiled(forceinline=True)
def _value(
    sign: float, spot: float, strike: float, here: float, slope: float, first: float, last: float,
    begin: int, cells: FloatArray, growth: float, logarithm: float,
) -> float:  # fmt: skip
    """Return the worth of a leg when the spot has grown; the arguments are a row of `AmericanTables`."""
    place = fma(slope, logarithm, here)
    # A missing move takes the first cell, and stays missing in what follows.
    inside = place if place > first else first
    inside = inside if inside < last else last
    cell = int(inside - first)
    share = place - first - cell
    at = begin + cell
    value: float = fma(cells[at, 5], share, cells[at, 4])
    value = fma(value, share, cells[at, 3])
    value = fma(value, share, cells[at, 2])
    value = fma(value, share, cells[at, 1])
    value = fma(value, share, cells[at, 0])
    paid: float = max(sign * fma(spot, growth, -strike), 0.0)
    value = paid if value < paid else value
    return paid if place <= 0.0 else value


@compiled
def unmoved_american_values(
    legs: FloatArray, starts: IntArray, cells: FloatArray, values: FloatArray
) -> None:
    """Fill `values` with the worth of each leg at unchanged spots, to the bit as a move of zero has it."""
    for i in range(legs.shape[0]):
        row, begin = legs[i], starts[i]
        last = row[5] + (starts[i + 1] - begin - 1)
        values[i] = _value(row[0], row[1], row[2], row[3], row[4], row[5], last, begin, cells, 1.0, 0.0)


@compiled
def revalue_american_rows(
    start: int, stop: int, moves: FloatArray, legs: FloatArray, where: IntArray, starts: IntArray,
    cells: FloatArray, now: FloatArray, pnl: FloatArray,
) -> None:  # fmt: skip
    """Add the legs' profits to `pnl` for the scenarios `start` to `stop`; moves by column."""
    use_widest_vectors()
    growth, logarithm, total = np.empty(TILE), np.empty(TILE), np.empty(TILE)
    for first in range(start, stop, TILE):
        count = min(TILE, stop - first)
        width = min(TILE, -(-count // LANES) * LANES)
        total[:] = 0.0
        followed = -1
        for i in range(legs.shape[0]):
            if where[i] != followed:
                followed = where[i]
                follow(moves[followed], first, count, width, growth, logarithm)
            sign, spot, strike, here, slope = legs[i, 0], legs[i, 1], legs[i, 2], legs[i, 3], legs[i, 4]
            lowest, begin, size, before = legs[i, 5], starts[i], legs[i, 6], now[i]
            last = lowest + (starts[i + 1] - begin - 1)
            for j in range(width):
                value = _value(
                    sign, spot, strike, here, slope, lowest, last, begin, cells, growth[j], logarithm[j]
                )
                total[j] += size * (value - before)
        for j in range(count):
            pnl[first + j] += total[j]
