"""Prices of many American options, each by the rule that its rates call for."""

import math

import numpy as np

from workbench.arrays import BoolArray, FloatArray
from workbench.pricing.american_boundary import guess_boundary, limit_at_expiry, solve_boundary
from workbench.pricing.american_value import PREMIUM_WORKSPACE, european_put, exercise_premium
from workbench.pricing.kernels import compiled

# Which rule a put follows, from its rates alone.
NEVER, ONE_BOUNDARY, TWO_BOUNDARIES = 0, 1, 2


@compiled
def regime(rate: float, dividend_yield: float) -> int:
    """Return whether a put is never exercised early, below one boundary, or between two."""
    if rate > 0.0 or (rate == 0.0 and dividend_yield < 0.0):
        return ONE_BOUNDARY
    return TWO_BOUNDARIES if dividend_yield < rate else NEVER


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
    coarse: tuple[FloatArray, ...],
    middle: tuple[FloatArray, ...],
    fine: tuple[FloatArray, ...],
    accurate: bool,
    h: FloatArray,
    work: FloatArray,
) -> float:
    european = european_put(spot, years, volatility, rate, dividend_yield)
    intrinsic = 1.0 - spot
    tables = middle if accurate else coarse
    n = tables[0].size
    guess_boundary(years, volatility, rate, dividend_yield, tables[0], h[:n])
    solve_boundary(years, volatility, rate, dividend_yield, tables, h[:n], work, 8, 1e-5 if accurate else 1e-3)
    if log_ratio(spot, rate, dividend_yield) + h[n - 1] <= 0.0:
        return intrinsic
    premium = exercise_premium(spot, years, volatility, rate, dividend_yield, tables, h[:n], work)
    return max(european + max(premium, 0.0), intrinsic)


@compiled
def log_ratio(spot: float, rate: float, dividend_yield: float) -> float:
    return math.log(spot / limit_at_expiry(rate, dividend_yield))


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
    coarse: tuple[FloatArray, ...],
    middle: tuple[FloatArray, ...],
    fine: tuple[FloatArray, ...],
    out: FloatArray,
) -> None:
    """Price rows `start` to `stop`; a call is the put with spot and strike, rate and yield exchanged."""
    work = np.zeros(PREMIUM_WORKSPACE)
    h = np.empty(64)
    for i in range(start, stop):
        if is_call[i]:
            scale, moneyness, r, q = spot[i], strike[i] / spot[i], dividend_yield[i], rate[i]
        else:
            scale, moneyness, r, q = strike[i], spot[i] / strike[i], rate[i], dividend_yield[i]
        t, v = years[i], volatility[i]
        if math.isnan(moneyness + t + v + r + q):
            out[i] = math.nan
        elif v * math.sqrt(t) < 1e-12:
            out[i] = scale * certain_put(moneyness, t, r, q)
        else:
            kind = regime(r, q)
            if kind == NEVER:
                out[i] = scale * european_put(moneyness, t, v, r, q)
            else:
                out[i] = scale * one_boundary_put(
                    moneyness, t, v, r, q, coarse, middle, fine, accurate, h, work
                )
