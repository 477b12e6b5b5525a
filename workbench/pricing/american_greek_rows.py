"""Price and Greeks of many American options, each from one solution of its boundary."""

import math

import numpy as np
from numpy.typing import NDArray

from workbench.arrays import BoolArray, FloatArray
from workbench.pricing.american_boundary import guess_boundary, limit_at_expiry, solve_boundary
from workbench.pricing.american_double_rows import two_boundary_put
from workbench.pricing.american_greek_terms import (
    DELTA,
    GAMMA,
    GREEKS_WORKSPACE,
    PHI,
    PRICE,
    RESULTS,
    RHO,
    THETA,
    VANNA,
    VEGA,
    european_terms,
    premium_terms,
)
from workbench.pricing.american_rows import (
    CERTAIN,
    NEVER,
    ONE_BOUNDARY,
    QUICK_UP_TO,
    TWO_BOUNDARIES,
    USUAL_UP_TO,
    as_put,
    difficulty,
    row_kind,
)
from workbench.pricing.american_slopes import boundary_slopes
from workbench.pricing.kernels import compiled

VOMMA = RESULTS
ROWS = RESULTS + 1
_STEPS = 24
_TOLERANCE = 1e-4  # of the last step; what is left is its square
_NUDGE = 1e-3  # of the volatility, for vomma
# For two boundaries every parameter is moved and the boundaries are followed again.
_MOVE = 2e-3


@compiled
def one_boundary_terms(
    spot: float,
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    tables: tuple[FloatArray, ...],
    h: FloatArray,
    work: FloatArray,
    results: FloatArray,
) -> None:
    """Fill price and Greeks but vomma of a put with one boundary, which is sought from `h`."""
    solve_boundary(years, volatility, rate, dividend_yield, tables, h, work, _STEPS, _TOLERANCE)
    n = tables[3].shape[0]
    if math.log(spot / limit_at_expiry(rate, dividend_yield)) + h[n - 1] <= 0.0:
        exercised_terms(spot, results)
        return
    boundary_slopes(years, volatility, rate, dividend_yield, tables, h, work)
    european_terms(spot, years, volatility, rate, dividend_yield, results)
    premium_terms(spot, years, volatility, rate, dividend_yield, tables, h, work, results)
    results[PRICE] = max(results[PRICE], 1.0 - spot)
    theta_from_equation(spot, volatility, rate, dividend_yield, results)


@compiled
def exercised_terms(spot: float, results: FloatArray) -> None:
    """Fill the terms of a put that is exercised now."""
    results[:] = 0.0
    results[PRICE] = 1.0 - spot
    results[DELTA] = -1.0


@compiled
def theta_from_equation(
    spot: float, volatility: float, rate: float, dividend_yield: float, results: FloatArray
) -> None:
    """Fill theta from the differential equation that holds while the put is kept."""
    curve = 0.5 * (volatility * spot) ** 2 * results[GAMMA]
    results[THETA] = rate * results[PRICE] - (rate - dividend_yield) * spot * results[DELTA] - curve


@compiled
def two_boundary_terms(
    spot: float,
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    tables: tuple[FloatArray, ...],
    middle: FloatArray,
    square: FloatArray,
    work: FloatArray,
    results: FloatArray,
) -> None:
    """Fill price and Greeks of a put with two boundaries; those by a parameter are central differences."""
    here, up, down = np.empty(3), np.empty(3), np.empty(3)
    results[:] = 0.0
    exercised = two_boundary_put(
        spot, years, volatility, rate, dividend_yield, tables, middle, square, work, here
    )
    results[PRICE], results[DELTA], results[GAMMA] = here[0], here[1], here[2]
    if exercised:
        return
    theta_from_equation(spot, volatility, rate, dividend_yield, results)
    e = 5.0 * _MOVE * volatility
    two_boundary_put(spot, years, volatility + e, rate, dividend_yield, tables, middle, square, work, up)
    two_boundary_put(spot, years, volatility - e, rate, dividend_yield, tables, middle, square, work, down)
    results[VEGA], results[VANNA] = (up[0] - down[0]) / (2.0 * e), (up[1] - down[1]) / (2.0 * e)
    results[VOMMA] = (up[0] - 2.0 * here[0] + down[0]) / (e * e)
    # Both boundaries go by the share that the rate has of the yield, so a move is small beside either.
    e = min(_MOVE, 0.05 * (rate - dividend_yield), -0.05 * rate)
    two_boundary_put(spot, years, volatility, rate + e, dividend_yield, tables, middle, square, work, up)
    two_boundary_put(spot, years, volatility, rate - e, dividend_yield, tables, middle, square, work, down)
    results[RHO] = (up[0] - down[0]) / (2.0 * e)
    e = min(_MOVE, 0.05 * (rate - dividend_yield))
    two_boundary_put(spot, years, volatility, rate, dividend_yield + e, tables, middle, square, work, up)
    two_boundary_put(spot, years, volatility, rate, dividend_yield - e, tables, middle, square, work, down)
    results[PHI] = (up[0] - down[0]) / (2.0 * e)


@compiled
def certain_terms(spot: float, years: float, rate: float, dividend_yield: float, results: FloatArray) -> None:
    """Fill the limits without time or volatility: the best exercise time is known, and stays the best."""
    results[:] = 0.0
    best = max(1.0 - spot, 0.0)
    time = 0.0
    at_expiry = math.exp(-rate * years) - spot * math.exp(-dividend_yield * years)
    if at_expiry > best:
        best, time = at_expiry, years
    inner = False
    if rate != dividend_yield and rate * dividend_yield > 0.0:
        between = math.log(rate / (dividend_yield * spot)) / (rate - dividend_yield)
        if 0.0 < between < years:
            value = math.exp(-rate * between) - spot * math.exp(-dividend_yield * between)
            if value > best:
                best, time, inner = value, between, True
    results[PRICE] = best
    if best > 0.0:
        strike_part, share = math.exp(-rate * time), math.exp(-dividend_yield * time)
        results[DELTA] = -share
        results[RHO] = -time * strike_part
        results[PHI] = time * spot * share
        if inner:
            results[GAMMA] = -dividend_yield * share / (spot * (rate - dividend_yield))
        elif time > 0.0:
            results[THETA] = rate * strike_part - dividend_yield * spot * share
    elif spot == 1.0:
        results[DELTA] = -0.5
        results[GAMMA] = math.inf


@compiled
def greek_chunk(
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
    double: tuple[FloatArray, ...],
    with_vomma: bool,
    kinds: NDArray[np.int64],
    out: FloatArray,
) -> None:
    """Fill price and Greeks of rows `start` to `stop`, and what kind each is; European rows are left."""
    work = np.zeros(GREEKS_WORKSPACE)
    h = np.full(64, 0.1)
    steps = double[2].shape[0] - 1
    middle, square = np.zeros(steps + 4), np.zeros(steps + 4)
    results, moved = np.zeros(ROWS), np.zeros(ROWS)
    for i in range(start, stop):
        scale, moneyness, r, q = as_put(spot[i], strike[i], rate[i], dividend_yield[i], is_call[i])
        t, v = years[i], volatility[i]
        kind = row_kind(moneyness, t, v, r, q)
        kinds[i] = kind
        results[:] = 0.0
        if kind == NEVER:
            continue
        if kind == CERTAIN:
            certain_terms(moneyness, t, r, q, results)
        elif kind == ONE_BOUNDARY:
            hard = difficulty(t, v, r, q)
            tables = fine if hard > USUAL_UP_TO else usual
            if not accurate and hard < QUICK_UP_TO:
                tables = quick
            guess_boundary(t, v, r, q, tables[0], h)
            one_boundary_terms(moneyness, t, v, r, q, tables, h, work, results)
            if with_vomma and results[GAMMA] != 0.0:
                e = _NUDGE * v
                one_boundary_terms(moneyness, t, v + e, r, q, tables, h, work, moved)
                above = moved[VEGA]
                one_boundary_terms(moneyness, t, v - e, r, q, tables, h, work, moved)
                results[VOMMA] = (above - moved[VEGA]) / (2.0 * e)
        elif kind == TWO_BOUNDARIES:
            two_boundary_terms(moneyness, t, v, r, q, double, middle, square, work, results)
        else:
            results[:] = math.nan
        at_intrinsic = results[PRICE] == 1.0 - moneyness
        exchange(is_call[i], scale, moneyness, results)
        if at_intrinsic:
            # A difference of the caller's own numbers, to the last digit.
            results[PRICE] = abs(spot[i] - strike[i])
        for k in range(ROWS):
            out[k, i] = results[k]


@compiled
def exchange(is_call: bool, scale: float, moneyness: float, results: FloatArray) -> None:
    """Turn the terms of the put on a strike of 1 into those of the option."""
    price, delta, gamma, vanna = results[PRICE], results[DELTA], results[GAMMA], results[VANNA]
    vega, rho, phi = results[VEGA], results[RHO], results[PHI]
    if is_call:
        # The spot is the other's strike: what it does follows from both being homogeneous.
        results[DELTA] = price - moneyness * delta
        results[GAMMA] = moneyness * moneyness * gamma / scale
        results[VANNA] = vega - moneyness * vanna
        results[RHO], results[PHI] = phi * scale, rho * scale
    else:
        results[GAMMA] = gamma / scale
        results[RHO], results[PHI] = rho * scale, phi * scale
    results[PRICE], results[VEGA] = price * scale, vega * scale
    results[THETA] *= scale
    results[VOMMA] *= scale
