"""Greeks of the early-exercise premium of a put with one boundary, and of the European put; strike 1.

The premium depends on a parameter directly and through the boundary. It is no maximum over boundaries in this
form, so the second part does not vanish: `american_slopes` gives how the boundary moves.
"""

import math

from workbench.arrays import FloatArray
from workbench.pricing.american_boundary import DENSITY, MAX_NODES, SMALLEST, limit_at_expiry
from workbench.pricing.american_slopes import PARAMETERS, SLOPES, SLOPES_WORKSPACE, limit_slope
from workbench.pricing.american_value import (
    COSINE,
    ROW,
    SERIES,
    SINE,
    SQUARE,
    WEIGHT,
    place_points,
    series_of,
)
from workbench.pricing.american_vectors import LANES, polynomial, sum_rows, weighted_rows
from workbench.pricing.kernels import compiled, exp, log, mills_fraction, normal_cdf, use_widest_vectors

# Places of the results.
PRICE, DELTA, GAMMA, VEGA, THETA, RHO, PHI, VANNA = range(8)
RESULTS = 8
_SLOPE_SERIES = SLOPES_WORKSPACE  # three series of 64
_SLOPE = _SLOPE_SERIES + PARAMETERS * 64  # their sums at the points
_OUT = _SLOPE + PARAMETERS * ROW  # what the integrals sum, but theta
GREEKS_WORKSPACE = _OUT + RESULTS * ROW


@compiled
def european_terms(
    spot: float, years: float, volatility: float, rate: float, dividend_yield: float, results: FloatArray
) -> None:
    """Fill price and Greeks of the European put; theta is left to the differential equation."""
    root = math.sqrt(years)
    s = volatility * root
    dp = (log(spot) + (rate - dividend_yield) * years) / s + 0.5 * s
    dm = dp - s
    strike_value, share = math.exp(-rate * years), math.exp(-dividend_yield * years)
    below_m, below_p = normal_cdf(-dm), normal_cdf(-dp)
    density = DENSITY * exp(-0.5 * dp * dp) * share
    results[PRICE] = strike_value * below_m - spot * share * below_p
    results[DELTA] = -share * below_p
    results[GAMMA] = density / (spot * s)
    results[VEGA] = spot * density * root
    results[RHO] = -years * strike_value * below_m
    results[PHI] = years * spot * share * below_p
    results[VANNA] = -density * dm / volatility


@compiled
def premium_terms(  # noqa: PLR0915 - one pass over the points, a line for each Greek
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
    """Add the premium and its Greeks to the results; the workspace is as `boundary_slopes` left it."""
    use_widest_vectors()
    to_series, nodes, weights = tables[5], tables[6], tables[7]
    n, points = to_series.shape[0], nodes.size
    width = to_series.shape[1]
    moneyness = math.log(spot / limit_at_expiry(rate, dividend_yield))
    place_points((moneyness + h[n - 1]) / volatility, years, nodes, weights, work)
    series_of(h, to_series, work)
    for k in range(PARAMETERS):
        for block in range(0, width, LANES):
            weighted_rows(
                work, _SLOPE_SERIES + 64 * k + block, work, SLOPES + MAX_NODES * k, n, to_series, block, width
            )
    for base in range(0, points, LANES):
        polynomial(work, SQUARE + base, work, SERIES, n + 1, COSINE + base)
        for k in range(PARAMETERS):
            polynomial(work, _SLOPE + k * ROW + base, work, _SLOPE_SERIES + 64 * k, n + 1, COSINE + base)
    drift = rate - dividend_yield
    root_years = math.sqrt(years)
    limit = limit_at_expiry(rate, dividend_yield)
    limit_by_rate = limit_slope(1, rate, dividend_yield)
    limit_by_yield = limit_slope(2, rate, dividend_yield)
    by_spot, by_volatility = 1.0 / spot, 1.0 / volatility
    for base in range(0, points, LANES):
        tile = work[base : base + GREEKS_WORKSPACE]
        for m in range(LANES):
            there = math.sqrt(max(tile[SQUARE + m], SMALLEST))
            over_there = 1.0 / there
            boundary = limit * exp(-there)
            root = root_years * tile[SINE + m]
            s = volatility * root
            v = root * root
            over = 1.0 / s
            dm = (moneyness + there + drift * v) * over - 0.5 * s
            dp = dm + s
            pm, qm = mills_fraction(min(abs(dm), 40.0))
            pp, qp = mills_fraction(min(abs(dp), 40.0))
            inverse = DENSITY / (qm * qp)
            density = exp(-0.5 * dm * dm)
            tail_m = density * pm * qp * inverse
            tail_p = exp(-0.5 * dp * dp) * pp * qm * inverse
            below_m = tail_m if dm > 0.0 else 1.0 - tail_m
            below_p = tail_p if dp > 0.0 else 1.0 - tail_p
            discount, share = exp(-rate * v), exp(-dividend_yield * v)
            kernel = discount * density * DENSITY * over
            paid = dividend_yield * boundary * kernel
            pull = rate * kernel - paid  # by the logarithm of the boundary
            w = tile[WEIGHT + m]
            by_sigma = -tile[_SLOPE + m] * over_there
            by_rate = limit_by_rate - tile[_SLOPE + ROW + m] * over_there
            by_yield = limit_by_yield - tile[_SLOPE + 2 * ROW + m] * over_there
            strike_part, spot_part = discount * below_m, spot * share * below_p
            tile[_OUT + PRICE * ROW + m] = w * (rate * strike_part - dividend_yield * spot_part)
            tile[_OUT + DELTA * ROW + m] = w * (-pull * by_spot - dividend_yield * share * below_p)
            tile[_OUT + GAMMA * ROW + m] = w * (pull * (1.0 + dm * over) + paid) * by_spot * by_spot
            tile[_OUT + VEGA * ROW + m] = w * (root * (rate * kernel * dp - paid * dm) + pull * by_sigma)
            tile[_OUT + RHO * ROW + m] = w * (strike_part * (1.0 - rate * v) + pull * (by_rate - v))
            tile[_OUT + PHI * ROW + m] = w * (-spot_part * (1.0 - dividend_yield * v) + pull * (by_yield + v))
            mixed = (pull * (dm * dp - 1.0) + paid * s * dm) * by_volatility + pull * dm * over * by_sigma
            tile[_OUT + VANNA * ROW + m] = -w * mixed * by_spot
    blocks = points // LANES
    for k in range(RESULTS):
        if k != THETA:
            results[k] += sum_rows(work, _OUT + k * ROW, blocks)
