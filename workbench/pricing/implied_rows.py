"""Whole chains of implied volatilities: vector code for nearly all rows, exact arithmetic for the rest."""

import math

import numpy as np
from numpy.typing import NDArray

from workbench.arrays import FloatArray
from workbench.pricing.european import Rows
from workbench.pricing.european_kernels import TILE, load, load_scalars
from workbench.pricing.implied_exact import (
    ABOVE_BOUND,
    BELOW_INTRINSIC,
    MISSING,
    OK,
    solve_bachelier,
    solve_black,
)
from workbench.pricing.implied_kernels import LEAST_U, exp_and_excess, log_ratio, refine
from workbench.pricing.kernels import compiled, in_chunks, use_widest_vectors

IntArray = NDArray[np.int64]
CodeArray = NDArray[np.int8]

# Where the rows of a packed tile begin: the inputs in order, then the results.
_ROWS = 9
_PRICE, _SPOT, _STRIKE, _YEARS, _RATE, _YIELD, _SIGN, _VOLATILITY, _SOLVED = range(0, _ROWS * TILE, TILE)

_LEAST_SHARE = 2.0**-26  # of time value in a price, below which discounting must be exact
_LEAST_PRICE, _SMALLEST, _LARGEST = 1e-250, 1e-140, 1e140
_MOST_DISCOUNTING = 4.0  # as an exponent: its rounding error is that of the exponential times this
_MOST_CANCELLATION = 64.0
_MOST_ERROR = 8.0  # of the intrinsic value, in half ulps of the price
_CONVERGED = 3e-4


@compiled
def _solve_black_tile(tile: FloatArray) -> None:
    use_widest_vectors()
    for i in range(TILE):
        price, spot, strike, years = tile[_PRICE + i], tile[_SPOT + i], tile[_STRIKE + i], tile[_YEARS + i]
        discounting = tile[_RATE + i] * years
        carry = (tile[_RATE + i] - tile[_YIELD + i]) * years
        log_moneyness = log_ratio(spot, strike)
        moneyness = log_moneyness + carry
        growth, excess = exp_and_excess(moneyness)
        discount, _ = exp_and_excess(-discounting)
        strike_value = strike * discount
        # The forward's value from e^x - 1: a difference of discounted prices loses digits at the money.
        time_value = price - max(tile[_SIGN + i] * strike_value * excess, 0.0)
        normalised = time_value / (strike_value * min(growth, 1.0))
        distance = abs(moneyness)
        s, unrest, u = refine(distance, normalised, 1.0)
        tile[_VOLATILITY + i] = s / math.sqrt(years)
        good = (price > _LEAST_PRICE) & (price < _LARGEST) & (time_value > _LEAST_SHARE * price)
        good &= (spot > _SMALLEST) & (spot < _LARGEST) & (strike > _SMALLEST) & (strike < _LARGEST)
        good &= (years > _SMALLEST) & (years < _LARGEST)
        good &= (abs(discounting) < _MOST_DISCOUNTING) & (distance < 50.0)
        cancelled = abs(log_moneyness) + abs(carry)
        good &= cancelled <= _MOST_CANCELLATION * (distance + s)
        good &= (time_value == price) | (strike_value * cancelled <= _MOST_ERROR * price)
        good &= (unrest < _CONVERGED) & (u > LEAST_U) & (s > 0.0)
        tile[_SOLVED + i] = 1.0 if good else 0.0


@compiled
def _solve_bachelier_tile(tile: FloatArray) -> None:
    use_widest_vectors()
    for i in range(TILE):
        price, forward, strike, years = tile[_PRICE + i], tile[_SPOT + i], tile[_STRIKE + i], tile[_YEARS + i]
        discounting = tile[_RATE + i] * years
        discount, _ = exp_and_excess(-discounting)
        moneyness = forward - strike
        time_value = price - max(tile[_SIGN + i] * moneyness, 0.0) * discount
        distance = abs(moneyness)
        normalised = time_value / discount
        s, unrest, _ = refine(distance, normalised, 0.0)
        tile[_VOLATILITY + i] = s / math.sqrt(years)
        good = (price > _SMALLEST) & (price < _LARGEST) & (time_value > _LEAST_SHARE * price)
        good &= (abs(forward) < _LARGEST) & (abs(strike) < _LARGEST)
        good &= (distance > _SMALLEST) | (distance == 0.0)
        good &= (years > _SMALLEST) & (years < _LARGEST) & (abs(discounting) < _MOST_DISCOUNTING)
        good &= (unrest < _CONVERGED) & (s > 0.0)
        tile[_SOLVED + i] = 1.0 if good else 0.0


@compiled
def _solve_slice(
    start: int, stop: int, inputs: IntArray, is_bachelier: bool, volatility: FloatArray, codes: CodeArray
) -> int:
    """Solve rows start to stop; return how many went the slow way."""
    tile = np.empty(_ROWS * TILE)
    load_scalars(inputs, tile)
    slow = 0
    for first in range(start, stop, TILE):
        count = min(TILE, stop - first)
        load(inputs, first, count, tile)
        if is_bachelier:
            _solve_bachelier_tile(tile)
        else:
            _solve_black_tile(tile)
        for i in range(count):
            volatility[first + i] = tile[_VOLATILITY + i]
            codes[first + i] = OK
        for i in range(count):
            if tile[_SOLVED + i] == 0.0:
                slow += 1
                volatility[first + i], codes[first + i] = _solve_row(tile, i, is_bachelier)
    return slow


@compiled
def _solve_row(tile: FloatArray, i: int, is_bachelier: bool) -> tuple[float, int]:
    """Solve one row of a tile exactly, if it can be solved at all."""
    for row in range(0, _SIGN, TILE):
        if not math.isfinite(tile[row + i]):
            return math.nan, MISSING
    price, spot, strike, years = tile[_PRICE + i], tile[_SPOT + i], tile[_STRIKE + i], tile[_YEARS + i]
    is_call = tile[_SIGN + i] > 0.0
    if is_bachelier:
        volatility, code = solve_bachelier(price, spot, strike, years, tile[_RATE + i], is_call)
    elif spot <= 0.0 or strike <= 0.0:
        return math.nan, MISSING
    else:
        volatility, code = solve_black(price, spot, strike, years, tile[_RATE + i], tile[_YIELD + i], is_call)
    if code == OK and volatility == 0.0:
        return math.nan, BELOW_INTRINSIC  # the smallest double would be too much
    if code == OK and volatility == math.inf:
        return math.nan, ABOVE_BOUND
    return volatility, code


def solve_rows(rows: Rows, *, is_bachelier: bool) -> tuple[FloatArray, CodeArray]:
    """Solve all rows, on several threads where they are many.

    Parameters
    ----------
    rows : Rows
        price, spot, strike, years, rate, dividend_yield and is_call, from `european.gather`.
    is_bachelier : bool
        Bachelier's model; spot is then the forward, and the yield does not count.

    Returns
    -------
    volatility, codes : ndarray of float64 and of int8, of one dimension
        A code is the place of the status in `implied_volatility.STATUSES`.
    """
    volatility, codes = np.empty(rows.size), np.empty(rows.size, np.int8)
    in_chunks(_solve_slice, rows.size, rows.plan, is_bachelier, volatility, codes)
    return volatility, codes
