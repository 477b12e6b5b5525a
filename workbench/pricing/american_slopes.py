"""How the exercise boundary moves with volatility, rate and yield: the equation differentiated, solved once.

The Jacobian of Newton's method is at hand, so each derivative costs a right side, not another solution.
"""

import math

from workbench.arrays import FloatArray
from workbench.pricing.american_boundary import (
    BY_RATE,
    BY_YIELD,
    DENSITY,
    DEVIATION,
    END_D,
    END_N,
    HERE,
    INVERSE,
    MAX_NODES,
    ROW,
    SMALLEST,
    SQUARE,
    SYSTEM,
    assemble,
    limit_at_expiry,
    solve_system,
)
from workbench.pricing.american_value import PREMIUM_WORKSPACE
from workbench.pricing.american_vectors import LANES, sum_rows
from workbench.pricing.kernels import compiled, exp, mills_fraction, use_widest_vectors

PARAMETERS = 3  # volatility, rate, yield
_TILE = 32
# Rows at the quadrature points: derivatives of N and of D by each parameter, the boundary held.
_POINT = PREMIUM_WORKSPACE
# Rows at the nodes: the same of what expiry contributes, and by the limit at expiry.
_NODE = _POINT + 2 * PARAMETERS * ROW
_LIMIT = _NODE + 2 * PARAMETERS * MAX_NODES
# Half the derivative of h squared at the nodes, by each parameter.
SLOPES = _LIMIT + 2 * MAX_NODES
SLOPES_WORKSPACE = SLOPES + PARAMETERS * MAX_NODES


@compiled
def _point_terms(count: int, volatility: float, rate: float, dividend_yield: float, work: FloatArray) -> None:
    """Fill the derivatives of both integrands by volatility, rate and yield."""
    use_widest_vectors()
    lean = (rate - dividend_yield) / (volatility * volatility) - 0.5
    by_volatility = 1.0 / volatility
    for base in range(0, count, _TILE):
        tile = work[base : base + SLOPES_WORKSPACE]
        for m in range(_TILE):
            there = math.sqrt(max(tile[SQUARE + m], SMALLEST))
            s, over = tile[DEVIATION + m], tile[INVERSE + m]
            root = s * by_volatility
            v = root * root
            dm = (there - tile[HERE + m]) * over + lean * s
            dp = dm + s
            n = exp(-0.5 * dm * dm) * over * (DENSITY * tile[BY_RATE + m])
            ep = exp(-0.5 * dp * dp) * DENSITY
            p, q = mills_fraction(min(abs(dp), 40.0))
            tail = ep * (p / q)
            cdf = tail if dp < 0.0 else 1.0 - tail
            d = tile[BY_YIELD + m]
            pp = d * ep * over
            whole = d * cdf + pp
            slope_n = -rate * n * dm * over
            slope_d = dividend_yield * pp * (1.0 - dp * over)
            bend = dm * dp - 1.0
            tile[_POINT + m] = rate * n * bend * by_volatility
            tile[_POINT + ROW + m] = n * (1.0 - rate * v) + v * slope_n
            tile[_POINT + 2 * ROW + m] = -v * slope_n
            tile[_POINT + 3 * ROW + m] = dividend_yield * pp * (bend - s * dm) * by_volatility
            tile[_POINT + 4 * ROW + m] = v * slope_d
            tile[_POINT + 5 * ROW + m] = whole * (1.0 - dividend_yield * v) - v * slope_d


@compiled
def _expiry_terms(
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    nodes: FloatArray,
    h: FloatArray,
    work: FloatArray,
) -> None:
    """Fill the derivatives of what expiry contributes, and those by the logarithm of the limit at expiry."""
    use_widest_vectors()
    log_limit = math.log(limit_at_expiry(rate, dividend_yield))
    lean = (rate - dividend_yield) / (volatility * volatility) - 0.5
    by_volatility = 1.0 / volatility
    total = volatility * math.sqrt(years)
    for base in range(0, nodes.size, LANES):
        x, here = nodes[base : base + LANES], h[base : base + LANES]
        out = work[base : base + SLOPES_WORKSPACE]
        for m in range(LANES):
            s = total * x[m]
            t = years * x[m] * x[m]
            over = 1.0 / s
            dm = (log_limit - here[m]) * over + lean * s
            dp = dm + s
            n = exp(-0.5 * dm * dm - rate * t) * (DENSITY * over)
            ep = exp(-0.5 * dp * dp) * DENSITY
            p, q = mills_fraction(min(abs(dp), 40.0))
            tail = ep * (p / q)
            cdf = tail if dp < 0.0 else 1.0 - tail
            eq = exp(-dividend_yield * t)
            pp = eq * ep * over
            slope_n, slope_d = -n * dm * over, pp * (1.0 - dp * over)
            bend = dm * dp - 1.0
            out[_NODE + m] = n * bend * by_volatility
            out[_NODE + MAX_NODES + m] = t * (slope_n - n)
            out[_NODE + 2 * MAX_NODES + m] = -t * slope_n
            out[_NODE + 3 * MAX_NODES + m] = pp * (bend - s * dm) * by_volatility
            out[_NODE + 4 * MAX_NODES + m] = t * slope_d
            out[_NODE + 5 * MAX_NODES + m] = -t * (eq * cdf + pp + slope_d)
            out[_LIMIT + m] = slope_n
            out[_LIMIT + MAX_NODES + m] = slope_d


@compiled(forceinline=True)
def limit_slope(parameter: int, rate: float, dividend_yield: float) -> float:
    """Return the derivative of the logarithm of the limit at expiry: by volatility, rate or yield."""
    if parameter == 0 or dividend_yield <= rate:
        return 0.0
    return 1.0 / rate if parameter == 1 else -1.0 / dividend_yield


@compiled
def boundary_slopes(
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    tables: tuple[FloatArray, ...],
    h: FloatArray,
    work: FloatArray,
) -> None:
    """Fill half the derivatives of h squared by volatility, rate and yield, at a boundary that is solved."""
    n, points, width = tables[3].shape[0], tables[3].shape[2], tables[4].shape[2]
    row, blocks = width + LANES, points // LANES
    assemble(years, volatility, rate, dividend_yield, tables, h, work)
    _point_terms(n * points, volatility, rate, dividend_yield, work)
    _expiry_terms(years, volatility, rate, dividend_yield, tables[0], h, work)
    for i in range(n):
        by_n, by_d = work[END_N + i], work[END_D + i]
        limit = by_n * work[_LIMIT + i] - by_d * work[_LIMIT + MAX_NODES + i] - 1.0
        for k in range(PARAMETERS):
            numerator = work[_NODE + k * MAX_NODES + i]
            numerator += sum_rows(work, _POINT + k * ROW + i * points, blocks)
            denominator = work[_NODE + (PARAMETERS + k) * MAX_NODES + i]
            denominator += sum_rows(work, _POINT + (PARAMETERS + k) * ROW + i * points, blocks)
            error = by_n * numerator - by_d * denominator
            error += limit * limit_slope(k, rate, dividend_yield)
            work[SYSTEM + i * row + width + k] = -error
    solve_system(n, width, work)
    for k in range(PARAMETERS):
        for i in range(n):
            work[SLOPES + k * MAX_NODES + i] = work[SYSTEM + i * row + width + k]
