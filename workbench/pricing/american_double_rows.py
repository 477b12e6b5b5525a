"""Prices of American puts that are exercised between two boundaries; strike 1 throughout."""

import math

import numpy as np

from workbench.arrays import BoolArray, FloatArray
from workbench.pricing.american_double import (
    DENSITY,
    DOUBLE_WORKSPACE,
    LOWER,
    TIME,
    UPPER,
    WEIGHT,
    at_step,
    solve_two_boundaries,
)
from workbench.pricing.american_rows import as_put
from workbench.pricing.american_value import european_put
from workbench.pricing.kernels import compiled, exp, log, normal_cdf


@compiled
def between_boundaries(
    log_spot: float, years: float, horizon: float, last: int, meeting: float, steps: int,
    middle: FloatArray, gap: FloatArray,
) -> bool:  # fmt: skip
    """Say whether a put is exercised now."""
    if last == 0 or math.sqrt(years / horizon) * steps > meeting:
        return False
    place = math.sqrt(years / horizon) * steps
    half = 0.5 * max(at_step(gap, place, last), 0.0)
    return abs(log_spot - at_step(middle, place, last)) <= half


@compiled
def two_boundary_points(
    log_spot: float,
    years: float,
    volatility: float,
    horizon: float,
    last: int,
    meeting: float,
    steps: int,
    middle: FloatArray,
    gap: FloatArray,
    nodes: FloatArray,
    weights: FloatArray,
    work: FloatArray,
) -> None:
    """Fill time to exercise, weight and both boundaries at the points of the premium's integral."""
    reach = min(math.sqrt(years / horizon) * steps, meeting)
    known = horizon * (reach / steps) ** 2
    wait = max(years - known, 0.0)
    half = 0.5 * max(at_step(gap, reach, last), 0.0)
    distance = abs(abs(log_spot - at_step(middle, reach, last)) - half) / volatility
    c = max(0.5 * math.sqrt((distance * distance + wait) / known), 1e-7)
    width = log(1.0 / c + math.sqrt(1.0 + 1.0 / (c * c)))
    for k in range(nodes.size):
        e = math.exp(nodes[k] * width)
        y = 0.5 * c * (e - 1.0 / e)
        slope = 0.5 * c * (e + 1.0 / e) * width * weights[k]
        share = 1.0 / (1.0 + y * y)
        sine, cosine = 2.0 * y * share, (1.0 - y * y) * share
        work[TIME + k] = wait + known * sine * sine
        work[WEIGHT + k] = 4.0 * known * sine * cosine * share * slope
        place = reach * cosine
        middle_there = at_step(middle, place, last)
        half = 0.5 * max(at_step(gap, place, last), 0.0)
        work[UPPER + k], work[LOWER + k] = middle_there + half, middle_there - half


@compiled
def two_boundary_premium(
    log_spot: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    points: int,
    work: FloatArray,
    results: FloatArray,
) -> None:
    """Add to price, delta and gamma what exercise between the boundaries is worth."""
    spot = math.exp(log_spot)
    for k in range(points):
        v = work[TIME + k]
        s = volatility * math.sqrt(v)
        over = 1.0 / s
        shift = log_spot + (rate - dividend_yield) * v
        price = slope = curve = 0.0
        for side in range(2):
            edge = work[UPPER + k] if side == 0 else work[LOWER + k]
            sign = 1.0 if side == 0 else -1.0
            dm = (shift - edge) * over - 0.5 * s
            below_p = dividend_yield * exp(-dividend_yield * v) * normal_cdf(-dm - s)
            kernel = exp(-0.5 * dm * dm - rate * v) * (DENSITY * over)
            paid = dividend_yield * exp(edge) * kernel
            pull = rate * kernel - paid
            price += sign * (rate * exp(-rate * v) * normal_cdf(-dm) - spot * below_p)
            slope -= sign * (pull / spot + below_p)
            curve += sign * (pull * (1.0 + dm * over) + paid)
        w = work[WEIGHT + k]
        results[0] += w * price
        results[1] += w * slope
        results[2] += w * curve / (spot * spot)


@compiled
def two_boundary_put(
    spot: float,
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    tables: tuple[FloatArray, ...],
    middle: FloatArray,
    gap: FloatArray,
    work: FloatArray,
    results: FloatArray,
) -> bool:
    """Fill price, delta and gamma of a put with two boundaries; return whether it is exercised now."""
    sines, weights, starts, stencils, nodes, premium_weights = tables
    steps = starts.shape[0] - 1
    x = math.log(spot)
    horizon, last, meeting = solve_two_boundaries(
        years, volatility, rate, dividend_yield, sines, weights, starts, stencils, middle, gap, work
    )
    if between_boundaries(x, years, horizon, last, meeting, steps, middle, gap):
        results[0], results[1], results[2] = 1.0 - spot, -1.0, 0.0
        return True
    s = volatility * math.sqrt(years)
    dp = (x + (rate - dividend_yield) * years) / s + 0.5 * s
    share = math.exp(-dividend_yield * years)
    results[0] = european_put(spot, years, volatility, rate, dividend_yield)
    results[1] = -share * normal_cdf(-dp)
    results[2] = DENSITY * exp(-0.5 * dp * dp) * share / (spot * s)
    if last > 0:
        two_boundary_points(
            x, years, volatility, horizon, last, meeting, steps, middle, gap, nodes, premium_weights, work
        )
        two_boundary_premium(x, volatility, rate, dividend_yield, nodes.size, work, results)
    results[0] = max(results[0], 1.0 - spot)
    return False


@compiled
def double_chunk(
    start: int,
    stop: int,
    spot: FloatArray,
    strike: FloatArray,
    years: FloatArray,
    volatility: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: BoolArray,
    tables: tuple[FloatArray, ...],
    out: FloatArray,
) -> None:
    """Price rows that all have two boundaries."""
    steps = tables[2].shape[0] - 1
    middle, gap = np.zeros(steps + 4), np.zeros(steps + 4)
    work, results = np.zeros(DOUBLE_WORKSPACE), np.zeros(3)
    for i in range(start, stop):
        scale, moneyness, r, q = as_put(spot[i], strike[i], rate[i], dividend_yield[i], is_call[i])
        two_boundary_put(moneyness, years[i], volatility[i], r, q, tables, middle, gap, work, results)
        out[i] = abs(spot[i] - strike[i]) if results[0] == 1.0 - moneyness else scale * results[0]
