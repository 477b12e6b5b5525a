"""Prices of many American options, each by the rule that its rates call for."""

import math

import numpy as np

from workbench.arrays import BoolArray, FloatArray
from workbench.pricing.american_boundary import guess_boundary, limit_at_expiry, solve_boundary
from workbench.pricing.american_value import PREMIUM_WORKSPACE, european_put, exercise_premium
from workbench.pricing.kernels import compiled

# Which rule a put follows: the first three from its rates alone.
NEVER, ONE_BOUNDARY, TWO_BOUNDARIES, CERTAIN, MISSING = range(5)
_LEAST_MONEYNESS, _MOST_MONEYNESS = 1e-100, 1e100
_LEAST_RATE = 1e-290  # nearer to zero than this it is zero: its quotients would leave the doubles
_NO_DEVIATION = 1e-12  # of volatility times root of time: less is none

# Difficulties up to which the schemes serve, measured against finer ones on random options.
QUICK_UP_TO, USUAL_UP_TO, _BEND = 4.0, 6.5, 3.0
_STEPS = 8
_TOLERANCE = 1e-3  # of the last step: Newton's method squares it, and the price sees little of that


@compiled
def regime(rate: float, dividend_yield: float) -> int:
    """Return whether a put is never exercised early, below one boundary, or between two."""
    if rate > 0.0 or (rate == 0.0 and dividend_yield < 0.0):
        return ONE_BOUNDARY
    return TWO_BOUNDARIES if dividend_yield < rate else NEVER


@compiled(forceinline=True)
def difficulty(years: float, volatility: float, rate: float, dividend_yield: float) -> float:
    """Return how much the boundary and its integrals ask of a scheme.

    Drift against volatility over the life narrows the integrands; very much volatility bends the boundary.
    """
    drift = max(abs(rate), abs(dividend_yield), abs(rate - dividend_yield))
    root = math.sqrt(years)
    return max(drift * root / volatility, _BEND * volatility * root)


@compiled
def certain_put(spot: float, years: float, rate: float, dividend_yield: float) -> float:
    """Return the put without volatility: the best of all times to exercise, known beforehand."""
    best = max(1.0 - spot, 0.0)
    best = max(best, math.exp(-rate * years) - spot * math.exp(-dividend_yield * years))
    if rate != dividend_yield and rate * dividend_yield > 0.0:
        time = math.log(rate / (dividend_yield * spot)) / (rate - dividend_yield)
        if 0.0 < time < years:
            best = max(best, math.exp(-rate * time) - spot * math.exp(-dividend_yield * time))
    return best


@compiled
def one_boundary_put(
    spot: float,
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    quick: tuple[FloatArray, ...],
    usual: tuple[FloatArray, ...],
    fine: tuple[FloatArray, ...],
    accurate: bool,
    h: FloatArray,
    work: FloatArray,
    solved: FloatArray,
) -> float:
    """Return a put with one boundary, by the scheme that its difficulty and the accuracy call for.

    `h` is the boundary of the option that `solved` names (years, volatility, rate, yield, nodes).
    """
    hard = difficulty(years, volatility, rate, dividend_yield)
    tables = usual
    if not accurate and hard < QUICK_UP_TO:
        tables = quick
    if hard > (USUAL_UP_TO if accurate else 2.5 * USUAL_UP_TO):
        tables = fine
    # Rows that differ in spot or strike alone, as in a grid of spots, have one boundary.
    known = solved[0] == years and solved[1] == volatility and solved[2] == rate
    if known and solved[3] == dividend_yield:
        if solved[4] == fine[3].shape[0]:
            tables = fine
    else:
        tolerance = _TOLERANCE if accurate else 10.0 * _TOLERANCE
        guess_boundary(years, volatility, rate, dividend_yield, tables[0], h)
        change = solve_boundary(years, volatility, rate, dividend_yield, tables, h, work, _STEPS, tolerance)
        if not change < tolerance:
            tables = fine
            guess_boundary(years, volatility, rate, dividend_yield, tables[0], h)
            solve_boundary(years, volatility, rate, dividend_yield, tables, h, work, 3 * _STEPS, tolerance)
        solved[0], solved[1], solved[2], solved[3] = years, volatility, rate, dividend_yield
        solved[4] = tables[3].shape[0]
    n = tables[3].shape[0]
    intrinsic = 1.0 - spot
    if math.log(spot / limit_at_expiry(rate, dividend_yield)) + h[n - 1] <= 0.0:
        return intrinsic
    premium = exercise_premium(spot, years, volatility, rate, dividend_yield, tables, h, work)
    european = european_put(spot, years, volatility, rate, dividend_yield)
    # Nobody pays more than the strike, or what it grows to at a negative rate.
    bound = max(1.0, math.exp(-rate * years))
    return max(min(european + max(premium, 0.0), bound), intrinsic)


@compiled(forceinline=True)
def as_put(
    spot: float, strike: float, rate: float, dividend_yield: float, is_call: bool
) -> tuple[float, float, float, float]:
    """Return scale, moneyness, rate and yield of the put on a strike of 1 that an option is.

    A call is the put with spot and strike, rate and yield exchanged. Moneyness beyond any that matters is
    kept within the reach of doubles; NaN stays.
    """
    if is_call:
        spot, strike, rate, dividend_yield = strike, spot, dividend_yield, rate
    moneyness = spot / strike
    if moneyness < _LEAST_MONEYNESS:
        moneyness = _LEAST_MONEYNESS
    elif moneyness > _MOST_MONEYNESS:
        moneyness = _MOST_MONEYNESS
    if abs(rate) < _LEAST_RATE:
        rate = 0.0
    if abs(dividend_yield) < _LEAST_RATE:
        dividend_yield = 0.0
    return strike, moneyness, rate, dividend_yield


@compiled(forceinline=True)
def row_kind(moneyness: float, years: float, volatility: float, rate: float, dividend_yield: float) -> int:
    """Return which rule a put on a strike of 1 follows."""
    if math.isnan(moneyness + years + volatility + rate + dividend_yield):
        return MISSING
    if volatility * math.sqrt(years) < _NO_DEVIATION:
        return CERTAIN
    return regime(rate, dividend_yield)


@compiled
def price_chunk(
    start: int,
    stop: int,
    spot: FloatArray,
    strike: FloatArray,
    years: FloatArray,
    volatility: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: BoolArray,
    accurate: bool,
    quick: tuple[FloatArray, ...],
    usual: tuple[FloatArray, ...],
    fine: tuple[FloatArray, ...],
    out: FloatArray,
) -> int:
    """Price rows `start` to `stop`; return how many have two boundaries, which are left as they are."""
    work = np.zeros(PREMIUM_WORKSPACE)
    h, solved = np.full(64, 0.1), np.full(5, np.nan)
    left = 0
    for i in range(start, stop):
        scale, moneyness, r, q = as_put(spot[i], strike[i], rate[i], dividend_yield[i], is_call[i])
        t, v = years[i], volatility[i]
        kind = row_kind(moneyness, t, v, r, q)
        if kind == ONE_BOUNDARY:
            price = one_boundary_put(moneyness, t, v, r, q, quick, usual, fine, accurate, h, work, solved)
        elif kind == NEVER:
            price = max(european_put(moneyness, t, v, r, q), 1.0 - moneyness)
        elif kind == CERTAIN:
            price = certain_put(moneyness, t, r, q)
        elif kind == MISSING:
            price = math.nan
        else:
            left += 1
            continue
        # What exercise pays is a difference of the caller's own numbers, to the last digit.
        out[i] = abs(spot[i] - strike[i]) if price == 1.0 - moneyness else scale * price
    return left


@compiled
def two_boundary_rows(
    spot: FloatArray,
    years: FloatArray,
    volatility: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: BoolArray,
    out: BoolArray,
) -> None:
    """Mark the rows that have two boundaries."""
    for i in range(out.size):
        _, moneyness, r, q = as_put(spot[i], 1.0, rate[i], dividend_yield[i], is_call[i])
        out[i] = row_kind(moneyness, years[i], volatility[i], r, q) == TWO_BOUNDARIES
