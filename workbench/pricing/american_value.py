"""What early exercise of an American put is worth, given its boundary; strike 1 throughout."""

import math

from workbench.arrays import FloatArray
from workbench.pricing.american_boundary import DENSITY, SMALLEST, WORKSPACE, limit_at_expiry
from workbench.pricing.american_vectors import LANES, polynomial, sum_rows, weighted_rows
from workbench.pricing.kernels import compiled, exp, log, mills_fraction, normal_cdf, use_widest_vectors

_NEAREST = 1e-7  # of the distance to the boundary in deviations, for the layer beside it
ROW = 64  # most points of the premium's integral
SINE, COSINE, WEIGHT, SQUARE, TERM = (WORKSPACE + ROW * row for row in range(5))
SERIES = WORKSPACE + 8 * ROW
PREMIUM_WORKSPACE = SERIES + 64


@compiled(forceinline=True)
def european_put(spot: float, years: float, volatility: float, rate: float, dividend_yield: float) -> float:
    """Return the European put on a strike of 1."""
    s = volatility * math.sqrt(years)
    dp = (log(spot) + (rate - dividend_yield) * years) / s + 0.5 * s
    return exp(-rate * years) * normal_cdf(s - dp) - spot * exp(-dividend_yield * years) * normal_cdf(-dp)


@compiled
def place_points(
    distance: float, years: float, nodes: FloatArray, weights: FloatArray, work: FloatArray
) -> None:
    """Fill the premium's quadrature points, dense where the spot's distance to the boundary calls for it.

    With time to exercise t sin^2, the spot `distance` (log over volatility) from the boundary gives a layer
    of width distance / root(t) in the sine. The half angle's tangent is that width times a hyperbolic sine,
    whose argument carries Gauss's nodes: smooth at every distance.
    """
    use_widest_vectors()
    c = max(0.5 * distance / math.sqrt(years), _NEAREST)
    reach = log(1.0 / c + math.sqrt(1.0 + 1.0 / (c * c)))
    for base in range(0, nodes.size, LANES):
        x, w = nodes[base : base + LANES], weights[base : base + LANES]
        out = work[base : base + SERIES]
        for m in range(LANES):
            e = exp(x[m] * reach)
            inverse = 1.0 / e
            y = 0.5 * c * (e - inverse)
            slope = 0.5 * c * (e + inverse) * reach * w[m]
            share = 1.0 / (1.0 + y * y)
            sine, cosine = 2.0 * y * share, (1.0 - y * y) * share
            out[SINE + m] = sine
            out[COSINE + m] = 2.0 * cosine - 1.0
            out[WEIGHT + m] = 4.0 * years * sine * cosine * share * slope


@compiled
def series_of(h: FloatArray, to_series: FloatArray, work: FloatArray) -> None:
    """Fill the Chebyshev coefficients of the square of the boundary's logarithm."""
    n = to_series.shape[0]
    for i in range(n):
        work[TERM + i] = h[i] * h[i]
    width = to_series.shape[1]
    for block in range(0, width, LANES):
        weighted_rows(work, SERIES + block, work, TERM, n, to_series, block, width)


@compiled
def exercise_premium(
    spot: float,
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    tables: tuple[FloatArray, ...],
    h: FloatArray,
    work: FloatArray,
) -> float:
    """Return what the right to exercise early adds to the European put, for a spot above the boundary."""
    use_widest_vectors()
    to_series, nodes, weights = tables[5], tables[6], tables[7]
    n, points = to_series.shape[0], nodes.size
    moneyness = math.log(spot / limit_at_expiry(rate, dividend_yield))
    place_points((moneyness + h[n - 1]) / volatility, years, nodes, weights, work)
    series_of(h, to_series, work)
    for base in range(0, points, LANES):
        polynomial(work, SQUARE + base, work, SERIES, n + 1, COSINE + base)
    drift = rate - dividend_yield
    total = volatility * math.sqrt(years)
    for base in range(0, points, LANES):
        tile = work[base : base + SERIES]
        for m in range(LANES):
            there = math.sqrt(max(tile[SQUARE + m], SMALLEST))
            sine = tile[SINE + m]
            s = total * sine
            v = years * sine * sine
            dm = (moneyness + there + drift * v) / s - 0.5 * s
            dp = dm + s
            pm, qm = mills_fraction(min(abs(dm), 40.0))
            pp, qp = mills_fraction(min(abs(dp), 40.0))
            inverse = DENSITY / (qm * qp)
            tail_m = exp(-0.5 * dm * dm) * pm * qp * inverse
            tail_p = exp(-0.5 * dp * dp) * pp * qm * inverse
            below_m = tail_m if dm > 0.0 else 1.0 - tail_m
            below_p = tail_p if dp > 0.0 else 1.0 - tail_p
            gain = (
                rate * exp(-rate * v) * below_m - dividend_yield * spot * exp(-dividend_yield * v) * below_p
            )
            tile[TERM + m] = tile[WEIGHT + m] * gain
    premium: float = sum_rows(work, TERM, points // LANES)
    return premium
