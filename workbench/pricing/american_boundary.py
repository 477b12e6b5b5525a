"""The exercise boundary of an American put with one boundary, by collocation and Newton's method.

Strike 1 throughout. The unknowns are h = log(limit of the boundary at expiry / boundary) at the nodes.
"""

import math

import numpy as np

from workbench.arrays import FloatArray
from workbench.pricing.american_vectors import LANES, add_row, sum_rows, weighted_rows
from workbench.pricing.kernels import compiled, exp, fma, log, mills_fraction, use_widest_vectors

_DENSITY = 0.3989422804014327  # 1 / sqrt(2 pi)
_SMALLEST = 1e-14  # of h^2: below it the polynomial has left the side where the boundary is
_LEAP = 2.0  # one step at most doubles or halves h
_DEEPEST = 40.0  # of h: no price sees farther
_ROW = 1024  # most quadrature points of a scheme
_TILE = 32
_MAX_NODES = 32
# Rows of the workspace, one number for each quadrature point: discount factors with their weights, deviation
# to the point and its inverse, the node's h, the polynomial there (squared), and what the integrals need.
_BY_RATE, _BY_YIELD, _DEVIATION, _INVERSE, _HERE, _SQUARE = (_ROW * row for row in range(6))
_N, _D, _SLOPE_N, _SLOPE_D, _PULL_N, _PULL_D = (_ROW * row for row in range(6, 12))
# Rows of the workspace, one number for each node: what expiry contributes, and h squared.
_END_N, _END_D, _END_SLOPE_N, _END_SLOPE_D, _SQUARED = (12 * _ROW + _MAX_NODES * row for row in range(5))
_SYSTEM = _SQUARED + _MAX_NODES  # the matrix, each row followed by a vector of right sides
WORKSPACE = _SYSTEM + _MAX_NODES * (_MAX_NODES + LANES)


@compiled(forceinline=True)
def limit_at_expiry(rate: float, dividend_yield: float) -> float:
    """Return the boundary just before expiry as a share of the strike."""
    return rate / dividend_yield if dividend_yield > rate else 1.0


@compiled(forceinline=True)
def perpetual_boundary(volatility: float, rate: float, dividend_yield: float) -> float:
    """Return the boundary of a put that never expires, as a share of the strike."""
    variance = volatility * volatility
    b = 0.5 - (rate - dividend_yield) / variance
    root = math.sqrt(b * b + 2.0 * rate / variance)
    # The negative solution; written so that nothing cancels.
    beta = b - root if b < 0.0 else -2.0 * rate / (variance * (b + root) + 1e-300)
    return beta / (beta - 1.0)


@compiled
def guess_boundary(
    years: float, volatility: float, rate: float, dividend_yield: float, nodes: FloatArray, h: FloatArray
) -> None:
    """Fill `h` with a first guess between the limit at expiry and the perpetual boundary."""
    use_widest_vectors()
    variance = volatility * volatility
    floor = min(
        max(
            perpetual_boundary(volatility, rate, dividend_yield) / limit_at_expiry(rate, dividend_yield),
            1e-9,
        ),
        0.9999,
    )
    # Close to expiry the boundary leaves strike like the root of t log(1/t) (rate above yield) and its
    # other limit like the root of t.
    steep = dividend_yield <= rate * 1.0001
    gap = max(rate - dividend_yield, 0.03 * rate)
    scale = variance / (8.0 * math.pi * gap * gap * years + 1e-300)
    reach = volatility * math.sqrt(years) / (1.0 - floor)
    for i in range(nodes.size):
        x = nodes[i]
        factor = math.sqrt(log(2.25 + min(scale / (x * x), 1e30))) if steep else 0.9
        h[i] = -log(floor + (1.0 - floor) * exp(-factor * reach * x))


@compiled
def prepare(
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    nodes: FloatArray,
    sines: FloatArray,
    weights: FloatArray,
    work: FloatArray,
) -> None:
    """Fill what depends on the quadrature points but not on the boundary."""
    use_widest_vectors()
    points = sines.size
    total = volatility * math.sqrt(years)
    for i in range(nodes.size):
        t = years * nodes[i] * nodes[i]
        for k in range(points):
            p = i * points + k
            work[_SQUARE + p] = t * sines[k] * sines[k]
            work[_BY_RATE + p] = weights[k] * t * rate
            work[_BY_YIELD + p] = weights[k] * t * dividend_yield
            work[_DEVIATION + p] = total * nodes[i] * sines[k]
    for base in range(0, nodes.size * points, _TILE):
        tile = work[base : base + 12 * _ROW]
        for m in range(_TILE):
            v = tile[_SQUARE + m]
            tile[_BY_RATE + m] *= exp(-rate * v)
            tile[_BY_YIELD + m] *= exp(-dividend_yield * v)
            tile[_INVERSE + m] = 1.0 / tile[_DEVIATION + m]


@compiled
def interpolate(by_node: FloatArray, h: FloatArray, work: FloatArray) -> None:
    """Fill the square of the boundary's logarithm at every quadrature point, and that of its node."""
    n, points = by_node.shape[0], by_node.shape[2]
    for i in range(n):
        work[_SQUARED + i] = h[i] * h[i]
    for i in range(n):
        at = i * points
        here = work[_HERE + at : _HERE + at + points]
        for k in range(points):
            here[k] = h[i]
        for block in range(0, points, LANES):
            weighted_rows(work, _SQUARE + at + block, work, _SQUARED, n, by_node, n * at + block, points)


@compiled
def integrands(count: int, lean: float, work: FloatArray) -> None:
    """Fill the terms of both integrals, and their derivatives, at every quadrature point."""
    use_widest_vectors()
    for base in range(0, count, _TILE):
        tile = work[base : base + 12 * _ROW]
        for m in range(_TILE):
            square = tile[_SQUARE + m]
            there = math.sqrt(max(square, _SMALLEST))
            s = tile[_DEVIATION + m]
            over = tile[_INVERSE + m]
            dm = fma(there - tile[_HERE + m], over, lean * s)
            dp = dm + s
            pm = exp(-0.5 * dm * dm) * over * (_DENSITY * tile[_BY_RATE + m])
            ep = exp(-0.5 * dp * dp) * _DENSITY
            p, q = mills_fraction(min(abs(dp), 40.0))
            tail = ep * (p / q)
            cdf = tail if dp < 0.0 else 1.0 - tail
            eq = tile[_BY_YIELD + m]
            pp = eq * ep * over
            dn = -pm * dm * over
            dd = pp * (1.0 - dp * over)
            pull = 1.0 / there if square > _SMALLEST else 0.0
            tile[_N + m] = pm
            tile[_D + m] = eq * cdf + pp
            tile[_SLOPE_N + m] = dn
            tile[_SLOPE_D + m] = dd
            tile[_PULL_N + m] = dn * pull
            tile[_PULL_D + m] = dd * pull


@compiled
def expiry_terms(
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    nodes: FloatArray,
    h: FloatArray,
    work: FloatArray,
) -> None:
    """Fill what expiry itself contributes to both sides at each node, and the derivatives."""
    use_widest_vectors()
    log_limit = math.log(limit_at_expiry(rate, dividend_yield))
    lean = (rate - dividend_yield) / (volatility * volatility) - 0.5
    total = volatility * math.sqrt(years)
    for i in range(nodes.size):
        s = total * nodes[i]
        t = years * nodes[i] * nodes[i]
        dm = (log_limit - h[i]) / s + lean * s
        dp = dm + s
        pm = exp(-0.5 * dm * dm - rate * t) * (_DENSITY / s)
        ep = exp(-0.5 * dp * dp) * _DENSITY
        p, q = mills_fraction(min(abs(dp), 40.0))
        tail = ep * (p / q)
        cdf = tail if dp < 0.0 else 1.0 - tail
        eq = exp(-dividend_yield * t)
        work[_END_N + i] = pm
        work[_END_D + i] = eq * (cdf + ep / s)
        work[_END_SLOPE_N + i] = -pm * dm / s
        work[_END_SLOPE_D + i] = eq * ep / s * (1.0 - dp / s)


@compiled
def newton_step(
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    tables: tuple[FloatArray, ...],
    h: FloatArray,
    work: FloatArray,
) -> float:
    """Move `h` one step of Newton's method; return the largest change of the boundary, relative to its limit.

    The equation is that of smooth pasting (ALO's system A) in logarithms: log B = log(N / D), with all
    derivatives of N and D by the boundary's values at the nodes. `work` is a workspace as `prepare` left it.
    """
    use_widest_vectors()
    nodes, by_node, by_point = tables[0], tables[3], tables[4]
    n, points, width = nodes.size, by_node.shape[2], by_point.shape[2]
    row = width + LANES
    log_limit = math.log(limit_at_expiry(rate, dividend_yield))
    lean = (rate - dividend_yield) / (volatility * volatility) - 0.5
    expiry_terms(years, volatility, rate, dividend_yield, nodes, h, work)
    interpolate(by_node, h, work)
    integrands(n * points, lean, work)
    for i in range(n):
        numerator, denominator = work[_END_N + i], work[_END_D + i]
        slope_n, slope_d = work[_END_SLOPE_N + i], work[_END_SLOPE_D + i]
        at, blocks = i * points, points // LANES
        numerator += sum_rows(work, _N + at, blocks)
        denominator += sum_rows(work, _D + at, blocks)
        slope_n += sum_rows(work, _SLOPE_N + at, blocks)
        slope_d += sum_rows(work, _SLOPE_D + at, blocks)
        # A quotient out of reach of logarithms: pull the node, and let the next step see.
        numerator, denominator = max(numerator, 1e-280), max(denominator, 1e-280)
        by_n, by_d = 1.0 / numerator, 1.0 / denominator
        start = _SYSTEM + i * row
        for p in range(at, at + points):
            work[_N + p] = by_n * work[_PULL_N + p] - by_d * work[_PULL_D + p]
        for block in range(0, width, LANES):
            weighted_rows(work, start + block, work, _N + at, points, by_point, at * width + block, width)
        for j in range(n):
            work[start + j] *= h[j]
        for m in range(LANES):
            work[start + width + m] = 0.0
        work[start + i] += 1.0 - slope_n * by_n + slope_d * by_d
        work[start + width] = log_limit - h[i] - math.log(numerator * by_d)
    solve_system(n, width, work)
    change = 0.0
    for i in range(n):
        old = h[i]
        new = old + work[_SYSTEM + i * row + width]
        new = min(max(new, old / _LEAP), old * _LEAP, _DEEPEST)
        if not new > 0.0:
            new = old
        change = max(change, abs(new - old) * math.exp(-min(new, old)))
        h[i] = new
    return change


@compiled
def solve_system(n: int, width: int, work: FloatArray) -> None:
    """Solve the system in the workspace in place, all eight right sides.

    Without pivots: the boundary at a time depends on its own past little, so the diagonal dominates.
    """
    use_widest_vectors()
    row = width + LANES
    for column in range(n):
        top = _SYSTEM + column * row
        inverse = 1.0 / work[top + column]
        first = column // LANES * LANES
        for r in range(column + 1, n):
            start = _SYSTEM + r * row
            factor = -work[start + column] * inverse
            for block in range(first, row, LANES):
                add_row(work, start + block, factor, work, top + block)
    for back in range(n):
        r = n - 1 - back
        start = _SYSTEM + r * row
        for j in range(r + 1, n):
            factor = -work[start + j]
            below = _SYSTEM + j * row + width
            add_row(work, start + width, factor, work, below)
        inverse = 1.0 / work[start + r]
        for m in range(LANES):
            work[start + width + m] *= inverse


@compiled
def solve_boundary(
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    tables: tuple[FloatArray, ...],
    h: FloatArray,
    work: FloatArray,
    steps: int,
    tolerance: float,
) -> float:
    """Improve `h` until a step changes the boundary by less than `tolerance`; return the last change."""
    prepare(years, volatility, rate, dividend_yield, tables[0], tables[1], tables[2], work)
    change = math.inf
    for _ in range(steps):
        change = newton_step(years, volatility, rate, dividend_yield, tables, h, work)
        if change < tolerance:
            break
    return change


def workspace() -> FloatArray:
    """Return a workspace for the kernels of this file."""
    return np.zeros(WORKSPACE)
